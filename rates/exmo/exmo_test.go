package exmo

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
	btcRUB = rates.Pair{Base: "BTC", Quote: "RUB"}
	noon   = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday
)

const allAnswer = `{"BTC_RUB":{"buy_price":"5300000","sell_price":"5300001","last_trade":"5300000.7","high":"5400000","low":"5200000",` +
	`"avg":"5300000.1","vol":"12.5","vol_curr":"66250000","updated":1772452799},` +
	`"USDT_RUB":{"buy_price":"84.1","sell_price":"84.3","last_trade":"84.2","high":"85","low":"84","avg":"84.5","vol":"1","vol_curr":"84","updated":1772452799}}`

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
	if r.URL.String() != "/v1.1/ticker" {
		w.WriteHeader(http.StatusNotFound)
	}
	io.WriteString(w, allAnswer)
}

func stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestConformance(t *testing.T) {
	for name, unknown := range map[string]rates.Pair{
		"unknown market":  {Base: "NOCOIN", Quote: "RUB"},
		"given up market": {Base: "ETH", Quote: "RUB"},
	} {
		t.Run(name, func(t *testing.T) {
			ratestest.Run(t, func(t *testing.T) rates.Source { return serve(t, service) }, ratestest.Setup{
				Known:   btcRUB,
				Value:   decimal.RequireFromString("5300000.5"),
				Unknown: unknown,
				Stalled: func(t *testing.T) rates.Source { return serve(t, stall) },
				Now:     func() time.Time { return noon },
			})
		})
	}
}

func TestA33_TheTimeIsTheTickersOwn(t *testing.T) {
	r, err := serve(t, service).Rate(t.Context(), rates.Pair{Base: "USDT", Quote: "RUB"})
	require.NoError(t, err)
	require.Equal(t, "84.2", r.Value.String())
	require.Equal(t, noon.Add(-time.Second), r.Time)
	require.Equal(t, "exmo", r.Source)

	stopped := says(t, `{"BTC_RUB":{"buy_price":"2","sell_price":"2","updated":1523621733}}`)
	first, err := rates.NewFirst(rates.FirstConfig{
		Sources: []rates.Named{{Name: "exmo", Source: stopped}},
		Now:     func() time.Time { return noon },
	})
	require.NoError(t, err)
	_, err = first.Rate(t.Context(), btcRUB)
	require.ErrorIs(t, err, rates.ErrNoRate)
	require.ErrorContains(t, err, "more than 5m0s")
}

func TestA32_BadAnswersAreRejected(t *testing.T) {
	for body, noRate := range map[string]bool{
		`{}`:   true,
		`null`: true,
		`{"BTC_USD":{"buy_price":"2","sell_price":"2","updated":1772452799}}`:                     true,
		`{"RUB_BTC":{"buy_price":"2","sell_price":"2","updated":1772452799}}`:                     true,  // the wrong way round
		`{"BTC_RUB":{"buy_price":"2.1","sell_price":"2","updated":1772452799}}`:                   false, // crossed
		`{"BTC_RUB":{"buy_price":"0","sell_price":"2","updated":1772452799}}`:                     false,
		`{"BTC_RUB":{"buy_price":"-2","sell_price":"-2","updated":1772452799}}`:                   false,
		`{"BTC_RUB":{"buy_price":"1e999999999","sell_price":"1e999999999","updated":1772452799}}`: false,
		`{"BTC_RUB":{"buy_price":"2","sell_price":"2"}}`:                                          false, // no time
		`{"BTC_RUB":{"buy_price":"2","sell_price":"2","updated":"soon"}}`:                         false,
		`{"BTC_RUB":null}`: false,
		`{"BTC_RUB":[]}`:   false,
		`{"result":false,"error":"Error 40016: Maintenance work in progress"}`:             false,
		`{"result":false,"error":"Error 40034: Access is denied, rate limit is exceeded"}`: false,
		`[]`:     false,
		`<html>`: false,
	} {
		t.Run(body, func(t *testing.T) {
			_, err := says(t, body).Rate(t.Context(), btcRUB)
			require.Error(t, err)
			require.Equal(t, noRate, errors.Is(err, rates.ErrNoRate), "%v", err)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(allAnswer))
	f.Add([]byte(`{"result":false,"error":"Error 40016: Maintenance work in progress"}`))
	f.Add([]byte(`{"BTC_RUB":{"buy_price":"1e-05","sell_price":"1e999999999","updated":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if q, err := parse(btcRUB, body); err == nil && (q.Value.Sign() <= 0 || q.Time.IsZero()) {
			t.Fatalf("read %s of %s from %q", q.Value, q.Time, body)
		}
	})
}
