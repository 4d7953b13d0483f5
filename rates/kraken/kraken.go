// Package kraken reads rates from the public ticker of the Kraken exchange. It
// needs no account. The rate is the mean of the best bid and ask, stamped with
// the time of reading, since the ticker does not say its own.
package kraken

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
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
	// BaseURL is where the API is; default https://api.kraken.com.
	BaseURL string
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Source reads rates from Kraken. It is safe for concurrent use.
type Source struct {
	client *fetch.Client
	known  sync.Map // the pairs, by rates.Pair, that Kraken was seen to have
}

var _ rates.Source = (*Source)(nil)

// New checks the configuration; it makes no request.
func New(config Config) (*Source, error) {
	client, err := fetch.New(fetch.Config{
		Name:    "kraken",
		HTTP:    config.HTTP,
		BaseURL: config.BaseURL,
		Default: "https://api.kraken.com",
		Now:     config.Now,
	})
	if err != nil {
		return nil, err
	}
	return &Source{client: client}, nil
}

// Rate asks for the ticker of p, as [rates.Source] says. A market that is empty,
// crossed or very thin is an error. What a ticker is of is told by codes that run
// together, so before the first time it asks what the market is called.
func (s *Source) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	query := url.Values{"pair": {assetCode(p.Base) + assetCode(p.Quote)}}
	if _, known := s.known.Load(p); !known {
		_, err := s.client.Quote(ctx, p, fetch.Question{
			Path: "/0/public/AssetPairs", Query: query,
			Parse: func(body []byte) (fetch.Quote, error) { return fetch.Quote{}, checkPair(p, body) },
		})
		if err != nil {
			return rates.Rate{}, err
		}
		s.known.Store(p, true) // no more of them than Kraken has
	}
	return s.client.Rate(ctx, p, fetch.Question{
		Path: "/0/public/Ticker", Query: query,
		Parse: func(body []byte) (fetch.Quote, error) { return parse(p, body) },
	})
}

// assetCode is Kraken's name for a currency, without the X or Z that it puts
// before the old ones in answers.
func assetCode(code string) string {
	switch code {
	case "BTC":
		return "XBT"
	case "DOGE":
		return "XDG"
	}
	return code
}

type ticker struct {
	Ask []string `json:"a"` // price, whole lot volume, lot volume
	Bid []string `json:"b"`
}

// read reads what stands in an answer, by the names of markets.
func read[T any](body []byte) (map[string]T, error) {
	var answer struct {
		Error  []string     `json:"error"`
		Result map[string]T `json:"result"`
	}
	if err := fetch.Decode(body, &answer); err != nil {
		return nil, err
	}
	for _, code := range answer.Error { // the status is 200 nevertheless
		switch {
		case code == "EQuery:Unknown asset pair", code == "EQuery:Invalid asset pair":
			return nil, rates.ErrNoRate
		case !strings.HasPrefix(code, "W"): // a warning comes with the answer
			return nil, fmt.Errorf("refused with %.100q", code)
		}
	}
	return answer.Result, nil
}

// checkPair refuses with rates.ErrNoRate what has no market of exactly this name: USDCUSD could be USDC in USD, or USD
// in CUSD.
func checkPair(p rates.Pair, body []byte) error {
	markets, err := read[struct {
		Name string `json:"wsname"` // with a slash
	}](body)
	if err != nil {
		return err
	}
	for _, m := range markets {
		if m.Name == assetCode(p.Base)+"/"+assetCode(p.Quote) {
			return nil
		}
	}
	return fmt.Errorf("%w: there is no market of this name", rates.ErrNoRate)
}

func parse(p rates.Pair, body []byte) (fetch.Quote, error) {
	tickers, err := read[ticker](body)
	if err != nil {
		return fetch.Quote{}, err
	}
	for name, t := range tickers {
		if !isMarket(name, p) {
			continue
		}
		if len(t.Ask) == 0 || len(t.Bid) == 0 {
			return fetch.Quote{}, errors.New("ask or bid is missing")
		}
		if isEmpty(t.Ask) || isEmpty(t.Bid) {
			return fetch.Quote{}, errors.New("nothing is asked or bid for")
		}
		return fetch.BidAsk(t.Bid[0], t.Ask[0])
	}
	return fetch.Quote{}, fmt.Errorf("%w: the answer is not about this market", rates.ErrNoRate)
}

// isEmpty reports whether a side of the book, which says price, whole lots and lots, has no volume.
func isEmpty(side []string) bool {
	if len(side) < 3 {
		return false
	}
	volume, err := rates.ParseValue(side[2])
	return err != nil || volume.Sign() <= 0
}

// isMarket says whether name, under which an answer stands, means p: the asked
// XBTUSD comes back as XXBTZUSD, but BCHUSD as itself. Dark pools, whose names
// end in ".d", never match.
func isMarket(name string, p rates.Pair) bool {
	base, quote := assetCode(p.Base), assetCode(p.Quote)
	for _, b := range []string{base, "X" + base} {
		for _, q := range []string{quote, "Z" + quote, "X" + quote} {
			if name == b+q {
				return true
			}
		}
	}
	return false
}
