package main

var settleTable = []mutation{
	{
		name: "the latest payments are settled", file: "invoice/machine_settle.go",
		from: `return inv.Payments[b].FirstSeen.Compare(inv.Payments[a].FirstSeen)`, to: `return inv.Payments[a].FirstSeen.Compare(inv.Payments[b].FirstSeen)`,
		rule: "an invoice shows at least its latest payments",
	},
	{
		name: "immature money is settled", file: "invoice/machine_settle.go",
		from: `	return p.mature(f.terms.Confirm, head)`, to: `	return true`,
		rule: "only confirmed money is confirmed",
	},
	{
		name: "unconfirmed money is settled", file: "invoice/machine_settle.go",
		from: `	case !p.inBlock(), p.needsValue(f, fold):`, to: `	case p.needsValue(f, fold):`,
		rule: "what waits in the pool may vanish and is awaited",
	},
	{
		name: "money that waits for a rate is settled", file: "invoice/machine_settle.go",
		from: `	case !p.inBlock(), p.needsValue(f, fold):`, to: `	case !p.inBlock():`,
		rule: "a payment in another asset is valued as soon as there is a rate",
	},
	{
		name: "a deposit is settled before it is told", file: "invoice/machine_settle.go",
		from: `	case f.terms.Standing && p.MaturedAt.IsZero():
		return false`,
		to: `	case f.terms.Standing && p.MaturedAt.IsZero():
		return true`,
		rule: "every deposit that is deep enough is told",
	},
	{
		name: "settling loses the money", file: "invoice/machine_settle.go",
		from: `			p.Settled = true
			sums.add(*p, f.part(*p, fold), 1)`,
		to: `			p.Settled = true
			sums.add(*p, part{}, 1)`,
		rule: "what was paid stays paid when it is settled",
	},
	{
		name: "an operator's action loses settled money", file: "invoice/machine_settle.go",
		from: `			sums = sums.clone()
			sums.add(*p, f.part(*p, fold), 1)`,
		to: `			sums = sums.clone()
			sums.add(*p, part{}, 1)`,
		rule: "what was paid stays paid whatever an operator does",
	},
	{
		name: "accepted late money stays unvalued", file: "invoice/machine_settle.go",
		from: `		case p.needsValue(f, fold):
			p.Settled = false
			reopened`,
		to: `		case false:
			p.Settled = false
			reopened`,
		rule: "a settled payment that has to be valued, now that facts are others, is valued",
	},
	{
		name: "settled deposits are not mature", file: "invoice/machine_settle.go",
		from: `was.Mature = sum(was.Mature, p.Units)`, to: `_ = was.Mature`,
		rule: "the balance of a standing invoice has all that is deep enough",
	},
	{
		name: "settled money has no asset", file: "invoice/machine_settle.go",
		from: `		s.Assets[p.Asset] = was`, to: `		_ = was`,
		rule: "the balance of a standing invoice has all that was paid",
	},
	{
		name: "a settled payment that is taken back counts as late still", file: "invoice/machine_settle.go",
		from: `s.Late += sign`, to: `s.Late++`,
		rule: "the outcome is that of the payments that are there",
	},
	{
		name: "a settled payment that is taken back counts as another asset still", file: "invoice/machine_settle.go",
		from: `s.Other += sign`, to: `s.Other++`,
		rule: "the outcome is that of the payments that are there",
	},
	{
		name: "a settled payment that is taken back is counted still", file: "invoice/machine_settle.go",
		from: `s.Count += sign`, to: `s.Count++`,
		rule: "an invoice says how many payments it has",
	},
	{
		name: "settled sums ignore the sign", file: "invoice/machine_settle.go",
		from: `new(big.Int).Mul(orZero(b), times)`, to: `new(big.Int).Abs(new(big.Int).Mul(orZero(b), times))`,
		rule: "what the chain takes back is taken out of the sums",
	},
	{
		name: "where settled money came to is forgotten", file: "invoice/machine_settle.go",
		from: `		s.Paid = append(s.Paid, p.To)`, to: `		_ = p.To`,
		rule: "a recovery names every number that was ever paid",
	},
	{
		name: "when settled money came is forgotten", file: "invoice/machine_settle.go",
		from: `s.LastSeen = later(s.LastSeen, p.FirstSeen)`, to: `_ = p.FirstSeen`,
		rule: "an address rests after it was last paid, and an asset is not chosen anew after a payment",
	},
	{
		name: "settled dust holds an address", file: "invoice/machine_settle.go",
		from: `	if !p.Dust {
		s.LastSeen`,
		to: `	if true {
		s.LastSeen`,
		rule: "a stranger cannot keep an address from others with dust",
	},
	{
		name: "sums are shared with the invoice before", file: "invoice/machine_settle.go",
		from: `slices.Clone(s.Paid), maps.Clone(s.Assets)`, to: `slices.Clone(s.Paid), s.Assets`,
		rule: "values of an invoice are snapshots: a decision that is not stored changes nothing",
	},
	{
		name: "a settled payment that moves counts twice", file: "invoice/machine_change.go",
		from: `inv.Settled.add(was, f.part(was, foldActions(f.deadline, f.actions)), -1)`, to: `_ = f.part(was, foldActions(f.deadline, f.actions))`,
		rule: "a payment counts once, also when it moves after it was settled",
	},
	{
		name: "a settled payment that moves is lost", file: "invoice/machine_change.go",
		from: `c.payment.Settled = false`, to: `c.payment.Settled = true`,
		rule: "a payment counts once, also when it moves after it was settled",
	},
	{
		name: "payments that were settled are not written", file: "invoice/prepare_decision.go",
		from: `	for _, p := range settled {
		keys[p.Key] = true
	}`,
		to:   `	_ = settled`,
		rule: "the store holds as settled what the sums have: else it counts twice when it is read",
	},
	{
		name: "an action leaves the settled sums as they are", file: "invoice/prepare_decision.go",
		from: `after, reopened = after.resettled()`, to: `_ = after.resettled`,
		rule: "late money counts once an operator accepts it, settled or not",
	},
	{
		name: "an action is decided without settled payments", file: "invoice/service_act.go",
		from: `if after, err = s.whole(ctx, after); err != nil {`, to: `if err != nil {`,
		rule: "what was paid stays paid whatever an operator does",
	},
	{
		name: "an asset is chosen anew after a settled payment", file: "invoice/payment.go",
		from: `return inv.Settled != nil && !inv.Settled.LastSeen.IsZero() ||`, to: `return inv.Settled != nil && false ||`,
		rule: "an asset is not chosen anew after a payment",
	},
	{
		name: "dust fixes the choice of the asset", file: "invoice/payment.go",
		from: `slices.ContainsFunc(inv.Payments, func(p Payment) bool { return !p.Dust })`, to: `len(inv.Payments) > 0`,
		rule: "a stranger's dust does not keep a payer from choosing",
	},
	{
		name: "a given up address comes back by a reopening", file: "invoice/prepare_decision.go",
		from: `case to == StatusNew && !is.ReleasedAt.IsZero():`, to: `case false:`,
		rule: "no address is two invoices' at a time",
	},
	{
		name: "who changes the asset may lose a payment", file: "invoice/service_choose.go",
		from: `before.State.Status != StatusNew || before.paid() || before.Terms.Standing`, to: `before.State.Status != StatusNew || before.Terms.Standing`,
		rule: "an asset is not chosen anew after a payment",
	},
	{
		name: "action numbers are given twice", file: "invoice/prepare_decision.go",
		from: `next.N = max(next.N, done.N+1)`, to: `next.N = max(next.N, done.N)`,
		rule: "each action counts once, in its order",
	},
}
