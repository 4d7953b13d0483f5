package market_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/market"
)

const (
	krakenBody = `{"error":[],"result":{"XXBTZEUR":{"a":["58001.00000","1","1.000"],"b":["58000.00000","2","2.000"],` +
		`"c":["58000.50000","0.01"],"v":["1","2"],"p":["1","2"],"t":[1,2],"l":["1","2"],"h":["1","2"],"o":"57000.0"}}}`
	krakenUnknown = `{"error":["EQuery:Unknown asset pair"]}`
)

func krakenName(name, ws string) string {
	return `{"error":[],"result":{"` + name + `":{"altname":"any","wsname":"` + ws + `","status":"online"}}}`
}

// krakenBook wraps the ticker of BTC/EUR.
func krakenBook(ticker string) string { return `{"error":[],"result":{"XXBTZEUR":` + ticker + `}}` }

func kraken() service {
	return service{
		provider: market.Kraken(),
		handler: func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.String() {
			case "/0/public/AssetPairs?pair=XBTEUR":
				io.WriteString(w, krakenName("XXBTZEUR", "XBT/EUR"))
			case "/0/public/Ticker?pair=XBTEUR":
				io.WriteString(w, krakenBody)
			default:
				io.WriteString(w, krakenUnknown)
			}
		},
		known:   "BTC/EUR",
		value:   "58000.5",
		time:    noon,
		unknown: map[string]string{"unknown market": "NOCOIN/EUR"},
		bad: map[string]bool{
			krakenBook(`{"a":["58000"],"b":["58000.1"]}`):                          false, // crossed
			krakenBook(`{"a":["58000"],"b":["0.0"]}`):                              false,
			krakenBook(`{"a":["-1"],"b":["-2"]}`):                                  false,
			krakenBook(`{}`):                                                       false,
			krakenBook(`null`):                                                     false,
			krakenBook(`{"a":[],"b":[]}`):                                          false,
			krakenBook(`{"a":["58001","0","0.000"],"b":["58000","1","1.000"]}`):    false, // no asks
			krakenBook(`{"a":["58001","1","1.000"],"b":["58000","0","0.000"]}`):    false, // no bids
			krakenBook(`{"a":["NaN"],"b":["NaN"]}`):                                false,
			krakenBook(`{"a":["1e999999999"],"b":["1e999999999"]}`):                false,
			krakenBook(`{"a":["1e9999"],"b":["1"]}`):                               false,
			`{"error":[],"result":{"XBTEUR":{"a":["1e999999999"],"b":["1e-05"]}}}`: false,
			`{"error":["EGeneral:Too many requests"]}`:                             false, // with status 200
			`{"error":["EService:Unavailable"]}`:                                   false,
			krakenUnknown:                                                          true,
			`{"error":["EQuery:Invalid asset pair"]}`:                              true,
			`{"error":[],"result":{}}`:                                             true,
			`{"error":[]}`:                                                         true,
			`[]`:                                                                   false,
			`<html>`:                                                               false,
		},
	}
}

func TestKraken_TellsCodesApartThatRunTogether(t *testing.T) {
	asked := map[string]int{}
	s := serve(t, market.Kraken(), func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.Path]++
		if strings.HasSuffix(r.URL.Path, "/AssetPairs") {
			io.WriteString(w, krakenName("USDCUSD", "USDC/USD"))
			return
		}
		io.WriteString(w, `{"error":[],"result":{"USDCUSD":{"a":["1.0001","1","1"],"b":["0.9999","1","1"]}}}`)
	})
	_, err := s.Rate(t.Context(), pair("USD/CUSD"))
	require.ErrorIs(t, err, rates.ErrNoRate)
	for range 3 {
		r, err := s.Rate(t.Context(), pair("USDC/USD"))
		require.NoError(t, err)
		require.Equal(t, "1", r.Value.String())
	}
	require.Equal(t, map[string]int{"/0/public/AssetPairs": 2, "/0/public/Ticker": 3}, asked, "the name of a market is asked for once")
}

func TestKraken_TheNameInTheResponseDiffersFromTheRequestedOne(t *testing.T) {
	for _, tc := range []struct {
		pair  string
		asked string
		name  string // in the ticker
		whole string // in the list of markets
		ok    bool
	}{
		{"BTC/USD", "XBTUSD", "XXBTZUSD", "XBT/USD", true},
		{"DOGE/USD", "XDGUSD", "XDGUSD", "XDG/USD", true},
		{"DOGE/BTC", "XDGXBT", "XXDGXXBT", "XDG/XBT", true},
		{"ETH/EUR", "ETHEUR", "XETHZEUR", "ETH/EUR", true},
		{"LTC/USD", "LTCUSD", "XLTCZUSD", "LTC/USD", true},
		{"BCH/USD", "BCHUSD", "BCHUSD", "BCH/USD", true},
		{"USDT/USD", "USDTUSD", "USDTZUSD", "USDT/USD", true},
		{"BTC/USDT", "XBTUSDT", "XBTUSDT", "XBT/USDT", true},
		{"ETH/EUR", "ETHEUR", "XETHZEUR.d", "ETH/EUR", false},
		{"ETH/EUR", "ETHEUR", "XETHZUSD", "ETH/EUR", false},
		{"BTC/USD", "XBTUSD", "XETHZUSD", "XBT/USD", false},
		{"BTC/USD", "XBTUSD", "", "XBT/USD", false},
	} {
		t.Run(tc.asked+" "+tc.name, func(t *testing.T) {
			s := serve(t, market.Kraken(), func(w http.ResponseWriter, r *http.Request) {
				if got := r.URL.Query().Get("pair"); got != tc.asked {
					t.Errorf("asked for %q, want %q", got, tc.asked)
				}
				if strings.HasSuffix(r.URL.Path, "/AssetPairs") {
					io.WriteString(w, krakenName(tc.name, tc.whole))
					return
				}
				io.WriteString(w, `{"error":[],"result":{"`+tc.name+`":{"a":["2.1","0","0.5"],"b":["2.1","1","1.000"]}}}`)
			})
			r, err := s.Rate(t.Context(), pair(tc.pair))
			if !tc.ok {
				require.ErrorIs(t, err, rates.ErrNoRate)
				return
			}
			require.NoError(t, err)
			require.Equal(t, "2.1", r.Value.String())
		})
	}
}

func TestKraken_TakesAResponseWithAWarning(t *testing.T) {
	s := responds(t, market.Kraken(), `{"error":["WGeneral:Danger"],"result":{"XXBTZEUR":{"a":["2"],"b":["2"]}}}`)
	r, err := s.Rate(t.Context(), btcEUR)
	require.NoError(t, err)
	require.Equal(t, "2", r.Value.String())
}
