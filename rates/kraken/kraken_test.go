package kraken

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
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

const (
	btcAnswer = `{"error":[],"result":{"XXBTZEUR":{"a":["58001.00000","1","1.000"],"b":["58000.00000","2","2.000"],` +
		`"c":["58000.50000","0.01"],"v":["1","2"],"p":["1","2"],"t":[1,2],"l":["1","2"],"h":["1","2"],"o":"57000.0"}}}`
	unknownAnswer = `{"error":["EQuery:Unknown asset pair"]}`
)

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
	case "/0/public/AssetPairs?pair=XBTEUR":
		io.WriteString(w, pairAnswer("XXBTZEUR", "XBT/EUR"))
	case "/0/public/Ticker?pair=XBTEUR":
		io.WriteString(w, btcAnswer)
	default:
		io.WriteString(w, unknownAnswer)
	}
}

func pairAnswer(name, ws string) string {
	return `{"error":[],"result":{"` + name + `":{"altname":"any","wsname":"` + ws + `","status":"online"}}}`
}

func TestCodesThatRunTogetherAreToldApart(t *testing.T) {
	asked := map[string]int{}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.Path]++
		if strings.HasSuffix(r.URL.Path, "/AssetPairs") {
			io.WriteString(w, pairAnswer("USDCUSD", "USDC/USD"))
			return
		}
		io.WriteString(w, `{"error":[],"result":{"USDCUSD":{"a":["1.0001","1","1"],"b":["0.9999","1","1"]}}}`)
	})
	_, err := s.Rate(t.Context(), rates.Pair{Base: "USD", Quote: "CUSD"})
	require.ErrorIs(t, err, rates.ErrNoRate)
	for range 3 {
		r, err := s.Rate(t.Context(), rates.Pair{Base: "USDC", Quote: "USD"})
		require.NoError(t, err)
		require.Equal(t, "1", r.Value.String())
	}
	require.Equal(t, map[string]int{"/0/public/AssetPairs": 2, "/0/public/Ticker": 3}, asked, "what a market is called is asked once")
}

func stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestConformance(t *testing.T) {
	ratestest.Run(t, func(t *testing.T) rates.Source { return serve(t, exchange) }, ratestest.Setup{
		Known:   btcEUR,
		Value:   decimal.RequireFromString("58000.5"),
		Unknown: rates.Pair{Base: "NOCOIN", Quote: "EUR"},
		Stalled: func(t *testing.T) rates.Source { return serve(t, stall) },
		Now:     func() time.Time { return noon },
	})
}

func TestRateIsStampedWithTheTimeOfReading(t *testing.T) {
	r, err := serve(t, exchange).Rate(t.Context(), btcEUR)
	require.NoError(t, err)
	require.Equal(t, noon, r.Time)
	require.Equal(t, "kraken", r.Source)
}

func TestTheNameInTheAnswerDiffersFromTheAskedOne(t *testing.T) {
	for _, tc := range []struct {
		pair  rates.Pair
		asked string
		name  string
		ok    bool
	}{
		{rates.Pair{Base: "BTC", Quote: "USD"}, "XBTUSD", "XXBTZUSD", true},
		{rates.Pair{Base: "DOGE", Quote: "USD"}, "XDGUSD", "XDGUSD", true},
		{rates.Pair{Base: "DOGE", Quote: "BTC"}, "XDGXBT", "XXDGXXBT", true},
		{rates.Pair{Base: "ETH", Quote: "EUR"}, "ETHEUR", "XETHZEUR", true},
		{rates.Pair{Base: "LTC", Quote: "USD"}, "LTCUSD", "XLTCZUSD", true},
		{rates.Pair{Base: "BCH", Quote: "USD"}, "BCHUSD", "BCHUSD", true},
		{rates.Pair{Base: "USDT", Quote: "USD"}, "USDTUSD", "USDTZUSD", true},
		{rates.Pair{Base: "BTC", Quote: "USDT"}, "XBTUSDT", "XBTUSDT", true},
		{rates.Pair{Base: "ETH", Quote: "EUR"}, "ETHEUR", "XETHZEUR.d", false},
		{rates.Pair{Base: "ETH", Quote: "EUR"}, "ETHEUR", "XETHZUSD", false},
		{rates.Pair{Base: "BTC", Quote: "USD"}, "XBTUSD", "XETHZUSD", false},
		{rates.Pair{Base: "BTC", Quote: "USD"}, "XBTUSD", "", false},
	} {
		t.Run(tc.asked+" "+tc.name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if got := r.URL.Query().Get("pair"); got != tc.asked {
					t.Errorf("asked for %q, want %q", got, tc.asked)
				}
				if strings.HasSuffix(r.URL.Path, "/AssetPairs") {
					io.WriteString(w, pairAnswer(tc.name, assetCode(tc.pair.Base)+"/"+assetCode(tc.pair.Quote)))
					return
				}
				io.WriteString(w, `{"error":[],"result":{"`+tc.name+`":{"a":["2.1","0","0.5"],"b":["2.1","1","1.000"]}}}`)
			})
			r, err := s.Rate(t.Context(), tc.pair)
			if !tc.ok {
				require.ErrorIs(t, err, rates.ErrNoRate)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "2.1", r.Value.String())
		})
	}
}

func TestA32_ACrossedOrEmptyBookIsRejected(t *testing.T) {
	for name, book := range map[string]string{
		"bid above ask": `{"a":["58000"],"b":["58000.1"]}`,
		"no bids":       `{"a":["58000"],"b":["0.0"]}`,
		"negative":      `{"a":["-1"],"b":["-2"]}`,
		"nothing":       `{}`,
		"null":          `null`,
		"empty lists":   `{"a":[],"b":[]}`,
		"no asks":       `{"a":["58001","0","0.000"],"b":["58000","1","1.000"]}`,
		"no volume":     `{"a":["58001","1","1.000"],"b":["58000","0","0.000"]}`,
		"no number":     `{"a":["NaN"],"b":["NaN"]}`,
		"exponent bomb": `{"a":["1e999999999"],"b":["1e999999999"]}`,
		"unequal bomb":  `{"a":["1e9999"],"b":["1"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(btcEUR, []byte(`{"error":[],"result":{"XXBTZEUR":`+book+`}}`))
			require.Error(t, err)
		})
	}
}

func TestErrorsComeWithStatus200(t *testing.T) {
	for body, noRate := range map[string]bool{
		unknownAnswer: true,
		`{"error":["EQuery:Invalid asset pair"]}`:  true,
		`{"error":["EGeneral:Too many requests"]}`: false,
		`{"error":["EService:Unavailable"]}`:       false,
		`{"error":[],"result":{}}`:                 true,
		`{"error":[]}`:                             true,
		`[]`:                                       false,
		`<html>`:                                   false,
	} {
		t.Run(body, func(t *testing.T) {
			_, err := parse(btcEUR, []byte(body))
			require.Error(t, err)
			require.Equal(t, noRate, errors.Is(err, rates.ErrNoRate))
		})
	}
}

func TestAWarningComesWithTheAnswer(t *testing.T) {
	q, err := parse(btcEUR, []byte(`{"error":["WGeneral:Danger"],"result":{"XXBTZEUR":{"a":["2"],"b":["2"]}}}`))
	require.NoError(t, err)
	require.Equal(t, "2", q.Value.String())
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(btcAnswer))
	f.Add([]byte(unknownAnswer))
	f.Add([]byte(`{"error":[],"result":{"XBTEUR":{"a":["1e999999999"],"b":["1e-05"]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if q, err := parse(btcEUR, body); err == nil && q.Value.Sign() <= 0 {
			t.Fatalf("read %s from %q", q.Value, body)
		}
	})
}
