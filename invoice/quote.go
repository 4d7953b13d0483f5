package invoice

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
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
	if !fiat {
		a, known := s.findAsset(p.Currency)
		if !known {
			return refuse("Price.Currency", p.Currency, "is not supported")
		}
		decimals = int32(a.Decimals)
	}
	return CheckAmount("Price.Amount", p.Amount, decimals)
}

// CheckAmount refuses, with an [InvalidError] for the field, an amount that is not positive, is larger
// than any price, or has more decimals than given. It is safe for numbers with absurd exponents.
func CheckAmount(field string, amount decimal.Decimal, decimals int32) error {
	if amount.Sign() <= 0 {
		return refuse(field, valueOf(amount), "must be positive")
	}
	// The exponent is looked at first, because comparing would write out all its digits.
	exponent := int64(amount.Exponent())
	if exponent >= -100 && int64(amount.NumDigits())+exponent > 19 {
		return refuse(field, valueOf(amount), "is too large")
	}
	if exponent < -100 || !amount.Equal(amount.Truncate(decimals)) {
		return refuse(field, valueOf(amount), fmt.Sprintf("must not have more than %d decimals", decimals))
	}
	if amount.GreaterThan(maxAmount) {
		return refuse(field, valueOf(amount), "is too large")
	}
	return nil
}

// quote gives the invoice a quote without an address yet: its price as an exact amount of an asset at the rate
// of now, less the discount and with the payer's part of the commission.
func (s *Service) quote(ctx context.Context, inv *Invoice, a AssetConfig, now time.Time) error {
	if n := s.chains[a.ID.Network()]; n != nil && holds(n.Watcher.Lag(), a.ID) {
		return fmt.Errorf("invoice: %s: %w", a.Code, ErrHeldBack)
	}
	if inv.Terms.CommissionPercent = decimal.Zero; s.cfg.Commission != nil {
		inv.Terms.CommissionPercent = s.cfg.Commission(inv.Project, a.Asset)
	}
	q, err := s.quoted(ctx, *inv, a, now)
	if err != nil {
		return err
	}
	inv.Quote, inv.Terms = q, a.terms(inv.Terms, q.Due)
	return nil
}

func (s *Service) quoted(ctx context.Context, inv Invoice, a AssetConfig, now time.Time) (*Quote, error) {
	q, p, from := &Quote{Asset: a.Asset, At: now}, inv.Price, inv.Terms.RateSource
	_, fiat := s.cfg.Fiat[p.Currency]
	// Percent of percent: the exact amount, a hundred times too large.
	hundredfold := p.Amount.Mul(hundred.Sub(inv.Terms.DiscountPercent)).Shift(int32(a.Decimals))
	if p.Currency == a.Code {
		if _, err := a.UnitsExact(p.Amount); err != nil {
			return nil, refuse("Price.Amount", valueOf(p.Amount), fmt.Sprintf("must not have more than %d decimals", a.Decimals))
		}
		q.Due = divideUp(hundredfold, hundred)
	} else {
		rate, err := s.rate(ctx, from, a.Asset, p.Currency)
		if err != nil {
			return nil, err
		}
		q.Rate, q.Due = rate, divideUp(hundredfold, rate.Value.Mul(hundred))
	}
	inv.Terms.charge(q)
	q.Due = a.payable(q.Due)
	if err := a.checkDue(q.Due, p.Amount); err != nil {
		return nil, err
	}
	if fiat {
		q.Fiat = p
		return q, nil
	}
	if s.cfg.Reference == "" || s.cfg.Rates == nil && from == "" {
		return q, nil // nobody says what it is worth in fiat, and nobody has to
	}
	rate, err := s.rate(ctx, from, a.Asset, s.cfg.Reference)
	if err != nil {
		return nil, err
	}
	if q.Rate.Pair == (rates.Pair{}) {
		q.Rate = rate
	}
	q.Fiat = Price{s.cfg.Reference, a.Decimal(q.Due).Mul(rate.Value).RoundUp(s.cfg.Fiat[s.cfg.Reference])}
	return q, nil
}

// charge adds the payer's part of the commission to what is due. Both round up.
func (t Terms) charge(q *Quote) {
	if t.CommissionPercent.Sign() <= 0 {
		return
	}
	q.Fee = divideUp(decimal.NewFromBigInt(q.Due, 0).Mul(t.CommissionPercent), hundred)
	q.Due.Add(q.Due, divideUp(decimal.NewFromBigInt(q.Fee, 0).Mul(t.PayerPercent), hundred))
}

// checkDue refuses what nobody could pay.
func (a AssetConfig) checkDue(due *big.Int, price decimal.Decimal) error {
	if least := a.minimumUnits(); due.Cmp(least) < 0 {
		bad := refuse("Price.Amount", valueOf(price), fmt.Sprintf("is less than the minimum of %s %s", a.Decimal(least), a.Code))
		bad.cause = ErrBelowMinimum
		return bad
	}
	return nil
}

// doubleDigits is how many decimal digits every double keeps: the text of such a number, read as a double and written
// again, is the same.
const doubleDigits = 15

// stepUnits is the step that an amount of so many base units is a multiple of when a payer is asked for it: the
// configured one, times what power of ten it takes for the amount to have no more than [doubleDigits].
func (a AssetConfig) stepUnits(units *big.Int) *big.Int {
	step, ten := a.UnitsUp(a.Step), big.NewInt(10)
	last := big.NewInt(1) // the weight of the last digit that an amount of whole steps may have
	for next := big.NewInt(10); new(big.Int).Rem(step, next).Sign() == 0; next = new(big.Int).Mul(next, ten) {
		last = next
	}
	most := new(big.Int).Exp(ten, big.NewInt(doubleDigits), nil)
	for most.Mul(most, last); units.Cmp(most) >= 0; most.Mul(most, ten) {
		step.Mul(step, ten)
	}
	return step
}

// StepDecimals is how many decimals the amounts have at most that payers are asked for: those of the Step.
func (a AssetConfig) StepDecimals() int32 { return max(0, -a.Step.Exponent()) }

// payable rounds up to an amount that a payer can type and a double can hold.
func (a AssetConfig) payable(units *big.Int) *big.Int { return roundUp(units, a.stepUnits(units)) }

// roundUp rounds a positive amount up to a multiple of the step; nil is 1.
func roundUp(units, step *big.Int) *big.Int {
	if step == nil {
		return units
	}
	rest := new(big.Int).Rem(units, step)
	if rest.Sign() == 0 {
		return units
	}
	return new(big.Int).Add(units, rest.Sub(step, rest))
}

// floorUnits is the least that a payment decides anything with, in base units.
func (a AssetConfig) floorUnits() *big.Int { return a.UnitsUp(a.Floor) }

// minimumUnits is the least that can be asked for, at least one base unit.
func (a AssetConfig) minimumUnits() *big.Int {
	units := a.UnitsUp(a.Minimum)
	if units.Sign() <= 0 {
		units.SetInt64(1)
	}
	return units
}

// rate asks the source of the name what an asset costs in a currency, and trusts nothing that is not positive. A
// source that an invoice was quoted from and that is no longer configured is as good as one that fails.
func (s *Service) rate(ctx context.Context, name string, a chain.Asset, currency string) (rates.Rate, error) {
	pair := rates.Pair{Base: s.symbol(string(a.ID), a.Code), Quote: s.symbol(currency, currency)}
	if pair.Base == pair.Quote { // one token on two networks
		return rates.Rate{Pair: pair, Value: decimal.NewFromInt(1), Time: s.cfg.Now().UTC(), Source: "identity"}, nil
	}
	source := s.source(name)
	if source == nil {
		return rates.Rate{}, fmt.Errorf("invoice: rate of %s: no source: %w", pair, rates.ErrNoRate)
	}
	r, err := source.Rate(ctx, pair)
	if err != nil {
		return rates.Rate{}, fmt.Errorf("invoice: rate of %s: %w", pair, err)
	}
	if r.Value.Sign() <= 0 {
		return rates.Rate{}, fmt.Errorf("invoice: rate of %s is %s: %w", pair, r.Value, rates.ErrNoRate)
	}
	return r, nil
}

// source is the source of rates of the name; nil when there is none.
func (s *Service) source(name string) RateSource {
	if name == "" {
		return s.cfg.Rates
	}
	return s.cfg.RateSources[name]
}

// asker answers rates as Service.rate does.
type asker func(ctx context.Context, name string, a chain.Asset, currency string) (rates.Rate, error)

// rateTime bounds how long a step waits for a rate, without which a payment in another asset is not credited yet.
const rateTime = 5 * time.Second

// remembering asks for each rate once, and waits for none of them long: whoever sends coins by the thousand, or a source
// that hangs, must not hold up a network.
func (s *Service) remembering() asker {
	type question struct {
		name, currency string
		asset          chain.AssetID
	}
	type answer struct {
		rate rates.Rate
		err  error
	}
	known := map[question]answer{}
	return func(ctx context.Context, name string, a chain.Asset, currency string) (rates.Rate, error) {
		q := question{name, currency, a.ID}
		if got, asked := known[q]; asked {
			return got.rate, got.err
		}
		ctx, cancel := context.WithTimeout(ctx, rateTime)
		defer cancel()
		rate, err := s.rate(ctx, name, a, currency)
		known[q] = answer{rate, err}
		return rate, err
	}
}

// symbol is what rates know an asset by; for all else, and for assets that are no longer configured, it is the
// other text.
func (s *Service) symbol(name, other string) string {
	if a, known := s.findAsset(name); known {
		return a.Symbol
	}
	return other
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

// weigh says whether a payment is dust: less than the floor of its asset, and less than what is due.
func (s *Service) weigh(inv Invoice, p Payment) Payment {
	a, known := s.findAsset(string(p.Asset))
	p.Dust = known && p.Units.Cmp(a.floorUnits()) < 0
	if q := inv.Quote; q != nil && p.Asset == q.Asset.ID && !inv.Terms.Standing && p.Units.Cmp(q.Due) >= 0 {
		p.Dust = false
	}
	return p
}

// value sets what a payment is worth in base units of the invoice's asset, as far as it needs rates
// and the source has them. What could not be valued is tried again with the next block.
func (s *Service) value(ctx context.Context, inv Invoice, p Payment, ask asker) Payment {
	f := inv.facts()
	fold := foldActions(f.deadline, f.actions)
	if !p.needsValue(f, fold) {
		return p
	}
	if p.Credit == nil {
		if p.Asset == f.asset {
			p.Credit = new(big.Int).Set(p.Units)
		} else if s.source(inv.Terms.RateSource) == nil {
			p.Credit = new(big.Int) // a shop without rates takes nothing for another asset
		} else if worth, err := s.worth(ctx, inv, p, ask); err == nil {
			p.Credit = worth
		} else {
			s.log.Warn("payment in another asset waits for a rate", "invoice", inv.ID, "txid", p.Key.TxID, "error", err)
			return p
		}
	}
	if p.needsValue(f, fold) {
		if worth, err := s.worth(ctx, inv, p, ask); err == nil {
			p.Rerated = worth
		} else {
			s.log.Warn("late payment waits for a rate", "invoice", inv.ID, "txid", p.Key.TxID, "error", err)
		}
	}
	return p
}

// worth is what a payment is worth now, rounded down. Against a price in another currency it is the same part of the
// units that the price was quoted as, as its value is of the price: who pays exactly the price's worth has paid
// it, although what is due was rounded up. Against a price in the asset itself the rates of now stand on
// both sides.
func (s *Service) worth(ctx context.Context, inv Invoice, p Payment, ask asker) (*big.Int, error) {
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
	// What so many units are worth in the currency, a hundred times too large like the price less its discount.
	units, price := decimal.NewFromBigInt(inv.priceUnits(), 0), inv.Price.Amount.Mul(hundred.Sub(inv.Terms.DiscountPercent))
	if currency == due.Code {
		if paid.ID == due.ID {
			return new(big.Int).Set(p.Units), nil
		}
		currency = s.cfg.Reference
		quoted, err := ask(ctx, inv.Terms.RateSource, due, currency)
		if err != nil {
			return nil, err
		}
		units, price = decimal.New(1, int32(due.Decimals)), quoted.Value.Mul(hundred)
	}
	now := rates.Rate{Value: decimal.NewFromInt(1)}
	if paid.Code != currency {
		var err error
		if now, err = ask(ctx, inv.Terms.RateSource, paid.Asset, currency); err != nil {
			return nil, err
		}
	}
	return divideDown(paid.Decimal(p.Units).Mul(now.Value).Mul(hundred).Mul(units), price), nil
}

// priceUnits is what the price alone is in base units: what is due without the payer's part of the commission.
func (inv Invoice) priceUnits() *big.Int {
	return new(big.Int).Sub(inv.Quote.Due, divideUp(decimal.NewFromBigInt(orZero(inv.Quote.Fee), 0).Mul(inv.Terms.PayerPercent), hundred))
}

// PaymentURI is what a wallet scans to pay what remains of the invoice; empty when nothing remains, or
// when there is no address to pay to.
func (s *Service) PaymentURI(inv Invoice) (string, error) {
	units := inv.Remaining()
	if inv.Quote != nil && inv.Terms.Standing {
		return string(inv.Quote.Address), nil
	}
	if inv.Quote == nil || inv.Quote.Address == "" || units.Sign() == 0 || !inv.State.ReleasedAt.IsZero() {
		return "", nil // also when the place may be somebody else's by now
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
	if s.cfg.Reference == "" {
		return nil
	}
	for _, a := range s.assets {
		r, err := s.rate(ctx, "", a.Asset, s.cfg.Reference)
		if err != nil {
			s.log.Warn("no rate to list", "error", err)
			continue
		}
		r.Pair.Base = a.Code
		out = append(out, r)
	}
	return out
}

// FiatRates returns what one unit of an asset, by its code or id, costs in each fiat currency that there is a rate for: the
// reference currency first, and the others in the order of their codes. It returns nothing for an unknown asset.
func (s *Service) FiatRates(ctx context.Context, asset string) []rates.Rate {
	a, known := s.findAsset(asset)
	if !known {
		return nil
	}
	codes := slices.DeleteFunc(slices.Sorted(maps.Keys(s.cfg.Fiat)), func(code string) bool { return code == s.cfg.Reference })
	if s.cfg.Reference != "" {
		codes = slices.Insert(codes, 0, s.cfg.Reference)
	}
	var out []rates.Rate
	for _, code := range codes {
		r, err := s.rate(ctx, "", a.Asset, code)
		if err != nil {
			s.log.Debug("no rate to list", "error", err)
			continue
		}
		r.Pair = rates.Pair{Base: a.Code, Quote: code}
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
	t.Minimum, t.Step = a.minimumUnits(), a.stepUnits(due)
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
