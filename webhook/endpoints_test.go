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
		es.end("b", signalAnswered, now)
	}
	es.end("a", signalNone, now)
	require.Empty(t, es.known, "what is idle and answers is forgotten")
}

func TestEndpointsOpenAndProbe(t *testing.T) {
	now := time.Unix(0, 0)
	es := newEndpoints(4, 64, BreakerConfig{Failures: 2, Open: 10 * time.Second, MaxOpen: 30 * time.Second}.withDefaults())
	try := func(s signal) bool {
		es.begin("a")
		return es.end("a", s, now)
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
		es.end(name, signalSilent, now)
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
		es.end(name, signalSilent, time.Unix(int64(i), 0))
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
	es.end("a", signalSilent, now)
	check(2, 1)
	es.end("b", signalAnswered, now)
	check(2, 1)
	es.end("a", signalAnswered, now)
	check(0, 0)
	es.end("a", signalSilent, now)
	check(0, 1)
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
