package chain

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

var (
	_ Examiner = (*Follower)(nil)
	_ Examiner = (*Nodes)(nil)
)

// Examine implements [Examiner] with the node, if it is one. It waits at most [FollowConfig.Timeout], and may be
// called concurrently with Next.
func (f *Follower) Examine(ctx context.Context, u Unexamined) ([]Transfer, error) {
	node, ok := f.node.(Examiner)
	if !ok {
		return nil, fmt.Errorf("chain: examine transaction on %s: %w", f.node.Network(), errors.ErrUnsupported)
	}
	found, err := ask(ctx, f.cfg.Timeout, func(ctx context.Context) ([]Transfer, error) { return node.Examine(ctx, u) })
	if err == nil {
		err = u.checkFound(f.node.Network(), found)
	}
	if err != nil {
		return nil, fmt.Errorf("chain: examine transaction %.100q on %s: %w", u.TxID, f.node.Network(), err)
	}
	return found, nil
}

// checkFound rejects transfers that no adapter may return for the transaction.
func (u Unexamined) checkFound(network Network, found []Transfer) error {
	for _, t := range found {
		if t.TxID != u.TxID {
			return fmt.Errorf("%w: transfer of transaction %.100q", ErrIncomplete, t.TxID)
		}
	}
	return checkTransfers(network, found)
}

// complete fills in the block's height, hash and stamp in its unexamined transactions, and rejects those that
// contradict them.
func (b *Block) complete() error {
	for i := range b.Unexamined {
		u := &b.Unexamined[i]
		switch {
		case u.TxID == "",
			u.Height != 0 && u.Height != b.Height,
			u.Block != "" && u.Block != b.Hash,
			!u.Time.IsZero() && !u.Time.Equal(b.Time):
			return fmt.Errorf("%w: unexamined transaction %.100q of block %d %.20q", ErrIncomplete, u.TxID, u.Height, u.Block)
		}
		u.Height, u.Block, u.Time, u.Reason = b.Height, b.Hash, b.Time, clean(u.Reason)
	}
	return nil
}

// clean returns valid UTF-8 no longer than MaxReason.
func clean(reason string) string {
	reason = strings.ToValidUTF8(reason, "")
	if len(reason) <= MaxReason {
		return reason
	}
	end := MaxReason
	for !utf8.RuneStart(reason[end]) {
		end--
	}
	return reason[:end]
}

// of returns those of the transfers that belong to a transaction.
func of(transfers []Transfer, txid string) []Transfer {
	return slices.DeleteFunc(slices.Clone(transfers), func(t Transfer) bool { return t.TxID != txid })
}

func (b Block) examined(txid string) bool {
	return !slices.ContainsFunc(b.Unexamined, func(u Unexamined) bool { return u.TxID == txid })
}

// sameBlock compares what is credited, except for transactions that one of them could not examine: there they differ
// although neither is wrong.
func sameBlock(a, b Block) bool {
	if len(a.Unexamined)+len(b.Unexamined) == 0 {
		return sameHeader(a.Header, b.Header) && sameTransfers(a.Transfers, b.Transfers)
	}
	settled := func(transfers []Transfer) []Transfer {
		return slices.DeleteFunc(slices.Clone(transfers), func(t Transfer) bool { return !a.examined(t.TxID) || !b.examined(t.TxID) })
	}
	return sameHeader(a.Header, b.Header) && sameTransfers(settled(a.Transfers), settled(b.Transfers))
}

// sumBlocks combines the answers of members that have the same block, and reports whether other members could not add
// to it: enough of them have examined all of it, and hold back no transfer except of assets in doubt.
func sumBlocks(camp []answer[Block], agree int, doubted map[AssetID]bool) (Block, bool) {
	sum, whole := sumExamined(camp, agree)
	said := make([][]Transfer, len(camp))
	for i, a := range camp {
		said[i] = a.value.Transfers
	}
	var released bool
	sum.Transfers, released = release(sum.Transfers, said, agree, doubted)
	return sum, whole && released
}

// release marks those transfers as held that belong to an asset in doubt, or that fewer members than agree do not hold
// back. It reports whether there is none of the latter.
func release(transfers []Transfer, said [][]Transfer, agree int, doubted map[AssetID]bool) ([]Transfer, bool) {
	held := func(t Transfer) bool { return t.Held }
	if len(doubted) == 0 && !slices.ContainsFunc(said, func(of []Transfer) bool { return slices.ContainsFunc(of, held) }) {
		return transfers, true
	}
	free := map[claim]int{}
	for _, of := range said {
		for _, t := range of {
			if !t.Held {
				free[claimOf(t)]++
			}
		}
	}
	transfers = slices.Clone(transfers)
	for i, t := range transfers {
		transfers[i].Held = doubted[t.Asset] || free[claimOf(t)] < agree
	}
	return transfers, !slices.ContainsFunc(transfers, func(t Transfer) bool { return t.Held && !doubted[t.Asset] })
}

// sumExamined combines the answers of members that have the same block, and reports whether enough of them have
// examined each transaction with the same result. Of a transaction that they have not, it keeps the transfers that
// enough of them saw.
func sumExamined(camp []answer[Block], agree int) (Block, bool) {
	var open []Unexamined
	named := map[string]bool{}
	for _, a := range camp {
		for _, u := range a.value.Unexamined {
			if !named[u.TxID] {
				named[u.TxID] = true
				open = append(open, u)
			}
		}
	}
	if len(open) == 0 {
		return camp[0].value, true
	}
	sum := Block{Header: camp[0].value.Header}
	found := map[string][]Transfer{}
	for _, u := range open {
		transfers, ok := findings(camp, u.TxID, agree)
		found[u.TxID] = transfers
		if !ok {
			sum.Unexamined = append(sum.Unexamined, u)
		}
	}
	// In the order of the member that examined most.
	most := slices.MinFunc(camp, func(a, b answer[Block]) int { return len(a.value.Unexamined) - len(b.value.Unexamined) })
	for _, t := range most.value.Transfers {
		if !named[t.TxID] {
			sum.Transfers = append(sum.Transfers, t)
			continue
		}
		sum.Transfers = append(sum.Transfers, found[t.TxID]...)
		delete(found, t.TxID)
	}
	for _, u := range open {
		sum.Transfers = append(sum.Transfers, found[u.TxID]...)
	}
	return sum, len(sum.Unexamined) == 0
}

// findings returns the transfers of a transaction that enough members found, and reports whether enough have examined
// it with that result.
func findings(camp []answer[Block], txid string, agree int) ([]Transfer, bool) {
	var examined []answer[finding]
	var seen []answer[finding]
	for _, a := range camp {
		f := answer[finding]{m: a.m, value: finding{transfers: of(a.value.Transfers, txid)}}
		seen = append(seen, f)
		if a.value.examined(txid) {
			examined = append(examined, f)
		}
	}
	if winners, ok := quorum(examined, agree, sameFinding); ok {
		return winners[0].value.transfers, true
	}
	var found []Transfer
	counts := map[claim]int{}
	for _, s := range seen {
		for _, t := range s.value.transfers {
			c := claimOf(t)
			if counts[c]++; counts[c] == agree {
				found = append(found, t)
			}
		}
	}
	return found, false
}

// finding is what a member reports about a transaction.
type finding struct {
	transfers []Transfer
	gone      bool
}

func (f finding) id() string {
	if f.gone {
		return "gone"
	}
	return fmt.Sprintf("%d transfers", len(f.transfers))
}

func sameFinding(a, b finding) bool {
	return a.gone == b.gone && sameTransfers(a.transfers, b.transfers)
}

// sameTransfers compares what is credited. From is for display, Replaceable is meaningless in a block, and a member
// may hold back what another does not.
func sameTransfers(a, b []Transfer) bool {
	return slices.EqualFunc(a, b, func(a, b Transfer) bool {
		return a.TxID == b.TxID && a.Index == b.Index && a.Asset == b.Asset && a.To == b.To && a.Units.Cmp(b.Units) == 0
	})
}

// Examine implements [Examiner] with those members that are: it returns what [NodesConfig.Agree] of them report,
// including that a transaction is gone. A member that cannot examine a transaction has not failed, as anybody can send
// one that no node can examine. Examine returns [errors.ErrUnsupported] if fewer than Agree members are an Examiner.
func (n *Nodes) Examine(ctx context.Context, u Unexamined) ([]Transfer, error) {
	if !n.examines {
		return nil, errors.ErrUnsupported
	}
	question := func(ctx context.Context, m *member) (finding, error) {
		found, err := m.examiner.Examine(ctx, u)
		if errors.Is(err, ErrGone) {
			return finding{gone: true}, nil
		}
		if err == nil {
			err = u.checkFound(n.network, found)
		}
		return finding{transfers: found}, err
	}
	var answers []answer[finding]
	order := n.order()
	list := slices.DeleteFunc(slices.Concat(order[0], order[1]), func(m *member) bool { return m.examiner == nil })
	for len(list) > 0 && ctx.Err() == nil {
		need := min(missing(answers, n.cfg.Agree, sameFinding), len(list))
		limit := n.share(ctx, (len(list)+need-1)/need)
		answers = append(answers, gather(ctx, n, list[:need], kindExamine, limit, question)...)
		if winners, ok := quorum(answers, n.cfg.Agree, sameFinding); ok {
			if winners[0].value.gone {
				return nil, fmt.Errorf("%w: %.100q", ErrGone, u.TxID)
			}
			said := make([][]Transfer, len(winners))
			for i, a := range winners {
				said[i] = a.value.transfers
			}
			found, _ := release(winners[0].value.transfers, said, n.cfg.Agree, n.doubted())
			return found, nil
		}
		list = list[need:]
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := contradiction(u.Height, answers, sameFinding); err != nil {
		return nil, err
	}
	if err := failures(answers); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%d of %d nodes responded, and %d must agree: %w", len(answers), len(n.members), n.cfg.Agree, n.troubles())
}
