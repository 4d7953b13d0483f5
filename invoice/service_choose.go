package invoice

import (
	"context"
	"errors"
	"slices"
)

// maxChoices bounds how often the asset of an invoice is chosen: each address stays watched, and each choice is an
// event.
const maxChoices = 20

// Choose gives an invoice a quote at the current rate and an address, or replaces those it has: until something is
// paid, the payer may choose again. At a [Shared] address, choosing an asset again restores the amount that was quoted
// in it, so that nobody can take all amounts. The deadline stays. A payment to an address that was shown before still
// finds the invoice; if it is on another network it is recorded and not credited. Choosing the present asset changes
// nothing. Choose refuses with an [InvalidError] when something was paid, the invoice is no longer new, or the asset is
// not among its [Service.Choices], and with [ErrHeldBack].
func (s *Service) Choose(ctx context.Context, project, id, asset string) (Invoice, error) {
	a, known := s.prices.findAsset(asset)
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

// chosen returns the invoice with another quote, or with the one that it had at a shared address.
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
		err = s.prices.quote(ctx, &after, a, c.now)
	}
	e.inv = after
	return e, err
}

// edit is a change of an invoice whose quote needs a place.
type edit struct {
	inv   Invoice
	kept  bool    // the quote already has a place
	by    Action  // the operator's action, if any
	extra []draft // events in addition to those that follow from the facts
}

// errStale is returned when the invoice changed while its quote was made. Unlike ErrConflict it does not mean that the
// place is taken.
var errStale = errors.New("invoice changed meanwhile")

// move gives an invoice the quote or place that plan returns; if plan returns nil, nothing changes.
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
	if c.head.Time.After(e.inv.EffectiveDeadline()) { // the chain's time decides, not our clock
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
