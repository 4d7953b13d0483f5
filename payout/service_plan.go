package payout

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/cointill/cointill/chain"
)

const (
	maxPlans    = 64   // transactions planned in one round
	maxQueued   = 1000 // payouts that a plan chooses from
	leastTried  = 100  // payouts of a queue that every spender tries
	maxSwept    = 16   // sweeps begun in one round
	maxWeighed  = 200  // holdings that a round asks the spender about
	sweepPages  = 10   // pages of holdings that a round looks through for them
	holdingPage = 1000
)

// planAll plans transactions for what is queued, and begins each of them.
func (r *round) planAll(ctx context.Context) error {
	queued, err := r.queued(ctx)
	for range maxPlans {
		if err != nil || len(queued) == 0 || r.stopped || ctx.Err() != nil {
			return err
		}
		if queued, err = r.plan(ctx, queued); errors.Is(err, ErrConflict) { // one of them was cancelled meanwhile
			queued, err = r.queued(ctx)
		}
	}
	return err
}

// plan plans, stores and begins one transaction. It returns the payouts that may get another one in this round.
func (r *round) plan(ctx context.Context, queued []Payout) ([]Payout, error) {
	if err := r.heed(ctx); err != nil || r.stopped {
		return nil, err
	}
	turn, err := r.turn(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := r.n.Spender.Plan(ctx, r.wallet(), queued)
	if err != nil {
		return nil, r.unplanned(ctx, queued, err)
	}
	if len(plan.Refused) > 0 {
		if err := r.fail(ctx, queued, plan.Refused); err != nil {
			return nil, err
		}
	}
	if len(plan.Payouts) == 0 {
		return without(queued, plan), nil
	}
	t, err := r.claim(ctx, plan, queued, turn)
	if err != nil {
		return nil, err
	}
	if err := r.advance(ctx, *t); err != nil {
		return nil, fmt.Errorf("payout: transaction %s: %w", t.ID, err)
	}
	return without(queued, plan), nil
}

// without returns the payouts that the plan does not concern; none for a plan that concerns nothing.
func without(queued []Payout, plan Plan) []Payout {
	left := slices.DeleteFunc(slices.Clone(queued), func(p Payout) bool {
		_, refused := plan.Refused[p.ID]
		return refused || slices.Contains(plan.Payouts, p.ID)
	})
	if len(left) == len(queued) {
		return nil
	}
	return left
}

// unplanned stores why nothing can be planned. Others are tried first in the next round, because a spender does not try
// all of a long queue. That somebody else uses the network's key stops it.
func (r *round) unplanned(ctx context.Context, queued []Payout, why error) error {
	r.n.turn.Add(leastTried)
	var refused *RefusedError
	switch {
	case errors.Is(why, ErrNoCoins), errors.Is(why, ErrFeeTooHigh):
		return r.reasons(ctx, queued, reasonOf(why), why.Error())
	case !errors.As(why, &refused):
		return fmt.Errorf("payout: plan: %w", why)
	case refused.Code != RefusedStopped:
		return r.reasons(ctx, queued, ReasonRefused, refused.Error())
	}
	b := Batch{Fence: r.fence}
	if err := r.stopBy(ctx, &b, refused.Error()); err != nil {
		return err
	}
	r.log.Error("money out needs a person", "network", r.n.id, "reason", refused.Error())
	return r.commit(ctx, b)
}

// queued returns the payouts that may get a transaction now, the oldest first, unless those cannot be paid at present; none
// while they wait for others to share it.
func (r *round) queued(ctx context.Context) ([]Payout, error) {
	var out []Payout
	q := Query{Network: r.n.id, Status: StatusQueued, Oldest: true, Limit: maxQueued}
	for len(out) < maxQueued {
		page, err := r.cfg.Store.Payouts(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("payout: read what is queued: %w", err)
		}
		for _, p := range page.Payouts {
			if _, configured := r.n.assets[p.Asset.ID]; configured && p.ready(r.now()) && len(out) < maxQueued {
				out = append(out, p)
			}
		}
		if q.Before = page.Next; q.Before == "" {
			break
		}
	}
	if len(out) == 0 || r.now().Sub(out[0].CreatedAt) < r.n.BatchWait {
		return nil, nil
	}
	first := int(r.n.turn.Load()) % ((len(out) + leastTried - 1) / leastTried * leastTried)
	if first >= len(out) {
		first = 0
	}
	return slices.Concat(out[first:], out[:first]), nil
}

// fail ends payouts that the network can never pay.
func (r *round) fail(ctx context.Context, queued []Payout, refused map[string]string) error {
	b := Batch{Fence: r.fence}
	for _, p := range queued {
		why, has := refused[p.ID]
		if !has {
			continue
		}
		after := p
		after.State.Status, after.State.Reason, after.State.Detail, after.State.EndAt = StatusFailed, ReasonRefused, why, r.now()
		b.Entries = append(b.Entries, voidEntry(p, r.now()))
		if _, err := r.keepPayout(ctx, &b, p, after, Transaction{}, Transaction{}, ""); err != nil {
			return err
		}
	}
	if err := r.commit(ctx, b); err != nil {
		return fmt.Errorf("payout: store what cannot be paid: %w", err)
	}
	return nil
}

// claim stores a planned transaction: its payouts and its locks are its own from then on.
func (r *round) claim(ctx context.Context, plan Plan, queued []Payout, turn Document) (*Transaction, error) {
	now := r.now()
	t := Transaction{
		ID: r.newID(now), Network: r.n.id, Purpose: PurposePay, Lane: plan.Lane, Anchor: plan.Anchor, Payouts: plan.Payouts,
		Versions: []Version{plan.Version}, Stage: StagePlanned, Mined: -1, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	b := Batch{Transactions: []Transaction{t}, Locks: t.lockList(), Documents: []Document{turn.taken(t)}, Fence: r.fence}
	for _, id := range plan.Payouts {
		i := slices.IndexFunc(queued, func(p Payout) bool { return p.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("payout: plan: the spender pays %s, which it was not asked for", id)
		}
		after := queued[i]
		after.State.Transaction, after.State.Reason, after.State.Detail = t.ID, "", ""
		if _, err := r.put(ctx, &b, queued[i], after, ""); err != nil {
			return nil, err
		}
	}
	if err := r.commit(ctx, b); err != nil {
		return nil, fmt.Errorf("payout: store a plan: %w", err)
	}
	r.note(t)
	return &t, nil
}

// turn returns the document of the network's newest plan, of a transaction or of a version that replaces one. It is read before
// anything that a plan rests on, and replaced with the plan: of those that rest on the same, by several processes on a store
// without leases, one is stored. Locks do not do that. They are given back, and on some networks two transactions of a lane have
// none in common.
func (r *round) turn(ctx context.Context) (Document, error) {
	name := "plan/" + string(r.n.id)
	was, err := r.cfg.Store.Document(ctx, name)
	if err != nil {
		return Document{}, fmt.Errorf("payout: read which plan is the newest: %w", err)
	}
	return Document{Name: name, Was: was}, nil
}

// taken returns the change of the document to the transaction as it is stored, whose last version is now the newest plan.
func (d Document) taken(t Transaction) Document {
	return Document{Name: d.Name, Was: d.Was, Value: fmt.Appendf(nil, "%s %d", t.ID, t.Version)}
}

// sweepAll begins the sweeps that are worth it. It goes on where the round before ended, so that neither holdings that
// are not worth their fee nor those that fail keep it from the others, and neither costs more than a few calls a round.
func (r *round) sweepAll(ctx context.Context) error {
	sweeper, able := r.n.Spender.(Sweeper)
	if !able {
		return nil
	}
	if err := r.sweepOrdered(ctx, sweeper); err != nil || !r.n.sweeps() {
		return err
	}
	from, _ := r.n.swept.Load().(string)
	list, last, err := r.sweepable(ctx, from)
	if err != nil {
		return err
	}
	begun := 0
	var failed error
	for i, h := range list {
		if begun == maxSwept || r.stopped || ctx.Err() != nil {
			if last = from; i > 0 {
				last = list[i-1].Name
			}
			break
		}
		if err := r.heed(ctx); err != nil {
			return err
		}
		did, err := r.sweep(ctx, sweeper, h, SweepOrder{}, nil)
		if err != nil && !errors.Is(err, ErrTooDear) {
			failed = errors.Join(failed, fmt.Errorf("payout: sweep %s: %w", h.Name, err))
		}
		if did != "" {
			begun++
		}
	}
	r.n.swept.Store(last)
	return failed
}

// sweeps reports whether any asset of the network is swept.
func (n *network) sweeps() bool {
	return slices.ContainsFunc(n.Assets, func(a AssetConfig) bool { return a.MinSweep != nil })
}

// sweepable returns up to maxWeighed holdings after the name that are worth a sweep, of those that one round looks at, and
// the name to go on from: empty at the end.
func (r *round) sweepable(ctx context.Context, after string) (list []Holding, last string, err error) {
	for range sweepPages {
		page, err := r.cfg.Store.Holdings(ctx, r.n.id, after, holdingPage)
		if err != nil {
			return nil, "", fmt.Errorf("payout: read holdings: %w", err)
		}
		for _, h := range page {
			if after = h.Name; !r.worthSweeping(h) {
				continue
			}
			if list = append(list, h); len(list) == maxWeighed {
				return list, after, nil
			}
		}
		if len(page) < holdingPage {
			return list, "", nil
		}
	}
	return list, after, nil
}

// worthSweeping reports whether the holding is at a deposit address, free, and large enough.
func (r *round) worthSweeping(h Holding) bool {
	a, has := r.n.assets[h.Asset]
	return has && a.MinSweep != nil && h.Branch == 0 && h.Wallet != "" && h.Lock == "" && h.Units.Cmp(a.MinSweep) >= 0
}

// sweep plans, stores and begins one sweep or the top-up before it. It returns which; nothing while it has to wait. docs
// returns documents that are stored with it, and may be nil.
func (r *round) sweep(ctx context.Context, sweeper Sweeper, h Holding, o SweepOrder, docs func(Purpose) ([]Document, error)) (Purpose, error) {
	turn, err := r.turn(ctx)
	if err != nil {
		return "", err
	}
	h, err = r.cfg.Store.Holding(ctx, r.n.id, h.Name) // another process may have swept it since the list was read
	if errors.Is(err, ErrNotFound) || err == nil && (h.Lock != "" || !o.Now && !r.worthSweeping(h)) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read holding: %w", err)
	}
	plan, purpose, err := r.planSweep(ctx, sweeper, r.wallet(), h, o)
	if errors.Is(err, ErrNoCoins) || errors.Is(err, ErrFeeTooHigh) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	t, e := r.errand(plan, purpose, plan.Version.Fee)
	b := Batch{Transactions: []Transaction{t}, Locks: t.lockList(), Entries: []Entry{e}, Documents: []Document{turn.taken(t)}, Fence: r.fence}
	if docs != nil {
		more, err := docs(purpose)
		if err != nil {
			return "", err
		}
		b.Documents = append(b.Documents, more...)
	}
	err = r.commit(ctx, b)
	var short *InsufficientError
	if errors.As(err, &short) || errors.Is(err, ErrConflict) {
		r.log.Warn("a sweep has to wait", "network", r.n.id, "holding", h.Name, "error", err)
		return "", nil
	}
	if err != nil {
		return "", err
	}
	r.note(t)
	return purpose, r.advance(ctx, t)
}

// errand returns a planned transaction that pays no payouts, and the entry that reserves its greatest fee in the operator's
// float.
func (r *round) errand(plan Plan, purpose Purpose, fee *big.Int) (Transaction, Entry) {
	now := r.now()
	t := Transaction{
		ID: r.newID(now), Network: r.n.id, Purpose: purpose, Lane: plan.Lane, Anchor: plan.Anchor, Versions: []Version{plan.Version},
		Stage: StagePlanned, Mined: -1, CreatedAt: now, UpdatedAt: now, Version: 1,
		Payer: Account{Kind: Float, Asset: r.n.Spender.FeeAsset()}, Fee: new(big.Int).Set(fee),
	}
	var l ledger
	l.move(t.Payer, reservedOf(t.Payer), t.Fee)
	return t, l.entry(Entry{ID: "transaction:" + t.ID + ":reserve", Kind: EntryReserve, Subject: t.ID, At: now})
}

// lockList returns the locks of all versions.
func (t Transaction) lockList() []Lock {
	var out []Lock
	for _, name := range t.locks() {
		out = append(out, Lock{t.Network, name, t.ID})
	}
	return out
}

// newestSigned returns the index of the newest signed version, or -1.
func (t Transaction) newestSigned() int {
	for i, v := range slices.Backward(t.Versions) {
		if v.Signed() {
			return i
		}
	}
	return -1
}

// wallet is what the network's spender may spend.
type wallet struct{ r *round }

func (r *round) wallet() Wallet { return wallet{r} }

// Holdings implements [Wallet].
func (w wallet) Holdings(ctx context.Context, asset chain.AssetID, visit func(Holding) bool) error {
	after := ""
	for {
		page, err := w.r.cfg.Store.Holdings(ctx, w.r.n.id, after, holdingPage)
		if err != nil {
			return fmt.Errorf("read holdings: %w", err)
		}
		for _, h := range page {
			if after = h.Name; h.Asset == asset && !visit(h) {
				return nil
			}
		}
		if len(page) < holdingPage {
			return nil
		}
	}
}

// Holding implements [Wallet].
func (w wallet) Holding(ctx context.Context, name string) (Holding, error) {
	return w.r.cfg.Store.Holding(ctx, w.r.n.id, name)
}

// Open implements [Wallet].
func (w wallet) Open(ctx context.Context) ([]Transaction, error) {
	return w.r.cfg.Store.OpenTransactions(ctx, w.r.n.id)
}

// Locked implements [Wallet].
func (w wallet) Locked(ctx context.Context, names []string) (map[string]string, error) {
	return w.r.cfg.Store.Locks(ctx, w.r.n.id, names)
}

// Number implements [Wallet].
func (w wallet) Number(ctx context.Context, sequence string) (uint32, error) {
	return w.r.cfg.Invoices.ReserveIndexes(ctx, sequence, 1)
}
