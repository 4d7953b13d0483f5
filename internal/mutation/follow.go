package main

var followTable = []mutation{
	{
		name: "a fence does not hold for a step", file: "invoice/service_follow.go",
		from: `b.Progress, b.Fence = []Progress{next}, n.duty.fence()`, to: `b.Progress = []Progress{next}`,
		rule: "a process that has lost its lease changes nothing",
	},
	{
		name: "who was overtaken goes on", file: "invoice/service_follow.go",
		from: `	case stored.Version > p.Version:
		return errOvertaken`,
		to: `	case stored.Version > p.Version:
		return nil`,
		rule: "a step that another process has stored is not stored again",
	},
	{
		name: "a store of the same version is the store that was", file: "invoice/service_follow.go",
		from: `stored.Version < p.Version || !stored.At.Equal(p.At):`, to: `stored.Version < p.Version:`,
		rule: "blocks that a store has lost are read again",
	},
	{
		name: "a store that goes back is not noticed", file: "invoice/service_follow.go",
		from: `		n.indexes.fellBack()`, to: `		_ = n.indexes`,
		rule: "a process that goes on running notices that its store was replaced",
	},
	{
		name: "who notices that the store fell back looks where it looked before", file: "invoice/service_follow.go",
		from: `		n.forgetAhead()`, to: `		_ = n.forgetAhead`,
		rule: "money at an address that nobody has says that the store has lost its end",
	},
	{
		name: "progress is stored without its version", file: "invoice/service_follow.go",
		from: `Version: p.Version + 1}`, to: `Version: p.Version + 2}`,
		rule: "two processes do not both advance a network",
	},
	{
		name: "a stamp in the future passes deadlines", file: "invoice/machine_head.go",
		from: `	if stamp.After(now) {
		stamp = now
	}`,
		to:   `	_ = now`,
		rule: "no block takes a chain's time further than our own clock",
	},
	{
		name: "a chain's time goes back", file: "invoice/machine_head.go",
		from: `	if stamp.Before(before) {
		return before
	}`,
		to:   `	_ = before`,
		rule: "what was seen of a chain's time stays seen",
	},
	{
		name: "deadlines pass while blocks are still to be read", file: "invoice/machine_head.go",
		from: `		head.Time = before.Time`, to: `		head.Time = chainTime(before.Time, head.Time, now)`,
		rule: "a payment in a block that is stamped in time and still to be read is in time",
	},
	{
		name: "finality is lost", file: "invoice/machine_head.go",
		from: `head.Finalized = max(head.Finalized, min(before.Finalized, head.Height))`, to: `_ = before.Finalized`,
		rule: "a finality that was reached stays reached",
	},
	{
		name: "nothing wakes with a new head", file: "invoice/service_follow.go",
		from: `		if next.Head != p.Head || next.Version > p.Version+1 { // or there were portions
			if err := s.wake`,
		to: `		if false {
			if err := s.wake`,
		rule: "invoices mature and expire with the chain",
	},
	{
		name: "an idle step is stored for ever", file: "invoice/service_follow.go",
		from: `len(b.Update) == 0 && next.Head == p.Head &&`, to: `next.Head == p.Head &&`,
		rule: "what a pool shows is stored although the head has not moved",
	},
	{
		name: "a lost lease is kept", file: "invoice/service_lease.go",
		from: `	d.lease = lease
	return nil`,
		to: `	_ = lease
	return nil`,
		rule: "a process that has lost its lease changes nothing",
	},
	{
		name: "a lease is not renewed", file: "invoice/service_lease.go",
		from: `	renewal.Go(func() { d.renew(inner, cancel) })`, to: `	_ = d.renew`,
		rule: "a slow node does not hand a network to a process that is no quicker",
	},
	{
		name: "a lease is renewed too late", file: "invoice/service_lease.go",
		from: `pause(ctx, d.ttl/3)`, to: `pause(ctx, 3*d.ttl)`,
		rule: "a slow node does not hand a network to a process that is no quicker",
	},
	{
		name: "a lost lease is not noticed", file: "invoice/service_lease.go",
		from: `			lost(err)
			return`,
		to:   `			return`,
		rule: "who has lost a network stops working on it",
	},
	{
		name: "a lease is not given up", file: "invoice/service_lease.go",
		from: `	_ = d.leaser.Release(ctx, lease) // it`, to: `	_ = ctx // it`,
		rule: "another process need not wait when one ends",
	},
	{
		name: "a full page ends the waking", file: "invoice/service_wake.go",
		from: `case len(page) < wakingPage || !movesOn(page, b.Update):`, to: `case true:`,
		rule: "all that matures with a head is decided with it",
	},
	{
		name: "a fence does not hold for what wakes", file: "invoice/service_wake.go",
		from: `		if err == nil {
			b.Fence = fence
			err = s.store(ctx, b)
		}
		switch`,
		to: `		if err == nil {
			err = s.store(ctx, b)
		}
		switch`,
		rule: "a process that has lost its lease changes nothing",
	},
	{
		name: "one invoice keeps others asleep", file: "invoice/service_wake.go",
		from: `		if refused > stubborn {`, to: `		if false {`,
		rule: "an invoice that the store refuses stops nothing but itself",
	},
	{
		name: "an invoice that is stuck is tried for ever", file: "invoice/service_wake.go",
		from: `return stuck[inv.ID] })`, to: `return false })`,
		rule: "an invoice that the store refuses stops nothing but itself",
	},
	{
		name: "a rate that is found values nothing", file: "invoice/service_wake.go",
		from: `				changes = append(changes, change{payment: valued})`, to: `				_ = valued`,
		rule: "a payment in another asset is valued as soon as there is a rate",
	},
}
