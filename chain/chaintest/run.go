package chaintest

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
)

// Run tests a chain adapter: each case drives a new world, and a failure prints the rule that the adapter broke. Cases
// use block stamps, not the wall clock. They need up to 20 blocks each.
func Run(t *testing.T, newWorld func(t *testing.T) World) {
	for _, c := range []struct {
		name string
		rule string
		run  func(*probe)
	}{
		{"BlocksLink", "Tip, Header and Block agree with each other, and every block names its parent", blocksLink},
		{"EachAssetIsSeenOnce", "a payment is one transfer, with the asset, the receiver, the transaction id and the exact units, also beyond 64 bits", eachAssetIsSeenOnce},
		{"ManyInOneBlock", "payments in one block are all reported, each with a key of its own, also equal ones to one address", manyInOneBlock},
		{"ZeroIsNotReported", "a payment of nothing is not a transfer", zeroIsNotReported},
		{"PoolIsListed", "a node that lists its pool shows an unconfirmed transfer with the key that it has later in a block, and not once it is there", poolIsListed},
		{"UnknownHeight", "a height that the chain has not reached is ErrNotFound", unknownHeight},
		{"GapsArePassedOver", gapRule, gapsArePassedOver},
		{"Incident26_ImpostorIsRefused", "a node of another network is ErrWrongNetwork, and nothing is taken from it", impostorIsRefused},
		{"ConcurrentReads", "all methods may be called concurrently, and answer the same", concurrentReads},
		{"CancelledContext", "every method returns the error of a context that has ended", cancelledContext},
		{"A1_PaidBeforeTheStart", "who begins to follow at an earlier time sees what was paid since", paidBeforeTheStart},
		{"A5_RestartFromCursor", "after a restart anywhere, and at any step, each transfer is there exactly once", restartFromCursor},
		{"Reorganise1", reorganiseRule, reorganiseBy(1)},
		{"Reorganise3", reorganiseRule, reorganiseBy(3)},
		{"Incident28_Reorganise13", reorganiseRule, reorganiseBy(13)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			p := &probe{T: t, w: w, rule: c.rule}
			if len(w.Assets()) == 0 {
				p.broken("the world has no asset")
			}
			p.node = w.Node(t)
			c.run(p)
		})
	}
}

const reorganiseRule = "after a reorganisation the transfers are those that the chain has now, each with the key it had before"

// probe is a case of Run at work.
type probe struct {
	*testing.T
	w    World
	node chain.Node
	rule string
}

func (p *probe) broken(format string, args ...any) {
	p.Helper()
	p.Fatalf("rule: %s\nbroken: %s", p.rule, fmt.Sprintf(format, args...))
}

func (p *probe) ok(err error, doing string, args ...any) {
	p.Helper()
	if err != nil {
		p.broken("%s: %v", fmt.Sprintf(doing, args...), err)
	}
}

func (p *probe) tip() chain.Tip {
	p.Helper()
	tip, err := p.node.Tip(p.Context())
	p.ok(err, "Tip")
	return tip
}

func (p *probe) block(height uint64) chain.Block {
	p.Helper()
	b, err := p.node.Block(p.Context(), height)
	p.ok(err, "Block(%d)", height)
	return b
}

func (p *probe) pay(to chain.Address, units int64) string {
	p.Helper()
	return pay(p.T, p.w, to, units)
}

// follower reads three blocks a step, so that few blocks are many steps.
func (p *probe) follower() *chain.Follower {
	p.Helper()
	f, err := chain.NewFollower(chain.FollowConfig{
		Node: p.node, Batch: 3, Parallel: 2, Margin: -1,
		Poll: time.Millisecond, MinBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond,
	})
	p.ok(err, "NewFollower")
	return f
}

// next calls Next, again if the chain moved meanwhile.
func (p *probe) next(f *chain.Follower, cursor chain.Cursor) chain.Step {
	p.Helper()
	var err error
	for range 20 {
		var s chain.Step
		if s, err = f.Next(p.Context(), cursor); err == nil {
			return s
		}
		if !errors.Is(err, chain.ErrMoved) && !errors.Is(err, chain.ErrBehind) && !errors.Is(err, chain.ErrNotFound) {
			break
		}
	}
	p.broken("Follower.Next: %v", err)
	return chain.Step{}
}

// follow applies steps until the ledger is at the tip.
func (p *probe) follow(f *chain.Follower, l *Ledger, cursor chain.Cursor) chain.Cursor {
	p.Helper()
	tip := p.tip()
	for range 1000 {
		s := p.next(f, cursor)
		p.ok(l.Apply(s), "apply a step of the follower")
		if cursor = s.Cursor; s.Head.Hash == tip.Hash {
			return cursor
		}
	}
	p.broken("the follower never reaches the tip %d", tip.Height)
	return nil
}

// keys returns the keys by transaction, and fails if two transfers have the same key.
func (p *probe) keys(transfers []chain.Transfer) map[string]chain.Key {
	p.Helper()
	byTx, twice := keysByTx(transfers)
	if twice != nil {
		p.broken("two transfers with the key %+v", *twice)
	}
	return byTx
}

// lastBlocks returns the last blocks of the chain, highest first, and passes over heights without a block.
func (p *probe) lastBlocks(n int) []chain.Block {
	p.Helper()
	var all []chain.Block
	for height := p.tip().Height; len(all) < n; height-- {
		b, err := p.node.Block(p.Context(), height)
		if errors.Is(err, chain.ErrNoBlock) {
			continue
		}
		p.ok(err, "Block(%d)", height)
		all = append(all, b)
	}
	return all
}

func blocksLink(p *probe) {
	p.w.Mine(p.T, 3)
	tip := p.tip()
	if n := p.node.Network(); n == "" || n != p.w.Assets()[0].ID.Network() {
		p.broken("Network is %q, but the assets are of %q", n, p.w.Assets()[0].ID.Network())
	}
	var parent string
	for height := tip.Height - 3; height <= tip.Height; height++ {
		h, err := p.node.Header(p.Context(), height)
		if errors.Is(err, chain.ErrNoBlock) && height < tip.Height {
			if b, err := p.node.Block(p.Context(), height); !errors.Is(err, chain.ErrNoBlock) {
				p.broken("Header(%d) is %v, but Block = %+v, %v", height, chain.ErrNoBlock, b, err)
			}
			continue
		}
		p.ok(err, "Header(%d)", height)
		b := p.block(height)
		switch {
		case h.Hash != b.Hash || h.Parent != b.Parent || h.Height != b.Height || !h.Time.Equal(b.Time):
			p.broken("Header %+v, but Block %+v", h, b.Header)
		case b.Height != height || b.Hash == "" || b.Time.IsZero():
			p.broken("block %d is %+v", height, b.Header)
		case parent != "" && b.Parent != parent:
			p.broken("block %d has the parent %s, but before it is %s", height, b.Parent, parent)
		case height == tip.Height && (b.Hash != tip.Hash || b.Parent != tip.Parent || !b.Time.Equal(tip.Time)):
			p.broken("Tip %+v, but Block %+v", tip.Header, b.Header)
		}
		parent = b.Hash
	}
	if tip.Safe > tip.Height || tip.Finalized > tip.Height {
		p.broken("finality beyond the tip: %+v", tip)
	}
}

func eachAssetIsSeenOnce(p *probe) {
	for _, a := range p.w.Assets() {
		units, to := oddUnits(a), p.w.Address(p.T)
		txid := p.w.Pay(p.T, a, to, units)
		p.w.Mine(p.T, 1)
		got := find(p.block(p.tip().Height).Transfers, to)
		if len(got) != 1 {
			p.broken("%s: %d transfers to %s in the block, want 1", a.Code, len(got), to)
		}
		t := got[0]
		if t.TxID != txid || t.Asset != a.ID || t.Units.Cmp(units) != 0 || t.Key().Network != p.node.Network() {
			p.broken("paid %s of %s by %s, but the transfer is %+v", units, a.ID, txid, t)
		}
		p.w.Mine(p.T, 1)
		if got := find(p.block(p.tip().Height).Transfers, to); len(got) != 0 {
			p.broken("%s: the next block has the transfer again", a.Code)
		}
	}
}

func manyInOneBlock(p *probe) {
	to := p.w.Address(p.T)
	want := new(big.Int)
	txids := map[string]bool{}
	for _, units := range []int64{20_000, 20_000, 30_000, 40_000, 50_000} {
		txids[p.pay(to, units)] = true
		want.Add(want, big.NewInt(units))
	}
	p.w.Mine(p.T, 1)
	b := p.block(p.tip().Height)
	p.keys(b.Transfers)
	got := find(b.Transfers, to)
	for _, t := range got {
		delete(txids, t.TxID)
	}
	if sum := sum(got, to, p.w.Assets()[0]); len(got) != 5 || len(txids) != 0 || sum.Cmp(want) != 0 {
		p.broken("%d transfers of %s units in all, want 5 of %s; not seen: %v", len(got), sum, want, txids)
	}
}

func zeroIsNotReported(p *probe) {
	for _, a := range p.w.Assets() {
		to := p.w.Address(p.T)
		if p.w.Pay(p.T, a, to, new(big.Int)) == "" {
			continue
		}
		p.w.Mine(p.T, 1)
		if got := find(p.block(p.tip().Height).Transfers, to); len(got) != 0 {
			p.broken("%s: %+v", a.Code, got)
		}
	}
}

func poolIsListed(p *probe) {
	pooler, ok := p.node.(chain.Pooler)
	if !ok {
		return // an optional ability that this node does not have
	}
	to := p.w.Address(p.T)
	p.pay(to, 25_000)
	pool, err := pooler.Pool(p.Context())
	if errors.Is(err, errors.ErrUnsupported) {
		return // it turns out not to be a Pooler
	}
	p.ok(err, "Pool")
	waiting := find(pool, to)
	if len(waiting) != 1 || waiting[0].Units.Int64() != 25_000 {
		p.broken("in the pool: %+v", waiting)
	}
	p.w.Mine(p.T, 1)
	mined := find(p.block(p.tip().Height).Transfers, to)
	if len(mined) != 1 || mined[0].Key() != waiting[0].Key() {
		p.broken("in the pool %+v, in the block %+v", waiting, mined)
	}
	pool, err = pooler.Pool(p.Context())
	p.ok(err, "Pool")
	if got := find(pool, to); len(got) != 0 {
		p.broken("in the pool after the block: %+v", got)
	}
}

func unknownHeight(p *probe) {
	for _, height := range []uint64{p.tip().Height + 1, p.tip().Height + 1_000_000} {
		p.atHeight(height, chain.ErrNotFound)
	}
}

func impostorIsRefused(p *probe) {
	p.pay(p.w.Address(p.T), 25_000)
	p.w.Mine(p.T, 1)
	p.node = p.w.Impostor(p.T)
	if tip, err := p.node.Tip(p.Context()); !errors.Is(err, chain.ErrWrongNetwork) {
		p.broken("Tip = %+v, %v", tip, err)
	}
	if s, err := p.follower().Next(p.Context(), chain.CursorSince(time.Time{})); !errors.Is(err, chain.ErrWrongNetwork) {
		p.broken("Follower.Next = %+v, %v", s, err)
	}
}

func concurrentReads(p *probe) {
	to := p.w.Address(p.T)
	for range 3 {
		p.pay(to, 25_000)
		p.w.Mine(p.T, 1)
	}
	last := p.tip().Height
	want := p.lastBlocks(3)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			height := want[i%3].Height
			b, err := p.node.Block(p.Context(), height)
			if err != nil || !reflect.DeepEqual(b, want[i%3]) {
				p.Errorf("rule: %s\nbroken: Block(%d) = %+v, %v", p.rule, height, b, err)
			}
			if h, err := p.node.Header(p.Context(), height); err != nil || h.Hash != b.Hash {
				p.Errorf("rule: %s\nbroken: Header(%d) = %+v, %v", p.rule, height, h, err)
			}
			if tip, err := p.node.Tip(p.Context()); err != nil || tip.Height != last {
				p.Errorf("rule: %s\nbroken: Tip = %+v, %v", p.rule, tip, err)
			}
		})
	}
	wg.Wait()
}

func cancelledContext(p *probe) {
	p.w.Mine(p.T, 1)
	height := p.tip().Height
	ctx, cancel := context.WithCancel(p.Context())
	cancel()
	_, tipErr := p.node.Tip(ctx)
	_, headerErr := p.node.Header(ctx, height)
	_, blockErr := p.node.Block(ctx, height)
	_, nextErr := p.follower().Next(ctx, chain.CursorSince(time.Time{}))
	if hinter, ok := p.node.(chain.Hinter); ok {
		if err := hinter.Wait(ctx); !errors.Is(err, context.Canceled) {
			p.broken("Wait: %v", err)
		}
	}
	for _, err := range []error{tipErr, headerErr, blockErr, nextErr} {
		if !errors.Is(err, context.Canceled) {
			p.broken("Tip: %v; Header: %v; Block: %v; Next: %v", tipErr, headerErr, blockErr, nextErr)
		}
	}
}

func paidBeforeTheStart(p *probe) {
	p.w.Mine(p.T, 2)
	to := p.w.Address(p.T)
	txid := p.pay(to, 25_000)
	p.w.Mine(p.T, 1)
	paid := p.tip()
	p.w.Mine(p.T, 4)
	var l Ledger
	cursor := p.follow(p.follower(), &l, chain.CursorSince(paid.Time))
	if got := find(l.Transfers(), to); len(got) != 1 || got[0].TxID != txid {
		p.broken("paid in block %d, seen %+v", paid.Height, got)
	}
	if first := l.Blocks()[0]; first.Height > paid.Height {
		p.broken("the first block is %d, but since %s means %d", first.Height, paid.Time, paid.Height)
	}
	if s := p.next(p.follower(), cursor); len(s.Joined) != 0 || s.Rewound || s.Head.Hash != p.tip().Hash {
		p.broken("nothing happened, but the step is %+v", s)
	}
}

func restartFromCursor(p *probe) {
	start := p.tip()
	to := p.w.Address(p.T)
	var paid []string
	for range 8 {
		paid = append(paid, p.pay(to, 25_000))
		p.w.Mine(p.T, 1)
	}
	var l Ledger
	cursor := chain.CursorSince(start.Time)
	for tip, i := p.tip(), 0; ; i++ {
		f := p.follower() // nothing but the cursor survives
		s := p.next(f, cursor)
		if i%2 == 0 {
			continue // stopped before the step was stored: it has to come again
		}
		p.ok(l.Apply(s), "apply")
		p.ok(l.Apply(s), "apply again")
		if cursor = s.Cursor; s.Head.Hash == tip.Hash {
			break
		}
		if i > 200 {
			p.broken("still at %d of %d after %d restarts", s.Head.Height, tip.Height, i)
		}
	}
	p.keys(l.Transfers())
	var got []string
	for _, t := range find(l.Transfers(), to) {
		got = append(got, t.TxID)
	}
	if !slices.Equal(got, paid) {
		p.broken("paid %v, seen %v", paid, got)
	}
}

// reorganiseBy pays before the fork, in the first and in the last of the blocks that leave, and after.
func reorganiseBy(depth int) func(*probe) {
	return func(p *probe) {
		start := p.tip()
		to := p.w.Address(p.T)
		paid := payAround(p.T, p.w, to, depth)
		f, l := p.follower(), &Ledger{}
		cursor := p.follow(f, l, chain.CursorSince(start.Time))
		before := p.sameAsPaid(l, to, paid)
		old, fork := p.tip(), p.lastBlocks(depth + 1)[depth].Height

		p.w.Reorganise(p.T, depth)
		s := p.next(f, cursor)
		if !s.Rewound || s.Fork != fork || s.Head.Height < old.Height {
			p.broken("one step has to rewind to %d and come back to %d, but: rewound %v to %d, head %d",
				fork, old.Height, s.Rewound, s.Fork, s.Head.Height)
		}
		p.ok(l.Apply(s), "apply")
		cursor = p.follow(f, l, s.Cursor)
		p.sameAsPaid(l, to, paid)

		paid = append(paid, payAfter(p.T, p.w, to))
		p.follow(f, l, cursor)
		after := p.sameAsPaid(l, to, paid)
		if txid, found := rekeyed(before, after); found {
			p.broken("the key of %s was %+v and is %+v", txid, before[txid], after[txid])
		}
		if lag := f.Lag(); lag.ForkDepth != old.Height-fork || lag.Blocks() != 0 || lag.Failures != 0 {
			p.broken("lag is %+v", lag)
		}
	}
}

// sameAsPaid compares the ledger with the truth, and returns the keys of the transfers.
func (p *probe) sameAsPaid(l *Ledger, to chain.Address, paid []string) map[string]chain.Key {
	p.Helper()
	got := p.keys(find(l.Transfers(), to))
	for _, txid := range paid {
		if _, seen := got[txid]; seen != p.w.Paid(p.T, txid) {
			p.broken("%s: in the chain: %v, seen by the follower: %v", txid, !seen, seen)
		}
	}
	return got
}
