package market

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/cointill/cointill/rates"
)

// CoinGeckoOptions are the options of [CoinGecko]. The zero value is ready for use.
type CoinGeckoOptions struct {
	// APIKey is sent as a header, never in the URL. If empty, none is sent, and
	// CoinGecko then allows few requests.
	APIKey string
	// Pro reports that APIKey belongs to a paid plan, which has the URL
	// https://pro-api.coingecko.com, rather than being a demo key.
	Pro bool
	// IDs adds to, or replaces, CoinGecko's ids of currency codes. Known are
	// BTC, ETH, USDT, USDC, DAI, LTC, DOGE, BCH, TRX, BNB, POL and AVAX. Many
	// coins share a code: the id decides which one is meant.
	IDs map[string]string
}

// CoinGecko is the aggregator at https://api.coingecko.com, with or without a key.
// The rate is an average over many exchanges, with the time that the response
// states; it changes about once a minute. A Base without a known id wraps
// [rates.ErrNoRate] without a request. [New] refuses bad options.
func CoinGecko(options CoinGeckoOptions) Provider {
	ids := knownIDs()
	maps.Copy(ids, options.IDs)
	p := Provider{
		Name:    "coingecko",
		URL:     "https://api.coingecko.com",
		Header:  http.Header{},
		invalid: options.validate(),
		Request: func(q Question) (Request, error) {
			id, ok := ids[q.Pair.Base]
			if !ok {
				return Request{}, fmt.Errorf("%w for %s: no id for its base", rates.ErrNoRate, q.Pair)
			}
			return Request{Path: "/api/v3/simple/price", Query: url.Values{
				"ids":                     {id},
				"vs_currencies":           {strings.ToLower(q.Pair.Quote)},
				"include_last_updated_at": {"true"},
				"precision":               {"full"},
			}}, nil
		},
		Read: func(q Question, body []byte) (Quote, error) { return readCoinGecko(ids[q.Pair.Base], q, body) },
	}
	key := "X-Cg-Demo-Api-Key"
	if options.Pro {
		p.URL, key = "https://pro-api.coingecko.com", "X-Cg-Pro-Api-Key"
	}
	if options.APIKey != "" {
		p.Header.Set(key, options.APIKey)
	}
	return p
}

func (o CoinGeckoOptions) validate() error {
	if o.Pro && o.APIKey == "" {
		return errors.New("CoinGeckoOptions.Pro needs an APIKey")
	}
	for code, id := range o.IDs {
		if id == "" {
			return fmt.Errorf("CoinGeckoOptions.IDs[%q] is empty", code)
		}
	}
	return nil
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

func readCoinGecko(id string, q Question, body []byte) (Quote, error) {
	var response map[string]map[string]json.Number // keeps the digits as they were sent
	if err := decodeJSON(body, &response); err != nil {
		return Quote{}, err
	}
	prices := response[id]
	text := prices[strings.ToLower(q.Pair.Quote)]
	if text == "" { // absent, or null
		return Quote{}, fmt.Errorf("%w: no price in the response", rates.ErrNoRate)
	}
	value, err := rates.ParseValue(text.String())
	if err != nil {
		return Quote{}, err
	}
	at, err := unix(prices["last_updated_at"].String())
	return Quote{Value: value, Time: at}, err
}
