package devbtc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"

	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/wire"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
)

// btcd has no wallet. This one has a single key, and every payment spends another coinbase.

// walletKey is the key that owns the money of a [Chain]. It is public.
func walletKey() *secp256k1.PrivateKey {
	return secp256k1.PrivKeyFromBytes(bytes.Repeat([]byte{7}, 32))
}

// payToKey returns the script that pays to the hash of a key.
func payToKey(key *secp256k1.PublicKey) []byte {
	return append(append([]byte{0x76, 0xa9, 20}, btcutil.Hash160(key.SerializeCompressed())...), 0x88, 0xac)
}

// Coin is an output to the wallet.
type Coin struct {
	At    wire.OutPoint
	Units int64 // satoshi
}

// Output is an output to pay.
type Output struct {
	To    chain.Address
	Units int64 // satoshi
}

// Coinbase returns a coinbase that is unspent and was not returned before.
func (c *Chain) Coinbase(ctx context.Context) (Coin, error) {
	c.spending.Lock()
	defer c.spending.Unlock()
	height, err := c.height(ctx)
	if err != nil {
		return Coin{}, err
	}
	for c.spent < height-maturity {
		c.spent++
		coin, err := c.coinbaseOf(ctx, c.spent)
		if err != nil {
			return Coin{}, fmt.Errorf("devbtc: read coinbase %d: %w", c.spent, err)
		}
		if !c.gone[coin.At] {
			return coin, nil
		}
	}
	return Coin{}, errors.New("devbtc: there is no further coinbase to spend: mine more blocks")
}

func (c *Chain) coinbaseOf(ctx context.Context, height int) (Coin, error) {
	var hash, text string
	if err := c.client.Call(ctx, &hash, "getblockhash", height); err != nil {
		return Coin{}, err
	}
	if err := c.client.Call(ctx, &text, "getblock", hash, 0); err != nil {
		return Coin{}, err
	}
	block, err := decode(text)
	if err != nil {
		return Coin{}, err
	}
	if len(block.Transactions) == 0 || len(block.Transactions[0].TxOut) == 0 {
		return Coin{}, errors.New("block without coinbase")
	}
	return Coin{wire.OutPoint{Hash: block.Transactions[0].TxHash()}, block.Transactions[0].TxOut[0].Value}, nil
}

// decode decodes a block from hexadecimal.
func decode(text string) (block wire.MsgBlock, err error) {
	raw, err := hex.DecodeString(text)
	if err == nil {
		err = block.Deserialize(bytes.NewReader(raw))
	}
	return block, err
}

// Transaction returns a transaction that spends coins with a sequence number, and returns the rest less the fee to the
// wallet in its last output. It is deterministic. [Chain.Send] sends it.
func (c *Chain) Transaction(fee int64, sequence uint32, from []Coin, outputs ...Output) (*wire.MsgTx, error) {
	tx := wire.NewMsgTx(2)
	rest := -fee
	for _, coin := range from {
		in := wire.NewTxIn(&coin.At, nil, nil)
		in.Sequence = sequence
		tx.AddTxIn(in)
		rest += coin.Units
	}
	for _, o := range outputs {
		script, err := c.params.Script(o.To)
		if err != nil {
			return nil, fmt.Errorf("devbtc: make transaction: %w", err)
		}
		tx.AddTxOut(wire.NewTxOut(o.Units, script))
		rest -= o.Units
	}
	tx.AddTxOut(wire.NewTxOut(rest, c.script))
	signed := make([][]byte, len(from))
	for i, in := range tx.TxIn {
		in.SignatureScript = c.script
		var err error
		if signed[i], err = c.sign(tx); err != nil {
			return nil, fmt.Errorf("devbtc: sign transaction: %w", err)
		}
		in.SignatureScript = nil
	}
	for i, in := range tx.TxIn {
		in.SignatureScript = signed[i]
	}
	return tx, nil
}

// sign returns the script of the input that contains the wallet's script. The signature covers the transaction in that
// state, with all outputs (SIGHASH_ALL before segregated witness).
func (c *Chain) sign(tx *wire.MsgTx) ([]byte, error) {
	var what bytes.Buffer
	if err := tx.Serialize(&what); err != nil {
		return nil, err
	}
	const all = 1
	once := sha256.Sum256(append(what.Bytes(), all, 0, 0, 0))
	twice := sha256.Sum256(once[:])
	signature := append(ecdsa.Sign(c.key, twice[:]).Serialize(), all)
	public := c.key.PubKey().SerializeCompressed()
	script := append([]byte{byte(len(signature))}, signature...)
	return append(append(script, byte(len(public))), public...), nil
}

// Change returns the last output of a transaction of the wallet.
func Change(tx *wire.MsgTx) Coin {
	last := len(tx.TxOut) - 1
	return Coin{wire.OutPoint{Hash: tx.TxHash(), Index: uint32(last)}, tx.TxOut[last].Value}
}

// Send sends a transaction to the node, and returns its id.
func (c *Chain) Send(ctx context.Context, tx *wire.MsgTx) (txid string, err error) {
	var raw bytes.Buffer
	if err := tx.Serialize(&raw); err != nil {
		return "", fmt.Errorf("devbtc: send transaction: %w", err)
	}
	if err := c.client.Call(ctx, &txid, "sendrawtransaction", hex.EncodeToString(raw.Bytes())); err != nil {
		return "", fmt.Errorf("devbtc: send transaction: %w", err)
	}
	return txid, nil
}

const (
	maxFound = 1000 // maximum number of transactions of one address
	noneYet  = -5   // btcd's error code for an address without transactions
)

// Received returns the amount that an address has received in blocks, in satoshi, spent or not.
func (c *Chain) Received(ctx context.Context, address chain.Address) (*big.Int, error) {
	script, err := c.params.Script(address)
	if err != nil {
		return nil, fmt.Errorf("devbtc: read payments: %w", err)
	}
	var found []struct {
		Hex           string `json:"hex"`
		Confirmations int64  `json:"confirmations"`
	}
	err = c.client.Call(ctx, &found, "searchrawtransactions", address, 1, 0, maxFound)
	if refusal, ok := errors.AsType[*bitcoin.Error](err); ok && refusal.Code == noneYet {
		return new(big.Int), nil
	}
	if err != nil {
		return nil, fmt.Errorf("devbtc: read payments: %w", err)
	}
	sum := new(big.Int)
	for _, f := range found {
		raw, err := hex.DecodeString(f.Hex)
		var tx wire.MsgTx
		if err == nil {
			err = tx.Deserialize(bytes.NewReader(raw))
		}
		if err != nil {
			return nil, fmt.Errorf("devbtc: read payments: %w", err)
		}
		for _, out := range tx.TxOut {
			if f.Confirmations > 0 && bytes.Equal(out.PkScript, script) {
				sum.Add(sum, big.NewInt(out.Value))
			}
		}
	}
	return sum, nil
}
