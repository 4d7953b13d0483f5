package market_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates/market"
)

// The names are in windows-1251.
const cbrBody = `<?xml version="1.0" encoding="windows-1251"?><ValCurs Date="28.02.2026" name="Foreign Currency Market">` +
	`<Valute ID="R01235"><NumCode>840</NumCode><CharCode>USD</CharCode><Nominal>1</Nominal>` +
	"<Name>\xc4\xee\xeb\xeb\xe0\xf0 \xd1\xd8\xc0</Name><Value>84,9057</Value><VunitRate>84,9057</VunitRate></Valute>" +
	`<Valute ID="R01335"><NumCode>398</NumCode><CharCode>KZT</CharCode><Nominal>100</Nominal>` +
	`<Name>x</Name><Value>16,1234</Value><VunitRate>0,161234</VunitRate></Valute></ValCurs>`

// cbrList wraps the inner part of a response.
func cbrList(inner string) string { return `<ValCurs Date="28.02.2026">` + inner + `</ValCurs>` }

func cbr() service {
	return service{
		provider: market.CBR(),
		handler: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/scripts/XML_daily.asp" || r.URL.Query().Get("date_req") != "02/03/2026" || r.Header.Get("Accept") == "application/json" {
				w.WriteHeader(http.StatusNotAcceptable)
			}
			io.WriteString(w, cbrBody)
		},
		known:   "USD/RUB",
		value:   "84.9057",
		time:    time.Date(2026, 2, 27, 21, 0, 0, 0, time.UTC), // midnight in Moscow
		exact:   map[string]string{"KZT/RUB": "0.161234"},
		unknown: map[string]string{"unknown currency": "XXX/RUB", "RUB in itself": "RUB/RUB", "the wrong way": "RUB/USD", "a coin": "BTC/RUB"},
		bad: map[string]bool{
			cbrList(`<Valute><CharCode>EUR</CharCode><Nominal>1</Nominal><Value>97,2</Value></Valute>`): true,
			cbrList(``): true,
			cbrList(`<Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>0</Value></Valute>`):              false,
			cbrList(`<Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>-84,9</Value></Valute>`):          false,
			cbrList(`<Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>8,4,9</Value></Valute>`):          false,
			cbrList(`<Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>1e999999999</Value></Valute>`):    false,
			cbrList(`<Valute><CharCode>USD</CharCode><Nominal>1</Nominal></Valute>`):                              false,
			cbrList(`<Valute><CharCode>USD</CharCode><Value>84,9</Value></Valute>`):                               false,
			`<ValCurs><Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>84,9</Value></Valute></ValCurs>`: false, // no date
			`<ValCurs Date="2026-02-28"/>`:    false,
			`<ValCurs Date="28.02.2026">`:     false,
			`<html><body>Sorry</body></html>`: false,
		},
	}
}

func TestCBR_AsksForTodayInMoscow(t *testing.T) {
	for now, want := range map[time.Time]string{
		time.Date(2026, 2, 28, 20, 59, 0, 0, time.UTC): "28/02/2026",
		time.Date(2026, 2, 28, 21, 0, 0, 0, time.UTC):  "01/03/2026",
	} {
		r, err := market.CBR().Request(market.Question{Pair: pair("USD/RUB"), Now: now})
		require.NoError(t, err)
		require.Equal(t, want, r.Query.Get("date_req"))
	}
}

func TestA34_CBR_DividesByTheNominalExactly(t *testing.T) {
	for nominal, want := range map[string]string{
		"1": "16.1234", "10": "1.61234", "10000": "0.00161234", "1000000000": "0.0000000161234",
		"0": "", "": "", "3": "", "20": "", "1x": "", "-1": "", "1,5": "", "10000000000": "",
	} {
		s := responds(t, market.CBR(), cbrList(`<Valute><CharCode>USD</CharCode><Nominal>`+nominal+`</Nominal><Value>16,1234</Value></Valute>`))
		r, err := s.Rate(t.Context(), pair("USD/RUB"))
		if want == "" {
			require.ErrorContains(t, err, "power of ten", nominal)
			continue
		}
		require.NoError(t, err, nominal)
		require.Equal(t, want, r.Value.String())
	}
}

func TestProvidersInXML_AreReadInAnyEncoding(t *testing.T) {
	for name, bad := range map[string]string{
		"breaks off":      "<ValCurs><Valute>",
		"external entity": `<!DOCTYPE a [<!ENTITY e "x">]><ValCurs Date="28.02.2026"><Valute><CharCode>&e;</CharCode></Valute></ValCurs>`,
		"deep":            deep(100_000),
	} {
		_, err := responds(t, market.CBR(), bad).Rate(t.Context(), pair("USD/RUB"))
		require.ErrorContains(t, err, "not the expected XML", name)
		require.Less(t, len(err.Error()), 300)
	}
	utf8 := cbrList(`<Valute><CharCode>USD</CharCode><Name>Доллар</Name><Nominal>1</Nominal><Value>84,9</Value></Valute>`)
	r, err := responds(t, market.CBR(), utf8).Rate(t.Context(), pair("USD/RUB"))
	require.NoError(t, err)
	require.Equal(t, "84.9", r.Value.String())
}

func deep(n int) string {
	body := make([]byte, 0, 3*n)
	for range n {
		body = append(body, "<a>"...)
	}
	return string(body)
}
