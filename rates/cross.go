package rates

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shopspring/decimal"
)

// CrossConfig configures [NewCross].
type CrossConfig struct {
	// Via are the currencies between the two of a pair, in order. One to three
	// are required, all different. A stable coin is a currency of its own:
	// {"USDT", "USD"} goes from a coin to dollars with a leg that prices
	// USDT, and {"USD"} cannot use a USDT market at all.
	Via []string
	// Legs has one element more than Via: the first prices the base of a pair
	// in Via[0], the next Via[0] in Via[1], the last the last of Via in the
	// quote.
	Legs []Leg
	// Bounds are the ranges outside which values are refused, both of a leg, by
	// the pair that its source is asked for, and of the result. A pair without
	// an entry is not bounded. With a range for USDT/USD, nothing is priced
	// through a coin that has lost its peg.
	Bounds map[Pair]Bounds
	// Timeout limits each leg. The default is 10 seconds. It should exceed the
	// Timeout of a Median among the legs, whose reasons are lost otherwise.
	Timeout time.Duration
	// Now is the clock by which ages are judged. The default is time.Now.
	Now func() time.Time
}

// Leg is one step of a [Cross].
type Leg struct {
	// Name identifies the source in errors. It is required and has at most 64
	// bytes.
	Name string
	// Source is asked for the rate of the leg. It is required. One source may
	// serve several legs.
	Source Source
	// Inverted asks for the opposite pair and takes the reciprocal, for a
	// source that has only that: EUR/USD for a step from USD to EUR.
	Inverted bool
	// MaxAge is how old the rate of this leg may be. The default is 5 minutes,
	// which suits exchanges. A daily reference rate needs days.
	MaxAge time.Duration
}

// Bounds of a cross rate.
const (
	maxVia      = 3
	maxLegName  = 64 // bytes of a source in Rate.Source
	crossDigits = 34 // significant digits of the result, at least
)

// Cross prices a pair that has no market through currencies between, such as TRX/EUR
// through USDT and USD. It assumes no rate: each step has a source, and one that
// fails, is stale or is out of bounds makes the whole unavailable. It is safe for
// concurrent use.
//
// The Time of a rate is the oldest of the legs, so with a daily rate among them it is
// hours or days old although the coin was priced just now. Therefore each leg has its
// own MaxAge, and a [Cache] belongs beneath each leg and not above a Cross: there, a
// MaxAge that accepts the reference rate of a weekend would also accept a coin's
// price of last Friday.
//
// Cross rates that share a leg are not independent of each other, which matters
// when they are sources of one [Median].
type Cross struct {
	via    []string
	legs   []leg
	bounds map[Pair]Bounds
	now    func() time.Time
}

var _ Source = (*Cross)(nil)

// leg is a Leg with its limits.
type leg struct {
	source   Named
	inverted bool
	panel    panel
}

// NewCross returns a cross. It checks the configuration and starts nothing.
func NewCross(config CrossConfig) (*Cross, error) {
	c := &Cross{
		via:    slices.Clone(config.Via),
		bounds: maps.Clone(config.Bounds),
		now:    config.Now,
	}
	if c.now == nil {
		c.now = time.Now
	}
	if n := len(c.via); n == 0 || n > maxVia {
		return nil, fmt.Errorf("rates: cross: Via has %d currencies, needs 1 to %d", n, maxVia)
	}
	for i, code := range c.via {
		if !validCode(code) || slices.Contains(c.via[:i], code) {
			return nil, fmt.Errorf("rates: cross: Via[%d] %.20q is not a currency code or is repeated", i, code)
		}
	}
	if len(config.Legs) != len(c.via)+1 {
		return nil, fmt.Errorf("rates: cross: Legs has %d, needs one more than the %d of Via", len(config.Legs), len(c.via))
	}
	for i, l := range config.Legs {
		if l.Name == "" || len(l.Name) > maxLegName {
			return nil, fmt.Errorf("rates: cross: Legs[%d].Name is empty or longer than %d bytes", i, maxLegName)
		}
		if l.Source == nil {
			return nil, fmt.Errorf("rates: cross: Legs[%d].Source (%s) is nil", i, l.Name)
		}
		p := panel{bounds: c.bounds, maxAge: l.MaxAge, timeout: cmp.Or(config.Timeout, 2*defaultTimeout), now: c.now}
		if err := p.validate(); err != nil {
			return nil, fmt.Errorf("rates: cross: Legs[%d]: %w", i, err)
		}
		c.legs = append(c.legs, leg{Named{l.Name, l.Source}, l.Inverted, p})
	}
	return c, nil
}

// Rate asks all legs at once, waits for each to return or to run out of its time, and
// multiplies. A pair whose base or quote is itself in Via takes only the legs between
// them, and a pair that would go backwards wraps [ErrNoRate].
//
// The result is exact if it has at most 34 significant digits and no leg is
// inverted. Otherwise the exact product and quotient is rounded down, once, to at
// least 34 significant digits: it is never above the exact value, and below it by
// less than one part in 10^33. It is rounded down because what a payer owes is a
// price divided by the rate and rounded up, so that no rounding lets a payer pay less.
//
// The rate's Time is the oldest of the legs. Its Source names every leg's own source
// and pair, as in "cross(binance TRX/USDT, ecb EUR/USD inverted)", in at most 450
// bytes. If a leg has no acceptable rate, the error is an *[UnavailableError] with a
// reason for each such leg, or wraps ctx's error if ctx ended first. The rate of a
// currency in itself is 1.
func (c *Cross) Rate(ctx context.Context, p Pair) (Rate, error) {
	if err := p.Validate(); err != nil {
		return Rate{}, err
	}
	if p.Base == p.Quote {
		return identity(p, c.now()), nil
	}
	steps := c.path(p)
	if len(steps) == 0 {
		return Rate{}, fmt.Errorf("%w for %s: it goes against the order %s", ErrNoRate, p, strings.Join(c.via, ", "))
	}
	if reasons := askSteps(ctx, steps); len(reasons) > 0 {
		if err := ctx.Err(); err != nil {
			return Rate{}, fmt.Errorf("rates: cross of %s: %w", p, err)
		}
		return Rate{}, &UnavailableError{Pair: p, Reasons: reasons}
	}
	r := combine(p, steps)
	err := r.Validate()
	if b, ok := c.bounds[p]; ok && err == nil && !b.hold(r.Value) {
		err = fmt.Errorf("value %s is outside %s to %s", r.Value, b.Min, b.Max)
	}
	if err != nil {
		return Rate{}, &UnavailableError{Pair: p, Reasons: []error{err}}
	}
	return r, nil
}

// step is one leg on the way of a pair, and its rate.
type step struct {
	leg
	asked Pair
	rate  Rate
}

// path returns the legs that lead from p.Base to p.Quote, none if these are in the
// wrong order.
func (c *Cross) path(p Pair) []step {
	stops := slices.Concat([]string{p.Base}, c.via, []string{p.Quote})
	first, end := 0, len(c.legs)
	if i := slices.Index(c.via, p.Base); i >= 0 {
		first = i + 1
	}
	if i := slices.Index(c.via, p.Quote); i >= 0 {
		end = i + 1
	}
	var steps []step
	for i := first; i < end; i++ {
		asked := Pair{Base: stops[i], Quote: stops[i+1]}
		if c.legs[i].inverted {
			asked = Pair{Base: asked.Quote, Quote: asked.Base}
		}
		steps = append(steps, step{leg: c.legs[i], asked: asked})
	}
	return steps
}

// askSteps sets the rate of each step and returns the errors of those that have none.
func askSteps(ctx context.Context, steps []step) []error {
	errs := make([]error, len(steps))
	var wg sync.WaitGroup
	for i := range steps {
		wg.Go(func() {
			s := &steps[i]
			var err error
			if s.rate, err = s.panel.ask(ctx, s.source, s.asked); err != nil {
				errs[i] = fmt.Errorf("%s from %w", s.asked, err)
			}
		})
	}
	wg.Wait()
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

// combine multiplies the direct legs, divides by the inverted ones, and rounds once.
func combine(p Pair, steps []step) Rate {
	dividend, divisor := decimal.NewFromInt(1), decimal.NewFromInt(1)
	r := Rate{Pair: p, Time: steps[0].rate.Time}
	names := make([]string, len(steps))
	for i, s := range steps {
		who := s.rate.Source
		if who == "" || len(who) > maxLegName {
			who = s.source.Name
		}
		names[i] = who + " " + s.asked.String()
		if s.inverted {
			divisor = divisor.Mul(s.rate.Value)
			names[i] += " inverted"
		} else {
			dividend = dividend.Mul(s.rate.Value)
		}
		if s.rate.Time.Before(r.Time) {
			r.Time = s.rate.Time
		}
	}
	r.Value = divideDown(dividend, divisor)
	r.Source = "cross(" + strings.Join(names, ", ") + ")"
	return r
}

// divideDown returns a/b for positive a and b, rounded down to at least crossDigits
// significant digits and at most one more.
func divideDown(a, b decimal.Decimal) decimal.Decimal {
	if b.Equal(decimal.NewFromInt(1)) && a.NumDigits() <= crossDigits {
		return a
	}
	// With m and n digits before the point, the quotient has m-n or m-n+1.
	whole := a.NumDigits() + int(a.Exponent()) - b.NumDigits() - int(b.Exponent())
	quotient, _ := a.QuoRem(b, int32(crossDigits-whole))
	return quotient
}
