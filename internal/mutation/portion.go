package main

// portionTable has faults of what is stored in portions because the store takes no more at once.
var portionTable = []mutation{
	{
		name: "a batch that is too large may have been stored", file: "invoice/service_commit.go",
		from: ` && !errors.Is(err, ErrTooLarge)`, to: ``,
		rule: "a refusal that stores nothing is known as one",
	},
	{
		name: "an action on a flooded invoice is refused for ever", file: "invoice/service_commit.go",
		from: `		if c.most = fewer(c.most, len(d.payments)); c.most == 0 {`, to: `		if true {`,
		rule: "an operator can act on an invoice however many payments it has",
	},
	{
		name: "many blocks are stored in portions", file: "invoice/service_follow.go",
		from: `		case n.shrink(len(step.Joined)):`, to: `		case false:`,
		rule: "a step that is too large is first made smaller",
	},
	{
		name: "fewer blocks are asked for again and again", file: "invoice/service_network.go",
		from: `	return kept
`, to: `	return kept || true
`,
		rule: "a step that cannot be smaller is stored in portions",
	},
	{
		name: "what was too large waits for a minute", file: "invoice/service_follow.go",
		from: `refused.all != "" || refused.large {`, to: `refused.all != "" {`,
		rule: "what shared a batch that was refused does not wait",
	},
	{
		name: "portions leave out what the clock decides", file: "invoice/service_follow.go",
		from: `		if p.Version != version {`, to: `		if p.Version < version {`,
		rule: "an invoice is completed without another block",
	},
	{
		name: "portions of blocks that left stay", file: "invoice/machine_match.go",
		from: `	if v.joins && !v.rewound {`, to: `	if false {`,
		rule: "money that the chain does not have is taken back",
	},
	{
		name: "portions of blocks that left for no others stay", file: "invoice/machine_match.go",
		from: `	v.joins = v.joins || head.AtTip() && now.Sub(aside[i].Since) > portionsWait
`, to: ``,
		rule: "money that the chain does not have is taken back, also while it stands still",
	},
	{
		name: "portions are taken back by a node that is behind", file: "invoice/machine_match.go",
		from: `head.AtTip() && now.Sub(aside[i].Since) > portionsWait`, to: `head.AtTip()`,
		rule: "a node that is behind takes nothing back",
	},
	{
		name: "portions are not noted", file: "invoice/machine_aside.go",
		from: `	return append(slices.Clip(p.Aside), Aside{Since: now, Cause: inPortions, Portions: true, Fork: p.Head.Height})`, to: `	return p.Aside`,
		rule: "money that the chain does not have is taken back",
	},
	{
		name: "portions are noted for ever", file: "invoice/machine_aside.go",
		from: `	if v.joins { // then it is stored as a whole`, to: `	if false {`,
		rule: "what is stored as a whole does not wait for anything",
	},
	{
		name: "a portion that is too large is tried again and again", file: "invoice/machine_portion.go",
		from: `	return most / 2`, to: `	return most`,
		rule: "what the store does not take becomes less",
	},
	{
		name: "a portion ends by time what is still to be paid", file: "invoice/machine_portion.go",
		from: `!before.State.Closed && c.head.Time.After(deadline)`, to: `false`,
		rule: "money in time counts, however late it is stored",
	},
	{
		name: "a portion is completed by what is still to be taken back", file: "invoice/service_retry.go",
		from: `		if most > 0 && a.Rewound {`, to: `		if false {`,
		rule: "only money that the chain has completes an invoice",
	},
	{
		name: "the first portion is taken for all", file: "invoice/service_retry.go",
		from: `		portion := most > 0 && len(b.Update) > 0`, to: `		portion := false`,
		rule: "what was set aside stays so until all of it is taken into account",
	},
	{
		name: "the clock decides about one portion", file: "invoice/service_wake.go",
		from: `		case err != nil, c.most == 0, len(b.Payments) == 0:`, to: `		case err != nil, c.most >= 0, len(b.Payments) == 0:`,
		rule: "all deposits that are deep enough are told",
	},
	{
		name: "a flood takes the room of all that is set aside", file: "invoice/machine_aside.go",
		from: `		room = min(room, maxSeenOfOne-seenOf(list, a.Invoice))`, to: `		_ = seenOf`,
		rule: "one invoice takes only so much room",
	},
	{
		name: "what is set aside has no bound", file: "invoice/machine_aside.go",
		from: `			room -= len(o.Seen)`, to: `			_ = room`,
		rule: "what is set aside fits in a batch",
	},
	{
		name: "what there was no room for of a flood is not told", file: "invoice/machine_aside.go",
		from: `	return noteFull(addAside(list, a), false)`, to: `	return addAside(list, a)`,
		rule: "an operator is told when blocks have to be read again",
	},
	{
		name: "a flood that cannot be told ends a portion", file: "invoice/service_step.go",
		from: `		_, broken := errors.AsType[*brokenError](err)`, to: `		if d != nil && c.spend(len(d.payments)) {
			break
		}
		_, broken := errors.AsType[*brokenError](err)`,
		rule: "one invoice that cannot be stored keeps no other from it",
	},
}
