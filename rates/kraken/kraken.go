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
	return &Source{client}, nil
}

// Rate asks for the ticker of p, as [rates.Source] says. A market that is empty,
// crossed or very thin is an error.
func (s *Source) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	return s.client.Rate(ctx, p, fetch.Question{
		Path:  "/0/public/Ticker",
		Query: url.Values{"pair": {assetCode(p.Base) + assetCode(p.Quote)}},
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

func parse(p rates.Pair, body []byte) (fetch.Quote, error) {
	var answer struct {
		Error  []string          `json:"error"`
		Result map[string]ticker `json:"result"`
	}
	if err := fetch.Decode(body, &answer); err != nil {
		return fetch.Quote{}, err
	}
	for _, code := range answer.Error { // the status is 200 nevertheless
		switch {
		case code == "EQuery:Unknown asset pair":
			return fetch.Quote{}, rates.ErrNoRate
		case !strings.HasPrefix(code, "W"): // a warning comes with the answer
			return fetch.Quote{}, fmt.Errorf("refused with %.100q", code)
		}
	}
	for name, t := range answer.Result {
		if !isMarket(name, p) {
			continue
		}
		if len(t.Ask) == 0 || len(t.Bid) == 0 {
			return fetch.Quote{}, errors.New("ask or bid is missing")
		}
		return fetch.BidAsk(t.Bid[0], t.Ask[0])
	}
	return fetch.Quote{}, fmt.Errorf("%w: the answer is not about this market", rates.ErrNoRate)
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
