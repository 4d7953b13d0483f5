package webhook

import (
	"cmp"
	"slices"
	"time"
)

// BreakerConfig configures the circuit breaker of each endpoint. While a breaker is open, nothing is sent to the endpoint.
// Fields that are 0 or less have defaults.
type BreakerConfig struct {
	Failures int           // consecutive failures to connect or to respond in time that open the breaker; default 5
	Open     time.Duration // how long it is open at first, doubled with each further failure; default 30 seconds
	MaxOpen  time.Duration // maximum time that it is open; default 10 minutes, or Open if that is longer
}

func (c BreakerConfig) withDefaults() BreakerConfig {
	if c.Failures <= 0 {
		c.Failures = 5
	}
	if c.Open <= 0 {
		c.Open = 30 * time.Second
	}
	if c.MaxOpen <= 0 {
		c.MaxOpen = max(c.Open, 10*time.Minute)
	}
	return c
}

// maxTroubled is the maximum number of failing endpoints that are remembered.
const maxTroubled = 4096

// signal is what a delivery shows about its endpoint.
type signal int

const (
	signalNone     signal = iota // nothing, because the delivery was interrupted or not sent
	signalAnswered               // the endpoint has responded, with any status
	signalSilent                 // the endpoint was unreachable or too slow
)

// endpoint is the state of one [Endpoint]. There is none for an idle, healthy endpoint.
type endpoint struct {
	inFlight int
	late     int       // how many of inFlight are late
	failures int       // consecutive failures; if more than 0, the endpoint is troubled
	opened   int       // how often the breaker has opened, including repeatedly
	failedAt time.Time // when the last failure was
	openTill time.Time // nothing is sent before this time
	lookedAt time.Time // when overdue messages were last looked for; zero to look as soon as possible
}

// endpoints limits the deliveries in flight. A healthy endpoint may have perEndpoint of them, one with a late delivery no
// more, a troubled one a single one, and an open one none. All troubled endpoints together have at most half of the
// workers, so that endpoints that hang occupy at most half of them after their first failure. It belongs to the
// goroutine of Run and needs no lock.
type endpoints struct {
	perEndpoint int
	workers     int
	breaker     BreakerConfig

	known    map[string]*endpoint
	troubled int // number of known endpoints with failures
	slow     int // deliveries in flight to these, not counting late ones
}

func newEndpoints(perEndpoint, workers int, breaker BreakerConfig) *endpoints {
	return &endpoints{perEndpoint: perEndpoint, workers: workers, breaker: breaker, known: map[string]*endpoint{}}
}

// ration returns the endpoints that the next claim must leave out, and how many messages of each other endpoint it may
// claim, so that all of them may be sent at once.
func (es *endpoints) ration(now time.Time) (skip []string, perEndpoint int) {
	perEndpoint = es.perEndpoint
	probes := max(1, es.workers/2) - es.slow
	for name, e := range es.known { // in random order, so that each troubled endpoint gets its turn
		e.setBack(now)
		room := es.perEndpoint - e.inFlight
		if e.late > 0 {
			room = 0
		} else if e.failures > 0 {
			room = 1 - e.inFlight
			if probes <= 0 || now.Before(e.openTill) {
				room = 0
			}
		}
		if room <= 0 {
			skip = append(skip, name)
			continue
		}
		if e.failures > 0 {
			probes--
		}
		perEndpoint = min(perEndpoint, room)
	}
	slices.Sort(skip)
	return skip, perEndpoint
}

// setBack lets waits that began while the clock was ahead count from now.
func (e *endpoint) setBack(now time.Time) {
	if ahead := e.failedAt.Sub(now); ahead > 0 {
		e.failedAt, e.openTill = now, e.openTill.Add(-ahead)
	}
	if e.lookedAt.After(now) {
		e.lookedAt = now
	}
}

// lookAgain is the time between two searches for the overdue messages of an endpoint, if the first found no more.
const lookAgain = time.Minute

// turn returns the endpoint with an open breaker whose overdue messages were looked for the longest time ago. some is
// false if it is too early for all of them.
func (es *endpoints) turn(now time.Time) (name string, some bool) {
	for other, e := range es.known {
		e.setBack(now)
		if e.failures < es.breaker.Failures || now.Sub(e.lookedAt) < lookAgain {
			continue
		}
		if !some || cmp.Or(e.lookedAt.Compare(es.known[name].lookedAt), cmp.Compare(other, name)) < 0 {
			name, some = other, true
		}
	}
	return name, some
}

// looked notes a search for the overdue messages of an endpoint, and whether there may be more of them.
func (es *endpoints) looked(name string, now time.Time, more bool) {
	if es.known[name].lookedAt = now; more {
		es.known[name].lookedAt = now.Add(-lookAgain)
	}
}

// begin counts a delivery that begins, and returns how often the endpoint's breaker has opened.
func (es *endpoints) begin(name string) (opened int) {
	e := es.known[name]
	if e == nil {
		e = &endpoint{}
		es.known[name] = e
	}
	e.inFlight++
	if e.failures > 0 {
		es.slow++
	}
	return e.opened
}

// news returns the signal that counts for a delivery that began when the breaker had opened so often. A failure of a
// delivery that began before the breaker opened does not count, because a burst of deliveries that time out together
// would otherwise keep the breaker open for long.
func (es *endpoints) news(name string, s signal, opened int) signal {
	if s == signalSilent && es.known[name].opened != opened {
		return signalNone
	}
	return s
}

// late notes that a delivery no longer counts as a worker.
func (es *endpoints) late(name string) {
	e := es.known[name]
	e.late++
	if e.failures > 0 {
		es.slow--
	}
}

// end counts a delivery that ends, and reports whether it opens the endpoint's breaker.
func (es *endpoints) end(name string, s signal, late bool, now time.Time) (opened bool) {
	e := es.known[name]
	switch {
	case late:
		e.late--
	case e.failures > 0:
		es.slow--
	}
	e.inFlight--
	switch s {
	case signalAnswered:
		es.recover(e)
	case signalSilent:
		opened = es.fail(e, now)
	case signalNone:
	}
	if e.inFlight == 0 && e.failures == 0 {
		delete(es.known, name)
	}
	return opened
}

func (es *endpoints) recover(e *endpoint) {
	if e.failures == 0 {
		return
	}
	e.failures, e.openTill = 0, time.Time{}
	es.troubled--
	es.slow -= e.inFlight - e.late
}

func (es *endpoints) fail(e *endpoint, now time.Time) (opened bool) {
	if e.failures == 0 {
		if es.troubled >= maxTroubled {
			es.forgetOldest()
		}
		es.troubled++
		es.slow += e.inFlight - e.late
	}
	e.failures++
	e.failedAt = now
	beyond := e.failures - es.breaker.Failures
	if beyond < 0 {
		return false
	}
	e.opened++
	open := es.breaker.Open
	for range min(beyond, 32) {
		open = min(2*open, es.breaker.MaxOpen)
	}
	e.openTill = now.Add(min(open, es.breaker.MaxOpen))
	return beyond == 0
}

// forgetOldest makes room: it forgets the troubled endpoint with the oldest failure, which counts as healthy until its
// next failure.
func (es *endpoints) forgetOldest() {
	var oldest string
	for name, e := range es.known {
		if e.failures > 0 && e.inFlight == 0 && (oldest == "" || e.failedAt.Before(es.known[oldest].failedAt)) {
			oldest = name
		}
	}
	if oldest != "" {
		delete(es.known, oldest)
		es.troubled--
	}
}
