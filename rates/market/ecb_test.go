package market_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/market"
)

const ecbBody = `<?xml version="1.0" encoding="UTF-8"?>
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

var friday = time.Date(2026, 2, 27, 15, 0, 0, 0, time.UTC) // 16:00 CET

// ecbCube wraps the inner part of a response.
func ecbCube(inner string) string { return `<Envelope><Cube>` + inner + `</Cube></Envelope>` }

func ecb() service {
	return service{
		provider: market.ECB(),
		handler: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.String() != "/stats/eurofxref/eurofxref-daily.xml" || r.Header.Get("Accept") == "application/json" {
				w.WriteHeader(http.StatusNotAcceptable)
			}
			io.WriteString(w, ecbBody)
		},
		known:   "EUR/USD",
		value:   "1.0932",
		time:    friday,
		exact:   map[string]string{"EUR/JPY": "163.45"},
		unknown: map[string]string{"no RUB since 2022": "EUR/RUB", "EUR in itself": "EUR/EUR", "the wrong way": "USD/EUR", "a coin": "BTC/USD"},
		bad: map[string]bool{
			ecbCube(`<Cube time='2026-02-27'><Cube currency='JPY' rate='163.45'/></Cube>`):      true,
			ecbCube(`<Cube time='2026-02-27'></Cube>`):                                          true,
			ecbCube(`<Cube time='2026-02-27'><Cube currency='USD' rate='0'/></Cube>`):           false,
			ecbCube(`<Cube time='2026-02-27'><Cube currency='USD' rate='-1'/></Cube>`):          false,
			ecbCube(`<Cube time='2026-02-27'><Cube currency='USD' rate='N/A'/></Cube>`):         false,
			ecbCube(`<Cube time='2026-02-27'><Cube currency='USD'/></Cube>`):                    false,
			ecbCube(`<Cube time='2026-02-27'><Cube currency='USD' rate='1e999999999'/></Cube>`): false,
			ecbCube(`<Cube time='27.02.2026'><Cube currency='USD' rate='1'/></Cube>`):           false,
			ecbCube(`<Cube><Cube currency='USD' rate='1'/></Cube>`):                             false,
			ecbCube(`<Cube time='2026-02-27'/><Cube time='2026-02-26'/>`):                       false, // a history
			ecbCube(``): false,
			`<!DOCTYPE x [<!ENTITY a "1">]><Envelope><Cube><Cube time='2026-02-27'><Cube currency='USD' rate='&a;'/></Cube></Cube></Envelope>`: false,
			`<Envelope><Cube>`:                false,
			`<html><body>Sorry</body></html>`: false,
			`{"EUR":1}`:                       false,
			``:                                false,
		},
	}
}

func TestECB_TheTimeIs16OClockButNotInTheFuture(t *testing.T) {
	for name, tc := range map[string]struct{ now, want time.Time }{
		"in summer it comes out an hour before":  {friday.Add(-time.Hour), friday.Add(-time.Hour)},
		"a little before its time":               {friday.Add(-time.Minute), friday.Add(-time.Minute)},
		"days later":                             {friday.AddDate(0, 0, 5), friday},
		"a day ahead stays ahead, to be refused": {friday.Add(-24 * time.Hour), friday},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := market.New(market.Config{HTTP: canned(ecbBody), Now: func() time.Time { return tc.now }}, market.ECB())
			require.NoError(t, err)
			r, err := s.Rate(t.Context(), pair("EUR/USD"))
			require.NoError(t, err)
			require.Equal(t, tc.want, r.Time)
		})
	}
}

func TestA33_ECB_ARateOfLastWeekNeedsALimitOfDays(t *testing.T) {
	for limit, ok := range map[time.Duration]bool{0: false, 6 * 24 * time.Hour: true} {
		s := responds(t, market.ECB(), ecbBody)
		first, err := rates.NewFirst(rates.FirstConfig{Sources: []rates.Named{s.Named()}, MaxAge: limit, Now: atNoon})
		require.NoError(t, err)
		_, err = first.Rate(t.Context(), pair("EUR/USD"))
		require.Equal(t, ok, err == nil, "limit %s: %v", limit, err)

		cache, err := rates.NewCache(rates.CacheConfig{Source: s, TTL: time.Second, MaxAge: limit, Now: atNoon})
		require.NoError(t, err)
		_, err = cache.Rate(t.Context(), pair("EUR/USD"))
		require.Equal(t, ok, err == nil, "limit %s: %v", limit, err)
	}
}
