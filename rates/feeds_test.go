package rates_test

import (
	"context"
	"errors"
	"time"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/rates"
)

var (
	btcEUR = rates.Pair{Base: "BTC", Quote: "EUR"}
	ethEUR = rates.Pair{Base: "ETH", Quote: "EUR"}
	noon   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	errOff = errors.New("connection refused")
)

func atNoon() time.Time { return noon }

func dec(s string) decimal.Decimal { return decimal.RequireFromString(s) }

type sourceFunc func(context.Context, rates.Pair) (rates.Rate, error)

func (f sourceFunc) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) { return f(ctx, p) }

// says returns a source that has value for every pair, as of age before noon.
func says(value string, age time.Duration) rates.Source {
	return sourceFunc(func(_ context.Context, p rates.Pair) (rates.Rate, error) {
		return rates.Rate{Pair: p, Value: dec(value), Time: noon.Add(-age), Source: "feed"}, nil
	})
}

// fails returns a source that has err for every pair.
func fails(err error) rates.Source {
	return sourceFunc(func(context.Context, rates.Pair) (rates.Rate, error) { return rates.Rate{}, err })
}

// hangs returns a source that returns when ctx ends.
func hangs() rates.Source {
	return sourceFunc(func(ctx context.Context, _ rates.Pair) (rates.Rate, error) {
		<-ctx.Done()
		return rates.Rate{}, ctx.Err()
	})
}

// named names sources a, b, c and so on.
func named(sources ...rates.Source) []rates.Named {
	list := make([]rates.Named, len(sources))
	for i, s := range sources {
		list[i] = rates.Named{Name: string(rune('a' + i)), Source: s}
	}
	return list
}
