package payout

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
)

// HurryTerms are what an operator may choose so that a transaction is mined sooner, in base units of Asset.
type HurryTerms struct {
	Transaction Transaction
	Asset       chain.AssetID // the network's own coin
	// Bump reports that the transaction stays as it is, and another one, which the operator pays, spends its change: then the
	// fees below are what that costs beside Present. Otherwise its next version has the fee in place of Present.
	Bump     bool
	Present  *big.Int // the fee of the newest version
	Least    *big.Int // that makes a difference
	Proposed *big.Int // what the network asks for at present, within the bounds
	Greatest *big.Int // what is reserved, or configured
}

// Costs returns what the fee costs more than the present one.
func (h HurryTerms) Costs(fee *big.Int) *big.Int {
	if h.Bump {
		return new(big.Int).Set(fee)
	}
	return new(big.Int).Sub(fee, h.Present)
}

// HurryTerms returns what an operator may choose so that a transaction is mined sooner. It asks the network and stores
// nothing. It returns ErrNotUnderWay for a transaction that no choice helps, ErrNoReplacement where the network has neither
// replacements nor bumps, ErrNoCoins when the coins for it are missing, ErrStopped, and a [FeeError] when even the least fee
// exceeds the greatest.
func (s *Service) HurryTerms(ctx context.Context, id string) (HurryTerms, error) {
	h, err := s.hurry(ctx, id)
	if err != nil {
		return HurryTerms{}, fmt.Errorf("payout: hurry transaction %s: %w", id, err)
	}
	return h.terms, nil
}

// Hurry chooses the fee of the next version of a transaction that no block has or, where the network takes no other version,
// that of a bump which pays for it. The process that has the network's duty makes, stores, signs and sends it like one that
// it makes by itself. The same choice again changes nothing, also once it was followed. A fee outside of the bounds of
// [Service.HurryTerms] is refused with a [FeeError], and one that the operator's float cannot pay with an
// [InsufficientError]; the other refusals are those of HurryTerms. What becomes impossible before it is done lapses, and
// the payouts of the transaction say why.
func (s *Service) Hurry(ctx context.Context, id string, fee *big.Int, actor string) (Transaction, error) {
	if err := checkNote(actor, ""); err != nil {
		return Transaction{}, fmt.Errorf("payout: hurry transaction %s: %w", id, err)
	}
	var t Transaction
	err := ErrConflict
	for n := 0; n < attempts && errors.Is(err, ErrConflict); n++ {
		t, err = s.hurryOnce(ctx, id, fee, actor)
	}
	if err != nil {
		return Transaction{}, fmt.Errorf("payout: hurry transaction %s: %w", id, err)
	}
	return t, nil
}

func (s *Service) hurryOnce(ctx context.Context, id string, fee *big.Int, actor string) (Transaction, error) {
	if t, done, err := s.hurried(ctx, id, fee); err != nil || done {
		return t, err
	}
	h, err := s.hurry(ctx, id)
	if err != nil {
		return Transaction{}, err
	}
	t := h.terms.Transaction
	if t.chosen(fee) { // meanwhile
		return t, nil
	}
	if err := h.bounds().check(fee); err != nil {
		return Transaction{}, err
	}
	t.Hurry = &Hurry{Fee: new(big.Int).Set(fee), At: s.now(), Actor: actor}
	if err := h.trial(ctx, t, h.terms.Bump); err != nil {
		return Transaction{}, err
	}
	t.Version++
	if err := s.commit(ctx, Batch{Transactions: []Transaction{t}}); err != nil {
		return Transaction{}, err
	}
	s.log.Info("a transaction is hurried", "transaction", id, "fee", fee, "actor", actor)
	s.hint()
	return t, nil
}

// hurried reports whether the transaction, or its bump, has the choice already.
func (s *Service) hurried(ctx context.Context, id string, fee *big.Int) (Transaction, bool, error) {
	t, err := s.cfg.Store.Transaction(ctx, id)
	if err != nil || t.chosen(fee) {
		return t, err == nil, err
	}
	if t.Child == "" {
		return t, false, nil
	}
	child, err := s.cfg.Store.Transaction(ctx, t.Child)
	if err != nil {
		return t, false, fmt.Errorf("read transaction %s: %w", t.Child, err)
	}
	return t, child.Stage.Open() && child.chosen(fee), nil
}

// hurrying is a transaction that may be hurried, and on what terms.
type hurrying struct {
	*round
	d     decision
	waits bool // what was chosen before
	terms HurryTerms
}

// hurry reads whether a transaction can be hurried. It makes trials, and nothing of what they return.
func (s *Service) hurry(ctx context.Context, id string) (*hurrying, error) {
	t, err := s.cfg.Store.Transaction(ctx, id)
	if err != nil {
		return nil, err
	}
	n := s.networks[t.Network]
	if n == nil {
		return nil, fmt.Errorf("%w: %s", ErrNetwork, t.Network)
	}
	r := &round{Service: s, n: n}
	if err := r.heed(ctx); err != nil {
		return nil, err
	}
	if r.stopped {
		return nil, fmt.Errorf("%w: %s", ErrStopped, n.id)
	}
	f, err := r.facts(ctx, t)
	if err != nil {
		return nil, err
	}
	if why := f.unhurried(); why != "" {
		return nil, fmt.Errorf("%w: it %s", ErrNotUnderWay, why)
	}
	if !t.Last().Expires.IsZero() {
		return nil, fmt.Errorf("%w: it ends by itself at %s", ErrNoReplacement, t.Last().Expires.UTC().Format("15:04:05"))
	}
	h := &hurrying{round: r, d: decision{tx: t, payouts: f.payouts}, waits: f.hurries()}
	h.terms = HurryTerms{Transaction: t, Asset: n.Spender.FeeAsset(), Present: t.Last().Fee}
	return h, h.find(ctx)
}

// boundless is more than any fee.
var boundless = new(big.Int).Lsh(big.NewInt(1), 120)

// find sets the terms: those of another version, or of a bump where that is not possible or too dear.
func (h *hurrying) find(ctx context.Context) error {
	least, why := h.fee(ctx, false, big.NewInt(1))
	if why == nil {
		h.set(least, h.greatest(h.d))
		if why = h.bounds().check(h.terms.Least); why == nil {
			return h.propose(ctx)
		}
	} else if !errors.Is(why, ErrNoReplacement) {
		return why
	}
	bump, err := h.fee(ctx, true, big.NewInt(1))
	if errors.Is(err, errNoBump) || errors.Is(err, ErrNoReplacement) {
		return why
	}
	if err != nil {
		return err
	}
	h.terms.Bump = true
	h.set(bump, h.mostBump(h.d))
	if err := h.bounds().check(h.terms.Least); err != nil {
		return err
	}
	return h.propose(ctx)
}

// set sets the bounds. What was chosen before, and waits, can only be raised.
func (h *hurrying) set(least, greatest *big.Int) {
	if was := h.terms.Transaction.Hurry; h.waits {
		least = larger(least, new(big.Int).Add(was.Fee, big.NewInt(1)))
	}
	h.terms.Least, h.terms.Greatest = least, greatest
}

func (h *hurrying) bounds() bounds { return bounds{h.terms.Asset, h.terms.Least, h.terms.Greatest} }

// propose sets the fee that the network asks for at present.
func (h *hurrying) propose(ctx context.Context) error {
	fee, err := h.fee(ctx, h.terms.Bump, nil)
	switch {
	case errors.Is(err, ErrFeeTooHigh):
		fee = h.terms.Greatest
	case errors.Is(err, ErrNoCoins), errors.Is(err, ErrNoReplacement):
		fee = h.terms.Least
	case err != nil:
		return err
	}
	h.terms.Proposed = h.bounds().within(fee)
	return nil
}

// fee returns the fee of the next version, or of a bump, with a chosen fee or with what the network asks for.
func (h *hurrying) fee(ctx context.Context, bump bool, chosen *big.Int) (*big.Int, error) {
	t := h.terms.Transaction
	if t.Hurry = nil; chosen != nil {
		t.Hurry = &Hurry{Fee: chosen}
	}
	v, err := h.attempt(ctx, t, bump, boundless)
	return v.Fee, err
}

// trial returns why the transaction cannot have what was chosen for it, or nil.
func (h *hurrying) trial(ctx context.Context, t Transaction, bump bool) error {
	if bump {
		if err := h.floatHas(ctx, t.Hurry.Fee); err != nil {
			return err
		}
	}
	_, err := h.attempt(ctx, t, bump, t.Hurry.Fee)
	return err
}

// attempt returns what the spender would make.
func (h *hurrying) attempt(ctx context.Context, t Transaction, bump bool, most *big.Int) (Version, error) {
	w := trialWallet{h.wallet()}
	if !bump {
		v, err := h.n.Spender.Replace(ctx, w, t, most)
		if err != nil {
			return Version{}, fmt.Errorf("replace: %w", err)
		}
		return v, nil
	}
	if h.mostBump(h.d).Sign() <= 0 {
		return Version{}, errNoBump
	}
	plan, err := h.planBump(ctx, w, t, most)
	return plan.Version, err
}

// floatHas returns an InsufficientError if the operator's float has less than a bump reserves.
func (h *hurrying) floatHas(ctx context.Context, units *big.Int) error {
	float := Account{Kind: Float, Asset: h.terms.Asset}
	balances, err := h.cfg.Store.Balances(ctx, "")
	if err != nil {
		return fmt.Errorf("read balances: %w", err)
	}
	has := new(big.Int)
	for _, b := range balances {
		if b.Account == float {
			has = b.Units
		}
	}
	if has.Cmp(units) < 0 {
		return &InsufficientError{Account: float, Balance: has, Needed: units}
	}
	return nil
}

// trialWallet is a wallet for what is never made: it takes no numbers.
type trialWallet struct{ Wallet }

// Number implements [Wallet].
func (trialWallet) Number(context.Context, string) (uint32, error) { return 0, nil }
