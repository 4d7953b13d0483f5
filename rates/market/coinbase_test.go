package market_test

import (
	"io"
	"net/http"

	"github.com/cointill/cointill/rates/market"
)

const coinbaseBody = `{"data":{"currency":"BTC","rates":{"1INCH":"183000.123456789012","BTC":"1.0","EUR":"58000.5","USD":"63042.0000000000001"}}}`

func coinbase() service {
	return service{
		provider: market.Coinbase(),
		handler: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.String() == "/v2/exchange-rates?currency=BTC" {
				io.WriteString(w, coinbaseBody)
				return
			}
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"errors":[{"id":"invalid_request","message":"Invalid currency"}]}`)
		},
		known:   "BTC/EUR",
		value:   "58000.5",
		time:    noon,
		exact:   map[string]string{"BTC/USD": "63042.0000000000001"},
		unknown: map[string]string{"unknown base": "NOCOIN/EUR", "unknown quote": "BTC/XXX"},
		bad: map[string]bool{
			`{"data":{"currency":"USD","rates":{"EUR":"0.92"}}}`:         false, // inverse: the rates of the default
			`{"data":{"currency":"BTC","rates":{"USD":"1"}}}`:            true,
			`{"data":{"currency":"BTC","rates":null}}`:                   true,
			`{"data":{"currency":"BTC","rates":{"EUR":""}}}`:             false,
			`{"data":{"currency":"BTC","rates":{"EUR":"NaN"}}}`:          false,
			`{"data":{"currency":"BTC","rates":{"EUR":"0"}}}`:            false,
			`{"data":{"currency":"BTC","rates":{"EUR":"0.0"}}}`:          false,
			`{"data":{"currency":"BTC","rates":{"EUR":"-58000"}}}`:       false,
			`{"data":{"currency":"BTC","rates":{"EUR":"1e999999999"}}}`:  false,
			`{"data":{"currency":"BTC","rates":{"EUR":{"amount":"1"}}}}`: false,
			`{"data":null}`: false,
			`{}`:            false,
			`null`:          false,
			`<html>`:        false,
		},
	}
}
