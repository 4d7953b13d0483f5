package payout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// round is one look at a network, by the process that has its duty.
type round struct {
	*Service
	n       *network
	fence   invoice.Lease
	stopped bool
	open    []Transaction // of the network, as they were at the beginning
}

// Look looks at a network once: it asks what became of its transactions, does what follows, and plans what is queued. Run
// calls it; call it yourself only in a program without Run. It returns invoice.ErrLeased while another process has the
// duty.
func (s *Service) Look(ctx context.Context, id chain.Network) error {
	n := s.networks[id]
	if n == nil {
		return fmt.Errorf("payout: look: %w: %s", ErrNetwork, id)
	}
	r, err := s.begin(ctx, n)
	if err != nil {
		return err
	}
	var failed error
	for i := range r.open {
		if err := r.advance(ctx, r.open[i]); err != nil {
			failed = errors.Join(failed, fmt.Errorf("payout: transaction %s: %w", r.open[i].ID, err))
		}
	}
	if err := s.expireClaims(ctx); err != nil {
		failed = errors.Join(failed, err)
	}
	if r.stopped || ctx.Err() != nil {
		return failed
	}
	return errors.Join(failed, r.planAll(ctx), r.sweepAll(ctx))
}

func (s *Service) begin(ctx context.Context, n *network) (*round, error) {
	fence, err := s.lease(ctx, "pay "+string(n.id))
	if err != nil {
		return nil, err
	}
	stopped, err := s.Stopped(ctx, n.id)
	if err != nil {
		return nil, err
	}
	open, err := s.cfg.Store.OpenTransactions(ctx, n.id)
	if err != nil {
		return nil, fmt.Errorf("payout: read the transactions of %s: %w", n.id, err)
	}
	return &round{s, n, fence, stopped != nil, open}, nil
}

// steps bounds how many decisions about one transaction follow each other in one round.
const steps = 8

// advance decides about a transaction and does what follows, until it has to wait.
func (r *round) advance(ctx context.Context, t Transaction) error {
	for range steps {
		f, err := r.facts(ctx, t)
		if err != nil {
			return err
		}
		d := decide(f)
		if err := r.keep(ctx, f, &d); err != nil {
			return err
		}
		next, more, err := r.perform(ctx, d)
		if errors.Is(err, ErrStopped) {
			return nil
		}
		if err != nil || !more {
			return err
		}
		t = next
	}
	return nil
}

// facts reads what the transaction's next state is decided from.
func (r *round) facts(ctx context.Context, t Transaction) (facts, error) {
	f := facts{
		tx: t, now: r.now(), last: r.last(t), refused: t.Refused,
		rules: rules{resend: r.n.Resend, bump: r.n.Bump, maxTries: r.n.MaxTries, retry: r.n.Retry},
	}
	if t.Stage != StagePlanned {
		look, err := r.n.Spender.Look(ctx, t)
		if err != nil {
			return facts{}, fmt.Errorf("look: %w", err)
		}
		if len(look.Versions) != len(t.Versions) {
			return facts{}, fmt.Errorf("look: the spender reports %d versions of %d", len(look.Versions), len(t.Versions))
		}
		if f.look = &look; t.stays(look) {
			return f, nil
		}
	}
	for _, id := range t.Payouts {
		p, err := r.cfg.Store.Payout(ctx, id)
		if err != nil {
			return facts{}, fmt.Errorf("read payout %s: %w", id, err)
		}
		f.payouts = append(f.payouts, p)
	}
	var err error
	if f.parent, err = r.relative(ctx, t.Parent); err == nil {
		f.child, err = r.relative(ctx, t.Child)
	}
	return f, err
}

// relative returns the parent or the child of a transaction; nil for none.
func (r *round) relative(ctx context.Context, id string) (*Transaction, error) {
	if id == "" {
		return nil, nil
	}
	t, err := r.cfg.Store.Transaction(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read transaction %s: %w", id, err)
	}
	return &t, nil
}

// stays reports whether the look leaves a final transaction as it is: nothing is decided about its payouts then. The id that they
// have is looked at when it is buried.
func (t Transaction) stays(look Look) bool {
	if t.Stage != StageFinal {
		return false
	}
	s := look.Versions[t.Mined]
	return s.Mined() && !s.Buried && t.endedAs(s)
}

// last reports whether no later open transaction of the lane hangs on this one. None hangs on a bump, but another bump once
// it is signed, and a bump hangs only on what it spends.
func (r *round) last(t Transaction) bool {
	i := slices.IndexFunc(r.open, func(o Transaction) bool { return o.ID == t.ID })
	return t.Purpose == PurposeBump || !slices.ContainsFunc(r.open[i+1:], func(o Transaction) bool {
		return o.Lane == t.Lane && o.Stage.Open() && o.Purpose != PurposeBump
	})
}

// keep stores a decision. The transaction and the payouts in it are then as they are stored.
func (r *round) keep(ctx context.Context, f facts, d *decision) error {
	b := Batch{Fence: r.fence, Entries: d.entries, Moves: d.moves}
	for _, name := range d.unlocks {
		b.Unlocks = append(b.Unlocks, Lock{r.n.id, name, d.tx.ID})
	}
	for k, before := range f.payouts {
		after, err := r.keepPayout(ctx, &b, before, d.payouts[k], f.tx, d.tx, d.alarm)
		if err != nil {
			return err
		}
		d.payouts[k] = after
	}
	if d.alarm == ReasonForeign {
		if err := r.stopBy(ctx, &b, "a key of ours was used elsewhere: "+d.tx.Anchor); err != nil {
			return err
		}
	}
	// With its payouts the transaction is always stored, so that a decision on a stale one is refused.
	if len(b.Payouts) > 0 || !reflect.DeepEqual(f.tx, d.tx) {
		d.tx.Version, d.tx.UpdatedAt = f.tx.Version+1, f.now
		b.Transactions = append(b.Transactions, d.tx)
	}
	if !f.tx.over() && d.tx.over() {
		if err := r.doom(ctx, &b, d.tx); err != nil {
			return err
		}
	}
	if err := r.own(ctx, &b, f, d.tx); err != nil {
		return err
	}
	if len(b.Transactions) == 0 && len(b.Payouts) == 0 && len(b.Entries) == 0 && len(b.Documents) == 0 {
		return nil
	}
	if d.alarm != "" {
		r.log.Error("money out needs a person", "network", r.n.id, "transaction", d.tx.ID, "reason", d.alarm)
	}
	if err := r.commit(ctx, b); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	for _, t := range b.Transactions {
		r.note(t)
	}
	return nil
}

// own adds to a batch that the id under which a block has the transaction is one of ours, if it is another than the one that was
// signed here: what it brings to an address of ours is neither funding nor a payment.
func (r *round) own(ctx context.Context, b *Batch, f facts, t Transaction) error {
	if f.look == nil || t.Mined < 0 {
		return nil
	}
	id := f.look.Versions[t.Mined].TxID
	if id == "" || id == t.Versions[t.Mined].TxID {
		return nil
	}
	return r.named(ctx, b, t, id)
}

// over reports whether the transaction's end cannot be taken back.
func (t Transaction) over() bool { return t.Stage == StageBuried || t.Stage == StageDead }

// doom adds to a batch that the versions of transactions which spend coins that will never exist, now that t is over, are
// as good as dead. It needs a reorganisation deeper than what counts as final. Other versions of the same transactions can
// still be mined.
func (r *round) doom(ctx context.Context, b *Batch, t Transaction) error {
	never := t.neverMade()
	if len(never) == 0 {
		return nil
	}
	locked, err := r.cfg.Store.Locks(ctx, r.n.id, never)
	if err != nil {
		return fmt.Errorf("look for what spends coins that will never exist: %w", err)
	}
	for _, name := range never {
		id := locked[name]
		known := slices.ContainsFunc(b.Transactions, func(o Transaction) bool { return o.ID == id })
		if id == "" || id == t.ID || known {
			continue
		}
		doomed, err := r.cfg.Store.Transaction(ctx, id)
		if err != nil {
			return fmt.Errorf("read transaction %s: %w", id, err)
		}
		if doomed.Stage.Open() && !slices.Contains(doomed.Never, name) {
			others := func(name string) bool { return locked[name] != id }
			doomed.Never = append(slices.DeleteFunc(slices.Clone(never), others), doomed.Never...)
			doomed.Version++
			b.Transactions = append(b.Transactions, doomed)
		}
	}
	return nil
}

// keepPayout adds one payout's change to the batch, if there is one, and what it means for the invoice of a refund that its
// transaction was one and is another.
func (r *round) keepPayout(ctx context.Context, b *Batch, before, after Payout, was, is Transaction, alarm Reason) (Payout, error) {
	if err := r.keepRefund(ctx, b, after, before.freed(was), after.freed(is)); err != nil {
		return Payout{}, err
	}
	if reflect.DeepEqual(before, after) {
		return after, nil
	}
	return r.put(ctx, b, before, after, alarm)
}

// freed reports whether a refund is no part of what its invoice was refunded, so that another may take its place: it ended unpaid, and
// no reorganisation can pay it after all. What a provider has returned is back.
func (p Payout) freed(t Transaction) bool {
	switch p.State.Status {
	case StatusReturned:
		return true
	case StatusFailed, StatusCancelled:
		return t.Stage != StageFinal
	default:
		return false
	}
}

// keepRefund adds to the batch what it means for the invoice that a refund is freed, or is not any more.
func (r *round) keepRefund(ctx context.Context, b *Batch, p Payout, was, is bool) error {
	switch {
	case is && !was:
		return r.unrefund(ctx, b, p, 1)
	case was && !is:
		return r.unrefund(ctx, b, p, -1)
	}
	return nil
}

// stopBy adds to a batch that the network's stop switch is on, unless it is.
func (r *round) stopBy(ctx context.Context, b *Batch, reason string) error {
	was, err := r.cfg.Store.Document(ctx, stopName(r.n.id))
	if err != nil || was != nil {
		return err
	}
	value, err := json.Marshal(Stopped{Reason: reason, At: r.now()})
	b.Documents = append(b.Documents, Document{Name: stopName(r.n.id), Value: value})
	r.stopped = true
	return err
}

// heed reads the stop switch again: a round may be long.
func (r *round) heed(ctx context.Context) error {
	if r.stopped {
		return nil
	}
	stopped, err := r.Stopped(ctx, r.n.id)
	r.stopped = r.stopped || stopped != nil
	return err
}

// note replaces what the round knows of a transaction.
func (r *round) note(t Transaction) {
	i := slices.IndexFunc(r.open, func(o Transaction) bool { return o.ID == t.ID })
	if i < 0 {
		r.open = append(r.open, t)
		return
	}
	r.open[i] = t
}

// perform does what a decision asks for. It reports whether the transaction has to be decided about again at once.
func (r *round) perform(ctx context.Context, d decision) (next Transaction, more bool, err error) {
	switch d.act {
	case actSign:
		return r.sign(ctx, d)
	case actSend:
		return r.send(ctx, d)
	case actReplace:
		return r.replace(ctx, d)
	case actNone:
	}
	return d.tx, false, nil
}

// sign asks the signer for the newest version that is not signed, after it is stored that it may be signed, and stores the
// signed bytes.
func (r *round) sign(ctx context.Context, d decision) (Transaction, bool, error) {
	if err := r.heed(ctx); err != nil {
		return d.tx, false, err
	}
	if r.stopped {
		return d.tx, false, ErrStopped
	}
	if r.n.Signer == nil {
		return r.unsigned(ctx, d, d.tx)
	}
	t := d.tx
	if !t.Last().Signed() {
		var err error
		if t, err = r.offer(ctx, t, r.fence); err != nil {
			return d.tx, false, err
		}
	}
	i := t.unsigned()
	signed, err := r.n.Signer.Sign(ctx, t.request(i))
	var refused *RefusedError
	switch {
	case errors.Is(err, ErrLater):
		return r.unsigned(ctx, d, t)
	case errors.As(err, &refused) && i == len(t.Versions)-1:
		return r.refusedBySigner(ctx, d, t, refused)
	case err != nil:
		return t, false, fmt.Errorf("sign: %w", err)
	}
	t, err = r.accept(ctx, t, i, signed, r.fence)
	if err != nil {
		return t, false, err
	}
	r.note(t)
	return t, true, nil
}

// unsigned stores that a transaction waits for its signature: its payouts say so, or itself if it has none. Those of the parent
// of a bump do.
func (r *round) unsigned(ctx context.Context, d decision, t Transaction) (Transaction, bool, error) {
	if len(d.payouts) > 0 || t.Purpose == PurposeBump || t.Detail == waitsForSignature {
		return t, false, r.reasons(ctx, d.payouts, ReasonSignature, "")
	}
	r.log.Warn("a transaction waits for its signature", "network", r.n.id, "transaction", t.ID, "purpose", t.Purpose)
	t.Detail = waitsForSignature
	t.Version++
	if err := r.commit(ctx, Batch{Transactions: []Transaction{t}, Fence: r.fence}); err != nil {
		return t, false, fmt.Errorf("store that a transaction waits for its signature: %w", err)
	}
	r.note(t)
	return t, false, nil
}

// refusedBySigner forgets the last version, which the signer has not signed and never will. A transaction that has no
// other is as if nobody had seen it.
func (r *round) refusedBySigner(ctx context.Context, d decision, t Transaction, refused *RefusedError) (Transaction, bool, error) {
	r.log.Warn("the signer refuses", "network", r.n.id, "transaction", t.ID, "reason", refused.Error())
	b := Batch{Fence: r.fence}
	last := len(t.Versions) - 1
	t = t.unawaited()
	t.Versions = slices.Clone(t.Versions)
	if last == 0 {
		t.Versions[0].Offered = false
		t.Stage, t.Refused = StagePlanned, refused.Error()
	} else {
		for _, name := range t.Versions[last].Spends {
			if left := (Transaction{Anchor: t.Anchor, Versions: t.Versions[:last]}); !slices.Contains(left.locks(), name) {
				b.Unlocks = append(b.Unlocks, Lock{t.Network, name, t.ID})
			}
		}
		t.Versions = t.Versions[:last]
	}
	t.Version++
	b.Transactions = []Transaction{t}
	if err := r.commit(ctx, b); err != nil {
		return t, false, fmt.Errorf("store the signer's refusal: %w", err)
	}
	r.note(t)
	if last > 0 {
		return t, false, r.reasons(ctx, d.payouts, ReasonRefused, refused.Error())
	}
	return t, !t.Cancel, nil
}

// send gives a signed version to the network, the newest one unless the decision says otherwise.
func (r *round) send(ctx context.Context, d decision) (Transaction, bool, error) {
	t, i := d.tx, d.send
	if err := r.heed(ctx); err != nil {
		return t, false, err
	}
	if i < 0 || r.stopped && t.SentAt.IsZero() {
		return t, false, nil
	}
	err := r.n.Spender.Send(ctx, t.Versions[i])
	var refused *RefusedError
	switch {
	case err == nil:
		t.Detail = ""
	case errors.As(err, &refused):
		t.Detail = refused.Error()
		r.log.Warn("a node refuses a transaction", "network", r.n.id, "transaction", t.ID, "reason", refused.Error())
	default:
		r.log.Warn("sending failed; the transaction may have been taken", "network", r.n.id, "transaction", t.ID, "error", err)
	}
	t.Sent, t.SentAt = max(t.newestSent(), i)+1, r.now()
	t.Version++
	b := Batch{Transactions: []Transaction{t}, Fence: r.fence}
	for _, p := range d.payouts {
		after := p
		if err == nil && p.State.Status == StatusSigned {
			after.State.Status, after.State.TxID = StatusSent, t.Versions[i].TxID
		}
		if t.Detail != "" {
			after.State.Detail = t.Detail
		}
		if _, err := r.keepPayout(ctx, &b, p, after, t, t, ""); err != nil {
			return t, false, err
		}
	}
	if err := r.commit(ctx, b); err != nil {
		return t, false, fmt.Errorf("store what was sent: %w", err)
	}
	r.note(t)
	return t, false, nil
}

// replace makes and stores the next version.
func (r *round) replace(ctx context.Context, d decision) (Transaction, bool, error) {
	if r.stopped && !d.tx.Cancel {
		return d.tx, false, ErrStopped
	}
	t := d.tx
	turn, err := r.turn(ctx)
	if err != nil {
		return t, false, err
	}
	made, failed := false, errNoBump
	if d.kept {
		if made, failed = r.bump(ctx, d, turn); made {
			return t, false, failed
		}
	}
	v, err := r.n.Spender.Replace(ctx, r.wallet(), t, t.atMost(r.greatest(d)))
	switch {
	case errors.Is(err, ErrNotFound) && t.unsigned() >= 0: // a provider takes back only what it has
		return r.sign(ctx, d)
	case d.instead == actSend && (errors.Is(err, ErrFeeTooHigh) || errors.Is(err, ErrNoCoins) || errors.Is(err, ErrNotFound)):
		return r.send(ctx, d)
	case errors.Is(err, ErrFeeTooHigh), errors.Is(err, ErrNoReplacement):
		if !d.kept {
			made, failed = r.bump(ctx, d, turn)
		}
		if made {
			return t, false, failed
		}
		return t, false, r.unbettered(ctx, t, err, r.notBumped(ctx, d, err, failed))
	case errors.Is(err, ErrNoCoins):
		return t, false, r.unbettered(ctx, t, err, r.reasons(ctx, d.payouts, reasonOf(err), err.Error()))
	case err != nil:
		return t, false, fmt.Errorf("replace: %w", err)
	}
	t.Versions = slices.Clone(t.Versions)
	if last := t.Last(); !last.Signed() && !last.Offered {
		t.Versions = t.Versions[:len(t.Versions)-1]
	}
	v.Hurry, t.Hurry = t.Hurry, nil
	t.Sent = t.newestSent() + 1 // before there is another that it could be
	t.Versions = append(t.Versions, v)
	t.Refused = ""
	t.Version++
	t.UpdatedAt = r.now()
	b := Batch{Transactions: []Transaction{t}, Locks: t.lockList(), Documents: []Document{turn.taken(t)}, Fence: r.fence}
	if err := r.commit(ctx, b); err != nil {
		return t, false, fmt.Errorf("store a replacement: %w", err)
	}
	r.note(t)
	return t, true, nil
}

// errNoBump is why a transaction is not bumped where that is not possible at all.
var errNoBump = errors.New("it cannot be bumped")

// notBumped stores why payouts wait whose transaction can be neither replaced nor bumped.
func (r *round) notBumped(ctx context.Context, d decision, why, bump error) error {
	var short *InsufficientError
	switch {
	case errors.Is(bump, errNoBump):
		return r.reasons(ctx, d.payouts, reasonOf(why), why.Error())
	case errors.Is(bump, ErrNoReplacement):
		return r.reasons(ctx, d.payouts, reasonOf(why), fmt.Sprintf("%v; %v", why, bump))
	case errors.Is(bump, ErrFeeTooHigh), errors.Is(bump, ErrNoCoins):
		return r.reasons(ctx, d.payouts, reasonOf(bump), fmt.Sprintf("%v; %v", why, bump))
	case errors.As(bump, &short):
		return r.reasons(ctx, d.payouts, ReasonCoins, fmt.Sprintf("%v; %v", why, bump))
	}
	return bump
}

// bump lets another transaction pay for one that cannot be replaced, by spending the change that it makes, and begins it. The
// parent is stored with it: so there is no bump of one that has ended meanwhile, and never more than one at a time. It
// reports whether it is stored.
func (r *round) bump(ctx context.Context, d decision, turn Document) (made bool, err error) {
	t, most := d.tx, d.tx.atMost(r.mostBump(d))
	if !d.bump {
		return false, errNoBump
	}
	plan, err := r.planBump(ctx, r.wallet(), t, most)
	if err != nil {
		return false, err
	}
	child, reserve := r.errand(plan, PurposeBump, most)
	child.Parent, t.Child, t.Detail = t.ID, child.ID, ""
	child.Versions[0].Hurry, t.Hurry = t.Hurry, nil
	t.Version++
	t.UpdatedAt = child.CreatedAt
	err = r.commit(ctx, Batch{
		Transactions: []Transaction{t, child}, Locks: child.lockList(), Entries: []Entry{reserve}, Documents: []Document{turn.taken(child)},
		Fence: r.fence,
	})
	if err != nil {
		return false, fmt.Errorf("store a bump: %w", err)
	}
	r.log.Info("a transaction that cannot be replaced is bumped", "network", r.n.id, "transaction", t.ID, "by", child.ID)
	r.note(t)
	r.note(child)
	return true, r.advance(ctx, child)
}

// planBump returns the plan of a bump that costs at most the given fee.
func (r *round) planBump(ctx context.Context, w Wallet, t Transaction, most *big.Int) (Plan, error) {
	bumper, able := r.n.Spender.(Bumper)
	if !able || most.Sign() <= 0 {
		return Plan{}, errNoBump
	}
	plan, err := bumper.Bump(ctx, w, t, most)
	if err != nil {
		return Plan{}, fmt.Errorf("bump: %w", err)
	}
	return plan, nil
}

// unbettered forgets what an operator chose for a transaction that cannot have it, once the payouts say why: he may choose
// again. Of one that has no payouts and is to be cancelled, it says so: later ones of its sender wait for it.
func (r *round) unbettered(ctx context.Context, t Transaction, why, failed error) error {
	if failed != nil {
		return failed
	}
	known := t
	if t.Hurry != nil {
		r.log.Warn("a transaction cannot be hurried", "network", r.n.id, "transaction", t.ID, "fee", t.Hurry.Fee, "error", why)
		t.Hurry = nil
	}
	if detail := uncancelled(t, why); detail != "" && t.Detail != detail {
		r.log.Error("money out needs a person", "network", r.n.id, "transaction", t.ID, "reason", "it cannot be cancelled", "error", why)
		t.Detail = detail
	}
	if t.Hurry == known.Hurry && t.Detail == known.Detail {
		return nil
	}
	t.Version++
	if err := r.commit(ctx, Batch{Transactions: []Transaction{t}, Fence: r.fence}); err != nil {
		return fmt.Errorf("store that a transaction has no other version: %w", err)
	}
	r.note(t)
	return nil
}

// uncancelled returns what a transaction says that is to be cancelled and cannot be at present, without figures, which change;
// empty if its payouts say so, or if it ends by itself.
func uncancelled(t Transaction, why error) string {
	if !t.Cancel || len(t.Payouts) > 0 {
		return ""
	}
	for _, kind := range []error{ErrFeeTooHigh, ErrNoCoins} {
		if errors.Is(why, kind) {
			return "it cannot be cancelled: " + kind.Error()
		}
	}
	return ""
}

// mostBump returns the most that bumps of the transaction may cost. Those of a bump share what is reserved for it.
func (r *round) mostBump(d decision) *big.Int {
	switch {
	case d.tx.Purpose == PurposeBump:
		return new(big.Int).Sub(d.tx.Fee, d.tx.Last().Fee)
	case r.n.MaxBump != nil:
		return r.n.MaxBump
	}
	return r.greatest(d)
}

// greatest returns the greatest fee that the transaction may have.
func (r *round) greatest(d decision) *big.Int {
	if d.tx.Purpose != PurposePay {
		return d.tx.Fee
	}
	sum := new(big.Int)
	for _, p := range d.payouts {
		sum.Add(sum, orZero(p.Fee))
	}
	return sum
}

// reasons stores why payouts wait, if it is news.
func (r *round) reasons(ctx context.Context, payouts []Payout, why Reason, detail string) error {
	b := Batch{Fence: r.fence}
	for _, p := range payouts {
		after := p
		if after.State.Status.Ended() {
			continue // decided on a stale transaction
		}
		known := after.State.Reason == why && (why == ReasonCoins || why == ReasonFee) // only figures in the detail are news
		if !known && after.State.Reason != ReasonConfirming && after.State.Reason != ReasonForeign {
			after.State.Reason, after.State.Detail = why, detail
		}
		if _, err := r.keepPayout(ctx, &b, p, after, Transaction{}, Transaction{}, ""); err != nil {
			return err
		}
	}
	if len(b.Payouts) == 0 {
		return nil
	}
	if err := r.commit(ctx, b); err != nil && !errors.Is(err, ErrConflict) {
		return fmt.Errorf("store why payouts wait: %w", err)
	}
	return nil
}

func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, ErrFeeTooHigh):
		return ReasonFee
	case errors.Is(err, ErrNoCoins):
		return ReasonCoins
	}
	return ReasonRefused
}

// expireClaims ends refunds that nobody claimed in time. It looks at one page of those that wait, and at the next one when
// it is called again.
func (s *Service) expireClaims(ctx context.Context) error {
	from, _ := s.claims.Load().(string)
	page, err := s.cfg.Store.Payouts(ctx, Query{Status: StatusRequested, Kind: KindRefund, Oldest: true, Limit: 1000, Before: from})
	if err != nil {
		s.claims.Store("")
		return fmt.Errorf("payout: read open claims: %w", err)
	}
	s.claims.Store(page.Next)
	var failed error
	for _, p := range page.Payouts {
		if p.To != "" || !s.now().After(p.ClaimUntil.Add(time.Second)) {
			continue
		}
		_, err := s.actOnce(ctx, p.Project, p.ID, Action{Kind: ActionExpire}, func(p Payout) error {
			if p.State.Status != StatusRequested || p.To != "" {
				return ErrConflict
			}
			return nil
		})
		if err != nil && !errors.Is(err, ErrConflict) {
			failed = errors.Join(failed, fmt.Errorf("payout: expire the claim of payout %s: %w", p.ID, err))
		}
	}
	return failed
}
