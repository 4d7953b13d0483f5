package invoice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// SetStatus changes the status of an invoice on behalf of an operator. These changes are possible:
//
//   - cancelled from new and paid_partial
//   - completed, taken as paid, from new, pending, paid_partial and expired
//   - expired from new
//   - new, with as much time as at first, from cancelled and expired
//   - archived from any closed status
//
// Setting the present status changes nothing. All other changes are refused with a [TransitionError]: pending and
// paid_partial follow from payments alone, and completed and archived are final. The resulting status follows from all
// facts: an invoice made new again may be pending at once. SetStatus returns ErrNotFound when there is no such invoice
// in the project.
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

// Refresh makes an expired invoice new again at its quote, with a window to pay that begins now; a zero window is as
// long as the first one. An invoice whose address was given up gets another one. A new invoice is returned unchanged.
// For any other status it returns a [TransitionError].
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
		after, next, err := withAction(before, a, c, reopen)
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

// errReleased is returned when the invoice needs another place first.
var errReleased = errors.New("address was given up")

// AcceptLate lets all late payments of the invoice count in full, past and future ones.
func (s *Service) AcceptLate(ctx context.Context, a Act) (Invoice, error) {
	return s.act(ctx, a, func(inv Invoice, next *Action) (bool, error) {
		next.Kind = ActionAcceptLate
		return !foldActions(inv.Deadline, inv.Actions).acceptLate, nil
	})
}

// act records the action that plan fills in, unless plan reports that there is nothing to do.
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
		after, action, err := withAction(before, a, c, plan)
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
