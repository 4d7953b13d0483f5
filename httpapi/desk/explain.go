package desk

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/invoice"
)

// tone is how much something wants a person's attention.
type tone string

const (
	toneGood tone = "good"
	toneWait tone = "wait"
	toneWarn tone = "warn"
	toneBad  tone = "bad"
	toneIdle tone = "idle"
)

// explanation says why an invoice is where it is, and what may be done now.
type explanation struct {
	Tone   tone
	Title  string
	Why    []string // sentences
	Offers []offer
}

// offer is an act that is possible now.
type offer struct {
	Act   string // the last part of its path
	Label string
	Text  string // what it does
	Least Role
}

// situation is what is known of an invoice beside itself.
type situation struct {
	now        time.Time
	refunds    bool     // refunds are configured
	refundable *big.Int // of the quoted asset, by the ledger; nil if unknown
	over       *big.Int // of it, what came beyond what was due
	shallowest string   // such as "1 of 2 confirmations", of the payment that needs most; empty if none waits
}

// explain returns why the invoice is where it is and what may be done. It is a function of its arguments alone.
func explain(inv invoice.Invoice, s situation) explanation {
	e := explanation{Offers: offers(inv, s)}
	switch inv.State.Status {
	case invoice.StatusNew:
		e.asNew(inv, s)
	case invoice.StatusPending:
		e.Tone, e.Title = toneWait, "Paid, waiting for confirmations"
		e.say("Enough was seen, and it is not deep enough in the chain yet: %s confirmed of %s due.", sum(inv, inv.State.Confirmed), due(inv))
		if s.shallowest != "" {
			e.say("The payment that needs most has %s.", s.shallowest)
		}
		e.say("Nothing is to be done: it completes by itself, or goes back if the payment vanishes.")
	case invoice.StatusPaidPartial:
		e.asPartial(inv, s)
	case invoice.StatusCompleted:
		e.asCompleted(inv, s)
	case invoice.StatusExpired:
		e.asExpired(inv)
	case invoice.StatusCancelled:
		e.asCancelled(inv)
	case invoice.StatusArchived:
		e.Tone, e.Title = toneIdle, "Archived"
		e.say("It is a record: nothing is decided about it any more. Money that still arrives is recorded.")
		e.received(inv)
	default:
		e.Tone, e.Title = toneIdle, words(string(inv.State.Status))
	}
	if inv.State.Outcome.Has(invoice.OutcomeOtherAsset) {
		e.asOtherAsset(inv)
	}
	return e
}

func (e *explanation) say(format string, args ...any) {
	e.Why = append(e.Why, fmt.Sprintf(format, args...))
}

// raise makes the tone at least as urgent as a warning.
func (e *explanation) raise() {
	if e.Tone != toneBad {
		e.Tone = toneWarn
	}
}

// sum returns an amount of the quoted asset.
func sum(inv invoice.Invoice, units *big.Int) string {
	if inv.Quote == nil {
		return "nothing"
	}
	return quoted(*inv.Quote, units) + " " + inv.Quote.Asset.Code
}

func due(inv invoice.Invoice) string {
	if inv.Quote == nil {
		return "nothing"
	}
	return sum(inv, inv.Quote.Due)
}

func positive(n *big.Int) bool { return n != nil && n.Sign() > 0 }

// missing returns what is due and was not counted.
func missing(inv invoice.Invoice) *big.Int {
	if inv.Quote == nil {
		return new(big.Int)
	}
	return new(big.Int).Sub(inv.Quote.Due, orZero(inv.State.Counted))
}

func (e *explanation) asNew(inv invoice.Invoice, s situation) {
	e.Tone = toneIdle
	switch {
	case inv.Terms.Standing:
		e.Title = "Open for deposits"
		e.say("Its address takes deposits until it is cancelled or archived. Nothing is due, and it has no deadline.")
		return
	case inv.Quote == nil:
		e.Title = "Waiting for a choice of asset"
		e.say("The payer has not chosen what to pay in, so there is no address yet.")
	default:
		e.Title = "Waiting for payment"
		e.say("%s is due, and nothing that counts was seen.", due(inv))
	}
	if positive(inv.State.Received) && inv.State.Outcome.Has(invoice.OutcomeLate) {
		e.say("%s arrived in all, some of it late.", sum(inv, inv.State.Received))
		e.raise()
	}
	deadline := inv.EffectiveDeadline()
	if s.now.After(deadline) {
		e.say("Its time was over %s. It expires as soon as the chain's own time has passed the deadline; if it stays so, the network lags.", ago(s.now, deadline))
		return
	}
	e.say("It expires %s.", ago(s.now, deadline))
}

func (e *explanation) asPartial(inv invoice.Invoice, s situation) {
	e.Tone = toneWarn
	rest := sum(inv, missing(inv))
	if !inv.State.Closed {
		e.Title = "Part of it is paid"
		e.say("%s of %s was seen; %s is missing.", sum(inv, inv.State.Counted), due(inv), rest)
		e.say("The payer may send the rest until the deadline, which is %s.", ago(s.now, inv.EffectiveDeadline()))
		return
	}
	e.Title = "Paid too little"
	e.say("%s of %s arrived before it closed; %s is missing.", sum(inv, inv.State.Counted), due(inv), rest)
	if !inv.State.PartialConfirmed() {
		e.say("Not all of it is deep enough in the chain yet.")
	}
	e.say("Take it as paid, or give back what came in, and archive it when nothing is left to be done.")
	e.late(inv)
}

func (e *explanation) asCompleted(inv invoice.Invoice, s situation) {
	switch {
	case inv.State.Outcome.Has(invoice.OutcomeReverted):
		e.Tone, e.Title = toneBad, "Completed, and then taken back by the chain"
		e.say("A reorganisation removed money that had been final: %s of %s is confirmed now.", sum(inv, inv.State.Confirmed), due(inv))
		e.say("If the goods were sent, the shop may have lost them. The payment may still come back by itself.")
		return
	case byHand(inv):
		e.Tone, e.Title = toneGood, "Taken as paid by an operator"
		e.say("%s of %s is confirmed.", sum(inv, inv.State.Confirmed), due(inv))
	default:
		e.Tone, e.Title = toneGood, "Paid"
		e.say("%s is confirmed; %s was due.", sum(inv, inv.State.Confirmed), due(inv))
	}
	if inv.State.Outcome.Has(invoice.OutcomeOver) {
		e.Title = "Paid too much"
		e.asOver(inv, s)
	}
	e.late(inv)
}

func (e *explanation) asOver(inv invoice.Invoice, s situation) {
	more := new(big.Int)
	if inv.State.Received != nil && inv.Quote != nil {
		more.Sub(inv.State.Received, inv.Quote.Due)
	}
	switch {
	case s.over != nil && s.over.Sign() == 0:
		e.say("The surplus of %s was given back.", sum(inv, more))
	case s.over != nil:
		e.raise()
		e.say("%s more than was due has not been given back.", sum(inv, s.over))
	default:
		e.raise()
		e.say("%s more than was due arrived.", sum(inv, more))
	}
}

func (e *explanation) asExpired(inv invoice.Invoice) {
	e.Tone, e.Title = toneIdle, "Expired"
	if !positive(inv.State.Received) {
		e.say("Nothing arrived in time.")
		return
	}
	e.Title = "Expired, and money came late"
	e.raise()
	e.late(inv)
	e.say("Accept it, or give it back, and archive the invoice when nothing is left to be done.")
}

// late adds what came after the deadline.
func (e *explanation) late(inv invoice.Invoice) {
	if !inv.State.Outcome.Has(invoice.OutcomeLate) {
		return
	}
	if accepted(inv) || inv.Terms.Late == invoice.LateAccept {
		e.say("Some of the money came after the deadline, and counts.")
		return
	}
	if held := new(big.Int).Sub(orZero(inv.State.Received), orZero(inv.State.Counted)); held.Sign() > 0 {
		e.raise()
		e.say("%s came after the deadline and does not count.", sum(inv, held))
	}
}

func (e *explanation) asCancelled(inv invoice.Invoice) {
	e.Tone, e.Title = toneIdle, "Cancelled"
	e.say("The shop no longer wants the money.")
	if positive(inv.State.Received) {
		e.Title = "Cancelled, and money came"
		e.raise()
		e.received(inv)
		e.say("Give it back, or reopen the invoice to let it count.")
	}
}

func (e *explanation) received(inv invoice.Invoice) {
	if positive(inv.State.Received) {
		e.say("%s arrived in all.", sum(inv, inv.State.Received))
	}
}

func (e *explanation) asOtherAsset(inv invoice.Invoice) {
	if inv.Terms.Other == invoice.OtherHold {
		e.raise()
		e.say("Some of the money came in another asset, which does not count for this invoice.")
		return
	}
	e.say("Some of the money came in another asset, and counts for what it was worth when it was seen.")
}

// did reports whether an operator did this to the invoice.
func did(inv invoice.Invoice, kind invoice.ActionKind) bool {
	return slices.ContainsFunc(inv.Actions, func(a invoice.Action) bool { return a.Kind == kind })
}

func accepted(inv invoice.Invoice) bool { return did(inv, invoice.ActionAcceptLate) }
func byHand(inv invoice.Invoice) bool   { return did(inv, invoice.ActionComplete) }

// offers returns the acts that are possible now, the most fitting first.
func offers(inv invoice.Invoice, s situation) []offer {
	st := inv.State
	var out []offer
	add := func(possible bool, o offer) {
		if possible {
			out = append(out, o)
		}
	}
	is := func(any ...invoice.Status) bool { return slices.Contains(any, st.Status) }
	add(st.Outcome.Has(invoice.OutcomeLate) && !accepted(inv) && inv.Terms.Late != invoice.LateAccept &&
		is(invoice.StatusNew, invoice.StatusExpired, invoice.StatusPaidPartial),
		offer{"accept-late", "Accept late money", "Late payments of this invoice count in full, those to come as well. The status follows from that.", RoleOperator})
	add(s.refunds && positive(s.over) && is(invoice.StatusCompleted),
		offer{"refund", "Give back the surplus", "Give back what came beyond what was due, or another amount.", RoleOperator})
	add(!inv.Terms.Standing &&
		is(invoice.StatusNew, invoice.StatusPending, invoice.StatusPaidPartial, invoice.StatusExpired),
		offer{"complete", "Take as paid", "The invoice is completed whatever was seen. The shop is told, with your name and reason.", RoleOperator})
	add(s.refunds && positive(s.refundable) && !(positive(s.over) && is(invoice.StatusCompleted)),
		offer{"refund", "Give money back", "Give back what came in, to an address that the payer names.", RoleOperator})
	add(is(invoice.StatusExpired) && !inv.Terms.Standing || is(invoice.StatusCancelled) && st.ReleasedAt.IsZero(),
		offer{"reopen", "Reopen", "It is new again, with as much time as at first. What arrived counts as far as the terms let it.", RoleOperator})
	add(is(invoice.StatusExpired) && !inv.Terms.Standing && inv.Quote != nil && inv.PaymentCount() == 0 && !positive(st.Received),
		offer{"requote", "Reopen at today's rate",
			"It is new again with its price at the current rate, and as much time as at first. The address stays if it is the invoice's own.", RoleOperator})
	add(is(invoice.StatusNew, invoice.StatusPaidPartial),
		offer{"cancel", "Cancel", "The shop no longer wants the money. What still arrives is recorded and can be given back.", RoleCashier})
	add(is(invoice.StatusNew) && !inv.Terms.Standing,
		offer{"expire", "Expire now", "Its time ends now, as if the deadline had passed.", RoleOperator})
	add(st.Closed &&
		is(invoice.StatusCompleted, invoice.StatusExpired, invoice.StatusCancelled, invoice.StatusPaidPartial) && !inv.Terms.Standing,
		offer{"archive", "Archive", "Nothing is decided about it any more, and it needs nobody. This cannot be undone.", RoleOperator})
	return out
}
