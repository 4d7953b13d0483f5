package market

import (
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/cointill/cointill/rates"
)

// KuCoin is the spot market of the exchange at https://api.kucoin.com. The rate is
// the mean of the best bid and ask, with the time that the ticker states.
//
// KuCoin trades against stable coins: BTC/USDT is a rate in USDT, which is never
// passed off as one in USD. [rates.Cross] prices BTC/USD, with a source that prices
// USDT.
//
// Sources: kucoin.com/docs/rest/spot-trading/market-data/get-ticker, whose example
// shows the time in milliseconds. That an unknown symbol gets the code of success
// and no data is how the code of gateways that use KuCoin handles it.
func KuCoin() Provider {
	return Provider{
		Name: "kucoin",
		URL:  "https://api.kucoin.com",
		Request: func(q Question) (Request, error) {
			return Request{Path: "/api/v1/market/orderbook/level1", Query: url.Values{"symbol": {q.Pair.Base + "-" + q.Pair.Quote}}}, nil
		},
		Read: readKuCoin,
	}
}

const kucoinSuccess = "200000" // the code of every response that is not a refusal

type kucoinTicker struct {
	Bid  string      `json:"bestBid"`
	Ask  string      `json:"bestAsk"`
	Time json.Number `json:"time"` // milliseconds
}

func readKuCoin(_ Question, body []byte) (Quote, error) {
	var response struct {
		Code string       `json:"code"`
		Data kucoinTicker `json:"data"`
	}
	if err := decodeJSON(body, &response); err != nil {
		return Quote{}, err
	}
	if response.Code != kucoinSuccess {
		return Quote{}, fmt.Errorf("refused with code %.20q", response.Code)
	}
	if response.Data == (kucoinTicker{}) { // null or {}: there is no such symbol
		return Quote{}, fmt.Errorf("%w: no data in the response", rates.ErrNoRate)
	}
	at, err := unixMilli(response.Data.Time.String())
	if err != nil {
		return Quote{}, err
	}
	return bidAsk(response.Data.Bid, response.Data.Ask, at)
}
