package chaintest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
)

// Peer is a node on a [Chain]. It reports the truth until a method changes that. All methods may be called
// concurrently.
type Peer struct {
	c *Chain

	// Guarded by c.mu.
	calls     int
	stalled   []block // the node's chain, unless nil
	oldPool   []tx    // its pool then
	lag       int     // every other response is from a backend that is this many blocks behind
	down      error
	lie       Lie
	onCall    func(Call) error
	forgotten map[string]bool // transactions that are not in this node's pool
	obscured  map[string]int  // transactions that this node cannot examine, and how many transfers it sees of each
	lacks     []chain.Lack
}

var (
	_ chain.Node     = (*Peer)(nil)
	_ chain.Pooler   = (*Peer)(nil)
	_ chain.Examiner = (*Peer)(nil)
	_ chain.Lacker   = (*Peer)(nil)

	_ chain.Defaulter = (*Peer)(nil)
)

// NewPeer adds a node to the chain, with its own faults.
func (c *Chain) NewPeer() *Peer {
	return &Peer{c: c, forgotten: map[string]bool{}, obscured: map[string]int{}}
}

// Stall freezes the node's view of the chain and of the pool as they are now.
func (p *Peer) Stall() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.stalled, p.oldPool = slices.Clip(p.c.blocks), slices.Clone(p.c.pool)
}

// Resume ends Stall.
func (p *Peer) Resume() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.stalled, p.oldPool = nil, nil
}

// Lag makes every other response come from a backend that has not seen the last n blocks, as behind a load balancer.
// Zero ends it.
func (p *Peer) Lag(n int) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.lag = n
}

// Down makes every call of the node fail with err, until it is nil.
func (p *Peer) Down(err error) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.down = err
}

// Lie makes the node wrong, until it is [Honest].
func (p *Peer) Lie(l Lie) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.lie = l
}

// Forget removes a transaction from this node's pool alone, or keeps it out of it.
func (p *Peer) Forget(txid string) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.forgotten[txid] = true
}

// Remember ends Forget.
func (p *Peer) Remember(txid string) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	delete(p.forgotten, txid)
}

// Obscure makes a transaction one that this node cannot examine: Block returns only the first so many of its transfers
// and lists it as unexamined, and Examine fails.
func (p *Peer) Obscure(txid string, seen int) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.obscured[txid] = seen
}

// Reveal ends Obscure.
func (p *Peer) Reveal(txid string) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	delete(p.obscured, txid)
}

// Lose makes the node lack an ability, for one asset unless that is empty. Without [chain.Decimals] it holds the asset
// back.
func (p *Peer) Lose(what chain.Ability, asset chain.AssetID) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.lacks = append(slices.Clip(p.lacks), chain.Lack{What: what, Asset: asset, Reason: "not supported by the simulated node", Since: time.Now()})
}

// Contradict makes the node report that an asset no longer has the configured decimals, and hold it back.
func (p *Peer) Contradict(asset chain.AssetID) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.lacks = append(slices.Clip(p.lacks), chain.Lack{
		What: chain.Decimals, Asset: asset, Reason: "the simulated node reports other decimals", Since: time.Now(), Contradicted: true,
	})
}

// Regain ends Lose and Contradict.
func (p *Peer) Regain() {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.lacks = nil
}

// Lacks implements [chain.Lacker].
func (p *Peer) Lacks() []chain.Lack {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return slices.Clone(p.lacks)
}

// held marks those transfers as held whose asset the node cannot confirm.
func (p *Peer) held(transfers []chain.Transfer) []chain.Transfer {
	for i, t := range transfers {
		transfers[i].Held = slices.ContainsFunc(p.Lacks(), func(l chain.Lack) bool { return l.What == chain.Decimals && l.Asset == t.Asset })
	}
	return transfers
}

// OnCall makes the node call f before it serves a call, in the goroutine of the caller. The function may change the
// chain; its error is the node's. Nil ends it.
func (p *Peer) OnCall(f func(Call) error) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.onCall = f
}

// Calls returns how many calls the node has received.
func (p *Peer) Calls() int {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	return p.calls
}

// Defaults implements [chain.Defaulter] with [Config.Defaults].
func (p *Peer) Defaults(asset chain.Asset) chain.Defaults {
	if p.c.cfg.Defaults == nil {
		return chain.Defaults{}
	}
	return p.c.cfg.Defaults(asset)
}

// Network implements [chain.Node].
func (p *Peer) Network() chain.Network { return p.c.cfg.Network }

// Tip implements [chain.Node].
func (p *Peer) Tip(ctx context.Context) (chain.Tip, error) {
	view, lie, err := p.answer(ctx, Call{Method: "Tip"})
	if err != nil {
		return chain.Tip{}, err
	}
	if lie == WrongNetwork {
		return chain.Tip{}, fmt.Errorf("sim: %w: not %s", chain.ErrWrongNetwork, p.c.cfg.Network)
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	behind := func(blocks int) uint64 {
		if blocks < 0 {
			return 0
		}
		return view[max(0, len(view)-1-blocks)].header.Height
	}
	tip := chain.Tip{Header: view[len(view)-1].header, Safe: behind(p.c.safe), Finalized: behind(p.c.finalized)}
	if lie == Ahead {
		tip.Safe, tip.Finalized = tip.Height, tip.Height
	}
	return tip, nil
}

// Header implements [chain.Node].
func (p *Peer) Header(ctx context.Context, height uint64) (chain.Header, error) {
	view, lie, err := p.answer(ctx, Call{Method: "Header", Height: height})
	if err != nil {
		return chain.Header{}, err
	}
	b, err := at(view, lie, height)
	return b.header, err
}

// Block implements [chain.Node].
func (p *Peer) Block(ctx context.Context, height uint64) (chain.Block, error) {
	view, lie, err := p.answer(ctx, Call{Method: "Block", Height: height})
	if err != nil {
		return chain.Block{}, err
	}
	found, err := at(view, lie, height)
	if err != nil {
		return chain.Block{}, err
	}
	b := chain.Block{Header: found.header}
	for _, t := range found.txs {
		all := transfers([]tx{t}, false)
		if seen, obscured := p.obscures(t.id); obscured {
			all = all[:min(seen, len(all))]
			b.Unexamined = append(b.Unexamined, chain.Unexamined{TxID: t.id, Reason: "not supported by the simulated node"})
		}
		b.Transfers = append(b.Transfers, p.held(all)...)
	}
	switch lie {
	case Incomplete:
		return chain.Block{}, fmt.Errorf("sim: %w: block %d", chain.ErrIncomplete, height)
	case Unlinked:
		b.Parent = "0xdead" + b.Parent[min(6, len(b.Parent)):]
	case WrongHash:
		b.Hash = "0xdead" + b.Hash[6:]
	case Invented, Forked, Ahead:
		b.Transfers = append(b.Transfers, p.c.invent(b.Header))
	default:
		b.Transfers = lie.of(b.Transfers)
	}
	return b, nil
}

// of returns transfers as a liar reports them.
func (l Lie) of(transfers []chain.Transfer) []chain.Transfer {
	if l == Omitted {
		return nil
	}
	for i := range transfers {
		t := &transfers[i]
		switch l {
		case Foreign:
			t.Asset = "sim:elsewhere/slip44:1"
		case Negative:
			t.Units.Neg(t.Units)
		case Inflated:
			t.Units.Mul(t.Units, big.NewInt(10))
		default: // changes no transfers
		}
	}
	return transfers
}

func (p *Peer) obscures(txid string) (seen int, obscured bool) {
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	seen, obscured = p.obscured[txid]
	return seen, obscured
}

// errObscured is why a transaction cannot be examined.
var errObscured = errors.New("the transaction is obscured")

// Examine implements [chain.Examiner].
func (p *Peer) Examine(ctx context.Context, u chain.Unexamined) ([]chain.Transfer, error) {
	view, lie, err := p.answer(ctx, Call{Method: "Examine", Height: u.Height})
	if err != nil {
		return nil, err
	}
	found, err := at(view, lie, u.Height)
	i := slices.IndexFunc(found.txs, func(t tx) bool { return t.id == u.TxID })
	if err != nil || found.header.Hash != u.Block || i < 0 {
		return nil, fmt.Errorf("sim: %w: %s", chain.ErrGone, u.TxID)
	}
	if _, obscured := p.obscures(u.TxID); obscured {
		return nil, fmt.Errorf("sim: examine %s: %w", u.TxID, errObscured)
	}
	return p.held(lie.of(transfers(found.txs[i:i+1], false))), nil
}

// Pool implements [chain.Pooler].
func (p *Peer) Pool(ctx context.Context) ([]chain.Transfer, error) {
	view, lie, err := p.answer(ctx, Call{Method: "Pool"})
	if err != nil {
		return nil, err
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	txs := slices.Clone(p.c.pool)
	if p.stalled != nil {
		txs = slices.Clone(p.oldPool)
	}
	pool := transfers(slices.DeleteFunc(txs, func(t tx) bool { return p.forgotten[t.id] }), true)
	if lie == Invented {
		pool = append(pool, p.c.invent(view[len(view)-1].header))
	}
	return pool, nil
}

// invent returns a transfer that never happened.
func (c *Chain) invent(h chain.Header) chain.Transfer {
	return chain.Transfer{
		TxID: "0xf00d" + h.Hash[6:], Index: "0", Asset: c.cfg.Assets[0].ID, From: "sim1liar", To: c.Address("shop"),
		Units: big.NewInt(1_000_000),
	}
}

func at(view []block, lie Lie, height uint64) (block, error) {
	i, ok := slices.BinarySearchFunc(view, height, func(b block, height uint64) int { return cmp.Compare(b.header.Height, height) })
	switch {
	case i == len(view):
		return block{}, fmt.Errorf("sim: %w: %d", chain.ErrNotFound, height)
	case !ok:
		return block{}, fmt.Errorf("sim: %w: %d", chain.ErrNoBlock, height)
	case lie == WrongHeight && i > 0:
		i--
	}
	return view[i], nil
}

// answer counts a call and returns the node's view at this moment.
func (p *Peer) answer(ctx context.Context, call Call) ([]block, Lie, error) {
	p.c.mu.Lock()
	p.calls++
	call.Number = p.calls
	hook := p.onCall
	p.c.mu.Unlock()
	if hook != nil {
		if err := hook(call); err != nil {
			return nil, Honest, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, Honest, err
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	view := p.c.blocks
	if p.stalled != nil {
		view = p.stalled
	}
	if call.Number%2 == 0 {
		view = view[:max(1, len(view)-p.lag)]
	}
	return distort(slices.Clip(view), p.lie), p.lie, p.down
}

// How many blocks the lies Forked and Ahead replace or add.
const (
	forkedBlocks = 5
	blocksAhead  = 1000
)

// distort returns the chain as a liar reports it: for each lie the same at every call, and with blocks that link.
func distort(view []block, lie Lie) []block {
	if lie != WrongTime && lie != Forked && lie != Ahead {
		return view
	}
	view = slices.Clone(view)
	switch {
	case lie == WrongTime:
		for i := range view {
			view[i].header.Time = view[i].header.Time.Add(24 * time.Hour)
		}
	case lie == Forked:
		for i := max(1, len(view)-forkedBlocks); i < len(view); i++ {
			h := &view[i].header
			h.Hash, h.Parent = "0xf0f0"+h.Hash[6:], view[i-1].header.Hash
		}
	default:
		for range blocksAhead {
			h := view[len(view)-1].header
			hash := fmt.Sprintf("0xaaaa%s%08x", strings.Repeat("0", 52), h.Height+1)
			view = append(view, block{header: chain.Header{
				Height: h.Height + 1, Hash: hash, Parent: h.Hash, Time: h.Time.Add(time.Second),
			}})
		}
	}
	return view
}
