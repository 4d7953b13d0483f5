package invoicetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

// view is the state of one backend of a node. It is immutable.
type view struct {
	blocks []chain.Block // from block 0
	pool   []chain.Transfer
}

func (v view) tip() chain.Block { return v.blocks[len(v.blocks)-1] }

// link is a block that was once mined, with the path back to block 0.
type link struct {
	block  chain.Block
	parent *link
	money  *link // the nearest block with transfers: itself or an ancestor
}

// truth is the real chain, whatever nodes report, with every block and output that ever existed.
type truth struct {
	chain *chaintest.Chain
	net   chain.Network

	mu      sync.Mutex
	now     view
	tallest uint64 // the greatest height that the chain ever had
	links   map[string]*link
	outputs map[string][]chaintest.Output // of each transaction ever sent
	sent    map[string]time.Time          // when it was
	served  time.Time                     // the latest stamp that any node has reported
	mined   map[string]bool               // transactions that are in the chain now
	absent  map[string]bool               // transactions that were neither in the chain nor in the pool at some time since
}

func newTruth(c *chaintest.Chain) *truth {
	t := &truth{
		chain: c, net: c.Network(), links: map[string]*link{}, outputs: map[string][]chaintest.Output{},
		sent: map[string]time.Time{}, absent: map[string]bool{},
	}
	t.sync()
	return t
}

// sync updates the truth after a change of the chain.
func (t *truth) sync() {
	ctx := context.Background()
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.now.blocks
	var fresh []chain.Block
	for h := t.chain.Head().Height; ; h-- {
		b, err := t.chain.Block(ctx, h)
		if err != nil || h < uint64(len(old)) && old[h].Hash == b.Hash {
			break
		}
		fresh = append(fresh, b)
		if h == 0 {
			break
		}
	}
	slices.Reverse(fresh)
	keep := int(t.chain.Head().Height) + 1 - len(fresh)
	t.tallest = max(t.tallest, t.chain.Head().Height)
	t.now.blocks = append(slices.Clip(old[:keep]), fresh...)
	for _, b := range fresh {
		l := &link{block: b, parent: t.links[b.Parent]}
		if l.money = l; len(b.Transfers) == 0 {
			l.money = nil
			if l.parent != nil {
				l.money = l.parent.money
			}
		}
		t.links[b.Hash] = l
	}
	t.now.pool, _ = t.chain.Pool(ctx)
	mined := map[string]bool{}
	for _, b := range t.now.blocks {
		for _, x := range b.Transfers {
			mined[x.TxID] = true
		}
	}
	pooled := map[string]bool{}
	for _, x := range t.now.pool {
		pooled[x.TxID] = true
	}
	for txid := range t.outputs {
		// What falls back from a block into the pool is away until the pool is read next.
		if !mined[txid] && (!pooled[txid] || t.mined[txid]) {
			t.absent[txid] = true
		}
	}
	t.mined = mined
}

// wasAbsent reports whether a transaction was ever absent after it was sent.
func (t *truth) wasAbsent(txid string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.absent[txid]
}

func (t *truth) view() view {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

func (t *truth) send(replaceable bool, outputs []chaintest.Output) string {
	send := t.chain.Send
	if replaceable {
		send = t.chain.SendReplaceable
	}
	return t.register(send(outputs...), outputs)
}

func (t *truth) replace(txid string, outputs []chaintest.Output) string {
	return t.register(t.chain.Replace(txid, outputs...), outputs)
}

func (t *truth) register(txid string, outputs []chaintest.Output) string {
	t.mu.Lock()
	t.outputs[txid], t.sent[txid] = outputs, time.Now()
	t.mu.Unlock()
	t.sync()
	return txid
}

// stampReach is the number of later blocks whose stamps bound the time of a block from above, because a stamp may be ahead
// of the stamps after it.
const stampReach = 11

// ancestry returns the block with the hash, and of those from it back to block 0 the ones with transfers; false if
// there never was one. Each is stamped with the earliest stamp of it and of the blocks after it that still say
// something of it.
func (t *truth) ancestry(hash string) (chain.Header, []chain.Block, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	head := t.links[hash]
	if head == nil {
		return chain.Header{}, nil, false
	}
	var out []chain.Block
	var later []time.Time // stamps of the blocks after
	for l := head; l != nil && l.money != nil; l = l.parent {
		if len(l.block.Transfers) > 0 {
			b := l.block
			for _, stamp := range later[max(0, len(later)-stampReach):] {
				b.Time = earlier(b.Time, stamp)
			}
			out = append(out, b)
		}
		later = append(later, l.block.Time)
	}
	return head.block.Header, out, true
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// serve records that a stamp was reported.
func (t *truth) serve(stamp time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if stamp.After(t.served) {
		t.served = stamp
	}
}

func (t *truth) latestServed() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.served
}

// output returns an output of a transaction that was ever sent.
func (t *truth) output(txid string, n int) (chaintest.Output, time.Time, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n < 0 || n >= len(t.outputs[txid]) {
		return chaintest.Output{}, time.Time{}, false
	}
	return t.outputs[txid][n], t.sent[txid], true
}
