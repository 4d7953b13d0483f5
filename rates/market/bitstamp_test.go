package market_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates/market"
)

// 1772452740 is a minute before noon.
const bitstampBody = `{"timestamp":"1772452740","open":"57000","high":"59000","low":"56000","last":"58000","volume":"12.5",` +
	`"vwap":"57999","bid":"58000","ask":"58001","side":"0","open_24":"57100","percent_change_24":"1.58"}`

func bitstamp() service {
	return service{
		provider: market.Bitstamp(),
		handler: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.String() == "/api/v2/ticker/btceur/" {
				io.WriteString(w, bitstampBody)
				return
			}
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `<html>not found</html>`)
		},
		known:   "BTC/EUR",
		value:   "58000.5",
		time:    noon.Add(-time.Minute),
		unknown: map[string]string{"unknown market": "NOCOIN/EUR"},
		bad: map[string]bool{
			`{"bid":"58000","ask":"58001"}`:                                           false, // no time
			`{"bid":"58000","ask":"58001","timestamp":""}`:                            false,
			`{"bid":"58000","ask":"58001","timestamp":"0"}`:                           false,
			`{"bid":"58000","ask":"58001","timestamp":"yesterday"}`:                   false,
			`{"timestamp":"1772452740","bid":"58002","ask":"58001"}`:                  false, // crossed
			`{"timestamp":"1772452740","bid":"0","ask":"58001"}`:                      false,
			`{"timestamp":"1772452740","bid":"-2","ask":"-1"}`:                        false,
			`{"timestamp":"1772452740","last":"58000"}`:                               false,
			`{"timestamp":"1772452740","bid":null,"ask":null}`:                        false,
			`{"timestamp":"1772452740","bid":"1e999999999","ask":"1e999999999"}`:      false,
			`{"pair":"BTC/USD","timestamp":"1772452740","bid":"58000","ask":"58001"}`: true, // another market
			`{"pair":"ETH/EUR","timestamp":"1772452740","bid":"58000","ask":"58001"}`: true,
			`{"bid":58000}`: false,
			`{"status":"error","reason":"Invalid pair"}`: false,
			bitstampBody + `x`:                           false,
		},
	}
}

func TestBitstamp_TakesAResponseThatNamesTheMarket(t *testing.T) {
	s := responds(t, market.Bitstamp(), `{"pair":"BTC/EUR","timestamp":"1772452740","bid":"1","ask":"1"}`)
	_, err := s.Rate(t.Context(), btcEUR)
	require.NoError(t, err)
}
