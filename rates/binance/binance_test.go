package binance

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/ratestest"
)

var (
	btcUSDT = rates.Pair{Base: "BTC", Quote: "USDT"}
	noon    = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday
)

const btcAnswer = `{"symbol":"BTCUSDT","priceChange":"-94.99","lastPrice":"63000.51","lastQty":"0.1","bidPrice":"63000.50","bidQty":"1.5",` +
	`"askPrice":"63000.51","askQty":"2","openPrice":"63095.5","openTime":1772366399000,"closeTime":1772452799000,"firstId":1,"lastId":2,"count":2}`

// frozenAnswer is what a symbol answers for ever after it was delisted.
const frozenAnswer = `{"symbol":"VENBTC","lastPrice":"0.00024002","lastQty":"378.00000000","bidPrice":"0.00000000","bidQty":"0.00000000",` +
	`"askPrice":"0.00000000","askQty":"0.00000000","openTime":1532287028321,"closeTime":1532373428321,"count":7370}`

func serve(t *testing.T, handler http.HandlerFunc) *Source {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s, err := New(Config{HTTP: server.Client(), BaseURL: server.URL, Now: func() time.Time { return noon }})
	require.NoError(t, err)
	return s
}

func says(t *testing.T, body string) *Source {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
}

func service(w http.ResponseWriter, r *http.Request) {
	switch r.URL.String() {
	case "/api/v3/ticker/24hr?symbol=BTCUSDT":
		io.WriteString(w, btcAnswer)
	case "/api/v3/ticker/24hr?symbol=VENBTC":
		io.WriteString(w, frozenAnswer)
	default:
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"code":-1121,"msg":"Invalid symbol."}`)
	}
}

func stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestConformance(t *testing.T) {
	for name, unknown := range map[string]rates.Pair{
		"unknown symbol": {Base: "NOCOIN", Quote: "USDT"},
		"dollars":        {Base: "BTC", Quote: "USD"},
	} {
		t.Run(name, func(t *testing.T) {
			ratestest.Run(t, func(t *testing.T) rates.Source { return serve(t, service) }, ratestest.Setup{
				Known:   btcUSDT,
				Value:   decimal.RequireFromString("63000.505"),
				Unknown: unknown,
				Stalled: func(t *testing.T) rates.Source { return serve(t, stall) },
				Now:     func() time.Time { return noon },
			})
		})
	}
}

func TestTheTimeIsTheEndOfTheWindow(t *testing.T) {
	r, err := serve(t, service).Rate(t.Context(), btcUSDT)
	require.NoError(t, err)
	require.Equal(t, noon.Add(-time.Second), r.Time)
	require.Equal(t, "binance", r.Source)
}

func TestUSDTIsNeverPassedOffAsUSD(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("dollars were asked for") })
	for _, p := range []rates.Pair{{Base: "BTC", Quote: "USD"}, {Base: "BTCT", Quote: "USD"}, {Base: "USDT", Quote: "USD"}, {Base: "USD", Quote: "USDT"}} {
		_, err := s.Rate(t.Context(), p)
		require.ErrorIs(t, err, rates.ErrNoRate)
	}
}

func TestA33_ADelistedSymbolIsNoRate(t *testing.T) {
	_, err := serve(t, service).Rate(t.Context(), rates.Pair{Base: "VEN", Quote: "BTC"})
	require.ErrorContains(t, err, "not positive")

	// One that only halted keeps its book, but not its time.
	halted := says(t, `{"symbol":"VENBTC","bidPrice":"0.00024","askPrice":"0.00024","closeTime":1532373428321}`)
	first, err := rates.NewFirst(rates.FirstConfig{
		Sources: []rates.Named{{Name: "binance", Source: halted}},
		Now:     func() time.Time { return noon },
	})
	require.NoError(t, err)
	_, err = first.Rate(t.Context(), rates.Pair{Base: "VEN", Quote: "BTC"})
	require.ErrorIs(t, err, rates.ErrNoRate)
	require.ErrorContains(t, err, "more than 5m0s")
}

func TestA31_RefusalsAreTypedAndPausesKept(t *testing.T) {
	for _, tc := range []struct {
		status int
		header string
		pause  time.Duration
	}{
		{http.StatusTooManyRequests, "30", 30 * time.Second},
		{http.StatusTeapot, "600", 10 * time.Minute}, // banned
		{http.StatusUnavailableForLegalReasons, "", 0},
	} {
		t.Run(http.StatusText(tc.status), func(t *testing.T) {
			calls := 0
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				if tc.header != "" {
					w.Header().Set("Retry-After", tc.header)
				}
				w.WriteHeader(tc.status)
				io.WriteString(w, `{"code":-1003,"msg":"Too many requests."}`)
			})
			_, err := s.Rate(t.Context(), btcUSDT)
			var refused *rates.HTTPError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, rates.HTTPError{Source: "binance", Status: tc.status, RetryAfter: tc.pause}, *refused)
			require.NotErrorIs(t, err, rates.ErrNoRate)
			_, err = s.Rate(t.Context(), btcUSDT)
			require.Error(t, err)
			require.Equal(t, tc.pause == 0, calls == 2, "a ban grows if it is not kept to")
		})
	}
}

func TestA32_BadAnswersAreRejected(t *testing.T) {
	for name, body := range map[string]string{
		"bid above ask":       `{"symbol":"BTCUSDT","bidPrice":"2.1","askPrice":"2","closeTime":1772452799000}`,
		"no bids":             `{"symbol":"BTCUSDT","bidPrice":"0.00000000","askPrice":"2","closeTime":1772452799000}`,
		"no time":             `{"symbol":"BTCUSDT","bidPrice":"2","askPrice":"2"}`,
		"null":                `{"symbol":"BTCUSDT","bidPrice":null,"askPrice":null,"closeTime":null}`,
		"time in exponents":   `{"symbol":"BTCUSDT","bidPrice":"2","askPrice":"2","closeTime":1.7e12}`,
		"time in nanoseconds": `{"symbol":"BTCUSDT","bidPrice":"2","askPrice":"2","closeTime":1772452799000000000}`,
		"another symbol":      `{"symbol":"ETHUSDT","bidPrice":"2","askPrice":"2","closeTime":1772452799000}`,
		"exponent bomb":       `{"symbol":"BTCUSDT","bidPrice":"1e999999999","askPrice":"1e999999999","closeTime":1772452799000}`,
		"a list":              `[` + btcAnswer + `]`,
		"a page":              `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := says(t, body).Rate(t.Context(), btcUSDT)
			require.Error(t, err)
			require.False(t, errors.Is(err, rates.ErrNoRate), "nonsense is not ignorance")
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(btcAnswer))
	f.Add([]byte(frozenAnswer))
	f.Add([]byte(`{"symbol":"BTCUSDT","bidPrice":"1e-05","askPrice":"1e999999999","closeTime":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if q, err := parse("BTCUSDT", body); err == nil && (q.Value.Sign() <= 0 || q.Time.IsZero()) {
			t.Fatalf("read %s of %s from %q", q.Value, q.Time, body)
		}
	})
}
