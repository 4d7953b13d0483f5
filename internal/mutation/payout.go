package main

// payoutTable has the faults that other systems have paid twice for, or lost money by.
var payoutTable = []mutation{
	{
		name: "a transaction is signed before it is stored that it may be", file: "payout/service_sign.go",
		from: `	t.Versions[last].Offered = true
	if t.Stage == StagePlanned {
		t.Stage = StageOffered
	}`, to: `	if t.Stage != StagePlanned {
		t.Versions[last].Offered = true
	}`,
		rule: "what a signer may have signed ends only by a conflict on the chain",
	},
	{
		name: "the signed bytes are sent before they are stored", file: "payout/service_sign.go",
		from: `	t.Versions[i].Raw, t.Versions[i].TxID = raw, txID
`, to: `	t.Versions[i].Raw, t.Versions[i].TxID = raw, txID
	_ = n.Spender.Send(ctx, t.Versions[i])
`,
		rule: "nothing is sent that is not stored",
	},
	{
		name: "a payout that was refused by a node is paid again", file: "payout/service_pay.go",
		from: `		t.Detail = refused.Error()
		r.log.Warn("a node refuses a transaction"`, to: `		t.Detail = refused.Error()
		t.Stage = StageDead
		for k := range d.payouts {
			d.payouts[k].State.Status, d.payouts[k].State.Transaction = StatusQueued, ""
		}
		r.log.Warn("a node refuses a transaction"`,
		rule: "no refusal of a node ends a transaction",
	},
	{
		name: "a transaction that nobody has seen for an hour is given up", file: "payout/machine_decide.go",
		from: `	case f.look.Dead || f.tx.doomed():`, to: `	case f.look.Dead || f.tx.doomed() || f.now.Sub(f.tx.CreatedAt) > time.Minute:`,
		rule: "no timer ends a transaction",
	},
	{
		name: "a member is taken out of a signed batch", file: "payout/machine_decide.go",
		from: `func (f facts) wantsCancel() bool {
	return`, to: `func (f facts) wantsCancel() bool {
	for k, p := range f.payouts {
		if p.did(ActionCancel) && f.tx.Stage == StageSigned {
			f.payouts[k].State.Status, f.payouts[k].State.Transaction = StatusCancelled, ""
		}
	}
	return`,
		rule: "a payout leaves a batch only before it may be signed",
	},
	{
		name: "a payout is paid once a block has it", file: "payout/machine_decide.go",
		from: `	case seen.Final:
		d.finish(f, i)`, to: `	case seen.Height > 0:
		d.finish(f, i)`,
		rule: "paid is final",
	},
	{
		name: "a failed transaction counts as paid", file: "payout/machine_decide.go",
		from: `		case !v.Cancels && !seen.Failed:`, to: `		case !v.Cancels:`,
		rule: "what failed in its block is not paid",
	},
	{
		name: "a final transaction that is gone stays paid", file: "payout/machine_decide.go",
		from: `	case f.tx.Stage == StageFinal:
		d.undo(f)`, to: `	case f.tx.Stage == StageFinal:`,
		rule: "what a reorganisation takes back is sent again",
	},
	{
		name: "a cancelled batch is paid again before that is buried", file: "payout/machine_decide.go",
		from: `	p.State.Status, p.State.Reason, p.State.EndAt = StatusSent, ReasonConfirming, time.Time{}
	d.payouts[k] = p`, to: `	p.State.Status, p.State.Transaction, p.State.TxID, p.State.Paid = StatusQueued, "", "", nil
	d.payouts[k] = p`,
		rule: "a payout gets another transaction only when no version that pays it can come back",
	},
	{
		name: "the fee that was paid is taken as planned", file: "payout/machine_decide.go",
		from: `			units.Add(units, new(big.Int).Sub(v.Fee, orZero(seen.Fee)))`, to: ``,
		rule: "the books have the fee that was paid",
	},
	{
		name: "an end that was undone is posted under the same name", file: "payout/machine_decide.go",
		from: `			p.State.Undone++
`, to: ``,
		rule: "what is posted again after a reorganisation is an entry of its own",
	},
	{
		name: "a decision on a stale transaction is stored", file: "payout/service_pay.go",
		from: `	if len(b.Payouts) > 0 || !reflect`, to: `	if !reflect`,
		rule: "what is decided on stale facts is refused",
	},
	{
		name: "the coins of a final transaction are free at once", file: "payout/machine_decide.go",
		from: `	d.moves = d.tx.Effect
`, to: `	d.moves = d.tx.Effect
	d.unlocks = append(d.unlocks, v.Spends...)
`,
		rule: "a transaction keeps what it spends until it is buried",
	},
	{
		name: "what spends coins that never exist waits for ever", file: "payout/service_pay.go",
		from: `		if doomed.Stage.Open() && !slices`, to: `		if doomed.Cancel && !slices`,
		rule: "a transaction that can never be mined is found out",
	},
	{
		name: "a gap of numbers is left", file: "payout/machine_decide.go",
		from: `	case f.last:
		d.tx.Stage, d.unlocks`, to: `	case f.last || !f.last:
		d.tx.Stage, d.unlocks`,
		rule: "no number of a sender is left out",
	},
	{
		name: "a foreign transaction ends a payout before it is buried", file: "payout/machine_decide.go",
		from: `	if !f.look.TakenFinal {`, to: `	if !f.look.Taken {`,
		rule: "a conflict counts when it is buried",
	},
	{
		name: "a payment that is seen before its block is never booked", file: "payout/machine_credit.go",
		from: `			out.wait(p.Key.Network, deep+1)`, to: `			_ = deep`,
		rule: "the books say what the chain brought, whatever the feed told of it",
	},
	{
		name: "one version that can never be mined ends the others", file: "payout/transaction.go",
		from: `	return !slices.ContainsFunc(t.Versions, func(v Version) bool { return !slices.ContainsFunc(v.Spends, never) })`, to: `	return slices.ContainsFunc(t.Versions, func(v Version) bool { return slices.ContainsFunc(v.Spends, never) })`,
		rule: "a payout gets another transaction only when all versions are proven dead",
	},
	{
		name: "what a foreign transaction may have paid is paid again", file: "payout/machine_decide.go",
		from: `	case f.look.Taken: // before Dead`, to: `	case f.look.Taken && !f.look.Dead: // before Dead`,
		rule: "a payout whose coins somebody else spent is not paid again",
	},
	{
		name: "a refund that failed still counts", file: "payout/service_pay.go",
		from: `		return r.unrefund(ctx, b, p, 1)`, to: `		return r.unrefund(ctx, &Batch{}, p, 1)`,
		rule: "what was not refunded can be refunded",
	},
	{
		name: "a refund that a reorganisation may pay after all is made again", file: "payout/service_pay.go",
		from: `		return t.Stage != StageFinal
	default:`, to: `		return true
	default:`,
		rule: "an invoice is refunded at most what it brought",
	},
	{
		name: "a refund is not noted on its invoice", file: "payout/service_refund.go",
		from: `	addTo(copied, p.Asset.ID, units)
`, to: `	addTo(copied, p.Asset.ID, units.SetInt64(0))
`,
		rule: "an invoice is refunded at most what it brought",
	},
	{
		name: "a payment that is gone stays booked", file: "payout/machine_credit.go",
		from: `		booked := !p.Withdrawn && p.Block.Hash != ""`, to: `		booked := f.receipts[p.Key].Booked || !p.Withdrawn && p.Block.Hash != ""`,
		rule: "money that the chain took back leaves the books",
	},
	{
		name: "a payment is booked as soon as a block has it", file: "payout/machine_credit.go",
		from: `p.Block.Hash != "" && p.Block.Height <= deep
`, to: `p.Block.Hash != "" && p.Block.Height <= deep+9
`,
		rule: "only what is deep enough is booked",
	},
	{
		name: "what waits for blocks is forgotten", file: "payout/machine_credit.go",
		from: `		c.credit.Network, c.credit.Wait = network, height
`, to: `		c.credit.Network = network
`,
		rule: "a payment is booked once it is deep enough, without another event",
	},
	{
		name: "a reservation forgets the fee", file: "payout/payout.go",
		from: `	if orZero(p.Fee).Sign() > 0 {
		addTo(sums, p.Payer, p.Fee)`, to: `	if orZero(p.Fee).Sign() > 0 {
		addTo(sums, p.Payer, new(big.Int))`,
		rule: "a payout reserves its greatest fee",
	},
	{
		name: "an expired claim gives nothing back", file: "payout/service_act.go",
		from: `	b.Entries = append(b.Entries, voidEntry(p, s.now()))
	return s.unrefund`, to: `	return s.unrefund`,
		rule: "a payout that ends unpaid gives its reservation back",
	},
	{
		name: "the same bytes are not sent again", file: "payout/machine_decide.go",
		from: `	return i >= 0 && !f.look.Versions[i].Pooled && (`, to: `	return i >= 0 && f.tx.SentAt.IsZero() && (`,
		rule: "what nodes forgot is sent again",
	},
	{
		name: "the fee of a bump that is dead is not given back", file: "payout/machine_decide.go",
		from: `	d.unlocks = f.tx.locks()
	if f.tx.Purpose != PurposePay {`, to: `	d.unlocks = f.tx.locks()
	if f.tx.Purpose == PurposeBump {
		return
	}
	if f.tx.Purpose != PurposePay {`,
		rule: "what is reserved for a transaction that can never be mined goes back",
	},
	{
		name: "the coin of a bump is not locked", file: "payout/service_pay.go",
		from: `Transactions: []Transaction{t, child}, Locks: child.lockList(), Entries`, to: `Transactions: []Transaction{t, child}, Entries`,
		rule: "no coin is spent by two transactions",
	},
	{
		name: "what a bump pays for is replaced", file: "payout/machine_decide.go",
		from: `	return i >= 0 && (f.look.Versions[i].Pooled || none && f.tx.Detail == "")`, to: `	return i >= 0 && none && f.tx.Detail == ""`,
		rule: "a transaction is replaced or bumped, not both at a time",
	},
	{
		name: "a transaction is bumped twice", file: "payout/machine_decide.go",
		from: `		d.bump = !f.wantsCancel() && f.rested()`, to: `		d.bump = !f.wantsCancel()`,
		rule: "a transaction has one bump at a time, and a new one only some time after",
	},
	{
		name: "a bump that is of no use is signed", file: "payout/machine_decide.go",
		from: `	return p != nil && (p.Mined >= 0 || !p.Stage.Open() || p.Cancel)`, to: `	return p != nil && p.Cancel`,
		rule: "nothing is paid for what a block has",
	},
	{
		name: "the bump is sent and its parent is not", file: "payout/machine_decide.go",
		from: `		d.act, d.send = actSend, i
`, to: `		d.act = actNone
`,
		rule: "what nodes forgot is sent again",
	},
	{
		name: "a bump is thought to wait for what was mined under another id", file: "payout/transaction.go",
		from: `		if !exists && !slices.Contains(out, name) {`, to: `		if !exists && t.Stage != StageBuried && !slices.Contains(out, name) {`,
		rule: "a coin that another version has taken the place of never exists",
	},
	{
		name: "a node that keeps an older version is offered one newer after the other", file: "payout/machine_decide.go",
		from: `		d.kept = d.bump && pooled >= 0 && pooled < d.send && f.tx.Detail != ""
`, to: `		d.kept = false
`,
		rule: "what cannot be replaced is bumped",
	},
	{
		name: "a hurried version costs more than was chosen", file: "payout/machine_hurry.go",
		from: `	return smaller(t.Hurry.Fee, greatest)`, to: `	return greatest`,
		rule: "nobody pays more than he chose",
	},
	{
		name: "what is being cancelled is hurried", file: "payout/machine_hurry.go",
		from: `	case f.wantsCancel() && !last.Cancels, f.givenUp():`, to: `	case f.givenUp():`,
		rule: "nobody hurries what should not be paid",
	},
	{
		name: "a choice waits for ever", file: "payout/machine_hurry.go",
		from: `f.unhurried() == "" && f.now.Sub(h.At) < f.rules.bump`, to: `f.unhurried() == ""`,
		rule: "an old choice is not followed",
	},
	{
		name: "what a bump pays for is hurried", file: "payout/machine_hurry.go",
		from: `	case f.child != nil && f.child.Stage.Open():`, to: `	case f.child != nil && f.child.Stage.Open() && f.child.Signed() && f.now.IsZero():`,
		rule: "a transaction is replaced or bumped, not both at a time",
	},
	{
		name: "any fee can be chosen", file: "payout/machine_hurry.go",
		from: `	case fee.Cmp(b.greatest) > 0:`, to: `	case fee.Cmp(b.greatest) > 0 && b.least.Sign() < 0:`,
		rule: "an operator pays no more than is reserved",
	},
	{
		name: "an ordered sweep costs more than is configured", file: "payout/service_sweep.go",
		from: `o.Now && !o.Dear && plan.Version.Fee.Cmp(most) > 0`, to: `o.Now && !o.Dear && plan.Version.Fee.Cmp(most) < 0`,
		rule: "what costs more than is configured is swept only by an order that says so",
	},
	{
		name: "an order to sweep is followed for ever", file: "payout/service_sweep.go",
		from: `	if r.now().Sub(o.At) >= orderAge {`, to: `	if r.now().Sub(o.At) < 0 {`,
		rule: "an old order is not followed",
	},
	{
		name: "what is too dear is ordered with the rest", file: "payout/service_sweep.go",
		from: `	if dear {
		list`, to: `	if dear || len(t.dear) > 0 {
		list`,
		rule: "an order that is not dear sweeps nothing that is",
	},
	{
		name: "a choice that cannot be is kept", file: "payout/service_pay.go",
		from: `	if t.Hurry == known.Hurry && t.Detail == known.Detail {`, to: `	if t.Detail == known.Detail {`,
		rule: "what an operator chose and cannot be is forgotten",
	},
	{
		name: "the choice of one operator overwrites that of another", file: "payout/service_hurry.go",
		from: `	t.Version++
	if err := s.commit(ctx, Batch{Transactions: []Transaction{t}}); err != nil {
		return Transaction{}, err
	}
	s.log.Info("a transaction is hurried"`, to: `	now, err := s.cfg.Store.Transaction(ctx, id)
	if t.Version = now.Version + 1; err != nil {
		return Transaction{}, err
	}
	if err := s.commit(ctx, Batch{Transactions: []Transaction{t}}); err != nil {
		return Transaction{}, err
	}
	s.log.Info("a transaction is hurried"`,
		rule: "what is decided on stale facts is refused",
	},
	{
		name: "receivers of another project are listed", file: "payout/service_receivers.go",
		from: `			if d.Name != receiverName(project, network, r.Address) {`, to: `			if false {`,
		rule: "a list has the receivers of one project alone",
	},
	{
		name: "a receiver under its former name is forgotten", file: "payout/service_receivers.go",
		from: `err == nil && value == nil && former != "" {`, to: `err == nil && value == nil && former == "never" {`,
		rule: "a receiver that was allowed stays so",
	},
	{
		name: "a receiver under its former name is not forbidden", file: "payout/service_receivers.go",
		from: `	err := s.moveReceiver(ctx, project, network, address)
	if err == nil {
		err = s.change(`, to: `	var err error
	if err == nil {
		err = s.change(`,
		rule: "a receiver that was forbidden is paid no more",
	},
	{
		name: "the cancellation of what was never signed costs an eighth more", file: "payout/evm/replace.go",
		from: `	return s.affordable(gas, asked.replacing(signed), limit)`, to: `	return p, ok`,
		rule: "no number is held because its cancellation is dearer than what is reserved",
	},
	{
		name: "what no signer has seen is outbid", file: "payout/evm/replace.go",
		from: `		if v.Shown() {`, to: `		if v.Fee != nil {`,
		rule: "a version costs no more than it has to",
	},
	{
		name: "a cancellation does not outbid what is signed", file: "payout/evm/replace.go",
		from: `		if v.Signed() {
			signed = append`, to: `		if v.Signed() && v.Fee == nil {
			signed = append`,
		rule: "a version takes the place of those that were sent",
	},
	{
		name: "nobody hears that a top-up cannot be cancelled", file: "payout/service_pay.go",
		from: `	if !t.Cancel || len(t.Payouts) > 0 {`, to: `	if t.Cancel || len(t.Payouts) > 0 {`,
		rule: "what is stuck says so",
	},
	{
		name: "whether a version was sent is a question of clocks", file: "payout/machine_decide.go",
		from: `f.tx.newestSent() < i }`, to: `f.tx.SentAt.Before(f.tx.Last().At) }`,
		rule: "a new version is sent at once",
	},
	{
		name: "nobody writes down which version was sent", file: "payout/service_pay.go",
		from: `	t.Sent, t.SentAt = max(t.newestSent(), i)+1, r.now()`, to: `	t.Sent, t.SentAt = 0, r.now()`,
		rule: "a new version is sent at once",
	},
	{
		name: "which version was sent is not known of what was stored before", file: "payout/service_pay.go",
		from: `	t.Sent = t.newestSent() + 1 // before`, to: `	// before`,
		rule: "a new version is sent at once",
	},
	{
		name: "what a wrong clock sent is not sent again for as long as it was wrong", file: "payout/machine_decide.go",
		from: `	return since < 0 || since >= f.rules.resend`, to: `	return since >= f.rules.resend`,
		rule: "what nodes forgot is sent again",
	},
	{
		name: "what was sent and not written down keeps its fee", file: "payout/machine_hurry.go",
		from: `	return (f.hurries() || f.now.Sub(last.At) >= f.rules.bump) && last`, to: `	return !f.unsent(len(f.tx.Versions)-1) && (f.hurries() || f.now.Sub(last.At) >= f.rules.bump) && last`,
		rule: "what no block takes gets a higher fee",
	},
	{
		name: "open transactions are read before the locks", file: "payout/evm/nonce.go",
		from: `	locked, err := w.Locked(ctx, names)
	if err != nil {
		return nil, nil, fmt.Errorf("read locks: %w", err)
	}
	open, err := w.Open(ctx)
`, to: `	open, err := w.Open(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read open transactions: %w", err)
	}
	locked, err := w.Locked(ctx, names)
`,
		rule: "no balance is taken twice",
	},
	{
		name: "a sweep that another process began meanwhile is not seen", file: "payout/evm/sweep.go",
		from: `	if err := busy(p.open, h.Address); err != nil { // it`, to: `	if err := busy(nil, h.Address); err != nil { // it`,
		rule: "an address is swept by one transaction at a time",
	},
	{
		name: "what a block had before its signature came can never be signed", file: "payout/service_sign.go",
		from: `	if known == nil {
		b.Documents`, to: `	if known == nil || err == nil {
		b.Documents`,
		rule: "a signature that comes late is stored",
	},
	{
		name: "what the signer sent by itself is taken for somebody else's", file: "payout/service_sign.go",
		from: `	if known == nil {
		b.Documents`, to: `	if known != nil {
		b.Documents`,
		rule: "a top-up is no payment, and what moves our own money no funding",
	},
	{
		name: "the id of what the signer sent by itself is not told", file: "payout/evm/look.go",
		from: `	q.look.Versions[i].TxID = hash.Hex()
`, to: ``,
		rule: "a payout has the id that its transaction has on the chain",
	},
	{
		name: "what a fee takes beyond what is reserved is nobody's", file: "payout/machine_decide.go",
		from: `	if d.exceeds(beyond) {`, to: `	if d.exceeds(beyond) && beyond.Sign() < 0 {`,
		rule: "what the chain did is booked",
	},
	{
		name: "what a fee takes beyond what is reserved is taken from the commission", file: "payout/machine_decide.go",
		from: `	l.move(Account{Kind: Float, Asset: asset}, Account{Kind: External, Asset: asset}, units)
	return l.entry(Entry{
		ID: fmt.Sprintf("transaction:%s:beyond`, to: `	l.move(Account{Kind: Commission, Asset: asset}, Account{Kind: External, Asset: asset}, units)
	return l.entry(Entry{
		ID: fmt.Sprintf("transaction:%s:beyond`,
		rule: "what nobody promised is the float's",
	},
	{
		name: "what comes back in another block is booked as it was", file: "payout/machine_decide.go",
		from: ` || !f.tx.endedAs(seen) || f.renamed(seen))`, to: ` || f.renamed(seen))`,
		rule: "what the chain did is booked",
	},
	{
		name: "what comes back in another block is booked as it was until it is buried", file: "payout/service_pay.go",
		from: ` && !s.Buried && t.endedAs(s)`, to: ` && !s.Buried`,
		rule: "what the chain did is booked",
	},
	{
		name: "what comes back and fails is paid", file: "payout/machine_decide.go",
		from: `	return t.Paid.Cmp(orZero(seen.Fee)) == 0 && slices.EqualFunc(t.Effect, effect(t.Versions[t.Mined], seen), same)`,
		to: `	_ = same
	return t.Paid.Cmp(orZero(seen.Fee)) == 0`,
		rule: "what failed is not paid",
	},
	{
		name: "a payout keeps the id that its transaction had before a reorganisation", file: "payout/machine_decide.go",
		from: ` || !f.tx.endedAs(seen) || f.renamed(seen))`, to: ` || !f.tx.endedAs(seen))`,
		rule: "a payout has the id that its transaction has on the chain",
	},
	{
		name: "what a block has is sent again once its end is taken back", file: "payout/machine_decide.go",
		from: `		d.undo(f) // the end is decided anew at the next look
		d.act = actNone
`, to: `		d.undo(f) // the end is decided anew at the next look
`,
		rule: "nothing is sent that a block has",
	},
	{
		name: "a provider tells another end of what has ended", file: "payout/provider.go",
		from: `		if t.Stage == StageFinal { // its word`, to: `		if t.Stage == StageBuried { // its word`,
		rule: "the first word of a provider counts",
	},
	{
		name: "a float that has too little keeps a payout from its end", file: "payout/machine_decide.go",
		from: `Kind: EntryFee, Subject: t.ID, At: now, Overdraw: true,
	})`, to: `Kind: EntryFee, Subject: t.ID, At: now,
	})`,
		rule: "what the chain did is booked",
	},
	{
		name: "a float that has too little keeps a sweep from its end", file: "payout/machine_decide.go",
		from: `		Overdraw: fee.Cmp(orZero(t.Fee)) > 0,
`, to: ``,
		rule: "what the chain did is booked",
	},
	{
		name: "what a fee took beyond what is reserved stays gone with a block that left the chain", file: "payout/machine_decide.go",
		from: `	if beyond.Sign() > 0 {
		d.entries`, to: `	if beyond.Sign() < 0 {
		d.entries`,
		rule: "what the chain takes back is taken back",
	},
	{
		name: "nobody hears that a fee took more than was reserved", file: "payout/machine_decide.go",
		from: `	d.alarm, d.tx.Detail = ReasonFee, `, to: `	_ = `,
		rule: "what a person should know is said",
	},
	{
		name: "the cancellation of what was never signed outbids it", file: "payout/bitcoin/replace.go",
		from: `	if slices.Equal(known, shown) {`, to: `	if len(known) == len(shown) {`,
		rule: "no coin is locked because its cancellation is dearer than what is reserved",
	},
	{
		name: "what is in the pool and was not signed here is not outbid", file: "payout/bitcoin/replace.go",
		from: `		known[i] = v.Signed() || look.Versions[i].Pooled`, to: `		known[i] = v.Signed()`,
		rule: "a version takes the place of those that were sent",
	},
	{
		name: "a cancellation of coins does not outbid what is signed", file: "payout/bitcoin/replace.go",
		from: `		known[i] = v.Signed() || look.Versions[i].Pooled`, to: `		known[i] = v.Fee == nil || look.Versions[i].Pooled`,
		rule: "a version takes the place of those that were sent",
	},
	{
		name: "coins that no signer has seen are outbid", file: "payout/bitcoin/replace.go",
		from: `		shown[i] = v.Shown()`, to: `		shown[i] = v.Fee != nil`,
		rule: "a version costs no more than it has to",
	},
	{
		name: "what a signer may have signed is never outbid", file: "payout/bitcoin/replace.go",
		from: `		shown[i] = v.Shown()`, to: `		shown[i] = v.Signed()`,
		rule: "a version takes the place of those that may have been sent",
	},
	{
		name: "plans do not exclude each other", file: "payout/service_plan.go",
		from: `	return Document{Name: d.Name, Was: d.Was, Value`, to: `	return Document{Name: d.Name + t.ID, Value`,
		rule: "what processes plan at once is never more than there is",
	},
	{
		name: "which plan is the newest is read after what a plan rests on", file: "payout/service_plan.go",
		from: `	t, err := r.claim(ctx, plan, queued, turn)`, to: `	if turn, err = r.turn(ctx); err != nil {
		return nil, err
	}
	t, err := r.claim(ctx, plan, queued, turn)`,
		rule: "what processes plan at once is never more than there is",
	},
	{
		name: "a refund that can never be paid counts as refunded", file: "payout/service_pay.go",
		from: `	case StatusFailed, StatusCancelled:
		return t.Stage != StageFinal`, to: `	case StatusFailed, StatusCancelled:
		return t.Stage == StageBuried`,
		rule: "what was not refunded can be",
	},
	{
		name: "a replacement leaves the newest plan as it was", file: "payout/service_plan.go",
		from: `fmt.Appendf(nil, "%s %d", t.ID, t.Version)}`, to: `[]byte(t.ID)}`,
		rule: "what processes plan at once is never more than there is",
	},
	{
		name: "a replacement does not exclude a plan", file: "payout/service_pay.go",
		from: `Documents: []Document{turn.taken(t)}, Fence: r.fence}
	if err := r.commit(ctx, b); err != nil {
		return t, false, fmt.Errorf("store a replacement`,
		to: `Fence: r.fence}
	if err := r.commit(ctx, b); err != nil {
		return t, false, fmt.Errorf("store a replacement`,
		rule: "what processes plan at once is never more than there is",
	},
	{
		name: "a sweep rests on an old list", file: "payout/service_plan.go",
		from: `	h, err = r.cfg.Store.Holding(ctx, r.n.id, h.Name) // another`, to: `	err = nil // another`,
		rule: "what was swept is not swept again",
	},
	{
		name: "nobody hears that a sweep waits for its signature", file: "payout/service_pay.go",
		from: `t.Purpose == PurposeBump || t.Detail == waitsForSignature {`, to: `t.Purpose != "" || t.Detail == waitsForSignature {`,
		rule: "what waits for a person says so",
	},
	{
		name: "what waits for its signature says so in every round", file: "payout/service_pay.go",
		from: `t.Purpose == PurposeBump || t.Detail == waitsForSignature {`, to: `t.Purpose == PurposeBump {`,
		rule: "what is known is not said again",
	},
	{
		name: "what has ended still waits for its signature", file: "payout/machine_decide.go",
		from: `	if !d.tx.Stage.Open() {
		d.tx =`, to: `	if d.tx.Stage == "" {
		d.tx =`,
		rule: "what is said of a transaction is true",
	},
	{
		name: "what was sent by the signer still waits for its signature", file: "payout/machine_decide.go",
		from: `orZero(seen.Fee), ""
`, to: `orZero(seen.Fee), d.tx.Detail
`,
		rule: "what is said of a transaction is true",
	},
}
