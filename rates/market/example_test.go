package market_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/market"
)

// exchanges is a server that responds as three exchanges do.
func exchanges(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, map[string]string{
		"/0/public/AssetPairs":   `{"error":[],"result":{"XXBTZEUR":{"wsname":"XBT/EUR"}}}`,
		"/0/public/Ticker":       `{"error":[],"result":{"XXBTZEUR":{"a":["58010"],"b":["58000"]}}}`,
		"/v2/exchange-rates":     `{"data":{"currency":"BTC","rates":{"EUR":"58020"}}}`,
		"/api/v2/ticker/btceur/": `{"bid":"58000000","ask":"58000001","timestamp":"1772452790"}`,
	}[r.URL.Path])
}

func ExampleNew() {
	server := httptest.NewServer(http.HandlerFunc(exchanges))
	defer server.Close()
	source, err := market.New(market.Config{
		BaseURL: server.URL, // in production, leave it empty
	}, market.Kraken())
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := source.Rate(context.Background(), rates.Pair{Base: "BTC", Quote: "EUR"})
	fmt.Println(r.Pair, r.Value, r.Source, err)
	// Output: BTC/EUR 58005 kraken <nil>
}

// One of the exchanges is wrong by a factor of a thousand and is outvoted.
func ExampleNewAll() {
	server := httptest.NewServer(http.HandlerFunc(exchanges))
	defer server.Close()
	config := market.Config{BaseURL: server.URL, Now: atNoon} // in production, market.Config{}
	sources, err := market.NewAll(config, market.Kraken(), market.Coinbase(), market.Bitstamp())
	if err != nil {
		fmt.Println(err)
		return
	}
	median, err := rates.NewMedian(rates.MedianConfig{Sources: sources, Now: atNoon})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := median.Rate(context.Background(), rates.Pair{Base: "BTC", Quote: "EUR"})
	fmt.Println(r.Value, r.Source, err)
	// Output: 58012.5 median(kraken,coinbase) <nil>
}

// A service of your own needs a URL, a request for a pair and a reader of the
// response.
func ExampleProvider() {
	desk := market.Provider{
		Name:   "desk",
		URL:    "https://rates.example",
		Header: http.Header{"Authorization": {"Bearer secret"}}, // in no error
		Request: func(q market.Question) (market.Request, error) {
			return market.Request{Path: "/v1/" + strings.ToLower(q.Pair.Base+"-"+q.Pair.Quote)}, nil
		},
		Read: func(_ market.Question, body []byte) (market.Quote, error) {
			var response struct{ Price json.Number }
			if err := json.Unmarshal(body, &response); err != nil {
				return market.Quote{}, fmt.Errorf("not the expected JSON: %w", err)
			}
			value, err := rates.ParseValue(response.Price.String())
			return market.Quote{Value: value}, err
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/btc-eur" {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, `{"price": 58000.50}`)
	}))
	defer server.Close()
	source, err := market.New(market.Config{BaseURL: server.URL}, desk)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := source.Rate(context.Background(), rates.Pair{Base: "BTC", Quote: "EUR"})
	fmt.Println(r.Value, r.Source, err)
	_, err = source.Rate(context.Background(), rates.Pair{Base: "DOGE", Quote: "EUR"})
	fmt.Println(err)
	// Output:
	// 58000.5 desk <nil>
	// desk: rates: no rate for DOGE/EUR: desk: HTTP status 404
}
