package market

import (
	"encoding/json"
	"fmt"

	"github.com/cointill/cointill/rates"
)

// EXMO is the exchange at https://api.exmo.me. The rate is the mean of the highest
// price that buyers offer and the lowest that sellers ask, with the time that the
// ticker states. One response has all markets, so put a [rates.Cache] before it.
//
// There are two exchanges of this name that speak the same API. The default is
// exmo.me, which has markets in RUB. The other, exmo.com, lists none, and its closing
// was announced in August 2026. A market that is absent from the response wraps
// [rates.ErrNoRate], so a market that either of them has given up has no rate.
//
// Sources: exmo.com/en/api and exmo.me/en/api ("ticker": buy_price is the current
// maximum buy price, sell_price the current minimum sell price, updated the date and
// time of data update, in seconds); documenter.getpostman.com, collections "Exmo API"
// and "Exmo.me API" of publisher 10287440 (version 1.1). For refusals with status
// 200: github.com/ccxt/ccxt, ts/src/exmo.ts. For the two exchanges and RUB: issue
// 19552 and pull request 29796 of github.com/ccxt/ccxt.
func EXMO() Provider {
	return Provider{
		Name:    "exmo",
		URL:     "https://api.exmo.me",
		Request: func(Question) (Request, error) { return Request{Path: "/v1.1/ticker"}, nil },
		Read:    readEXMO,
	}
}

func readEXMO(q Question, body []byte) (Quote, error) {
	var markets map[string]json.RawMessage
	if err := decodeJSON(body, &markets); err != nil {
		return Quote{}, err
	}
	if refusal, ok := markets["error"]; ok { // beside "result", the status is 200
		return Quote{}, fmt.Errorf("refused with %.100q", refusal)
	}
	market, ok := markets[q.Pair.Base+"_"+q.Pair.Quote]
	if !ok {
		return Quote{}, fmt.Errorf("%w: the market is not in the response", rates.ErrNoRate)
	}
	var ticker struct {
		Bid     string      `json:"buy_price"`
		Ask     string      `json:"sell_price"`
		Updated json.Number `json:"updated"` // seconds
	}
	if err := decodeJSON(market, &ticker); err != nil {
		return Quote{}, err
	}
	at, err := unix(ticker.Updated.String())
	if err != nil {
		return Quote{}, err
	}
	return bidAsk(ticker.Bid, ticker.Ask, at)
}
