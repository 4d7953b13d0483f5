package invoice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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
			next.Until = s.reopenedUntil(inv, next.At, 0)
		}
		return true, err
	})
}

// Refresh makes an expired invoice new again at its quote, with a window to pay that begins now; a zero window is as
// long as the first one. An invoice whose address was given up gets another one, unless the window is over by the time of
// the chain, which is refused with an [InvalidError]. A new invoice is returned unchanged. For any other status it
// returns a [TransitionError].
func (s *Service) Refresh(ctx context.Context, a Act, window time.Duration) (Invoice, error) {
	if err := s.checkWindow(window); err != nil {
		return Invoice{}, err
	}
	reopen := s.reopening(window)
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
		after.retire()
		return &edit{inv: after, by: next}, nil
	})
}

// retire makes the quote an earlier one. If the invoice has given up its places, it begins to hold some again.
func (inv *Invoice) retire() {
	inv.Earlier = append(slices.Clone(inv.Earlier), *inv.Quote)
	if inv.State.ReleasedAt.IsZero() {
		return
	}
	for i := range inv.Earlier {
		inv.Earlier[i].Released = true
	}
	inv.State.ReleasedAt = time.Time{}
}

// Requote makes an expired invoice, to which nothing was ever paid, new again: with the price at the current rate, and a
// window that begins now, which is as long as the first one if it is zero. An invoice that had an address of its own keeps
// it, any other gets another place. A new invoice is returned unchanged. Requote refuses with an [InvalidError] when something
// was paid, the invoice has no quote, or it was quoted too often; with a [TransitionError] for any other status; and as
// [Service.Choose] does.
func (s *Service) Requote(ctx context.Context, a Act, window time.Duration) (Invoice, error) {
	if err := s.checkWindow(window); err != nil {
		return Invoice{}, err
	}
	return s.move(ctx, a.Project, a.Invoice, func(before Invoice, c clock) (*edit, error) {
		after, next, err := withAction(before, a, c, s.reopening(window))
		if err != nil || next.Kind == "" {
			return nil, err
		}
		var asset AssetConfig
		known := false
		if before.Quote != nil {
			asset, known = s.prices.findAsset(string(before.Quote.Asset.ID))
		}
		switch {
		case !known || !before.Terms.allow(asset.ID):
			return nil, refuse("asset", "", "must have been chosen, and still be supported")
		case before.paid():
			return nil, refuse("invoice", before.ID, "was paid to, and keeps its quote")
		case max(len(before.Earlier), before.Choices) >= maxChoices:
			return nil, refuse("invoice", before.ID, "was quoted too often")
		}
		after.retire()
		after.Choices, after.Terms.ToleranceUnits = before.Choices+1, nil
		err = s.prices.quote(ctx, &after, asset, c.now)
		return &edit{inv: after, by: next, extra: []draft{{typ: EventAssetChosen}}}, err
	})
}

func (s *Service) checkWindow(window time.Duration) error {
	if window < 0 || window > 0 && window < time.Second || window > s.cfg.MaxWindow {
		return refuse("window", window.String(), fmt.Sprintf("must be at least 1s and at most %v", s.cfg.MaxWindow))
	}
	return nil
}

// reopening plans to make an expired invoice new again, with the window or the first one.
func (s *Service) reopening(window time.Duration) planned {
	return func(inv Invoice, next *Action) (bool, error) {
		if inv.State.Status == StatusNew {
			return false, nil
		}
		if inv.State.Status != StatusExpired || inv.Terms.Standing {
			return false, &TransitionError{inv.State.Status, StatusNew, "cannot be changed"}
		}
		next.Kind, next.Until = ActionReopen, s.reopenedUntil(inv, next.At, window)
		return true, nil
	}
}

// reopenedUntil returns the deadline of an invoice that is made new again with the window, or with as much time as at
// first if it is zero.
func (s *Service) reopenedUntil(inv Invoice, at time.Time, window time.Duration) time.Time {
	return at.Add(cmp.Or(window, inv.Deadline.Sub(inv.CreatedAt)) + s.clockBehind(inv.Network()))
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

// maxLabel bounds a label in characters.
const maxLabel = 100

// SetLabel gives the invoice a label of at most 100 characters, which [Query.Search] finds; an empty one removes it. A label
// decides nothing, and no event tells it; but whoever searches the invoices of the project finds it, so it is no secret.
// Setting the present label changes nothing. An invoice of any status can be labelled.
func (s *Service) SetLabel(ctx context.Context, a Act, label string) (Invoice, error) {
	if err := refuseText("label", label, maxLabel); err != nil {
		return Invoice{}, err
	}
	return s.act(ctx, a, func(inv Invoice, next *Action) (bool, error) {
		next.Kind, next.Label = ActionLabel, label
		return inv.Label() != label, nil
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
