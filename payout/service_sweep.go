package payout

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
)

const (
	maxOrdered = 50             // holdings of one order
	orderAge   = 24 * time.Hour // how long an order is followed
)

// SweepTerms are what an operator's order would sweep of an asset now, and what that costs.
type SweepTerms struct {
	Asset    chain.AssetID
	Holdings []Holding // the largest first; at most 50, and those after them are for the next order
	Units    *big.Int  // what is at their addresses, in base units of Asset
	TopUps   int       // addresses that get coins for the fee before
	FeeAsset chain.AssetID
	Fee      *big.Int // the greatest fee of what can begin now, in base units of FeeAsset; the sweep after a top-up costs more
	TooDear  int      // of Holdings, those that cost more than is configured, and are swept only by an order that is dear
	DearFee  *big.Int // the greatest fee of those, which is no part of Fee
	Waiting  int      // of Holdings, those that have to wait: for coins, or for another transaction of their address

	now, dear []Holding
}

// order is the document of what an operator ordered to be swept of an asset.
type order struct {
	Holdings []string  `json:"holdings"` // names
	Dear     bool      `json:"dear,omitempty"`
	At       time.Time `json:"at"`
	Actor    string    `json:"actor,omitempty"`
}

// SweepTerms returns what [Service.SweepNow] would do. It looks at the network's first holdings, asks the network about the
// largest of the asset, and stores nothing. It returns ErrNetwork for a network that is not configured, an
// [InvalidError] for an asset that is not configured or on whose network nothing is swept, and ErrNothingToSweep when no address
// has any of it that is free.
func (s *Service) SweepTerms(ctx context.Context, asset chain.AssetID) (SweepTerms, error) {
	t, err := s.sweepTerms(ctx, asset)
	if err != nil {
		return SweepTerms{}, fmt.Errorf("payout: sweep %s: %w", asset, err)
	}
	return t, nil
}

// SweepNow orders that what is at deposit addresses of an asset is brought to the lane, however little it is. The process
// that has the network's duty does it; an address that gets coins for the fee first is swept once it has them. What costs
// more than is configured stays, unless the order is dear: it is refused with ErrTooDear if that is all there is. An order
// that is not followed within a day lapses. The same order again changes nothing but its time. Its other refusals are those
// of SweepTerms, and ErrStopped.
func (s *Service) SweepNow(ctx context.Context, asset chain.AssetID, dear bool, actor string) (SweepTerms, error) {
	t, err := s.sweepNow(ctx, asset, dear, actor)
	if err != nil {
		return SweepTerms{}, fmt.Errorf("payout: sweep %s: %w", asset, err)
	}
	s.log.Info("a sweep is ordered", "asset", asset, "holdings", len(t.Holdings), "dear", dear, "actor", actor)
	s.hint()
	return t, nil
}

func (s *Service) sweepNow(ctx context.Context, asset chain.AssetID, dear bool, actor string) (SweepTerms, error) {
	if err := checkNote(actor, ""); err != nil {
		return SweepTerms{}, err
	}
	t, err := s.sweepTerms(ctx, asset)
	if err != nil {
		return SweepTerms{}, err
	}
	if stopped, err := s.Stopped(ctx, asset.Network()); err != nil || stopped != nil {
		return SweepTerms{}, cmp.Or(err, ErrStopped)
	}
	list := t.now
	if dear {
		list = append(list, t.dear...)
	}
	if len(list) == 0 {
		return SweepTerms{}, ErrTooDear
	}
	return t, s.change(ctx, orderName(asset), func(was []byte) ([]byte, error) {
		o, err := readOrder(was)
		if err != nil {
			return nil, err
		}
		for _, h := range list {
			if !slices.Contains(o.Holdings, h.Name) && len(o.Holdings) < 2*maxOrdered {
				o.Holdings = append(o.Holdings, h.Name)
			}
		}
		o.Dear, o.At, o.Actor = dear, s.now(), actor
		return json.Marshal(o)
	})
}

// orderName is the document of what is ordered to be swept of an asset.
func orderName(asset chain.AssetID) string { return "sweep/" + string(asset) }

func readOrder(value []byte) (o order, err error) {
	if value != nil {
		err = json.Unmarshal(value, &o)
	}
	return o, err
}

func (s *Service) sweepTerms(ctx context.Context, asset chain.AssetID) (SweepTerms, error) {
	n := s.networks[asset.Network()]
	if n == nil {
		return SweepTerms{}, ErrNetwork
	}
	sweeper, able := n.Spender.(Sweeper)
	if _, has := n.assets[asset]; !has || !able {
		return SweepTerms{}, refuse("Asset", string(asset), "is not swept")
	}
	r := &round{Service: s, n: n}
	free, err := r.deposits(ctx, asset)
	if err != nil {
		return SweepTerms{}, err
	}
	if len(free) == 0 {
		return SweepTerms{}, ErrNothingToSweep
	}
	t := SweepTerms{Asset: asset, Holdings: free, Units: new(big.Int), FeeAsset: n.Spender.FeeAsset(), Fee: new(big.Int), DearFee: new(big.Int)}
	for _, h := range free {
		if err := r.weigh(ctx, sweeper, h, &t); err != nil {
			return SweepTerms{}, err
		}
	}
	return t, nil
}

// deposits returns the largest holdings of the asset that are free at deposit addresses, of those that one round looks at.
func (r *round) deposits(ctx context.Context, asset chain.AssetID) ([]Holding, error) {
	var out []Holding
	after := ""
	for range sweepPages {
		page, err := r.cfg.Store.Holdings(ctx, r.n.id, after, holdingPage)
		if err != nil {
			return nil, fmt.Errorf("read holdings: %w", err)
		}
		for _, h := range page {
			if after = h.Name; h.Asset == asset && h.deposited() && h.Lock == "" && h.Units.Sign() > 0 {
				out = append(out, h)
			}
		}
		if len(page) < holdingPage {
			break
		}
	}
	slices.SortStableFunc(out, func(a, b Holding) int { return b.Units.Cmp(a.Units) })
	return out[:min(len(out), maxOrdered)], nil
}

// deposited reports whether the holding is at the address of an invoice.
func (h Holding) deposited() bool { return h.Branch == 0 && h.Wallet != "" }

// weigh adds to the terms what the sweep of one holding costs.
func (r *round) weigh(ctx context.Context, sweeper Sweeper, h Holding, t *SweepTerms) error {
	plan, purpose, err := r.planSweep(ctx, sweeper, trialWallet{r.wallet()}, h, SweepOrder{Now: true})
	t.Units.Add(t.Units, h.Units)
	switch {
	case errors.Is(err, ErrTooDear):
		t.TooDear++
		t.dear = append(t.dear, h)
		return r.weighDear(ctx, sweeper, h, t)
	case errors.Is(err, ErrNoCoins), errors.Is(err, ErrFeeTooHigh):
		t.Waiting++
	case err != nil:
		return err
	default:
		t.Fee.Add(t.Fee, plan.Version.Fee)
	}
	t.now = append(t.now, h)
	if purpose == PurposeTopUp {
		t.TopUps++
	}
	return nil
}

// weighDear adds to the terms what a sweep costs that is not worth its fee.
func (r *round) weighDear(ctx context.Context, sweeper Sweeper, h Holding, t *SweepTerms) error {
	plan, _, err := r.planSweep(ctx, sweeper, trialWallet{r.wallet()}, h, SweepOrder{Now: true, Dear: true})
	switch {
	case errors.Is(err, ErrNoCoins), errors.Is(err, ErrFeeTooHigh), errors.Is(err, ErrTooDear):
		t.Waiting++ // whatever the order
		return nil
	case err != nil:
		return err
	}
	t.DearFee.Add(t.DearFee, plan.Version.Fee)
	return nil
}

// planSweep asks the spender for a sweep. One that an operator ordered costs at most what a payout of the asset may cost.
func (r *round) planSweep(ctx context.Context, sweeper Sweeper, w Wallet, h Holding, o SweepOrder) (Plan, Purpose, error) {
	plan, purpose, err := sweeper.Sweep(ctx, w, h, o)
	if err != nil {
		return Plan{}, "", err
	}
	if most := r.n.assets[h.Asset].MaxFee; o.Now && !o.Dear && plan.Version.Fee.Cmp(most) > 0 {
		return Plan{}, "", fmt.Errorf("%w: %s, and AssetConfig.MaxFee is %s", ErrTooDear, plan.Version.Fee, most)
	}
	return plan, purpose, nil
}

// sweepOrdered begins the sweeps that an operator ordered.
func (r *round) sweepOrdered(ctx context.Context, sweeper Sweeper) error {
	var failed error
	for _, a := range r.n.Assets {
		if err := r.followOrder(ctx, sweeper, a.ID); err != nil {
			failed = errors.Join(failed, fmt.Errorf("payout: sweep what was ordered of %s: %w", a.ID, err))
		}
	}
	return failed
}

// followOrder begins the sweeps of an order, and takes from it what is done or cannot be. A holding whose address gets coins
// first stays in it.
func (r *round) followOrder(ctx context.Context, sweeper Sweeper, asset chain.AssetID) error {
	value, err := r.cfg.Store.Document(ctx, orderName(asset))
	if err != nil || value == nil {
		return err
	}
	o, err := readOrder(value)
	if err != nil {
		return err
	}
	if r.now().Sub(o.At) >= orderAge {
		return r.strike(ctx, asset, o.Holdings)
	}
	var gone []string
	var failed error
	begun := 0
	for _, name := range o.Holdings {
		if err := r.heed(ctx); err != nil || r.stopped || begun == maxSwept || ctx.Err() != nil {
			failed = errors.Join(failed, err)
			break
		}
		did, over, err := r.sweepOne(ctx, sweeper, asset, name, o)
		failed = errors.Join(failed, err)
		if over {
			gone = append(gone, name)
		}
		if did {
			begun++
		}
	}
	return errors.Join(failed, r.strike(ctx, asset, gone))
}

// sweepOne begins the sweep of one holding of an order. It reports whether it began something, and whether the holding has to
// be taken from the order.
func (r *round) sweepOne(ctx context.Context, sweeper Sweeper, asset chain.AssetID, name string, o order) (did, over bool, err error) {
	h, err := r.cfg.Store.Holding(ctx, r.n.id, name)
	switch {
	case errors.Is(err, ErrNotFound):
		return false, true, nil
	case err != nil:
		return false, false, err
	case h.Lock != "" || h.Asset != asset || !h.deposited():
		return false, h.Lock == "", nil
	}
	struck := func(purpose Purpose) ([]Document, error) {
		if purpose != PurposeSweep {
			return nil, nil
		}
		return r.without(ctx, asset, name)
	}
	purpose, err := r.sweep(ctx, sweeper, h, SweepOrder{Now: true, Dear: o.Dear}, struck)
	if errors.Is(err, ErrTooDear) {
		r.log.Warn("what was ordered to be swept costs too much by now", "network", r.n.id, "holding", name, "error", err)
		return false, true, nil
	}
	return purpose != "", false, err
}

// without returns the change of an order to what it is without a holding; none if there is no order any more.
func (r *round) without(ctx context.Context, asset chain.AssetID, name string) ([]Document, error) {
	was, err := r.cfg.Store.Document(ctx, orderName(asset))
	if err != nil || was == nil {
		return nil, err
	}
	next, err := strike(was, []string{name})
	return []Document{{Name: orderName(asset), Was: was, Value: next}}, err
}

// strike takes holdings from the order of an asset.
func (r *round) strike(ctx context.Context, asset chain.AssetID, names []string) error {
	if len(names) == 0 {
		return nil
	}
	return r.change(ctx, orderName(asset), func(was []byte) ([]byte, error) { return strike(was, names) })
}

func strike(was []byte, names []string) ([]byte, error) {
	o, err := readOrder(was)
	if err != nil {
		return nil, err
	}
	o.Holdings = slices.DeleteFunc(o.Holdings, func(name string) bool { return slices.Contains(names, name) })
	if len(o.Holdings) == 0 {
		return nil, nil
	}
	return json.Marshal(o)
}
