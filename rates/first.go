package rates

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// FirstConfig configures [NewFirst].
type FirstConfig struct {
	// Sources are asked in this order. At least one is required. Their names
	// are distinct.
	Sources []Named
	// MaxAge is how old a rate may be. The default is 5 minutes.
	MaxAge time.Duration
	// Bounds are the ranges outside which values are refused. A pair without an
	// entry is not bounded.
	Bounds map[Pair]Bounds
	// Timeout limits each source. The default is 10 seconds. It should exceed
	// the Timeout of a Median in the list, whose reasons are lost otherwise.
	Timeout time.Duration
	// Now is the clock by which ages are judged. The default is time.Now.
	Now func() time.Time
}

// First falls back along a list of sources, such as a [Median] and then one trusted
// source. It protects against sources that fail or return nonsense, not against one
// that is plausibly wrong. It is safe for concurrent use.
type First struct {
	panel panel
}

var _ Source = (*First)(nil)

// NewFirst returns a fallback list. It checks the configuration and starts nothing.
func NewFirst(config FirstConfig) (*First, error) {
	f := &First{panel{
		sources: slices.Clone(config.Sources),
		bounds:  maps.Clone(config.Bounds),
		maxAge:  config.MaxAge,
		timeout: cmp.Or(config.Timeout, 2*defaultTimeout),
		now:     config.Now,
	}}
	if len(f.panel.sources) == 0 {
		return nil, errors.New("rates: first: Sources is empty")
	}
	if err := f.panel.validate(); err != nil {
		return nil, fmt.Errorf("rates: first: %w", err)
	}
	return f, nil
}

// Rate asks one source after the other and returns the first acceptable rate. If none
// has one, the error is an *[UnavailableError] with a reason for each, or wraps ctx's
// error if ctx ended first. The rate of a currency in itself is 1.
func (f *First) Rate(ctx context.Context, p Pair) (Rate, error) {
	if err := p.Validate(); err != nil {
		return Rate{}, err
	}
	if p.Base == p.Quote {
		return identity(p, f.panel.now()), nil
	}
	var reasons []error
	for _, s := range f.panel.sources {
		if err := ctx.Err(); err != nil {
			return Rate{}, fmt.Errorf("rates: first of %s: %w", p, err)
		}
		r, err := f.panel.ask(ctx, s, p)
		if err == nil {
			return r, nil
		}
		reasons = append(reasons, err)
	}
	if err := ctx.Err(); err != nil {
		return Rate{}, fmt.Errorf("rates: first of %s: %w", p, err)
	}
	return Rate{}, &UnavailableError{Pair: p, Reasons: reasons}
}
