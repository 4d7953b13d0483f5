// Package ecb reads the euro foreign exchange reference rates of the European
// Central Bank: what one EUR costs in about thirty currencies, coins not among them,
// nor RUB since March 2022. It needs no account.
//
// The rates come out on working days at around 16:00 CET and none on the closing days
// of TARGET, so the newest is up to three days old on an ordinary Monday and five
// around Easter. What judges its age must allow for that: a MaxAge of six days for a
// leg of a [rates.Cross] and for the [rates.Cache] beneath it, whose TTL may be an
// hour. The default MaxAge of a Median or First refuses these rates.
//
// Only EUR/X is answered. For X/EUR, a leg of a Cross that is Inverted takes the
// reciprocal, and rounds it in the direction that it names.
//
// Read for the shape: the eurofxref files and "How to parse the data" under
// www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates.
package ecb

import (
	"context"
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
	// BaseURL is where the API is; default https://www.ecb.europa.eu.
	BaseURL string
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Source reads rates from the ECB. It is safe for concurrent use.
type Source struct {
	client *fetch.Client
	now    func() time.Time
}

var _ rates.Source = (*Source)(nil)

// New checks the configuration; it makes no request.
func New(config Config) (*Source, error) {
	if config.Now == nil {
		config.Now = time.Now
	}
	client, err := fetch.New(fetch.Config{
		Name:    "ecb",
		HTTP:    config.HTTP,
		BaseURL: config.BaseURL,
		Default: "https://www.ecb.europa.eu",
		Header:  http.Header{"Accept": {"application/xml, text/xml"}},
		Now:     config.Now,
	})
	if err != nil {
		return nil, err
	}
	return &Source{client, config.Now}, nil
}

// Rate asks for the file of the day and picks p, as [rates.Source] says. A pair whose
// Base is not EUR wraps rates.ErrNoRate without a request. The Time is 16:00 CET of
// the day that the file states, or now if it came out before.
func (s *Source) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	if p.Base != "EUR" || p.Quote == "EUR" {
		return rates.Rate{}, fmt.Errorf("ecb: %w for %.40q: it prices EUR in other currencies", rates.ErrNoRate, p.String())
	}
	return s.client.Rate(ctx, p, fetch.Question{
		Path:  "/stats/eurofxref/eurofxref-daily.xml",
		Parse: func(body []byte) (fetch.Quote, error) { return parse(p.Quote, body, s.now()) },
	})
}

// publication is 16:00 CET after midnight UTC, and early is how long before it the
// file is believed: in summer, local clocks show 16:00 an hour before CET does.
const (
	publication = 15 * time.Hour
	early       = 2 * time.Hour
)

func parse(currency string, body []byte, now time.Time) (fetch.Quote, error) {
	var envelope struct {
		Days []struct {
			Date  string `xml:"time,attr"`
			Rates []struct {
				Currency string `xml:"currency,attr"`
				Rate     string `xml:"rate,attr"`
			} `xml:"Cube"`
		} `xml:"Cube>Cube"`
	}
	if err := fetch.DecodeXML(body, &envelope); err != nil {
		return fetch.Quote{}, err
	}
	if len(envelope.Days) != 1 {
		return fetch.Quote{}, fmt.Errorf("the answer has %d days, want 1", len(envelope.Days))
	}
	date, err := time.Parse(time.DateOnly, envelope.Days[0].Date)
	if err != nil {
		return fetch.Quote{}, fmt.Errorf("date %.40q is not of the form 2006-01-02", envelope.Days[0].Date)
	}
	at := date.Add(publication)
	if ahead := at.Sub(now); ahead > 0 && ahead <= early {
		at = now
	}
	for _, r := range envelope.Days[0].Rates {
		if r.Currency == currency {
			value, err := rates.ParseValue(r.Rate)
			return fetch.Quote{Value: value, Time: at}, err
		}
	}
	return fetch.Quote{}, fmt.Errorf("%w: %s is not in the answer", rates.ErrNoRate, currency)
}
