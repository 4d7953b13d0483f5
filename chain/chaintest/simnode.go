package chaintest

import (
	"context"
	"fmt"
	"slices"

	"github.com/cointill/cointill/chain"
)

var (
	_ chain.Node   = (*Chain)(nil)
	_ chain.Pooler = (*Chain)(nil)
)

// Network implements [chain.Node].
func (c *Chain) Network() chain.Network { return c.cfg.Network }

// Tip implements [chain.Node].
func (c *Chain) Tip(ctx context.Context) (chain.Tip, error) {
	view, lie, err := c.answer(ctx, Call{Method: "Tip"})
	if err != nil {
		return chain.Tip{}, err
	}
	if lie == WrongNetwork {
		return chain.Tip{}, fmt.Errorf("sim: %w: not %s", chain.ErrWrongNetwork, c.cfg.Network)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	tip := chain.Tip{Header: view[len(view)-1].header}
	if c.safe >= 0 {
		tip.Safe = uint64(max(0, len(view)-1-c.safe))
	}
	if c.finalized >= 0 {
		tip.Finalized = uint64(max(0, len(view)-1-c.finalized))
	}
	return tip, nil
}

// Header implements [chain.Node].
func (c *Chain) Header(ctx context.Context, height uint64) (chain.Header, error) {
	view, lie, err := c.answer(ctx, Call{Method: "Header", Height: height})
	if err != nil {
		return chain.Header{}, err
	}
	b, err := at(view, lie, height)
	return b.header, err
}

// Block implements [chain.Node].
func (c *Chain) Block(ctx context.Context, height uint64) (chain.Block, error) {
	view, lie, err := c.answer(ctx, Call{Method: "Block", Height: height})
	if err != nil {
		return chain.Block{}, err
	}
	found, err := at(view, lie, height)
	if err != nil {
		return chain.Block{}, err
	}
	b := chain.Block{Header: found.header, Transfers: transfers(found.txs, false)}
	switch lie {
	case Incomplete:
		return chain.Block{}, fmt.Errorf("sim: %w: block %d", chain.ErrIncomplete, height)
	case Unlinked:
		b.Parent = "0xdead" + b.Parent[min(6, len(b.Parent)):]
	case WrongHash:
		b.Hash = "0xdead" + b.Hash[6:]
	case Foreign:
		for i := range b.Transfers {
			b.Transfers[i].Asset = "sim:elsewhere/slip44:1"
		}
	case Negative:
		for _, t := range b.Transfers {
			t.Units.Neg(t.Units)
		}
	case Honest, WrongNetwork, WrongHeight:
	}
	return b, nil
}

// Pool implements [chain.Pooler].
func (c *Chain) Pool(ctx context.Context) ([]chain.Transfer, error) {
	if _, _, err := c.answer(ctx, Call{Method: "Pool"}); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return transfers(c.pool, true), nil
}

func at(view []block, lie Lie, height uint64) (block, error) {
	if height >= uint64(len(view)) {
		return block{}, fmt.Errorf("sim: %w: %d", chain.ErrNotFound, height)
	}
	if lie == WrongHeight && height > 0 {
		height--
	}
	return view[height], nil
}

// answer counts a call and finds what the node believes at this moment.
func (c *Chain) answer(ctx context.Context, call Call) ([]block, Lie, error) {
	c.mu.Lock()
	c.calls++
	call.Number = c.calls
	hook := c.onCall
	c.mu.Unlock()
	if hook != nil {
		if err := hook(call); err != nil {
			return nil, Honest, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, Honest, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	view := c.blocks
	if c.stalled != nil {
		view = c.stalled
	}
	if call.Number%2 == 0 {
		view = view[:max(1, len(view)-c.lag)]
	}
	return slices.Clip(view), c.lie, c.down
}
