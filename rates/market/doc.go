// Package market reads exchange rates from public services: the exchanges
// [Binance], [Bitstamp], [Coinbase], [EXMO], [Kraken] and [KuCoin], the aggregator
// [CoinGecko], and the official rates of the European Central Bank ([ECB]) and of
// the Bank of Russia ([CBR]). None but CoinGecko has any use for an account.
//
// A [Provider] describes a service, and [New] makes a [Source] of it, which
// implements [rates.Source]. [NewAll] makes the list that [rates.NewMedian] and
// [rates.NewFirst] take:
//
//	sources, err := market.NewAll(market.Config{}, market.Kraken(), market.Coinbase(), market.Bitstamp())
//	...
//	median, err := rates.NewMedian(rates.MedianConfig{Sources: sources})
//
// A service that is not in the list is a [Provider] with a URL, a function that
// returns the request for a pair, and a function that reads the response. It gets
// the same protection as the others: one bounded GET request, responses of at most
// 1 MiB, no redirects, pauses that the service demands, and errors without secrets.
//
// A source does not judge how old a rate is. A market that has stopped keeps its
// last price and its old time, which [rates.Median], [rates.First], [rates.Cross]
// and [rates.Cache] refuse by their MaxAge. The official rates are days old by
// nature: see [ECB] and [CBR] for the MaxAge that they need.
package market
