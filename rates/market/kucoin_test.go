package market_test

import (
	"io"
	"net/http"
	"time"

	"github.com/cointill/cointill/rates/market"
)

const kuCoinBody = `{"code":"200000","data":{"time":1772452799000,"sequence":"1550467636704","price":"63000.51","size":"0.17",` +
	`"bestBid":"63000.50","bestBidSize":"3.803","bestAsk":"63000.51","bestAskSize":"1.788"}}`

func kuCoin() service {
	return service{
		provider: market.KuCoin(),
		handler: func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.String() {
			case "/api/v1/market/orderbook/level1?symbol=BTC-USDT":
				io.WriteString(w, kuCoinBody)
			case "/api/v1/market/orderbook/level1?symbol=NOCOIN-USDT":
				io.WriteString(w, `{"code":"200000","data":{}}`)
			default:
				io.WriteString(w, `{"code":"200000","data":null}`)
			}
		},
		known:   "BTC/USDT",
		value:   "63000.505",
		time:    noon.Add(-time.Second),
		unknown: map[string]string{"data is null": "BTC/USD", "data is empty": "NOCOIN/USDT"},
		bad: map[string]bool{
			`{"code":"200000","data":null}`: true,
			`{"code":"200000","data":{}}`:   true,
			`{"code":"200000"}`:             true,
			`{"code":"200000","data":{"time":1772452799000,"bestBid":"2.1","bestAsk":"2"}}`:                   false, // crossed
			`{"code":"200000","data":{"time":1772452799000,"bestBid":null,"bestAsk":null,"price":"2"}}`:       false, // empty
			`{"code":"200000","data":{"time":1772452799000,"bestBid":"-2","bestAsk":"-2"}}`:                   false,
			`{"code":"200000","data":{"time":1772452799000,"bestBid":"1e999999999","bestAsk":"1e999999999"}}`: false,
			`{"code":"200000","data":{"time":1,"bestBid":"1e-05","bestAsk":"1e999999999"}}`:                   false,
			`{"code":"200000","data":{"bestBid":"2","bestAsk":"2"}}`:                                          false, // no time
			`{"code":"200000","data":{"time":1772452799,"bestBid":"2","bestAsk":"2"}`:                         false, // breaks off
			`{"code":"429000","msg":"Too Many Requests"}`:                                                     false,
			`{"code":"400100","data":{"time":1772452799000,"bestBid":"2","bestAsk":"2"}}`:                     false,
			`{"code":200000,"data":{"time":1772452799000,"bestBid":"2","bestAsk":"2"}}`:                       false,
			`{}`:     false,
			`[]`:     false,
			`<html>`: false,
		},
	}
}
