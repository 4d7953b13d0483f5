package market_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/market"
)

// 1772452740 is a minute before noon.
const coinGeckoBody = `{"bitcoin":{"eur":58000.123456789012345,"last_updated_at":1772452740}}`

func coinGecko() service {
	return service{
		provider: market.CoinGecko(market.CoinGeckoOptions{IDs: map[string]string{"LUNA": "terra-luna"}}),
		handler: func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.String() {
			case "/api/v3/simple/price?ids=bitcoin&include_last_updated_at=true&precision=full&vs_currencies=eur":
				io.WriteString(w, coinGeckoBody)
			case "/api/v3/simple/price?ids=bitcoin&include_last_updated_at=true&precision=full&vs_currencies=xxx":
				io.WriteString(w, `{"bitcoin":{"last_updated_at":1772452740}}`)
			default:
				io.WriteString(w, `{}`)
			}
		},
		known: "BTC/EUR",
		value: "58000.123456789012345",
		time:  noon.Add(-time.Minute),
		unknown: map[string]string{
			"no id for the base": "NOCOIN/EUR", "an id that the service lost": "LUNA/EUR", "unknown quote": "BTC/XXX",
		},
		bad: map[string]bool{
			`{}`:                        true,
			`null`:                      true,
			`{"bitcoin":{}}`:            true,
			`{"bitcoin":null}`:          true,
			`{"bitcoin":{"eur":null}}`:  true,
			`{"ethereum":{"eur":2500}}`: true,
			`{"bitcoin":{"eur":58000}}`: false, // no time
			`{"bitcoin":{"eur":58000,"last_updated_at":null}}`:             false,
			`{"bitcoin":{"eur":58000,"last_updated_at":0}}`:                false,
			`{"bitcoin":{"eur":0,"last_updated_at":1772452740}}`:           false,
			`{"bitcoin":{"eur":0.0,"last_updated_at":1772452740}}`:         false,
			`{"bitcoin":{"eur":-58000,"last_updated_at":1772452740}}`:      false,
			`{"bitcoin":{"eur":1e999999999,"last_updated_at":1772452740}}`: false,
			`{"bitcoin":{"eur":"NaN","last_updated_at":1772452740}}`:       false,
			`{"bitcoin":58000}`: false,
			`{"status":{"error_code":429,"error_message":"You've exceeded the Rate Limit."}}`: false,
			`[]`:     false,
			`<html>`: false,
		},
	}
}

func TestCoinGecko_ReadsNumbersInAnyNotation(t *testing.T) {
	for text, want := range map[string]string{
		"1e-05":                 "0.00001",
		"1.23E-10":              "0.000000000123",
		"67187.33":              "67187.33",
		"67187.335893656612345": "67187.335893656612345",
		"9007199254740993":      "9007199254740993",
		"1e+5":                  "100000",
	} {
		s := responds(t, coinGecko().provider, `{"bitcoin":{"eur":`+text+`,"last_updated_at":1772452740}}`)
		r, err := s.Rate(t.Context(), btcEUR)
		require.NoError(t, err)
		require.Equal(t, want, r.Value.String())
	}
}

func TestCoinGecko_SendsTheKeyAsAHeader(t *testing.T) {
	for header, pro := range map[string]bool{"x-cg-demo-api-key": false, "x-cg-pro-api-key": true} {
		t.Run(header, func(t *testing.T) {
			p := market.CoinGecko(market.CoinGeckoOptions{APIKey: "hunter2", Pro: pro})
			s := serve(t, p, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get(header) != "hunter2" {
					t.Errorf("the key is not in %s", header)
				}
				if r.URL.Query().Has("x_cg_demo_api_key") || r.URL.Query().Has("x_cg_pro_api_key") {
					t.Error("the key is in the URL")
				}
				io.WriteString(w, "hunter2 is no key")
			})
			_, err := s.Rate(t.Context(), btcEUR)
			require.EqualError(t, err, `coingecko: read response for BTC/EUR: not the expected JSON: "... is no key"`)
		})
	}
}

func TestCoinGecko_AsksAtTheURLOfThePlan(t *testing.T) {
	require.Equal(t, "https://api.coingecko.com", market.CoinGecko(market.CoinGeckoOptions{APIKey: "k"}).URL)
	require.Equal(t, "https://pro-api.coingecko.com", market.CoinGecko(market.CoinGeckoOptions{APIKey: "k", Pro: true}).URL)
}

func TestCoinGecko_IDsAddToAndReplaceTheKnownOnes(t *testing.T) {
	asked := ""
	p := market.CoinGecko(market.CoinGeckoOptions{IDs: map[string]string{"XMR": "monero", "POL": "matic-network"}})
	s := serve(t, p, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query().Get("ids")
		io.WriteString(w, `{}`)
	})
	for code, id := range map[string]string{
		"XMR": "monero", "POL": "matic-network", "BTC": "bitcoin", "ETH": "ethereum", "USDT": "tether", "USDC": "usd-coin",
		"DAI": "dai", "LTC": "litecoin", "DOGE": "dogecoin", "BCH": "bitcoin-cash", "TRX": "tron", "BNB": "binancecoin", "AVAX": "avalanche-2",
	} {
		_, err := s.Rate(t.Context(), rates.Pair{Base: code, Quote: "EUR"})
		require.ErrorIs(t, err, rates.ErrNoRate)
		require.Equal(t, id, asked)
	}
	known := market.CoinGecko(market.CoinGeckoOptions{})
	r, err := known.Request(market.Question{Pair: pair("POL/EUR")})
	require.NoError(t, err)
	require.Equal(t, "polygon-ecosystem-token", r.Query.Get("ids"))
}
