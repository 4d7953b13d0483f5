package rates

import (
	"errors"
	"fmt"
	"time"

	"github.com/shopspring/decimal"
)

// Bounds within which decimal arithmetic on a rate is cheap. They are far beyond any
// real price. With a number outside, such as 1e999999999, the first addition would
// allocate a billion digits.
const (
	maxText     = 100 // characters of a number
	maxBits     = 200 // of the coefficient, about 60 digits
	minExponent = -60
	maxExponent = 30
)

// maxAhead is how far in the future a source's clock may be.
const maxAhead = time.Minute

// ParseValue parses a number as price feeds write it, in plain or exponent notation
// ("67187.33", "1e-05"), exactly. What is not a number is an error, and so is a
// number of more than 100 characters, with a coefficient of more than 200 bits or
// with an exponent outside -60 to 30, since calculating with it may be costly. Zero
// and negative numbers are accepted; [Rate.Validate] refuses them.
func ParseValue(s string) (decimal.Decimal, error) {
	if len(s) > maxText {
		return decimal.Decimal{}, fmt.Errorf("rates: number of %d characters is too long", len(s))
	}
	v, err := decimal.NewFromString(s)
	if err != nil {
		return decimal.Decimal{}, fmt.Errorf("rates: %q is not a number", s)
	}
	if err := checkSize(v); err != nil {
		return decimal.Decimal{}, err
	}
	return v, nil
}

func checkSize(v decimal.Decimal) error {
	if e := v.Exponent(); e < minExponent || e > maxExponent {
		return fmt.Errorf("rates: exponent %d of a number is outside %d to %d", e, minExponent, maxExponent)
	}
	if bits := v.Coefficient().BitLen(); bits > maxBits {
		return fmt.Errorf("rates: number with a coefficient of %d bits is too long", bits)
	}
	return nil
}

// Validate returns an error if the value is not positive or has an absurd number of
// digits, if the time is missing or if the pair is invalid. It does not judge age or
// plausibility, which need a clock and other sources.
func (r Rate) Validate() error {
	if err := r.Pair.Validate(); err != nil {
		return err
	}
	if err := checkSize(r.Value); err != nil {
		return err
	}
	if r.Value.Sign() <= 0 {
		return fmt.Errorf("rates: value %s of %s is not positive", r.Value, r.Pair)
	}
	if r.Time.IsZero() {
		return fmt.Errorf("rates: rate of %s has no time", r.Pair)
	}
	return nil
}

// check returns why r is not acceptable as the rate of p at the time now, or nil.
func (r Rate) check(p Pair, now time.Time, maxAge time.Duration) error {
	if r.Pair != p {
		return fmt.Errorf("rate is for %.40q", r.Pair.String())
	}
	if err := r.Validate(); err != nil {
		return err
	}
	if ahead := r.Time.Sub(now); ahead > maxAhead {
		return fmt.Errorf("time %s is %s in the future", r.Time.UTC().Format(time.RFC3339), ahead)
	}
	if age := now.Sub(r.Time); age > maxAge {
		return fmt.Errorf("rate is %s old, more than %s", age, maxAge)
	}
	return nil
}

// identity returns the rate of a currency in itself, which needs no source.
func identity(p Pair, now time.Time) Rate {
	return Rate{Pair: p, Value: decimal.NewFromInt(1), Time: now, Source: "identity"}
}

// FromBidAsk returns the exact mean of the best bid and ask of a market. A market
// that is empty (a side that is not positive), crossed (bid above ask) or so thin
// that the ask is more than 10 % above the bid is an error.
func FromBidAsk(bid, ask decimal.Decimal) (decimal.Decimal, error) {
	if err := errors.Join(checkSize(bid), checkSize(ask)); err != nil {
		return decimal.Decimal{}, err
	}
	switch {
	case bid.Sign() <= 0 || ask.Sign() <= 0:
		return decimal.Decimal{}, fmt.Errorf("rates: bid %s or ask %s is not positive", bid, ask)
	case bid.GreaterThan(ask):
		return decimal.Decimal{}, fmt.Errorf("rates: bid %s is above ask %s", bid, ask)
	case ask.Sub(bid).GreaterThan(bid.Mul(decimal.New(1, -1))): // its middle would mean nothing
		return decimal.Decimal{}, fmt.Errorf("rates: ask %s is too far above bid %s", ask, bid)
	}
	return mid(bid, ask), nil
}

// mid returns the exact mean of two values: halving adds at most one digit, so
// nothing is rounded.
func mid(a, b decimal.Decimal) decimal.Decimal {
	if a.Equal(b) {
		return a
	}
	return a.Add(b).Mul(decimal.New(5, -1))
}
