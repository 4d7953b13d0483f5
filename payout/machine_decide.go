package payout

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
)

// facts is everything that a transaction's next state is decided from.
type facts struct {
	tx      Transaction
	payouts []Payout     // those that it pays, in order
	look    *Look        // what the chain knows; nil only for a planned transaction, which it cannot know
	last    bool         // no later open transaction of the lane hangs on this one
	refused string       // why the signer will not sign the last version; empty if it may
	parent  *Transaction // of a bump
	child   *Transaction // the newest bump of it; nil if there was none
	now     time.Time
	rules   rules
}

// rules are the times of a network's transactions.
type rules struct {
	resend   time.Duration // after which the same bytes are sent again, while no node has them
	bump     time.Duration // after which a transaction that is in no block gets a higher fee
	maxTries int           // number of dead transactions after which a payout fails
	retry    time.Duration // pause after the first dead transaction
}

// act is what has to be done after a decision is stored. What it does is asked again at the next look: nothing is lost
// if the process ends before it.
type act int

const (
	actNone    act = iota
	actSign        // ask the signer for the last version
	actSend        // send the last signed version
	actReplace     // make the next version
)

// decision is what follows from facts. It is stored in one batch.
type decision struct {
	tx      Transaction
	payouts []Payout // in the order of facts.payouts
	entries []Entry
	moves   []Move
	unlocks []string
	alarm   Reason // something that a person must know
	act     act
	instead act  // if there cannot be the version that actReplace asks for
	send    int  // index of the version that actSend sends; -1 if none is signed
	bump    bool // if there cannot be that version, a child may pay for the transaction
	kept    bool // the node has refused the newest version and kept an older one: it may refuse any other as well
}

// decide folds the facts of one transaction. It is pure: the same facts give the same decision.
func decide(f facts) decision {
	d := decision{tx: f.tx, payouts: slices.Clone(f.payouts), send: f.tx.newestSigned()}
	switch {
	case !f.tx.Stage.Open():
	case f.tx.Stage == StagePlanned:
		d.planned(f)
	case f.look != nil:
		d.looked(f)
	}
	if !f.hurries() {
		d.tx.Hurry = nil
	}
	if !d.tx.Stage.Open() {
		d.tx = d.tx.unawaited()
	}
	return d
}

// wantsCancel reports whether the transaction should pay nobody any more.
func (f facts) wantsCancel() bool {
	return f.tx.Cancel || slices.ContainsFunc(f.payouts, func(p Payout) bool { return p.did(ActionCancel) })
}

// idle reports whether a bump that no signer has seen is of no use any more: its parent is in a block, has ended, or is to
// be cancelled.
func (f facts) idle() bool {
	p := f.parent
	return p != nil && (p.Mined >= 0 || !p.Stage.Open() || p.Cancel)
}

// planned decides about a transaction that no signer has signed: it can still be given up without a trace, unless later
// ones hang on it. A signer that refuses has promised never to sign.
func (d *decision) planned(f facts) {
	switch {
	case !f.wantsCancel() && f.refused == "" && !f.idle():
		d.act = actSign
	case f.last:
		d.tx.Stage, d.unlocks = StageDropped, f.tx.locks()
		d.tx.Detail = f.refused
		d.giveBack(f)
	case !f.tx.Last().Cancels:
		d.tx.Cancel, d.act = true, actReplace
	default:
		d.act = actSign
	}
}

// giveBack puts back into the queue what a transaction that is given up should have paid.
func (d *decision) giveBack(f facts) {
	switch {
	case f.tx.Purpose != PurposePay:
		d.entries = append(d.entries, feeEntry(f.tx, new(big.Int), f.now))
	case f.refused != "":
		d.requeue(f, ReasonRefused)
	default:
		d.requeue(f, "")
	}
}

// looked decides by what the chain knows.
func (d *decision) looked(f facts) {
	mined := slices.IndexFunc(f.look.Versions, Sighting.Mined)
	switch {
	case mined >= 0:
		d.mined(f, mined)
	case f.tx.Stage == StageFinal:
		d.undo(f)
	case f.look.Taken: // before Dead: what took the anchor may have paid the receivers
		d.taken(f)
	case f.look.Dead || f.tx.doomed():
		d.dead(f)
	default:
		d.waiting(f)
	}
}

// mined decides about a transaction of which a block has a version.
func (d *decision) mined(f facts, i int) {
	seen := f.look.Versions[i]
	if f.tx.Stage == StageFinal && (f.tx.Mined != i || !f.tx.endedAs(seen) || f.renamed(seen)) {
		d.undo(f) // the end is decided anew at the next look
		d.act = actNone
		return
	}
	d.tx.Mined, d.tx.Height, d.tx.Foreign = i, seen.Height, false
	switch {
	case f.tx.Stage == StageFinal && seen.Buried:
		d.bury(f)
	case f.tx.Stage == StageFinal:
	case seen.Final:
		d.finish(f, i)
	default:
		for k := range d.payouts {
			d.sent(k, seen.id(f.tx.Versions[i]), seen.Height, ReasonConfirming, "")
		}
	}
}

// endedAs reports whether the chain has the final version as it was booked. A reorganisation may have put it into another block,
// in which it takes another fee, fails, or makes its coins under another id. What was stored before Paid was kept counts as it is.
func (t Transaction) endedAs(seen Sighting) bool {
	if t.Paid == nil {
		return true
	}
	same := func(a, b Move) bool { return a.Holding.Name == b.Holding.Name && a.Units.Cmp(b.Units) == 0 }
	return t.Paid.Cmp(orZero(seen.Fee)) == 0 && slices.EqualFunc(t.Effect, effect(t.Versions[t.Mined], seen), same)
}

// renamed reports whether a payout ended with another id than that under which the chain has the final version.
func (f facts) renamed(seen Sighting) bool {
	id := seen.id(f.tx.Versions[f.tx.Mined])
	return slices.ContainsFunc(f.payouts, func(p Payout) bool {
		return p.State.Status.Ended() && p.State.TxID != "" && p.State.TxID != id
	})
}

// finish ends the transaction with its final version.
func (d *decision) finish(f facts, i int) {
	v, seen := f.tx.Versions[i], f.look.Versions[i]
	d.tx.Stage, d.tx.Effect, d.tx.Paid, d.tx.Detail = StageFinal, effect(v, seen), orZero(seen.Fee), ""
	d.moves = d.tx.Effect
	fee := orZero(seen.Fee)
	if f.tx.Purpose != PurposePay {
		d.entries = append(d.entries, feeEntry(f.tx, fee, f.now))
		d.exceeds(new(big.Int).Sub(fee, orZero(f.tx.Fee)))
		return
	}
	shares := d.shares(fee, v.Cancels)
	beyond := new(big.Int).Set(fee)
	for _, share := range shares {
		beyond.Sub(beyond, share)
	}
	if d.exceeds(beyond) {
		d.entries = append(d.entries, beyondEntry(f.tx, d.payouts[0].FeeAsset, beyond, f.now))
	}
	for k, p := range d.payouts {
		p.State.TxID, p.State.Height, p.State.Paid = seen.id(v), seen.Height, shares[k]
		p.State.Reason, p.State.Detail, p.State.EndAt = "", "", f.now
		switch {
		case !v.Cancels && !seen.Failed:
			p.State.Status = StatusPaid
		case seen.Withdrawn:
			p.State.Status, p.State.Reason = StatusCancelled, ReasonOperator
		case !v.Cancels:
			p.State.Status, p.State.Reason = StatusFailed, ReasonReverted
			if seen.Why != "" {
				p.State.Reason, p.State.Detail = ReasonRejected, seen.Why
			}
		case p.did(ActionCancel):
			p.State.Status, p.State.Reason = StatusCancelled, ReasonOperator
		default:
			d.payouts[k] = p
			d.bear(f, k, shares[k])
			continue
		}
		d.payouts[k] = p
		d.entries = append(d.entries, endEntry(p, shares[k], f.now))
		if p.State.Status == StatusPaid && orZero(seen.Returned).Sign() > 0 {
			d.comeBack(k, v.Moves[0].Holding, seen, f.now)
		}
	}
}

// exceeds notes for people that the final version paid more than was reserved. The chain is the truth: somebody else sent it, or
// its network took more than was planned. It reports whether it did.
func (d *decision) exceeds(beyond *big.Int) bool {
	if beyond.Sign() <= 0 {
		return false
	}
	d.alarm, d.tx.Detail = ReasonFee, fmt.Sprintf("the float paid %s that the fee took beyond what was reserved", beyond)
	return true
}

// comeBack books that the money of a payout that was paid is back already.
func (d *decision) comeBack(k int, at Holding, seen Sighting, now time.Time) {
	p, e := returned(d.payouts[k], Return{Units: seen.Returned, Reason: seen.Why}, now)
	d.payouts[k], d.entries = p, append(d.entries, e)
	d.moves = append(slices.Clip(d.moves), Move{Holding: at, Units: seen.Returned})
}

// bury ends the watch over a final transaction. No other version can come back any more: only now the coins that others
// needed are free, and only now a payout that a cancellation for the sake of another left unpaid may get another
// transaction.
func (d *decision) bury(f facts) {
	d.tx.Stage = StageBuried
	d.unlocks = slices.DeleteFunc(f.tx.locks(), func(name string) bool { return name == f.tx.Anchor })
	for k, p := range d.payouts {
		if p.State.Transaction == f.tx.ID && !p.State.Status.Ended() {
			p.State.Status, p.State.Reason, p.State.Transaction = StatusQueued, "", ""
			p.State.TxID, p.State.Height, p.State.Paid = "", 0, nil
			d.payouts[k] = p
		}
	}
}

// bear charges a payout with its part of the fee of a cancellation that was not for its own sake.
func (d *decision) bear(f facts, k int, share *big.Int) {
	p := d.payouts[k]
	if e := bearEntry(p, f.tx, share, f.now); share.Sign() > 0 {
		d.entries = append(d.entries, e)
		p.Fee = new(big.Int).Sub(p.Fee, share)
	}
	p.State.Status, p.State.Reason, p.State.EndAt = StatusSent, ReasonConfirming, time.Time{}
	d.payouts[k] = p
}

// bearEntry returns the entry of a fee that a payout lost to a cancelled transaction.
func bearEntry(p Payout, t Transaction, share *big.Int, now time.Time) Entry {
	var l ledger
	l.move(reservedOf(p.Payer), Account{Kind: External, Asset: p.FeeAsset}, share)
	return l.entry(Entry{
		ID: fmt.Sprintf("payout:%s:cancelled:%s:%d", p.ID, t.ID, t.Undone), Kind: EntryFee, Subject: p.ID, At: now,
	})
}

// effect returns what a mined version did to our holdings: what was planned, with the fee that was really paid.
func effect(v Version, seen Sighting) []Move {
	moves := v.Effects(seen.id(v))
	fee := slices.IndexFunc(moves, func(m Move) bool { return m.Fee })
	var out []Move
	for i, m := range moves {
		units := new(big.Int).Set(m.Units)
		switch {
		case i == fee && seen.Failed:
			units.Neg(orZero(seen.Fee))
		case i == fee:
			units.Add(units, new(big.Int).Sub(v.Fee, orZero(seen.Fee)))
		case seen.Failed:
			continue
		}
		if units.Sign() != 0 {
			m.Units = units
			if m.Holding.Height == 0 && units.Sign() > 0 {
				m.Holding.Height = seen.Height
			}
			out = append(out, m)
		}
	}
	return out
}

// shares divides a fee among the payouts in proportion to what they reserved for it, and never more than that. A fee of
// a cancellation is first paid by those that are cancelled.
func (d *decision) shares(fee *big.Int, cancels bool) []*big.Int {
	out := make([]*big.Int, len(d.payouts))
	for k := range out {
		out[k] = new(big.Int)
	}
	left := new(big.Int).Set(fee)
	if cancels {
		d.divide(left, out, func(p Payout) bool { return p.did(ActionCancel) })
	}
	d.divide(left, out, func(Payout) bool { return true })
	return out
}

// divide takes from left, for each payout that is to bear a part of it, as much as is its due.
func (d *decision) divide(left *big.Int, out []*big.Int, bears func(Payout) bool) {
	sum := new(big.Int)
	room := make([]*big.Int, len(d.payouts))
	for k, p := range d.payouts {
		room[k] = new(big.Int)
		if bears(p) {
			room[k].Sub(orZero(p.Fee), out[k])
			sum.Add(sum, room[k])
		}
	}
	if sum.Sign() == 0 {
		return
	}
	whole := new(big.Int).Set(left)
	if whole.Cmp(sum) > 0 {
		whole.Set(sum)
	}
	for k := range out { // rounded up, as long as there is something left
		part := new(big.Int).Mul(whole, room[k])
		part.Add(part, new(big.Int).Sub(sum, big.NewInt(1))).Quo(part, sum)
		if part.Cmp(left) > 0 {
			part.Set(left)
		}
		out[k].Add(out[k], part)
		left.Sub(left, part)
	}
}

// endEntry returns the entry that ends a payout's reservation by what the chain did: the fee is gone, and the amount if
// it was paid.
func endEntry(p Payout, fee *big.Int, now time.Time) Entry {
	var l ledger
	kind := EntryVoid
	if p.State.Status == StatusPaid {
		kind = EntryPost
		l.move(reservedOf(p.Source), Account{Kind: External, Asset: p.Asset.ID}, p.Units)
	} else {
		l.move(reservedOf(p.Source), p.Source, p.Units)
	}
	if orZero(p.Fee).Sign() > 0 {
		l.move(reservedOf(p.Payer), Account{Kind: External, Asset: p.FeeAsset}, fee)
		l.move(reservedOf(p.Payer), p.Payer, new(big.Int).Sub(p.Fee, fee))
	}
	return l.entry(Entry{ID: endID(p), Kind: kind, Subject: p.ID, At: now, Note: p.State.TxID})
}

// beyondEntry returns the entry of what a fee took beyond what the transaction's payouts reserved for it. Nobody promised that:
// it is the operator's, and leaves his float below zero if that has less.
func beyondEntry(t Transaction, asset chain.AssetID, units *big.Int, now time.Time) Entry {
	var l ledger
	l.move(Account{Kind: Float, Asset: asset}, Account{Kind: External, Asset: asset}, units)
	return l.entry(Entry{
		ID: fmt.Sprintf("transaction:%s:beyond:%d", t.ID, t.Undone), Kind: EntryFee, Subject: t.ID, At: now, Overdraw: true,
	})
}

// feeEntry returns the entry of the fee of a transaction that pays nobody. What it took beyond what was reserved comes from where
// that did.
func feeEntry(t Transaction, fee *big.Int, now time.Time) Entry {
	var l ledger
	l.move(reservedOf(t.Payer), Account{Kind: External, Asset: t.Payer.Asset}, fee)
	l.move(reservedOf(t.Payer), t.Payer, new(big.Int).Sub(t.Fee, fee))
	return l.entry(Entry{
		ID: fmt.Sprintf("transaction:%s:end:%d", t.ID, t.Undone), Kind: EntryFee, Subject: t.ID, At: now,
		Overdraw: fee.Cmp(orZero(t.Fee)) > 0,
	})
}

// undo takes back the end of a transaction that a reorganisation deeper than what counted as final has removed: what was
// posted is reserved again, and the same bytes are sent again. The end is decided anew by what the chain says then.
func (d *decision) undo(f facts) {
	v := f.tx.Versions[f.tx.Mined]
	d.tx.Stage, d.tx.Mined, d.tx.Height, d.tx.Detail = StageSigned, -1, 0, ""
	d.tx.Undone++
	for _, name := range made(f.tx.Effect) {
		if !slices.Contains(f.tx.Made, name) {
			d.tx.Made = append(slices.Clone(d.tx.Made), name)
		}
	}
	d.alarm = ReasonUndone
	if v.Signed() { // and not a newer one, which would take the place of it and of what spends its change
		d.send = f.tx.Mined
	}
	for _, m := range f.tx.Effect {
		m.Units = new(big.Int).Neg(m.Units)
		d.moves = append(d.moves, m)
	}
	d.act = actSend
	if f.tx.Purpose != PurposePay {
		d.entries = append(d.entries, reverse(feeEntry(f.tx, f.tx.Paid, f.now), f.now))
		return
	}
	beyond := new(big.Int).Set(orZero(f.tx.Paid))
	for k, p := range d.payouts {
		beyond.Sub(beyond, orZero(p.State.Paid))
		switch paid := orZero(p.State.Paid); {
		case p.State.Status.Ended():
			d.entries = append(d.entries, reverse(endEntry(p, paid, f.now), f.now))
			p.State.Undone++
		case paid.Sign() > 0:
			d.entries = append(d.entries, reverse(bearEntry(p, f.tx, paid, f.now), f.now))
			p.Fee = new(big.Int).Add(p.Fee, paid)
		}
		p.State.Status, p.State.Reason, p.State.Height, p.State.Paid, p.State.EndAt = StatusSent, ReasonUndone, 0, nil, time.Time{}
		p.State.TxID = v.TxID
		d.payouts[k] = p
	}
	if beyond.Sign() > 0 {
		d.entries = append(d.entries, reverse(beyondEntry(f.tx, d.payouts[0].FeeAsset, beyond, f.now), f.now))
	}
}

// reverse returns the entry that takes another back.
func reverse(e Entry, now time.Time) Entry {
	out := Entry{ID: e.ID + ":undone", Kind: EntryRevert, Subject: e.Subject, At: now, Overdraw: true}
	for _, p := range e.Postings {
		out.Postings = append(out.Postings, Posting{p.Account, new(big.Int).Neg(p.Units)})
	}
	return out
}

// dead decides about a transaction that can never be mined: its payouts may get another one.
func (d *decision) dead(f facts) {
	d.tx.Stage, d.tx.Mined = StageDead, -1
	d.unlocks = f.tx.locks()
	if f.tx.Purpose != PurposePay {
		d.entries = append(d.entries, feeEntry(f.tx, new(big.Int), f.now))
		return
	}
	d.requeue(f, ReasonRefused)
}

// taken decides about a transaction whose anchor was spent by one that is not ours: somebody else has our key.
func (d *decision) taken(f facts) {
	for k := range d.payouts {
		d.payouts[k].State.Reason = ReasonForeign
	}
	if d.tx.Foreign = true; !f.tx.Foreign {
		d.alarm = ReasonForeign
	}
	if !f.look.TakenFinal {
		return
	}
	d.tx.Stage, d.tx.Mined = StageDead, -1
	d.unlocks = slices.DeleteFunc(f.tx.locks(), func(name string) bool { return name == f.tx.Anchor })
	if f.tx.Purpose != PurposePay {
		d.entries = append(d.entries, feeEntry(f.tx, new(big.Int), f.now))
		return
	}
	for k, p := range d.payouts {
		p.State.Status, p.State.Reason, p.State.EndAt = StatusFailed, ReasonForeign, f.now
		d.payouts[k] = p
		d.entries = append(d.entries, endEntry(p, new(big.Int), f.now))
	}
}

// requeue puts the payouts of a transaction that never can be mined back into the queue, or ends them.
func (d *decision) requeue(f facts, why Reason) {
	for k, p := range d.payouts {
		p.State.Status, p.State.Transaction, p.State.TxID, p.State.Height = StatusQueued, "", "", 0
		p.State.Reason, p.State.Detail = why, f.tx.Detail
		if why != "" {
			p.State.Tried++
			p.State.RetryAt = f.now.Add(f.rules.retry << min(p.State.Tried-1, 10))
		}
		switch {
		case p.did(ActionCancel):
			p.State.Status, p.State.Reason, p.State.EndAt = StatusCancelled, ReasonOperator, f.now
		case p.State.Tried >= f.rules.maxTries && why != "":
			p.State.Status, p.State.Reason, p.State.EndAt = StatusFailed, why, f.now
		}
		if p.State.Status.Ended() {
			d.entries = append(d.entries, endEntry(p, new(big.Int), f.now))
		}
		d.payouts[k] = p
	}
}

// waiting decides about a transaction that no block has.
func (d *decision) waiting(f facts) {
	d.tx.Mined, d.tx.Height, d.tx.Foreign = -1, 0, false
	last := f.tx.Last()
	pooled := slices.IndexFunc(f.look.Versions, func(s Sighting) bool { return s.Pooled })
	for k, p := range d.payouts {
		if pooled >= 0 {
			why, detail := Reason(""), f.look.Versions[pooled].Why
			if f.look.Versions[pooled].Asks {
				why = ReasonConfirm
			}
			d.sent(k, f.tx.Versions[pooled].TxID, 0, why, detail)
		} else if p.State.Reason == ReasonConfirming {
			d.payouts[k].State.Reason, d.payouts[k].State.Height = "", 0
		}
	}
	d.unsaid(f)
	switch {
	case f.wantsCancel() && !last.Cancels:
		d.tx.Cancel, d.act = true, actReplace
		if f.lost() { // what a node has forgotten would keep the later numbers of its sender waiting for ever
			d.instead = actSend
		}
	case f.carried():
		d.carried(f)
	case f.lost():
		d.act = actSend
	case !last.Signed():
		d.act = actSign
	case f.due():
		d.act = actReplace
		d.bump = !f.wantsCancel() && f.rested()
		d.kept = d.bump && pooled >= 0 && pooled < d.send && f.tx.Detail != ""
	}
}

// carried reports whether an open bump pays for the transaction. Another version would take the place of what the bump
// spends, so there is none meanwhile, unless the transaction is to be cancelled, or the version that the bump spends is out
// of the pool and refused.
func (f facts) carried() bool {
	if f.child == nil || !f.child.Stage.Open() || f.wantsCancel() {
		return false
	}
	i := f.tx.maker(f.child.Anchor)
	none := !slices.ContainsFunc(f.look.Versions, func(s Sighting) bool { return s.Pooled })
	return i >= 0 && (f.look.Versions[i].Pooled || none && f.tx.Detail == "")
}

// carried decides about a transaction that a bump pays for: what the bump spends has to be in the pool before it.
func (d *decision) carried(f facts) {
	i := f.tx.maker(f.child.Anchor)
	if !f.look.Versions[i].Pooled && f.again() {
		d.act, d.send = actSend, i
	}
	for k := range d.payouts {
		switch s := &d.payouts[k].State; {
		case !f.child.Signed():
			s.Reason, s.Detail = ReasonSignature, signatureOf(f.child)
		case slices.Contains([]Reason{ReasonSignature, ReasonFee, ReasonCoins, ReasonRefused}, s.Reason):
			s.Reason, s.Detail = "", ""
		}
	}
}

// waitsForSignature is the detail of a transaction without payouts that could say it.
const waitsForSignature = "it waits for its signature"

// unawaited returns the transaction as it no longer waits for a signature.
func (t Transaction) unawaited() Transaction {
	if t.Detail == waitsForSignature {
		t.Detail = ""
	}
	return t
}

// signatureOf is the detail of a payout that waits for the signature of a bump.
func signatureOf(child *Transaction) string { return "of transaction " + child.ID }

// unsaid takes back that payouts wait for the signature of a bump that has ended.
func (d *decision) unsaid(f facts) {
	if f.child == nil || f.child.Stage.Open() {
		return
	}
	for k := range d.payouts {
		if s := &d.payouts[k].State; s.Reason == ReasonSignature && s.Detail == signatureOf(f.child) {
			s.Reason, s.Detail = "", ""
		}
	}
}

// rested reports whether the transaction may have another bump: it had none, or the last one ended some time ago, or an
// operator does not want to wait.
func (f facts) rested() bool {
	return f.child == nil || !f.child.Stage.Open() && (f.hurries() || f.now.Sub(f.child.UpdatedAt) >= f.rules.bump)
}

// givenUp reports whether the transaction is a bump of one that is to be cancelled: to pay more for it would make the
// cancellation dearer.
func (f facts) givenUp() bool { return f.parent != nil && f.parent.Cancel && f.parent.Mined < 0 }

// lost reports whether no node has the newest signed version, and it is time to send it, for the first time or again.
func (f facts) lost() bool {
	i := f.tx.newestSigned()
	return i >= 0 && !f.look.Versions[i].Pooled && (f.unsent(i) || f.again())
}

// unsent reports whether the version is the newest, and was never sent.
func (f facts) unsent(i int) bool { return i == len(f.tx.Versions)-1 && f.tx.newestSent() < i }

// again reports whether what nodes forgot may be sent again. A time to come is that of a clock that was wrong.
func (f facts) again() bool {
	since := f.now.Sub(f.tx.SentAt)
	return since < 0 || since >= f.rules.resend
}

// sent notes that a node or a block has the payout's transaction.
func (d *decision) sent(k int, txID string, height uint64, why Reason, detail string) {
	s := &d.payouts[k].State
	if s.Status != StatusSent || s.TxID != txID || s.Height != height || why != "" || detail != "" || s.Reason == ReasonConfirm {
		s.Reason, s.Detail = why, detail // else it says why there is no better version
	}
	s.Status, s.TxID, s.Height = StatusSent, txID, height
}
