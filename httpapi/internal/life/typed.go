package life

import (
	"context"
	"math/big"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

// Odd is a source of rates that divide hardly any price without a remainder. Each rate differs, from many thousands down to
// less than a billionth.
type Odd struct{ asked atomic.Int64 }

// Rate implements rates.Source.
func (o *Odd) Rate(_ context.Context, p rates.Pair) (rates.Rate, error) {
	n := o.asked.Add(1)
	return rates.Rate{Pair: p, Value: decimal.New(1843573+7919*n, int32(-2-n%14)), Time: time.Now(), Source: "odd"}, nil
}

// Typed returns the amount that a payer sends whose client reads the text of an amount as a double, as most clients do, and
// who types what it shows into a wallet with 8 decimals.
func Typed(t *testing.T, a chain.Asset, text string) *big.Int {
	t.Helper()
	double, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	amount, err := decimal.NewFromString(strconv.FormatFloat(double, 'f', -1, 64))
	if err != nil {
		t.Fatal(err)
	}
	return a.UnitsDown(amount.Truncate(8))
}
