package market

import (
	"fmt"
	"time"

	"github.com/cointill/cointill/rates"
)

// ECB is the European Central Bank at https://www.ecb.europa.eu, with its euro
// foreign exchange reference rates: the price of one EUR in about thirty currencies,
// coins not among them, nor RUB since March 2022.
//
// The rates come out on working days at around 16:00 CET and none on the closing
// days of TARGET, so the newest is up to three days old on an ordinary Monday and
// five around Easter. Whatever judges its age must allow for that: use a MaxAge of
// six days for a leg of a [rates.Cross] and for the [rates.Cache] beneath it, whose
// TTL may be an hour. The default MaxAge of a [rates.Median] or [rates.First]
// refuses these rates. The Time is 16:00 CET of the day that the file states, or now
// if it came out up to two hours before that.
//
// It has EUR/X only: any other pair wraps [rates.ErrNoRate] without a request. For
// X/EUR, a leg of a Cross that is Inverted takes the reciprocal; the Cross rounds
// the result down, as always.
//
// Sources: the eurofxref files and "How to parse the data" under
// www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates.
func ECB() Provider {
	return Provider{
		Name:   "ecb",
		URL:    "https://www.ecb.europa.eu",
		Accept: acceptXML,
		Request: func(q Question) (Request, error) {
			if q.Pair.Base != "EUR" || q.Pair.Quote == "EUR" {
				return Request{}, fmt.Errorf("%w for %s: it prices EUR in other currencies", rates.ErrNoRate, q.Pair)
			}
			return Request{Path: "/stats/eurofxref/eurofxref-daily.xml"}, nil
		},
		Read: readECB,
	}
}

// publication is 16:00 CET, counted from midnight UTC. The file is believed up to
// early before it: in summer, local clocks show 16:00 an hour before CET does.
const (
	publication = 15 * time.Hour
	early       = 2 * time.Hour
)

func readECB(q Question, body []byte) (Quote, error) {
	var envelope struct {
		Days []struct {
			Date  string `xml:"time,attr"`
			Rates []struct {
				Currency string `xml:"currency,attr"`
				Rate     string `xml:"rate,attr"`
			} `xml:"Cube"`
		} `xml:"Cube>Cube"`
	}
	if err := decodeXML(body, &envelope); err != nil {
		return Quote{}, err
	}
	if len(envelope.Days) != 1 {
		return Quote{}, fmt.Errorf("the response has %d days, want 1", len(envelope.Days))
	}
	day := envelope.Days[0]
	date, err := time.Parse(time.DateOnly, day.Date)
	if err != nil {
		return Quote{}, fmt.Errorf("date %.40q is not of the form 2006-01-02", day.Date)
	}
	at := date.Add(publication)
	if ahead := at.Sub(q.Now); ahead > 0 && ahead <= early {
		at = q.Now
	}
	for _, r := range day.Rates {
		if r.Currency == q.Pair.Quote {
			value, err := rates.ParseValue(r.Rate)
			return Quote{Value: value, Time: at}, err
		}
	}
	return Quote{}, fmt.Errorf("%w: %s is not in the response", rates.ErrNoRate, q.Pair.Quote)
}
