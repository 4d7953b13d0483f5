package invoice

import (
	"context"
	"time"
)

// Meter takes measurements, for whatever the host watches its programs with; httpapi/telemetry makes one of an
// OpenTelemetry meter. Nothing registers itself: who wants measurements puts a Meter into the configurations of the
// service, the dispatcher and the APIs. Its methods are called concurrently and must return at once.
type Meter interface {
	// Count adds to a counter.
	Count(ctx context.Context, name string, n int64, labels ...Label)
	// Time notes how long something took.
	Time(ctx context.Context, name string, d time.Duration, labels ...Label)
	// Level notes how much there is of something now.
	Level(ctx context.Context, name string, n int64, labels ...Label)
}

// Label is a property of a measurement. There are few values of each: never ids, addresses or URLs.
type Label struct{ Key, Value string }

// What a [Service] measures.
const (
	MeterEvents = "cointill.events" // counter of events; labels type
	MeterStep   = "cointill.step"   // time to decide and store one step of a network; labels network
	MeterHeight = "cointill.height" // level: the last block that was stored; labels network
	MeterBehind = "cointill.behind" // level: blocks that the node has and the store has not; labels network
	MeterAside  = "cointill.aside"  // level: what could not be taken into account yet; labels network, of: invoice or transaction
	MeterForks  = "cointill.forks"  // counter of reorganisations; labels network
)

// noMeter is the default.
type noMeter struct{}

func (noMeter) Count(context.Context, string, int64, ...Label)        {}
func (noMeter) Time(context.Context, string, time.Duration, ...Label) {}
func (noMeter) Level(context.Context, string, int64, ...Label)        {}

// NoMeter takes no measurements.
func NoMeter() Meter { return noMeter{} }
