package httpapi

import (
	"fmt"
	"net/http"
	"net/netip"
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
	require.LessOrEqual(t, len(l.full), maxClients+crowds)
	for i := range 1000 {
		require.Positive(t, l.take(fmt.Sprint(i)), "nobody gets more because others came")
	}
	waits := 0
	for i := range 3 * crowds {
		if l.take(fmt.Sprint("late ", i)) > 0 {
			waits++
		}
	}
	require.GreaterOrEqual(t, waits, crowds, "those who cannot be told apart share what there is")
	require.LessOrEqual(t, len(l.full), maxClients+crowds)
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

func TestAnAddressIsThatOfACustomer(t *testing.T) {
	var from string
	a := &API{cfg: Config{ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr(from) }}}
	for ip, want := range map[string]string{
		"192.0.2.7":           "192.0.2.7",
		"::ffff:192.0.2.7":    "192.0.2.7",
		"2001:db8:1:2::1":     "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::": "2001:db8:1:2::/64",
		"2001:db8:1:3::1":     "2001:db8:1:3::/64",
		"fe80::1:2:3:4%eth0":  "fe80::/64",
	} {
		from = ip
		require.Equal(t, want, a.address(&Request{}), ip)
	}
	a.cfg.ClientIP = func(*http.Request) netip.Addr { return netip.Addr{} }
	require.NotPanics(t, func() { a.address(&Request{}) }, "an address that cannot be told is one as well")
}
