package trontest

import (
	"crypto/rand"
	"math/big"
	"net/http/httptest"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/chain/tron"
)

// World is a fake node that listens on a loopback address, for the conformance suite.
type World struct {
	*Chain
	URL string

	lost   bool
	assets []chain.Asset
	payer  string
}

var _ chaintest.World = (*World)(nil)

// New starts a fake node on a chain with TRX and two tokens to pay with. After a reorganisation, it has the
// transactions of the replaced blocks in new ones. It ends with the test.
func New(t *testing.T) chaintest.World {
	t.Helper()
	return Start(t, NewChain(), false)
}

// NewForgetful is New with a node that loses the transactions of replaced blocks.
func NewForgetful(t *testing.T) chaintest.World {
	t.Helper()
	return Start(t, NewChain(), true)
}

// Start returns a world of a chain. It ends with the test.
func Start(t *testing.T, c *Chain, lost bool) *World {
	t.Helper()
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	w := &World{Chain: c, URL: server.URL, lost: lost, assets: []chain.Asset{tron.Native(c.Network(), "TRX")}}
	w.payer = string(w.Address(t))
	for code, decimals := range map[string]int{"USDT": 6, "USDD": 18} {
		contract := string(w.Address(t))
		c.Deploy(contract, decimals)
		a, err := tron.TRC20(c.Network(), contract, code, decimals)
		if err != nil {
			t.Fatalf("make token: %v", err)
		}
		w.assets = append(w.assets, a)
	}
	return w
}

// Node implements [chaintest.World].
func (w *World) Node(t *testing.T) chain.Node {
	t.Helper()
	return w.node(t, tron.Config{Network: w.Network(), Genesis: w.Genesis(), Assets: w.assets})
}

// Impostor implements [chaintest.World].
func (w *World) Impostor(t *testing.T) chain.Node {
	t.Helper()
	return w.node(t, tron.Config{Network: tron.Mainnet, Assets: []chain.Asset{tron.Native(tron.Mainnet, "TRX")}})
}

func (w *World) node(t *testing.T, c tron.Config) chain.Node {
	t.Helper()
	c.URL = w.URL
	n, err := tron.New(c)
	if err != nil {
		t.Fatalf("make adapter: %v", err)
	}
	return n
}

// Assets implements [chaintest.World].
func (w *World) Assets() []chain.Asset { return w.assets }

// Address implements [chaintest.World].
func (w *World) Address(*testing.T) chain.Address {
	raw := make([]byte, 20)
	_, _ = rand.Read(raw) // never fails
	return chain.Address(Address(raw))
}

// Pay implements [chaintest.World]. The network carries no transfer of zero TRX.
func (w *World) Pay(_ *testing.T, asset chain.Asset, to chain.Address, units *big.Int) string {
	if asset.ID.Namespace() == "slip44" {
		if units.Sign() == 0 {
			return ""
		}
		t := w.Transfer(w.payer, string(to), units.Int64())
		w.Send(t)
		return t.ID
	}
	contract := asset.ID.Reference()
	t := w.Call(w.payer, contract, "a9059cbb", 0).Token(contract, w.payer, string(to), units)
	w.Send(t)
	return t.ID
}

// Mine implements [chaintest.World].
func (w *World) Mine(_ *testing.T, n int) { w.Chain.Mine(n) }

// Reorganise implements [chaintest.World].
func (w *World) Reorganise(_ *testing.T, depth int) { w.Chain.Reorganise(depth, w.lost) }

// Paid implements [chaintest.World].
func (w *World) Paid(_ *testing.T, txid string) bool { return w.Chain.Paid(txid) }
