package chaintest

import (
	"errors"

	"github.com/cointill/cointill/chain"
)

const gapRule = "heights that the chain passed over have no block, the next block names the last one before them, and no transfer is lost or moved"

// gapsArePassedOver makes a gap between two payments, and then reorganises it away.
func gapsArePassedOver(p *probe) {
	skipper, ok := p.w.(Skipper)
	if !ok {
		return // the chain has a block at every height
	}
	start, to := p.tip(), p.w.Address(p.T)
	paid := []string{p.pay(to, 21_000)}
	p.w.Mine(p.T, 1)
	before := p.tip()
	const gap = 7
	skipper.Skip(p.T, gap)
	p.atHeight(before.Height+1, chain.ErrNotFound) // as long as nothing is above
	paid = append(paid, p.pay(to, 22_000))
	p.w.Mine(p.T, 1)
	after := p.tip()
	if after.Height <= before.Height+gap || after.Parent != before.Hash {
		p.broken("%d heights after block %d %s the tip is %+v", gap, before.Height, before.Hash, after.Header)
	}
	for height := before.Height + 1; height < after.Height; height++ {
		p.atHeight(height, chain.ErrNoBlock)
	}
	p.atHeight(after.Height+1, chain.ErrNotFound)

	f, l := p.follower(), &Ledger{}
	cursor := p.follow(f, l, chain.CursorSince(start.Time))
	p.sameAsPaid(l, to, paid)
	p.follow(p.follower(), &Ledger{}, chain.CursorSince(after.Time)) // from within the gap, or next to it

	p.w.Reorganise(p.T, 1)
	for p.tip().Height < after.Height { // until then, the node may as well be behind
		p.w.Mine(p.T, 1)
	}
	s := p.next(f, cursor)
	if !s.Rewound || s.Fork != before.Height {
		p.broken("the block above the gap left, but: rewound %v to %d instead of %d", s.Rewound, s.Fork, before.Height)
	}
	p.ok(l.Apply(s), "apply")
	p.follow(f, l, s.Cursor)
	p.sameAsPaid(l, to, paid)
}

// atHeight checks that Header and Block fail with an error at a height.
func (p *probe) atHeight(height uint64, want error) {
	p.Helper()
	if h, err := p.node.Header(p.Context(), height); !errors.Is(err, want) {
		p.broken("Header(%d) = %+v, %v; want the error %q", height, h, err, want)
	}
	if b, err := p.node.Block(p.Context(), height); !errors.Is(err, want) {
		p.broken("Block(%d) = %+v, %v; want the error %q", height, b, err, want)
	}
}

// watchGaps pays below and above a gap, and then reorganises the gap away.
func watchGaps(w *watch) {
	skipper, ok := w.w.(Skipper)
	if !ok {
		return // the chain has a block at every height
	}
	to := w.w.Address(w.t)
	paid := []string{w.pay(to, 21_000)}
	w.w.Mine(w.t, 1)
	skipper.Skip(w.t, 7)
	paid = append(paid, w.pay(to, 22_000))
	w.w.Mine(w.t, 2)
	w.until("all payments are there", func() bool { return w.asPaid(to, paid) })
	w.w.Reorganise(w.t, 2)
	w.w.Mine(w.t, 8) // takes in what may have waited, and is as high as before
	paid = append(paid, w.pay(to, 23_000))
	w.w.Mine(w.t, 1)
	w.until("the payments are those of the new chain", func() bool { return w.asPaid(to, paid) })
}
