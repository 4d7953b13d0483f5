package rates_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/rates"
)

func ExampleNewFixed() {
	source := rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{
		{Base: "BTC", Quote: "EUR"}: decimal.RequireFromString("58000.50"),
	})
	r, err := source.Rate(context.Background(), rates.Pair{Base: "BTC", Quote: "EUR"})
	fmt.Println(r.Pair, r.Value, r.Source, err)

	_, err = source.Rate(context.Background(), rates.Pair{Base: "DOGE", Quote: "EUR"})
	fmt.Println(err)
	// Output:
	// BTC/EUR 58000.5 fixed <nil>
	// rates: no rate for DOGE/EUR
}

func ExampleNewMedian() {
	// In production, use market.NewAll.
	feed := func(value string) rates.Source {
		return rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{
			{Base: "BTC", Quote: "EUR"}: decimal.RequireFromString(value),
		})
	}
	median, err := rates.NewMedian(rates.MedianConfig{
		Sources: []rates.Named{
			{Name: "east", Source: feed("58000")},
			{Name: "west", Source: feed("58030")},
			{Name: "broken", Source: feed("58000000")},
		},
		MaxDeviation: decimal.RequireFromString("0.02"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := median.Rate(context.Background(), rates.Pair{Base: "BTC", Quote: "EUR"})
	fmt.Println(r.Value, r.Source, err)
	// Output: 58015 median(east,west) <nil>
}

func ExampleNewCache() {
	source := rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{
		{Base: "BTC", Quote: "EUR"}: decimal.RequireFromString("58000"),
	})
	cache, err := rates.NewCache(rates.CacheConfig{
		Source: source,
		TTL:    30 * time.Second,
		MaxAge: 10 * time.Minute,
		Pairs:  []rates.Pair{{Base: "BTC", Quote: "EUR"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- cache.Run(ctx) }()

	r, err := cache.Rate(ctx, rates.Pair{Base: "BTC", Quote: "EUR"})
	fmt.Println(r.Value, err)

	stop()
	fmt.Println(<-ended)
	// Output:
	// 58000 <nil>
	// <nil>
}

func ExampleNewFirst() {
	primary := rates.NewFixed(nil, nil) // knows nothing
	reserve := rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{
		{Base: "ETH", Quote: "USD"}: decimal.RequireFromString("2500"),
	})
	first, err := rates.NewFirst(rates.FirstConfig{Sources: []rates.Named{
		{Name: "primary", Source: primary},
		{Name: "reserve", Source: reserve},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := first.Rate(context.Background(), rates.Pair{Base: "ETH", Quote: "USD"})
	fmt.Println(r.Value, err)
	// Output: 2500 <nil>
}

func ExampleNewCross() {
	coins := rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{
		{Base: "TRX", Quote: "USDT"}: decimal.RequireFromString("0.25"),
	})
	money := rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{
		{Base: "USDT", Quote: "USD"}: decimal.RequireFromString("0.999"),
		{Base: "EUR", Quote: "USD"}:  decimal.RequireFromString("1.08"),
	})
	cross, err := rates.NewCross(rates.CrossConfig{
		Via: []string{"USDT", "USD"},
		Legs: []rates.Leg{
			{Name: "coins", Source: coins},
			{Name: "money", Source: money},
			{Name: "money", Source: money, Inverted: true}, // USD/EUR from EUR/USD
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := cross.Rate(context.Background(), rates.Pair{Base: "TRX", Quote: "EUR"})
	fmt.Println(r.Value, err)
	// Output: 0.23125 <nil>
}

func ExampleUnavailableError() {
	first, err := rates.NewFirst(rates.FirstConfig{Sources: []rates.Named{
		{Name: "desk", Source: rates.NewFixed(nil, nil)},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = first.Rate(context.Background(), rates.Pair{Base: "BTC", Quote: "EUR"})
	if unavailable, ok := errors.AsType[*rates.UnavailableError](err); ok {
		for _, reason := range unavailable.Reasons {
			fmt.Println(unavailable.Pair, "has no rate because of", reason)
		}
	}
	// Output: BTC/EUR has no rate because of desk: rates: no rate for BTC/EUR
}
