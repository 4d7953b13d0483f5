package ratestest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/rates/ratestest"
)

// desk is a custom provider: a shop that sets its own price.
type desk struct{}

var deskPair = rates.Pair{Base: "BTC", Quote: "EUR"}

func (desk) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	switch {
	case ctx.Err() != nil:
		return rates.Rate{}, fmt.Errorf("desk: %w", ctx.Err())
	case p != deskPair:
		return rates.Rate{}, fmt.Errorf("desk: %w for %.40q", rates.ErrNoRate, p.String())
	}
	return rates.Rate{Pair: p, Value: decimal.NewFromInt(58000), Time: time.Now(), Source: "desk"}, nil
}

// TestDesk is the whole test of the provider.
func TestDesk(t *testing.T) {
	ratestest.Run(t, func(*testing.T) rates.Source { return desk{} }, ratestest.Setup{
		Known:   deskPair,
		Value:   decimal.NewFromInt(58000),
		Unknown: rates.Pair{Base: "NOCOIN", Quote: "EUR"},
	})
}

// The provider that the suite is run on, in a test such as TestDesk of this file.
func ExampleRun() {
	r, err := desk{}.Rate(context.Background(), deskPair)
	fmt.Println(r.Pair, r.Value, err)
	_, err = desk{}.Rate(context.Background(), rates.Pair{Base: "NOCOIN", Quote: "EUR"})
	fmt.Println(err)
	// Output:
	// BTC/EUR 58000 <nil>
	// desk: rates: no rate for "NOCOIN/EUR"
}
