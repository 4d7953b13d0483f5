package tron

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cointill/cointill/chain"
)

// infosApart requests missing results one by one, if those of the whole block cannot be read or are incomplete: a
// contract may log, and call, as much as its caller pays for. Without a proof by the root it requests those of all
// transactions, otherwise those that ran code.
func (n *Node) infosApart(ctx context.Context, b *wireBlock, proven bool, infos []*wireInfo, whole error) ([]*wireInfo, error) {
	able := slices.ContainsFunc(infos, func(r *wireInfo) bool { return r != nil })
	for i := range b.Txs {
		x := &b.Txs[i]
		if infos[i] != nil || proven && !x.contract.mayRun() {
			continue
		}
		var answer wireInfo
		err := n.api.call(ctx, wallet, "gettransactioninfobyid", map[string]string{"value": x.ID.String()}, &answer)
		if err == nil && answer.ID != nil && *answer.ID == x.ID {
			if err := checkInfo(b, x, &answer); err != nil {
				return nil, err
			}
			infos[i], able = &answer, true
			continue
		}
		if err == nil {
			err = fmt.Errorf("%w: no result of transaction %s", chain.ErrIncomplete, x.ID)
		}
		n.doubt()
		if ctx.Err() != nil || !proven || !able && !errors.Is(err, ErrResponseTooLarge) {
			return nil, fmt.Errorf("%w; of single transactions: %w", whole, err)
		}
		n.setAside(ctx, b, i, err)
	}
	return infos, n.stillThere(ctx, b)
}

// setAside marks a transaction of a block as unexamined.
func (n *Node) setAside(ctx context.Context, b *wireBlock, i int, reason error) {
	if b.aside == nil {
		b.aside = make(map[int]string)
	}
	b.aside[i] = reason.Error()
	n.log.WarnContext(ctx, "transaction not examined: its payments may be missing",
		"network", n.network, "block", b.Header.Raw.Number, "tx", b.Txs[i].ID.String(), "err", reason)
}

// unexamined returns the transactions of a block that were set aside, in block order.
func (b *wireBlock) unexamined() []chain.Unexamined {
	var all []chain.Unexamined
	for i := range b.Txs {
		if reason, aside := b.aside[i]; aside {
			all = append(all, chain.Unexamined{TxID: b.Txs[i].ID.String(), Reason: reason})
		}
	}
	return all
}

// stillThere verifies that the block is in the chain, and that the node responds.
func (n *Node) stillThere(ctx context.Context, b *wireBlock) error {
	now, err := n.headerAt(ctx, wallet, b.Header.Raw.Number)
	if err == nil && now.Hash != b.ID.String() || errors.Is(err, chain.ErrNotFound) {
		return fmt.Errorf("%w: block %s left the chain while it was read", chain.ErrMoved, b.ID)
	}
	return err
}

// Examine implements [chain.Examiner]. It requests the result of the transaction alone.
func (n *Node) Examine(ctx context.Context, u chain.Unexamined) ([]chain.Transfer, error) {
	found, err := n.examine(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("tron: examine transaction %.100q of %s: %w", u.TxID, n.network, err)
	}
	return found, nil
}

func (n *Node) examine(ctx context.Context, u chain.Unexamined) ([]chain.Transfer, error) {
	b, _, err := n.wholeBlock(ctx, u.Height)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(b.Txs, func(x wireTx) bool { return x.ID.String() == u.TxID })
	if b.ID.String() != u.Block || i < 0 {
		return nil, fmt.Errorf("%w: block %.100q", chain.ErrGone, u.Block)
	}
	alone := *b
	alone.Txs = b.Txs[i : i+1]
	infos, err := n.infosApart(ctx, &alone, true, make([]*wireInfo, 1), chain.ErrIncomplete)
	if err != nil {
		return nil, err
	}
	if reason, aside := alone.aside[0]; aside {
		return nil, fmt.Errorf("%w: %s", chain.ErrIncomplete, reason)
	}
	return n.transfers(&alone, infos), nil
}
