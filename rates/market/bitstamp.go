package market

import (
	"fmt"
	"strings"

	"github.com/cointill/cointill/rates"
)

// Bitstamp is the exchange at https://www.bitstamp.net. The rate is the mean of the
// best bid and ask, with the time that the ticker states.
func Bitstamp() Provider {
	return Provider{
		Name: "bitstamp",
		URL:  "https://www.bitstamp.net",
		Request: func(q Question) (Request, error) {
			return Request{Path: "/api/v2/ticker/" + strings.ToLower(q.Pair.Base+q.Pair.Quote) + "/"}, nil
		},
		Read: readBitstamp,
	}
}

func readBitstamp(q Question, body []byte) (Quote, error) {
	var ticker struct {
		Pair      string `json:"pair"`
		Bid       string `json:"bid"`
		Ask       string `json:"ask"`
		Timestamp string `json:"timestamp"` // seconds
	}
	if err := decodeJSON(body, &ticker); err != nil {
		return Quote{}, err
	}
	// Not every response names its market, but one that does must name ours: the
	// exchange has been seen to return BTC/USD for markets that it does not have.
	if ticker.Pair != "" && ticker.Pair != q.Pair.String() {
		return Quote{}, fmt.Errorf("%w: the response is about %.40q", rates.ErrNoRate, ticker.Pair)
	}
	at, err := unix(ticker.Timestamp)
	if err != nil {
		return Quote{}, err
	}
	return bidAsk(ticker.Bid, ticker.Ask, at)
}
