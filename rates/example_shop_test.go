package rates_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/market"
)

// feeds are the providers that the shop asks.
type feeds struct {
	kraken, coinbase, bitstamp, coingecko, binance, kucoin, exmo, ecb, cbr rates.Named
}

// newFeeds takes the zero Config in production. That of the example has a server of
// the example and its clock.
func newFeeds(config market.Config) feeds {
	feed := func(p market.Provider) rates.Named { return must(market.New(config, p)).Named() }
	return feeds{
		kraken:    feed(market.Kraken()),
		coinbase:  feed(market.Coinbase()),
		bitstamp:  feed(market.Bitstamp()),
		coingecko: feed(market.CoinGecko(market.CoinGeckoOptions{})),
		binance:   feed(market.Binance()),
		kucoin:    feed(market.KuCoin()),
		exmo:      feed(market.EXMO()),
		ecb:       feed(market.ECB()),
		cbr:       feed(market.CBR()),
	}
}

// Ages up to which a reference rate is the newest there is, holidays included.
const (
	ecbAge = 6 * 24 * time.Hour
	cbrAge = 12 * 24 * time.Hour
)

// shop returns a source that prices every asset in EUR, USD and RUB. Each cache
// judges the age of its rates, by minutes or by days, and the shop starts its Run.
// What is above the caches only calculates.
func shop(f feeds, now func() time.Time) (prices rates.Source, caches []*rates.Cache) {
	cached := func(s rates.Source, ttl, maxAge time.Duration) rates.Source {
		c := must(rates.NewCache(rates.CacheConfig{Source: s, TTL: ttl, MaxAge: maxAge, Now: now}))
		caches = append(caches, c)
		return c
	}
	median := func(sources ...rates.Named) rates.Source {
		return must(rates.NewMedian(rates.MedianConfig{Sources: sources, MaxAge: 5 * time.Minute, Now: now}))
	}
	cross := func(via []string, legs ...rates.Leg) rates.Source {
		return must(rates.NewCross(rates.CrossConfig{Via: via, Legs: legs, Now: now, Bounds: map[rates.Pair]rates.Bounds{
			{Base: "USDT", Quote: "USD"}: {Min: dec("0.95"), Max: dec("1.05")},
		}}))
	}
	const ttl, maxAge = 30 * time.Second, 10 * time.Minute
	money := cached(median(f.kraken, f.coinbase, f.bitstamp, f.coingecko), ttl, maxAge) // coins, and USDT, in EUR and USD
	tether := cached(median(f.binance, f.kucoin, f.kraken), ttl, maxAge)                // coins in USDT
	euro := cached(f.ecb.Source, time.Hour, ecbAge)
	official := cached(f.cbr.Source, time.Hour, cbrAge)

	inTether := rates.Leg{Name: "tether", Source: tether, MaxAge: maxAge}
	inMoney := rates.Leg{Name: "money", Source: money, MaxAge: maxAge}
	throughTether := cross([]string{"USDT", "USD"}, inTether, inMoney,
		rates.Leg{Name: "ecb", Source: euro, Inverted: true, MaxAge: ecbAge})
	throughDollars := cross([]string{"USD"}, inMoney,
		rates.Leg{Name: "cbr", Source: official, MaxAge: cbrAge})

	// Three prices in RUB. The official one may be days old. The caches of the other
	// two make sure that these are not.
	rubles := must(rates.NewMedian(rates.MedianConfig{MaxAge: cbrAge, Now: now, Sources: []rates.Named{
		{Name: "coingecko", Source: cached(f.coingecko.Source, ttl, maxAge)},
		{Name: "exmo", Source: cached(f.exmo.Source, ttl, maxAge)},
		{Name: "official", Source: throughDollars},
	}}))
	return must(rates.NewFirst(rates.FirstConfig{MaxAge: cbrAge, Now: now, Sources: []rates.Named{
		{Name: "money", Source: money},
		{Name: "through tether", Source: throughTether},
		{Name: "rubles", Source: rubles},
	}})), caches
}

// A shop prices its coins in EUR, USD and RUB: by the median of several markets where
// there are such, else through USDT and through reference rates.
func Example_shop() {
	now := func() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) } // a Monday
	world := httptest.NewServer(http.HandlerFunc(providers))
	defer world.Close()
	prices, caches := shop(newFeeds(market.Config{BaseURL: world.URL, Now: now}), now)

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, len(caches))
	for _, c := range caches {
		go func() { ended <- c.Run(ctx) }()
	}
	for _, p := range []rates.Pair{
		{Base: "BTC", Quote: "EUR"},
		{Base: "USDT", Quote: "USD"},
		{Base: "TRX", Quote: "EUR"},
		{Base: "BTC", Quote: "RUB"},
	} {
		r, err := prices.Rate(ctx, p)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s %.18s of %s\n  %s\n", r.Pair, r.Value, r.Time.UTC().Format("Jan 2 15:04"), r.Source)
	}
	stop()
	for range caches {
		<-ended
	}
	// Output:
	// BTC/EUR 58000.5 of Mar 2 11:59
	//   median(kraken,coinbase,bitstamp)
	// USDT/USD 0.999 of Mar 2 12:00
	//   median(kraken,coinbase)
	// TRX/EUR 0.23125 of Feb 27 15:00
	//   cross(median(binance,kucoin) TRX/USDT, median(kraken,coinbase) USDT/USD, ecb EUR/USD inverted)
	// BTC/RUB 5300000 of Feb 27 21:00
	//   median(coingecko,exmo,official)
}

// providers responds as the real ones would on that Monday.
func providers(w http.ResponseWriter, r *http.Request) {
	body, ok := map[string]string{
		"/0/public/AssetPairs?pair=XBTEUR":                                `{"error":[],"result":{"XXBTZEUR":{"wsname":"XBT/EUR"}}}`,
		"/0/public/AssetPairs?pair=USDTUSD":                               `{"error":[],"result":{"USDTZUSD":{"wsname":"USDT/USD"}}}`,
		"/0/public/AssetPairs?pair=XBTUSD":                                `{"error":[],"result":{"XXBTZUSD":{"wsname":"XBT/USD"}}}`,
		"/0/public/Ticker?pair=XBTEUR":                                    `{"error":[],"result":{"XXBTZEUR":{"a":["58001"],"b":["58000"]}}}`,
		"/0/public/Ticker?pair=USDTUSD":                                   `{"error":[],"result":{"USDTZUSD":{"a":["0.999"],"b":["0.999"]}}}`,
		"/0/public/Ticker?pair=XBTUSD":                                    `{"error":[],"result":{"XXBTZUSD":{"a":["63000"],"b":["63000"]}}}`,
		"/v2/exchange-rates?currency=BTC":                                 `{"data":{"currency":"BTC","rates":{"EUR":"58000","USD":"63000"}}}`,
		"/v2/exchange-rates?currency=USDT":                                `{"data":{"currency":"USDT","rates":{"USD":"0.999"}}}`,
		"/api/v2/ticker/btceur/":                                          `{"bid":"58001","ask":"58001","timestamp":"1772452790"}`,
		"/api/v3/ticker/24hr?symbol=TRXUSDT":                              `{"symbol":"TRXUSDT","bidPrice":"0.2499","askPrice":"0.2501","closeTime":1772452799000}`,
		"/api/v1/market/orderbook/level1?symbol=TRX-USDT":                 `{"code":"200000","data":{"time":1772452799000,"bestBid":"0.25","bestAsk":"0.25"}}`,
		"/v1.1/ticker":                                                    `{"BTC_RUB":{"buy_price":"5300000","sell_price":"5300000","updated":1772452799}}`,
		"/stats/eurofxref/eurofxref-daily.xml":                            `<Envelope><Cube><Cube time='2026-02-27'><Cube currency='USD' rate='1.08'/></Cube></Cube></Envelope>`,
		"/scripts/XML_daily.asp?date_req=02%2F03%2F2026":                  `<ValCurs Date="28.02.2026"><Valute><CharCode>USD</CharCode><Nominal>1</Nominal><Value>85,0000</Value></Valute></ValCurs>`,
		coingeckoPath + "ids=bitcoin" + coingeckoQuery + "currencies=rub": `{"bitcoin":{"rub":5250000,"last_updated_at":1772452740}}`,
	}[r.URL.String()]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
	}
	io.WriteString(w, body)
}

const (
	coingeckoPath  = "/api/v3/simple/price?"
	coingeckoQuery = "&include_last_updated_at=true&precision=full&vs_"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
