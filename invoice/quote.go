package invoice

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

// maxAmount bounds prices: more than anything in the world costs, in any currency, and small enough
// that arithmetic stays cheap.
var maxAmount = decimal.New(1, 18)

// checkPrice refuses what cannot be a price: not positive, too large, or with more decimals than its
// currency.
func (s *Service) checkPrice(p Price) error {
	decimals, fiat := s.cfg.Fiat[p.Currency]
	field := "fiat_amount"
	if !fiat {
		field = "crypto_amount"
		a, known := s.findAsset(p.Currency)
		if !known {
			return &InvalidError{"currency", fmt.Sprintf("%.32q is not supported", p.Currency)}
		}
		decimals = int32(a.Decimals)
	}
	return CheckAmount(field, p.Amount, decimals)
}

// CheckAmount refuses, with an [InvalidError] for the field, an amount that is not positive, is larger
// than any price, or has more decimals than given. It is safe for numbers with absurd exponents.
func CheckAmount(field string, amount decimal.Decimal, decimals int32) error {
	if amount.Sign() <= 0 {
		return &InvalidError{field, "must be positive"}
	}
	// The exponent is looked at first, because comparing would write out all its digits.
	exponent := int64(amount.Exponent())
	if exponent >= -100 && int64(amount.NumDigits())+exponent > 19 {
		return &InvalidError{field, "is too large"}
	}
	if exponent < -100 || !amount.Equal(amount.Truncate(decimals)) {
		return &InvalidError{field, fmt.Sprintf("must not have more than %d decimals", decimals)}
	}
	if amount.GreaterThan(maxAmount) {
		return &InvalidError{field, "is too large"}
	}
	return nil
}

// quote turns a price into an exact amount of an asset at the rate of now. It has no address yet.
func (s *Service) quote(ctx context.Context, p Price, a AssetConfig, now time.Time) (*Quote, error) {
	q := &Quote{Asset: a.Asset, At: now}
	_, fiat := s.cfg.Fiat[p.Currency]
	if p.Currency == a.Code {
		units, err := a.UnitsExact(p.Amount)
		if err != nil {
			return nil, &InvalidError{"crypto_amount", fmt.Sprintf("must not have more than %d decimals", a.Decimals)}
		}
		q.Due = units
	} else {
		rate, err := s.rate(ctx, rates.Pair{Base: a.Code, Quote: p.Currency})
		if err != nil {
			return nil, err
		}
		q.Rate, q.Due = rate, divideUp(p.Amount.Shift(int32(a.Decimals)), rate.Value)
	}
	if err := a.checkDue(q.Due); err != nil {
		return nil, err
	}
	if fiat {
		q.Fiat = p
		return q, nil
	}
	rate, err := s.rate(ctx, rates.Pair{Base: a.Code, Quote: s.cfg.Reference})
	if err != nil {
		return nil, err
	}
	if q.Rate.Pair == (rates.Pair{}) {
		q.Rate = rate
	}
	q.Fiat = Price{s.cfg.Reference, a.Decimal(q.Due).Mul(rate.Value).RoundUp(s.cfg.Fiat[s.cfg.Reference])}
	return q, nil
}

// checkDue refuses what nobody could pay.
func (a AssetConfig) checkDue(due *big.Int) error {
	if least := a.minimumUnits(); due.Cmp(least) < 0 {
		return &InvalidError{"amount", fmt.Sprintf("is less than the minimum of %s %s", a.Decimal(least), a.Code)}
	}
	return nil
}

// minimumUnits is the least that can be asked for, at least one base unit.
func (a AssetConfig) minimumUnits() *big.Int {
	units := a.UnitsUp(a.Minimum)
	if units.Sign() <= 0 {
		units.SetInt64(1)
	}
	return units
}

// rate asks the source, and trusts nothing that is not positive.
func (s *Service) rate(ctx context.Context, pair rates.Pair) (rates.Rate, error) {
	if s.cfg.Rates == nil {
		return rates.Rate{}, fmt.Errorf("invoice: rate of %s: no source: %w", pair, rates.ErrNoRate)
	}
	r, err := s.cfg.Rates.Rate(ctx, pair)
	if err != nil {
		return rates.Rate{}, fmt.Errorf("invoice: rate of %s: %w", pair, err)
	}
	if r.Value.Sign() <= 0 {
		return rates.Rate{}, fmt.Errorf("invoice: rate of %s is %s: %w", pair, r.Value, rates.ErrNoRate)
	}
	return r, nil
}

// divideUp divides two positive numbers and rounds up to a whole one.
func divideUp(a, b decimal.Decimal) *big.Int {
	quotient, rest := a.QuoRem(b, 0)
	if rest.Sign() > 0 {
		quotient = quotient.Add(decimal.NewFromInt(1))
	}
	return quotient.BigInt()
}

// divideDown divides two positive numbers and rounds down to a whole one.
func divideDown(a, b decimal.Decimal) *big.Int {
	quotient, _ := a.QuoRem(b, 0)
	return quotient.BigInt()
}

// value sets what a payment is worth in base units of the invoice's asset, as far as it needs rates
// and the source has them. What could not be valued is tried again with the next block.
func (s *Service) value(ctx context.Context, inv Invoice, p Payment) Payment {
	f := inv.facts()
	fold := foldActions(f.deadline, f.actions)
	if !p.needsValue(f, fold) {
		return p
	}
	if p.Credit == nil {
		if p.Asset == f.asset {
			p.Credit = new(big.Int).Set(p.Units)
		} else if worth, err := s.worth(ctx, inv, p); err == nil {
			p.Credit = worth
		} else {
			s.log.Warn("payment in another asset waits for a rate", "invoice", inv.ID, "txid", p.Key.TxID, "error", err)
			return p
		}
	}
	if p.needsValue(f, fold) {
		if worth, err := s.worth(ctx, inv, p); err == nil {
			p.Rerated = worth
		} else {
			s.log.Warn("late payment waits for a rate", "invoice", inv.ID, "txid", p.Key.TxID, "error", err)
		}
	}
	return p
}

// worth is what a payment is worth now. Against a price in another currency the quoted rate stands for
// the invoice's asset, so that who pays the price's worth has paid the price; against a price in
// the asset itself the rates of now stand on both sides.
func (s *Service) worth(ctx context.Context, inv Invoice, p Payment) (*big.Int, error) {
	var paid AssetConfig
	for _, a := range s.assets {
		if a.ID == p.Asset {
			paid = a
		}
	}
	if paid.ID == "" {
		return nil, fmt.Errorf("invoice: %s is not configured: %w", p.Asset, rates.ErrNoRate)
	}
	due, currency := inv.Quote.Asset, inv.Price.Currency
	quoted := inv.Quote.Rate
	if currency == due.Code {
		if paid.ID == due.ID {
			return new(big.Int).Set(p.Units), nil
		}
		currency = s.cfg.Reference
		var err error
		if quoted, err = s.rate(ctx, rates.Pair{Base: due.Code, Quote: currency}); err != nil {
			return nil, err
		}
	}
	now := rates.Rate{Value: decimal.NewFromInt(1)}
	if paid.Code != currency {
		var err error
		if now, err = s.rate(ctx, rates.Pair{Base: paid.Code, Quote: currency}); err != nil {
			return nil, err
		}
	}
	worth := paid.Decimal(p.Units).Mul(now.Value).Shift(int32(due.Decimals))
	return divideDown(worth, quoted.Value), nil
}

// PaymentURI is what a wallet scans to pay what remains of the invoice; empty when nothing remains, or
// when there is no address to pay to.
func (s *Service) PaymentURI(inv Invoice) (string, error) {
	units := inv.Remaining()
	if inv.Quote == nil || inv.Quote.Address == "" || units.Sign() == 0 {
		return "", nil
	}
	n := s.chains[inv.Network()]
	if n == nil || n.PaymentURI == nil {
		return string(inv.Quote.Address), nil
	}
	return n.PaymentURI(inv.Quote.Asset, inv.Quote.Address, units)
}

// Rates answers what one unit of each asset costs in the reference currency. Assets without a rate
// are left out.
func (s *Service) Rates(ctx context.Context) []rates.Rate {
	var out []rates.Rate
	for _, a := range s.assets {
		r, err := s.rate(ctx, rates.Pair{Base: a.Code, Quote: s.cfg.Reference})
		if err != nil {
			s.log.Warn("no rate to list", "error", err)
			continue
		}
		out = append(out, r)
	}
	return out
}

// FiatDecimals answers how many decimals a fiat code has; false for other codes.
func (s *Service) FiatDecimals(code string) (int32, bool) {
	decimals, ok := s.cfg.Fiat[code]
	return decimals, ok
}

// terms completes terms with what the asset and the amount due decide.
func (a AssetConfig) terms(t Terms, due *big.Int) Terms {
	t.Minimum = a.minimumUnits()
	t.Confirm = a.confirm(a.Decimal(due))
	return t
}

// chainClock answers the clock of a network as the store has it.
func (s *Service) chainClock(ctx context.Context, id chain.Network) (clock, error) {
	c := clock{now: s.cfg.Now().UTC()}
	if id == "" {
		return c, nil
	}
	p, err := s.cfg.Store.Network(ctx, id)
	if err != nil {
		return clock{}, fmt.Errorf("invoice: read progress of %s: %w", id, err)
	}
	c.head = p.Head
	return c, nil
}
