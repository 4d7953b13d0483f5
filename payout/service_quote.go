package payout

import (
	"context"
	"fmt"
	"math/big"
)

// Assets returns the assets that can be paid out, in the order of the configuration.
func (s *Service) Assets() []AssetConfig {
	var out []AssetConfig
	for _, n := range s.order {
		for _, a := range n.Assets {
			a.MaxFee = new(big.Int).Set(a.MaxFee)
			out = append(out, a)
		}
	}
	return out
}

// Quote returns the payout that [Service.Request] would make now, and stores nothing: what the receiver would get, and what
// would be reserved for the fee. It needs no Key, and checks the receiver only if there is one. It does not look at
// balances, limits or policies. Its other refusals are those of Request.
func (s *Service) Quote(ctx context.Context, r Request) (Payout, error) {
	orDefault(&r.Kind, KindPayout)
	if err := checkUnits(r.Units); err != nil {
		return Payout{}, fmt.Errorf("payout: quote: %w", err)
	}
	n, p, err := s.draft(r)
	if err == nil && r.To != "" {
		err = s.receiver(ctx, n, &p, r.To)
	}
	if err != nil {
		return Payout{}, fmt.Errorf("payout: quote: %w", err)
	}
	return p, nil
}

// PayoutByKey returns the payout of the project that has the key, or ErrNotFound.
func (s *Service) PayoutByKey(ctx context.Context, project, key string) (Payout, error) {
	p, err := s.cfg.Store.PayoutBy(ctx, Reference{Project: project, Key: key})
	if err != nil {
		return Payout{}, fmt.Errorf("payout: payout with key %q: %w", key, err)
	}
	return p, nil
}

// Charged returns what the project pays for the network, in base units of FeeAsset: the greatest fee until the payout has
// ended, and then what the network took. It is 0 where the operator pays, and never nil.
func (p Payout) Charged() *big.Int {
	switch {
	case p.Payer.Project == "":
		return new(big.Int)
	case p.State.Status.Ended():
		return new(big.Int).Set(orZero(p.State.Paid))
	}
	return new(big.Int).Set(orZero(p.Fee))
}

// Formats returns the values of Request.Format that the Notifier supports, the first of which is the default; nil without a
// Notifier.
func (s *Service) Formats() []string {
	if s.cfg.Notifier == nil {
		return nil
	}
	return s.cfg.Notifier.Formats()
}
