package invoicetest

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// verdict is the result of the facts of an invoice. It is computed independently here, from what package invoice documents
// and not from its code.
type verdict struct {
	received, counted, confirmed *big.Int
	enough                       bool // the amount that counts is enough
	complete                     bool // the confirmed amount is enough
	over                         bool // the deadline has passed
	status                       invoice.Status
	closed                       bool
	outcome                      invoice.Outcome
	unvalued                     bool // some payment waits for a rate
}

// will is what the operators want, according to their actions.
type will struct {
	deadline                                           time.Time
	cancelled, expired, completed, acceptLate, archive bool
}

func willOf(inv invoice.Invoice) will {
	w := will{deadline: inv.Deadline}
	for _, a := range inv.Actions {
		switch a.Kind {
		case invoice.ActionCancel:
			w.cancelled = true
		case invoice.ActionExpire:
			w.expired = true
			if a.At.Before(w.deadline) {
				w.deadline = a.At
			}
		case invoice.ActionReopen:
			w.cancelled, w.expired, w.deadline = false, false, a.Until
		case invoice.ActionComplete:
			w.completed = true
		case invoice.ActionAcceptLate:
			w.acceptLate = true
		case invoice.ActionArchive:
			w.archive = true
		case invoice.ActionLabel: // it decides nothing
		}
	}
	return w
}

// judge folds the facts at the network's head.
func judge(inv invoice.Invoice, head chain.Head, now time.Time) verdict {
	w := willOf(inv)
	v := verdict{received: new(big.Int), counted: new(big.Int), confirmed: new(big.Int)}
	var late, other bool
	for _, p := range inv.Payments {
		if inv.Quote == nil || p.Withdrawn || p.Dust || p.Key.Network != inv.Network() {
			continue
		}
		isOther, isLate := p.Asset != inv.Quote.Asset.ID, isLate(inv, w, p)
		late, other = late || isLate, other || isOther
		credit := p.Credit
		if credit == nil {
			v.unvalued = v.unvalued || !inv.Terms.Standing || !isOther
			continue
		}
		v.received.Add(v.received, credit)
		v.unvalued = v.unvalued || isLate && inv.Terms.Late == invoice.LateRerate && p.Rerated == nil
		if credit = counts(inv, w, p); credit == nil {
			continue
		}
		v.counted.Add(v.counted, credit)
		if isMature(p, inv.Terms.Confirm, head) {
			v.confirmed.Add(v.confirmed, credit)
		}
	}
	v.enough, v.complete = covers(inv, v.counted), covers(inv, v.confirmed)
	v.over = w.expired || inv.Quote != nil && head.Time.After(w.deadline) || inv.Quote == nil && now.After(w.deadline)
	v.over = v.over && !inv.Terms.Standing
	v.status, v.closed = v.stand(inv, w)
	v.outcome = v.remarks(inv, w, late, other)
	return v
}

// counts returns the part of a payment that counts under the terms, or nil if nothing does.
func counts(inv invoice.Invoice, w will, p invoice.Payment) *big.Int {
	switch {
	case p.Dust:
		return nil
	case p.Asset != inv.Quote.Asset.ID && inv.Terms.Other == invoice.OtherHold:
		return nil
	case !isLate(inv, w, p), w.acceptLate, inv.Terms.Late == invoice.LateAccept:
		return p.Credit
	case inv.Terms.Late == invoice.LateRerate:
		return p.Rerated
	}
	return nil
}

func isLate(inv invoice.Invoice, w will, p invoice.Payment) bool {
	return !inv.Terms.Standing && p.FirstSeen.After(w.deadline) && (p.Block.Hash == "" || p.Block.Time.After(w.deadline))
}

func isMature(p invoice.Payment, need chain.Confirmations, head chain.Head) bool {
	switch {
	case p.Block.Hash == "":
		return need.Tag == "" && need.Depth == 0 && !p.Replaceable
	case need.Tag == chain.FinalitySafe:
		return p.Block.Height <= head.Safe
	case need.Tag == chain.FinalityFinalized:
		return p.Block.Height <= head.Finalized
	}
	return p.Block.Height <= head.Height && head.Height-p.Block.Height+1 >= need.Depth
}

// covers reports whether an amount is what is due, within the tolerance.
func covers(inv invoice.Invoice, amount *big.Int) bool {
	if inv.Quote == nil || inv.Terms.Standing || amount.Sign() <= 0 {
		return false
	}
	missing := new(big.Int).Sub(inv.Quote.Due, amount)
	return missing.Sign() <= 0 || tolerated(inv, missing)
}

func tolerated(inv invoice.Invoice, difference *big.Int) bool {
	if units := inv.Terms.ToleranceUnits; units != nil && difference.Cmp(units) <= 0 {
		return true
	}
	share := new(big.Rat).Quo(inv.Terms.TolerancePercent.Rat(), big.NewRat(100, 1))
	share.Mul(share, new(big.Rat).SetInt(inv.Quote.Due))
	return new(big.Rat).SetInt(difference).Cmp(share) <= 0
}

func (v verdict) stand(inv invoice.Invoice, w will) (invoice.Status, bool) {
	switch {
	case w.archive:
		return invoice.StatusArchived, true
	case !inv.State.CompletedAt.IsZero():
		return invoice.StatusCompleted, true
	case w.cancelled:
		return invoice.StatusCancelled, true
	case inv.Terms.Standing:
		return invoice.StatusNew, false
	case v.enough:
		return invoice.StatusPending, false
	case v.counted.Sign() > 0:
		return invoice.StatusPaidPartial, v.over
	case v.over:
		return invoice.StatusExpired, true
	}
	return invoice.StatusNew, false
}

func (v verdict) remarks(inv invoice.Invoice, w will, late, other bool) invoice.Outcome {
	if inv.Quote == nil || inv.Terms.Standing {
		return 0
	}
	var o invoice.Outcome
	surplus := new(big.Int).Sub(v.received, inv.Quote.Due)
	switch {
	case v.received.Sign() == 0:
	case surplus.Sign() > 0 && !tolerated(inv, surplus) && (inv.Terms.Step == nil || surplus.Cmp(inv.Terms.Step) >= 0):
		o = invoice.OutcomeOver
	case v.enough || covers(inv, v.received):
		o = invoice.OutcomeExact
	default:
		o = invoice.OutcomeUnder
	}
	if late {
		o |= invoice.OutcomeLate
	}
	if other {
		o |= invoice.OutcomeOtherAsset
	}
	if v.status == invoice.StatusCompleted && !w.completed && !v.enough {
		o |= invoice.OutcomeReverted
	}
	return o
}

// quotesOf returns the quotes of an invoice that have an address, current or not.
func quotesOf(inv invoice.Invoice) []invoice.Quote {
	var out []invoice.Quote
	if inv.Quote != nil {
		out = append(out, *inv.Quote)
	}
	out = append(out, inv.Earlier...)
	for _, q := range slices.Clone(out) {
		for _, other := range q.Also {
			q.Address = other
			out = append(out, q)
		}
	}
	return slices.DeleteFunc(out, func(q invoice.Quote) bool { return q.Address == "" })
}

// payTo returns one of the addresses of a quote.
func payTo(r *rand.Rand, q *invoice.Quote) chain.Address {
	if len(q.Also) > 0 && r.IntN(3) == 0 {
		return q.Also[r.IntN(len(q.Also))]
	}
	return q.Address
}

// expiredByHand reports whether an operator has ended the time to pay.
func expiredByHand(inv invoice.Invoice) bool {
	return slices.ContainsFunc(inv.Actions, func(a invoice.Action) bool { return a.Kind == invoice.ActionExpire })
}
