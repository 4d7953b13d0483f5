package market_test

import (
	"io"
	"net/http"
	"time"

	"github.com/cointill/cointill/rates/market"
)

const exmoBody = `{"BTC_RUB":{"buy_price":"5300000","sell_price":"5300001","last_trade":"5300000.7","high":"5400000","low":"5200000",` +
	`"avg":"5300000.1","vol":"12.5","vol_curr":"66250000","updated":1772452799},` +
	`"USDT_RUB":{"buy_price":"84.1","sell_price":"84.3","last_trade":"84.2","high":"85","low":"84","avg":"84.5","vol":"1","vol_curr":"84","updated":1772452799}}`

func exmo() service {
	return service{
		provider: market.EXMO(),
		handler: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.String() != "/v1.1/ticker" {
				w.WriteHeader(http.StatusNotFound)
			}
			io.WriteString(w, exmoBody)
		},
		known:   "BTC/RUB",
		value:   "5300000.5",
		time:    noon.Add(-time.Second),
		exact:   map[string]string{"USDT/RUB": "84.2"},
		unknown: map[string]string{"unknown market": "NOCOIN/RUB", "given up market": "ETH/RUB"},
		bad: map[string]bool{
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
		},
	}
}
