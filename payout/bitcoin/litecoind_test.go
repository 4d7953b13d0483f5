package bitcoin_test

import (
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/btcsuite/btcd/wire"
	"github.com/stretchr/testify/require"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/chain/bitcoin/bitcointest"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/internal/devbtc"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
)

func startLitecoind(t *testing.T) node {
	t.Helper()
	w := bitcointest.NewLitecoind(t)
	inner, ok := w.(interface {
		chaintest.World
		Client() *btc.Client
		Params() btc.Params
	})
	require.True(t, ok)
	n := node{client: inner.Client(), params: inner.Params(), mine: func(t testing.TB, n int) {
		t.Helper()
		var address string
		require.NoError(t, inner.Client().Call(t.Context(), &address, "getnewaddress"))
		require.NoError(t, inner.Client().Call(t.Context(), nil, "generatetoaddress", n, address))
	}}
	n.pay = func(t testing.TB, outputs ...devbtc.Output) {
		t.Helper()
		amounts := make(map[string]string)
		for _, o := range outputs {
			amounts[string(o.To)] = n.params.Asset().Decimal(bigOf(o.Units)).String()
		}
		n.call(t, nil, "sendmany", "", amounts)
	}
	return n
}

// Litecoin Core has no index of transactions here, finds them by their block, and has an extension block in each.
func TestLitecoind(t *testing.T) {
	n := startLitecoind(t)
	slow := func(c *bitcoin.Config) { c.Final = 6 }
	for i, kind := range []btc.ScriptKind{btc.P2PKH, btc.P2SHP2WPKH, btc.P2WPKH} {
		t.Run("Lifecycle/"+kind.String(), func(t *testing.T) {
			s := newShop(t, n, kind, byte(10+i), slow)
			s.receive(t, 10_000_000, 25_000_000)
			s.mine(t, 4)
			to := s.stranger(t, byte(1+i))
			tx := s.plan(t, s.payout(t, "a", to, 12_000_000, 5_000_000))
			s.sign(t, &tx)
			require.Equal(t, int64(12_000_000), s.pays(t, tx.Last(), to))
			require.Equal(t, tx.Last().Fee.Int64(), s.feeOf(t, tx.Last()))
			s.send(t, tx)
			s.send(t, tx)
			require.True(t, s.look(t, tx).Versions[0].Pooled)

			s.replace(t, &tx, 5_000_000) // by the node's own rules of replacement
			s.sign(t, &tx)
			s.send(t, tx)
			tx.Cancel = true
			s.replace(t, &tx, 5_000_000)
			s.sign(t, &tx)
			s.send(t, tx)
			look := s.look(t, tx)
			require.Equal(t, []payout.Sighting{{}, {}, {Pooled: true}}, look.Versions)
			require.Error(t, s.spender.Send(t.Context(), tx.Versions[0]), "the node has a better one")

			height := s.height(t) + 1
			s.mine(t, 1)
			s.send(t, tx)
			require.Equal(t, height, s.look(t, tx).Versions[2].Height)
			s.drop(t, 1)
			require.False(t, s.look(t, tx).Versions[2].Mined())
			s.mine(t, 6)
			require.True(t, s.look(t, tx).Versions[2].Final)
			s.books.apply(t, tx.Last(), tx.Last().TxID)
			audit(t, s)
		})
	}
	t.Run("P19_APayeeWhoSpendsDoesNotPin", func(t *testing.T) { pinned(t, newShop(t, n, btc.P2WPKH, 60, slow)) })
	t.Run("P14_TheNodesFloorIsEnough", func(t *testing.T) { floors(t, newShop(t, n, btc.P2WPKH, 40, slow)) })
	t.Run("P16_DustIsTheNodesDust", func(t *testing.T) { dust(t, newShop(t, n, btc.P2WPKH, 50, slow)) })
}

// floors pays what the node demands at least, to the last unit.
func floors(t *testing.T, s *shop) {
	cheap := newShop(t, s.node, btc.P2WPKH, 40, func(c *bitcoin.Config) {
		c.Final, c.Fees = 6, bitcoin.FeePolicy{Fallback: 1, Floor: 1}
	})
	for i := range 4 {
		cheap.receive(t, 10_000_000+int64(i))
	}
	cheap.mine(t, 4)
	for i := range 4 {
		tx := cheap.plan(t, cheap.payout(t, string(rune('a'+i)), s.stranger(t, 1), 1_000_000+int64(i), 5_000_000))
		cheap.sign(t, &tx)
		require.Equal(t, "1 sat/vB", tx.Last().Rate)
		cheap.send(t, tx)
	}
}

// dust pays the smallest amount that is not refused, and the node takes it, but not one less.
func dust(t *testing.T, s *shop) {
	s.receive(t, 50_000_000)
	s.mine(t, 4)
	to := s.stranger(t, 1)
	least := int64(5460)
	_, err := s.spender.Receiver(t.Context(), s.params.Asset(), string(to), bigOf(least-1))
	require.Error(t, err)
	tx := s.plan(t, s.payout(t, "a", to, least, 5_000_000))
	s.sign(t, &tx)
	m := parse(t, tx.Last())
	for _, o := range m.TxOut {
		if o.Value == least {
			o.Value--
		}
	}
	private, _ := account(t, 50)
	key, err := bitcoin.NewKey(s.params, private, btc.P2WPKH)
	require.NoError(t, err)
	signed, err := key.Sign(edit(t, tx.Last().Unsigned, func(p *psbt.Packet) { p.UnsignedTx = bareOf(m) }))
	require.NoError(t, err)
	lower := tx.Last()
	lower.Unsigned, lower.TxID = signed, ""
	lower.Raw, _, err = s.spender.Verify(lower, signed)
	require.NoError(t, err)
	require.Error(t, s.spender.Send(t.Context(), lower))
	s.send(t, tx)
}

// bareOf returns the transaction without signatures.
func bareOf(tx *wire.MsgTx) *wire.MsgTx {
	tx = tx.Copy()
	for _, in := range tx.TxIn {
		in.SignatureScript, in.Witness = nil, nil
	}
	return tx
}

// pinned replaces a transaction whose payee has spent the output with a fee of his own.
func pinned(t *testing.T, s *shop) {
	s.receive(t, 50_000_000)
	s.mine(t, 4)
	var to, back, raw string
	s.call(t, &to, "getnewaddress")
	s.call(t, &back, "getnewaddress")
	address, err := s.params.ParseAddress(to)
	require.NoError(t, err)
	tx := s.plan(t, s.payout(t, "a", address, 20_000_000, 5_000_000))
	s.sign(t, &tx)
	s.send(t, tx)
	vout := slices.IndexFunc(parse(t, tx.Last()).TxOut, func(o *wire.TxOut) bool { return o.Value == 20_000_000 })
	s.call(t, &raw, "createrawtransaction", []any{map[string]any{"txid": tx.Last().TxID, "vout": vout}}, map[string]string{back: "0.199"})
	var signed struct{ Hex string }
	s.call(t, &signed, "signrawtransactionwithwallet", raw)
	s.call(t, nil, "sendrawtransaction", signed.Hex)

	s.replace(t, &tx, 5_000_000)
	s.sign(t, &tx)
	require.Greater(t, tx.Last().Fee.Int64(), int64(100_000), "the child's fee")
	s.send(t, tx)
	require.True(t, s.look(t, tx).Versions[1].Pooled)
	s.mine(t, 1)
}
