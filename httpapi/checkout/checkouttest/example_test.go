package checkouttest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cointill/cointill/httpapi/checkout/checkouttest"
)

func Example() {
	samples := checkouttest.New(time.Now())
	fmt.Println(samples.Names()[0], len(samples.Names()) > 10)
	inv, err := samples.Invoice(context.Background(), "", checkouttest.ID("part"))
	fmt.Println(inv.State.Status, inv.Quote.Asset.Code, err)
	// Output:
	// choose true
	// paid_partial USDT <nil>
}
