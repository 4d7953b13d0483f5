// Package exmo reads rates from the public ticker of the EXMO exchange. It needs no
// account. The rate is the mean of the highest price that buyers offer and the lowest
// that sellers ask, with the time that the ticker states. One answer has all markets,
// so a [rates.Cache] should stand before it.
//
// There are two exchanges of this name that speak the same API. The default is
// exmo.me, which has markets in RUB. The other, exmo.com, lists none, and its closing
// was announced in August 2026. What is absent from the answer wraps rates.ErrNoRate,
// so whichever is asked, a market that it has given up is no rate.
//
// Read for the shape: exmo.com/en/api and exmo.me/en/api ("ticker": buy_price is the
// current maximum buy price, sell_price the current minimum sell price, updated the
// date and time of data update, in seconds); documenter.getpostman.com, collections
// "Exmo API" and "Exmo.me API" of publisher 10287440 (version 1.1). For refusals with
// status 200: github.com/ccxt/ccxt, ts/src/exmo.ts. For the two exchanges and RUB:
// issue 19552 and pull request 29796 of github.com/ccxt/ccxt.
package exmo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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
	// BaseURL is where the API is; default https://api.exmo.me.
	BaseURL string
	// Now is the clock that ends a pause which the exchange demanded; default time.Now.
	Now func() time.Time
}

// Source reads rates from EXMO. It is safe for concurrent use.
type Source struct {
	client *fetch.Client
}

var _ rates.Source = (*Source)(nil)

// New checks the configuration; it makes no request.
func New(config Config) (*Source, error) {
	client, err := fetch.New(fetch.Config{
		Name:    "exmo",
		HTTP:    config.HTTP,
		BaseURL: config.BaseURL,
		Default: "https://api.exmo.me",
		Now:     config.Now,
	})
	if err != nil {
		return nil, err
	}
	return &Source{client}, nil
}

// Rate asks for the ticker and picks p, as [rates.Source] says. A market that is
// empty, crossed or very thin is an error. The Time of a market that has stopped is
// old, which is for the caller to judge.
func (s *Source) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	return s.client.Rate(ctx, p, fetch.Question{
		Path:  "/v1.1/ticker",
		Parse: func(body []byte) (fetch.Quote, error) { return parse(p, body) },
	})
}

func parse(p rates.Pair, body []byte) (fetch.Quote, error) {
	var answer map[string]json.RawMessage
	if err := fetch.Decode(body, &answer); err != nil {
		return fetch.Quote{}, err
	}
	if refusal, ok := answer["error"]; ok { // beside "result", the status is 200
		return fetch.Quote{}, fmt.Errorf("refused with %.100q", refusal)
	}
	market, ok := answer[p.Base+"_"+p.Quote]
	if !ok {
		return fetch.Quote{}, fmt.Errorf("%w: the market is not in the answer", rates.ErrNoRate)
	}
	var ticker struct {
		Bid     string      `json:"buy_price"`
		Ask     string      `json:"sell_price"`
		Updated json.Number `json:"updated"` // seconds
	}
	if err := fetch.Decode(market, &ticker); err != nil {
		return fetch.Quote{}, err
	}
	at, err := fetch.Unix(ticker.Updated.String())
	if err != nil {
		return fetch.Quote{}, err
	}
	quote, err := fetch.BidAsk(ticker.Bid, ticker.Ask)
	quote.Time = at
	return quote, err
}
