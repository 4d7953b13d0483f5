package trontest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"

	"github.com/btcsuite/btcd/btcutil/base58"

	"github.com/cointill/cointill/chain"
)

// Solid is how many blocks have to be on top of a block until it is solidified.
const Solid = 18

// Chain is a chain in memory and a full node on it: it implements http.Handler. It starts with block 0 alone. All
// methods may be called concurrently. Those that take an address panic if it is not one, as the test is wrong then.
type Chain struct {
	mu       sync.Mutex
	blocks   []*block
	pool     []*Tx
	clock    int64          // stamp of the last block, in milliseconds
	made     int64          // counts transactions, so that each is new
	decimals map[string]int // of the contracts, by their hexadecimal address
	habit    Habit
	edits    map[string]func(any) any
	calls    map[string]int
	keys     []string
	bank     bank
}

type block struct {
	id     string
	header Object // raw_data as the API shows it
	time   int64
	txs    []*Tx
}

// Object is a JSON object.
type Object = map[string]any

// NewChain returns a chain of one block.
func NewChain() *Chain {
	c := &Chain{
		clock: 1_700_000_000_000 - 3000, decimals: map[string]int{},
		edits: map[string]func(any) any{}, calls: map[string]int{}, bank: newBank(),
	}
	c.blocks = []*block{newBlock(0, 0, strings.Repeat("5e", 32), "fake chain for tests", nil)}
	return c
}

// Genesis returns the id of block 0.
func (c *Chain) Genesis() string { return c.blocks[0].id }

// Network returns the chain's name: its chain id is the end of the id of block 0.
func (c *Chain) Network() chain.Network { return chain.Network("tron:0x" + c.Genesis()[56:]) }

// Deploy puts a token's contract at an address.
func (c *Chain) Deploy(contract string, decimals int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.decimals[hexAddress(contract)] = decimals
}

// Tx is a transaction and its result. Its fields may be changed until it is sent.
type Tx struct {
	ID          string
	ContractRet string   // result in the block; SUCCESS at first
	Receipt     string   // receipt.result, "" for a transaction that runs no code
	Logs        []Object // as the API shows them
	Internal    []Object // as the API shows them
	Unshown     []byte   // encoded fields that the API does not show
	Fee         int64    // in sun

	raw       []byte
	signature []byte
	contract  Object
	at        *block // nil while it waits
	expires   int64  // of a broadcast transaction, in milliseconds
	deltas    money  // what a broadcast transaction changes
}

func (c *Chain) newTx(kind int, name string, value Object, message []byte) *Tx {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	last := c.blocks[len(c.blocks)-1]
	raw := bytesField(nil, 1, unhex(last.id)[6:8])
	raw = bytesField(raw, 4, unhex(last.id)[8:16])
	raw = numberField(raw, 8, c.clock+60_000)
	wrapped := bytesField(bytesField(nil, 1, []byte("type.googleapis.com/protocol."+name)), 2, message)
	raw = bytesField(raw, 11, bytesField(numberField(nil, 1, int64(kind)), 2, wrapped))
	raw = numberField(raw, 14, c.clock+c.made)
	return c.RawTx(name, value, raw)
}

// RawTx returns a transaction of encoded raw data. Name and value of the contract are only shown.
func (c *Chain) RawTx(name string, value Object, raw []byte) *Tx {
	id := sha256.Sum256(raw)
	return &Tx{
		ID: hex.EncodeToString(id[:]), ContractRet: "SUCCESS", Fee: 267_000, raw: raw, signature: append(id[:], make([]byte, 33)...),
		contract: Object{"type": name, "parameter": Object{"value": value, "type_url": "type.googleapis.com/protocol." + name}},
	}
}

// Transfer returns a transaction that pays TRX.
func (c *Chain) Transfer(from, to string, sun int64) *Tx {
	owner, receiver := hexAddress(from), hexAddress(to)
	message := bytesField(bytesField(nil, 1, unhex(owner)), 2, unhex(receiver))
	return c.newTx(1, "TransferContract", trim(Object{"owner_address": owner, "to_address": receiver, "amount": sun}),
		numberField(message, 3, sun))
}

// TransferAsset returns a transaction that pays a TRC-10 token.
func (c *Chain) TransferAsset(from, to, asset string, units int64) *Tx {
	owner, receiver := hexAddress(from), hexAddress(to)
	message := bytesField(bytesField(bytesField(nil, 1, []byte(asset)), 2, unhex(owner)), 3, unhex(receiver))
	value := Object{"asset_name": hex.EncodeToString([]byte(asset)), "owner_address": owner, "to_address": receiver, "amount": units}
	return c.newTx(2, "TransferAssetContract", value, numberField(message, 4, units))
}

// Call returns a transaction that calls a contract, with call data and TRX.
func (c *Chain) Call(from, contract, data string, sun int64) *Tx {
	owner, called := hexAddress(from), hexAddress(contract)
	message := numberField(bytesField(bytesField(nil, 1, unhex(owner)), 2, unhex(called)), 3, sun)
	value := trim(Object{"owner_address": owner, "contract_address": called, "data": data, "call_value": sun})
	t := c.newTx(31, "TriggerSmartContract", value, bytesField(message, 4, unhex(data)))
	t.Receipt = "SUCCESS"
	return t
}

// TransferTopic is the first topic of a token's transfer.
const TransferTopic = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"

// Topic returns an address as a topic.
func Topic(address string) string { return strings.Repeat("0", 24) + hexAddress(address)[2:] }

// Log adds a log of a contract.
func (t *Tx) Log(contract, data string, topics ...string) *Tx {
	t.Logs = append(t.Logs, trim(Object{"address": hexAddress(contract)[2:], "topics": topics, "data": data}))
	return t
}

// Token adds the log of a token's transfer.
func (t *Tx) Token(contract, from, to string, units *big.Int) *Tx {
	return t.Log(contract, fmt.Sprintf("%064x", units), TransferTopic, Topic(from), Topic(to))
}

// Inside adds an internal transaction that moves TRX; its note is its kind, such as "call".
func (t *Tx) Inside(from, to string, sun int64, note string) *Tx {
	t.Internal = append(t.Internal, Object{
		"hash": t.ID, "caller_address": hexAddress(from), "transferTo_address": hexAddress(to),
		"callValueInfo": []Object{trim(Object{"callValue": sun})}, "note": hex.EncodeToString([]byte(note)),
	})
	return t
}

// Fail makes the transaction fail. Its internal transactions are then rejected; its logs are left as they are.
func (t *Tx) Fail(result string) *Tx {
	t.ContractRet = result
	if t.Receipt != "" {
		t.Receipt = result
	}
	for _, m := range t.Internal {
		m["rejected"] = true
	}
	return t
}

// Send puts transactions into the next block.
func (c *Chain) Send(txs ...*Tx) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pool = append(c.pool, txs...)
}

// Mine adds n blocks, the first with everything that was sent, and returns the height.
func (c *Chain) Mine(n int) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range n {
		c.extend()
	}
	return uint64(len(c.blocks) - 1)
}

func (c *Chain) extend() {
	c.clock += 3000
	height := len(c.blocks)
	last := c.blocks[height-1]
	c.pool = slices.DeleteFunc(c.pool, func(t *Tx) bool { return t.expires > 0 && t.expires <= last.time })
	witness := string(unhex(fmt.Sprintf("41%040x", 1+c.clock/3000%27)))
	b := newBlock(int64(height), c.clock, c.blocks[height-1].id, witness, c.pool)
	for _, t := range c.pool {
		t.at = b
	}
	c.pool = nil
	c.blocks = append(slices.Clip(c.blocks), b)
}

// Reorganise replaces the last depth blocks by depth+1 others. The transactions of the replaced blocks are in the
// first of the new ones or, if lost, nowhere. It panics if block 0 or a solidified block would be replaced.
func (c *Chain) Reorganise(depth int, lost bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	keep := len(c.blocks) - depth
	if keep < 1 || depth > Solid {
		panic(fmt.Sprintf("trontest: cannot replace %d of %d blocks", depth, len(c.blocks)))
	}
	var old []*Tx
	for _, b := range c.blocks[keep:] {
		old = append(old, b.txs...)
	}
	for _, t := range old {
		t.at = nil
	}
	if !lost {
		c.pool = append(old, c.pool...)
	}
	c.blocks = slices.Clip(c.blocks[:keep])
	for range depth + 1 {
		c.extend()
	}
}

// Paid reports whether a transaction is in the chain and succeeded.
func (c *Chain) Paid(txid string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.blocks {
		for _, t := range b.txs {
			if t.ID == txid {
				return t.ContractRet == "SUCCESS"
			}
		}
	}
	return false
}

// newBlock returns a block. Its id is the height, and the end of the hash of its header.
func newBlock(height, time int64, parent, witness string, txs []*Tx) *block {
	root := make([]byte, 32)
	if len(txs) > 0 {
		root = tree(txs)
	}
	header := numberField(nil, 1, time)
	header = bytesField(header, 2, root)
	header = bytesField(header, 3, unhex(parent))
	header = numberField(header, 7, height)
	header = bytesField(header, 9, []byte(witness))
	header = numberField(header, 10, 34)
	id := sha256.Sum256(header)
	binary.BigEndian.PutUint64(id[:], uint64(height))
	return &block{hex.EncodeToString(id[:]), trim(Object{
		"number": height, "timestamp": time, "txTrieRoot": hex.EncodeToString(root), "parentHash": parent,
		"witness_address": hex.EncodeToString([]byte(witness)), "version": int64(34),
	}), time, slices.Clone(txs)}
}

// tree returns the root of a tree of transactions.
func tree(txs []*Tx) []byte {
	if len(txs) == 1 {
		t := txs[0]
		whole := append(bytesField(bytesField(nil, 1, t.raw), 2, t.signature), 5<<3|2)
		result := numberField(nil, 3, results[t.ContractRet])
		whole = append(append(whole, byte(len(result))), result...)
		sum := sha256.Sum256(append(whole, t.Unshown...))
		return sum[:]
	}
	left := 1 // the largest power of two that leaves something for the right
	for left*2 < len(txs) {
		left *= 2
	}
	sum := sha256.Sum256(append(tree(txs[:left]), tree(txs[left:])...))
	return sum[:]
}

var results = map[string]int64{"": 0, "SUCCESS": 1, "REVERT": 2, "OUT_OF_ENERGY": 10, "OUT_OF_TIME": 11, "TRANSFER_FAILED": 14}

// bytesField and numberField append a protobuf field, unless it is empty or zero.
func bytesField(message []byte, number uint64, payload []byte) []byte {
	if len(payload) == 0 {
		return message
	}
	message = binary.AppendUvarint(message, number<<3|2)
	return append(binary.AppendUvarint(message, uint64(len(payload))), payload...)
}

func numberField(message []byte, number uint64, value int64) []byte {
	if value == 0 {
		return message
	}
	return binary.AppendUvarint(binary.AppendUvarint(message, number<<3), uint64(value))
}

// trim removes what is zero or empty, as nodes do.
func trim(o Object) Object {
	for k, v := range o {
		if v == int64(0) || v == "" {
			delete(o, k)
		}
	}
	return o
}

func unhex(s string) []byte {
	raw, err := hex.DecodeString(s)
	if err != nil {
		panic(fmt.Sprintf("trontest: %q is not hexadecimal", s))
	}
	return raw
}

// hexAddress returns an address in the form of responses.
func hexAddress(s string) string {
	raw, version, err := base58.CheckDecode(s)
	if err != nil || version != 0x41 || len(raw) != 20 {
		panic(fmt.Sprintf("trontest: %q is no address", s))
	}
	return "41" + hex.EncodeToString(raw)
}

// Address returns the spelling of 20 bytes as an address.
func Address(raw []byte) string { return base58.CheckEncode(raw, 0x41) }
