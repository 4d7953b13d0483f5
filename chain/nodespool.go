package chain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// claim is an unconfirmed transfer with everything that is credited, so that members which report different things
// under one key do not count as agreeing.
type claim struct {
	key   Key
	asset AssetID
	to    Address
	units string
}

func claimOf(t Transfer) claim { return claim{t.Key(), t.Asset, t.To, t.Units.String()} }

// pending is what is known about a claim.
type pending struct {
	transfer Transfer
	round    int       // the reading of the pools in which transfer was set
	by       uint64    // bits of the members that had it when their pools were last read
	shown    bool      // enough members had it once, so it was returned
	left     time.Time // when the last member lost it; zero while one has it

	// Once no member has it, it may be in a block that Tip has not reached. Those that had it know.
	dropped uint64 // bits of the members that had it, and whose height since then is not known yet
	height  uint64 // the highest that is known
}

// Pool implements [Pooler]. It returns the union of the pools of those members that are well. As a transfer that is
// not returned counts as gone,
//
//   - a transfer stays while one member has it, once Agree members had it. With Agree above 1, one that
//     fewer have is not returned yet, as a single node could invent it;
//   - the transfers of a member still count for PoolKeep when its pool cannot be read. Those that it alone
//     had are then gone late instead of too early, and new ones of the others are seen meanwhile;
//   - a transfer that no member has any more, which may mean that it is in a block, stays until Tip
//     has returned a block as high as those members are.
//
// So Pool may return a transfer that is already in a block. It returns an error if fewer than Agree members have a
// readable pool.
func (n *Nodes) Pool(ctx context.Context) ([]Transfer, error) {
	if !n.pools {
		return nil, errors.ErrUnsupported
	}
	select {
	case n.polling <- struct{}{}:
		defer func() { <-n.polling }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	answers := n.askPools(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	good := slices.DeleteFunc(slices.Clone(answers), func(a answer[[]Transfer]) bool { return a.err != nil })
	n.merge(good)
	if len(good) < n.cfg.Agree {
		return nil, fmt.Errorf("pools of %d nodes are readable, and %d must be: %w", len(good), n.cfg.Agree, failures(answers))
	}
	if err := n.clear(ctx, good); err != nil {
		return nil, err
	}
	return n.shown(), nil
}

// askPools reads the pools of the members that are well, and of others only if those are too few.
func (n *Nodes) askPools(ctx context.Context) []answer[[]Transfer] {
	var well, others []*member
	n.mu.Lock()
	for _, m := range n.members {
		switch {
		case m.pooler == nil || m.refused:
		case m.well() && m.ready(kindPool):
			well = append(well, m)
		default:
			others = append(others, m)
		}
	}
	n.mu.Unlock()
	question := func(ctx context.Context, m *member) ([]Transfer, error) {
		pool, err := m.pooler.Pool(ctx)
		if err == nil {
			err = checkTransfers(n.network, pool)
		}
		return pool, err
	}
	answers := gather(ctx, n, well, kindPool, n.share(ctx, 3), question)
	good := 0
	for _, a := range answers {
		if a.err == nil {
			good++
		}
	}
	if good < n.cfg.Agree {
		answers = append(answers, gather(ctx, n, others, kindPool, n.share(ctx, 2), question)...)
	}
	return answers
}

// merge takes over what members have in their pools, and drops what is too old to count of the others.
func (n *Nodes) merge(good []answer[[]Transfer]) {
	now := time.Now()
	var read, forget uint64
	for _, a := range good {
		a.m.pooled = now
		read |= a.m.bit
	}
	n.mu.Lock()
	for _, m := range n.members {
		if m.refused || now.Sub(m.pooled) >= n.cfg.PoolKeep {
			forget |= m.bit
		}
	}
	n.mu.Unlock()
	for _, p := range n.pool {
		p.dropped = (p.dropped | p.by&read) &^ forget
		p.by &^= read | forget
	}
	n.round++
	for _, a := range good {
		for _, t := range a.value {
			c := claimOf(t)
			p := n.pool[c]
			if p == nil {
				p = &pending{}
				n.pool[c] = p
			}
			if p.round != n.round {
				p.transfer, p.round = t, n.round
			}
			p.transfer.Replaceable = p.transfer.Replaceable || t.Replaceable
			p.by |= a.m.bit
			p.dropped &^= a.m.bit
			p.left = time.Time{}
		}
	}
	for _, p := range n.pool {
		p.shown = p.shown || bits.OnesCount64(p.by) >= n.cfg.Agree
	}
}

// clear drops what is in no pool any more, unless it may be in a block that Tip has not reached yet.
func (n *Nodes) clear(ctx context.Context, good []answer[[]Transfer]) error {
	now := time.Now()
	waiting := false
	for c, p := range n.pool {
		switch {
		case p.by != 0:
		case !p.shown || !p.left.IsZero() && now.Sub(p.left) >= n.cfg.PoolKeep:
			delete(n.pool, c)
		default:
			waiting = true
			if p.left.IsZero() {
				p.left = now
			}
		}
	}
	if !waiting {
		return nil
	}
	members := make([]*member, 0, len(good))
	for _, a := range good {
		members = append(members, a.m)
	}
	tips := gather(ctx, n, members, kindTip, n.share(ctx, 1), askTip)
	n.mu.Lock()
	said := n.height
	n.mu.Unlock()
	for c, p := range n.pool {
		if p.by != 0 {
			continue
		}
		for _, t := range tips {
			if t.err == nil && p.dropped&t.m.bit != 0 {
				p.dropped, p.height = p.dropped&^t.m.bit, max(p.height, t.value.Height)
			}
		}
		if p.dropped == 0 && p.height <= said {
			delete(n.pool, c)
		}
	}
	return ctx.Err()
}

// shown returns copies of what enough members have or had, one for each key: what most have, else what the preferred
// member has.
func (n *Nodes) shown() []Transfer {
	best := make(map[Key]*pending, len(n.pool))
	for c, p := range n.pool {
		if !p.shown {
			continue
		}
		if b := best[c.key]; b == nil || p.outweighs(b) {
			best[c.key] = p
		}
	}
	all := make([]Transfer, 0, len(best))
	for _, p := range best {
		t := p.transfer
		t.Units = new(big.Int).Set(t.Units)
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b Transfer) int {
		if c := strings.Compare(a.TxID, b.TxID); c != 0 {
			return c
		}
		return strings.Compare(a.Index, b.Index)
	})
	return all
}

func (p *pending) outweighs(o *pending) bool {
	if c := bits.OnesCount64(p.by) - bits.OnesCount64(o.by); c != 0 {
		return c > 0
	}
	return bits.TrailingZeros64(p.by) < bits.TrailingZeros64(o.by)
}
