package httpapi

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestA41_AClientHasABurstAndThenARate(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l, err := newLimiter(Limit{PerSecond: 4, Burst: 3}, func() time.Time { return now })
	require.NoError(t, err)
	for range 3 {
		require.Zero(t, l.take("a"))
	}
	require.Equal(t, 250*time.Millisecond, l.take("a"))
	require.Zero(t, l.take("b"), "clients do not share")
	now = now.Add(250 * time.Millisecond)
	require.Zero(t, l.take("a"))
	require.Positive(t, l.take("a"))
	now = now.Add(time.Hour)
	for range 3 {
		require.Zero(t, l.take("a"), "never more than a burst is saved up")
	}
	require.Positive(t, l.take("a"))
}

func TestALimiterRemembersABoundedNumberOfClients(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	l, err := newLimiter(Limit{PerSecond: 1}, func() time.Time { return now })
	require.NoError(t, err)
	for i := range maxClients + 10 {
		l.take(fmt.Sprint(i))
	}
	require.LessOrEqual(t, len(l.full), maxClients)
	l, err = newLimiter(Limit{PerSecond: 1, Burst: 2}, func() time.Time { return now })
	require.NoError(t, err)
	for i := range maxClients {
		l.take(fmt.Sprint(i))
		now = now.Add(time.Millisecond)
	}
	l.take("one more")
	require.Less(t, len(l.full), 2000, "those who waited long enough are forgotten first")
	require.Contains(t, l.full, fmt.Sprint(maxClients-1))
}

func TestLimitsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, l := range []Limit{{PerSecond: -1}, {PerSecond: 1, Burst: -1}, {Burst: 5}} {
		_, err := newLimiter(l, nil)
		require.Error(t, err)
	}
}
