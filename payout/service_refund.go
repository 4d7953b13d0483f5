package payout

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// RefundRequest asks to give back what an invoice brought.
type RefundRequest struct {
	Project string // required, like Key, which is as in [Request]
	Key     string
	Invoice string        // id of the project's invoice; required
	Asset   chain.AssetID // what came in; empty means the asset of its quote
	// Units is the amount in the asset's own unit; zero means everything that is left, or with Over everything beyond
	// what was due.
	Units decimal.Decimal
	Over  bool
	// From is the account that it comes from: Held or Available. Empty means what is held, if there is any, else what is
	// available.
	From AccountKind
	// FeeIncluded takes the greatest fee out of the amount, if both come from the available balance in the same asset. What
	// is held is given back whole.
	FeeIncluded bool
	// To is the receiver, as the payer named it. If it is empty, the payer names it with the claim's token.
	To string
	// Window is how long the claim is open; 0 means 30 days.
	Window                                        time.Duration
	Name, Comment, CallbackURL, Format, Requester string
}

// Refund reserves a refund of an invoice: at most what the ledger says came in and was not refunded. Money that was held
// (late, too little, in another asset, after the end) is refunded from what is held, all else from the project's
// available balance, one of them in each refund. Without a receiver it returns the token of a claim, with which the payer
// names one; the token is not stored and cannot be had again. A refund that failed, or was cancelled, in a transaction counts as
// refunded until that is buried: a reorganisation may pay it after all. Refusals are those of [Service.Request], and
// [ErrNothingLeft].
func (s *Service) Refund(ctx context.Context, r RefundRequest) (p Payout, token string, err error) {
	for range attempts {
		p, token, err = s.refund(ctx, r)
		if !errors.Is(err, ErrConflict) {
			break
		}
	}
	if err != nil {
		return Payout{}, "", fmt.Errorf("payout: refund: %w", err)
	}
	return p, token, nil
}

// Credit returns what the ledger has of the project's invoice, or the zero Credit if nothing. It returns ErrNotFound when
// the project has no such invoice.
func (s *Service) Credit(ctx context.Context, project, invoiceID string) (Credit, error) {
	if _, err := s.refunded(ctx, project, invoiceID); err != nil {
		return Credit{}, fmt.Errorf("payout: credit: %w", err)
	}
	credit, err := s.cfg.Store.Credit(ctx, invoiceID)
	if err != nil {
		return Credit{}, fmt.Errorf("payout: credit: %w", err)
	}
	return credit, nil
}

// QuoteRefund returns the refund that [Service.Refund] would make now, and stores nothing: what would be given back, from
// which account, and what would be reserved for the fee. It needs no Key, and checks the receiver only if there is one. It
// does not look at balances, limits or policies. Its other refusals are those of Refund.
func (s *Service) QuoteRefund(ctx context.Context, r RefundRequest) (Payout, error) {
	p, err := s.quoteRefund(ctx, r)
	if err != nil {
		return Payout{}, fmt.Errorf("payout: quote refund: %w", err)
	}
	return p, nil
}

func (s *Service) quoteRefund(ctx context.Context, r RefundRequest) (Payout, error) {
	if err := r.checkUnits(); err != nil {
		return Payout{}, err
	}
	inv, err := s.refunded(ctx, r.Project, r.Invoice)
	if err != nil {
		return Payout{}, err
	}
	n, p, _, err := s.readRefund(ctx, r, inv)
	if err == nil && r.To != "" {
		err = s.receiver(ctx, n, &p, r.To)
	}
	return p, err
}

// checkUnits refuses an amount that cannot be paid. None is everything that is left.
func (r RefundRequest) checkUnits() error {
	if r.Units.IsZero() {
		return nil
	}
	return checkUnits(r.Units)
}

// readRefund returns the refund as a payout by what the ledger has of the invoice, which it returns too.
func (s *Service) readRefund(ctx context.Context, r RefundRequest, inv invoice.Invoice) (*network, Payout, Credit, error) {
	if r.Asset == "" && inv.Quote != nil {
		r.Asset = inv.Quote.Asset.ID
	}
	credit, err := s.cfg.Store.Credit(ctx, inv.ID)
	if err != nil {
		return nil, Payout{}, Credit{}, err
	}
	n, p, err := s.refundDraft(r, inv, credit)
	return n, p, credit, err
}

// refunded returns the project's invoice, or ErrNotFound.
func (s *Service) refunded(ctx context.Context, project, id string) (invoice.Invoice, error) {
	inv, err := s.cfg.Invoices.Invoice(ctx, id)
	if err == nil && inv.Project != project {
		err = ErrNotFound
	}
	if err != nil {
		return invoice.Invoice{}, fmt.Errorf("invoice %s: %w", id, err)
	}
	return inv, nil
}

func (s *Service) refund(ctx context.Context, r RefundRequest) (Payout, string, error) {
	if err := s.checkTexts(r.request()); err != nil {
		return Payout{}, "", err
	}
	if err := r.checkUnits(); err != nil {
		return Payout{}, "", err
	}
	inv, err := s.refunded(ctx, r.Project, r.Invoice)
	if err != nil {
		return Payout{}, "", err
	}
	if stored, err := s.refundReplay(ctx, r); err == nil || !errors.Is(err, ErrNotFound) {
		return stored, "", err
	}
	n, p, credit, err := s.readRefund(ctx, r, inv)
	if err != nil {
		if stored, again := s.refundReplay(ctx, r); again == nil { // the same request took what was left meanwhile
			return stored, "", nil
		}
		return Payout{}, "", err
	}
	token := ""
	if r.To == "" {
		token = s.openClaim(&p, r.Window)
	} else if err := s.receiver(ctx, n, &p, r.To); err != nil {
		return Payout{}, "", err
	}
	var b Batch
	addRefund(&b, credit, p, 1)
	p, err = s.insert(ctx, p, &b)
	return p, token, err
}

// request returns the refund as a request to pay.
func (r RefundRequest) request() Request {
	return Request{
		Project: r.Project, Key: r.Key, Kind: KindPayout, Asset: r.Asset, To: r.To, Units: r.Units, Name: r.Name, Comment: r.Comment,
		CallbackURL: r.CallbackURL, Format: r.Format, Requester: r.Requester,
	}
}

// asked returns what the request says of the amount, by which it is recognised.
func (r RefundRequest) asked() string {
	amount := "everything"
	if !r.Units.IsZero() {
		amount = r.Units.String()
	}
	if r.Over {
		amount += ", beyond what was due"
	}
	if r.From != "" {
		amount += ", from " + string(r.From)
	}
	if r.FeeIncluded {
		amount += ", fee included"
	}
	return amount
}

// refundReplay returns the refund that is stored under the key, or ErrNotFound.
func (s *Service) refundReplay(ctx context.Context, r RefundRequest) (Payout, error) {
	stored, err := s.cfg.Store.PayoutBy(ctx, Reference{Project: r.Project, Key: r.Key})
	if err != nil {
		return Payout{}, err
	}
	same := stored.Kind == KindRefund && stored.Invoice == r.Invoice && (r.Asset == "" || stored.Asset.ID == r.Asset) &&
		stored.AskedUnits == r.asked() && stored.says(r.request()) &&
		(r.To == "" && stored.ClaimHash != "" || stored.ClaimHash == "" && stored.goesTo(r.To))
	if !same {
		return Payout{}, &KeyError{Key: r.Key, Payout: stored.ID}
	}
	return stored, nil
}

// refundDraft returns the refund as a payout, or why there is none.
func (s *Service) refundDraft(r RefundRequest, inv invoice.Invoice, credit Credit) (*network, Payout, error) {
	left := credit.Refundable(r.Asset)
	if r.Over && inv.Quote != nil && inv.Quote.Asset.ID == r.Asset {
		left = credit.Over(r.Asset, inv.Quote.Due)
	}
	if r.From != "" && r.From != Held && r.From != Available {
		return nil, Payout{}, refuse("From", string(r.From), "must be held or available")
	}
	n := s.networks[r.Asset.Network()]
	if n == nil {
		return nil, Payout{}, fmt.Errorf("%w: %s", ErrNetwork, r.Asset)
	}
	a, has := n.assets[r.Asset]
	if !has {
		return nil, Payout{}, refuse("Asset", string(r.Asset), "is not configured")
	}
	source, most := credit.source(r.Asset, r.From, left)
	if left.Sign() <= 0 || most.Sign() <= 0 {
		return nil, Payout{}, ErrNothingLeft
	}
	asked := r.asked()
	if r.Units.IsZero() {
		r.Units = a.Decimal(most)
	}
	_, p, err := s.draft(r.request())
	if err != nil {
		return nil, Payout{}, err
	}
	p.AskedUnits = asked
	if p.Units.Cmp(most) > 0 {
		return nil, Payout{}, refuse("Units", r.Units.String(), fmt.Sprintf("exceeds what is left to be refunded at once, %s", a.Decimal(most)))
	}
	p.Kind, p.Invoice, p.Source = KindRefund, inv.ID, source
	if n.setFee(&p, a); p.Payer == source && source.Kind == Held { // what is held is the payer's: no fee is taken from it
		p.Payer = Account{r.Project, Available, p.FeeAsset}
	}
	if r.FeeIncluded && p.Payer == source {
		if p.Units.Sub(p.Units, p.Fee); p.Units.Sign() <= 0 {
			return nil, Payout{}, refuse("Units", r.Units.String(), "does not exceed the greatest fee")
		}
	}
	return n, p, nil
}

// source returns the account that a refund comes from and how much of it there is: the wanted one, or what is held first.
func (c Credit) source(asset chain.AssetID, wanted AccountKind, left *big.Int) (Account, *big.Int) {
	held := new(big.Int).Sub(orZero(c.Received[asset]), orZero(c.Own[asset]))
	held.Sub(held, orZero(c.RefundedHeld[asset]))
	kind, most := Held, held
	if wanted == Available || wanted == "" && held.Sign() <= 0 {
		kind, most = Available, new(big.Int).Sub(orZero(c.Own[asset]), orZero(c.RefundedOwn[asset]))
	}
	if most.Cmp(left) > 0 {
		most = left
	}
	return Account{c.Project, kind, asset}, most
}

// addRefund adds to a batch that the invoice's credit has a refund more, or with sign -1 one less.
func addRefund(b *Batch, c Credit, p Payout, sign int64) {
	units := new(big.Int).Mul(p.Units, big.NewInt(sign))
	sums := &c.RefundedOwn
	if p.Source.Kind == Held {
		sums = &c.RefundedHeld
	}
	copied := map[chain.AssetID]*big.Int{}
	for asset, n := range *sums {
		copied[asset] = new(big.Int).Set(n)
	}
	addTo(copied, p.Asset.ID, units)
	*sums = copied
	c.Version++
	b.Credits = append(b.Credits, c)
}

// unrefund takes a refund that ended unpaid off its invoice's credit (sign 1), or puts it back (sign -1).
func (s *Service) unrefund(ctx context.Context, b *Batch, p Payout, sign int64) error {
	if p.Kind != KindRefund {
		return nil
	}
	for i, c := range b.Credits { // several refunds of one invoice in one transaction
		if c.Invoice == p.Invoice {
			b.Credits = append(b.Credits[:i], b.Credits[i+1:]...)
			c.Version--
			addRefund(b, c, p, -sign)
			return nil
		}
	}
	c, err := s.cfg.Store.Credit(ctx, p.Invoice)
	if err != nil {
		return fmt.Errorf("read the credit of invoice %s: %w", p.Invoice, err)
	}
	addRefund(b, c, p, -sign)
	return nil
}

// openClaim makes the payout wait for its receiver, and returns the token with which the payer names it.
func (s *Service) openClaim(p *Payout, window time.Duration) (token string) {
	orDefault(&window, 30*24*time.Hour)
	token = base64.RawURLEncoding.EncodeToString(s.random(32))
	p.ClaimHash, p.ClaimUntil = hashClaim(token), p.CreatedAt.Add(window)
	return token
}

func hashClaim(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Claimed returns the refund that a claim's token belongs to, for the payer's page. It returns ErrClaimed if there is
// none, or its time is over.
func (s *Service) Claimed(ctx context.Context, token string) (Payout, error) {
	p, err := s.cfg.Store.PayoutBy(ctx, Reference{ClaimHash: hashClaim(token)})
	if errors.Is(err, ErrNotFound) || err == nil && p.To == "" && s.now().After(p.ClaimUntil) {
		return Payout{}, fmt.Errorf("payout: claim: %w", ErrClaimed)
	}
	if err != nil {
		return Payout{}, fmt.Errorf("payout: claim: %w", err)
	}
	return p, nil
}

// Claim names the receiver of a refund, once. It returns ErrClaimed if the claim is not open, and refuses a receiver as
// [Service.Request] does.
func (s *Service) Claim(ctx context.Context, token, to string) (Payout, error) {
	p, err := s.Claimed(ctx, token)
	if err != nil {
		return Payout{}, err
	}
	n := s.networks[p.Asset.ID.Network()]
	if n == nil {
		return Payout{}, fmt.Errorf("payout: claim: %w: %s", ErrNetwork, p.Asset.ID)
	}
	before := p
	if p.State.Status != StatusRequested || p.To != "" {
		return Payout{}, fmt.Errorf("payout: claim: %w", ErrClaimed)
	}
	if err := s.receiver(ctx, n, &p, to); err != nil {
		return Payout{}, fmt.Errorf("payout: claim: %w", err)
	}
	now := s.now()
	p = p.with(Action{Kind: ActionReceive, At: now})
	p.State = await(p, now)
	var b Batch
	if p, err = s.put(ctx, &b, before, p, ""); err == nil {
		err = s.commit(ctx, b)
	}
	if errors.Is(err, ErrConflict) { // somebody else was first, or it ended meanwhile
		err = ErrClaimed
	}
	if err != nil {
		return Payout{}, fmt.Errorf("payout: claim: %w", err)
	}
	s.hint()
	return p, nil
}
