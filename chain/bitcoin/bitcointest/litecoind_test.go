package bitcointest

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

func TestLitecoind(t *testing.T) {
	first := firstChain(t)
	chaintest.Run(t, func(t *testing.T) chaintest.World { return newLitecoind(t, first) })

	t.Run("PegOutIsAPayment", func(t *testing.T) { pegOut(t, newLitecoind(t, first)) })
	t.Run("PegInIsNone", func(t *testing.T) { pegIn(t, newLitecoind(t, first)) })
	t.Run("A37_Incident24_Eviction", func(t *testing.T) { eviction(t, newLitecoind(t, first)) })
	t.Run("A5_RestartOfTheNode", func(t *testing.T) { restart(t, newLitecoind(t, first)) })
}

// noneOfMWEB checks that nothing is a payment to an output that only the extension block uses.
func noneOfMWEB(t *testing.T, w *world, transfers []chain.Transfer) {
	t.Helper()
	for _, x := range transfers {
		script, err := w.params.Script(x.To)
		require.NoError(t, err)
		require.NotContains(t, []byte{0x58, 0x59}, script[0])
	}
}

func pegOut(t *testing.T, l *litecoind) {
	n, shop := l.Node(t), l.Address(t)
	l.payHidden(t, shop, 70_000)
	var waiting []string
	l.call(t, &waiting, "getrawmempool")
	require.Len(t, waiting, 1)
	require.Empty(t, pool(t, n), "before it is in a block, nobody sees what leaves the extension block")
	l.Mine(t, 1)
	b := l.lastBlock(t, n)
	got := to(shop, b.Transfers)
	require.Len(t, got, 1)
	require.EqualValues(t, 70_000, got[0].Units.Int64())
	txids := l.txids(t, b.Hash)
	require.Equal(t, txids[len(txids)-1], got[0].TxID, "the HogEx pays it")
	noneOfMWEB(t, l.world, b.Transfers)
}

func pegIn(t *testing.T, l *litecoind) {
	n := l.Node(t)
	var inside, txid string
	require.NoError(t, l.hidden.Call(t.Context(), &inside, "getnewaddress", "", "mweb"))
	l.call(t, &txid, "sendtoaddress", inside, 300) // more than the wallet has inside already
	waiting := pool(t, n)
	noneOfMWEB(t, l.world, waiting)
	l.Mine(t, 1)
	b := l.lastBlock(t, n)
	require.Contains(t, l.txids(t, b.Hash), txid)
	noneOfMWEB(t, l.world, b.Transfers)
	for _, x := range b.Transfers {
		require.NotEqualValues(t, int64(300_00000000), x.Units.Int64())
	}
}

// eviction lets a payment wait for longer than the node keeps it.
func eviction(t *testing.T, l *litecoind) {
	n, shop := l.Node(t), l.Address(t)
	l.pay(t, shop, big.NewInt(50_000))
	require.Len(t, to(shop, pool(t, n)), 1)
	l.call(t, nil, "setmocktime", time.Now().Add(15*24*time.Hour).Unix())
	l.payHidden(t, l.Address(t), 50_000) // what is old goes when something comes
	require.Empty(t, to(shop, pool(t, n)))
}

func restart(t *testing.T, l *litecoind) {
	n := l.Node(t)
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	f, err := chain.NewFollower(chain.FollowConfig{
		Node: n, Margin: -1, Poll: time.Millisecond, MinBackoff: time.Millisecond, MaxBackoff: time.Millisecond,
	})
	require.NoError(t, err)
	step, err := f.Next(t.Context(), chain.CursorSince(tip.Time))
	require.NoError(t, err)

	l.end(t)
	_, err = f.Next(t.Context(), step.Cursor)
	require.Error(t, err)
	l.run(t) // with another cookie
	shop := l.Address(t)
	l.pay(t, shop, big.NewInt(50_000))
	l.Mine(t, 1)
	step, err = f.Next(t.Context(), step.Cursor)
	require.NoError(t, err)
	require.Len(t, step.Joined, 1)
	require.Len(t, to(shop, step.Joined[0].Transfers), 1)
}
