// Package kucoin reads rates from the public ticker of the KuCoin spot market. It
// needs no account. The rate is the mean of the best bid and ask, with the time that
// the ticker states.
//
// KuCoin trades against stable coins: BTC/USDT is a rate in USDT, which this package
// never passes off as one in USD. [rates.Cross] makes the latter, with a source that
// prices USDT.
//
// Read for the shape: kucoin.com/docs/rest/spot-trading/market-data/get-ticker, whose
// example shows the time in milliseconds. That an unknown symbol is answered by the
// code of success and no data is as the code of gateways that use KuCoin handles it.
package kucoin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/internal/fetch"
)

// Config configures [New]; the zero value is ready for use.
type Config struct {
	// HTTP sends the requests, such as an *http.Client, of which a copy that
	// follows no redirects is used; nil is a client with a timeout of 10
	// seconds.
	HTTP interface {
		Do(*http.Request) (*http.Response, error)
	}
	// BaseURL is where the API is; default https://api.kucoin.com.
	BaseURL string
	// Now is the clock that ends a pause which the exchange demanded; default time.Now.
	Now func() time.Time
}

// Source reads rates from KuCoin. It is safe for concurrent use.
type Source struct {
	client *fetch.Client
}

var _ rates.Source = (*Source)(nil)

// New checks the configuration; it makes no request.
func New(config Config) (*Source, error) {
	client, err := fetch.New(fetch.Config{
		Name:    "kucoin",
		HTTP:    config.HTTP,
		BaseURL: config.BaseURL,
		Default: "https://api.kucoin.com",
		Now:     config.Now,
	})
	if err != nil {
		return nil, err
	}
	return &Source{client}, nil
}

// Rate asks for the ticker of p, as [rates.Source] says. A market that is empty,
// crossed or very thin is an error. The Time of a market that has stopped is old,
// which is for the caller to judge.
func (s *Source) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	return s.client.Rate(ctx, p, fetch.Question{
		Path:  "/api/v1/market/orderbook/level1",
		Query: url.Values{"symbol": {p.Base + "-" + p.Quote}},
		Parse: parse,
	})
}

// success is the code of every answer that is not a refusal.
const success = "200000"

type ticker struct {
	Bid  string      `json:"bestBid"`
	Ask  string      `json:"bestAsk"`
	Time json.Number `json:"time"` // milliseconds
}

func parse(body []byte) (fetch.Quote, error) {
	var answer struct {
		Code string `json:"code"`
		Data ticker `json:"data"`
	}
	if err := fetch.Decode(body, &answer); err != nil {
		return fetch.Quote{}, err
	}
	if answer.Code != success {
		return fetch.Quote{}, fmt.Errorf("refused with code %.20q", answer.Code)
	}
	if answer.Data == (ticker{}) { // null or {}: there is no such symbol
		return fetch.Quote{}, fmt.Errorf("%w: no data in the answer", rates.ErrNoRate)
	}
	at, err := fetch.UnixMilli(answer.Data.Time.String())
	if err != nil {
		return fetch.Quote{}, err
	}
	quote, err := fetch.BidAsk(answer.Data.Bid, answer.Data.Ask)
	quote.Time = at
	return quote, err
}
