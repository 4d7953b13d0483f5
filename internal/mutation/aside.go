package main

var asideTable = []mutation{
	{
		name: "what was set aside jumps the queue", file: "invoice/service_retry.go",
		from: `		if a.Portions || a.Invoice != "" && !p.isNext(a, a.Invoice) {`, to: `		if a.Portions {`,
		rule: "what was set aside is taken into account in its order",
	},
	{
		name: "what was set aside is forgotten", file: "invoice/machine_aside.go",
		from: `	return slices.Delete(slices.Clone(list), i, i+1)`, to: `	return nil`,
		rule: "what was set aside stays so until it is taken into account",
	},
	{
		name: "what was taken into account stays set aside", file: "invoice/service_retry.go",
		from: `without(p.Aside, a)`, to: `p.Aside`,
		rule: "what was set aside is taken into account once",
	},
	{
		name: "a fence does not hold for what was set aside", file: "invoice/service_retry.go",
		from: `b.Progress, b.Fence = []Progress{next}, n.duty.fence()`, to: `b.Progress = []Progress{next}`,
		rule: "a process that has lost its lease changes nothing",
	},
	{
		name: "a step may be refused once too often", file: "invoice/machine_aside.go",
		from: `	if was.times++; was.times >= stubborn {`, to: `	if was.times++; was.times > stubborn+maxTries {`,
		rule: "an invoice that the store refuses stops nothing but itself",
	},
	{
		name: "a change between two refusals is a contradiction", file: "invoice/machine_aside.go",
		from: `	if was.version != inv.Version {`, to: `	if false {`,
		rule: "an invoice that others change at the same time is not set aside",
	},
	{
		name: "a rewinding spares the block that is not examined", file: "invoice/machine_aside.go",
		from: `if a.Unexamined != nil && a.Unexamined.Height > fork {`, to: `if a.Unexamined != nil && a.Unexamined.Height > fork+1 {`,
		rule: "a transaction that is no longer on the chain is examined no more",
	},
	{
		name: "a rewinding takes what is below the fork", file: "invoice/machine_aside.go",
		from: `if a.Unexamined != nil && a.Unexamined.Height > fork {`, to: `if a.Unexamined != nil && a.Unexamined.Height >= fork {`,
		rule: "a transaction that could not be examined is never forgotten while it is on the chain",
	},
	{
		name: "a rewinding joins what was set aside before", file: "invoice/machine_aside.go",
		from: `if last.Invoice != a.Invoice || a.Rewound || len`, to: `if last.Invoice != a.Invoice || len`,
		rule: "what was set aside is taken into account in its order",
	},
	{
		name: "a rewinding of a damaged invoice is forgotten", file: "invoice/machine_aside.go",
		from: `		for _, id := range t.damaged {`, to: `		for _, id := range t.damaged[:0] {`,
		rule: "money that left the chain is taken back once its invoice can be read again",
	},
	{
		name: "what is set aside stays although it left the chain", file: "invoice/machine_aside.go",
		from: `return s.Block.Height > fork })`, to: `return false })`,
		rule: "money that was set aside and left the chain is not counted",
	},
	{
		name: "a rewinding forgets what is set aside of the fork's block", file: "invoice/machine_aside.go",
		from: `return s.Block.Height > fork })`, to: `return s.Block.Height >= fork })`,
		rule: "what was set aside stays so until it is taken into account",
	},
	{
		name: "a rewinding forgets a rewinding", file: "invoice/machine_aside.go",
		from: `if all == 0 || len(a.Seen) > 0 || a.Rewound {`, to: `if all == 0 || len(a.Seen) > 0 {`,
		rule: "money that left the chain is taken back once its invoice can be read again",
	},
	{
		name: "what new blocks have goes before the rewinding", file: "invoice/machine_aside.go",
		from: ` && (a.Invoice != "" || !last.Rewound) ||`, to: ` ||`,
		rule: "money that moves while its invoice cannot be read is not lost",
	},
	{
		name: "what nobody could read overtakes a rewinding", file: "invoice/service_retry.go",
		from: `if a.Invoice == "" && len(t.mine[before.ID]) > 0 && !p.isNext(a, before.ID) {`, to: `if false {`,
		rule: "money that moves while its invoice cannot be read is not lost",
	},
	{
		name: "a rewinding goes without what the new blocks have", file: "invoice/service_retry.go",
		from: `if a.Rewound && o.Invoice == "" || same {`, to: `if same {`,
		rule: "a payment that only moves is not told as lost",
	},
	{
		name: "what is held back is credited", file: "invoice/service_step.go",
		from: `case sight.transfer.Held:`, to: `case sight.transfer.Held && false:`,
		rule: "what an asset is worth that is held back is not known",
	},
	{
		name: "what is held back is whose the address is by then", file: "invoice/service_retry.go",
		from: `			v.recall(o.Seen)`, to: `			v.recall(nil)`,
		rule: "money that is held back is credited to whom it was sent",
	},
	{
		name: "what is held back and mined again is whose the address is by then", file: "invoice/service_follow.go",
		from: `		v.recall(a.Seen)`, to: `		v.recall(a.Seen[:0])`,
		rule: "money that is held back is credited to whom it was sent",
	},
	{
		name: "what is held back is somebody's when its invoice cannot be read", file: "invoice/service_step.go",
		from: `case damaged[key], known == "" && c.damaged[address]:`, to: `case known == "" && (damaged[key] || c.damaged[address]):`,
		rule: "what was set aside stays so while its invoice cannot be read",
	},
	{
		name: "what is held back is released by time", file: "invoice/service_retry.go",
		from: `if err := n.held(a); err != nil {`, to: `if err := n.held(a); err != nil && false {`,
		rule: "an asset is held back until the node confirms its decimals",
	},
	{
		name: "what is held back is released by the configuration", file: "invoice/service_retry.go",
		from: `if s.Transfer.Held && (!asked || `, to: `if s.Transfer.Held && (!asked && false || `,
		rule: "an asset is held back until the node confirms its decimals",
	},
	{
		name: "one asset that is held back keeps all others", file: "invoice/machine_aside.go",
		from: `l.What == chain.Decimals && l.Asset == asset`, to: `l.What == chain.Decimals`,
		rule: "only the asset that is held back waits",
	},
	{
		name: "what is held back takes the room of all else", file: "invoice/machine_aside.go",
		from: `case a.heldBack() && held <= maxHeld, !a.heldBack() && len(list)-held <= maxAside:`, to: `case len(list) <= maxAside:`,
		rule: "what is held back, which anybody can send, makes no room of anything else",
	},
	{
		name: "one invoice takes all the room of what is held back", file: "invoice/machine_aside.go",
		from: `	if a.heldBack() && heldOf(list, a.Seen[0].For) >= maxHeldOfOne {`, to: `	if false {`,
		rule: "whoever has one invoice cannot push out what is held back of others",
	},
	{
		name: "what is examined is forgotten when there is no room for it", file: "invoice/service_retry.go",
		from: `seenIn(next.Aside) < seenIn(p.Aside)+len(t.held) {`, to: `seenIn(next.Aside) < 0 {`,
		rule: "what was set aside stays so until it is taken into account",
	},
	{
		name: "what there was no room for is not told", file: "invoice/service_retry.go",
		from: `if full || a.Since.Equal(now) {`, to: `if _ = full; a.Since.Equal(now) {`,
		rule: "what is not kept is logged",
	},
	{
		name: "what is held back once it is examined is not told", file: "invoice/service_retry.go",
		from: `s.logAside(n, p.Aside, next.Aside, c.now)`, to: `_ = s.logAside`,
		rule: "what is set aside is logged",
	},
	{
		name: "what was set aside is told by another clock", file: "invoice/service_follow.go",
		from: `s.logAside(n, p.Aside, aside, now)`, to: `s.logAside(n, p.Aside, aside, s.cfg.Now().UTC())`,
		rule: "what is set aside is logged",
	},
	{
		name: "what made room for another comes next", file: "invoice/machine_aside.go",
		from: `	return i >= 0 && sameAside(a, p.Aside[i])`, to: `	return sameAside(a, p.Aside[max(i, 0)]) || i < 0`,
		rule: "what is set aside no longer is not tried again",
	},
	{
		name: "an invoice waits for others that cannot be read", file: "invoice/service_retry.go",
		from: `return a.Invoice == "" || a.has(s) }`, to: `return true }`,
		rule: "an invoice that cannot be read stops nothing but itself",
	},
	{
		name: "anybody can push money out of what is set aside", file: "invoice/machine_aside.go",
		from: `	if i := slices.IndexFunc(list, func(a Aside) bool { return a.Unexamined != nil }); i >= 0 {
		return`,
		to: `	if i := 0; i >= 0 {
		return`,
		rule: "what cannot be examined, which anybody can send, makes room first",
	},
	{
		name: "a transaction that is examined late is forgotten", file: "invoice/service_retry.go",
		from: `v.add(sighting{t, BlockRef{u.Height, u.Block, u.Time.UTC()}})`, to: `_ = sighting{t, BlockRef{u.Height, u.Block, u.Time.UTC()}}`,
		rule: "money in a transaction that could not be examined at first counts once it can",
	},
	{
		name: "money that was set aside is everybody's", file: "invoice/service_retry.go",
		from: `		if a.Invoice != "" && a.Invoice != before.ID {`, to: `		if false {`,
		rule: "what was set aside for one invoice changes no other",
	},
	{
		name: "what is in the pool is set aside as if in a block", file: "invoice/machine_aside.go",
		from: `		if s.block != (BlockRef{}) {
			a.Seen`,
		to: `		if true {
			a.Seen`,
		rule: "what waits in a pool comes again by itself",
	},
	{
		name: "damaged invoices are decided all the same", file: "invoice/service_retry.go",
		from: `if slices.ContainsFunc(t.unread, mayBe) || slices.Contains(t.damaged, a.Invoice) {`, to: `if _ = mayBe; false {`,
		rule: "what was set aside stays so while its invoice cannot be read",
	},
}
