package chaintest_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

// testConformance is the test of the adapter. In a file whose name ends with _test.go it is called by
//
//	func TestConformance(t *testing.T) { testConformance(t) }
func testConformance(t *testing.T) {
	chaintest.Run(t, func(*testing.T) chaintest.World { return &world{Chain: chaintest.NewChain(chaintest.Config{})} })
}

// world drives the simulated chain. The world of a real adapter drives a real node.
type world struct {
	*chaintest.Chain
	addresses int
}

func (w *world) Node(*testing.T) chain.Node { return w.Chain }

func (w *world) Impostor(*testing.T) chain.Node {
	other := chaintest.NewChain(chaintest.Config{Network: "sim:2"})
	other.Lie(chaintest.WrongNetwork)
	return other
}

func (w *world) Address(*testing.T) chain.Address {
	w.addresses++
	return w.Chain.Address(fmt.Sprint(w.addresses))
}

func (w *world) Pay(_ *testing.T, asset chain.Asset, to chain.Address, units *big.Int) string {
	return w.Chain.Pay(to, asset, units)
}

func (w *world) Mine(_ *testing.T, n int) { w.Chain.Mine(n) }

func (w *world) Reorganise(_ *testing.T, depth int) { w.Chain.Reorganise(depth, 1, chaintest.Pooled) }

func (w *world) Paid(_ *testing.T, txid string) bool { return w.Chain.Paid(txid) }

// The test of an adapter gives the suite a world to drive. This is one of the many things that the suite does with it.
func ExampleRun() {
	var t *testing.T // this world does without
	w := &world{Chain: chaintest.NewChain(chaintest.Config{})}
	txid := w.Pay(t, w.Assets()[0], w.Address(t), big.NewInt(5))
	w.Mine(t, 1)
	fmt.Println(w.Paid(t, txid))
	w.Reorganise(t, 1) // back to the pool
	fmt.Println(w.Paid(t, txid), w.Head().Height)
	// Output:
	// true
	// false 2
}
