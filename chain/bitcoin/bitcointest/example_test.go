package bitcointest_test

import (
	"math/big"
	"testing"

	"github.com/cointill/cointill/chain/bitcoin/bitcointest"
	"github.com/cointill/cointill/chain/chaintest"
)

// A test drives btcd: it pays, mines, and reads the transfers of the tip.
func ExampleNewBtcd() {
	testPayment := func(t *testing.T) {
		w := bitcointest.NewBtcd(t)
		w.Pay(t, w.Assets()[0], w.Address(t), big.NewInt(25_000))
		w.Mine(t, 1)
		node := w.Node(t)
		tip, err := node.Tip(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := node.Block(t.Context(), tip.Height); err != nil {
			t.Fatal(err)
		}
	}
	_ = testPayment
}

// The conformance suite takes the function itself.
func ExampleNewLitecoind() {
	testConformance := func(t *testing.T) { chaintest.Run(t, bitcointest.NewLitecoind) }
	_ = testConformance
}
