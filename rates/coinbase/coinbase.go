// Package coinbase reads rates from the public exchange rates of Coinbase. It
// needs no account. Rates are stamped with the time of reading, since the answer
// does not say its own.
package coinbase

import (
	"context"
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
	// BaseURL is where the API is; default https://api.coinbase.com.
	BaseURL string
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Source reads rates from Coinbase. It is safe for concurrent use.
type Source struct {
	client *fetch.Client
}

var _ rates.Source = (*Source)(nil)

// New checks the configuration; it makes no request.
func New(config Config) (*Source, error) {
	client, err := fetch.New(fetch.Config{
		Name:    "coinbase",
		HTTP:    config.HTTP,
		BaseURL: config.BaseURL,
		Default: "https://api.coinbase.com",
		Now:     config.Now,
	})
	if err != nil {
		return nil, err
	}
	return &Source{client}, nil
}

// Rate asks what one p.Base is worth, as [rates.Source] says.
func (s *Source) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	return s.client.Rate(ctx, p, fetch.Question{
		Path:  "/v2/exchange-rates",
		Query: url.Values{"currency": {p.Base}},
		Parse: func(body []byte) (fetch.Quote, error) { return parse(p, body) },
	})
}

func parse(p rates.Pair, body []byte) (fetch.Quote, error) {
	var answer struct {
		Data struct {
			Currency string            `json:"currency"`
			Rates    map[string]string `json:"rates"`
		} `json:"data"`
	}
	if err := fetch.Decode(body, &answer); err != nil {
		return fetch.Quote{}, err
	}
	// A question that was not understood is answered for USD, that is, inversely.
	if answer.Data.Currency != p.Base {
		return fetch.Quote{}, fmt.Errorf("the answer is about %.20q", answer.Data.Currency)
	}
	text, ok := answer.Data.Rates[p.Quote]
	if !ok {
		return fetch.Quote{}, fmt.Errorf("%w: %s is not in the answer", rates.ErrNoRate, p.Quote)
	}
	value, err := rates.ParseValue(text)
	return fetch.Quote{Value: value}, err
}
