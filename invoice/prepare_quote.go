package invoice

import (
	"context"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

// checkPrice refuses an invalid price: not positive, too large, or with more decimals than its currency.
func (x *quoting) checkPrice(p Price) error {
	decimals, fiat := x.cfg.Fiat[p.Currency]
	if !fiat {
		a, known := x.findAsset(p.Currency)
		if !known {
			return refuse("Price.Currency", p.Currency, "is not supported")
		}
		decimals = int32(a.Decimals)
	}
	return CheckAmount("Price.Amount", p.Amount, decimals)
}

// quoting converts prices to amounts of assets, and values payments. It uses sources of rates, and no store.
type quoting struct {
	cfg    Config
	log    *slog.Logger
	assets []AssetConfig // in the order of the configuration
}

// findAsset returns the configured asset with the code or CAIP-19 id.
func (x *quoting) findAsset(name string) (AssetConfig, bool) {
	for _, a := range x.assets {
		if a.Code == name || string(a.ID) == name {
			return a, true
		}
	}
	return AssetConfig{}, false
}

// heldBack reports whether invoices may temporarily not ask for the asset.
func (x *quoting) heldBack(a AssetConfig) bool {
	return slices.ContainsFunc(x.cfg.Chains, func(c ChainConfig) bool {
		return c.Watcher.Network() == a.ID.Network() && holds(c.Watcher.Lag(), a.ID)
	})
}

// quote gives the invoice a quote that has no address yet: its price as an exact amount of an asset at the current
// rate, less the discount and with the payer's part of the commission.
func (x *quoting) quote(ctx context.Context, inv *Invoice, a AssetConfig, now time.Time) error {
	if x.heldBack(a) {
		return fmt.Errorf("invoice: %s: %w", a.Code, ErrHeldBack)
	}
	if inv.Terms.CommissionPercent = decimal.Zero; x.cfg.Commission != nil {
		inv.Terms.CommissionPercent = x.cfg.Commission(inv.Project, a.Asset)
	}
	q, err := x.quoted(ctx, *inv, a, now)
	if err != nil {
		return err
	}
	inv.Quote, inv.Terms = q, a.terms(inv.Terms, q.Due)
	return nil
}

func (x *quoting) quoted(ctx context.Context, inv Invoice, a AssetConfig, now time.Time) (*Quote, error) {
	q, p, from := &Quote{Asset: a.Asset, At: now}, inv.Price, inv.Terms.RateSource
	_, fiat := x.cfg.Fiat[p.Currency]
	// Percent of percent: the exact amount, a hundred times too large.
	hundredfold := p.Amount.Mul(hundred.Sub(inv.Terms.DiscountPercent)).Shift(int32(a.Decimals))
	if p.Currency == a.Code {
		if _, err := a.UnitsExact(p.Amount); err != nil {
			return nil, refuse("Price.Amount", valueOf(p.Amount), fmt.Sprintf("must not have more than %d decimals", a.Decimals))
		}
		q.Due = divideUp(hundredfold, hundred)
	} else {
		rate, err := x.rate(ctx, from, a.Asset, p.Currency)
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
	if x.cfg.Reference == "" || x.cfg.Rates == nil && from == "" {
		return q, nil // without a source or reference there is no fiat value, and none is needed
	}
	rate, err := x.rate(ctx, from, a.Asset, x.cfg.Reference)
	if err != nil {
		return nil, err
	}
	if q.Rate.Pair == (rates.Pair{}) {
		q.Rate = rate
	}
	q.Fiat = Price{x.cfg.Reference, a.Decimal(q.Due).Mul(rate.Value).RoundUp(x.cfg.Fiat[x.cfg.Reference])}
	return q, nil
}

// rate returns what an asset costs in a currency, from the source of the name, and refuses a rate that is not positive.
// A source that an invoice was quoted from and that is no longer configured is treated as one that fails.
func (x *quoting) rate(ctx context.Context, name string, a chain.Asset, currency string) (rates.Rate, error) {
	pair := rates.Pair{Base: x.symbol(string(a.ID), a.Code), Quote: x.symbol(currency, currency)}
	if pair.Base == pair.Quote { // one token on two networks, for example
		return rates.Rate{Pair: pair, Value: decimal.NewFromInt(1), Time: x.cfg.Now().UTC(), Source: "identity"}, nil
	}
	source := x.source(name)
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

// source returns the source of rates of the name, or nil if there is none.
func (x *quoting) source(name string) RateSource {
	if name == "" {
		return x.cfg.Rates
	}
	return x.cfg.RateSources[name]
}

// asker returns rates as quoting.rate does.
type asker func(ctx context.Context, name string, a chain.Asset, currency string) (rates.Rate, error)

// rateTime bounds how long a step waits for a rate, without which a payment in another asset is not credited yet.
const rateTime = 5 * time.Second

// remembering returns an asker that requests each rate once, and waits for none of them long: neither a sender of
// thousands of payments nor a source that hangs may hold up a network.
func (x *quoting) remembering() asker {
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
		rate, err := x.rate(ctx, name, a, currency)
		known[q] = answer{rate, err}
		return rate, err
	}
}

// symbol returns the name by which rate sources know an asset; for everything else, and for assets that are no longer
// configured, it returns other.
func (x *quoting) symbol(name, other string) string {
	if a, known := x.findAsset(name); known {
		return a.Symbol
	}
	return other
}

// weigh sets whether a payment is dust: less than the floor of its asset, and less than what is due.
func (x *quoting) weigh(inv Invoice, p Payment) Payment {
	a, known := x.findAsset(string(p.Asset))
	p.Dust = known && p.Units.Cmp(a.floorUnits()) < 0
	if q := inv.Quote; q != nil && p.Asset == q.Asset.ID && !inv.Terms.Standing && p.Units.Cmp(q.Due) >= 0 {
		p.Dust = false
	}
	return p
}

// value sets what a payment is worth in base units of the invoice's asset, as far as it needs rates and the source has
// them. What could not be valued is tried again with the next block.
func (x *quoting) value(ctx context.Context, inv Invoice, p Payment, ask asker) Payment {
	f := inv.facts()
	fold := foldActions(f.deadline, f.actions)
	if !p.needsValue(f, fold) {
		return p
	}
	if p.Credit == nil {
		if p.Asset == f.asset {
			p.Credit = new(big.Int).Set(p.Units)
		} else if x.source(inv.Terms.RateSource) == nil {
			p.Credit = new(big.Int) // without rates, another asset is worth nothing
		} else if worth, err := x.worth(ctx, inv, p, ask); err == nil {
			p.Credit = worth
		} else {
			x.log.Warn("payment in another asset waits for a rate", "invoice", inv.ID, "txid", p.Key.TxID, "error", err)
			return p
		}
	}
	if p.needsValue(f, fold) {
		if worth, err := x.worth(ctx, inv, p, ask); err == nil {
			p.Rerated = worth
		} else {
			x.log.Warn("late payment waits for a rate", "invoice", inv.ID, "txid", p.Key.TxID, "error", err)
		}
	}
	return p
}

// worth returns what a payment is worth now, rounded down. If the price is in another currency, the worth has the same
// proportion to the units that the price was quoted as, as the payment's value has to the price: a payer who pays
// exactly the price's worth has paid it, although what is due was rounded up. If the price is in the asset itself,
// current rates are used on both sides.
func (x *quoting) worth(ctx context.Context, inv Invoice, p Payment, ask asker) (*big.Int, error) {
	var paid AssetConfig
	for _, a := range x.assets {
		if a.ID == p.Asset {
			paid = a
		}
	}
	if paid.ID == "" {
		return nil, fmt.Errorf("invoice: %s is not configured: %w", p.Asset, rates.ErrNoRate)
	}
	due, currency := inv.Quote.Asset, inv.Price.Currency
	// The units and their price, the latter a hundred times too large because of the discount in percent.
	units, price := decimal.NewFromBigInt(inv.priceUnits(), 0), inv.Price.Amount.Mul(hundred.Sub(inv.Terms.DiscountPercent))
	if currency == due.Code {
		if paid.ID == due.ID {
			return new(big.Int).Set(p.Units), nil
		}
		currency = x.cfg.Reference
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
