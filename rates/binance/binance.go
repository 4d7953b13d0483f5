// Package binance reads rates from the public 24-hour ticker of the Binance spot
// market. It needs no account. The rate is the mean of the best bid and ask, with
// the time at which the ticker closes its window.
//
// Binance trades against stable coins and has no US dollar: BTC/USDT is a rate in
// USDT, which this package never passes off as one in USD. [rates.Cross] makes the
// latter, with a source that prices USDT.
//
// A symbol that was delisted is answered for ever. Its last price stays, but its
// book is empty and its window closed long ago, so it is refused here or by its
// age; that is why the shorter price ticker, which has neither, is not used.
//
// Read for the shape: github.com/binance/binance-spot-api-docs, rest-api.md (24hr
// ticker price change statistics) and errors.md (-1121). For what a delisted symbol
// answers: issue 289 of github.com/ccxt/node-binance-api and pull request 4007 of
// github.com/knowm/XChange.
package binance

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
	// BaseURL is where the API is; default https://api.binance.com. Where that
	// answers 451 (not from your region), https://data-api.binance.vision has
	// the same market data.
	BaseURL string
	// Now is the clock that ends a pause which the exchange demanded; default time.Now.
	Now func() time.Time
}

// Source reads rates from Binance. It is safe for concurrent use.
type Source struct {
	client *fetch.Client
}

var _ rates.Source = (*Source)(nil)

// New checks the configuration; it makes no request.
func New(config Config) (*Source, error) {
	client, err := fetch.New(fetch.Config{
		Name:    "binance",
		HTTP:    config.HTTP,
		BaseURL: config.BaseURL,
		Default: "https://api.binance.com",
		Now:     config.Now,
	})
	if err != nil {
		return nil, err
	}
	return &Source{client}, nil
}

// Rate asks for the ticker of p, as [rates.Source] says. A pair with USD wraps
// rates.ErrNoRate without a request. A market that is empty, crossed or very thin is
// an error. The Time of a market that has stopped is old, which is for the caller to
// judge.
func (s *Source) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	// A symbol has no separator, so that BTCT/USD would read as the market of
	// BTC/TUSD: dollars are not asked for at all.
	if p.Base == "USD" || p.Quote == "USD" {
		return rates.Rate{}, fmt.Errorf("binance: %w for %.40q: it has no USD", rates.ErrNoRate, p.String())
	}
	symbol := p.Base + p.Quote
	return s.client.Rate(ctx, p, fetch.Question{
		Path:  "/api/v3/ticker/24hr",
		Query: url.Values{"symbol": {symbol}},
		Parse: func(body []byte) (fetch.Quote, error) { return parse(symbol, body) },
	})
}

func parse(symbol string, body []byte) (fetch.Quote, error) {
	var answer struct {
		Symbol    string      `json:"symbol"`
		Bid       string      `json:"bidPrice"`
		Ask       string      `json:"askPrice"`
		CloseTime json.Number `json:"closeTime"` // milliseconds
	}
	if err := fetch.Decode(body, &answer); err != nil {
		return fetch.Quote{}, err
	}
	if answer.Symbol != symbol {
		return fetch.Quote{}, fmt.Errorf("the answer is about %.40q", answer.Symbol)
	}
	at, err := fetch.UnixMilli(answer.CloseTime.String())
	if err != nil {
		return fetch.Quote{}, err
	}
	quote, err := fetch.BidAsk(answer.Bid, answer.Ask)
	quote.Time = at
	return quote, err
}
