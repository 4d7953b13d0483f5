package desk

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// happening is a line of a timeline.
type happening struct {
	At             time.Time
	Title, Text    string
	Actor, Comment string
	Tone           tone
	Gone           bool // the chain no longer has what it is about
	Link           string
}

// eventPayments returns the payments as the events told them, with their classes. What a damaged or foreign body tells is
// left out.
func eventPayments(history []invoice.Event) map[chain.Key]invoice.PayloadPayment {
	out := map[chain.Key]invoice.PayloadPayment{}
	for _, ev := range history {
		if ev.Type != invoice.EventPaymentReceived {
			continue
		}
		if p, ok := payloadPayment(ev); ok {
			out[paymentKey(p)] = p
		}
	}
	return out
}

func payloadPayment(ev invoice.Event) (invoice.PayloadPayment, bool) {
	var body invoice.Payload
	if err := json.Unmarshal(ev.Body, &body); err != nil || body.Data.Payment == nil {
		return invoice.PayloadPayment{}, false
	}
	return *body.Data.Payment, true
}

func paymentKey(p invoice.PayloadPayment) chain.Key {
	return chain.Key{Network: p.Asset.Network(), TxID: p.TxID, Index: p.Index}
}

// eventTitles are the events for people.
var eventTitles = map[invoice.EventType]string{
	invoice.EventCreated: "Created", invoice.EventAssetChosen: "Asset chosen", invoice.EventReopened: "New again", invoice.EventPending: "Enough was seen",
	invoice.EventPaidPartial: "Part of it was seen", invoice.EventCompleted: "Completed", invoice.EventExpired: "Expired", invoice.EventCancelled: "Cancelled",
	invoice.EventArchived: "Archived", invoice.EventClosed: "Closed", invoice.EventReverted: "The chain took the money back",
	invoice.EventRestored: "The chain has the money again", invoice.EventRevalued: "The money counts differently", invoice.EventPaymentReceived: "Payment",
	invoice.EventPaymentLost: "A payment is no longer on the chain", invoice.EventDeposit: "Deposit confirmed", invoice.EventConfirmed: "All of it is confirmed",
}

func eventTone(t invoice.EventType) tone {
	switch t {
	case invoice.EventCompleted, invoice.EventDeposit, invoice.EventConfirmed, invoice.EventRestored:
		return toneGood
	case invoice.EventReverted, invoice.EventPaymentLost:
		return toneBad
	case invoice.EventPaidPartial, invoice.EventClosed, invoice.EventRevalued:
		return toneWarn
	case invoice.EventPending, invoice.EventPaymentReceived:
		return toneWait
	default:
		return toneIdle
	}
}

// timeline returns the events of an invoice, the acts of operators that made none, and the notes, the newest first.
func (v *visit) timeline(inv invoice.Invoice, history []invoice.Event, told map[chain.Key]invoice.PayloadPayment, notes []happening) []happening {
	gone := map[chain.Key]bool{}
	for _, p := range inv.Payments {
		gone[p.Key] = p.Withdrawn
	}
	var out []happening
	seen := map[time.Time]bool{}
	for _, ev := range history {
		e := happening{At: ev.At, Title: eventTitles[ev.Type], Actor: ev.Actor, Comment: ev.Comment, Tone: eventTone(ev.Type)}
		if e.Title == "" {
			e.Title = words(string(ev.Type))
		}
		if ev.From != ev.To && ev.From != "" {
			e.Text = words(string(ev.From)) + " → " + words(string(ev.To))
		}
		if p, ok := payloadPayment(ev); ok {
			v.tellPayment(&e, ev, p, told, gone)
		}
		if ev.Actor != "" {
			seen[ev.At] = true
		}
		out = append(out, e)
	}
	for _, a := range inv.Actions {
		if !seen[a.At] {
			out = append(out, happening{At: a.At, Title: "Operator: " + words(string(a.Kind)), Text: a.Label, Actor: a.Actor, Comment: a.Comment, Tone: toneIdle})
		}
	}
	out = append(out, notes...)
	slices.SortStableFunc(out, func(a, b happening) int { return a.At.Compare(b.At) })
	slices.Reverse(out)
	return out
}

func (v *visit) tellPayment(e *happening, ev invoice.Event, p invoice.PayloadPayment, told map[chain.Key]invoice.PayloadPayment, gone map[chain.Key]bool) {
	key := paymentKey(p)
	e.Text = v.unitsText(p.Asset, p.Units)
	if class := told[key].Class; class != "" && ev.Type == invoice.EventPaymentReceived {
		e.Title += ": " + words(string(class))
	}
	e.Text += " in " + short(p.TxID)
	e.Link = v.cfg.Transaction(key.Network, p.TxID)
	e.Gone = gone[key] && ev.Type == invoice.EventPaymentReceived
}

// unitsText returns base units that are a text, as bodies have them.
func (d *Desk) unitsText(asset chain.AssetID, units string) string {
	n, ok := parseUnits(units)
	if !ok {
		return units + " base units"
	}
	return d.amount(asset, n)
}

// short returns the beginning and the end of a long identifier.
func short(id string) string {
	const ends = 9
	if len(id) <= 2*ends+1 {
		return id
	}
	return id[:ends] + "…" + id[len(id)-ends:]
}
