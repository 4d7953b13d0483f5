package rates_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/ratestest"
)

func TestConformance(t *testing.T) {
	fixed := rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{btcEUR: dec("58000.5")})
	setup := ratestest.Setup{
		Known:   btcEUR,
		Value:   dec("58000.5"),
		Unknown: rates.Pair{Base: "NOCOIN", Quote: "EUR"},
	}
	stalling := setup
	composed := func(t *testing.T, kind string, s rates.Source) rates.Source {
		var composed rates.Source
		var err error
		switch kind {
		case "median":
			composed, err = rates.NewMedian(rates.MedianConfig{Sources: named(s, s, s)})
		case "first":
			composed, err = rates.NewFirst(rates.FirstConfig{Sources: named(fails(errOff), s)})
		case "cache":
			composed, err = rates.NewCache(rates.CacheConfig{Source: s})
		case "cross": // one that takes a single leg
			composed, err = rates.NewCross(rates.CrossConfig{Via: []string{"EUR"}, Legs: []rates.Leg{{Name: "a", Source: s}, {Name: "b", Source: s}}})
		}
		require.NoError(t, err)
		return composed
	}

	t.Run("fixed", func(t *testing.T) {
		ratestest.Run(t, func(*testing.T) rates.Source { return fixed }, setup)
	})
	for _, kind := range []string{"median", "first", "cache", "cross"} {
		t.Run(kind, func(t *testing.T) {
			stalling.Stalled = func(t *testing.T) rates.Source { return composed(t, kind, hangs()) }
			ratestest.Run(t, func(t *testing.T) rates.Source { return composed(t, kind, fixed) }, stalling)
		})
	}
}

func TestACurrencyInItselfIsOneWithoutAskingAnybody(t *testing.T) {
	asked := fails(errOff)
	median, err := rates.NewMedian(rates.MedianConfig{Sources: named(asked, asked, asked)})
	require.NoError(t, err)
	first, err := rates.NewFirst(rates.FirstConfig{Sources: named(asked)})
	require.NoError(t, err)
	cache, err := rates.NewCache(rates.CacheConfig{Source: asked})
	require.NoError(t, err)
	leg := rates.Leg{Name: "a", Source: asked}
	cross, err := rates.NewCross(rates.CrossConfig{Via: []string{"USD"}, Legs: []rates.Leg{leg, leg}})
	require.NoError(t, err)
	for _, s := range []rates.Source{rates.NewFixed(nil, nil), median, first, cache, cross} {
		r, err := s.Rate(t.Context(), rates.Pair{Base: "EUR", Quote: "EUR"})
		require.NoError(t, err)
		require.Equal(t, "1", r.Value.String())
		require.NoError(t, r.Validate())
	}
}

func TestFixedIsNotChangedByItsCaller(t *testing.T) {
	values := map[rates.Pair]decimal.Decimal{btcEUR: dec("1")}
	s := rates.NewFixed(atNoon, values)
	values[btcEUR] = dec("2")
	r, err := s.Rate(t.Context(), btcEUR)
	require.NoError(t, err)
	require.Equal(t, rates.Rate{Pair: btcEUR, Value: dec("1"), Time: noon, Source: "fixed"}, r)
}

func TestFirst(t *testing.T) {
	for _, tc := range []struct {
		name    string
		sources []rates.Source
		want    string // empty: refused
	}{
		{"the first is preferred", []rates.Source{says("1", 0), says("2", 0)}, "1"},
		{"A31: the second stands in for one that is down", []rates.Source{fails(errOff), says("2", 0)}, "2"},
		{"A31: and for one that is blocked", []rates.Source{fails(&rates.HTTPError{Source: "a", Status: 403}), says("2", 0)}, "2"},
		{"A33: and for one that is stale", []rates.Source{says("1", 6*time.Minute), says("2", 0)}, "2"},
		{"and for one that talks nonsense", []rates.Source{says("-1", 0), says("2", 0)}, "2"},
		{"all down", []rates.Source{fails(errOff), fails(errOff)}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := rates.NewFirst(rates.FirstConfig{Sources: named(tc.sources...), Now: atNoon})
			require.NoError(t, err)
			r, err := s.Rate(t.Context(), btcEUR)
			if tc.want == "" {
				require.ErrorIs(t, err, rates.ErrNoRate)
				require.EqualError(t, err, "rates: no rate for BTC/EUR: a: connection refused; b: connection refused")
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, r.Value.String())
		})
	}
}

func TestNewFirstRefusesBadConfigurationByField(t *testing.T) {
	_, err := rates.NewFirst(rates.FirstConfig{})
	require.ErrorContains(t, err, "Sources")
	_, err = rates.NewFirst(rates.FirstConfig{Sources: []rates.Named{{Source: says("1", 0)}}})
	require.ErrorContains(t, err, "Sources[0].Name")
}

func TestPairValidate(t *testing.T) {
	for _, p := range []rates.Pair{{"BTC", "EUR"}, {"1INCH", "USDT"}, {"A", "ABCDEFGHIJKLMNOP"}} {
		require.NoError(t, p.Validate(), p.String())
	}
	for _, p := range []rates.Pair{{}, {"BTC", ""}, {"", "EUR"}, {"btc", "EUR"}, {"BTC", "EUR "}, {"B/C", "EUR"}, {"BTC", "É"}, {"BTC", "ABCDEFGHIJKLMNOPQ"}} {
		require.ErrorIs(t, p.Validate(), rates.ErrNoRate, p.String())
	}
}

func TestParseValueKeepsEveryDigit(t *testing.T) {
	for text, want := range map[string]string{
		"67187.33":              "67187.33",
		"1e-05":                 "0.00001",
		"1.5E+3":                "1500",
		"0.1":                   "0.1",
		"67187.335893656612345": "67187.335893656612345",
		"0.00000000012345":      "0.00000000012345",
		"9007199254740993":      "9007199254740993", // 2^53 + 1, which a float cannot hold
		"-1":                    "-1",
	} {
		v, err := rates.ParseValue(text)
		require.NoError(t, err)
		require.Equal(t, want, v.String())
	}
	for _, text := range []string{
		"", " ", "NaN", "Infinity", "-inf", "0x10", "1_000", "1,5", "1.2.3", "null", "12 ",
		"1e999999999", "1e-999999999", "0e999999999", "1e31", "1e99999999999999999999",
		strings.Repeat("9", 61), strings.Repeat("1", 1<<20),
	} {
		_, err := rates.ParseValue(text)
		require.Error(t, err, "%.40q", text)
		require.Less(t, len(err.Error()), 200)
	}
}

func FuzzParseValue(f *testing.F) {
	for _, seed := range []string{"67187.33", "1e-05", "-0", "1e999999999", "NaN", ".5", "5."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := rates.ParseValue(text)
		if err != nil {
			return
		}
		again, err := rates.ParseValue(v.String())
		if err == nil && !again.Equal(v) {
			t.Fatalf("%q was read as %s and then as %s", text, v, again)
		}
		if len(v.String()) > 200 {
			t.Fatalf("%q has %d digits", text, len(v.String()))
		}
	})
}

func TestA32_NonsenseQuotesAreRejected(t *testing.T) {
	for _, tc := range []struct {
		name, bid, ask, want string
	}{
		{"the middle", "100", "101", "100.5"},
		{"no spread", "100", "100", "100"},
		{"the widest spread", "100", "110", "105"},
		{"bid above ask", "100.01", "100", ""},
		{"a book too thin", "100", "110.01", ""},
		{"no bids", "0", "100", ""},
		{"no asks", "100", "0", ""},
		{"negative", "-101", "-100", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v, err := rates.FromBidAsk(dec(tc.bid), dec(tc.ask))
			if tc.want == "" {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, v.String())
		})
	}
	_, err := rates.FromBidAsk(decimal.New(1, 999999999), decimal.New(1, 999999999))
	require.Error(t, err)
}

func TestUnavailableErrorIsBoundedAndReachesItsReasons(t *testing.T) {
	refused := &rates.HTTPError{Source: "a", Status: 429, RetryAfter: time.Minute}
	err := fmt.Errorf("quote: %w", &rates.UnavailableError{
		Pair:    btcEUR,
		Reasons: []error{refused, errors.New(strings.Repeat("é", 5000))},
	})
	require.ErrorIs(t, err, rates.ErrNoRate)
	require.ErrorIs(t, err, refused)
	require.ErrorContains(t, err, "no rate for BTC/EUR: a: HTTP status 429, retry after 1m0s; é")
	require.Less(t, len(err.Error()), 400)
	require.True(t, utf8.ValidString(err.Error()))
}
