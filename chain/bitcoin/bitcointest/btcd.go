package bitcointest

import (
	"math/big"
	"testing"

	"github.com/btcsuite/btcd/wire"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/internal/devbtc"
)

const (
	final   = wire.MaxTxInSequenceNum     // signals nothing
	signals = wire.MaxTxInSequenceNum - 2 // signals replacement (BIP-125)
)

// btcd pays from a wallet of ours.
type btcd struct {
	*world
	chain *devbtc.Chain
	fee   int64 // of the next transaction
}

type (
	coin   = devbtc.Coin
	output = devbtc.Output
)

// NewBtcd starts btcd on a private chain with enough coins to pay with. It ends with the test.
func NewBtcd(t *testing.T) chaintest.World {
	t.Helper()
	return newBtcd(t)
}

func newBtcd(t testing.TB) *btcd {
	t.Helper()
	c, err := devbtc.Start(t.Context(), devbtc.Config{Path: program(t, BtcdEnv)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &btcd{fee: 10_000, chain: c}
	b.world = &world{
		params: c.Params(), impostor: bitcoin.Bitcoin(), client: c.Client(),
		pay: func(t testing.TB, to chain.Address, units *big.Int) string {
			return b.send(t, b.transaction(t, final, []coin{b.coinbase(t)}, output{To: to, Units: units.Int64()}))
		},
		mine: func(t testing.TB, n int) {
			if err := c.Mine(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		},
	}
	return b
}

// coinbase returns one that was not spent yet.
func (b *btcd) coinbase(t testing.TB) coin {
	t.Helper()
	c, err := b.chain.Coinbase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// transaction spends coins, and returns the change to the wallet in its last output.
func (b *btcd) transaction(t testing.TB, sequence uint32, from []coin, outputs ...output) *wire.MsgTx {
	t.Helper()
	tx, err := b.chain.Transaction(b.fee, sequence, from, outputs...)
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// send sends a transaction to the node.
func (b *btcd) send(t testing.TB, tx *wire.MsgTx) string {
	t.Helper()
	txid, err := b.chain.Send(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	return txid
}
