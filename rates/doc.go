// Package rates says what one unit of a currency costs in another, or refuses
// to say it. A wrong rate sells coins for nothing, so everything here prefers
// no answer to a doubtful one: a rate is positive, bounded, recent, and, behind
// [Median], agreed upon by independent sources.
//
// The usual composition in production is a [Cache] over a [Median] over the
// exchanges in the sub-folders kraken, coinbase, bitstamp, binance, kucoin and exmo,
// and coingecko:
//
//	median, err := rates.NewMedian(rates.MedianConfig{Sources: []rates.Named{
//		{Name: "kraken", Source: krakenSource},
//		{Name: "coinbase", Source: coinbaseSource},
//		{Name: "bitstamp", Source: bitstampSource},
//	}})
//	...
//	cache, err := rates.NewCache(rates.CacheConfig{
//		Source: median,
//		Pairs:  []rates.Pair{{Base: "BTC", Quote: "EUR"}},
//	})
//	...
//	go cache.Run(ctx) // keeps the pairs warm: asking for them is a memory read
//
// A pair that no market has, such as TRX/EUR, comes from a [Cross] over caches: a
// coin in USDT, USDT in USD, USD in EUR by the reference rates of the sub-folder
// ecb, or in RUB by those of cbr. The example of a shop has all of it.
//
// Tests and first steps use [NewFixed]. A provider of one's own is a type with
// one method ([Source]); the suite in ratestest shows whether it behaves.
//
// All values are exact decimals, and nothing in this package rounds but a Cross,
// which rounds down and says how far; turning a price into an amount of coins, and
// the direction of that rounding, belongs to whoever issues the invoice. Pairs are
// chained only where a Cross is configured to, never silently: a USD price is not
// derived from a USDT market without a source that prices USDT, because that would
// hide the risk that a stable coin is not worth its name. The package opens no
// connection itself and needs the standard library and shopspring/decimal alone.
package rates
