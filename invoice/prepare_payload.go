package invoice

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
)

// PayloadVersion is the version of [Payload]. Within a version, no member is removed or changes its meaning.
const PayloadVersion = 1

// Payload is the body of an event in the library's own format, for receivers to decode. Amounts are decimal numbers in
// JSON strings, times RFC 3339 in UTC.
type Payload struct {
	Type      EventType   `json:"type"`
	Timestamp time.Time   `json:"timestamp"` // when it happened
	Data      PayloadData `json:"data"`
}

// PayloadData describes the event, with the whole invoice as it is after it: a receiver that keeps the newest Seq may
// ignore all others.
type PayloadData struct {
	Version int             `json:"version"` // PayloadVersion
	Seq     int64           `json:"seq"`     // grows by one with every event of the invoice
	From    Status          `json:"from,omitempty"`
	To      Status          `json:"to"`
	Actor   string          `json:"actor,omitempty"`
	Comment string          `json:"comment,omitempty"`
	Payment *PayloadPayment `json:"payment,omitempty"` // for the events about one payment
	Invoice PayloadInvoice  `json:"invoice"`
}

// PayloadInvoice is an invoice in the form that receivers get.
type PayloadInvoice struct {
	ID          string           `json:"id"`
	Project     string           `json:"project"`
	OrderID     string           `json:"order_id,omitempty"`
	Name        string           `json:"name,omitempty"`
	Status      Status           `json:"status"`
	Outcome     Outcome          `json:"outcome"`
	Closed      bool             `json:"closed"`
	Price       Price            `json:"price"`
	Asset       *chain.Asset     `json:"asset,omitempty"` // absent while none is chosen, like what follows
	Address     chain.Address    `json:"address,omitempty"`
	Due         *decimal.Decimal `json:"due,omitempty"`
	Received    *decimal.Decimal `json:"received,omitempty"`
	Confirmed   *decimal.Decimal `json:"confirmed,omitempty"`
	PaidAsset   chain.AssetID    `json:"paid_asset,omitempty"` // what most of the money came in
	Deadline    time.Time        `json:"deadline"`
	CreatedAt   time.Time        `json:"created_at"`
	UpdatedAt   time.Time        `json:"updated_at"`
	CompletedAt *time.Time       `json:"completed_at,omitempty"`
	// Payments holds all payments while there are at most maxPayloadPayments, and else the latestPayments that were
	// seen last, in the order of their keys; PaymentCount is how many there are. Anybody can send dust by the thousand,
	// so the size of a body must be bounded.
	Payments     []PayloadPayment `json:"payments,omitempty"`
	PaymentCount int              `json:"payment_count,omitempty"`
}

const (
	maxPayloadPayments = 50
	latestPayments     = 10
)

// PayloadPayment is a payment in the form that receivers get.
type PayloadPayment struct {
	TxID      string        `json:"txid"`
	Index     string        `json:"index"`
	Asset     chain.AssetID `json:"asset"`
	Units     string        `json:"units"`           // base units of Asset
	Class     Class         `json:"class,omitempty"` // in the event that reports it
	Height    uint64        `json:"height,omitempty"`
	BlockHash string        `json:"block_hash,omitempty"`
	Withdrawn bool          `json:"withdrawn,omitempty"`
	FirstSeen time.Time     `json:"first_seen"`
}

// draft is an event that still lacks its place in the sequence.
type draft struct {
	typ            EventType
	actor, comment string
	payment        *PayloadPayment
}

// drafts returns the events that lead from one state of an invoice to another. It is the only place that makes events
// of what the machine decided: one for each change of status, and one for everything else that must be reported.
func drafts(before, after Invoice, changes []change, by Action) []draft {
	var out []draft
	state := run(before) // each payment is recorded before the next one is classified
	for _, c := range changes {
		pay := payloadPayment(c.payment)
		switch {
		case c.fresh:
			pay.Class = state.classify(c.payment)
			out = append(out, draft{typ: EventPaymentReceived, payment: &pay})
		case c.lost:
			out = append(out, draft{typ: EventPaymentLost, payment: &pay})
		case c.matured:
			out = append(out, draft{typ: EventDeposit, payment: &pay})
		}
		state.record(c.payment)
	}
	was, is := before.State, after.State
	switch {
	case was.Status != is.Status:
		out = append(out, draft{typ: EventType("invoice." + string(is.Status)), actor: by.Actor, comment: by.Comment})
	case was.Closed != is.Closed:
		out = append(out, draft{typ: EventClosed, actor: by.Actor, comment: by.Comment})
	}
	if was.Status == is.Status && was.Closed && !was.PartialConfirmed() && is.PartialConfirmed() {
		out = append(out, draft{typ: EventConfirmed})
	}
	if wasGone, isGone := was.Outcome.Has(OutcomeReverted), is.Outcome.Has(OutcomeReverted); !wasGone && isGone {
		out = append(out, draft{typ: EventReverted})
	} else if wasGone && !isGone {
		out = append(out, draft{typ: EventRestored})
	}
	if len(out) == 0 && was.Closed && (was.Outcome != is.Outcome || orZero(was.Received).Cmp(orZero(is.Received)) != 0) {
		out = append(out, draft{typ: EventRevalued, actor: by.Actor, comment: by.Comment})
	}
	return out
}

// issue numbers and freezes the drafts, and returns the invoice with the new Seq. The first one that changes the status
// carries the change.
func issue(before, after Invoice, list []draft, now time.Time) (Invoice, []Event, error) {
	events := make([]Event, 0, len(list))
	after.Seq = before.Seq + int64(len(list))
	status := before.State.Status
	shown, err := json.Marshal(payloadInvoice(after)) // once: a step may have thousands of events of it
	if err != nil {
		return Invoice{}, nil, fmt.Errorf("invoice: write %s: %w", after.ID, err)
	}
	for i, d := range list {
		ev := Event{
			Invoice: after.ID, Project: after.Project, Seq: before.Seq + int64(i) + 1, Type: d.typ,
			From: status, To: status, At: now, Comment: d.comment, Actor: d.actor,
		}
		if d.typ == EventCreated || d.typ == EventType("invoice."+string(after.State.Status)) {
			ev.To, status = after.State.Status, after.State.Status
		}
		if ev.Body, err = json.Marshal(payload(ev, d.payment, shown)); err != nil {
			return Invoice{}, nil, fmt.Errorf("invoice: write event %d of %s: %w", ev.Seq, after.ID, err)
		}
		ev.ID = eventID(ev)
		events = append(events, ev)
	}
	return after, events, nil
}

// eventID returns an ID that depends on the event's body, so that a different event of the same number, as there may be
// after a backup was restored, has a different ID.
func eventID(ev Event) string {
	sum := sha256.Sum256(ev.Body)
	return fmt.Sprintf("evt_%s_%d_%x", ev.Invoice, ev.Seq, sum[:8])
}

// frozen is a [Payload] whose invoice is already encoded.
type frozen struct {
	Payload
	Data struct {
		PayloadData
		Invoice json.RawMessage `json:"invoice"`
	} `json:"data"`
}

func payload(ev Event, pay *PayloadPayment, shown json.RawMessage) frozen {
	out := frozen{Payload: Payload{Type: ev.Type, Timestamp: ev.At}}
	out.Data.Invoice = shown
	out.Data.PayloadData = PayloadData{
		Version: PayloadVersion, Seq: ev.Seq, From: ev.From, To: ev.To, Actor: ev.Actor, Comment: ev.Comment, Payment: pay,
	}
	return out
}

func payloadInvoice(inv Invoice) PayloadInvoice {
	out := PayloadInvoice{
		ID: inv.ID, Project: inv.Project, OrderID: inv.OrderID, Name: inv.Name, Status: inv.State.Status,
		Outcome: inv.State.Outcome, Closed: inv.State.Closed, Price: inv.Price, Deadline: inv.EffectiveDeadline(),
		CreatedAt: inv.CreatedAt, UpdatedAt: inv.UpdatedAt,
	}
	if at := inv.State.CompletedAt; !at.IsZero() {
		out.CompletedAt = &at
	}
	if q := inv.Quote; q != nil {
		amount := func(units *big.Int) *decimal.Decimal {
			d := q.Asset.Decimal(units)
			return &d
		}
		out.Asset, out.Address, out.Due = &q.Asset, q.Address, amount(q.Due)
		out.Received, out.Confirmed = amount(inv.State.Received), amount(inv.State.Confirmed)
		out.PaidAsset = inv.PaidAsset()
	}
	out.PaymentCount = inv.PaymentCount()
	shown := inv.Payments
	if out.PaymentCount > maxPayloadPayments {
		shown = latest(inv.Payments, latestPayments)
	}
	for _, p := range shown {
		out.Payments = append(out.Payments, payloadPayment(p))
	}
	return out
}

// latest returns the n payments that were seen last, in the order given.
func latest(payments []Payment, n int) []Payment {
	if len(payments) <= n {
		return payments
	}
	order := make([]int, len(payments))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return payments[b].FirstSeen.Compare(payments[a].FirstSeen) })
	order = order[:n]
	slices.Sort(order)
	out := make([]Payment, n)
	for i, at := range order {
		out[i] = payments[at]
	}
	return out
}

func payloadPayment(p Payment) PayloadPayment {
	return PayloadPayment{
		TxID: p.Key.TxID, Index: p.Key.Index, Asset: p.Asset, Units: p.Units.String(), Height: p.Block.Height,
		BlockHash: p.Block.Hash, Withdrawn: p.Withdrawn, FirstSeen: p.FirstSeen,
	}
}
