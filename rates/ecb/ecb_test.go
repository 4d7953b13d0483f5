package ecb

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
	eurUSD = rates.Pair{Base: "EUR", Quote: "USD"}
	noon   = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday
)

const fridayAnswer = `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender>
		<gesmes:name>European Central Bank</gesmes:name>
	</gesmes:Sender>
	<Cube>
		<Cube time='2026-02-27'>
			<Cube currency='USD' rate='1.0932'/>
			<Cube currency='JPY' rate='163.45'/>
		</Cube>
	</Cube>
</gesmes:Envelope>`

// cube wraps the inner part of an answer.
func cube(inner string) string { return `<Envelope><Cube>` + inner + `</Cube></Envelope>` }

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
	if r.URL.String() != "/stats/eurofxref/eurofxref-daily.xml" || r.Header.Get("Accept") == "application/json" {
		w.WriteHeader(http.StatusNotAcceptable)
	}
	io.WriteString(w, fridayAnswer)
}

func stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestConformance(t *testing.T) {
	for name, unknown := range map[string]rates.Pair{
		"no RUB since 2022": {Base: "EUR", Quote: "RUB"},
		"EUR in itself":     {Base: "EUR", Quote: "EUR"},
		"the wrong way":     {Base: "USD", Quote: "EUR"},
		"a coin":            {Base: "BTC", Quote: "USD"},
	} {
		t.Run(name, func(t *testing.T) {
			ratestest.Run(t, func(t *testing.T) rates.Source { return serve(t, service) }, ratestest.Setup{
				Known:   eurUSD,
				Value:   decimal.RequireFromString("1.0932"),
				Unknown: unknown,
				Stalled: func(t *testing.T) rates.Source { return serve(t, stall) },
				Now:     func() time.Time { return noon },
			})
		})
	}
}

func TestTheTimeIs16OClockOfTheStatedDay(t *testing.T) {
	friday := time.Date(2026, 2, 27, 15, 0, 0, 0, time.UTC)
	r, err := serve(t, service).Rate(t.Context(), eurUSD)
	require.NoError(t, err)
	require.Equal(t, friday, r.Time)
	require.Equal(t, "ecb", r.Source)

	for name, tc := range map[string]struct{ now, want time.Time }{
		"in summer it comes out an hour before":  {friday.Add(-time.Hour), friday.Add(-time.Hour)},
		"a little before its time":               {friday.Add(-time.Minute), friday.Add(-time.Minute)},
		"days later":                             {friday.AddDate(0, 0, 5), friday},
		"a day ahead stays ahead, to be refused": {friday.Add(-24 * time.Hour), friday},
	} {
		t.Run(name, func(t *testing.T) {
			q, err := parse("USD", []byte(fridayAnswer), tc.now)
			require.NoError(t, err)
			require.Equal(t, tc.want, q.Time)
		})
	}
}

func TestA33_AWeekendOldRateNeedsALimitOfDays(t *testing.T) {
	for limit, ok := range map[time.Duration]bool{0: false, 6 * 24 * time.Hour: true} {
		s := serve(t, service)
		first, err := rates.NewFirst(rates.FirstConfig{
			Sources: []rates.Named{{Name: "ecb", Source: s}},
			MaxAge:  limit,
			Now:     func() time.Time { return noon },
		})
		require.NoError(t, err)
		_, err = first.Rate(t.Context(), eurUSD)
		require.Equal(t, ok, err == nil, "limit %s: %v", limit, err)

		cache, err := rates.NewCache(rates.CacheConfig{Source: s, TTL: time.Second, MaxAge: limit, Now: func() time.Time { return noon }})
		require.NoError(t, err)
		_, err = cache.Rate(t.Context(), eurUSD)
		require.Equal(t, ok, err == nil, "limit %s: %v", limit, err)
	}
}

func TestBadAnswersAreRejected(t *testing.T) {
	for body, noRate := range map[string]bool{
		cube(`<Cube time='2026-02-27'><Cube currency='JPY' rate='163.45'/></Cube>`):      true,
		cube(`<Cube time='2026-02-27'></Cube>`):                                          true,
		cube(`<Cube time='2026-02-27'><Cube currency='USD' rate='0'/></Cube>`):           false,
		cube(`<Cube time='2026-02-27'><Cube currency='USD' rate='-1'/></Cube>`):          false,
		cube(`<Cube time='2026-02-27'><Cube currency='USD' rate='N/A'/></Cube>`):         false,
		cube(`<Cube time='2026-02-27'><Cube currency='USD'/></Cube>`):                    false,
		cube(`<Cube time='2026-02-27'><Cube currency='USD' rate='1e999999999'/></Cube>`): false,
		cube(`<Cube time='27.02.2026'><Cube currency='USD' rate='1'/></Cube>`):           false,
		cube(`<Cube><Cube currency='USD' rate='1'/></Cube>`):                             false,
		cube(`<Cube time='2026-02-27'/><Cube time='2026-02-26'/>`):                       false, // a history
		cube(``): false,
		`<!DOCTYPE x [<!ENTITY a "1">]><Envelope><Cube><Cube time='2026-02-27'><Cube currency='USD' rate='&a;'/></Cube></Cube></Envelope>`: false,
		`<Envelope><Cube>`:                false,
		`<html><body>Sorry</body></html>`: false,
		`{"EUR":1}`:                       false,
		``:                                false,
	} {
		t.Run(body, func(t *testing.T) {
			_, err := says(t, body).Rate(t.Context(), eurUSD)
			require.Error(t, err)
			require.Equal(t, noRate, errors.Is(err, rates.ErrNoRate), "%v", err)
			require.Less(t, len(err.Error()), 300)
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(fridayAnswer))
	f.Add([]byte(cube(`<Cube time='2026-02-27'><Cube currency='USD' rate='1e999999999'/></Cube>`)))
	f.Add([]byte(`<?xml version="1.0" encoding="utf-16"?><Envelope/>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if q, err := parse("USD", body, noon); err == nil && (q.Time.IsZero() || len(q.Value.String()) > 200) {
			t.Fatalf("read %s of %s from %q", q.Value, q.Time, body)
		}
	})
}
