package rates_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
)

func newMedian(t *testing.T, config rates.MedianConfig) *rates.Median {
	t.Helper()
	if config.Now == nil {
		config.Now = atNoon
	}
	m, err := rates.NewMedian(config)
	require.NoError(t, err)
	return m
}

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		name    string
		sources []rates.Source
		want    string // empty: refused
		who     string
	}{
		{"odd number: the middle one", []rates.Source{says("100", 0), says("103", 0), says("101", 0)}, "101", "median(a,b,c)"},
		{"even number: the mean of the middle two", []rates.Source{says("100", 0), says("103", 0), says("101", 0), says("102", 0)}, "101.5", "median(a,b,c,d)"},
		{"a deviation at the limit counts", []rates.Source{says("100", 0), says("105", 0), says("100", 0)}, "100", "median(a,b,c)"},
		{"a deviation above the limit does not", []rates.Source{says("100", 0), says("105.000001", 0), says("100", 0)}, "100", "median(a,c)"},
		{"one down", []rates.Source{says("100", 0), fails(errOff), says("102", 0)}, "101", "median(a,c)"},
		{"two down: one is not enough", []rates.Source{says("100", 0), fails(errOff), fails(errOff)}, "", ""},
		{"all down", []rates.Source{fails(errOff), fails(errOff), fails(errOff)}, "", ""},
		{"two against two", []rates.Source{says("100", 0), says("100", 0), says("200", 0), says("200", 0)}, "", ""},
		{"none agree", []rates.Source{says("100", 0), says("200", 0), says("300", 0)}, "", ""},
		{"an old one does not count", []rates.Source{says("100", 0), says("102", 6*time.Minute), says("101", 0)}, "100.5", "median(a,c)"},
		{"five minutes is not old", []rates.Source{says("100", 0), says("102", 5*time.Minute), says("101", 0)}, "101", "median(a,b,c)"},
		{"one from the future does not count", []rates.Source{says("100", 0), says("102", -61*time.Second), says("101", 0)}, "100.5", "median(a,c)"},
		{"a clock may be a minute ahead", []rates.Source{says("100", 0), says("102", -time.Minute), says("101", 0)}, "101", "median(a,b,c)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMedian(t, rates.MedianConfig{Sources: named(tc.sources...)})
			r, err := m.Rate(t.Context(), btcEUR)
			if tc.want == "" {
				require.ErrorIs(t, err, rates.ErrNoRate)
				var u *rates.UnavailableError
				require.ErrorAs(t, err, &u)
				require.Equal(t, btcEUR, u.Pair)
				require.Len(t, u.Reasons, len(tc.sources), "a reason for each source")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, r.Value.String())
			require.Equal(t, tc.who, r.Source)
			require.Equal(t, btcEUR, r.Pair)
		})
	}
}

func TestIncident36_FeedTimesThousandIsCutOff(t *testing.T) {
	wrong, down := says("58000000", 0), fails(errOff)

	t.Run("with only one right feed left, there is no rate", func(t *testing.T) {
		m := newMedian(t, rates.MedianConfig{Sources: named(wrong, down, says("58000", 0))})
		_, err := m.Rate(t.Context(), btcEUR)
		require.ErrorIs(t, err, rates.ErrNoRate)
		require.ErrorContains(t, err, "a: value 58000000 is too far from the median")
		require.ErrorContains(t, err, "b: connection refused")
	})
	t.Run("two right feeds outvote it", func(t *testing.T) {
		m := newMedian(t, rates.MedianConfig{Sources: named(wrong, down, says("58000", 0), says("58010", 0))})
		r, err := m.Rate(t.Context(), btcEUR)
		require.NoError(t, err)
		require.Equal(t, "58005", r.Value.String())
		require.Equal(t, "median(c,d)", r.Source)
	})
	t.Run("and bounds stop it where all feeds are wrong alike", func(t *testing.T) {
		m := newMedian(t, rates.MedianConfig{
			Sources: named(wrong, wrong, wrong),
			Bounds:  map[rates.Pair]rates.Bounds{btcEUR: {Min: dec("1000"), Max: dec("1000000")}},
		})
		_, err := m.Rate(t.Context(), btcEUR)
		require.ErrorIs(t, err, rates.ErrNoRate)
		require.ErrorContains(t, err, "outside 1000 to 1000000")
	})
}

func TestIncident37_ZeroNegativeAndAbsurdRatesAreRefused(t *testing.T) {
	for name, value := range map[string]decimal.Decimal{
		"zero":                    {},
		"a little below zero":     dec("-0.00000001"),
		"negative":                dec("-58000"),
		"a billion digits":        decimal.New(1, 999999999),
		"a billionth of a digit":  decimal.New(1, -999999999),
		"zero a billion times":    decimal.New(0, 999999999),
		"a thousand digits alone": dec(strings.Repeat("7", 1000)),
	} {
		t.Run(name, func(t *testing.T) {
			bad := sourceFunc(func(_ context.Context, p rates.Pair) (rates.Rate, error) {
				return rates.Rate{Pair: p, Value: value, Time: noon, Source: "feed"}, nil
			})

			m := newMedian(t, rates.MedianConfig{Sources: named(bad, says("58000", 0), bad, says("58000", 0))})
			r, err := m.Rate(t.Context(), btcEUR)
			require.NoError(t, err)
			require.Equal(t, "58000", r.Value.String())

			m = newMedian(t, rates.MedianConfig{Sources: named(bad, bad, bad)})
			_, err = m.Rate(t.Context(), btcEUR)
			require.ErrorIs(t, err, rates.ErrNoRate)

			first, err := rates.NewFirst(rates.FirstConfig{Sources: named(bad), Now: atNoon})
			require.NoError(t, err)
			_, err = first.Rate(t.Context(), btcEUR)
			require.ErrorIs(t, err, rates.ErrNoRate)

			cache, err := rates.NewCache(rates.CacheConfig{Source: bad, Now: atNoon})
			require.NoError(t, err)
			_, err = cache.Rate(t.Context(), btcEUR)
			require.ErrorIs(t, err, rates.ErrNoRate)

			fixed := rates.NewFixed(atNoon, map[rates.Pair]decimal.Decimal{btcEUR: value})
			_, err = fixed.Rate(t.Context(), btcEUR)
			require.ErrorIs(t, err, rates.ErrNoRate)
		})
	}
}

func TestIncident37_ARateOutsideItsBoundsIsRefused(t *testing.T) {
	bounds := map[rates.Pair]rates.Bounds{btcEUR: {Min: dec("1000"), Max: dec("1000000")}}
	for value, ok := range map[string]bool{"999.99": false, "1000": true, "1000000": true, "1000000.01": false} {
		t.Run(value, func(t *testing.T) {
			s := says(value, 0)
			_, err := newMedian(t, rates.MedianConfig{Sources: named(s, s, s), Bounds: bounds}).Rate(t.Context(), btcEUR)
			require.Equal(t, ok, err == nil, "%v", err)
			_, err = newMedian(t, rates.MedianConfig{Sources: named(s, s, s), Bounds: bounds}).Rate(t.Context(), ethEUR)
			require.NoError(t, err, "other pairs have no bounds")
		})
	}
}

func TestA33_OldRatesDoNotAgreeOnAnything(t *testing.T) {
	old := says("58000", 5*time.Minute+time.Second)
	_, err := newMedian(t, rates.MedianConfig{Sources: named(old, old, old)}).Rate(t.Context(), btcEUR)
	require.ErrorIs(t, err, rates.ErrNoRate)
	require.ErrorContains(t, err, "5m1s old")
}

func TestA31_ASourceThatHangsOrRefusesDoesNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMedian(t, rates.MedianConfig{
			Sources: named(hangs(), says("100", 0), fails(&rates.HTTPError{Source: "c", Status: 403}), says("102", 0)),
		})
		start := time.Now()
		r, err := m.Rate(t.Context(), btcEUR)
		require.NoError(t, err)
		require.Equal(t, "101", r.Value.String())
		require.Equal(t, 5*time.Second, time.Since(start), "the hanging one has its timeout")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err = m.Rate(ctx, btcEUR)
		require.NoError(t, err, "two that agree are enough, even if the caller is out of time for the third")
		require.Equal(t, "101", r.Value.String())
	})
}

func TestA31_WithoutAgreementTheErrorIsTypedAndSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMedian(t, rates.MedianConfig{
			Sources: named(hangs(), says("100", 0), fails(&rates.HTTPError{Source: "c", Status: 451})),
		})
		_, err := m.Rate(t.Context(), btcEUR)
		require.ErrorIs(t, err, rates.ErrNoRate)
		require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's context has not ended")
		var refused *rates.HTTPError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, 451, refused.Status)
		require.EqualError(t, err, "rates: no rate for BTC/EUR: a: no response within 5s; "+
			"b: value 100 has too few that agree, needs 2; c: HTTP status 451")
	})
}

func TestMedianEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMedian(t, rates.MedianConfig{Sources: named(hangs(), hangs(), hangs())})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := m.Rate(ctx, btcEUR)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, rates.ErrNoRate)
	})
}

func TestMedianIsAsOldAsItsOldestVoice(t *testing.T) {
	m := newMedian(t, rates.MedianConfig{Sources: named(says("100", time.Minute), says("100", 3*time.Minute), says("100", 0), says("900", 4*time.Minute))})
	r, err := m.Rate(t.Context(), btcEUR)
	require.NoError(t, err)
	require.Equal(t, noon.Add(-3*time.Minute), r.Time, "the one cut off has no say")
}

func TestMedianDoesNotBelieveAnAnswerToAnotherQuestion(t *testing.T) {
	other := sourceFunc(func(context.Context, rates.Pair) (rates.Rate, error) {
		return rates.Rate{Pair: ethEUR, Value: dec("100"), Time: noon, Source: "feed"}, nil
	})
	_, err := newMedian(t, rates.MedianConfig{Sources: named(other, other, says("100", 0))}).Rate(t.Context(), btcEUR)
	require.ErrorIs(t, err, rates.ErrNoRate)
	require.ErrorContains(t, err, `a: rate is for "ETH/EUR"`)
}

func TestA34_RatesAreNeverRounded(t *testing.T) {
	for places := range int32(19) {
		t.Run(fmt.Sprintf("%d decimals", places), func(t *testing.T) {
			low := decimal.New(1, 0).Add(decimal.New(1, -places)) // 1.00...1
			high := low.Add(decimal.New(1, -places))              // 1.00...2
			want := low.Add(decimal.New(5, -places-1))            // 1.00...15

			middle, err := rates.FromBidAsk(low, high)
			if places > 1 { // else the spread is refused
				require.NoError(t, err)
				require.True(t, middle.Equal(want), "got %s, want %s", middle, want)
			}
			m := newMedian(t, rates.MedianConfig{
				Sources:      named(says(low.String(), 0), says(high.String(), 0), fails(errOff)),
				MaxDeviation: dec("0.9"),
			})
			r, err := m.Rate(t.Context(), btcEUR)
			require.NoError(t, err)
			require.True(t, r.Value.Equal(want), "got %s, want %s", r.Value, want)
		})
	}
}

// Whatever order the sources come in and whatever a minority of them returns, the
// rate stays among the honest values.
func TestMedianStaysAmongTheHonestMajority(t *testing.T) {
	rng := rand.New(rand.NewPCG(36, 37))
	for range 500 {
		liars := rng.IntN(4)
		sources := []rates.Source{}
		for range liars {
			sources = append(sources, says(decimal.New(rng.Int64N(1_000_000_000)+1, -int32(rng.IntN(8))).String(), 0))
		}
		for range liars + 2 {
			sources = append(sources, says(decimal.New(100_00+rng.Int64N(1_00), -2).String(), 0))
		}
		rng.Shuffle(len(sources), func(i, j int) { sources[i], sources[j] = sources[j], sources[i] })
		if len(sources) < 3 {
			continue
		}
		r, err := newMedian(t, rates.MedianConfig{Sources: named(sources...)}).Rate(t.Context(), btcEUR)
		require.NoError(t, err)
		require.True(t, r.Value.GreaterThanOrEqual(dec("95")) && r.Value.LessThanOrEqual(dec("106")), "%s", r.Value)
	}
}

func TestNewMedianRefusesBadConfigurationByField(t *testing.T) {
	three := named(says("1", 0), says("1", 0), says("1", 0))
	twice := slices.Clone(three)
	twice[2].Name = twice[0].Name
	for field, config := range map[string]rates.MedianConfig{
		"Sources":         {Sources: three[:2]},
		"Sources[2].Name": {Sources: twice},
		"Sources[0]":      {Sources: []rates.Named{{Name: "a"}, three[1], three[2]}},
		"MinAgree 1":      {Sources: three, MinAgree: 1},
		"MinAgree 4":      {Sources: three, MinAgree: 4},
		"MaxDeviation":    {Sources: three, MaxDeviation: dec("-0.1")},
		"MaxDeviation is": {Sources: three, MaxDeviation: dec("1")},
		"MaxAge":          {Sources: three, MaxAge: -1},
		"Timeout":         {Sources: three, Timeout: -1},
		"Bounds of":       {Sources: three, Bounds: map[rates.Pair]rates.Bounds{btcEUR: {Min: dec("2"), Max: dec("1")}}},
		"Bounds: ":        {Sources: three, Bounds: map[rates.Pair]rates.Bounds{{Base: "btc"}: {}}},
	} {
		t.Run(field, func(t *testing.T) {
			_, err := rates.NewMedian(config)
			require.ErrorContains(t, err, field)
		})
	}
}
