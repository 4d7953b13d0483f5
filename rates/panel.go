package rates

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Defaults of Median, First and Cross.
const (
	defaultTimeout = 5 * time.Second
	defaultMaxAge  = 5 * time.Minute
)

// Bounds is the range of values that a pair can reasonably have, ends included. It
// is the last defence when all sources agree on nonsense.
type Bounds struct {
	Min, Max decimal.Decimal
}

// hold reports whether v is within the range.
func (b Bounds) hold(v decimal.Decimal) bool {
	return v.GreaterThanOrEqual(b.Min) && v.LessThanOrEqual(b.Max)
}

// panel asks sources and checks their rates. Median, First and Cross share it.
type panel struct {
	sources []Named
	bounds  map[Pair]Bounds
	maxAge  time.Duration
	timeout time.Duration
	now     func() time.Time
}

// validate sets defaults and refuses a bad configuration by field name.
func (p *panel) validate() error {
	seen := make(map[string]bool, len(p.sources))
	for i, s := range p.sources {
		if s.Name == "" || seen[s.Name] {
			return fmt.Errorf("Sources[%d].Name %q is empty or repeated", i, s.Name)
		}
		if s.Source == nil {
			return fmt.Errorf("Sources[%d].Source (%s) is nil", i, s.Name)
		}
		seen[s.Name] = true
	}
	for pair, b := range p.bounds {
		if err := pair.Validate(); err != nil {
			return fmt.Errorf("Bounds: %w", err)
		}
		if checkSize(b.Min) != nil || checkSize(b.Max) != nil || b.Min.Sign() <= 0 || b.Max.LessThan(b.Min) {
			return fmt.Errorf("Bounds of %s need 0 < Min <= Max", pair)
		}
	}
	if p.maxAge < 0 || p.timeout < 0 {
		return errors.New("MaxAge and Timeout must not be negative")
	}
	if p.maxAge == 0 {
		p.maxAge = defaultMaxAge
	}
	if p.timeout == 0 {
		p.timeout = defaultTimeout
	}
	if p.now == nil {
		p.now = time.Now
	}
	return nil
}

// ask returns the rate of one source if it is acceptable on its own, and otherwise an
// error that begins with the name of the source.
func (p *panel) ask(ctx context.Context, s Named, pair Pair) (Rate, error) {
	limited, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	r, err := s.Source.Rate(limited, pair)
	if err == nil {
		err = r.check(pair, p.now(), p.maxAge)
	} else if limited.Err() != nil && ctx.Err() == nil {
		// Our limit, not the caller's: the text must not match DeadlineExceeded.
		err = fmt.Errorf("no response within %s", p.timeout)
	}
	if b, ok := p.bounds[pair]; ok && err == nil && !b.hold(r.Value) {
		err = fmt.Errorf("value %s is outside %s to %s", r.Value, b.Min, b.Max)
	}
	if err == nil {
		return r, nil
	}
	if strings.HasPrefix(err.Error(), s.Name+":") {
		return Rate{}, err
	}
	return Rate{}, fmt.Errorf("%s: %w", s.Name, err)
}
