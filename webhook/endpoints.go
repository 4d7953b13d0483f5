package webhook

import (
	"slices"
	"time"
)

// BreakerConfig says when an endpoint that does not answer is left alone. Zero fields have defaults.
type BreakerConfig struct {
	Failures int           // failures to connect or to answer in time, in a row, until it opens; default 5
	Open     time.Duration // for how long at first, doubled with every further failure; default 30 seconds
	MaxOpen  time.Duration // for how long at most; default 10 minutes
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

// maxTroubled bounds how many failing endpoints are remembered.
const maxTroubled = 4096

// signal is what a delivery showed about its endpoint.
type signal int

const (
	signalNone     signal = iota // nothing: it was interrupted, or never sent
	signalAnswered               // it answers, whatever it answers
	signalSilent                 // it could not be reached, or was too slow
)

// endpoint is what is remembered of one [Endpoint]. One that is idle and answers is not remembered at all.
type endpoint struct {
	inFlight int
	late     int       // how many of them try our patience
	failures int       // in a row; more than 0: troubled
	opened   int       // how often its breaker has opened, also again
	failedAt time.Time // when the last of them was
	openTill time.Time // until then nothing is sent
	lookedAt time.Time // when something to give up was looked for; zero to look as soon as possible
}

// endpoints rations deliveries. A healthy endpoint may have perEndpoint in flight, one with a late delivery no
// further ones, a troubled one a single one, an open one none; and all troubled ones together no more than half
// of the workers. So endpoints that hang take at most half of what there is once they have hung for the first
// time. It belongs to the goroutine of Run and needs no lock.
type endpoints struct {
	perEndpoint int
	workers     int
	breaker     BreakerConfig

	known    map[string]*endpoint
	troubled int // how many of known have failures
	slow     int // deliveries in flight to those, not counting late ones
}

func newEndpoints(perEndpoint, workers int, breaker BreakerConfig) *endpoints {
	return &endpoints{perEndpoint: perEndpoint, workers: workers, breaker: breaker, known: map[string]*endpoint{}}
}

// ration answers which endpoints the next claim must leave out and how many messages it may take for
// each of the others, so that whatever it brings may be sent at once.
func (es *endpoints) ration(now time.Time) (skip []string, perEndpoint int) {
	perEndpoint = es.perEndpoint
	probes := max(1, es.workers/2) - es.slow
	for name, e := range es.known { // in random order, so that every troubled endpoint has its turn
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

// setBack has waits count from now that began when the clock was ahead.
func (e *endpoint) setBack(now time.Time) {
	if ahead := e.failedAt.Sub(now); ahead > 0 {
		e.failedAt, e.openTill = now, e.openTill.Add(-ahead)
	}
	if e.lookedAt.After(now) {
		e.lookedAt = now
	}
}

// lookAgain is how long nothing to give up is looked for after none was found.
const lookAgain = time.Minute

// turn answers an endpoint whose breaker has opened and that had no turn for the longest time, if it is time.
func (es *endpoints) turn(now time.Time) (name string, some bool) {
	for other, e := range es.known {
		e.setBack(now)
		if e.failures >= es.breaker.Failures && now.Sub(e.lookedAt) >= lookAgain && (!some || e.lookedAt.Before(es.known[name].lookedAt)) {
			name, some = other, true
		}
	}
	return name, some
}

// looked notes that the endpoint had its turn, and whether there may be more to give up.
func (es *endpoints) looked(name string, now time.Time, more bool) {
	if es.known[name].lookedAt = now; more {
		es.known[name].lookedAt = now.Add(-lookAgain)
	}
}

// begin counts a delivery in, and answers how often the breaker had opened by then.
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

// news is what a delivery shows that began when the breaker had opened so often: what was under way when it opened says
// nothing that is not known, or a burst of deliveries that time out together would leave the endpoint alone for long.
func (es *endpoints) news(name string, s signal, opened int) signal {
	if s == signalSilent && es.known[name].opened != opened {
		return signalNone
	}
	return s
}

// late notes that a delivery no longer counts among the workers.
func (es *endpoints) late(name string) {
	e := es.known[name]
	e.late++
	if e.failures > 0 {
		es.slow--
	}
}

// end counts a delivery out and says whether it opened the endpoint's breaker.
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

// forgetOldest makes room: the troubled endpoint that failed the longest ago is healthy again until
// the next message shows otherwise.
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
