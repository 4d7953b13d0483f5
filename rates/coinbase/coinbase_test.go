package coinbase

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
	btcEUR = rates.Pair{Base: "BTC", Quote: "EUR"}
	noon   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

const btcAnswer = `{"data":{"currency":"BTC","rates":{"1INCH":"183000.123456789012","BTC":"1.0","EUR":"58000.5","USD":"63042.0000000000001"}}}`

func serve(t *testing.T, handler http.HandlerFunc) *Source {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s, err := New(Config{HTTP: server.Client(), BaseURL: server.URL, Now: func() time.Time { return noon }})
	require.NoError(t, err)
	return s
}

func exchange(w http.ResponseWriter, r *http.Request) {
	switch r.URL.String() {
	case "/v2/exchange-rates?currency=BTC":
		io.WriteString(w, btcAnswer)
	default:
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"errors":[{"id":"invalid_request","message":"Invalid currency"}]}`)
	}
}

func stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestConformance(t *testing.T) {
	for name, unknown := range map[string]rates.Pair{
		"unknown base":  {Base: "NOCOIN", Quote: "EUR"},
		"unknown quote": {Base: "BTC", Quote: "XXX"},
	} {
		t.Run(name, func(t *testing.T) {
			ratestest.Run(t, func(t *testing.T) rates.Source { return serve(t, exchange) }, ratestest.Setup{
				Known:   btcEUR,
				Value:   decimal.RequireFromString("58000.5"),
				Unknown: unknown,
				Stalled: func(t *testing.T) rates.Source { return serve(t, stall) },
				Now:     func() time.Time { return noon },
			})
		})
	}
}

func TestRateIsExactAndStampedWithTheTimeOfReading(t *testing.T) {
	r, err := serve(t, exchange).Rate(t.Context(), rates.Pair{Base: "BTC", Quote: "USD"})
	require.NoError(t, err)
	require.Equal(t, "63042.0000000000001", r.Value.String())
	require.Equal(t, noon, r.Time)
	require.Equal(t, "coinbase", r.Source)
}

func TestBadAnswersAreRejected(t *testing.T) {
	for body, noRate := range map[string]bool{
		`{"data":{"currency":"USD","rates":{"EUR":"0.92"}}}`:         false, // inverse: answered for the default
		`{"data":{"currency":"BTC","rates":{"USD":"1"}}}`:            true,
		`{"data":{"currency":"BTC","rates":null}}`:                   true,
		`{"data":{"currency":"BTC","rates":{"EUR":""}}}`:             false,
		`{"data":{"currency":"BTC","rates":{"EUR":"NaN"}}}`:          false,
		`{"data":{"currency":"BTC","rates":{"EUR":"1e999999999"}}}`:  false,
		`{"data":{"currency":"BTC","rates":{"EUR":{"amount":"1"}}}}`: false,
		`{"data":null}`: false,
		`{}`:            false,
		`null`:          false,
		`<html>`:        false,
	} {
		t.Run(body, func(t *testing.T) {
			_, err := parse(btcEUR, []byte(body))
			require.Error(t, err)
			require.Equal(t, noRate, errors.Is(err, rates.ErrNoRate))
		})
	}
}

func TestIncident37_ZeroAndNegativeAreRefused(t *testing.T) {
	for _, value := range []string{"0", "0.0", "-58000"} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"data":{"currency":"BTC","rates":{"EUR":"`+value+`"}}}`)
		})
		_, err := s.Rate(t.Context(), btcEUR)
		require.ErrorContains(t, err, "not positive")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(btcAnswer))
	f.Add([]byte(`{"data":{"currency":"BTC","rates":{"EUR":"1e999999999"}}}`))
	f.Add([]byte(`{"data":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if q, err := parse(btcEUR, body); err == nil && len(q.Value.String()) > 200 {
			t.Fatalf("read %d digits from %q", len(q.Value.String()), body)
		}
	})
}
