package evm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cointill/cointill/chain"
)

// setAside marks a transaction of a block as unexamined, with the first reason.
func (n *Node) setAside(ctx context.Context, b *wireBlock, i int, reason error) {
	if _, known := b.aside[i]; known {
		return
	}
	if b.aside == nil {
		b.aside = make(map[int]string)
	}
	b.aside[i] = reason.Error()
	if b.inner != nil {
		b.inner[i] = inner{}
	}
	n.log.WarnContext(ctx, "transaction not examined: its payments may be missing",
		"network", n.network, "block", uint64(b.Number), "tx", b.Txs[i].Hash.String(), "err", reason)
}

// unexamined returns the transactions of a block that were set aside, in block order.
func (b *wireBlock) unexamined() []chain.Unexamined {
	var all []chain.Unexamined
	for i := range b.Txs {
		if reason, aside := b.aside[i]; aside {
			all = append(all, chain.Unexamined{TxID: b.Txs[i].Hash.String(), Reason: reason})
		}
	}
	return all
}

// Examine implements [chain.Examiner]. It requests the transaction alone, and reads more of its trace than Block does.
func (n *Node) Examine(ctx context.Context, u chain.Unexamined) ([]chain.Transfer, error) {
	found, err := n.examine(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("evm: examine transaction %.100q of %s: %w", u.TxID, n.network, err)
	}
	return found, nil
}

func (n *Node) examine(ctx context.Context, u chain.Unexamined) ([]chain.Transfer, error) {
	b, err := n.wholeBlock(ctx, u.Height)
	if errors.Is(err, chain.ErrNoBlock) || err == nil && b.Hash.String() != u.Block {
		return nil, fmt.Errorf("%w: block %.100q is not in the chain", chain.ErrGone, u.Block)
	}
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(b.Txs, func(x wireTx) bool { return x.Hash.String() == u.TxID })
	if i < 0 {
		return nil, fmt.Errorf("%w: block %.100q does not have it", chain.ErrGone, u.Block)
	}
	if reason, aside := b.aside[i]; aside {
		return nil, fmt.Errorf("%w: %s", chain.ErrIncomplete, reason)
	}
	alone := &wireBlock{wireHeader: b.wireHeader, Txs: b.Txs[i : i+1]}
	if err := checkTxs(alone); err != nil {
		return nil, err
	}
	if n.traces && n.assets.Coin != nil && !alone.Txs[0].unsent() {
		trace, err := n.traceOne(ctx, alone.Txs[0].Hash, MaxResponse)
		if err != nil {
			return nil, err
		}
		alone.inner = []inner{n.innerOf(trace.TxHash, trace.Result)}
	}
	receipts, err := n.receiptsApart(ctx, alone, func(int) bool { return true })
	if err != nil {
		return nil, err
	}
	if n.checkInner(ctx, alone, receipts); len(alone.aside) > 0 {
		return nil, fmt.Errorf("%w: %s", chain.ErrIncomplete, alone.aside[0])
	}
	if err := n.stillThere(ctx, b); err != nil {
		return nil, err
	}
	return n.transfers(alone, receipts), nil
}
