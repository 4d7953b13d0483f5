package ratestest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
)

var (
	known   = rates.Pair{Base: "BTC", Quote: "EUR"}
	unknown = rates.Pair{Base: "NOCOIN", Quote: "EUR"}
	value   = decimal.RequireFromString("58000.5")
)

type sourceFunc func(context.Context, rates.Pair) (rates.Rate, error)

func (f sourceFunc) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) { return f(ctx, p) }

func good() rates.Source {
	return rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{known: value})
}

// altered returns a good source whose rates a mistake has changed.
func altered(change func(*rates.Rate)) rates.Source {
	return sourceFunc(func(ctx context.Context, p rates.Pair) (rates.Rate, error) {
		r, err := good().Rate(ctx, p)
		if err == nil {
			change(&r)
		}
		return r, err
	})
}

func TestASourceThatKeepsTheContractPasses(t *testing.T) {
	Run(t, func(*testing.T) rates.Source { return good() }, Setup{
		Known: known, Value: value, Unknown: unknown,
		Stalled: func(*testing.T) rates.Source {
			return sourceFunc(func(ctx context.Context, _ rates.Pair) (rates.Rate, error) {
				<-ctx.Done()
				return rates.Rate{}, ctx.Err()
			})
		},
	})
}

func TestEachBrokenClauseIsFound(t *testing.T) {
	for _, tc := range []struct {
		rule   string
		broken string
		source rates.Source
	}{
		{"known pair", "another pair", altered(func(r *rates.Rate) { r.Pair = unknown })},
		{"known pair", "inverted", altered(func(r *rates.Rate) { r.Value = decimal.RequireFromString("0.00001724") })},
		{"known pair", "zero", altered(func(r *rates.Rate) { r.Value = decimal.Zero })},
		{"known pair", "no time", altered(func(r *rates.Rate) { r.Time = time.Time{} })},
		{"known pair", "milliseconds taken for seconds", altered(func(r *rates.Rate) { r.Time = r.Time.AddDate(50000, 0, 0) })},
		{"known pair", "no source", altered(func(r *rates.Rate) { r.Source = "" })},
		{"known pair", "always fails", sourceFunc(func(context.Context, rates.Pair) (rates.Rate, error) {
			return rates.Rate{}, errors.New("down")
		})},
		{"unknown pair", "knows everything", sourceFunc(func(_ context.Context, p rates.Pair) (rates.Rate, error) {
			return rates.Rate{Pair: p, Value: value, Time: time.Now(), Source: "x"}, nil
		})},
		{"unknown pair", "untyped error", sourceFunc(func(context.Context, rates.Pair) (rates.Rate, error) {
			return rates.Rate{}, errors.New("no such market")
		})},
		{"malformed pair", "untyped error", sourceFunc(func(ctx context.Context, p rates.Pair) (rates.Rate, error) {
			if p.Validate() != nil {
				return rates.Rate{}, errors.New("malformed")
			}
			return good().Rate(ctx, p)
		})},
		{"ended context", "untyped error", sourceFunc(func(ctx context.Context, p rates.Pair) (rates.Rate, error) {
			if ctx.Err() != nil {
				return rates.Rate{}, errors.New("gone")
			}
			return good().Rate(ctx, p)
		})},
		{"ended context", "remembers the end", poisoned()},
		{"concurrent use", "fails always", sourceFunc(func(context.Context, rates.Pair) (rates.Rate, error) {
			return rates.Rate{}, errors.New("busy")
		})},
	} {
		t.Run(tc.rule+"/"+tc.broken, func(t *testing.T) {
			setup := Setup{Known: known, Value: value, Unknown: unknown, Now: time.Now}
			for _, r := range rules() {
				if r.name == tc.rule {
					require.Error(t, r.check(t.Context(), tc.source, setup))
					return
				}
			}
			t.Fatalf("there is no rule %q", tc.rule)
		})
	}
}

// poisoned keeps the first error for ever.
func poisoned() rates.Source {
	var kept error
	return sourceFunc(func(ctx context.Context, p rates.Pair) (rates.Rate, error) {
		if kept == nil {
			kept = ctx.Err()
		}
		if kept != nil {
			return rates.Rate{}, kept
		}
		return good().Rate(ctx, p)
	})
}
