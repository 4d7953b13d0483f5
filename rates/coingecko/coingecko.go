// Package coingecko reads rates from the CoinGecko API, with or without a key.
// The rate is an average over many exchanges, with the time that the answer
// states; it changes about once a minute.
package coingecko

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/internal/fetch"
)

// Config configures [New]; the zero value is ready for use.
type Config struct {
	// HTTP sends the requests, such as an *http.Client, of which a copy that
	// follows no redirects is used; nil is a client with a timeout of 10
	// seconds. One that follows redirects takes the key along.
	HTTP interface {
		Do(*http.Request) (*http.Response, error)
	}
	// BaseURL is where the API is; default https://api.coingecko.com, or
	// https://pro-api.coingecko.com if Pro.
	BaseURL string
	// Now is the clock that ends a pause which the provider demanded;
	// default time.Now.
	Now func() time.Time
	// APIKey is sent as a header, never in the URL; empty sends none, and
	// CoinGecko then allows few requests.
	APIKey string
	// Pro says that APIKey is of a paid plan, not a demo key.
	Pro bool
	// IDs adds to, or replaces, CoinGecko's ids of currency codes. Known are
	// BTC, ETH, USDT, USDC, DAI, LTC, DOGE, BCH, TRX, BNB, POL and AVAX. Many
	// coins share a code: the id decides which one is meant.
	IDs map[string]string
}

// Source reads rates from CoinGecko. It is safe for concurrent use.
type Source struct {
	client *fetch.Client
	ids    map[string]string
}

var _ rates.Source = (*Source)(nil)

// New checks the configuration; it makes no request.
func New(config Config) (*Source, error) {
	host, keyHeader := "https://api.coingecko.com", "X-Cg-Demo-Api-Key"
	if config.Pro {
		host, keyHeader = "https://pro-api.coingecko.com", "X-Cg-Pro-Api-Key"
	}
	header := http.Header{}
	if config.APIKey != "" {
		header.Set(keyHeader, config.APIKey)
	} else if config.Pro {
		return nil, errors.New("coingecko: Pro needs an APIKey")
	}
	ids := knownIDs()
	maps.Copy(ids, config.IDs)
	for code, id := range ids {
		if id == "" {
			return nil, fmt.Errorf("coingecko: IDs of %q is empty", code)
		}
	}
	client, err := fetch.New(fetch.Config{
		Name:    "coingecko",
		HTTP:    config.HTTP,
		BaseURL: config.BaseURL,
		Default: host,
		Header:  header,
		Now:     config.Now,
	})
	if err != nil {
		return nil, err
	}
	return &Source{client, ids}, nil
}

func knownIDs() map[string]string {
	return map[string]string{
		"BTC":  "bitcoin",
		"ETH":  "ethereum",
		"USDT": "tether",
		"USDC": "usd-coin",
		"DAI":  "dai",
		"LTC":  "litecoin",
		"DOGE": "dogecoin",
		"BCH":  "bitcoin-cash",
		"TRX":  "tron",
		"BNB":  "binancecoin",
		"POL":  "polygon-ecosystem-token",
		"AVAX": "avalanche-2",
	}
}

// Rate asks for the price of p.Base, as [rates.Source] says. A Base without a
// known id wraps rates.ErrNoRate without a request.
func (s *Source) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	id, ok := s.ids[p.Base]
	if !ok {
		return rates.Rate{}, fmt.Errorf("coingecko: %w for %.40q: no id for its base", rates.ErrNoRate, p.String())
	}
	return s.client.Rate(ctx, p, fetch.Question{
		Path: "/api/v3/simple/price",
		Query: url.Values{
			"ids":                     {id},
			"vs_currencies":           {strings.ToLower(p.Quote)},
			"include_last_updated_at": {"true"},
			"precision":               {"full"},
		},
		Parse: func(body []byte) (fetch.Quote, error) { return parse(id, p.Quote, body) },
	})
}

func parse(id, quote string, body []byte) (fetch.Quote, error) {
	// json.Number keeps the digits as they were sent.
	var answer map[string]map[string]json.Number
	if err := fetch.Decode(body, &answer); err != nil {
		return fetch.Quote{}, err
	}
	prices := answer[id]
	text := prices[strings.ToLower(quote)]
	if text == "" { // absent, or null
		return fetch.Quote{}, fmt.Errorf("%w: no price in the answer", rates.ErrNoRate)
	}
	value, err := rates.ParseValue(text.String())
	if err != nil {
		return fetch.Quote{}, err
	}
	at, err := fetch.Unix(prices["last_updated_at"].String())
	return fetch.Quote{Value: value, Time: at}, err
}
