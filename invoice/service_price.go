package invoice

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/cointill/cointill/rates"
)

// PaymentURI returns what a wallet scans to pay what remains of the invoice. It is empty when nothing remains, or when
// there is no address to pay to.
func (s *Service) PaymentURI(inv Invoice) (string, error) {
	units := inv.Remaining()
	if inv.Quote != nil && inv.Terms.Standing {
		return cmp.Or(inv.Quote.Text, string(inv.Quote.Address)), nil
	}
	if inv.Quote == nil || inv.Quote.Address == "" || units.Sign() == 0 || !inv.State.ReleasedAt.IsZero() {
		return "", nil // a released place may belong to another invoice by now
	}
	n := s.chains[inv.Network()]
	if n == nil || n.PaymentURI == nil {
		return cmp.Or(inv.Quote.Text, string(inv.Quote.Address)), nil
	}
	return n.PaymentURI(inv, units)
}

// Rates returns the price of one unit of each asset in the reference currency. Assets without a rate are left out.
func (s *Service) Rates(ctx context.Context) []rates.Rate {
	var out []rates.Rate
	if s.cfg.Reference == "" {
		return nil
	}
	for _, a := range s.prices.assets {
		r, err := s.prices.rate(ctx, "", a.Asset, s.cfg.Reference)
		if err != nil {
			s.log.Warn("no rate to list", "error", err)
			continue
		}
		r.Pair.Base = a.Code
		out = append(out, r)
	}
	return out
}

// FiatRates returns the price of one unit of an asset, by its code or id, in each fiat currency that has a rate: the
// reference currency first, and the others in the order of their codes. It returns nil for an unknown asset.
func (s *Service) FiatRates(ctx context.Context, asset string) []rates.Rate {
	a, known := s.prices.findAsset(asset)
	if !known {
		return nil
	}
	codes := slices.DeleteFunc(slices.Sorted(maps.Keys(s.cfg.Fiat)), func(code string) bool { return code == s.cfg.Reference })
	if s.cfg.Reference != "" {
		codes = slices.Insert(codes, 0, s.cfg.Reference)
	}
	var out []rates.Rate
	for _, code := range codes {
		r, err := s.prices.rate(ctx, "", a.Asset, code)
		if err != nil {
			s.log.Debug("no rate to list", "error", err)
			continue
		}
		r.Pair = rates.Pair{Base: a.Code, Quote: code}
		out = append(out, r)
	}
	return out
}

// FiatDecimals returns the number of decimals of a fiat code, and false for other codes.
func (s *Service) FiatDecimals(code string) (int32, bool) {
	decimals, ok := s.cfg.Fiat[code]
	return decimals, ok
}
