package market

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/rates"
)

// CBR is the Bank of Russia at https://www.cbr.ru, with its official exchange rates:
// the price of several dozen currencies in RUB, coins not among them.
//
// A rate is set for a day and holds until the next day for which one is set, so on a
// Monday it is two days old and after the holidays of January more than a week.
// Whatever judges its age must allow for that: use a MaxAge of twelve days for a leg
// of a [rates.Cross] and for the [rates.Cache] beneath it, whose TTL may be an hour.
// The default MaxAge of a [rates.Median] or [rates.First] refuses these rates. The
// Time is the midnight in Moscow at the beginning of the day for which the rate was
// set.
//
// It has X/RUB only: any other pair wraps [rates.ErrNoRate] without a request. For
// RUB/X, a leg of a Cross that is Inverted takes the reciprocal; the Cross rounds
// the result down, as always.
//
// Sources: cbr.ru/development/sxml (the request and its date) and
// cbr.ru/development/dws (the fields). Recorded responses in public repositories
// show the comma, the encoding windows-1251, and that a Sunday has the rates of the
// Saturday before.
func CBR() Provider {
	return Provider{
		Name:   "cbr",
		URL:    "https://www.cbr.ru",
		Accept: acceptXML,
		Request: func(q Question) (Request, error) {
			if q.Pair.Quote != "RUB" || q.Pair.Base == "RUB" {
				return Request{}, fmt.Errorf("%w for %s: it prices other currencies in RUB", rates.ErrNoRate, q.Pair)
			}
			// Without a date, the afternoon's response has tomorrow's rates.
			today := q.Now.In(moscow()).Format("02/01/2006")
			return Request{Path: "/scripts/XML_daily.asp", Query: url.Values{"date_req": {today}}}, nil
		},
		Read: readCBR,
	}
}

const acceptXML = "application/xml, text/xml"

// moscow returns the bank's time zone, which has had no summer time since 2014.
func moscow() *time.Location { return time.FixedZone("MSK", 3*60*60) }

func readCBR(q Question, body []byte) (Quote, error) {
	var list struct {
		Date  string `xml:"Date,attr"`
		Rates []struct {
			Code    string `xml:"CharCode"`
			Nominal string `xml:"Nominal"`
			Value   string `xml:"Value"` // of Nominal units, with a comma
		} `xml:"Valute"`
	}
	if err := decodeXML(body, &list); err != nil {
		return Quote{}, err
	}
	at, err := time.ParseInLocation("02.01.2006", list.Date, moscow())
	if err != nil {
		return Quote{}, fmt.Errorf("date %.40q is not of the form 02.01.2006", list.Date)
	}
	for _, r := range list.Rates {
		if r.Code == q.Pair.Base {
			value, err := perUnit(r.Value, r.Nominal)
			return Quote{Value: value, Time: at}, err
		}
	}
	return Quote{}, fmt.Errorf("%w: %s is not in the response", rates.ErrNoRate, q.Pair.Base)
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
