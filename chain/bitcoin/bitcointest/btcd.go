package bitcointest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"testing"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/wire"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/chain/chaintest"
)

const (
	maturity = 100 // blocks until a coinbase can be spent
	ready    = 40  // coinbases that can be spent at the start

	final   = wire.MaxTxInSequenceNum     // announces nothing
	signals = wire.MaxTxInSequenceNum - 2 // announces replacement (BIP-125)
)

// btcd has no wallet, so that here is one, of a single key. Every payment spends another coinbase.
type btcd struct {
	*world
	key    *secp256k1.PrivateKey
	script []byte // of the key
	spent  int    // the last block whose coinbase was spent
	fee    int64  // of the next transaction
}

// coin is an output to the wallet.
type coin struct {
	at    wire.OutPoint
	units int64
}

// NewBtcd starts btcd with a chain of its own, and enough coins to pay with. It ends with the test.
func NewBtcd(t *testing.T) chaintest.World {
	t.Helper()
	return newBtcd(t)
}

func newBtcd(t testing.TB) *btcd {
	t.Helper()
	path := program(t, BtcdEnv)
	port, dir := freePort(t), t.TempDir()
	b := &btcd{fee: 10_000, key: secp256k1.PrivKeyFromBytes(bytes.Repeat([]byte{7}, 32))}
	b.world = &world{
		params: bitcoin.BitcoinRegtest(), impostor: bitcoin.Bitcoin(),
		login: bitcoin.ClientConfig{URL: loopback(port), User: "user", Password: "pass"},
		pay: func(t testing.TB, to chain.Address, units *big.Int) string {
			return b.send(t, b.transaction(t, final, []coin{b.coinbase(t)}, output{to, units.Int64()}))
		},
		mine: func(t testing.TB, n int) { b.call(t, nil, "generate", n) },
	}
	b.script = append(append([]byte{0x76, 0xa9, 20}, btcutil.Hash160(b.key.PubKey().SerializeCompressed())...), 0x88, 0xac)
	miner, ok := b.params.AddressOf(b.script)
	if !ok {
		t.Fatalf("no address of script %x", b.script)
	}
	b.start(t, path, "--regtest", "--notls", "--nodnsseed", "--nolisten", "--configfile=/dev/null",
		"--datadir="+dir, "--logdir="+dir, "--rpclisten=127.0.0.1:"+port, "--rpcuser=user", "--rpcpass=pass",
		"--miningaddr="+string(miner))
	b.mine(t, maturity+ready)
	return b
}

// coinbase answers one that was not spent yet.
func (b *btcd) coinbase(t testing.TB) coin {
	t.Helper()
	b.spent++
	if b.spent > b.height(t)-maturity {
		t.Fatal("there is no further coinbase to spend")
	}
	var text string
	b.call(t, &text, "getblock", b.hashAt(t, b.spent), 0)
	raw, err := hex.DecodeString(text)
	var block wire.MsgBlock
	if err == nil {
		err = block.Deserialize(bytes.NewReader(raw))
	}
	if err != nil {
		t.Fatal(err)
	}
	return change(block.Transactions[0])
}

// output is what is to be paid.
type output struct {
	to    chain.Address
	units int64
}

// transaction spends coins, and gives the rest back to the wallet in its last output.
func (b *btcd) transaction(t testing.TB, sequence uint32, from []coin, outputs ...output) *wire.MsgTx {
	t.Helper()
	tx := wire.NewMsgTx(2)
	rest := -b.fee
	for _, c := range from {
		in := wire.NewTxIn(&c.at, nil, nil)
		in.Sequence = sequence
		tx.AddTxIn(in)
		rest += c.units
	}
	for _, o := range outputs {
		script, err := b.params.Script(o.to)
		if err != nil {
			t.Fatal(err)
		}
		tx.AddTxOut(wire.NewTxOut(o.units, script))
		rest -= o.units
	}
	tx.AddTxOut(wire.NewTxOut(rest, b.script))
	signed := make([][]byte, len(from))
	for i, in := range tx.TxIn {
		in.SignatureScript = b.script
		signed[i] = b.sign(t, tx)
		in.SignatureScript = nil
	}
	for i, in := range tx.TxIn {
		in.SignatureScript = signed[i]
	}
	return tx
}

// sign answers the script for the input that has the wallet's own in it. What is signed is the transaction in that
// state, with all outputs (SIGHASH_ALL of before segregated witness).
func (b *btcd) sign(t testing.TB, tx *wire.MsgTx) []byte {
	t.Helper()
	var what bytes.Buffer
	if err := tx.Serialize(&what); err != nil {
		t.Fatal(err)
	}
	const all = 1
	once := sha256.Sum256(append(what.Bytes(), all, 0, 0, 0))
	twice := sha256.Sum256(once[:])
	signature := append(ecdsa.Sign(b.key, twice[:]).Serialize(), all)
	public := b.key.PubKey().SerializeCompressed()
	script := append([]byte{byte(len(signature))}, signature...)
	return append(append(script, byte(len(public))), public...)
}

// change is the last output of a transaction of the wallet.
func change(tx *wire.MsgTx) coin {
	last := len(tx.TxOut) - 1
	return coin{wire.OutPoint{Hash: tx.TxHash(), Index: uint32(last)}, tx.TxOut[last].Value}
}

// send gives a transaction to the node.
func (b *btcd) send(t testing.TB, tx *wire.MsgTx) string {
	t.Helper()
	var raw bytes.Buffer
	if err := tx.Serialize(&raw); err != nil {
		t.Fatal(err)
	}
	var txid string
	b.call(t, &txid, "sendrawtransaction", hex.EncodeToString(raw.Bytes()))
	return txid
}
