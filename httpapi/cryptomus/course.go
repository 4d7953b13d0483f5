package cryptomus

import (
	"cmp"
	"context"
	"fmt"

	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

// course returns what one unit of a currency is worth, and what one unit of a coin costs, in the same currency: both
// positive. It returns an error that wraps rates.ErrNoRate if there is no rate. source is one of Config.RateSources, or empty
// for the rates of the Service.
func (a *api) course(ctx context.Context, code string, coin currency, source string) (worth, price decimal.Decimal, err error) {
	one := decimal.NewFromInt(1)
	_, fiat := a.service.FiatDecimals(code)
	switch {
	case source != "":
		price, err = a.courseOf(ctx, source, rates.Pair{Base: symbol(coin), Quote: a.symbolOf(code)})
		return one, price, err
	case fiat:
		for _, rate := range a.service.FiatRates(ctx, string(coin.Asset.ID)) {
			if rate.Pair.Quote == code {
				return one, rate.Value, nil
			}
		}
	default:
		for _, rate := range a.service.Rates(ctx) {
			switch named := a.cfg.Format.code(rate.Pair.Base); {
			case rate.Pair.Base == coin.Asset.Code:
				price = rate.Value
			case named == code:
				worth = rate.Value
			}
		}
	}
	if worth.Sign() <= 0 || price.Sign() <= 0 {
		return worth, price, fmt.Errorf("cryptomus: course of %s in %s: %w", coin.Asset.Code, code, rates.ErrNoRate)
	}
	return worth, price, nil
}

// courseOf returns a rate of a named source.
func (a *api) courseOf(ctx context.Context, source string, pair rates.Pair) (decimal.Decimal, error) {
	if pair.Base == pair.Quote {
		return decimal.NewFromInt(1), nil
	}
	rate, err := a.cfg.RateSources[source].Rate(ctx, pair)
	if err == nil && rate.Value.Sign() <= 0 {
		err = rates.ErrNoRate
	}
	if err != nil {
		return decimal.Zero, fmt.Errorf("cryptomus: course of %s: %w", pair, err)
	}
	return rate.Value, nil
}

// symbol returns the name by which sources of rates know a coin.
func symbol(c currency) string { return cmp.Or(c.asset.Symbol, c.Asset.Code) }

// symbolOf returns the name by which sources of rates know a code on the wire.
func (a *api) symbolOf(code string) string {
	if coins := a.find(code, ""); len(coins) > 0 {
		return symbol(coins[0])
	}
	return code
}
