package kucoin

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

const btcAnswer = `{"code":"200000","data":{"time":1772452799000,"sequence":"1550467636704","price":"63000.51","size":"0.17",` +
	`"bestBid":"63000.50","bestBidSize":"3.803","bestAsk":"63000.51","bestAskSize":"1.788"}}`

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
	case "/api/v1/market/orderbook/level1?symbol=BTC-USDT":
		io.WriteString(w, btcAnswer)
	case "/api/v1/market/orderbook/level1?symbol=NOCOIN-USDT":
		io.WriteString(w, `{"code":"200000","data":{}}`)
	default:
		io.WriteString(w, `{"code":"200000","data":null}`)
	}
}

func stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestConformance(t *testing.T) {
	for name, unknown := range map[string]rates.Pair{
		"data is null":  {Base: "BTC", Quote: "USD"},
		"data is empty": {Base: "NOCOIN", Quote: "USDT"},
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

func TestA33_TheTimeIsTheTickersOwn(t *testing.T) {
	r, err := serve(t, service).Rate(t.Context(), btcUSDT)
	require.NoError(t, err)
	require.Equal(t, noon.Add(-time.Second), r.Time)
	require.Equal(t, "kucoin", r.Source)

	stopped := says(t, `{"code":"200000","data":{"time":1550653727731,"bestBid":"2","bestAsk":"2"}}`)
	first, err := rates.NewFirst(rates.FirstConfig{
		Sources: []rates.Named{{Name: "kucoin", Source: stopped}},
		Now:     func() time.Time { return noon },
	})
	require.NoError(t, err)
	_, err = first.Rate(t.Context(), btcUSDT)
	require.ErrorIs(t, err, rates.ErrNoRate)
	require.ErrorContains(t, err, "more than 5m0s")
}

func TestA32_BadAnswersAreRejected(t *testing.T) {
	for body, noRate := range map[string]bool{
		`{"code":"200000","data":null}`: true,
		`{"code":"200000","data":{}}`:   true,
		`{"code":"200000"}`:             true,
		`{"code":"200000","data":{"time":1772452799000,"bestBid":"2.1","bestAsk":"2"}}`:                   false, // crossed
		`{"code":"200000","data":{"time":1772452799000,"bestBid":null,"bestAsk":null,"price":"2"}}`:       false, // empty
		`{"code":"200000","data":{"time":1772452799000,"bestBid":"-2","bestAsk":"-2"}}`:                   false,
		`{"code":"200000","data":{"time":1772452799000,"bestBid":"1e999999999","bestAsk":"1e999999999"}}`: false,
		`{"code":"200000","data":{"bestBid":"2","bestAsk":"2"}}`:                                          false, // no time
		`{"code":"200000","data":{"time":1772452799,"bestBid":"2","bestAsk":"2"}`:                         false, // breaks off
		`{"code":"429000","msg":"Too Many Requests"}`:                                                     false,
		`{"code":"400100","data":{"time":1772452799000,"bestBid":"2","bestAsk":"2"}}`:                     false,
		`{"code":200000,"data":{"time":1772452799000,"bestBid":"2","bestAsk":"2"}}`:                       false,
		`{}`:     false,
		`[]`:     false,
		`<html>`: false,
	} {
		t.Run(body, func(t *testing.T) {
			_, err := says(t, body).Rate(t.Context(), btcUSDT)
			require.Error(t, err)
			require.Equal(t, noRate, errors.Is(err, rates.ErrNoRate), "%v", err)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(btcAnswer))
	f.Add([]byte(`{"code":"200000","data":null}`))
	f.Add([]byte(`{"code":"200000","data":{"time":1,"bestBid":"1e-05","bestAsk":"1e999999999"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if q, err := parse(body); err == nil && (q.Value.Sign() <= 0 || q.Time.IsZero()) {
			t.Fatalf("read %s of %s from %q", q.Value, q.Time, body)
		}
	})
}
