package rates_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
)

// exchange is a source whose price, health and speed the test decides.
type exchange struct {
	mu    sync.Mutex
	value string
	err   error
	delay time.Duration
	lag   time.Duration // how old its rates are
	calls map[rates.Pair]int
}

func newExchange(value string) *exchange {
	return &exchange{value: value, calls: map[rates.Pair]int{}}
}

func (m *exchange) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	m.mu.Lock()
	m.calls[p]++
	delay := m.delay
	m.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return rates.Rate{}, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return rates.Rate{}, m.err
	}
	return rates.Rate{Pair: p, Value: dec(m.value), Time: time.Now().Add(-m.lag), Source: "exchange"}, nil
}

func (m *exchange) set(change func(*exchange)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func (m *exchange) asked(p rates.Pair) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[p]
}

func newCache(t *testing.T, config rates.CacheConfig) *rates.Cache {
	t.Helper()
	c, err := rates.NewCache(config)
	require.NoError(t, err)
	return c
}

func wantRate(t *testing.T, s rates.Source, p rates.Pair, value string) {
	t.Helper()
	r, err := s.Rate(t.Context(), p)
	assert.NoError(t, err) // not require: some callers are goroutines
	assert.Equal(t, value, r.Value.String())
}

// start runs the cache until the test ends and waits for it.
func start(t *testing.T, c *rates.Cache) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	synctest.Wait()
}

func TestCacheAsksOncePerTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		c := newCache(t, rates.CacheConfig{Source: m, TTL: 30 * time.Second})
		wantRate(t, c, btcEUR, "100")
		m.set(func(m *exchange) { m.value = "101" })
		time.Sleep(30*time.Second - 1)
		wantRate(t, c, btcEUR, "100")
		require.Equal(t, 1, m.asked(btcEUR))
		time.Sleep(time.Nanosecond)
		wantRate(t, c, btcEUR, "101")
		require.Equal(t, 2, m.asked(btcEUR))
	})
}

func TestA40_AWarmCacheMakesNoCallForAnInvoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		c := newCache(t, rates.CacheConfig{Source: m, TTL: 30 * time.Second, Pairs: []rates.Pair{btcEUR}})
		start(t, c)
		m.set(func(m *exchange) { m.delay = 3 * time.Second }) // from now on a call would be felt

		for range 1000 {
			before := time.Now()
			_, err := c.Rate(t.Context(), btcEUR)
			require.NoError(t, err)
			require.Equal(t, before, time.Now(), "the caller waited")
			time.Sleep(time.Second)
		}
		// 22.5 s until the next call, 3 s until it returns.
		require.InDelta(t, 1000/25.5, m.asked(btcEUR), 2, "questions are for the TTL, not for the callers")
	})
}

func TestA40_PairsAskedForLatelyAreKeptWarmAndOthersForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		c := newCache(t, rates.CacheConfig{Source: m, TTL: 30 * time.Second})
		start(t, c)
		wantRate(t, c, ethEUR, "100")
		m.set(func(m *exchange) { m.value = "101" })
		time.Sleep(29 * time.Second)
		require.Equal(t, 2, m.asked(ethEUR), "refreshed before its TTL ended")
		wantRate(t, c, ethEUR, "101")
		require.Equal(t, 2, m.asked(ethEUR))

		time.Sleep(time.Hour) // without a caller
		calls := m.asked(ethEUR)
		require.LessOrEqual(t, calls, 2+14, "refreshed for ten TTLs and no longer")
		m.set(func(m *exchange) { m.value = "102" })
		wantRate(t, c, ethEUR, "102")
		require.Equal(t, calls+1, m.asked(ethEUR))
	})
}

func TestA40_ASlowSourceIsNotFeltWhileTheCacheRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		c := newCache(t, rates.CacheConfig{Source: m, TTL: 30 * time.Second, MaxAge: 5 * time.Minute, Pairs: []rates.Pair{btcEUR}})
		start(t, c)
		m.set(func(m *exchange) { m.delay = time.Hour })
		for range 4 * 60 {
			time.Sleep(time.Second)
			before := time.Now()
			wantRate(t, c, btcEUR, "100")
			require.Equal(t, before, time.Now())
		}
	})
}

func TestA31_TheLastRateBridgesAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		m := newExchange("100")
		c := newCache(t, rates.CacheConfig{
			Source: m, TTL: 30 * time.Second, MaxAge: 10 * time.Minute,
			Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		})
		wantRate(t, c, btcEUR, "100")
		require.Empty(t, logged.String())
		m.set(func(m *exchange) { m.err = errOff })
		time.Sleep(10 * time.Minute)
		wantRate(t, c, btcEUR, "100")
		require.Contains(t, logged.String(), "connection refused")

		m.set(func(m *exchange) { m.err, m.value = nil, "90" })
		time.Sleep(time.Second)
		wantRate(t, c, btcEUR, "90")
	})
}

func TestA33_ARateOlderThanMaxAgeIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		c := newCache(t, rates.CacheConfig{Source: m, TTL: 30 * time.Second, MaxAge: 10 * time.Minute})
		wantRate(t, c, btcEUR, "100")
		m.set(func(m *exchange) { m.err = errOff })
		time.Sleep(10*time.Minute + 1)
		for range 2 { // the first asks the source, the second is told from memory
			_, err := c.Rate(t.Context(), btcEUR)
			var u *rates.UnavailableError
			require.ErrorAs(t, err, &u)
			require.ErrorIs(t, err, errOff)
			require.ErrorContains(t, err, "is older than 10m0s")
		}
	})
}

func TestA33_ASourceThatSucceedsWithAnOldRateIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		m.lag = 10*time.Minute + 1
		c := newCache(t, rates.CacheConfig{Source: m, MaxAge: 10 * time.Minute})
		_, err := c.Rate(t.Context(), btcEUR)
		require.ErrorIs(t, err, rates.ErrNoRate)
	})
}

func TestA33_AgeCountsFromTheSourcesOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		m.lag = 9 * time.Minute
		c := newCache(t, rates.CacheConfig{Source: m, TTL: 5 * time.Minute, MaxAge: 10 * time.Minute})
		wantRate(t, c, btcEUR, "100")
		m.set(func(m *exchange) { m.err = errOff })
		time.Sleep(time.Minute + 1) // still within the TTL of its arrival
		_, err := c.Rate(t.Context(), btcEUR)
		require.ErrorIs(t, err, rates.ErrNoRate)
	})
}

func TestCacheHasOneQuestionOpenPerPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		m.delay = 2 * time.Second
		c := newCache(t, rates.CacheConfig{Source: m})
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { wantRate(t, c, btcEUR, "100") })
			wg.Go(func() { wantRate(t, c, ethEUR, "100") })
		}
		wg.Wait()
		require.Equal(t, 1, m.asked(btcEUR))
		require.Equal(t, 1, m.asked(ethEUR))
	})
}

func TestCallersDoNotWaitForAnothersQuestionWhileThereIsALastRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		c := newCache(t, rates.CacheConfig{Source: m, TTL: 30 * time.Second})
		wantRate(t, c, btcEUR, "100")
		time.Sleep(30 * time.Second)
		m.set(func(m *exchange) { m.value, m.delay = "101", 5*time.Second })
		var wg sync.WaitGroup
		wg.Go(func() { wantRate(t, c, btcEUR, "101") })
		synctest.Wait() // it is asking
		before := time.Now()
		wantRate(t, c, btcEUR, "100")
		require.Equal(t, before, time.Now())
		wg.Wait()
	})
}

func TestACallerThatGivesUpDoesNotFailTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		m.delay = 2 * time.Second
		c := newCache(t, rates.CacheConfig{Source: m})
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.Rate(impatient, btcEUR)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
		})
		synctest.Wait() // the impatient one is asking
		wg.Go(func() { wantRate(t, c, btcEUR, "100") })
		wg.Go(func() {
			_, err := c.Rate(impatient, btcEUR)
			assert.ErrorIs(t, err, context.DeadlineExceeded, "one that waits gives up as well")
		})
		wg.Wait()
		require.Equal(t, 2, m.asked(btcEUR), "one of the others asked again, at once")
	})
}

func TestADeadSourceIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		m.err = errOff
		c := newCache(t, rates.CacheConfig{Source: m})
		var at []time.Duration
		begin := time.Now()
		for range 3600 {
			before := m.asked(btcEUR)
			_, err := c.Rate(t.Context(), btcEUR)
			require.ErrorIs(t, err, rates.ErrNoRate)
			if m.asked(btcEUR) > before {
				at = append(at, time.Since(begin)/time.Second)
			}
			time.Sleep(time.Second)
		}
		require.Equal(t, []time.Duration{0, 1, 3, 7, 15, 31, 63, 123, 183}, at[:9], "pauses double up to a minute")
		require.Equal(t, at[len(at)-2]+60, at[len(at)-1], "and stay at a minute")
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	for _, tc := range []struct {
		name  string
		err   error
		pause time.Duration
	}{
		{"of the source", &rates.HTTPError{Source: "m", Status: 429, RetryAfter: 5 * time.Minute}, 5 * time.Minute},
		{"wrapped", fmt.Errorf("m: %w", &rates.HTTPError{Source: "m", Status: 429, RetryAfter: 5 * time.Minute}), 5 * time.Minute},
		{"but an hour at most", &rates.HTTPError{Source: "m", Status: 429, RetryAfter: 1000 * time.Hour}, time.Hour},
		{"and a source among several does not speak for the others", &rates.UnavailableError{Pair: btcEUR, Reasons: []error{
			errOff, &rates.HTTPError{Source: "m", Status: 429, RetryAfter: 5 * time.Minute},
		}}, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newExchange("100")
				m.err = tc.err
				c := newCache(t, rates.CacheConfig{Source: m})
				_, err := c.Rate(t.Context(), btcEUR)
				require.ErrorIs(t, err, rates.ErrNoRate)
				m.set(func(m *exchange) { m.err = nil })
				time.Sleep(tc.pause - 1)
				_, err = c.Rate(t.Context(), btcEUR)
				require.ErrorIs(t, err, rates.ErrNoRate)
				time.Sleep(time.Nanosecond)
				wantRate(t, c, btcEUR, "100")
			})
		})
	}
}

func TestASourceThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		m.delay = time.Hour
		c := newCache(t, rates.CacheConfig{Source: m, Timeout: 10 * time.Second})
		_, err := c.Rate(t.Context(), btcEUR)
		require.ErrorIs(t, err, rates.ErrNoRate)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "no response within 10s")
	})
}

func TestReasonsOfAMedianAreNotNestedInTheCache(t *testing.T) {
	median := newMedian(t, rates.MedianConfig{Sources: named(fails(errOff), fails(errOff), fails(errOff))})
	_, err := newCache(t, rates.CacheConfig{Source: median}).Rate(t.Context(), btcEUR)
	require.EqualError(t, err, "rates: no rate for BTC/EUR: a: connection refused; b: connection refused; c: connection refused")
}

func TestCacheRemembersABoundedNumberOfPairs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		c := newCache(t, rates.CacheConfig{Source: m, MaxPairs: 3, Pairs: []rates.Pair{btcEUR}})
		wantRate(t, c, btcEUR, "100")
		wantRate(t, c, ethEUR, "100")

		m.set(func(m *exchange) { m.err = rates.ErrNoRate })
		for i := range 20 { // invented pairs displace each other, not what has a rate
			time.Sleep(time.Nanosecond)
			_, err := c.Rate(t.Context(), rates.Pair{Base: fmt.Sprintf("X%d", i), Quote: "EUR"})
			require.ErrorIs(t, err, rates.ErrNoRate)
		}
		wantRate(t, c, ethEUR, "100")
		wantRate(t, c, btcEUR, "100")

		m.set(func(m *exchange) { m.err = nil })
		for i := range 5 { // real ones displace those not asked for lately
			time.Sleep(time.Nanosecond)
			wantRate(t, c, rates.Pair{Base: fmt.Sprintf("Y%d", i), Quote: "EUR"}, "100")
		}
		require.Equal(t, 1, m.asked(ethEUR))
		wantRate(t, c, ethEUR, "100")
		require.Equal(t, 2, m.asked(ethEUR), "it was forgotten")
		wantRate(t, c, btcEUR, "100")
		require.Equal(t, 1, m.asked(btcEUR), "a configured pair is never forgotten")
	})
}

func TestCacheRefusesWhenAllItsRoomIsInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newExchange("100")
		m.delay = time.Second
		c := newCache(t, rates.CacheConfig{Source: m, MaxPairs: 1})
		var wg sync.WaitGroup
		wg.Go(func() { wantRate(t, c, btcEUR, "100") })
		synctest.Wait()
		_, err := c.Rate(t.Context(), ethEUR)
		require.ErrorIs(t, err, rates.ErrNoRate)
		wg.Wait()
		wantRate(t, c, ethEUR, "100")
	})
}

func TestRunAsksForManyPairsWithBoundedConcurrencyAndEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pairs []rates.Pair
		for i := range 50 {
			pairs = append(pairs, rates.Pair{Base: fmt.Sprintf("C%d", i), Quote: "EUR"})
		}
		var mu sync.Mutex
		open, most := 0, 0
		source := sourceFunc(func(ctx context.Context, p rates.Pair) (rates.Rate, error) {
			mu.Lock()
			open++
			most = max(most, open)
			mu.Unlock()
			defer func() {
				mu.Lock()
				open--
				mu.Unlock()
			}()
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return rates.Rate{}, ctx.Err()
			}
			return rates.Rate{Pair: p, Value: dec("1"), Time: time.Now(), Source: "exchange"}, nil
		})
		c := newCache(t, rates.CacheConfig{Source: source, Pairs: pairs})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		time.Sleep(7*time.Second + 1)
		mu.Lock()
		require.Equal(t, 8, most)
		mu.Unlock()
		before := time.Now()
		for _, p := range pairs {
			wantRate(t, c, p, "1")
		}
		require.Equal(t, before, time.Now(), "all pairs are warm after seven rounds of eight")

		require.ErrorContains(t, c.Run(ctx), "already running")
		time.Sleep(16 * time.Second) // in the middle of the next round
		stop()
		require.NoError(t, <-ended)
		mu.Lock()
		defer mu.Unlock()
		require.Zero(t, open, "no question is left open")
	})
}

func TestRunLogsAFailureAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged bytes.Buffer
		m := newExchange("100")
		m.err = errors.New("exchange closed")
		c := newCache(t, rates.CacheConfig{
			Source: m, Pairs: []rates.Pair{btcEUR},
			Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		})
		start(t, c)
		require.Contains(t, logged.String(), "exchange closed")
		m.set(func(m *exchange) { m.err = nil })
		time.Sleep(time.Second + 1)
		synctest.Wait()
		require.Equal(t, 2, m.asked(btcEUR), "tried again after the pause, though no caller asked")
		wantRate(t, c, btcEUR, "100")
		require.Equal(t, 2, m.asked(btcEUR))
	})
}

func TestNewCacheRefusesBadConfigurationByField(t *testing.T) {
	m := newExchange("100")
	for field, config := range map[string]rates.CacheConfig{
		"Source":   {},
		"TTL":      {Source: m, TTL: -1},
		"Timeout":  {Source: m, Timeout: -1},
		"MaxAge":   {Source: m, TTL: time.Minute, MaxAge: time.Second},
		"MaxPairs": {Source: m, MaxPairs: 1, Pairs: []rates.Pair{btcEUR}},
		"Pairs":    {Source: m, Pairs: []rates.Pair{{Base: "btc", Quote: "EUR"}}},
	} {
		t.Run(field, func(t *testing.T) {
			_, err := rates.NewCache(config)
			require.ErrorContains(t, err, field)
		})
	}
}
