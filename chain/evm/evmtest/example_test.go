package evmtest_test

import (
	"math/big"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/chain/evm/evmtest"
)

// A test drives a go-ethereum node in the same process: it pays, mines, and looks at what an adapter reads.
func ExampleNewGeth() {
	testPayment := func(t *testing.T) {
		w := evmtest.NewGeth(t)
		shop := w.Address(t)
		w.Pay(t, w.Assets()[0], shop, big.NewInt(25_000))
		w.Mine(t, 1)
		follower, err := chain.NewFollower(chain.FollowConfig{Node: w.Node(t)})
		if err != nil {
			t.Fatal(err)
		}
		_ = follower
	}
	_ = testPayment
}

// The conformance suite takes the function itself.
func ExampleNewAnvil() {
	testConformance := func(t *testing.T) { chaintest.Run(t, evmtest.NewAnvil) }
	_ = testConformance
}
