package bitstamp

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
	btcEUR = rates.Pair{Base: "BTC", Quote: "EUR"}
	noon   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// 1772366340 is a minute before noon.
const btcAnswer = `{"timestamp":"1772366340","open":"57000","high":"59000","low":"56000","last":"58000","volume":"12.5",` +
	`"vwap":"57999","bid":"58000","ask":"58001","side":"0","open_24":"57100","percent_change_24":"1.58"}`

func serve(t *testing.T, handler http.HandlerFunc) *Source {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s, err := New(Config{HTTP: server.Client(), BaseURL: server.URL, Now: func() time.Time { return noon }})
	require.NoError(t, err)
	return s
}

func exchange(w http.ResponseWriter, r *http.Request) {
	switch r.URL.String() {
	case "/api/v2/ticker/btceur/":
		io.WriteString(w, btcAnswer)
	default:
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `<html>not found</html>`)
	}
}

func stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestConformance(t *testing.T) {
	ratestest.Run(t, func(t *testing.T) rates.Source { return serve(t, exchange) }, ratestest.Setup{
		Known:   btcEUR,
		Value:   decimal.RequireFromString("58000.5"),
		Unknown: rates.Pair{Base: "NOCOIN", Quote: "EUR"},
		Stalled: func(t *testing.T) rates.Source { return serve(t, stall) },
		Now:     func() time.Time { return noon },
	})
}

func TestA33_TheTimeIsTheTickersOwn(t *testing.T) {
	r, err := serve(t, exchange).Rate(t.Context(), btcEUR)
	require.NoError(t, err)
	require.Equal(t, noon.Add(-time.Minute), r.Time)

	for _, body := range []string{
		`{"bid":"58000","ask":"58001"}`,
		`{"bid":"58000","ask":"58001","timestamp":""}`,
		`{"bid":"58000","ask":"58001","timestamp":"0"}`,
		`{"bid":"58000","ask":"58001","timestamp":"yesterday"}`,
	} {
		_, err := parse(btcEUR, []byte(body))
		require.ErrorContains(t, err, "seconds since 1970")
	}
}

func TestA32_ACrossedOrEmptyBookIsRejected(t *testing.T) {
	for name, book := range map[string]string{
		"bid above ask": `"bid":"58002","ask":"58001"`,
		"no bids":       `"bid":"0","ask":"58001"`,
		"negative":      `"bid":"-2","ask":"-1"`,
		"nothing":       `"last":"58000"`,
		"null":          `"bid":null,"ask":null`,
		"exponent bomb": `"bid":"1e999999999","ask":"1e999999999"`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(btcEUR, []byte(`{"timestamp":"1772366340",`+book+`}`))
			require.Error(t, err)
		})
	}
}

func TestAnAnswerAboutAnotherMarketIsRejected(t *testing.T) {
	for pair, ok := range map[string]bool{"BTC/EUR": true, "BTC/USD": false, "ETH/EUR": false} {
		_, err := parse(btcEUR, []byte(`{"pair":"`+pair+`","timestamp":"1772366340","bid":"1","ask":"1"}`))
		require.Equal(t, ok, err == nil)
		require.Equal(t, !ok, errors.Is(err, rates.ErrNoRate))
	}
}

func TestGarbageIsRejected(t *testing.T) {
	for _, body := range []string{``, `null`, `[]`, `{}`, `"58000"`, `<html>`, `{"bid":58000}`, btcAnswer + `x`} {
		_, err := parse(btcEUR, []byte(body))
		require.Error(t, err, body)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(btcAnswer))
	f.Add([]byte(`{"timestamp":"1772366340","bid":"1e999999999","ask":"1e-05"}`))
	f.Add([]byte(`{"status":"error","reason":"Invalid pair"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if q, err := parse(btcEUR, body); err == nil && (q.Value.Sign() <= 0 || q.Time.IsZero()) {
			t.Fatalf("read %s of %s from %q", q.Value, q.Time, body)
		}
	})
}
