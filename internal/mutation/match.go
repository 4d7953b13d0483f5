package main

var matchTable = []mutation{
	{
		name: "a slot ignores the asset", file: "invoice/machine_match.go",
		from: `return fmt.Sprintf("%s:%078d", asset, units)`, to: `return fmt.Sprintf("%s:%078d", asset.Network(), units)`,
		rule: "at a shared address as many units of another asset are not the invoice's",
	},
	{
		name: "slots do not sort as amounts do", file: "invoice/machine_match.go",
		from: `return fmt.Sprintf("%s:%078d", asset, units)`, to: `return fmt.Sprintf("%s:%d", asset, units)`,
		rule: "at a shared address no two open invoices ask for the same amount",
	},
	{
		name: "any amount fits a slot", file: "invoice/machine_match.go",
		from: ` || q.Slot != slotOf(t.Asset, t.Units)):`, to: `):`,
		rule: "at a shared address only the exact amount is an invoice's",
	},
	{
		name: "a new holder gets what was paid before", file: "invoice/machine_match.go",
		from: `		case q.Slot != "" && q.follows(s.block): // it matches the amount by chance`, to: `		case false:`,
		rule: "what was in a block before the amount was asked for is not for it",
	},
	{
		name: "a new holder is as good as the one before", file: "invoice/machine_match.go",
		from: `		case q.Slot == "" && q.older(s.block): // it belongs to the invoice that had the place before, if any`, to: `		case false:`,
		rule: "what was in a block before an address was given out again is its former holder's",
	},
	{
		name: "a stamp says more than an exact amount", file: "invoice/machine_match.go",
		from: `q.Slot != "" && q.follows(s.block)`, to: `q.Slot != "" && q.older(s.block)`,
		rule: "at a shared address the amount says whose it is",
	},
	{
		name: "a later holder gets what nobody known was paid", file: "invoice/machine_match.go",
		from: `return id, rank != rankOlder || clearly(id, candidates, s)`, to: `return id, clearly(id, candidates, s) || true`,
		rule: "money that is older than all who are known to have had an address is nobody's that is known",
	},
	{
		name: "nobody is paid on a chain that became shorter", file: "invoice/machine_match.go",
		from: `	return alone || later`, to: `	return alone`,
		rule: "whose a payment is does not hang on a block that left the chain",
	},
	{
		name: "who gave a place up was the first to have it", file: "invoice/machine_match.go",
		from: `inv.ID == invoice && !q.Released && inv.State.ReleasedAt.IsZero()`, to: `inv.ID == invoice`,
		rule: "money that is older than all who are known to have had an address is nobody's that is known",
	},
	{
		name: "who gave an address up gets the money of its holder", file: "invoice/machine_match.go",
		from: `		case gone:
			r = 6
		default:
			r = 7`,
		to: `		case gone:
			r = 7
		default:
			r = 6`,
		rule: "money is whoever's who holds the address now",
	},
	{
		name: "the first holder gets the money of the last", file: "invoice/machine_match.go",
		from: `return c > 0`, to: `return c < 0`,
		rule: "money at an address that nobody holds is its last holder's",
	},
	{
		name: "nothing is a payment", file: "invoice/machine_match.go",
		from: `if t.Units == nil || t.Units.Sign() <= 0 || t.Asset`, to: `if t.Units == nil || t.Asset`,
		rule: "transfers of nothing poison address histories and are not payments",
	},
	{
		name: "a transfer of another network is one of this", file: "invoice/machine_match.go",
		from: ` || t.Asset.Network() != v.network {
		return`,
		to: ` {
		return`,
		rule: "an adapter tells of its own network alone",
	},
	{
		name: "a pool that lags takes a payment out of its block", file: "invoice/machine_change.go",
		from: `if s.block == (BlockRef{}) && p.inBlock() && !p.Withdrawn && !v.left(p) {`, to: `if false {`,
		rule: "what is in a block stays there although a pool has not noticed",
	},
	{
		name: "a payment that comes back stays withdrawn", file: "invoice/machine_change.go",
		from: `		next.Withdrawn = false`, to: `		_ = next.Withdrawn`,
		rule: "money that the chain gives again counts again",
	},
	{
		name: "a reorganisation takes nothing back", file: "invoice/machine_change.go",
		from: `return v.rewound && p.Block.Height > v.fork`, to: `return false`,
		rule: "what is no longer on the chain is no longer money",
	},
	{
		name: "a reorganisation takes the fork's block too", file: "invoice/machine_change.go",
		from: `return v.rewound && p.Block.Height > v.fork`, to: `return v.rewound && p.Block.Height >= v.fork`,
		rule: "the block where the chains part is in both",
	},
	{
		name: "a reorganisation spares its first block", file: "invoice/machine_change.go",
		from: `return v.rewound && p.Block.Height > v.fork`, to: `return v.rewound && p.Block.Height > v.fork+1`,
		rule: "what is no longer on the chain is no longer money",
	},
	{
		name: "what vanishes from the pool stays", file: "invoice/machine_change.go",
		from: `	return v.poolKnown && !v.veiled[p.Key.TxID]`,
		to:   `	return false`,
		rule: "a transaction that was replaced is no longer money",
	},
	{
		name: "what was mined unexamined is lost", file: "invoice/machine_change.go",
		from: `	return v.poolKnown && !v.veiled[p.Key.TxID]`,
		to:   `	return v.poolKnown`,
		rule: "a transaction that left the pool for a block is still money",
	},
	{
		name: "an unknown pool is an empty one", file: "invoice/machine_change.go",
		from: `	return v.poolKnown && !v.veiled[p.Key.TxID]`,
		to:   `	return !v.veiled[p.Key.TxID]`,
		rule: "a node that does not answer takes nothing back",
	},
	{
		name: "a known payment is a fresh one", file: "invoice/machine_change.go",
		from: `		if known[key] {
			continue
		}`,
		to:   `		_ = known[key]`,
		rule: "a payment is recorded and told once",
	},
	{
		name: "a deposit is told with every block", file: "invoice/machine_change.go",
		from: `!p.Withdrawn && p.MaturedAt.IsZero() && p.Key.Network`, to: `!p.Withdrawn && p.Key.Network`,
		rule: "a deposit that is deep enough is told once",
	},
	{
		name: "a deposit that was taken back is not told again", file: "invoice/machine_change.go",
		from: `p.Withdrawn, p.MaturedAt = true, time.Time{}`, to: `p.Withdrawn = true`,
		rule: "a deposit that the chain gives again is told when it is deep enough again",
	},
	{
		name: "another amount is worth what it was", file: "invoice/machine_change.go",
		from: `		p.Credit, p.Rerated = nil, nil`, to: `		_ = p.Credit`,
		rule: "a payment whose amount changes in a reorganisation is valued anew",
	},
	{
		name: "another deposit is the one that was told", file: "invoice/machine_change.go",
		from: `		p.MaturedAt = time.Time{} // the deposit`, to: `		_ = p.MaturedAt // the deposit`,
		rule: "a deposit whose amount changes in a reorganisation is told again",
	},
	{
		name: "a stamp that was put right goes back", file: "invoice/machine_change.go",
		from: `	if was.Hash == p.Block.Hash && was.Time.Before(p.Block.Time) {`, to: `	if false {`,
		rule: "what a later block proves of a stamp stays proven",
	},
	{
		name: "a later stamp says nothing of the blocks of its step", file: "invoice/machine_match.go",
		from: `			stamps[i] = stamps[i+1]`, to: `			_ = stamps[i+1]`,
		rule: "a miner's stamp that is ahead makes no payer late",
	},
	{
		name: "a later stamp says nothing of blocks before its step", file: "invoice/machine_change.go",
		from: `	if !v.stampedBack(p) {`, to: `	if true {`,
		rule: "a miner's stamp that is ahead makes no payer late",
	},
	{
		name: "a stamp reaches one block less", file: "invoice/machine_change.go",
		from: `height+stampReach >= v.first`, to: `height+stampReach > v.first`,
		rule: "a block may be stamped ahead of one that comes eleven later",
	},
	{
		name: "a stamp reaches any block", file: "invoice/machine_change.go",
		from: `height+stampReach >= v.first && v.earliest`, to: `v.earliest`,
		rule: "a block that lies about its time makes no payment of long ago early",
	},
	{
		name: "a block of the step proves nothing", file: "invoice/machine_match.go",
		from: `if !latest.IsZero() && !v.earliest.Before(latest) {`, to: `if !latest.IsZero() {`,
		rule: "a miner's stamp that is ahead makes no payer late",
	},
	{
		name: "an earlier payment of the invoice counts twice in its class", file: "invoice/machine_change.go",
		from: `		r.counted.Sub(r.counted, orZero(r.part(was, r.fold).counted))`, to: `		_ = was`,
		rule: "a payment that moves is not what makes the next one a duplicate",
	},
	{
		name: "more on a completed invoice is no duplicate", file: "invoice/machine_change.go",
		from: `case r.covers(r.counted) || !r.completedAt.IsZero():`, to: `case r.covers(r.counted):`,
		rule: "money on an invoice that was taken as paid is a duplicate",
	},
	{
		name: "a known payment is whoever's who holds the address", file: "invoice/service_step.go",
		from: `			case owner != "":`, to: `			case owner == "-":`,
		rule: "a payment stays with the invoice that has it",
	},
	{
		name: "what may be a damaged invoice's is given away", file: "invoice/service_step.go",
		from: `			case damaged[key], known == "" && c.damaged[address]:`, to: `			case false && damaged[key]:`,
		rule: "nobody gets what may belong to an invoice that cannot be read",
	},
	{
		name: "a rewinding looks at no old payment", file: "invoice/machine_match.go",
		from: `		from, need = v.fork, true`, to: `		from, need = Unconfirmed-1, true`,
		rule: "what is no longer on the chain is no longer money",
	},
	{
		name: "a pool is not held against what was in it", file: "invoice/machine_match.go",
		from: `from, need := uint64(Unconfirmed-1), v.poolKnown`, to: `from, need := uint64(Unconfirmed-1), false`,
		rule: "a transaction that was replaced is no longer money",
	},
	{
		name: "a stamp is held against too few blocks", file: "invoice/machine_match.go",
		from: `v.first-min(v.first, stampReach+1)`, to: `v.first-min(v.first, stampReach)`,
		rule: "a block may be stamped ahead of one that comes eleven later",
	},
	{
		name: "an invoice may change between two questions", file: "invoice/service_step.go",
		from: `if known && was.Version != inv.Version {`, to: `if false {`,
		rule: "an invoice is decided on facts of one moment",
	},
	{
		name: "settled payments of the first question are forgotten", file: "invoice/service_step.go",
		from: `			inv.Payments = distinct(append(slices.Clip(was.Payments), inv.Payments...))`, to: `			_ = was.Payments`,
		rule: "a settled payment that moves is found, whatever found its invoice",
	},
	{
		name: "the clock of one network decides for another", file: "invoice/service_step.go",
		from: `	if inv.Network() == stepping {`, to: `	if true {`,
		rule: "confirmations and deadlines go by the network of the invoice",
	},
	{
		name: "a place is given up in the decision that claims it", file: "invoice/service_commit.go",
		from: `	if len(b.Claims) == 0 { // else`, to: `	if true { // else`,
		rule: "an invoice holds what it claims",
	},
	{
		name: "an invoice is quoted for a time that is over", file: "invoice/service_choose.go",
		from: `	if c.head.Time.After(e.inv.EffectiveDeadline()) {`, to: `	if false {`,
		rule: "an invoice that is quoted can be paid",
	},
	{
		name: "held places of other networks are not looked at", file: "invoice/service_commit.go",
		from: `		if p.Head.Time.Before(c.oldest) {`, to: `		if false {`,
		rule: "a place on a network that is not being seen is not given up",
	},
	{
		name: "what comes after a thing set aside goes before it", file: "invoice/service_step.go",
		from: `refused.cause(before.ID, p.Aside)`, to: `refused.cause(before.ID, nil)`,
		rule: "what concerns an invoice is taken into account in its order",
	},
	{
		name: "a slot's holder is not asked for", file: "invoice/service_step.go",
		from: `if inv.Terms.Remainder && inv.Network() == v.network {`, to: `if false {`,
		rule: "at a shared address the exact amount is its invoice's",
	},
}
