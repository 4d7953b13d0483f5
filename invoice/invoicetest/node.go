package invoicetest

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

// trouble is a way in which a node differs from the truth.
type trouble string

const (
	nodeHonest   trouble = "honest"
	nodeDown     trouble = "down"             // every call fails
	nodeStalled  trouble = "stalled"          // it responds with its state at the moment when it stalled
	nodeLagging  trouble = "lagging"          // every other response is some blocks behind
	nodeTorn     trouble = "torn"             // every other response is from a stalled backend, perhaps on another branch
	nodeShy      trouble = "shy"              // its pool does not have every transaction
	nodeLying    trouble = "lying"            // its blocks are wrong; see lie
	nodeStuttery trouble = "stuttery"         // every third call fails
	nodeOldPool  trouble = "with an old pool" // its pool is stalled
	nodeDim      trouble = "dim"              // it cannot examine some transactions
	nodePoolless trouble = "without pool"     // its pool cannot be read
)

var (
	errNode = errors.New("injected: the node is down")
	lies    = []chaintest.Lie{
		chaintest.WrongNetwork, chaintest.Incomplete, chaintest.Unlinked, chaintest.WrongHash,
		chaintest.WrongHeight, chaintest.Foreign, chaintest.Negative,
	}
)

// node is one process's view of one chain. It implements [chain.Node].
type node struct {
	p *Process
	t *truth

	mu      sync.Mutex
	trouble trouble
	since   view // its state when the trouble began
	lag     int
	lie     chaintest.Lie
	calls   int
	failed  bool // a response has been useless since the last Tip
}

// poolNode is a node that lists its pool.
type poolNode struct{ *node }

var (
	_ chain.Node     = (*node)(nil)
	_ chain.Examiner = (*node)(nil)
	_ chain.Pooler   = poolNode{}
)

func (n *node) set(t trouble, lag int, lie chaintest.Lie) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.trouble, n.since, n.lag, n.lie = t, n.t.view(), lag, lie
}

// answer waits for the latency of a response and returns the node's state then.
func (n *node) answer(ctx context.Context, method string, height uint64) (view, chaintest.Lie, error) {
	wait := n.p.latency("node", string(n.t.net), method, strconv.FormatUint(height, 10)) / 2
	if lazy := n.p.w.traits.lazy; lazy > 0 {
		wait += hash{}.number(uint64(wait)).upTo(lazy)
	}
	n.mu.Lock()
	if method == "Tip" { // paces a follower that fails
		wait += 150 * time.Millisecond
		if n.failed {
			wait += 2*time.Second + hash{}.number(uint64(wait)).upTo(2*time.Second)
		}
		n.failed = false
	}
	n.mu.Unlock()
	if err := n.p.pause(ctx, wait); err != nil {
		return view{}, 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	v, lie, err := n.believe(method, height)
	n.failed = n.failed || err != nil || lie != chaintest.Honest
	return v, lie, err
}

// believe returns the node's present state.
func (n *node) believe(method string, height uint64) (view, chaintest.Lie, error) {
	n.calls++
	v, lie := n.t.view(), chaintest.Honest
	switch n.trouble {
	case nodeDown:
		return view{}, 0, errNode
	case nodeStuttery:
		if n.calls%3 == 0 {
			return view{}, 0, errNode
		}
	case nodeStalled:
		v = n.since
	case nodeLagging:
		if n.calls%2 == 0 {
			v.blocks = v.blocks[:max(1, len(v.blocks)-n.lag)]
		}
	case nodeTorn:
		if n.calls%2 == 0 {
			v = n.since
		}
	case nodePoolless:
		if method == "Pool" {
			return view{}, 0, errNode
		}
	case nodeOldPool:
		v.pool = n.since.pool
	case nodeShy:
		v.pool = slices.DeleteFunc(slices.Clone(v.pool), func(t chain.Transfer) bool { return hash{}.words(t.TxID).sum()%2 == 0 })
	case nodeLying:
		if n.lag%2 == 0 || height%2 == 0 { // of all blocks, or of every other one
			lie = n.lie
		}
	case nodeHonest, nodeDim: // responds as well as it can
	}
	return v, lie, nil
}

// Network implements [chain.Node].
func (n *node) Network() chain.Network { return n.t.net }

// Tip implements [chain.Node].
func (n *node) Tip(ctx context.Context) (chain.Tip, error) {
	v, lie, err := n.answer(ctx, "Tip", 0)
	if err != nil {
		return chain.Tip{}, err
	}
	if lie == chaintest.WrongNetwork {
		return chain.Tip{}, fmt.Errorf("injected: %w", chain.ErrWrongNetwork)
	}
	n.t.serve(v.tip().Time)
	tip := chain.Tip{Header: v.tip().Header}
	tip.Safe = uint64(max(0, len(v.blocks)-1-safeDepth))
	tip.Finalized = uint64(max(0, len(v.blocks)-1-finalDepth))
	return tip, nil
}

// How far behind the tip the finality tags are.
const (
	safeDepth  = 2
	finalDepth = 4
)

// Header implements [chain.Node].
func (n *node) Header(ctx context.Context, height uint64) (chain.Header, error) {
	b, _, err := n.at(ctx, "Header", height)
	return b.Header, err
}

// Block implements [chain.Node].
func (n *node) Block(ctx context.Context, height uint64) (chain.Block, error) {
	b, lie, err := n.at(ctx, "Block", height)
	if err != nil {
		return chain.Block{}, err
	}
	b.Transfers = slices.Clone(b.Transfers)
	if n.dim() {
		named := map[string]bool{}
		b.Transfers = slices.DeleteFunc(b.Transfers, func(t chain.Transfer) bool {
			if dimmed(t.TxID) && !named[t.TxID] {
				named[t.TxID] = true
				b.Unexamined = append(b.Unexamined, chain.Unexamined{TxID: t.TxID, Reason: "injected: too large"})
			}
			return named[t.TxID]
		})
	}
	switch lie {
	case chaintest.Incomplete:
		return chain.Block{}, fmt.Errorf("injected: %w", chain.ErrIncomplete)
	case chaintest.Unlinked:
		b.Parent = "0xdead" + b.Parent[min(6, len(b.Parent)):]
	case chaintest.WrongHash:
		b.Hash = "0xdead" + b.Hash[6:]
	case chaintest.Foreign:
		for i := range b.Transfers {
			b.Transfers[i].Asset = "sim:elsewhere/slip44:1"
		}
	case chaintest.Negative:
		for i, t := range b.Transfers {
			b.Transfers[i].Units = new(big.Int).Neg(t.Units)
		}
	default: // the truth, or a lie of another method
	}
	return b, nil
}

func (n *node) dim() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.trouble == nodeDim
}

func dimmed(txid string) bool { return hash{}.words(txid).sum()%2 == 0 }

// Examine implements [chain.Examiner].
func (n *node) Examine(ctx context.Context, u chain.Unexamined) ([]chain.Transfer, error) {
	b, _, err := n.at(ctx, "Examine", u.Height)
	switch {
	case err != nil:
		return nil, err
	case n.dim() && dimmed(u.TxID):
		return nil, errNode
	case b.Hash != u.Block:
		return nil, fmt.Errorf("injected: %w: %s", chain.ErrGone, u.TxID)
	}
	return slices.DeleteFunc(slices.Clone(b.Transfers), func(t chain.Transfer) bool { return t.TxID != u.TxID }), nil
}

func (n *node) at(ctx context.Context, method string, height uint64) (chain.Block, chaintest.Lie, error) {
	v, lie, err := n.answer(ctx, method, height)
	if err != nil {
		return chain.Block{}, lie, err
	}
	if height >= uint64(len(v.blocks)) {
		return chain.Block{}, lie, fmt.Errorf("injected: %w: %d", chain.ErrNotFound, height)
	}
	if lie == chaintest.WrongHeight && height > 0 {
		height--
	}
	n.t.serve(v.blocks[height].Time)
	return v.blocks[height], lie, nil
}

// Pool implements [chain.Pooler].
func (n poolNode) Pool(ctx context.Context) ([]chain.Transfer, error) {
	v, _, err := n.answer(ctx, "Pool", 0)
	return slices.Clone(v.pool), err
}
