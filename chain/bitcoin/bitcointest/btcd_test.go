package bitcointest

import (
	"slices"
	"testing"

	"github.com/btcsuite/btcd/wire"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/internal/devbtc"
)

func TestBtcd(t *testing.T) { chaintest.Run(t, NewBtcd) }

// to returns the transfers to an address.
func to(a chain.Address, transfers []chain.Transfer) []chain.Transfer {
	return slices.DeleteFunc(slices.Clone(transfers), func(x chain.Transfer) bool { return x.To != a })
}

func pool(t *testing.T, n chain.Node) []chain.Transfer {
	t.Helper()
	transfers, err := n.(chain.Pooler).Pool(t.Context())
	require.NoError(t, err)
	return transfers
}

func (w *world) lastBlock(t *testing.T, n chain.Node) chain.Block {
	t.Helper()
	tip, err := n.Tip(t.Context())
	require.NoError(t, err)
	b, err := n.Block(t.Context(), tip.Height)
	require.NoError(t, err)
	return b
}

func TestBtcd_OneTransactionToOneAndToManyAddresses(t *testing.T) {
	b := newBtcd(t)
	n := b.Node(t)
	one, two := b.Address(t), b.Address(t)
	sent := b.transaction(t, final, []coin{b.coinbase(t)}, output{To: one, Units: 1000}, output{To: two, Units: 2000}, output{To: one, Units: 1000}, output{To: one, Units: 3000})
	txid := b.send(t, sent)
	waiting := pool(t, n)
	b.Mine(t, 1)
	mined := b.lastBlock(t, n).Transfers
	for name, transfers := range map[string][]chain.Transfer{"pool": waiting, "block": mined} {
		var got []string
		for _, x := range append(to(one, transfers), to(two, transfers)...) {
			require.Equal(t, txid, x.TxID, name)
			require.Empty(t, x.From, name)
			got = append(got, x.Index+" "+x.Units.String())
		}
		require.Equal(t, []string{"vout:0 1000", "vout:2 1000", "vout:3 3000", "vout:1 2000"}, got, name)
	}
}

func TestBtcd_CoinbaseIsNoTransfer(t *testing.T) {
	b := newBtcd(t)
	require.Empty(t, b.lastBlock(t, b.Node(t)).Transfers, "the coinbase pays an address, and may be gone tomorrow")
}

func TestBtcd_A37_Incident22_ReplacementWithAnOutputToTheSameAddress(t *testing.T) {
	b := newBtcd(t)
	n, shop, from := b.Node(t), b.Address(t), b.coinbase(t)
	first := b.send(t, b.transaction(t, signals, []coin{from}, output{To: shop, Units: 5000}))
	seen := to(shop, pool(t, n))
	require.Len(t, seen, 1)
	require.True(t, seen[0].Replaceable)

	b.fee *= 3
	second := b.send(t, b.transaction(t, signals, []coin{from}, output{To: shop, Units: 4000}))
	seen = to(shop, pool(t, n))
	require.Len(t, seen, 1)
	require.Equal(t, second, seen[0].TxID)
	require.NotEqual(t, first, second)
	require.EqualValues(t, 4000, seen[0].Units.Int64())

	b.Mine(t, 1)
	require.Empty(t, to(shop, pool(t, n)))
	require.Len(t, to(shop, b.lastBlock(t, n).Transfers), 1)
}

func TestBtcd_A37_Incident23_ReplacementThatPaysSomebodyElse(t *testing.T) {
	b := newBtcd(t)
	n, shop, from := b.Node(t), b.Address(t), b.coinbase(t)
	b.send(t, b.transaction(t, signals, []coin{from}, output{To: shop, Units: 5000}))
	require.Len(t, to(shop, pool(t, n)), 1)
	b.fee *= 3
	b.send(t, b.transaction(t, signals, []coin{from}))
	require.Empty(t, to(shop, pool(t, n)))
	b.Mine(t, 1)
	require.Empty(t, to(shop, b.lastBlock(t, n).Transfers))
}

// A payment that does not announce replacement goes when its parent, which does, is replaced.
func TestBtcd_Incident22_UnconfirmedParentsMakeReplaceable(t *testing.T) {
	b := newBtcd(t)
	n, shop := b.Node(t), b.Address(t)
	paid := func(sequence uint32) (replaceable bool) {
		parent := b.transaction(t, sequence, []coin{b.coinbase(t)})
		middle := b.transaction(t, final, []coin{devbtc.Change(parent)})
		child := b.transaction(t, final, []coin{devbtc.Change(middle)}, output{To: shop, Units: 5000})
		for _, tx := range []*wire.MsgTx{parent, middle, child} {
			b.send(t, tx)
		}
		seen := to(shop, pool(t, n))
		require.Len(t, seen, 1)
		b.Mine(t, 1)
		return seen[0].Replaceable
	}
	require.False(t, paid(final))
	require.True(t, paid(signals))
}

func TestBtcd_Incident22_ByDefaultAllThatIsUnconfirmedIsReplaceable(t *testing.T) {
	b := newBtcd(t)
	n, err := bitcoin.New(bitcoin.Config{Params: b.params, RPC: b.client})
	require.NoError(t, err)
	shop := b.Address(t)
	b.send(t, b.transaction(t, final, []coin{b.coinbase(t)}, output{To: shop, Units: 5000}))
	seen := to(shop, pool(t, n))
	require.Len(t, seen, 1)
	require.True(t, seen[0].Replaceable)
	b.Mine(t, 1)
	require.False(t, to(shop, b.lastBlock(t, n).Transfers)[0].Replaceable)
}

// The payment is in a block of its own height, which is replaced by one that has it too.
func TestBtcd_A10_SameTransferInAnotherBlockOfTheSameHeight(t *testing.T) {
	b := newBtcd(t)
	n, shop := b.Node(t), b.Address(t)
	b.send(t, b.transaction(t, final, []coin{b.coinbase(t)}, output{To: shop, Units: 5000}))
	b.Mine(t, 1)
	before := b.lastBlock(t, n)
	b.Reorganise(t, 1)
	after, err := n.Block(t.Context(), before.Height)
	require.NoError(t, err)
	require.NotEqual(t, before.Hash, after.Hash)
	require.Len(t, to(shop, after.Transfers), 1)
	require.Equal(t, to(shop, before.Transfers)[0].Key(), to(shop, after.Transfers)[0].Key())
}

// On a private chain, Bitcoin Cash cannot be distinguished from Bitcoin; on all others it is.
func TestBtcd_Incident27_OtherCoinsAreRefusedByName(t *testing.T) {
	b := newBtcd(t)
	for _, p := range []bitcoin.Params{
		bitcoin.Bitcoin(), bitcoin.BitcoinTestnet(), bitcoin.BitcoinSignet(), bitcoin.BitcoinCash(), bitcoin.Litecoin(),
		bitcoin.LitecoinRegtest(), bitcoin.Dogecoin(), bitcoin.DogecoinRegtest(),
	} {
		_, err := b.node(t, p).Tip(t.Context())
		require.ErrorIs(t, err, chain.ErrWrongNetwork, p.Name)
		require.ErrorContains(t, err, p.Name)
	}
}
