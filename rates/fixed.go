package rates

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/shopspring/decimal"
)

// Fixed returns constant rates, for tests, first steps, and a shop that sets its own
// prices. It is safe for concurrent use.
type Fixed struct {
	values map[Pair]decimal.Decimal
	now    func() time.Time
}

var _ Source = (*Fixed)(nil)

// NewFixed returns a source of the given values, which it copies. The Time of each
// rate is that of now, which defaults to time.Now.
func NewFixed(now func() time.Time, values map[Pair]decimal.Decimal) *Fixed {
	if now == nil {
		now = time.Now
	}
	return &Fixed{values: maps.Clone(values), now: now}
}

// Rate returns the rate of p without blocking. A pair that has no value, or whose
// value is not positive, wraps [ErrNoRate]. The rate of a currency in itself is 1.
func (f *Fixed) Rate(ctx context.Context, p Pair) (Rate, error) {
	if err := ctx.Err(); err != nil {
		return Rate{}, fmt.Errorf("rates: fixed rate of %s: %w", p, err)
	}
	if err := p.Validate(); err != nil {
		return Rate{}, err
	}
	if p.Base == p.Quote {
		return identity(p, f.now()), nil
	}
	value, ok := f.values[p]
	if !ok {
		return Rate{}, fmt.Errorf("%w for %s", ErrNoRate, p)
	}
	r := Rate{Pair: p, Value: value, Time: f.now(), Source: "fixed"}
	if err := r.Validate(); err != nil {
		return Rate{}, fmt.Errorf("%w for %s: %w", ErrNoRate, p, err)
	}
	return r, nil
}
