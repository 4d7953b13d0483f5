// Package cbr reads the official exchange rates of the Bank of Russia: what a unit of
// several dozen currencies costs in RUB, coins not among them. It needs no account.
//
// A rate is set for a day and holds until the next that one is set for, so on a Monday
// it is two days old and after the holidays of January more than a week. What judges
// its age must allow for that: a MaxAge of twelve days for a leg of a [rates.Cross]
// and for the [rates.Cache] beneath it, whose TTL may be an hour. The default MaxAge of
// a Median or First refuses these rates.
//
// Only X/RUB is answered. For RUB/X, a leg of a Cross that is Inverted takes the
// reciprocal, and rounds it in the direction that it names.
//
// Read for the shape: cbr.ru/development/sxml (the request and its date) and
// cbr.ru/development/dws (the fields); recorded answers in public repositories show
// the comma, the encoding windows-1251, and that a Sunday is answered with the
// Saturday before.
package cbr

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/shopspring/decimal"

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
	// BaseURL is where the API is; default https://www.cbr.ru.
	BaseURL string
	// Now is the clock, which says what day is asked for; default time.Now.
	Now func() time.Time
}

// Source reads rates from the Bank of Russia. It is safe for concurrent use.
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
		Name:    "cbr",
		HTTP:    config.HTTP,
		BaseURL: config.BaseURL,
		Default: "https://www.cbr.ru",
		Header:  http.Header{"Accept": {"application/xml, text/xml"}},
		Now:     config.Now,
	})
	if err != nil {
		return nil, err
	}
	return &Source{client, config.Now}, nil
}

// moscow is the bank's time; it has had no summer time since 2014.
var moscow = time.FixedZone("MSK", 3*60*60)

// Rate asks for the rates of today in Moscow and picks p, as [rates.Source] says. A
// pair whose Quote is not RUB wraps rates.ErrNoRate without a request. The Time is the
// midnight in Moscow with which the day begins that the rate was set for.
func (s *Source) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	if p.Quote != "RUB" || p.Base == "RUB" {
		return rates.Rate{}, fmt.Errorf("cbr: %w for %.40q: it prices other currencies in RUB", rates.ErrNoRate, p.String())
	}
	return s.client.Rate(ctx, p, fetch.Question{
		Path: "/scripts/XML_daily.asp",
		// Without a date, the answer in the afternoon is tomorrow's rate.
		Query: url.Values{"date_req": {s.now().In(moscow).Format("02/01/2006")}},
		Parse: func(body []byte) (fetch.Quote, error) { return parse(p.Base, body) },
	})
}

func parse(currency string, body []byte) (fetch.Quote, error) {
	var answer struct {
		Date  string `xml:"Date,attr"`
		Rates []struct {
			Code    string `xml:"CharCode"`
			Nominal string `xml:"Nominal"`
			Value   string `xml:"Value"` // of Nominal units, with a comma
		} `xml:"Valute"`
	}
	if err := fetch.DecodeXML(body, &answer); err != nil {
		return fetch.Quote{}, err
	}
	at, err := time.ParseInLocation("02.01.2006", answer.Date, moscow)
	if err != nil {
		return fetch.Quote{}, fmt.Errorf("date %.40q is not of the form 02.01.2006", answer.Date)
	}
	for _, r := range answer.Rates {
		if r.Code == currency {
			value, err := perUnit(r.Value, r.Nominal)
			return fetch.Quote{Value: value, Time: at}, err
		}
	}
	return fetch.Quote{}, fmt.Errorf("%w: %s is not in the answer", rates.ErrNoRate, currency)
}

// perUnit divides the price of nominal units by nominal, which is a power of ten, so
// that moving the point is exact.
func perUnit(value, nominal string) (decimal.Decimal, error) {
	zeros, ok := strings.CutPrefix(nominal, "1")
	if !ok || len(zeros) > 9 || strings.Trim(zeros, "0") != "" {
		return decimal.Decimal{}, fmt.Errorf("nominal %.20q is not a power of ten", nominal)
	}
	v, err := rates.ParseValue(strings.Replace(value, ",", ".", 1))
	return v.Shift(-int32(len(zeros))), err
}
