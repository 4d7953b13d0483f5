package chaintest

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
)

// Config configures a [Chain]. Zero fields have the defaults stated with them.
type Config struct {
	Network  chain.Network // "sim:1"
	Assets   []chain.Asset // a coin SIM with 18 decimals and a token TOK with 6
	Start    time.Time     // stamp of block 0: 2024-01-01T00:00:00Z
	Interval time.Duration // difference of the stamps of a block and its parent: 10 s
	Seed     string        // chains with different seeds have no hashes in common

	// Skip reports whether the chain passes over a height, as on chains where a round may end without a block. It is
	// not called for block 0, and must return false for at least one of any [chain.MaxGap] heights in a row. If nil,
	// only [Chain.Skip] makes gaps.
	Skip func(height uint64) bool

	// Defaults returns what [Peer.Defaults] suggests for an asset. If nil, nothing is suggested.
	Defaults func(chain.Asset) chain.Defaults
}

// Chain is a chain in memory and a node on it: it implements [chain.Node] and [chain.Pooler] through the embedded
// [Peer]. The same calls always make the same hashes. It starts with block 0 alone. All methods may be called
// concurrently.
//
// Methods that change the chain (Pay, Mine, Reorganise ...) change the truth. Others make a node report something else
// (Stall, Lag, Down, Lie, OnCall, Forget); Canonical and Balance still return the truth. NewPeer adds nodes, each with
// its own faults. Methods that name a transaction or an asset panic if it does not exist, as the test is wrong then.
type Chain struct {
	*Peer
	cfg Config

	mu        sync.Mutex
	blocks    []block // best chain from block 0; a slice once handed to a view is never written to
	pool      []tx
	made      int // counts transactions and blocks, so that each hash is new
	interval  time.Duration
	skew      time.Duration // added to the next stamp
	skip      uint64        // heights to pass over before the next block
	safe      int           // blocks behind the tip, or negative
	finalized int
}

// Output is what a transaction pays to one address.
type Output struct {
	To    chain.Address
	Asset chain.Asset
	Units *big.Int // zero is a payment that the chain carries and an adapter must not report
}

type tx struct {
	id          string
	outputs     []Output
	replaceable bool
}

type block struct {
	header chain.Header
	txs    []tx
}

// Fate is what becomes of the transactions in blocks that leave the chain.
type Fate int

const (
	Remined Fate = iota // they are in the first of the replacing blocks
	Pooled              // they wait in the pool again
	Lost                // they are gone, as after a double spend
)

// Lie is a way in which a node is wrong. Real nodes do all of these.
type Lie int

const (
	Honest       Lie = iota
	WrongNetwork     // Tip returns ErrWrongNetwork, as for another network
	Incomplete       // Block returns ErrIncomplete, as for missing transfers
	Unlinked         // blocks name a parent that is not the previous block
	WrongHash        // Block has another hash than Header and Tip
	WrongHeight      // Header and Block return the block below the requested one
	Foreign          // Block has transfers of another network
	Negative         // Block has transfers of negative amounts
	Invented         // Block and Pool have an additional transfer, under the right hash
	Inflated         // Block has transfers of ten times the amount, under the right hash
	Omitted          // Block has no transfers, under the right hash
	WrongTime        // blocks are stamped a day later
	Forked           // the last blocks differ, with invented transfers
	Ahead            // Tip is a block far above the chain, which Header and Block invent
)

// Lies returns all lies but Honest.
func Lies() []Lie {
	return []Lie{
		WrongNetwork, Incomplete, Unlinked, WrongHash, WrongHeight, Foreign, Negative,
		Invented, Inflated, Omitted, WrongTime, Forked, Ahead,
	}
}

// Call is one call of a node's method, for [Chain.OnCall].
type Call struct {
	Method string // "Tip", "Header", "Block", "Examine" or "Pool"
	Height uint64 // of Header, Block and Examine
	Number int    // counts all calls from 1
}

// NewChain returns a chain of one block.
func NewChain(cfg Config) *Chain {
	cfg.Network = cmp.Or(cfg.Network, "sim:1")
	cfg.Interval = cmp.Or(cfg.Interval, 10*time.Second)
	if cfg.Start.IsZero() {
		cfg.Start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if cfg.Assets == nil {
		cfg.Assets = []chain.Asset{
			{ID: chain.AssetID(cfg.Network + "/slip44:1"), Code: "SIM", Decimals: 18},
			{ID: chain.AssetID(cfg.Network + "/erc20:0x00000000000000000000000000000000000000aa"), Code: "TOK", Decimals: 6},
		}
	}
	c := &Chain{cfg: cfg, interval: cfg.Interval, safe: -1, finalized: -1}
	c.blocks = []block{{header: chain.Header{Hash: c.hash("block"), Time: cfg.Start}}}
	c.Peer = c.NewPeer()
	return c
}

// Assets returns the assets of the chain.
func (c *Chain) Assets() []chain.Asset { return slices.Clone(c.cfg.Assets) }

// Asset returns the asset with a code, which has to exist.
func (c *Chain) Asset(code string) chain.Asset {
	for _, a := range c.cfg.Assets {
		if a.Code == code {
			return a
		}
	}
	panic(fmt.Sprintf("chaintest: no asset %q", code))
}

// Address returns an address for a name. Different names have different addresses.
func (c *Chain) Address(name string) chain.Address {
	sum := sha256.Sum256([]byte("address " + name))
	return chain.Address("sim1" + hex.EncodeToString(sum[:20]))
}

// hash returns a hash that no other call and no other chain makes.
func (c *Chain) hash(kind string) string {
	c.made++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %q %q %d", kind, c.cfg.Network, c.cfg.Seed, c.made))
	return "0x" + hex.EncodeToString(sum[:])
}

// Pay sends units of an asset to an address. The transaction waits in the pool for the next block.
func (c *Chain) Pay(to chain.Address, asset chain.Asset, units *big.Int) (txid string) {
	return c.Send(Output{to, asset, units})
}

// Send is Pay to any number of addresses in one transaction.
func (c *Chain) Send(outputs ...Output) (txid string) { return c.send(false, outputs) }

// SendReplaceable is Send with a transaction that signals that it may be replaced.
func (c *Chain) SendReplaceable(outputs ...Output) (txid string) { return c.send(true, outputs) }

func (c *Chain) send(replaceable bool, outputs []Output) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.newTx(replaceable, outputs)
	c.pool = append(slices.Clip(c.pool), t)
	return t.id
}

func (c *Chain) newTx(replaceable bool, outputs []Output) tx {
	outputs = slices.Clone(outputs)
	for i, o := range outputs {
		outputs[i].Units = new(big.Int).Set(o.Units)
	}
	return tx{c.hash("tx"), outputs, replaceable}
}

// Replace replaces a transaction in the pool by another. Without outputs, the payer took the money back.
func (c *Chain) Replace(txid string, outputs ...Output) (newTxid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.pooled(txid)
	t := c.newTx(true, outputs)
	c.pool = slices.Clone(c.pool)
	c.pool[i] = t
	return t.id
}

// Evict removes a transaction from the pool.
func (c *Chain) Evict(txid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := c.pooled(txid)
	c.pool = slices.Delete(slices.Clone(c.pool), i, i+1)
}

func (c *Chain) pooled(txid string) int {
	i := slices.IndexFunc(c.pool, func(t tx) bool { return t.id == txid })
	if i < 0 {
		panic(fmt.Sprintf("chaintest: no transaction %s in the pool", txid))
	}
	return i
}

// Mine adds n blocks, the first with everything in the pool, and returns the new head.
func (c *Chain) Mine(n int) chain.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range n {
		txs := c.pool
		c.pool = nil
		c.extend(c.head().Time.Add(c.interval), txs)
	}
	return c.head()
}

// MineAt adds one block with everything in the pool, stamped t, which may be before its parent, and returns it.
func (c *Chain) MineAt(t time.Time) chain.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	txs := c.pool
	c.pool = nil
	c.extend(t, txs)
	return c.head()
}

// MineEmpty adds n blocks without touching the pool, and returns the new head.
func (c *Chain) MineEmpty(n int) chain.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range n {
		c.extend(c.head().Time.Add(c.interval), nil)
	}
	return c.head()
}

func (c *Chain) head() chain.Header { return c.blocks[len(c.blocks)-1].header }

func (c *Chain) extend(stamp time.Time, txs []tx) {
	parent := c.head()
	height := parent.Height + 1 + c.skip
	c.skip = 0
	for c.cfg.Skip != nil && c.cfg.Skip(height) {
		height++
	}
	c.blocks = append(c.blocks, block{chain.Header{
		Height: height, Hash: c.hash("block"), Parent: parent.Hash, Time: stamp.Add(c.skew),
	}, txs})
	c.skew = 0
}

// Reorganise replaces the last depth blocks by depth+extra new ones, with the old transactions according to their
// fate, and returns the new head. It changes nothing else in the pool. A negative extra makes the chain shorter. Block
// 0 cannot leave.
func (c *Chain) Reorganise(depth, extra int, fate Fate) chain.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	keep := len(c.blocks) - depth
	if depth < 1 || keep < 1 || depth+extra < 0 {
		panic(fmt.Sprintf("chaintest: %d blocks for the last %d of %d", depth+extra, depth, len(c.blocks)))
	}
	var old []tx
	for _, b := range c.blocks[keep:] {
		old = append(old, b.txs...)
	}
	if fate == Pooled {
		c.pool = append(old, c.pool...)
	}
	c.blocks = slices.Clip(c.blocks[:keep])
	for i := range depth + extra {
		var txs []tx
		if fate == Remined && i == 0 {
			txs = old
		}
		c.extend(c.head().Time.Add(c.interval), txs)
	}
	return c.head()
}

// Skip makes the chain pass over the next n heights: the next block is n heights further above its parent. It panics
// if n is negative or that would make a gap of [chain.MaxGap] heights.
func (c *Chain) Skip(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n < 0 || c.skip+uint64(n) >= chain.MaxGap {
		panic(fmt.Sprintf("chaintest: a gap of %d heights and %d more", c.skip, n))
	}
	c.skip += uint64(n)
}

// SetInterval changes the difference of the stamps of a block and its parent.
func (c *Chain) SetInterval(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interval = d
}

// AdjustTime moves the stamp of the next block, and with it of all later ones.
func (c *Chain) AdjustTime(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew += d
}

// SetFinality sets how many blocks behind the tip the chain's own finality is. Negative, as at the start, is no
// finality.
func (c *Chain) SetFinality(safe, finalized int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.safe, c.finalized = safe, finalized
}

// Head returns the last block of the chain.
func (c *Chain) Head() chain.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.head()
}

// Canonical returns every transfer in the chain, in order.
func (c *Chain) Canonical() []chain.Transfer {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []chain.Transfer
	for _, b := range c.blocks {
		all = append(all, transfers(b.txs, false)...)
	}
	return all
}

// Paid reports whether a transaction is in the chain.
func (c *Chain) Paid(txid string) bool {
	return slices.ContainsFunc(c.Canonical(), func(t chain.Transfer) bool { return t.TxID == txid })
}

// Balance returns what an address has received in the chain.
func (c *Chain) Balance(to chain.Address, asset chain.Asset) *big.Int {
	return sum(c.Canonical(), to, asset)
}

func sum(transfers []chain.Transfer, to chain.Address, asset chain.Asset) *big.Int {
	total := new(big.Int)
	for _, t := range transfers {
		if t.To == to && t.Asset == asset.ID {
			total.Add(total, t.Units)
		}
	}
	return total
}

// transfers returns fresh copies, as an adapter does.
func transfers(txs []tx, pooled bool) []chain.Transfer {
	var all []chain.Transfer
	for _, t := range txs {
		for i, o := range t.outputs {
			if o.Units.Sign() > 0 {
				all = append(all, chain.Transfer{
					TxID: t.id, Index: strconv.Itoa(i), Asset: o.Asset.ID, From: "sim1payer", To: o.To,
					Units: new(big.Int).Set(o.Units), Replaceable: pooled && t.replaceable,
				})
			}
		}
	}
	return all
}
