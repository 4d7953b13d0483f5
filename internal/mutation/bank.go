package main

// bankTable has faults of what pays without a key of ours, and of what other means have paid.
var bankTable = []mutation{
	{
		name: "what the provider has is submitted again", file: "payout/provider.go",
		from: `		seen.Pooled = true
	case OutcomeConfirm:`, to: `	case OutcomeConfirm:`,
		rule: "in doubt a provider is asked, and not told again",
	},
	{
		name: "what the provider does not have has failed", file: "payout/provider.go",
		from: `		return Look{Versions: []Sighting{{}}}, nil
	}
	if err != nil {`, to: `		return Look{Versions: []Sighting{{}}, Dead: true}, nil
	}
	if err != nil {`,
		rule: "only the provider's word ends an instruction",
	},
	{
		name: "a return that overtakes the payment is forgotten", file: "payout/service_return.go",
		from: `	if after, err = s.put(ctx, &b, before, after, ""); err != nil {
		return Payout{}, err
	}
	return after, s.commit(ctx, b)`, to: `	if before.State.Status != StatusPaid {
		return before, nil
	}
	if after, err = s.put(ctx, &b, before, after, ""); err != nil {
		return Payout{}, err
	}
	return after, s.commit(ctx, b)`,
		rule: "a payout that is decided beside its return is decided again",
	},
	{
		name: "one transaction of others pays any number of payouts", file: "payout/service_outside.go",
		from: `Counters: []Counter{{outsideName(before, txID), before.Units, brought}}}`, to: `Counters: []Counter{{outsideName(before, txID) + before.ID, before.Units, brought}}}`,
		rule: "what a transaction brought counts once",
	},
	{
		name: "what a transaction of ours may pay is marked as paid", file: "payout/service_outside.go",
		from: `p.State.Transaction != "":
		return &StatusError`, to: `p.State.Transaction == "x":
		return &StatusError`,
		rule: "a payout is paid once, by us or by others",
	},
	{
		name: "a refund is marked as paid beside another", file: "payout/service_outside.go",
		from: `credit.Refundable(before.Asset.ID).Cmp(before.Units) < 0 {`, to: `credit.Refundable(before.Asset.ID).Sign() < 0 {`,
		rule: "an invoice is refunded at most what it brought",
	},
	{
		name: "a withdrawal that failed settles", file: "payout/service_settlement.go",
		from: `p.State.Status != StatusCancelled && p.State.Status != StatusReturned`, to: `p.State.Status != StatusReturned`,
		rule: "what did not leave settles nothing",
	},
	{
		name: "accepted is paid", file: "payout/sepa/status.go",
		from: `func (s Status) Settled() bool { return outcomes[s] == settled }`, to: `func (s Status) Settled() bool { return outcomes[s] == settled || s == StatusInProcess }`,
		rule: "only settled is paid",
	},
	{
		name: "an order is exported again", file: "payout/sepa/bank/export.go",
		from: `		change.Documents = append(change.Documents, payout.Document{Name: q.Name, Was: q.Value})
		order, doc`, to: `		order, doc`,
		rule: "an order is in one file",
	},
	{
		name: "a file is written anew", file: "payout/sepa/bank/export.go",
		from: `	change.Documents = append(change.Documents, pack(a.name(kindBytes, f.ID), text.Bytes())...)
`, to: `	change.Documents = append(change.Documents, pack(a.name(kindBytes, f.ID), []byte(f.ID))...)
`,
		rule: "a file has the same bytes for ever",
	},
	{
		name: "a debit of another amount pays", file: "payout/sepa/bank/books.go",
		from: `	case d.cents != nil && d.cents.Cmp(o.Instruction.Units) != 0:`, to: `	case d.cents != nil && d.cents.Sign() < 0:`,
		rule: "an order is paid by a debit of its amount",
	},
	{
		name: "a file that does not add up is paid", file: "payout/sepa/bank/books.go",
		from: `	return ids, sum.Cmp(cents) == 0, nil`, to: `	return ids, true, nil`,
		rule: "a debit for a file pays what it adds up to",
	},
	{
		name: "what came back is not told", file: "payout/sepa/bank/books.go",
		from: `	if err != nil || o.Return == "" || r.svc == nil {`, to: `	if err != nil || o.Return != "" || r.svc == nil {`,
		rule: "what came back is the project's again",
	},
	{
		name: "a status that is read late takes back that it is settled", file: "payout/sepa/bank/books.go",
		from: `	case settled || o.Status.Rejected():
		return // nothing`, to: `	case o.Status.Rejected():
		return // nothing`,
		rule: "a settled order stays settled",
	},
	{
		name: "a response about another payment counts", file: "payout/gateway/gateway.go",
		from: `err != nil || s.ID != id {`, to: `err != nil {`,
		rule: "a response that says something else concludes nothing",
	},
	{
		name: "a callback is believed without its signature", file: "payout/gateway/callback.go",
		from: `	body, err := c.Verify(r)
	if err != nil {`, to: `	body, err := c.Verify(r)
	if err != nil && body != nil {`,
		rule: "a callback is signed",
	},
}
