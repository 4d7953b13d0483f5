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

// MedianConfig configures [NewMedian].
type MedianConfig struct {
	// Sources are asked for every rate. At least three are required, with
	// distinct names. Two sources that copy from each other count as one.
	Sources []Named
	// MinAgree is how many sources must agree. It is at least 2, which is the
	// default.
	MinAgree int
	// MaxDeviation is how far from the median a source may be, as a fraction of
	// it between 0 and 1. The default is 0.05, that is 5 %.
	MaxDeviation decimal.Decimal
	// MaxAge is how old the rate of a source may be. The default is 5 minutes.
	MaxAge time.Duration
	// Bounds are the ranges outside which values are refused. A pair without an
	// entry is not bounded.
	Bounds map[Pair]Bounds
	// Timeout limits each source. The default is 5 seconds.
	Timeout time.Duration
	// Now is the clock by which ages are judged. The default is time.Now.
	Now func() time.Time
}

// Median returns the rate that several independent sources agree on. It is safe for
// concurrent use.
type Median struct {
	panel        panel
	minAgree     int
	maxDeviation decimal.Decimal
}

var _ Source = (*Median)(nil)

// minSources is the least number of sources among which a wrong one can be found.
const minSources = 3

// NewMedian returns a median. It checks the configuration and starts nothing.
func NewMedian(config MedianConfig) (*Median, error) {
	m := &Median{
		panel: panel{
			sources: slices.Clone(config.Sources),
			bounds:  maps.Clone(config.Bounds),
			maxAge:  config.MaxAge,
			timeout: config.Timeout,
			now:     config.Now,
		},
		minAgree:     cmp.Or(config.MinAgree, 2),
		maxDeviation: config.MaxDeviation,
	}
	if m.maxDeviation.IsZero() {
		m.maxDeviation = decimal.New(5, -2)
	}
	if n := len(m.panel.sources); n < minSources {
		return nil, fmt.Errorf("rates: median: Sources has %d, needs at least %d", n, minSources)
	}
	if m.minAgree < 2 || m.minAgree > len(m.panel.sources) {
		return nil, fmt.Errorf("rates: median: MinAgree %d is not from 2 to the number of Sources", m.minAgree)
	}
	if checkSize(m.maxDeviation) != nil || m.maxDeviation.Sign() < 0 || m.maxDeviation.GreaterThanOrEqual(decimal.NewFromInt(1)) {
		return nil, fmt.Errorf("rates: median: MaxDeviation is not between 0 and 1")
	}
	if err := m.panel.validate(); err != nil {
		return nil, fmt.Errorf("rates: median: %w", err)
	}
	return m, nil
}

// Rate asks all sources at once and waits for each to return or to run out of its
// time. It drops errors, values that are not positive or out of bounds, and rates
// that are too old or more than a minute in the future. It takes the median of the
// rest, drops what is further from it than MaxDeviation, and returns the median of
// what remains, if that is at least MinAgree. The median of an even number is the
// exact mean of the middle two.
//
// The rate's Time is the oldest among those that agreed and its Source names them.
// Without agreement the error is an *[UnavailableError] with a reason for each
// source, or wraps ctx's error if ctx ended first. The rate of a currency in itself
// is 1.
func (m *Median) Rate(ctx context.Context, p Pair) (Rate, error) {
	if err := p.Validate(); err != nil {
		return Rate{}, err
	}
	if p.Base == p.Quote {
		return identity(p, m.panel.now()), nil
	}
	opinions := m.askAll(ctx, p)
	reasons := m.cut(opinions)
	if agreed := believed(opinions); len(agreed) >= m.minAgree {
		return consensus(p, agreed), nil
	}
	if err := ctx.Err(); err != nil {
		return Rate{}, fmt.Errorf("rates: median of %s: %w", p, err)
	}
	return Rate{}, &UnavailableError{Pair: p, Reasons: reasons}
}

// opinion is the rate of one source, or why it has none that counts.
type opinion struct {
	name string
	rate Rate
	err  error
}

func (m *Median) askAll(ctx context.Context, p Pair) []opinion {
	opinions := make([]opinion, len(m.panel.sources))
	var wg sync.WaitGroup
	for i, s := range m.panel.sources {
		wg.Go(func() {
			r, err := m.panel.ask(ctx, s, p)
			opinions[i] = opinion{s.Name, r, err}
		})
	}
	wg.Wait()
	return opinions
}

// cut sets the error of opinions too far from the median of all. It returns a reason
// for each source, for the case that there is no agreement.
func (m *Median) cut(opinions []opinion) []error {
	var middle, limit decimal.Decimal
	if all := believed(opinions); len(all) > 0 {
		middle = median(all)
		limit = middle.Mul(m.maxDeviation)
	}
	reasons := make([]error, len(opinions))
	for i, o := range opinions {
		if o.err == nil && o.rate.Value.Sub(middle).Abs().GreaterThan(limit) {
			opinions[i].err = fmt.Errorf("%s: value %s is too far from the median %s", o.name, o.rate.Value, middle)
		}
		reasons[i] = opinions[i].err
		if reasons[i] == nil {
			reasons[i] = fmt.Errorf("%s: value %s has too few that agree, needs %d", o.name, o.rate.Value, m.minAgree)
		}
	}
	return reasons
}

func believed(opinions []opinion) []opinion {
	return slices.DeleteFunc(slices.Clone(opinions), func(o opinion) bool { return o.err != nil })
}

// median returns the middle value, or the exact mean of the middle two.
func median(opinions []opinion) decimal.Decimal {
	values := make([]decimal.Decimal, len(opinions))
	for i, o := range opinions {
		values[i] = o.rate.Value
	}
	slices.SortFunc(values, decimal.Decimal.Cmp)
	return mid(values[(len(values)-1)/2], values[len(values)/2])
}

func consensus(p Pair, agreed []opinion) Rate {
	names := make([]string, len(agreed))
	oldest := agreed[0].rate.Time
	for i, o := range agreed {
		names[i] = o.name
		if o.rate.Time.Before(oldest) {
			oldest = o.rate.Time
		}
	}
	return Rate{Pair: p, Value: median(agreed), Time: oldest, Source: "median(" + strings.Join(names, ",") + ")"}
}
