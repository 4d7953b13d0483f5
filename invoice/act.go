package invoice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
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
	switch {
	case !cleanText(a.Actor) || utf8.RuneCountInString(a.Actor) > 255:
		return &InvalidError{"actor", "must be text of at most 255 characters"}
	case !cleanText(a.Comment) || utf8.RuneCountInString(a.Comment) > 1024:
		return &InvalidError{"comment", "must be text of at most 1024 characters"}
	}
	return nil
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
		return Invoice{}, &InvalidError{"status", "is unknown"}
	}
	return s.act(ctx, a, func(inv Invoice, next *Action) (bool, error) {
		if inv.State.Status == to {
			return false, nil
		}
		kind, err := transition(inv.State, to)
		next.Kind = kind
		if kind == ActionReopen {
			next.Until = next.At.Add(inv.Deadline.Sub(inv.CreatedAt))
		}
		return true, err
	})
}

// transition says which action brings an invoice to a status.
func transition(is State, to Status) (ActionKind, error) {
	type move struct {
		kind ActionKind
		from []Status
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
	}
	return m.kind, nil
}

// AcceptLate lets all late money of the invoice count in full, what has come and what will.
func (s *Service) AcceptLate(ctx context.Context, a Act) (Invoice, error) {
	return s.act(ctx, a, func(inv Invoice, next *Action) (bool, error) {
		next.Kind = ActionAcceptLate
		return !foldActions(inv.Deadline, inv.Actions).acceptLate, nil
	})
}

// act records an action that plan fills in, unless plan says that there is nothing to do.
func (s *Service) act(ctx context.Context, a Act, plan func(inv Invoice, next *Action) (bool, error)) (Invoice, error) {
	if err := a.check(); err != nil {
		return Invoice{}, err
	}
	return s.change(ctx, a.Project, a.Invoice, func(before Invoice) (Invoice, Action, error) {
		next := Action{N: 1, At: s.cfg.Now().UTC(), Actor: a.Actor, Comment: a.Comment}
		for _, done := range before.Actions {
			next.N = max(next.N, done.N+1)
		}
		needed, err := plan(before, &next)
		if err != nil || !needed {
			return before, Action{}, err
		}
		if next.N > maxActions {
			return before, Action{}, &InvalidError{"status", "was changed too often"}
		}
		after := before
		after.Actions = append(slices.Clone(before.Actions), next)
		return after, next, nil
	})
}

// change loads an invoice, applies edit to it, decides, and commits; on a conflict it does so again
// on fresh facts. An edit that answers an action of no kind changes nothing.
func (s *Service) change(ctx context.Context, project, id string, edit func(Invoice) (Invoice, Action, error)) (Invoice, error) {
	for try := 0; ; try++ {
		before, err := s.Invoice(ctx, project, id)
		if err != nil {
			return Invoice{}, err
		}
		after, action, err := edit(before)
		if err != nil || action.Kind == "" {
			return before, err
		}
		c, err := s.chainClock(ctx, after.Network())
		if err != nil {
			return Invoice{}, err
		}
		after, err = s.conclude(ctx, before, after, nil, action, c, Batch{})
		if err == nil {
			return after, nil
		}
		if !errors.Is(err, ErrConflict) || try == 20 {
			return Invoice{}, fmt.Errorf("invoice: change %s: %w", id, err)
		}
	}
}

// conclude decides about an invoice whose facts have changed and commits it alone.
func (s *Service) conclude(ctx context.Context, before, after Invoice, extra []draft, by Action, c clock, b Batch) (Invoice, error) {
	after, events, err := decided(before, after, nil, extra, by, c)
	if err != nil {
		return Invoice{}, err
	}
	b.Update = append(b.Update, after)
	return after, s.commit(ctx, b, after, events)
}

// decided folds the facts of after and answers it as it is to be stored, with the events that lead
// there from before. It is pure.
func decided(before, after Invoice, changes []change, extra []draft, by Action, c clock) (Invoice, []Event, error) {
	after.State = decide(after.facts(), c)
	after.UpdatedAt, after.Version = c.now, before.Version+1
	return issue(before, after, append(extra, drafts(before, after, changes, by)...), c.now)
}

// Choose gives an invoice that was created without an asset its quote and address, at the rate of
// now. The deadline stays. It refuses with an [InvalidError] when an asset was chosen before or the
// invoice is no longer new.
func (s *Service) Choose(ctx context.Context, project, id, asset string) (Invoice, error) {
	for try := 0; ; try++ {
		inv, err := s.choose(ctx, project, id, asset)
		if !errors.Is(err, errStale) || try == 20 {
			return inv, err
		}
	}
}

// errStale: the invoice changed while its quote was made. Unlike ErrConflict it does not say that the
// address is taken.
var errStale = errors.New("invoice changed meanwhile")

func (s *Service) choose(ctx context.Context, project, id, asset string) (Invoice, error) {
	before, err := s.Invoice(ctx, project, id)
	if err != nil {
		return Invoice{}, err
	}
	a, known := s.findAsset(asset)
	switch {
	case !known:
		return Invoice{}, &InvalidError{"currency", "is not supported"}
	case before.Quote != nil:
		return Invoice{}, &InvalidError{"currency", "was chosen before"}
	case before.State.Status != StatusNew:
		return Invoice{}, &InvalidError{"currency", "can only be chosen while the invoice is new"}
	}
	c, err := s.chainClock(ctx, a.ID.Network())
	if err != nil {
		return Invoice{}, err
	}
	after := before
	if after.Quote, err = s.quote(ctx, before.Price, a, c.now); err != nil {
		return Invoice{}, err
	}
	after.Terms = a.terms(after.Terms, after.Quote.Due)
	return s.withAddress(ctx, after, func(ctx context.Context, after Invoice, b Batch) (Invoice, error) {
		done, err := s.conclude(ctx, before, after, []draft{{typ: EventAssetChosen}}, Action{}, c, b)
		if errors.Is(err, ErrConflict) {
			if now, readErr := s.Invoice(ctx, project, id); readErr == nil && now.Version != before.Version {
				return Invoice{}, errStale
			}
		}
		return done, err
	})
}
