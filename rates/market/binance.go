package market

import (
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/cointill/cointill/rates"
)

// Binance is the spot market of the exchange at https://api.binance.com. Where that
// returns status 451 (not from your region), https://data-api.binance.vision as
// Config.BaseURL has the same market data. The rate is the mean of the best bid and
// ask of the 24-hour ticker, with the time at which the ticker closes its window.
//
// Binance trades against stable coins and has no US dollar: BTC/USDT is a rate in
// USDT, which is never passed off as one in USD. A pair with USD wraps
// [rates.ErrNoRate] without a request. [rates.Cross] prices it, with a source that
// prices USDT.
//
// The ticker of a symbol that was delisted never goes away. Its last price stays,
// but its book is empty and its window closed long ago, so it is refused here or by
// its age. The shorter price ticker has neither and is therefore not used.
//
// Sources: github.com/binance/binance-spot-api-docs, rest-api.md (24hr ticker price
// change statistics) and errors.md (-1121). For delisted symbols: issue 289 of
// github.com/ccxt/node-binance-api and pull request 4007 of github.com/knowm/XChange.
func Binance() Provider {
	return Provider{
		Name: "binance",
		URL:  "https://api.binance.com",
		Request: func(q Question) (Request, error) {
			// A symbol has no separator, so that BTCT/USD would read as the
			// market of BTC/TUSD: dollars are not asked for at all.
			if q.Pair.Base == "USD" || q.Pair.Quote == "USD" {
				return Request{}, fmt.Errorf("%w for %s: it has no USD", rates.ErrNoRate, q.Pair)
			}
			return Request{Path: "/api/v3/ticker/24hr", Query: url.Values{"symbol": {q.Pair.Base + q.Pair.Quote}}}, nil
		},
		Read: readBinance,
	}
}

func readBinance(q Question, body []byte) (Quote, error) {
	var ticker struct {
		Symbol    string      `json:"symbol"`
		Bid       string      `json:"bidPrice"`
		Ask       string      `json:"askPrice"`
		CloseTime json.Number `json:"closeTime"` // milliseconds
	}
	if err := decodeJSON(body, &ticker); err != nil {
		return Quote{}, err
	}
	if ticker.Symbol != q.Pair.Base+q.Pair.Quote {
		return Quote{}, fmt.Errorf("the response is about %.40q", ticker.Symbol)
	}
	at, err := unixMilli(ticker.CloseTime.String())
	if err != nil {
		return Quote{}, err
	}
	return bidAsk(ticker.Bid, ticker.Ask, at)
}
