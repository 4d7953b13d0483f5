package cryptomus

import (
	"math/big"
	"slices"

	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// summary is how an invoice stands in the words of the API. It follows from the invoice and from
// nothing else.
type summary struct {
	Status status
	Final  bool // nothing that comes in time can change it any more
	// What the payer paid, in base units of the quoted asset, of that the commission, rounded up, and the rest,
	// which is the shop's. While the invoice is not final it is what was seen, and then what is confirmed: a shop
	// that credits it never credits what may still vanish. Of a cancelled invoice it is what came all the same,
	// and nothing of it is credited. Never nil.
	Paid, Commission, Credited *big.Int
	// From and TxID are of the payment that was seen last, for display; both empty when there is none.
	From, TxID string
}

// The statuses of the API that an invoice can have. Of the others, refund_process, refund_fail and
// refund_paid need refunds, and system_fail and locked do not happen here.
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
)

// summarize returns how an invoice stands.
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

// statusOf is the table from the core's statuses and remarks to those of the API.
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
		case s.Closed: // what was seen may still vanish
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

// waitsForValue reports whether money was seen in another asset that no rate could be found for yet.
func waitsForValue(inv invoice.Invoice, p invoice.Payment) bool {
	return inv.Quote != nil && !p.Withdrawn && !p.Dust && p.Credit == nil && p.Asset.Network() == inv.Network()
}

// paidStatus tells too much from enough in amounts of eight decimals, as the API shows them: who pays what was
// shown, which is rounded up, has paid exactly.
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

// latestPayment returns the index of the payment that was seen last, is still there and decides something, or -1.
func latestPayment(payments []invoice.Payment) int {
	at := -1
	for i, p := range payments {
		if !p.Withdrawn && !p.Dust && (at < 0 || !p.FirstSeen.Before(payments[at].FirstSeen)) {
			at = i
		}
	}
	return at
}

// dollarsOf is what an amount of the quoted asset is worth in US dollars at the rate of the quote, rounded down
// to cents; false when the quote was not made in dollars.
func dollarsOf(inv invoice.Invoice, units *big.Int) (decimal.Decimal, bool) {
	q := inv.Quote
	if q == nil || q.Rate.Pair.Quote != "USD" {
		return decimal.Zero, false
	}
	return q.Asset.Decimal(units).Mul(q.Rate.Value).RoundDown(2), true
}
