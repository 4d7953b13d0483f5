package coingecko

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
const btcAnswer = `{"bitcoin":{"eur":58000.123456789012345,"last_updated_at":1772366340}}`

func serve(t *testing.T, handler http.HandlerFunc, change ...func(*Config)) *Source {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	config := Config{HTTP: server.Client(), BaseURL: server.URL, Now: func() time.Time { return noon }}
	for _, c := range change {
		c(&config)
	}
	s, err := New(config)
	require.NoError(t, err)
	return s
}

func service(w http.ResponseWriter, r *http.Request) {
	switch r.URL.String() {
	case "/api/v3/simple/price?ids=bitcoin&include_last_updated_at=true&precision=full&vs_currencies=eur":
		io.WriteString(w, btcAnswer)
	case "/api/v3/simple/price?ids=bitcoin&include_last_updated_at=true&precision=full&vs_currencies=xxx":
		io.WriteString(w, `{"bitcoin":{"last_updated_at":1772366340}}`)
	default:
		io.WriteString(w, `{}`)
	}
}

func stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestConformance(t *testing.T) {
	for name, unknown := range map[string]rates.Pair{
		"no id for the base":          {Base: "NOCOIN", Quote: "EUR"},
		"an id that the service lost": {Base: "LUNA", Quote: "EUR"},
		"unknown quote":               {Base: "BTC", Quote: "XXX"},
	} {
		t.Run(name, func(t *testing.T) {
			ratestest.Run(t, func(t *testing.T) rates.Source {
				return serve(t, service, func(c *Config) { c.IDs = map[string]string{"LUNA": "terra-luna"} })
			}, ratestest.Setup{
				Known:   btcEUR,
				Value:   decimal.RequireFromString("58000.123456789012345"),
				Unknown: unknown,
				Stalled: func(t *testing.T) rates.Source { return serve(t, stall) },
				Now:     func() time.Time { return noon },
			})
		})
	}
}

func TestA33_TheTimeIsTheServicesOwn(t *testing.T) {
	r, err := serve(t, service).Rate(t.Context(), btcEUR)
	require.NoError(t, err)
	require.Equal(t, noon.Add(-time.Minute), r.Time)

	for _, body := range []string{
		`{"bitcoin":{"eur":58000}}`,
		`{"bitcoin":{"eur":58000,"last_updated_at":null}}`,
		`{"bitcoin":{"eur":58000,"last_updated_at":0}}`,
	} {
		_, err := parse("bitcoin", "EUR", []byte(body))
		require.ErrorContains(t, err, "seconds since 1970")
	}
}

func TestNumbersAreReadExactly(t *testing.T) {
	for text, want := range map[string]string{
		"1e-05":                 "0.00001",
		"1.23E-10":              "0.000000000123",
		"67187.33":              "67187.33",
		"67187.335893656612345": "67187.335893656612345",
		"9007199254740993":      "9007199254740993",
		"1e+5":                  "100000",
	} {
		q, err := parse("bitcoin", "EUR", []byte(`{"bitcoin":{"eur":`+text+`,"last_updated_at":1772366340}}`))
		require.NoError(t, err)
		require.Equal(t, want, q.Value.String())
	}
}

func TestBadAnswersAreRejected(t *testing.T) {
	for body, noRate := range map[string]bool{
		`{}`:                        true,
		`null`:                      true,
		`{"bitcoin":{}}`:            true,
		`{"bitcoin":null}`:          true,
		`{"bitcoin":{"eur":null}}`:  true,
		`{"ethereum":{"eur":2500}}`: true,
		`{"bitcoin":{"eur":1e999999999,"last_updated_at":1772366340}}`: false,
		`{"bitcoin":{"eur":"NaN","last_updated_at":1772366340}}`:       false,
		`{"bitcoin":58000}`: false,
		`{"status":{"error_code":429,"error_message":"You've exceeded the Rate Limit."}}`: false,
		`[]`:     false,
		`<html>`: false,
	} {
		t.Run(body, func(t *testing.T) {
			_, err := parse("bitcoin", "EUR", []byte(body))
			require.Error(t, err)
			require.Equal(t, noRate, errors.Is(err, rates.ErrNoRate))
		})
	}
}

func TestIncident37_ZeroAndNegativeAreRefused(t *testing.T) {
	for _, value := range []string{"0", "0.0", "-58000"} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"bitcoin":{"eur":`+value+`,"last_updated_at":1772366340}}`)
		})
		_, err := s.Rate(t.Context(), btcEUR)
		require.ErrorContains(t, err, "not positive")
	}
}

func TestTooManyRequestsIsTyped(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := s.Rate(t.Context(), btcEUR)
	var refused *rates.HTTPError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, rates.HTTPError{Source: "coingecko", Status: 429, RetryAfter: 30 * time.Second}, *refused)
}

func TestTheKeyIsAHeaderAndInNoError(t *testing.T) {
	for header, pro := range map[string]bool{"x-cg-demo-api-key": false, "x-cg-pro-api-key": true} {
		t.Run(header, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get(header) != "hunter2" {
					t.Errorf("the key is not in %s", header)
				}
				if r.URL.Query().Has("x_cg_demo_api_key") || r.URL.Query().Has("x_cg_pro_api_key") {
					t.Error("the key is in the URL")
				}
				w.WriteHeader(http.StatusUnauthorized)
			}, func(c *Config) { c.APIKey, c.Pro = "hunter2", pro })
			_, err := s.Rate(t.Context(), btcEUR)
			require.EqualError(t, err, "coingecko: HTTP status 401")
		})
	}
}

func TestIDsAddToAndReplaceTheKnownOnes(t *testing.T) {
	asked := ""
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query().Get("ids")
		io.WriteString(w, `{}`)
	}, func(c *Config) { c.IDs = map[string]string{"XMR": "monero", "POL": "matic-network"} })
	for code, id := range map[string]string{
		"XMR": "monero", "POL": "matic-network", "BTC": "bitcoin", "ETH": "ethereum", "USDT": "tether", "USDC": "usd-coin",
		"DAI": "dai", "LTC": "litecoin", "DOGE": "dogecoin", "BCH": "bitcoin-cash", "TRX": "tron", "BNB": "binancecoin", "AVAX": "avalanche-2",
	} {
		_, err := s.Rate(t.Context(), rates.Pair{Base: code, Quote: "EUR"})
		require.ErrorIs(t, err, rates.ErrNoRate)
		require.Equal(t, id, asked)
	}
}

func TestNewRefusesBadConfigurationByField(t *testing.T) {
	_, err := New(Config{Pro: true})
	require.ErrorContains(t, err, "APIKey")
	_, err = New(Config{IDs: map[string]string{"BTC": ""}})
	require.ErrorContains(t, err, "IDs")
	_, err = New(Config{BaseURL: "api.coingecko.com"})
	require.ErrorContains(t, err, "BaseURL")
	_, err = New(Config{})
	require.NoError(t, err)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(btcAnswer))
	f.Add([]byte(`{"bitcoin":{"eur":1e-05,"last_updated_at":1772366340}}`))
	f.Add([]byte(`{"bitcoin":{"eur":1e999999999}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := parse("bitcoin", "EUR", body)
		if err == nil && (q.Time.IsZero() || len(q.Value.String()) > 200) {
			t.Fatalf("read %s of %s from %q", q.Value, q.Time, body)
		}
	})
}
