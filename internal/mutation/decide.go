package main

var decideTable = []mutation{
	{
		name: "tolerance threshold rounded down", file: "invoice/machine_decide.go",
		from: `	return decimal.NewFromBigInt(amount, 2).GreaterThanOrEqual(
		decimal.NewFromBigInt(due, 0).Mul(hundred.Sub(t.TolerancePercent)))`,
		to:   `	return amount.Cmp(divideDown(decimal.NewFromBigInt(due, 0).Mul(hundred.Sub(t.TolerancePercent)), hundred)) >= 0`,
		rule: "less than the tolerance allows is not paid, not even by a part of a unit",
	},
	{
		name: "tolerance in units excludes its end", file: "invoice/machine_decide.go",
		from: `.Add(amount, orZero(t.ToleranceUnits)).Cmp(due) >= 0`, to: `.Add(amount, orZero(t.ToleranceUnits)).Cmp(due) > 0`,
		rule: "who pays exactly what is due has paid",
	},
	{
		name: "exactly the tolerance is too much", file: "invoice/machine_decide.go",
		from: `	return decimal.NewFromBigInt(amount, 2).GreaterThan(`, to: `	return decimal.NewFromBigInt(amount, 2).GreaterThanOrEqual(`,
		rule: "an overpayment within the tolerance is none",
	},
	{
		name: "the second of the deadline is late", file: "invoice/machine_decide.go",
		from: `return !p.FirstSeen.After(deadline)`, to: `return p.FirstSeen.Before(deadline)`,
		rule: "the second of the deadline is still in time",
	},
	{
		name: "a block stamped at the deadline is late", file: "invoice/machine_decide.go",
		from: `!p.Block.Time.After(deadline)`, to: `p.Block.Time.Before(deadline)`,
		rule: "the second of the deadline is still in time",
	},
	{
		name: "our downtime makes a payer late", file: "invoice/machine_decide.go",
		from: ` || p.inBlock() && !p.Block.Time.After(deadline)`, to: ``,
		rule: "what is in a block stamped by the deadline is in time, whenever we saw it",
	},
	{
		name: "one confirmation more is needed", file: "invoice/machine_decide.go",
		from: `Confirmations(p.Block.Height) >= need.Depth`, to: `Confirmations(p.Block.Height) > need.Depth`,
		rule: "the depth that the terms name is enough",
	},
	{
		name: "one confirmation less is enough", file: "invoice/machine_decide.go",
		from: `Confirmations(p.Block.Height) >= need.Depth`, to: `Confirmations(p.Block.Height)+1 >= need.Depth`,
		rule: "money is confirmed at the depth that the terms name and not before",
	},
	{
		name: "safe is as good as final", file: "invoice/machine_decide.go",
		from: `return head.Finalized >= p.Block.Height`, to: `return max(head.Finalized, head.Safe) >= p.Block.Height`,
		rule: "who asks for finality gets finality",
	},
	{
		name: "the final block itself is not final", file: "invoice/machine_decide.go",
		from: `return head.Finalized >= p.Block.Height`, to: `return head.Finalized > p.Block.Height`,
		rule: "the finalized block is final",
	},
	{
		name: "what may be replaced counts unconfirmed", file: "invoice/machine_decide.go",
		from: `return need == chain.Confirmations{} && !p.Replaceable`, to: `return need == chain.Confirmations{}`,
		rule: "a transaction that its sender may take back is not money yet",
	},
	{
		name: "a payment is looked at a block late", file: "invoice/machine_decide.go",
		from: `p.Block.Height + need.Depth - 1`, to: `p.Block.Height + need.Depth`,
		rule: "an invoice is completed with the block that makes its payment deep enough",
	},
	{
		name: "withdrawn money counts", file: "invoice/machine_decide.go",
		from: `		if p.Settled || p.Withdrawn || p.Dust || p.Asset.Network() != f.asset.Network() {
			continue`,
		to: `		if p.Settled || p.Dust || p.Asset.Network() != f.asset.Network() {
			continue`,
		rule: "what the chain took back is nothing",
	},
	{
		name: "settled payments count twice", file: "invoice/machine_decide.go",
		from: `if p.Settled || p.Withdrawn`, to: `if p.Withdrawn`,
		rule: "a payment counts once, whether it is settled or not",
	},
	{
		name: "the settled sum is forgotten", file: "invoice/machine_decide.go",
		from: `t.counted.Set(orZero(s.Counted))`, to: `t.counted.SetInt64(0)`,
		rule: "what was paid stays paid when it is settled",
	},
	{
		name: "settled money is not confirmed", file: "invoice/machine_decide.go",
		from: `t.confirmed.Set(t.counted)`, to: `t.confirmed.SetInt64(0)`,
		rule: "only what is deep enough is settled, so all of it is confirmed",
	},
	{
		name: "settled late money leaves no trace", file: "invoice/machine_decide.go",
		from: `t.late, t.other = s.Late > 0, s.Other > 0`, to: `t.late, t.other = false, s.Other > 0`,
		rule: "the outcome says that money came late, however many payments followed",
	},
	{
		name: "settled money in another asset leaves no trace", file: "invoice/machine_decide.go",
		from: `t.late, t.other = s.Late > 0, s.Other > 0`, to: `t.late, t.other = s.Late > 0, false`,
		rule: "the outcome says that money came in another asset, however many payments followed",
	},
	{
		name: "held late money counts", file: "invoice/machine_decide.go",
		from: `	case LateHold:
	}
	return nil`,
		to: `	case LateHold:
	}
	return p.Credit`,
		rule: "late money counts only where the policy or an operator says so",
	},
	{
		name: "late money counts at the old rate", file: "invoice/machine_decide.go",
		from: `		return p.Rerated
`, to: `		return p.Credit
`,
		rule: "rerated late money counts at the rate of when it came",
	},
	{
		name: "held money in another asset counts", file: "invoice/machine_decide.go",
		from: `if other && f.terms.Other != OtherAccept {`, to: `if other && f.terms.Other == "" {`,
		rule: "money in another asset counts only where the policy says so",
	},
	{
		name: "dust is valued and waited for", file: "invoice/machine_decide.go",
		from: `if p.Withdrawn || p.Dust || f.due == nil`, to: `if p.Withdrawn || f.due == nil`,
		rule: "dust costs nothing: no rate is asked for it",
	},
	{
		name: "completion is forgotten", file: "invoice/machine_decide.go",
		from: `	case !f.completedAt.IsZero():`, to: `	case !f.completedAt.IsZero() && f.covers(sum.counted):`,
		rule: "what was completed stays so, and the chain taking it back is an alarm",
	},
	{
		name: "seen is paid", file: "invoice/machine_decide.go",
		from: `f.covers(sum.confirmed)`, to: `f.covers(sum.counted)`,
		rule: "only confirmed money completes an invoice",
	},
	{
		name: "a cancelled invoice is completed by money", file: "invoice/machine_decide.go",
		from: `case !fold.cancelled && !fold.archived && f.covers(`, to: `case !fold.archived && f.covers(`,
		rule: "money on a cancelled invoice is on record and completes nothing",
	},
	{
		name: "late money does not lengthen the quarantine", file: "invoice/machine_decide.go",
		from: `last = later(last, p.FirstSeen)`, to: `_ = p.FirstSeen`,
		rule: "an address rests after it was last paid",
	},
	{
		name: "settled money does not lengthen the quarantine", file: "invoice/machine_decide.go",
		from: `later(later(last, s.CompletedAt), f.settled.lastSeen())`, to: `later(last, s.CompletedAt)`,
		rule: "an address rests after it was last paid, whether that is settled or not",
	},
	{
		name: "the quarantine does not wait for the deadline", file: "invoice/machine_decide.go",
		from: `last = later(last, fold.deadline)`, to: `_ = fold.deadline`,
		rule: "an address rests after its invoice has expired",
	},
	{
		name: "the quarantine does not wait for completion", file: "invoice/machine_decide.go",
		from: `later(later(last, s.CompletedAt), f.settled.lastSeen())`, to: `later(last, f.settled.lastSeen())`,
		rule: "an address rests after its invoice was completed",
	},
	{
		name: "dust holds an address for ever", file: "invoice/machine_decide.go",
		from: `		if p.Dust { // or`, to: `		if p.Dust && p.Withdrawn { // or`,
		rule: "a stranger cannot keep an address from others with dust",
	},
	{
		name: "an address is given up under an unconfirmed payment", file: "invoice/machine_decide.go",
		from: `if !p.Withdrawn && !p.inBlock() {`, to: `if false {`,
		rule: "an address with a payment on its way is nobody else's",
	},
	{
		name: "an address is given up where nobody looks", file: "invoice/machine_decide.go",
		from: `c.oldest.After(rested)`, to: `c.head.Time.After(rested)`,
		rule: "a place on a network that is not being seen is not given up",
	},
	{
		name: "an address is given up a moment early", file: "invoice/machine_decide.go",
		from: `c.oldest.After(rested)`, to: `!c.oldest.Before(rested)`,
		rule: "the whole quarantine passes before an address is used again",
	},
	{
		name: "a blind watcher expires invoices", file: "invoice/machine_decide.go",
		from: `return c.head.Time.After(fold.deadline)`, to: `return c.now.After(fold.deadline)`,
		rule: "nothing expires before the chain was seen to the deadline",
	},
	{
		name: "an invoice expires at its deadline", file: "invoice/machine_decide.go",
		from: `return c.head.Time.After(fold.deadline)`, to: `return !c.head.Time.Before(fold.deadline)`,
		rule: "the second of the deadline is still in time",
	},
	{
		name: "what does not count makes pending", file: "invoice/machine_decide.go",
		from: `	case f.covers(sum.counted):
		return StatusPending`,
		to: `	case f.covers(sum.received):
		return StatusPending`,
		rule: "pending means that enough counts and is awaited",
	},
	{
		name: "too little keeps a single payment open", file: "invoice/machine_decide.go",
		from: `return over || f.terms.Single`, to: `return over`,
		rule: "where the first payment decides, too little closes",
	},
	{
		name: "an operator's completion is reverted", file: "invoice/machine_decide.go",
		from: `s.Status == StatusCompleted && fold.completed.IsZero() && !covered`, to: `s.Status == StatusCompleted && !covered`,
		rule: "what was taken as paid by hand has no money that the chain could take back",
	},
	{
		name: "the chain takes money back in silence", file: "invoice/machine_decide.go",
		from: `fold.completed.IsZero() && !covered`, to: `fold.completed.IsZero() && false`,
		rule: "money of a completed invoice that vanishes is an alarm",
	},
	{
		name: "a reopened invoice keeps its old deadline", file: "invoice/machine_decide.go",
		from: `fold.cancelled, fold.expired, fold.deadline = false, false, a.Until`, to: `fold.cancelled, fold.expired = false, false`,
		rule: "a reopened invoice has time to be paid",
	},
	{
		name: "actions apply in the order of reading", file: "invoice/machine_decide.go",
		from: `func(a, b Action) int { return a.N - b.N }`, to: `func(a, b Action) int { return 0 }`,
		rule: "the same facts in any order give the same state",
	},
	{
		name: "nobody wakes an invoice at its deadline", file: "invoice/machine_decide.go",
		from: `		w.Time = fold.deadline`, to: `		w.Time = time.Time{}`,
		rule: "an unpaid invoice expires",
	},
	{
		name: "nobody wakes what matures", file: "invoice/machine_decide.go",
		from: `w.Tag, w.Height = f.terms.Confirm.Tag, sum.matures`, to: `w.Tag = f.terms.Confirm.Tag`,
		rule: "a payment that becomes deep enough completes its invoice",
	},
	{
		name: "a change is told without its status", file: "invoice/prepare_payload.go",
		from: `	case was.Closed != is.Closed:`, to: `	case false:`,
		rule: "an invoice that closes without a change of status is told",
	},
	{
		name: "a lost payment is not told", file: "invoice/prepare_payload.go",
		from: `out = append(out, draft{typ: EventPaymentLost, payment: &pay})`, to: ``,
		rule: "whoever was told of a payment is told that it is gone",
	},
	{
		name: "payments are classed without those before", file: "invoice/prepare_payload.go",
		from: `		state.record(c.payment)`, to: `		_ = state`,
		rule: "of two payments in one step the second is a duplicate",
	},
	{
		name: "returned money is not told", file: "invoice/prepare_payload.go",
		from: `} else if wasGone && !isGone {`, to: `} else if false {`,
		rule: "after the alarm comes the all-clear",
	},
	{
		name: "a closed invoice changes in silence", file: "invoice/prepare_payload.go",
		from: `len(out) == 0 && was.Closed &&`, to: `len(out) == 0 && false &&`,
		rule: "what was told of a closed invoice is told again when it changes",
	},
	{
		name: "a confirmed partial payment is not told", file: "invoice/prepare_payload.go",
		from: `!was.PartialConfirmed() && is.PartialConfirmed()`, to: `false`,
		rule: "a shop is told when what it has of a partial payment is certain",
	},
	{
		name: "events of one step have one number", file: "invoice/prepare_payload.go",
		from: `Seq: before.Seq + int64(i) + 1`, to: `Seq: before.Seq + int64(min(i, 0)) + 1`,
		rule: "events are numbered without gaps, each number once",
	},
}
