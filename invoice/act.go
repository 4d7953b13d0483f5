package invoice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
)

// maxActions bounds the history of one invoice.
const maxActions = 1000

// TransitionError says that an operator may not bring an invoice from one status to another.
type TransitionError struct {
	From, To Status
	Reason   string // follows "status"
}

func (e *TransitionError) Error() string {
	return fmt.Sprintf("status %s: from %s to %s", e.Reason, e.From, e.To)
}

// Act is who does something to an invoice and why. Both go into the history.
type Act struct {
	Project string // whose invoice; empty: anybody's
	Invoice string
	Actor   string // at most 255 characters
	Comment string // at most 1024 characters
}

func (a Act) check() error {
	return cmp.Or(refuseText("Actor", a.Actor, 255), refuseText("Comment", a.Comment, 1024))
}

// SetStatus brings an invoice to a status by an operator's will, as far as that is a matter of will:
//
//   - cancelled from new and paid_partial
//   - completed, taken as paid, from new, pending, paid_partial and expired
//   - expired from new
//   - new, with as much time as at first, from cancelled and expired
//   - archived from whatever is closed
//
// Asking for the present status changes nothing. Everything else is a [TransitionError]: pending and
// paid_partial follow from payments alone, and what is completed or archived stays so. What the invoice
// then is follows from all facts: an invoice made new again may be pending at once. ErrNotFound when
// there is no such invoice in the project.
func (s *Service) SetStatus(ctx context.Context, a Act, to Status) (Invoice, error) {
	if !to.Valid() {
		return Invoice{}, refuse("to", string(to), "is unknown")
	}
	return s.act(ctx, a, func(inv Invoice, next *Action) (bool, error) {
		if inv.State.Status == to {
			return false, nil
		}
		kind, err := transition(inv.State, inv.Terms.Standing, to)
		next.Kind = kind
		if kind == ActionReopen && !inv.Terms.Standing {
			next.Until = next.At.Add(inv.Deadline.Sub(inv.CreatedAt))
		}
		return true, err
	})
}

// transition says which action brings an invoice to a status.
func transition(is State, standing bool, to Status) (ActionKind, error) {
	type move struct {
		kind ActionKind
		from []Status
	}
	if standing && to != StatusCancelled && to != StatusArchived && to != StatusNew {
		return "", &TransitionError{is.Status, to, "is not for deposits"}
	}
	moves := map[Status]move{
		StatusCancelled: {ActionCancel, []Status{StatusNew, StatusPaidPartial}},
		StatusCompleted: {ActionComplete, []Status{StatusNew, StatusPending, StatusPaidPartial, StatusExpired}},
		StatusExpired:   {ActionExpire, []Status{StatusNew}},
		StatusNew:       {ActionReopen, []Status{StatusCancelled, StatusExpired}},
		StatusArchived:  {ActionArchive, []Status{StatusCompleted, StatusExpired, StatusCancelled, StatusPaidPartial}},
	}
	m, settable := moves[to]
	switch {
	case !settable:
		return "", &TransitionError{is.Status, to, "follows from payments and cannot be set"}
	case !slices.Contains(m.from, is.Status), to == StatusArchived && !is.Closed:
		return "", &TransitionError{is.Status, to, "cannot be changed"}
	case to == StatusNew && !is.ReleasedAt.IsZero():
		return "", &TransitionError{is.Status, to, "cannot be changed, since the address was given up; refresh the invoice"}
	}
	return m.kind, nil
}

// Refresh makes an expired invoice new again, as it was quoted, with a window to pay from now on; zero is as much
// time as at first. An invoice whose address was given up gets another one. An invoice that is new stays as it
// is. Everything else is a [TransitionError].
func (s *Service) Refresh(ctx context.Context, a Act, window time.Duration) (Invoice, error) {
	if window < 0 || window > 0 && window < time.Second || window > s.cfg.MaxWindow {
		return Invoice{}, refuse("window", window.String(), fmt.Sprintf("must be at least 1s and at most %v", s.cfg.MaxWindow))
	}
	reopen := func(inv Invoice, next *Action) (bool, error) {
		if inv.State.Status == StatusNew {
			return false, nil
		}
		if inv.State.Status != StatusExpired || inv.Terms.Standing {
			return false, &TransitionError{inv.State.Status, StatusNew, "cannot be changed"}
		}
		next.Kind, next.Until = ActionReopen, next.At.Add(cmp.Or(window, inv.Deadline.Sub(inv.CreatedAt)))
		return true, nil
	}
	inv, err := s.act(ctx, a, func(inv Invoice, next *Action) (bool, error) {
		if !inv.State.ReleasedAt.IsZero() {
			return false, errReleased
		}
		return reopen(inv, next)
	})
	if !errors.Is(err, errReleased) {
		return inv, err
	}
	return s.move(ctx, a.Project, a.Invoice, func(before Invoice, c clock) (*edit, error) {
		after, next, err := s.withAction(before, a, c, reopen)
		if err != nil || next.Kind == "" {
			return nil, err
		}
		old := *before.Quote
		old.Released = true
		for i := range after.Earlier {
			after.Earlier[i].Released = true
		}
		after.Earlier = append(after.Earlier, old)
		after.State.ReleasedAt = time.Time{}
		return &edit{inv: after, by: next}, nil
	})
}

// errReleased: the invoice needs another place first.
var errReleased = errors.New("address was given up")

// AcceptLate lets all late money of the invoice count in full, what has come and what will.
func (s *Service) AcceptLate(ctx context.Context, a Act) (Invoice, error) {
	return s.act(ctx, a, func(inv Invoice, next *Action) (bool, error) {
		next.Kind = ActionAcceptLate
		return !foldActions(inv.Deadline, inv.Actions).acceptLate, nil
	})
}

// act records an action that plan fills in, unless plan says that there is nothing to do.
func (s *Service) act(ctx context.Context, a Act, plan planned) (Invoice, error) {
	for try := 0; ; try++ {
		before, err := s.Invoice(ctx, a.Project, a.Invoice)
		if err != nil {
			return Invoice{}, err
		}
		c, err := s.chainClock(ctx, before.Network())
		if err != nil {
			return Invoice{}, err
		}
		after, action, err := s.withAction(before, a, c, plan)
		if err != nil || action.Kind == "" {
			return before, err
		}
		if after, err = s.whole(ctx, after); err != nil {
			return Invoice{}, err
		}
		after, err = s.conclude(ctx, before, after, nil, action, c, Batch{})
		if err == nil {
			return after, nil
		}
		if !errors.Is(err, ErrConflict) || try == 20 {
			return Invoice{}, fmt.Errorf("invoice: change %s: %w", a.Invoice, err)
		}
	}
}

// planned fills in the next action of an invoice, or says that there is nothing to do.
type planned func(inv Invoice, next *Action) (bool, error)

// withAction answers the invoice with one more action, or as it is and an action of no kind.
func (s *Service) withAction(before Invoice, a Act, c clock, plan planned) (Invoice, Action, error) {
	if err := a.check(); err != nil {
		return before, Action{}, err
	}
	next := Action{N: 1, At: c.now, Actor: a.Actor, Comment: a.Comment}
	for _, done := range before.Actions {
		next.N = max(next.N, done.N+1)
	}
	needed, err := plan(before, &next)
	if err != nil || !needed {
		return before, Action{}, err
	}
	if next.N > maxActions {
		return before, Action{}, refuse("Invoice", a.Invoice, "was changed too often")
	}
	after := before
	after.Actions = append(slices.Clone(before.Actions), next)
	after.Earlier = slices.Clone(before.Earlier)
	return after, next, nil
}

// conclude decides about an invoice whose facts have changed and commits it alone.
func (s *Service) conclude(ctx context.Context, before, after Invoice, extra []draft, by Action, c clock, b Batch) (Invoice, error) {
	c, err := s.withOldest(ctx, after, c)
	if err != nil {
		return Invoice{}, err
	}
	d, err := decided(before, after, nil, extra, by, c)
	if err != nil {
		return Invoice{}, err
	}
	s.put(&b, d)
	return d.inv, s.store(ctx, b)
}

// decision is what came of an invoice whose facts or clock have changed.
type decision struct {
	inv      Invoice
	events   []Event
	payments []Payment // those that changed
	releases []Release
}

// brokenError says that an invoice cannot be decided about, whatever is asked of the store.
type brokenError struct{ error }

// decided folds the facts of after, in which the changes are merged, and answers the invoice as it is to be
// stored, with the events that lead there from before. It is pure.
func decided(before, after Invoice, changes []change, extra []draft, by Action, c clock) (decision, error) {
	if by.Kind != "" { // settled payments may mean something else from now on
		var reopened []change
		after, reopened = after.resettled()
		changes = append(changes, reopened...)
	}
	if ripe := mature(after, c); len(ripe) > 0 {
		changes, after = append(changes, ripe...), merge(after, ripe)
	}
	after.State = decide(after.facts(), c)
	after.UpdatedAt, after.Version = c.now, before.Version+1
	settled := after.settle(c.head)
	inv, events, err := issue(before, after, append(extra, drafts(before, after, changes, by)...), c.now)
	if err != nil {
		return decision{}, &brokenError{err}
	}
	return decision{inv: inv, events: events, releases: releases(before, inv), payments: inv.changed(changes, settled)}, nil
}

// changed are the payments of the invoice that are to be written.
func (inv Invoice) changed(changes []change, settled []Payment) []Payment {
	keys := make(map[chain.Key]bool, len(changes)+len(settled))
	for _, c := range changes {
		keys[c.payment.Key] = true
	}
	for _, p := range settled {
		keys[p.Key] = true
	}
	var out []Payment
	for _, p := range inv.Payments {
		if keys[p.Key] {
			out = append(out, p)
		}
	}
	return out
}

// put adds a decision, and the messages that tell it, to a batch.
func (s *Service) put(b *Batch, d decision) {
	b.Update = append(b.Update, d.inv)
	b.Payments = append(b.Payments, d.payments...)
	b.Releases = append(b.Releases, d.releases...)
	s.tell(b, d.inv, d.events)
}

// maxChoices bounds how often the asset of an invoice is chosen: each address stays watched, and each choice is told.
const maxChoices = 20

// Choose gives an invoice its quote and address, at the rate of now, or others than it has: until something was
// paid the payer may choose again. At a [Shared] address, choosing an asset again restores the amount that was quoted in
// it, so that nobody can take all amounts that there are. The deadline stays, and what arrives at an address that was
// shown before still finds the invoice; if it is on another network it is recorded and not credited. Asking for the asset
// that was chosen changes nothing. It refuses with an [InvalidError] when something was paid, the invoice is no longer
// new, or the asset is not among its [Service.Choices], and with [ErrHeldBack].
func (s *Service) Choose(ctx context.Context, project, id, asset string) (Invoice, error) {
	a, known := s.findAsset(asset)
	if !known {
		return Invoice{}, refuse("asset", asset, "is not supported")
	}
	return s.move(ctx, project, id, func(before Invoice, c clock) (*edit, error) {
		switch {
		case before.Quote != nil && before.Quote.Asset.ID == a.ID:
			return nil, nil
		case !before.Terms.allow(a.ID):
			return nil, refuse("asset", asset, "is not supported")
		case before.State.Status != StatusNew || before.paid() || before.Terms.Standing:
			return nil, refuse("asset", asset, "can only be chosen while the invoice is new and nothing was paid")
		case max(len(before.Earlier), before.Choices) >= maxChoices:
			return nil, refuse("asset", asset, "was chosen too often")
		}
		return s.chosen(ctx, before, a, c)
	})
}

// chosen is the invoice with another quote, or with the one that it had at a shared address.
func (s *Service) chosen(ctx context.Context, before Invoice, a AssetConfig, c clock) (*edit, error) {
	after, e := before, &edit{extra: []draft{{typ: EventAssetChosen}}}
	after.Earlier = slices.Clone(before.Earlier)
	had := slices.IndexFunc(after.Earlier, func(q Quote) bool { return q.Asset.ID == a.ID && q.Slot != "" && !q.Released })
	if e.kept = had >= 0; e.kept {
		quote := after.Earlier[had]
		after.Earlier = slices.Delete(after.Earlier, had, had+1)
		after.Quote, after.Terms = &quote, a.terms(after.Terms, quote.Due)
	}
	if before.Quote != nil {
		after.Earlier, after.Choices = append(after.Earlier, *before.Quote), before.Choices+1
	}
	after.Terms.ToleranceUnits = nil // of the asset before
	var err error
	if !e.kept {
		err = s.quote(ctx, &after, a, c.now)
	}
	e.inv = after
	return e, err
}

// paid reports whether anything but dust was ever paid to the invoice.
func (inv Invoice) paid() bool {
	return inv.Settled != nil && !inv.Settled.LastSeen.IsZero() ||
		slices.ContainsFunc(inv.Payments, func(p Payment) bool { return !p.Dust })
}

// edit is what becomes of an invoice: it has a quote that needs a place.
type edit struct {
	inv   Invoice
	kept  bool    // the quote has its place already
	by    Action  // of an operator, if one acted
	extra []draft // events beside those that follow from the facts
}

// errStale: the invoice changed while its quote was made. Unlike ErrConflict it does not say that the
// place is taken.
var errStale = errors.New("invoice changed meanwhile")

// move gives an invoice another quote or another place for it, as plan says; nil changes nothing.
func (s *Service) move(ctx context.Context, project, id string, plan func(Invoice, clock) (*edit, error)) (Invoice, error) {
	for try := 0; ; try++ {
		inv, err := s.moveOnce(ctx, project, id, plan)
		if !errors.Is(err, errStale) || try == 20 {
			return inv, err
		}
	}
}

func (s *Service) moveOnce(ctx context.Context, project, id string, plan func(Invoice, clock) (*edit, error)) (Invoice, error) {
	before, err := s.Invoice(ctx, project, id)
	if err != nil {
		return Invoice{}, err
	}
	e, err := plan(before, clock{now: s.cfg.Now().UTC()})
	if err != nil || e == nil {
		return before, err
	}
	c, err := s.chainClock(ctx, e.inv.Network())
	if err != nil {
		return Invoice{}, err
	}
	if e.by.Kind == "" && c.head.Time.After(before.EffectiveDeadline()) { // by the chain's time, whatever our clock says
		return Invoice{}, refuse("asset", e.inv.Quote.Asset.Code, "cannot be chosen, since the time to pay is over")
	}
	if e.by.Kind != "" {
		if e.inv, err = s.whole(ctx, e.inv); err != nil {
			return Invoice{}, err
		}
	}
	commit := func(ctx context.Context, after Invoice, b Batch) (Invoice, error) {
		done, err := s.conclude(ctx, before, after, e.extra, e.by, c, b)
		if errors.Is(err, ErrConflict) {
			if now, readErr := s.Invoice(ctx, project, id); readErr == nil && now.Version != before.Version {
				return Invoice{}, errStale
			}
		}
		return done, err
	}
	if e.kept {
		return commit(ctx, e.inv, Batch{})
	}
	return s.withPlace(ctx, e.inv, commit)
}
