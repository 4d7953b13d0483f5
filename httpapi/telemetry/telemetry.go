// Package telemetry reports the measurements of Cointill to OpenTelemetry:
//
//	meter, err := telemetry.NewMeter(provider.Meter("cointill"))
//	...
//	invoice.New(invoice.Config{Meter: meter, ...})
//
// It registers nothing globally and contains no exporter: the host configures the provider.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cointill/cointill/invoice"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Meter is an [invoice.Meter] that records to an OpenTelemetry meter. It creates an instrument when its name is first used:
// a counter for Count, a histogram in seconds for Time, and a gauge for Level. Its methods may be called concurrently.
type Meter struct {
	meter metric.Meter
	mu    sync.Mutex // guards what follows
	count map[string]metric.Int64Counter
	time  map[string]metric.Float64Histogram
	level map[string]metric.Int64Gauge
	err   error // of instruments that could not be created
}

var _ invoice.Meter = (*Meter)(nil)

// NewMeter returns a Meter that records to m. It returns an error if m is nil.
func NewMeter(m metric.Meter) (*Meter, error) {
	if m == nil {
		return nil, errors.New("telemetry: NewMeter: a meter is required")
	}
	return &Meter{
		meter: m, count: map[string]metric.Int64Counter{}, time: map[string]metric.Float64Histogram{},
		level: map[string]metric.Int64Gauge{},
	}, nil
}

// Err returns the joined errors of the instruments that could not be created, whose measurements are dropped. It returns nil
// if there are none.
func (m *Meter) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Count implements [invoice.Meter].
func (m *Meter) Count(ctx context.Context, name string, n int64, labels ...invoice.Label) {
	if c := instrument(m, m.count, name, func() (metric.Int64Counter, error) { return m.meter.Int64Counter(name) }); c != nil {
		c.Add(ctx, n, metric.WithAttributes(attributes(labels)...))
	}
}

// Time implements [invoice.Meter].
func (m *Meter) Time(ctx context.Context, name string, d time.Duration, labels ...invoice.Label) {
	if h := instrument(m, m.time, name, func() (metric.Float64Histogram, error) {
		return m.meter.Float64Histogram(name, metric.WithUnit("s"))
	}); h != nil {
		h.Record(ctx, d.Seconds(), metric.WithAttributes(attributes(labels)...))
	}
}

// Level implements [invoice.Meter].
func (m *Meter) Level(ctx context.Context, name string, n int64, labels ...invoice.Label) {
	if g := instrument(m, m.level, name, func() (metric.Int64Gauge, error) { return m.meter.Int64Gauge(name) }); g != nil {
		g.Record(ctx, n, metric.WithAttributes(attributes(labels)...))
	}
}

// instrument returns the instrument with the name, and creates it when it is first used.
func instrument[T any](m *Meter, known map[string]T, name string, create func() (T, error)) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found, ok := known[name]; ok {
		return found
	}
	fresh, err := create()
	if err != nil {
		m.err = errors.Join(m.err, fmt.Errorf("telemetry: make %s: %w", name, err))
	}
	known[name] = fresh
	return fresh
}

func attributes(labels []invoice.Label) []attribute.KeyValue {
	out := make([]attribute.KeyValue, len(labels))
	for i, l := range labels {
		out[i] = attribute.String(l.Key, l.Value)
	}
	return out
}
