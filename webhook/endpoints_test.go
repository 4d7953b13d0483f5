package webhook

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEndpointsRationHealthyOnesByTheirRoom(t *testing.T) {
	now := time.Unix(0, 0)
	es := newEndpoints(4, 64, BreakerConfig{}.withDefaults())
	skip, per := es.ration(now)
	require.Empty(t, skip)
	require.Equal(t, 4, per)

	es.begin("a")
	es.begin("b")
	es.begin("b")
	es.begin("b")
	skip, per = es.ration(now)
	require.Empty(t, skip)
	require.Equal(t, 1, per, "b has room for one more")

	es.begin("b")
	skip, per = es.ration(now)
	require.Equal(t, []string{"b"}, skip)
	require.Equal(t, 3, per, "a has room for three more")

	for range 4 {
		es.end("b", signalAnswered, false, now)
	}
	es.end("a", signalNone, false, now)
	require.Empty(t, es.known, "what is idle and answers is forgotten")
}

func TestEndpointsOpenAndProbe(t *testing.T) {
	now := time.Unix(0, 0)
	es := newEndpoints(4, 64, BreakerConfig{Failures: 2, Open: 10 * time.Second, MaxOpen: 30 * time.Second}.withDefaults())
	try := func(s signal) bool {
		es.begin("a")
		return es.end("a", s, false, now)
	}
	require.False(t, try(signalSilent))
	skip, per := es.ration(now)
	require.Empty(t, skip)
	require.Equal(t, 1, per, "one failure: one at a time")

	require.True(t, try(signalSilent), "the second failure opens it")
	for _, open := range []time.Duration{10, 20, 30, 30} {
		now = now.Add(open*time.Second - 1)
		skip, _ = es.ration(now)
		require.Equal(t, []string{"a"}, skip, "open for %ds", open)
		now = now.Add(1)
		skip, per = es.ration(now)
		require.Empty(t, skip, "after %ds", open)
		require.Equal(t, 1, per, "a single probe")
		require.False(t, try(signalSilent))
	}
	now = now.Add(30 * time.Second)
	try(signalNone)
	require.Contains(t, es.known, "a", "an interrupted probe proves nothing")
	try(signalAnswered)
	require.Empty(t, es.known)
	require.Zero(t, es.troubled)
	require.Zero(t, es.slow)
}

func TestTroubledEndpointsShareHalfOfTheWorkers(t *testing.T) {
	now := time.Unix(0, 0)
	es := newEndpoints(4, 8, BreakerConfig{}.withDefaults())
	for i := range 20 {
		name := fmt.Sprint(i)
		es.begin(name)
		es.end(name, signalSilent, false, now)
	}
	for probes := range 4 {
		skip, _ := es.ration(now)
		require.Len(t, skip, 20-(4-probes), "%d in flight: room for %d", probes, 4-probes)
		for i := range 20 {
			name := fmt.Sprint(i)
			if es.known[name].inFlight == 0 {
				es.begin(name)
				break
			}
		}
	}
	skip, per := es.ration(now)
	require.Len(t, skip, 20)
	require.Equal(t, 4, per, "healthy ones keep their share")
}

func TestTroubledEndpointsAreBounded(t *testing.T) {
	es := newEndpoints(4, 64, BreakerConfig{}.withDefaults())
	for i := range maxTroubled + 10 {
		name := fmt.Sprint(i)
		es.begin(name)
		es.end(name, signalSilent, false, time.Unix(int64(i), 0))
	}
	require.Len(t, es.known, maxTroubled)
	require.Equal(t, maxTroubled, es.troubled)
	require.NotContains(t, es.known, "9", "the oldest went")
	require.Contains(t, es.known, "10")
}

// Failures and recoveries in any order leave the counts right.
func TestEndpointCountsAddUp(t *testing.T) {
	now := time.Unix(0, 0)
	es := newEndpoints(4, 64, BreakerConfig{}.withDefaults())
	for _, name := range []string{"a", "a", "a", "b"} {
		es.begin(name)
	}
	check := func(slow, troubled int) {
		t.Helper()
		require.Equal(t, []int{slow, troubled}, []int{es.slow, es.troubled})
	}
	es.end("a", signalSilent, false, now)
	check(2, 1)
	es.end("b", signalAnswered, false, now)
	check(2, 1)
	es.end("a", signalAnswered, false, now)
	check(0, 0)
	es.end("a", signalSilent, false, now)
	check(0, 1)
}

// A delivery that takes long keeps further ones from its endpoint, and no longer counts against anybody else.
func TestALateDeliveryHoldsItsOwnEndpointOnly(t *testing.T) {
	now := time.Unix(0, 0)
	es := newEndpoints(4, 2, BreakerConfig{}.withDefaults())
	es.begin("a")
	es.late("a")
	skip, per := es.ration(now)
	require.Equal(t, []string{"a"}, skip)
	require.Equal(t, 4, per)
	require.Zero(t, es.slow)
	es.end("a", signalSilent, true, now)
	require.Equal(t, []int{0, 1}, []int{es.slow, es.troubled})

	es.begin("a")
	es.begin("b")
	es.end("b", signalSilent, false, now)
	skip, _ = es.ration(now)
	require.Equal(t, []string{"a", "b"}, skip, "the one worker for the troubled is at work")
	es.late("a")
	skip, _ = es.ration(now)
	require.Equal(t, []string{"a"}, skip, "and now it is free")
	es.end("a", signalAnswered, true, now)
	require.Equal(t, []int{0, 1}, []int{es.slow, es.troubled})
	require.NotContains(t, es.known, "a")
}

func TestOnlySilenceCountsAgainstAnEndpoint(t *testing.T) {
	for want, answers := range map[signal][]answer{
		signalNone: {
			{err: ErrBadSecret},
			{err: errBadURL},
			{sent: true, err: errInterrupted},
			{sent: true, err: fmt.Errorf("dial: %w", ErrRefused)},
		},
		signalAnswered: {{sent: true, status: 200}, {sent: true, status: 404}, {sent: true, status: 503}},
		signalSilent:   {{sent: true, err: io.EOF}, {sent: true, status: 200, err: context.DeadlineExceeded}},
	} {
		for _, a := range answers {
			require.Equal(t, want, a.signal(), "%+v", a)
		}
	}
}

func TestABreakerThatOpenedByAClockThatWasAheadOpensForItsTimeOnly(t *testing.T) {
	es := newEndpoints(4, 8, BreakerConfig{Failures: 1, Open: time.Minute}.withDefaults())
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	es.begin("a")
	es.end("a", signalSilent, false, now.Add(3*time.Hour))
	skip, _ := es.ration(now)
	require.Equal(t, []string{"a"}, skip)
	skip, _ = es.ration(now.Add(59 * time.Second))
	require.Equal(t, []string{"a"}, skip)
	skip, _ = es.ration(now.Add(61 * time.Second))
	require.Empty(t, skip)
}
