package cryptomus

import (
	"math/big"
	"slices"

	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// summary is the state of an invoice in the terms of the API. It is derived from the invoice alone.
type summary struct {
	Status status
	Final  bool // no payment in time can change it
	// The amount paid in base units of the quoted asset, the commission of it, rounded up, and the rest, which is the
	// shop's. Until the invoice is final they count what was seen, and then only what is confirmed, so that a shop never
	// credits money that may still vanish. For a cancelled invoice the amount paid is what arrived nevertheless, and nothing
	// is credited. Never nil.
	Paid, Commission, Credited *big.Int
	// From and TxID belong to the latest payment, for display. Both are empty if there is none.
	From, TxID string
}

// The statuses that an invoice can have. The last three are those of one that is refunded through this API, which responses
// have instead of those before it. Of the others in the published documents, system_fail and locked do not occur.
const (
	statusCheck              status = "check"
	statusProcess            status = "process"
	statusConfirmCheck       status = "confirm_check"
	statusWrongAmountWaiting status = "wrong_amount_waiting"
	statusWrongAmount        status = "wrong_amount"
	statusPaid               status = "paid"
	statusPaidOver           status = "paid_over"
	statusFail               status = "fail"
	statusCancel             status = "cancel"
	statusRefundProcess      status = "refund_process"
	statusRefundPaid         status = "refund_paid"
	statusRefundFail         status = "refund_fail"
)

// summarize returns the state of an invoice.
func summarize(inv invoice.Invoice) summary {
	s := summary{Status: statusOf(inv), Paid: new(big.Int), Commission: new(big.Int), Credited: new(big.Int)}
	s.Final = slices.Contains([]status{statusPaid, statusPaidOver, statusWrongAmount, statusFail, statusCancel}, s.Status)
	paid := inv.State.Received
	if s.Final && s.Status != statusCancel {
		paid = inv.State.Confirmed
	}
	if paid != nil {
		s.Paid.Set(paid)
	}
	if s.Status != statusCancel {
		if inv.Quote != nil && inv.Quote.Due.Sign() > 0 {
			s.Commission = inv.Quote.CommissionUp(s.Paid)
		}
		s.Credited.Sub(s.Paid, s.Commission)
	}
	if i := latestPayment(inv.Payments); i >= 0 {
		s.From, s.TxID = string(inv.Payments[i].From), inv.Payments[i].Key.TxID
	}
	return s
}

// statusOf maps the core's statuses and outcomes to those of the API.
func statusOf(inv invoice.Invoice) status {
	s := inv.State
	switch s.Status {
	case invoice.StatusNew:
		if slices.ContainsFunc(inv.Payments, func(p invoice.Payment) bool { return waitsForValue(inv, p) }) {
			return statusProcess
		}
		return statusCheck
	case invoice.StatusPending:
		return statusConfirmCheck
	case invoice.StatusPaidPartial:
		switch {
		case s.PartialConfirmed():
			return statusWrongAmount
		case s.Closed: // payments may still vanish
			return statusConfirmCheck
		}
		return statusWrongAmountWaiting
	case invoice.StatusCompleted:
		return paidStatus(inv)
	case invoice.StatusExpired, invoice.StatusCancelled:
		return statusCancel
	case invoice.StatusArchived:
		switch {
		case !s.CompletedAt.IsZero():
			return paidStatus(inv)
		case s.Counted != nil && s.Counted.Sign() > 0:
			return statusWrongAmount
		}
		return statusCancel
	}
	return statusProcess
}

// waitsForValue reports whether money was seen in another asset for which no rate has been found yet.
func waitsForValue(inv invoice.Invoice, p invoice.Payment) bool {
	return inv.Quote != nil && !p.Withdrawn && !p.Dust && p.Credit == nil && p.Asset.Network() == inv.Network()
}

// paidStatus distinguishes too much from enough in amounts of eight decimals, as the API shows them: a payer who pays the
// amount shown, which is rounded up, has paid exactly.
func paidStatus(inv invoice.Invoice) status {
	switch q := inv.Quote; {
	case inv.State.Outcome.Has(invoice.OutcomeReverted):
		return statusFail
	case q != nil && inv.State.Outcome.Has(invoice.OutcomeOver) &&
		q.Asset.Decimal(inv.State.Received).RoundDown(8).GreaterThan(q.Asset.Decimal(q.Due).RoundUp(8)):
		return statusPaidOver
	}
	return statusPaid
}

// latestPayment returns the index of the latest payment that is still in the chain or the pool and is not dust, or -1.
func latestPayment(payments []invoice.Payment) int {
	at := -1
	for i, p := range payments {
		if !p.Withdrawn && !p.Dust && (at < 0 || !p.FirstSeen.Before(payments[at].FirstSeen)) {
			at = i
		}
	}
	return at
}

// dollarsOf returns the value of an amount of the quoted asset in US dollars at the rate of the quote, rounded down to
// cents. It returns false if the quote was not made in US dollars.
func dollarsOf(inv invoice.Invoice, units *big.Int) (decimal.Decimal, bool) {
	q := inv.Quote
	if q == nil || q.Rate.Pair.Quote != "USD" {
		return decimal.Zero, false
	}
	return q.Asset.Decimal(units).Mul(q.Rate.Value).RoundDown(2), true
}
