package market

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/cointill/cointill/rates"
)

// Kraken is the exchange at https://api.kraken.com. The rate is the mean of the best
// bid and ask of the public ticker. The Time is that of reading, since the ticker
// does not state its own.
//
// The codes of a market run together in the ticker: USDCUSD could be USDC in USD or
// USD in CUSD. Therefore the first rate of a pair costs a second request, which asks
// for the market's whole name.
func Kraken() Provider {
	return Provider{
		Name:    "kraken",
		URL:     "https://api.kraken.com",
		Request: func(q Question) (Request, error) { return krakenRequest("/0/public/Ticker", q.Pair), nil },
		Read:    readKraken,
		Check: &Check{
			Request: func(q Question) (Request, error) { return krakenRequest("/0/public/AssetPairs", q.Pair), nil },
			Read:    readKrakenName,
		},
	}
}

func krakenRequest(path string, p rates.Pair) Request {
	return Request{Path: path, Query: url.Values{"pair": {krakenCode(p.Base) + krakenCode(p.Quote)}}}
}

// krakenCode returns Kraken's code of a currency, without the X or Z that precedes
// the old ones in responses.
func krakenCode(code string) string {
	switch code {
	case "BTC":
		return "XBT"
	case "DOGE":
		return "XDG"
	}
	return code
}

// decodeKraken returns the entries of a response by the names of markets.
func decodeKraken[T any](body []byte) (map[string]T, error) {
	var response struct {
		Error  []string     `json:"error"`
		Result map[string]T `json:"result"`
	}
	if err := decodeJSON(body, &response); err != nil {
		return nil, err
	}
	for _, code := range response.Error { // the status is 200 nevertheless
		switch {
		case code == "EQuery:Unknown asset pair", code == "EQuery:Invalid asset pair":
			return nil, rates.ErrNoRate
		case !strings.HasPrefix(code, "W"): // a warning comes with the result
			return nil, fmt.Errorf("refused with %.100q", code)
		}
	}
	return response.Result, nil
}

// readKrakenName refuses with rates.ErrNoRate a pair that is not a market's name.
func readKrakenName(q Question, body []byte) error {
	markets, err := decodeKraken[struct {
		Name string `json:"wsname"` // with a slash
	}](body)
	if err != nil {
		return err
	}
	for _, m := range markets {
		if m.Name == krakenCode(q.Pair.Base)+"/"+krakenCode(q.Pair.Quote) {
			return nil
		}
	}
	return fmt.Errorf("%w: there is no market of this name", rates.ErrNoRate)
}

func readKraken(q Question, body []byte) (Quote, error) {
	tickers, err := decodeKraken[struct {
		Ask []string `json:"a"` // price, whole lot volume, lot volume
		Bid []string `json:"b"`
	}](body)
	if err != nil {
		return Quote{}, err
	}
	for name, t := range tickers {
		switch {
		case !isKrakenMarket(name, q.Pair):
			continue
		case len(t.Ask) == 0 || len(t.Bid) == 0:
			return Quote{}, errors.New("ask or bid is missing")
		case isEmptySide(t.Ask) || isEmptySide(t.Bid):
			return Quote{}, errors.New("nothing is asked or bid for")
		}
		return bidAsk(t.Bid[0], t.Ask[0], time.Time{})
	}
	return Quote{}, fmt.Errorf("%w: the response is not about this market", rates.ErrNoRate)
}

// isEmptySide reports whether a side of the book (price, whole lot volume, lot
// volume) has no volume.
func isEmptySide(side []string) bool {
	if len(side) < 3 {
		return false
	}
	volume, err := rates.ParseValue(side[2])
	return err != nil || volume.Sign() <= 0
}

// isKrakenMarket reports whether name, under which a ticker stands, means p: the
// requested XBTUSD comes back as XXBTZUSD, but BCHUSD as itself. Dark pools, whose
// names end in ".d", never match.
func isKrakenMarket(name string, p rates.Pair) bool {
	base, quote := krakenCode(p.Base), krakenCode(p.Quote)
	for _, b := range []string{base, "X" + base} {
		for _, q := range []string{quote, "Z" + quote, "X" + quote} {
			if name == b+q {
				return true
			}
		}
	}
	return false
}
