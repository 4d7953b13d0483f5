package market

import (
	"fmt"
	"net/url"

	"github.com/cointill/cointill/rates"
)

// Coinbase is the exchange at https://api.coinbase.com, with its public exchange
// rates. The Time is that of reading, since the response does not state its own.
func Coinbase() Provider {
	return Provider{
		Name: "coinbase",
		URL:  "https://api.coinbase.com",
		Request: func(q Question) (Request, error) {
			return Request{Path: "/v2/exchange-rates", Query: url.Values{"currency": {q.Pair.Base}}}, nil
		},
		Read: readCoinbase,
	}
}

func readCoinbase(q Question, body []byte) (Quote, error) {
	var response struct {
		Data struct {
			Currency string            `json:"currency"`
			Rates    map[string]string `json:"rates"`
		} `json:"data"`
	}
	if err := decodeJSON(body, &response); err != nil {
		return Quote{}, err
	}
	// A request that was not understood gets the rates of USD, that is, inverse ones.
	if response.Data.Currency != q.Pair.Base {
		return Quote{}, fmt.Errorf("the response is about %.20q", response.Data.Currency)
	}
	text, ok := response.Data.Rates[q.Pair.Quote]
	if !ok {
		return Quote{}, fmt.Errorf("%w: %s is not in the response", rates.ErrNoRate, q.Pair.Quote)
	}
	value, err := rates.ParseValue(text)
	return Quote{Value: value}, err
}
