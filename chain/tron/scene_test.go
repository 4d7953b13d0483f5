package tron_test

import (
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/chain/tron/trontest"
)

const usdtContract = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"

// Who is in the tests.
var (
	payer        = trontest.Address([]byte("payer---------------"))
	shop         = trontest.Address([]byte("shop----------------"))
	shop2        = trontest.Address([]byte("shop2---------------"))
	other        = trontest.Address([]byte("other---------------"))
	usdcContract = trontest.Address([]byte("usdc----------------"))
)

// scene is a fake node, and an adapter on it that watches TRX, USDT and USDC.
type scene struct {
	*trontest.World
	t               *testing.T
	trx, usdt, usdc chain.Asset
	node            *tron.Node
}

func newScene(t *testing.T) *scene {
	t.Helper()
	c := trontest.NewChain()
	c.Deploy(usdtContract, 6)
	c.Deploy(usdcContract, 6)
	s := &scene{World: trontest.Start(t, c, false), t: t, trx: tron.Native(c.Network(), "TRX")}
	s.usdt, s.usdc = s.token(usdtContract, "USDT", 6), s.token(usdcContract, "USDC", 6)
	s.node = s.adapter(s.trx, s.usdt, s.usdc)
	return s
}

func (s *scene) token(contract, code string, decimals int) chain.Asset {
	s.t.Helper()
	a, err := tron.TRC20(s.Network(), contract, code, decimals)
	require.NoError(s.t, err)
	return a
}

// adapter makes another adapter on the node.
func (s *scene) adapter(assets ...chain.Asset) *tron.Node {
	s.t.Helper()
	n, err := tron.New(tron.Config{
		Network: s.Network(), Genesis: s.Genesis(), URL: s.URL, Assets: assets,
		Client: &http.Client{Timeout: 5 * time.Minute}, // the largest responses take long on a busy machine
	})
	require.NoError(s.t, err)
	return n
}

// call is a transaction that calls some contract.
func (s *scene) call() *trontest.Tx { return s.World.Call(payer, other, "a9059cbb", 0) }

// mine puts transactions into one block, and returns its height.
func (s *scene) mine(txs ...*trontest.Tx) uint64 {
	s.Send(txs...)
	return s.Chain.Mine(1)
}

// paid is what matters of a transfer to a test.
type paid struct {
	Index string
	Code  string
	To    string
	Units int64
}

// sees checks what the adapter makes of a block.
func (s *scene) sees(height uint64, want ...paid) {
	s.t.Helper()
	b, err := s.node.Block(s.t.Context(), height)
	require.NoError(s.t, err)
	codes := map[chain.AssetID]string{s.trx.ID: "TRX", s.usdt.ID: "USDT", s.usdc.ID: "USDC"}
	var got []paid
	keys := make(map[chain.Key]bool)
	for _, x := range b.Transfers {
		got = append(got, paid{x.Index, codes[x.Asset], string(x.To), x.Units.Int64()})
		require.False(s.t, keys[x.Key()], "two transfers of one key")
		keys[x.Key()] = true
	}
	for i, p := range want {
		if strings.Contains(p.Index, "#") {
			want[i].Index += ":" + p.To
		}
	}
	require.Equal(s.t, want, got)
}

// refuses checks that the adapter rejects a block.
func (s *scene) refuses(height uint64) {
	s.t.Helper()
	b, err := s.node.Block(s.t.Context(), height)
	require.ErrorIs(s.t, err, chain.ErrIncomplete)
	require.Empty(s.t, b)
}

// object and list are parts of an answer.
type object = trontest.Object

func tx(block any, i int) object { return block.(object)["transactions"].([]any)[i].(object) }

func info(answer any, i int) object { return answer.([]any)[i].(object) }

func units(n int64) *big.Int { return big.NewInt(n) }
