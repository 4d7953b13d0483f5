package market_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/market"
)

const binanceBody = `{"symbol":"BTCUSDT","priceChange":"-94.99","lastPrice":"63000.51","lastQty":"0.1","bidPrice":"63000.50","bidQty":"1.5",` +
	`"askPrice":"63000.51","askQty":"2","openPrice":"63095.5","openTime":1772366399000,"closeTime":1772452799000,"firstId":1,"lastId":2,"count":2}`

// binanceFrozen is the ticker of a symbol that was delisted.
const binanceFrozen = `{"symbol":"VENBTC","lastPrice":"0.00024002","lastQty":"378.00000000","bidPrice":"0.00000000","bidQty":"0.00000000",` +
	`"askPrice":"0.00000000","askQty":"0.00000000","openTime":1532287028321,"closeTime":1532373428321,"count":7370}`

func binance() service {
	return service{
		provider: market.Binance(),
		handler: func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.String() {
			case "/api/v3/ticker/24hr?symbol=BTCUSDT":
				io.WriteString(w, binanceBody)
			case "/api/v3/ticker/24hr?symbol=VENBTC":
				io.WriteString(w, binanceFrozen)
			default:
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, `{"code":-1121,"msg":"Invalid symbol."}`)
			}
		},
		known:   "BTC/USDT",
		value:   "63000.505",
		time:    noon.Add(-time.Second), // the end of the window
		unknown: map[string]string{"unknown symbol": "NOCOIN/USDT", "dollars": "BTC/USD"},
		bad: map[string]bool{
			`{"symbol":"BTCUSDT","bidPrice":"2.1","askPrice":"2","closeTime":1772452799000}`:                   false, // crossed
			`{"symbol":"BTCUSDT","bidPrice":"0.00000000","askPrice":"2","closeTime":1772452799000}`:            false,
			`{"symbol":"BTCUSDT","bidPrice":"2","askPrice":"2"}`:                                               false,
			`{"symbol":"BTCUSDT","bidPrice":null,"askPrice":null,"closeTime":null}`:                            false,
			`{"symbol":"BTCUSDT","bidPrice":"2","askPrice":"2","closeTime":1.7e12}`:                            false,
			`{"symbol":"BTCUSDT","bidPrice":"2","askPrice":"2","closeTime":1772452799000000000}`:               false, // nanoseconds
			`{"symbol":"ETHUSDT","bidPrice":"2","askPrice":"2","closeTime":1772452799000}`:                     false,
			`{"symbol":"BTCUSDT","bidPrice":"1e999999999","askPrice":"1e999999999","closeTime":1772452799000}`: false,
			`[` + binanceBody + `]`: false,
			`<html>`:                false,
		},
	}
}

func TestBinance_NeverPassesUSDTOffAsUSD(t *testing.T) {
	s := serve(t, market.Binance(), func(http.ResponseWriter, *http.Request) { t.Error("dollars were asked for") })
	for _, p := range []string{"BTC/USD", "BTCT/USD", "USDT/USD", "USD/USDT"} {
		_, err := s.Rate(t.Context(), pair(p))
		require.ErrorIs(t, err, rates.ErrNoRate)
	}
}

func TestA33_Binance_HasNoRateOfADelistedSymbol(t *testing.T) {
	_, err := serve(t, market.Binance(), binance().handler).Rate(t.Context(), pair("VEN/BTC"))
	require.ErrorContains(t, err, "not positive")
}
