package market_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/market"
	"github.com/cointill/cointill/rates/ratestest"
)

var (
	btcEUR = pair("BTC/EUR")
	noon   = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday
)

func atNoon() time.Time { return noon }

func pair(s string) rates.Pair {
	base, quote, _ := strings.Cut(s, "/")
	return rates.Pair{Base: base, Quote: quote}
}

// service is a provider as it was seen to respond.
type service struct {
	provider market.Provider
	handler  http.HandlerFunc
	known    string
	value    string
	time     time.Time         // of known; noon if the provider states none
	exact    map[string]string // values of further pairs
	unknown  map[string]string // pairs that it does not have, by why
	bad      map[string]bool   // bodies that are no rate of known, and whether they wrap rates.ErrNoRate
}

// services are all providers of the package, each in the test file of its own.
func services() []service {
	return []service{binance(), bitstamp(), cbr(), coinbase(), coinGecko(), ecb(), exmo(), kraken(), kuCoin()}
}

func each(t *testing.T, test func(t *testing.T, s service)) {
	for _, s := range services() {
		t.Run(s.provider.Name, func(t *testing.T) { test(t, s) })
	}
}

// serve returns a source of the provider that asks a server of the test.
func serve(t *testing.T, p market.Provider, handler http.HandlerFunc) *market.Source {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s, err := market.New(market.Config{HTTP: server.Client(), BaseURL: server.URL, Now: atNoon}, p)
	require.NoError(t, err)
	return s
}

// responds returns a source of the provider that gets the same body for every rate.
func responds(t *testing.T, p market.Provider, body string) *market.Source {
	t.Helper()
	s, err := market.New(market.Config{HTTP: canned(body), Now: atNoon}, p)
	require.NoError(t, err)
	return s
}

// canned is a client that gets the same body for every rate, with status 200.
type canned string

func (c canned) Do(r *http.Request) (*http.Response, error) {
	body := string(c)
	if r.URL.Path == "/0/public/AssetPairs" {
		body = krakenName("XXBTZEUR", "XBT/EUR")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestConformance(t *testing.T) {
	each(t, func(t *testing.T, s service) {
		for why, unknown := range s.unknown {
			t.Run(why, func(t *testing.T) {
				ratestest.Run(t, func(t *testing.T) rates.Source { return serve(t, s.provider, s.handler) }, ratestest.Setup{
					Known:   pair(s.known),
					Value:   decimal.RequireFromString(s.value),
					Unknown: pair(unknown),
					Stalled: func(t *testing.T) rates.Source { return serve(t, s.provider, stall) },
					Now:     atNoon,
				})
			})
		}
	})
}

func TestA33_ARateHasTheTimeThatTheProviderStates(t *testing.T) {
	each(t, func(t *testing.T, s service) {
		r, err := serve(t, s.provider, s.handler).Rate(t.Context(), pair(s.known))
		require.NoError(t, err)
		require.True(t, r.Time.Equal(s.time), "%s, want %s", r.Time, s.time)
		require.Equal(t, s.provider.Name, r.Source)
	})
}

func TestNumbersAreReadExactly(t *testing.T) {
	each(t, func(t *testing.T, s service) {
		for p, want := range s.exact {
			r, err := serve(t, s.provider, s.handler).Rate(t.Context(), pair(p))
			require.NoError(t, err)
			require.Equal(t, want, r.Value.String())
		}
	})
}

func TestA32_BadResponsesAreRefused(t *testing.T) {
	each(t, func(t *testing.T, s service) {
		for body, noRate := range s.bad {
			t.Run(body, func(t *testing.T) {
				_, err := responds(t, s.provider, body).Rate(t.Context(), pair(s.known))
				require.Error(t, err)
				if noRate {
					require.ErrorIs(t, err, rates.ErrNoRate)
				} else {
					require.NotErrorIs(t, err, rates.ErrNoRate, "nonsense is not ignorance")
				}
				require.Less(t, len(err.Error()), 300)
			})
		}
	})
}

func TestWhatIsNoResponseOfAnyProviderIsRefused(t *testing.T) {
	each(t, func(t *testing.T, s service) {
		for _, body := range []string{``, `null`, `true`, `58000`, `"58000"`, `[]`, `{}`, `<html>`, `<html><body>Sorry</body></html>`, "\x00\xff"} {
			_, err := responds(t, s.provider, body).Rate(t.Context(), pair(s.known))
			require.Error(t, err, body)
			require.True(t, strings.HasPrefix(err.Error(), s.provider.Name+": "), "%v", err)
		}
	})
}

func TestA33_AMarketThatHasStoppedIsRefusedByItsAge(t *testing.T) {
	for _, tc := range []struct {
		provider market.Provider
		pair     string
		body     string
	}{
		{market.Binance(), "VEN/BTC", `{"symbol":"VENBTC","bidPrice":"0.00024","askPrice":"0.00024","closeTime":1532373428321}`},
		{market.Bitstamp(), "BTC/EUR", `{"timestamp":"1523621733","bid":"2","ask":"2"}`},
		{market.CoinGecko(market.CoinGeckoOptions{}), "BTC/EUR", `{"bitcoin":{"eur":2,"last_updated_at":1523621733}}`},
		{market.EXMO(), "BTC/RUB", `{"BTC_RUB":{"buy_price":"2","sell_price":"2","updated":1523621733}}`},
		{market.KuCoin(), "BTC/USDT", `{"code":"200000","data":{"time":1550653727731,"bestBid":"2","bestAsk":"2"}}`},
	} {
		t.Run(tc.provider.Name, func(t *testing.T) {
			stopped := responds(t, tc.provider, tc.body)
			_, err := stopped.Rate(t.Context(), pair(tc.pair))
			require.NoError(t, err, "its age is for the caller to judge")
			first, err := rates.NewFirst(rates.FirstConfig{Sources: []rates.Named{stopped.Named()}, Now: atNoon})
			require.NoError(t, err)
			_, err = first.Rate(t.Context(), pair(tc.pair))
			require.ErrorIs(t, err, rates.ErrNoRate)
			require.ErrorContains(t, err, "more than 5m0s")
		})
	}
}

func TestNewAllNamesTheSourcesByTheirProviders(t *testing.T) {
	sources, err := market.NewAll(market.Config{HTTP: canned(coinbaseBody)}, market.Coinbase(), market.Kraken())
	require.NoError(t, err)
	require.Len(t, sources, 2)
	require.Equal(t, "coinbase", sources[0].Name)
	require.Equal(t, "kraken", sources[1].Name)
	r, err := sources[0].Source.Rate(t.Context(), btcEUR)
	require.NoError(t, err)
	require.Equal(t, "coinbase", r.Source)

	_, err = market.NewAll(market.Config{}, market.Kraken(), market.Provider{Name: "own"})
	require.ErrorContains(t, err, "own")
}

func TestNewRefusesABadConfigurationByField(t *testing.T) {
	provider := func(change func(*market.Provider)) market.Provider {
		p := market.Kraken()
		change(&p)
		return p
	}
	for field, tc := range map[string]struct {
		config   market.Config
		provider market.Provider
	}{
		"Provider.Name":                    {provider: market.Provider{}},
		"Provider.URL":                     {provider: provider(func(p *market.Provider) { p.URL = "api.kraken.com" })},
		"Provider.Request":                 {provider: provider(func(p *market.Provider) { p.Request = nil })},
		"Provider.Read":                    {provider: provider(func(p *market.Provider) { p.Read = nil })},
		"Provider.Check":                   {provider: provider(func(p *market.Provider) { p.Check = &market.Check{} })},
		"Config.BaseURL":                   {config: market.Config{BaseURL: "api.kraken.com"}, provider: market.Kraken()},
		"CoinGeckoOptions.Pro":             {provider: market.CoinGecko(market.CoinGeckoOptions{Pro: true})},
		`CoinGeckoOptions.IDs["BTC"]`:      {provider: market.CoinGecko(market.CoinGeckoOptions{IDs: map[string]string{"BTC": ""}})},
		"coingecko: Config.BaseURL is not": {config: market.Config{BaseURL: "ftp://x.example"}, provider: market.CoinGecko(market.CoinGeckoOptions{})},
	} {
		_, err := market.New(tc.config, tc.provider)
		require.ErrorContains(t, err, field)
	}
	for _, s := range services() {
		_, err := market.New(market.Config{}, s.provider)
		require.NoError(t, err)
	}
}

func FuzzRate_IsValidOrAnError(f *testing.F) {
	all := services()
	for i, s := range all {
		for body := range s.bad {
			f.Add(uint8(i), body)
		}
	}
	for i, body := range []string{binanceBody, bitstampBody, cbrBody, coinbaseBody, coinGeckoBody, ecbBody, exmoBody, krakenBody, kuCoinBody} {
		f.Add(uint8(i), body)
	}
	f.Add(uint8(0), `{"symbol":"BTCUSDT","bidPrice":"1e-05","askPrice":"1e999999999","closeTime":1}`)
	f.Add(uint8(2), `<ValCurs Date="28.02.2026"><Valute><CharCode>USD</CharCode><Nominal>1000000000</Nominal><Value>1e-60</Value></Valute></ValCurs>`)
	f.Add(uint8(5), `<?xml version="1.0" encoding="utf-16"?><Envelope/>`)
	f.Fuzz(func(t *testing.T, which uint8, body string) {
		s := all[int(which)%len(all)]
		r, err := responds(t, s.provider, body).Rate(t.Context(), pair(s.known))
		switch {
		case err != nil && len(err.Error()) > 1000:
			t.Fatalf("%s: error of %d bytes", s.provider.Name, len(err.Error()))
		case err == nil && (r.Validate() != nil || r.Pair != pair(s.known) || len(r.Value.String()) > 200):
			t.Fatalf("%s: read %v from %q", s.provider.Name, r, body)
		}
	})
}
