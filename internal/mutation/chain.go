package main

const (
	chainFile = "chain/follow.go"
	readFile  = "chain/read.go"
)

var chainTable = []mutation{
	{
		name: "transfers of another network are taken", file: chainFile,
		from: `		case t.Asset.Network() != network:`, to: `		case false:`,
		rule: "an adapter that tells of another network is not believed",
	},
	{
		name: "incomplete transfers are taken", file: chainFile,
		from: `case t.TxID == "" || t.To == "" ||`, to: `case t.To == "" ||`,
		rule: "a transfer without an id cannot be told from another",
	},
	{
		name: "transfers of nothing are taken", file: chainFile,
		from: `t.Units == nil || t.Units.Sign() <= 0:`, to: `t.Units == nil || t.Units.Sign() < 0:`,
		rule: "an adapter tells of money",
	},
	{
		name: "another block than was asked for is taken", file: chainFile,
		from: `	if h.Height != height || h.Height`, to: `	if h.Height`,
		rule: "a node that answers another block is not believed",
	},
	{
		name: "a time ahead of a block is behind it", file: chainFile,
		from: `		case h.Time.Before(since):`, to: `		case !h.Time.After(since):`,
		rule: "a block stamped at the time to begin at is read",
	},
	{
		name: "stamps of miners are trusted to the second", file: chainFile,
		from: `	since = since.Add(-f.cfg.Margin)`, to: `	_ = f.cfg.Margin`,
		rule: "following begins early enough for stamps that are off",
	},
	{
		name: "a first block has nothing below it", file: chainFile,
		from: `	return f.anchor(ctx, *base)`, to: `	return []ref{*base}, nil`,
		rule: "the chain may reorganise below the block that following began with",
	},
	{
		name: "a step is one block larger", file: chainFile,
		from: `p.from()+uint64(f.batch())-1)`, to: `p.from()+uint64(f.batch()))`,
		rule: "a step has at most as many blocks as were asked for",
	},
	{
		name: "a payment vanishes for a step", file: chainFile,
		from: `			p.least = min(tip.Height, p.left[n-1].height)`, to: `			p.least = p.from()`,
		rule: "a payment that a reorganisation moves does not vanish in between",
	},
	{
		name: "a rewinding stops short of what left", file: chainFile,
		from: `			p.last = max(p.last, p.least)`, to: `			_ = p.last`,
		rule: "a payment that a reorganisation moves does not vanish in between",
	},
	{
		name: "a node that is behind rewinds", file: chainFile,
		from: `	case n < len(refs) && (n == 0 || same):`, to: `	case n == 0:`,
		rule: "a node that is behind takes nothing back",
	},
	{
		name: "an unrelated chain is followed", file: chainFile,
		from: `		return 0, fmt.Errorf("%w: not even block %d", ErrUnrelated, refs[0].height)`, to: `		return 1, nil`,
		rule: "a node of another chain takes nothing back",
	},
	{
		name: "a block's parent is not looked at", file: chainFile,
		from: `		case i > 0 && b.Parent != blocks[i-1].Hash,`, to: `		case false,`,
		rule: "blocks of one step are one chain",
	},
	{
		name: "a step need not join the one before", file: chainFile,
		from: `			i == 0 && len(known) > 0 && b.Parent != known[len(known)-1].hash,`, to: `			false && len(known) > 0,`,
		rule: "a step joins the chain that was followed",
	},
	{
		name: "a tip need not be the tip", file: chainFile,
		from: `			b.Height == p.tip.Height && b.Hash != p.tip.Hash:`, to: `			false:`,
		rule: "blocks of one step are one chain up to the tip",
	},
	{
		name: "the last block is not confirmed", file: chainFile,
		from: `		failure = f.confirm(ctx, joined[len(joined)-1])`, to: `		failure = nil`,
		rule: "of every block the hash is confirmed by something else",
	},
	{
		name: "a block that moved is kept", file: chainFile,
		from: `		joined = joined[:len(joined)-1]`, to: `		_ = joined`,
		rule: "of every block the hash is confirmed by something else",
	},
	{
		name: "the fork is one block higher", file: chainFile,
		from: `s.Rewound, s.Fork = true, p.from()-1`, to: `s.Rewound, s.Fork = true, p.from()`,
		rule: "all that left the chain is taken back",
	},
	{
		name: "a reorganisation is not told", file: chainFile,
		from: `s.Rewound, s.Fork = true, p.from()-1`, to: `s.Rewound, s.Fork = false, p.from()-1`,
		rule: "all that left the chain is taken back",
	},
	{
		name: "blocks that were not read are final", file: chainFile,
		from: `Finalized: min(p.tip.Finalized, head.Height),`, to: `Finalized: p.tip.Finalized,`,
		rule: "a head is not final beyond itself",
	},
	{
		name: "an old pool is shown after a reorganisation", file: chainFile,
		from: `	if s.atEnd && !s.Rewound && poolKnown {`, to: `	if s.atEnd && poolKnown {`,
		rule: "a transaction that a reorganisation threw back into the pool has not vanished",
	},
	{
		name: "a pool is shown before the end of the chain", file: chainFile,
		from: `	if s.atEnd && !s.Rewound && poolKnown {`, to: `	if !s.Rewound && poolKnown {`,
		rule: "what is no longer in the pool may be in a block that is still to be read",
	},
	{
		name: "a failed pool is an empty one", file: chainFile,
		from: `		f.cfg.Logger.Warn("pool not readable", "network", f.node.Network(), "err", err)
	}
	return nil, false`,
		to: `		f.cfg.Logger.Warn("pool not readable", "network", f.node.Network(), "err", err)
	}
	return nil, true`,
		rule: "a node that does not answer takes nothing back",
	},
	{
		name: "blocks after a failure are taken", file: readFile,
		from: `		if !has {
			return i`,
		to: `		if !has && false {
			return i`,
		rule: "no block is passed over",
	},
	{
		name: "incomplete blocks are taken", file: readFile,
		from: `		err = b.complete()`, to: `		_ = b.complete`,
		rule: "a block that was not examined says what of it was not",
	},
	{
		name: "a caller's limit is ignored", file: readFile,
		from: `		batch = min(batch, limit)`, to: `		_ = limit`,
		rule: "a step has at most as many blocks as were asked for",
	},
	{
		name: "a height without a block is one with nothing", file: readFile,
		from: `			if b.Hash != "" {
				blocks`,
		to: `			if true {
				blocks`,
		rule: "heights that the chain passed over have no block",
	},
}
