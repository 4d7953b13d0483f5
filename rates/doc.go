// Package rates prices one currency in another, or refuses to. A wrong rate sells
// coins for nothing, so everything here prefers no rate to a doubtful one: a rate is
// positive, bounded, recent and, behind [Median], agreed upon by independent sources.
//
// The usual composition in production is a [Cache] over a [Median] over the
// exchanges in the package rates/market:
//
//	sources, err := market.NewAll(market.Config{}, market.Kraken(), market.Coinbase(), market.Bitstamp())
//	...
//	median, err := rates.NewMedian(rates.MedianConfig{Sources: sources})
//	...
//	cache, err := rates.NewCache(rates.CacheConfig{
//		Source: median,
//		Pairs:  []rates.Pair{{Base: "BTC", Quote: "EUR"}},
//	})
//	...
//	go cache.Run(ctx) // keeps the pairs in memory
//
// A pair that has no market, such as TRX/EUR, comes from a [Cross] over caches: a
// coin in USDT, USDT in USD, and USD in EUR by the reference rates of the European
// Central Bank, or in RUB by those of the Bank of Russia. The example of a shop has
// all of it.
//
// Tests and first steps use [NewFixed]. A custom provider is a type with one method
// ([Source]), or a market.Provider. The package ratestest proves that it keeps the
// contract.
//
// All values are exact decimals, and only a Cross rounds: down, and by a stated
// amount at most. Turning a price into an amount of coins, and the direction of that
// rounding, is left to the issuer of the invoice. Pairs are chained only where a
// Cross is configured to do so, never silently: a USD price is not derived from a
// USDT market without a source that prices USDT, because that would hide the risk
// that a stable coin loses its peg. The package opens no connection itself and needs
// only the standard library and shopspring/decimal.
package rates
