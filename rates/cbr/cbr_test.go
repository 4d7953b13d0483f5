package cbr

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/ratestest"
)

var (
	usdRUB = rates.Pair{Base: "USD", Quote: "RUB"}
	noon   = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday
)

// The names are in windows-1251.
const saturdayAnswer = `<?xml version="1.0" encoding="windows-1251"?><ValCurs Date="28.02.2026" name="Foreign Currency Market">` +
	`<Valute ID="R01235"><NumCode>840</NumCode><CharCode>USD</CharCode><Nominal>1</Nominal>` +
	"<Name>\xc4\xee\xeb\xeb\xe0\xf0 \xd1\xd8\xc0</Name><Value>84,9057</Value><VunitRate>84,9057</VunitRate></Valute>" +
	`<Valute ID="R01335"><NumCode>398</NumCode><CharCode>KZT</CharCode><Nominal>100</Nominal>` +
	`<Name>x</Name><Value>16,1234</Value><VunitRate>0,161234</VunitRate></Valute></ValCurs>`

// list wraps the inner part of an answer.
func list(inner string) string { return `<ValCurs Date="28.02.2026">` + inner + `</ValCurs>` }

func serve(t *testing.T, handler http.HandlerFunc) *Source {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s, err := New(Config{HTTP: server.Client(), BaseURL: server.URL, Now: func() time.Time { return noon }})
	require.NoError(t, err)
	return s
}

func says(t *testing.T, body string) *Source {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
}

func service(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/scripts/XML_daily.asp" || r.URL.Query().Get("date_req") != "02/03/2026" {
		w.WriteHeader(http.StatusNotFound)
	}
	io.WriteString(w, saturdayAnswer)
}

func stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestConformance(t *testing.T) {
	for name, unknown := range map[string]rates.Pair{
		"unknown currency": {Base: "XXX", Quote: "RUB"},
		"RUB in itself":    {Base: "RUB", Quote: "RUB"},
		"the wrong way":    {Base: "RUB", Quote: "USD"},
		"a coin":           {Base: "BTC", Quote: "RUB"},
	} {
		t.Run(name, func(t *testing.T) {
			ratestest.Run(t, func(t *testing.T) rates.Source { return serve(t, service) }, ratestest.Setup{
				Known:   usdRUB,
				Value:   decimal.RequireFromString("84.9057"),
				Unknown: unknown,
				Stalled: func(t *testing.T) rates.Source { return serve(t, stall) },
				Now:     func() time.Time { return noon },
			})
		})
	}
}

func TestTheTimeIsTheMidnightOfTheStatedDayInMoscow(t *testing.T) {
	r, err := serve(t, service).Rate(t.Context(), usdRUB)
	require.NoError(t, err)
	require.True(t, r.Time.Equal(time.Date(2026, 2, 27, 21, 0, 0, 0, time.UTC)), "%s", r.Time)
	require.Equal(t, "cbr", r.Source)
}

func TestTheDayAskedForIsTodayInMoscow(t *testing.T) {
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query().Get("date_req")
		io.WriteString(w, saturdayAnswer)
	}))
	defer server.Close()
	for now, want := range map[time.Time]string{
		time.Date(2026, 2, 28, 20, 59, 0, 0, time.UTC): "28/02/2026",
		time.Date(2026, 2, 28, 21, 0, 0, 0, time.UTC):  "01/03/2026",
	} {
		s, err := New(Config{BaseURL: server.URL, Now: func() time.Time { return now }})
		require.NoError(t, err)
		_, err = s.Rate(t.Context(), usdRUB)
		require.NoError(t, err)
		require.Equal(t, want, asked)
	}
}

func TestA34_TheNominalIsDividedOutExactly(t *testing.T) {
	r, err := serve(t, service).Rate(t.Context(), rates.Pair{Base: "KZT", Quote: "RUB"})
	require.NoError(t, err)
	require.Equal(t, "0.161234", r.Value.String())

	for nominal, want := range map[string]string{
		"1": "16.1234", "10": "1.61234", "10000": "0.00161234", "1000000000": "0.0000000161234",
		"0": "", "": "", "3": "", "20": "", "1x": "", "-1": "", "1,5": "", "10000000000": "",
	} {
		v, err := perUnit("16,1234", nominal)
		if want == "" {
			require.Error(t, err, nominal)
			continue
		}
		require.NoError(t, err, nominal)
		require.Equal(t, want, v.String())
	}
}

func TestBadAnswersAreRejected(t *testing.T) {
	for body, noRate := range map[string]bool{
		list(`<Valute><CharCode>EUR</CharCode><Nominal>1</Nominal><Value>97,2</Value></Valute>`): true,
		list(``): true,
		list(`<Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>0</Value></Valute>`):                 false,
		list(`<Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>-84,9</Value></Valute>`):             false,
		list(`<Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>8,4,9</Value></Valute>`):             false,
		list(`<Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>1e999999999</Value></Valute>`):       false,
		list(`<Valute><CharCode>USD</CharCode><Nominal>1</Nominal></Valute>`):                                 false,
		list(`<Valute><CharCode>USD</CharCode><Value>84,9</Value></Valute>`):                                  false,
		`<ValCurs><Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>84,9</Value></Valute></ValCurs>`: false, // no date
		`<ValCurs Date="2026-02-28"/>`:    false,
		`<ValCurs Date="28.02.2026">`:     false,
		`<html><body>Sorry</body></html>`: false,
		`{}`:                              false,
		``:                                false,
	} {
		t.Run(body, func(t *testing.T) {
			_, err := says(t, body).Rate(t.Context(), usdRUB)
			require.Error(t, err)
			require.Equal(t, noRate, errors.Is(err, rates.ErrNoRate), "%v", err)
			require.Less(t, len(err.Error()), 300)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(saturdayAnswer))
	f.Add([]byte(list(`<Valute><CharCode>USD</CharCode><Nominal>1000000000</Nominal><Value>1e-60</Value></Valute>`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		if q, err := parse("USD", body); err == nil && (q.Time.IsZero() || len(q.Value.String()) > 200) {
			t.Fatalf("read %s of %s from %q", q.Value, q.Time, body)
		}
	})
}
