package invoicetest_test

import (
	"fmt"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/invoice/invoicetest"
	"github.com/cointill/cointill/store"
)

// adapter stands for the store that is to be proved.
type adapter struct{ *store.Memory }

// testStore is the test of the adapter. In a file whose name ends with _test.go it is called by
//
//	func TestStore(t *testing.T) { testStore(t) }
func testStore(t *testing.T) {
	invoicetest.Explore(t, invoicetest.Config{
		Open:  func(*testing.T) invoice.Store { return adapter{store.NewMemory()} }, // a new, empty store
		Steps: 40,
	}, 1, 5) // the worlds of seeds 1 to 5; use more
}

// A store of your own is proved in one call, in simulated worlds in which everything goes wrong. After every commit and
// every step all rules are checked.
func Example() {
	for _, rule := range invoicetest.Rules()[:4] {
		fmt.Println(rule.Name)
	}
	// Output:
	// credited is canonical
	// the cursor is never ahead of the effects
	// no payment counts twice
	// no payment is invented
}
