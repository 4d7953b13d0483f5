package invoice

import (
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
)

// facts is everything that a status is folded from.
type facts struct {
	terms       Terms
	asset       chain.AssetID // of the quote; empty while none is chosen
	due         *big.Int      // of the quote; nil while none is chosen
	deadline    time.Time
	payments    []Payment
	settled     *Settled // the sums of further payments, and of those in payments that are Settled
	actions     []Action
	completedAt time.Time     // the milestone, once it was reached
	quarantine  time.Duration // how long the places rest after the end; 0: they are never given up
	releasedAt  time.Time     // the milestone, once it was reached
}

// clock is the time of the chain, as its watcher has seen it, and our own time.
type clock struct {
	head chain.Head // of the invoice's network; zero while none is chosen or nothing was seen
	// oldest is the chain time of the furthest-behind network among those on which the invoice holds places.
	oldest time.Time
	now    time.Time
	// most is how many payments a decision may change, and how many more it may settle; 0 for all. The rest is left to
	// the next decisions.
	most int
}

// capped returns the first of a list, no more than the clock allows.
func capped[T any](c clock, list []T) []T {
	if c.most > 0 {
		return list[:min(len(list), c.most)]
	}
	return list
}

func (inv Invoice) facts() facts {
	f := facts{
		terms: inv.Terms, deadline: inv.Deadline, payments: inv.Payments, settled: inv.Settled, actions: inv.Actions,
		completedAt: inv.State.CompletedAt, releasedAt: inv.State.ReleasedAt,
	}
	if inv.Quote != nil {
		f.asset, f.due = inv.Quote.Asset.ID, inv.Quote.Due
	}
	for _, q := range inv.quotes() {
		if !q.Released {
			f.quarantine = max(f.quarantine, q.Quarantine)
		}
	}
	return f
}

// covers reports whether the amount is enough for what is due. Nothing is due to a standing invoice.
func (f facts) covers(amount *big.Int) bool {
	return f.due != nil && !f.terms.Standing && enough(f.terms, f.due, amount)
}

// late reports whether the payment came after the deadline, if there is one.
func (f facts) late(p Payment, fold actionFold) bool {
	return !f.terms.Standing && !p.onTime(fold.deadline)
}

// actionFold is the combined effect of the operators' actions.
type actionFold struct {
	deadline   time.Time
	cancelled  bool
	expired    bool // an operator expired it: no need to wait for the chain
	completed  time.Time
	acceptLate bool
	archived   bool
	last       time.Time // the time of the last action that is not just a label
}

// foldActions applies the actions in the order of their numbers, each number once.
func foldActions(deadline time.Time, actions []Action) actionFold {
	sorted := slices.Clone(actions)
	slices.SortFunc(sorted, func(a, b Action) int { return a.N - b.N })
	sorted = slices.CompactFunc(sorted, func(a, b Action) bool { return a.N == b.N })
	fold := actionFold{deadline: deadline}
	for _, a := range sorted {
		if a.Kind != ActionLabel && a.At.After(fold.last) {
			fold.last = a.At
		}
		switch a.Kind {
		case ActionLabel:
		case ActionCancel:
			fold.cancelled = true
		case ActionExpire:
			fold.expired = true
			if a.At.Before(fold.deadline) {
				fold.deadline = a.At
			}
		case ActionReopen:
			fold.cancelled, fold.expired, fold.deadline = false, false, a.Until
		case ActionComplete:
			if fold.completed.IsZero() {
				fold.completed = a.At
			}
		case ActionAcceptLate:
			fold.acceptLate = true
		case ActionArchive:
			fold.archived = true
		}
	}
	return fold
}

// onTime reports whether the payment was seen, or its block stamped, by the deadline: our own downtime never hurts a
// payer. The second of the deadline is still in time.
func (p Payment) onTime(deadline time.Time) bool {
	return !p.FirstSeen.After(deadline) || p.inBlock() && !p.Block.Time.After(deadline)
}

// mature reports whether the payment is deep enough.
func (p Payment) mature(need chain.Confirmations, head chain.Head) bool {
	if !p.inBlock() {
		return need == chain.Confirmations{} && !p.Replaceable
	}
	switch need.Tag {
	case chain.FinalitySafe:
		return head.Safe >= p.Block.Height
	case chain.FinalityFinalized:
		return head.Finalized >= p.Block.Height
	case chain.FinalityDepth:
		return head.Confirmations(p.Block.Height) >= need.Depth
	}
	return false
}

// maturesAt returns the height, on the clock of the tag, at which a payment in a block is deep enough.
func (p Payment) maturesAt(need chain.Confirmations) uint64 {
	if need.Tag == chain.FinalityDepth && need.Depth > 0 {
		return p.Block.Height + need.Depth - 1
	}
	return p.Block.Height
}

// enough reports whether the amount is within the tolerance of what is due. Zero is never enough, whatever the
// tolerance.
func enough(t Terms, due, amount *big.Int) bool {
	if amount.Sign() <= 0 {
		return false
	}
	if new(big.Int).Add(amount, orZero(t.ToleranceUnits)).Cmp(due) >= 0 {
		return true
	}
	return decimal.NewFromBigInt(amount, 2).GreaterThanOrEqual(
		decimal.NewFromBigInt(due, 0).Mul(hundred.Sub(t.TolerancePercent)))
}

// tooMuch reports whether the amount is more than due by more than either tolerance. Less than a step is never too
// much: a payer who has paid a part that is not a multiple of the step is asked for a rest that is.
func tooMuch(t Terms, due, amount *big.Int) bool {
	excess := new(big.Int).Sub(amount, due)
	if excess.Cmp(orZero(t.ToleranceUnits)) <= 0 || t.Step != nil && excess.Cmp(t.Step) < 0 {
		return false
	}
	return decimal.NewFromBigInt(amount, 2).GreaterThan(
		decimal.NewFromBigInt(due, 0).Mul(hundred.Add(t.TolerancePercent)))
}

// tally is the sum of the payments.
type tally struct {
	received, counted, confirmed *big.Int
	late, other                  bool   // some of it came late; in another asset
	matures                      uint64 // the next height at which a payment matures; 0 for none
	unvalued                     bool   // a payment waits for a rate
}

// count adds up the payments, each natural key once.
func count(f facts, fold actionFold, head chain.Head) tally {
	t := tally{received: new(big.Int), counted: new(big.Int), confirmed: new(big.Int)}
	if s := f.settled; s != nil {
		t.received.Set(orZero(s.Received))
		t.counted.Set(orZero(s.Counted))
		t.confirmed.Set(t.counted)
		t.late, t.other = s.Late > 0, s.Other > 0
	}
	for _, p := range distinct(f.payments) {
		if p.Settled || p.Withdrawn || p.Dust || p.Asset.Network() != f.asset.Network() {
			continue
		}
		is := f.part(p, fold)
		t.late, t.other = t.late || is.late, t.other || is.other
		t.unvalued = t.unvalued || p.needsValue(f, fold)
		if f.terms.Standing { // a deposit in another asset is worth nothing here, but is reported
			if t.ripens(p, f.terms.Confirm, head) && p.MaturedAt.IsZero() && p.inBlock() { // there was no room to report it
				t.waits(p.maturesAt(f.terms.Confirm))
			}
		}
		t.received.Add(t.received, orZero(is.received))
		if is.counted == nil {
			continue
		}
		t.counted.Add(t.counted, is.counted)
		if t.ripens(p, f.terms.Confirm, head) {
			t.confirmed.Add(t.confirmed, is.counted)
		}
	}
	return t
}

// ripens reports whether the payment is deep enough, and records when it will be.
func (t *tally) ripens(p Payment, need chain.Confirmations, head chain.Head) bool {
	if p.mature(need, head) {
		return true
	}
	if p.inBlock() {
		t.waits(p.maturesAt(need))
	}
	return false
}

// waits records a height at which a payment is to be looked at again.
func (t *tally) waits(height uint64) {
	if t.matures == 0 || height < t.matures {
		t.matures = height
	}
}

// counts returns how much of a payment the policies let count; nil for nothing.
func (f facts) counts(p Payment, fold actionFold, late, other bool) *big.Int {
	if other && f.terms.Other != OtherAccept {
		return nil
	}
	if !late || fold.acceptLate {
		return p.Credit
	}
	switch f.terms.Late {
	case LateAccept:
		return p.Credit
	case LateRerate:
		return p.Rerated
	case LateHold:
	}
	return nil
}

// Accepts reports whether the invoice takes the payment's money as its price: whether it counts, or an operator declared
// the invoice paid as it is. How deep the payment is does not matter, nor whether the chain still has it. A standing
// invoice takes everything but dust.
func (inv Invoice) Accepts(p Payment) bool {
	if inv.Terms.Standing {
		return !p.Dust
	}
	f := inv.facts()
	fold := foldActions(f.deadline, f.actions)
	switch {
	case p.Dust || inv.Quote == nil:
		return false
	case !fold.completed.IsZero():
		return true
	}
	return orZero(f.counts(p, fold, f.late(p, fold), p.Asset != f.asset)).Sign() > 0
}

// needsValue reports whether the payment waits for a rate before it can be credited.
func (p Payment) needsValue(f facts, fold actionFold) bool {
	if p.Withdrawn || p.Dust || f.due == nil || p.Asset.Network() != f.asset.Network() {
		return false
	}
	if p.Credit == nil {
		return !f.terms.Standing || p.Asset == f.asset // a deposit in another asset is not valued
	}
	return p.Rerated == nil && f.terms.Late == LateRerate && f.late(p, fold)
}

// distinct returns one payment for each natural key, in the order of the keys. If two records of one key differ, the
// one that says more about the chain wins, so that order does not matter.
func distinct(payments []Payment) []Payment {
	out := slices.Clone(payments)
	slices.SortFunc(out, func(a, b Payment) int {
		if c := compareKeys(a.Key, b.Key); c != 0 {
			return c
		}
		return comparePayments(a, b)
	})
	return slices.CompactFunc(out, func(a, b Payment) bool { return a.Key == b.Key })
}

func compareKeys(a, b chain.Key) int {
	if c := strings.Compare(string(a.Network), string(b.Network)); c != 0 {
		return c
	}
	if c := strings.Compare(a.TxID, b.TxID); c != 0 {
		return c
	}
	return strings.Compare(a.Index, b.Index)
}

func comparePayments(a, b Payment) int {
	if a.Withdrawn != b.Withdrawn {
		return boolOrder(b.Withdrawn, a.Withdrawn)
	}
	if a.inBlock() != b.inBlock() {
		return boolOrder(a.inBlock(), b.inBlock())
	}
	if c := strings.Compare(a.Block.Hash, b.Block.Hash); c != 0 {
		return c
	}
	return a.FirstSeen.Compare(b.FirstSeen)
}

func boolOrder(first, second bool) int {
	if first && !second {
		return -1
	}
	return 1
}

// decide folds the facts into a state. It has no clock of its own, does no I/O and does not change its input: the same
// facts in any order, twice, or after a crash give the same state.
func decide(f facts, c clock) State {
	fold := foldActions(f.deadline, f.actions)
	sum := count(f, fold, c.head)
	s := State{Received: sum.received, Counted: sum.counted, Confirmed: sum.confirmed}
	switch {
	case !f.completedAt.IsZero():
		s.CompletedAt = f.completedAt
	case !fold.completed.IsZero():
		s.CompletedAt = fold.completed
	case !fold.cancelled && !fold.archived && f.covers(sum.confirmed):
		s.CompletedAt = c.now
	}
	over := fold.expired || !f.terms.Standing && deadlinePassed(f, fold, c)
	s.Status = status(f, fold, sum, s, over)
	s.Closed = closed(f, s.Status, over)
	s.Outcome = outcome(f, fold, sum, s)
	rested, ends := quarantineEnd(f, fold, s)
	if s.ReleasedAt = f.releasedAt; s.ReleasedAt.IsZero() && ends && c.oldest.After(rested) {
		s.ReleasedAt = c.now
	}
	s.Wake = wake(f, fold, sum, s, c)
	if ends && s.ReleasedAt.IsZero() {
		s.Wake.Time = rested
		if c.head.Time.After(rested) { // another network is behind: wake again later
			s.Wake.Time = c.head.Time.Add(time.Minute)
		}
	}
	return s
}

// quarantineEnd returns when the places of a closed invoice have rested long enough after everything that happened to
// it, and false when they are never given up, or not yet.
func quarantineEnd(f facts, fold actionFold, s State) (time.Time, bool) {
	if f.quarantine == 0 || !s.Closed {
		return time.Time{}, false
	}
	last := fold.last
	if s.Status == StatusExpired || s.Status == StatusPaidPartial {
		last = later(last, fold.deadline)
	}
	last = later(later(last, s.CompletedAt), f.settled.lastSeen())
	for _, p := range f.payments {
		if p.Dust { // or a stranger could block an address for ever
			continue
		}
		if !p.Withdrawn && !p.inBlock() {
			return time.Time{}, false
		}
		last = later(last, p.FirstSeen)
	}
	return last.Add(f.quarantine), true
}

// wake returns when the facts must be decided again although none of them changes.
func wake(f facts, fold actionFold, sum tally, s State, c clock) Wake {
	var w Wake
	switch {
	case s.Status == StatusArchived && !f.terms.Standing: // deposits on their way are still reported
		return w
	case sum.unvalued: // the rate is requested again with every block
		w.Height = c.head.Height + 1
	case sum.matures > 0:
		w.Tag, w.Height = f.terms.Confirm.Tag, sum.matures
	}
	if !s.Closed && s.Status != StatusPending && !f.terms.Standing {
		w.Time = fold.deadline
	}
	return w
}

// deadlinePassed reports whether the deadline is over for good: an invoice with an asset waits until its network's
// watcher has seen chain time after the deadline, so that a blind watcher expires nothing.
func deadlinePassed(f facts, fold actionFold, c clock) bool {
	if f.due == nil {
		return c.now.After(fold.deadline)
	}
	return c.head.Time.After(fold.deadline)
}

func status(f facts, fold actionFold, sum tally, s State, over bool) Status {
	switch {
	case fold.archived:
		return StatusArchived
	case !s.CompletedAt.IsZero():
		return StatusCompleted
	case fold.cancelled:
		return StatusCancelled
	case f.terms.Standing:
		return StatusNew
	case f.covers(sum.counted):
		return StatusPending
	case sum.counted.Sign() > 0:
		return StatusPaidPartial
	case over:
		return StatusExpired
	}
	return StatusNew
}

func closed(f facts, s Status, over bool) bool {
	switch s {
	case StatusNew, StatusPending:
		return false
	case StatusPaidPartial:
		return over || f.terms.Single
	case StatusCompleted, StatusExpired, StatusCancelled, StatusArchived:
		return true
	}
	return true
}

func outcome(f facts, fold actionFold, sum tally, s State) Outcome {
	if f.due == nil || f.terms.Standing {
		return 0
	}
	var o Outcome
	covered := f.covers(sum.counted)
	switch {
	case sum.received.Sign() == 0:
	case tooMuch(f.terms, f.due, sum.received):
		o = OutcomeOver
	case covered || f.covers(sum.received):
		o = OutcomeExact
	default:
		o = OutcomeUnder
	}
	if sum.late {
		o |= OutcomeLate
	}
	if sum.other {
		o |= OutcomeOtherAsset
	}
	// If an operator completed it, there may be no payment that the chain could take back.
	if s.Status == StatusCompleted && fold.completed.IsZero() && !covered {
		o |= OutcomeReverted
	}
	return o
}

// Remaining returns what the payer still has to send, in base units of the quoted asset: zero once enough was seen, and
// otherwise an amount that can be sent, a multiple of the step and never less than the minimum.
func (inv Invoice) Remaining() *big.Int {
	if inv.Quote == nil || inv.Terms.Standing {
		return new(big.Int)
	}
	counted := orZero(inv.State.Counted)
	if enough(inv.Terms, inv.Quote.Due, counted) {
		return new(big.Int)
	}
	rest := new(big.Int).Sub(inv.Quote.Due, counted)
	if least := orZero(inv.Terms.Minimum); rest.Cmp(least) < 0 {
		rest.Set(least)
	}
	return roundUp(rest, inv.Terms.Step)
}

// EffectiveDeadline returns the deadline with the operators' actions applied.
func (inv Invoice) EffectiveDeadline() time.Time {
	return foldActions(inv.Deadline, inv.Actions).deadline
}
