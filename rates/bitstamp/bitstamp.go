// Package bitstamp reads rates from the public ticker of the Bitstamp exchange.
// It needs no account. The rate is the mean of the best bid and ask, with the
// time that the ticker states.
package bitstamp

import (
	"context"
	"fmt"
	"net/http"
	"strings"
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
	// BaseURL is where the API is; default https://www.bitstamp.net.
	BaseURL string
	// Now is the clock that ends a pause which the exchange demanded;
	// default time.Now.
	Now func() time.Time
}

// Source reads rates from Bitstamp. It is safe for concurrent use.
type Source struct {
	client *fetch.Client
}

var _ rates.Source = (*Source)(nil)

// New checks the configuration; it makes no request.
func New(config Config) (*Source, error) {
	client, err := fetch.New(fetch.Config{
		Name:    "bitstamp",
		HTTP:    config.HTTP,
		BaseURL: config.BaseURL,
		Default: "https://www.bitstamp.net",
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
		Path:  "/api/v2/ticker/" + strings.ToLower(p.Base+p.Quote) + "/",
		Parse: func(body []byte) (fetch.Quote, error) { return parse(p, body) },
	})
}

func parse(p rates.Pair, body []byte) (fetch.Quote, error) {
	var answer struct {
		Pair      string `json:"pair"`
		Bid       string `json:"bid"`
		Ask       string `json:"ask"`
		Timestamp string `json:"timestamp"`
	}
	if err := fetch.Decode(body, &answer); err != nil {
		return fetch.Quote{}, err
	}
	// Not every answer names its market, but one that does must name ours: the
	// exchange has been seen to answer BTC/USD for markets that it does not have.
	if answer.Pair != "" && answer.Pair != p.String() {
		return fetch.Quote{}, fmt.Errorf("%w: the answer is about %.40q", rates.ErrNoRate, answer.Pair)
	}
	at, err := fetch.Unix(answer.Timestamp)
	if err != nil {
		return fetch.Quote{}, err
	}
	quote, err := fetch.BidAsk(answer.Bid, answer.Ask)
	quote.Time = at
	return quote, err
}
