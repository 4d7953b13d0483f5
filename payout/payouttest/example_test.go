package payouttest_test

import (
	"fmt"
	"testing"

	"github.com/cointill/cointill/payout/payouttest"
	"github.com/cointill/cointill/store"
)

// A test of somebody's own store. A failure names its seed, with which it is played again, and tells its story.
func ExampleExplore() {
	var testMyStore = func(t *testing.T) {
		payouttest.Explore(t, payouttest.Config{
			Open: func(testing.TB) payouttest.Store { return store.NewMemory() }, // mystore.New()
		}, 1, 200)
	}
	_ = testMyStore // in a file of tests: func TestMyStore(t *testing.T)
}

// What a world is checked for.
func ExampleRules() {
	for _, r := range payouttest.Rules()[:3] {
		fmt.Println(r.Name)
	}
	// Output:
	// stored-first
	// paid-once
	// no-end-too-soon
}
