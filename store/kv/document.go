package kv

import (
	"cmp"
	"slices"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// doc is an invoice with its messages, or the messages of a payout. Payments are stored separately.
type doc struct {
	Invoice  invoice.Invoice
	Payout   string    `json:",omitempty"` // id of the payout; the invoice is empty then
	Messages []message `json:",omitempty"` // by Seq

	stored []entry // the keys that lead to the stored document
}

// id returns the id of the document.
func (d *doc) id() string {
	if d.Payout != "" {
		return toldOf(d.Payout)
	}
	return d.Invoice.ID
}

// toldOf returns the id of the document with the messages of a payout, which no invoice has.
func toldOf(payoutID string) string { return "\x00payout\x00" + payoutID }

// owner returns the id of the document that a message is in.
func owner(m invoice.Message) string {
	if m.Invoice == "" {
		return toldOf(m.Payout)
	}
	return m.Invoice
}

type message struct {
	webhook.Record
	N     uint64    // messages due at the same time are sent in the order of their commits
	Since time.Time // when Due was set
	Ready bool      // no earlier message is due
	Tried int
	Token int64 // of the latest claim
	Open  bool  // that claim is not recorded yet
}

func (m *message) due() bool { return m.State == webhook.StateDue }

// entry is a key that leads to a document. Its value is the id of the invoice, or what to claim.
type entry struct{ kind, key, value string }

func values(entries []entry) map[string]string {
	out := map[string]string{}
	for _, e := range entries {
		out[e.key] = e.value
	}
	return out
}

// entries returns the keys that lead to the document, except for its order id, places and payments.
func (d *doc) entries() []entry {
	inv, wake := d.Invoice, d.Invoice.State.Wake
	if inv.Version == 0 {
		return d.messageEntries()
	}
	var out []entry
	add := func(kind string, parts ...any) {
		out = append(out, entry{kind, key(kind, parts...), inv.ID})
	}
	add("listed", inv.Project, inv.ID)
	if wake.Height != 0 {
		add("wake at height", string(inv.Network()), string(wake.Tag), wake.Height, inv.ID)
	}
	if !wake.Time.IsZero() {
		add("wake at time", string(inv.Network()), wake.Time, inv.ID)
	}
	return append(out, d.messageEntries()...)
}

func (d *doc) messageEntries() []entry {
	var out []entry
	for _, m := range d.Messages {
		id, url := m.Message.ID, m.Message.URL
		out = append(out, entry{"message", key("message", id), d.id()})
		if !m.due() {
			continue
		}
		out = append(out, entry{"undelivered", key("undelivered", m.Message.Project, url, id), d.id()})
		if m.Ready {
			out = append(out,
				entry{"due", key("due", m.Message.Endpoint, m.Due, m.N), claimable(m.Message.Endpoint, id)},
				entry{"since", key("since", m.Since, id), id})
		}
	}
	return out
}

func (d *doc) message(id string) *message {
	for i := range d.Messages {
		if d.Messages[i].Message.ID == id {
			return &d.Messages[i]
		}
	}
	return nil
}

// latest returns the last message to the receiver, or nil.
func (d *doc) latest(receiver string) *message {
	for i := range slices.Backward(d.Messages) {
		if d.Messages[i].Message.Receiver == receiver {
			return &d.Messages[i]
		}
	}
	return nil
}

// addMessage inserts the message after those with its Seq.
func (d *doc) addMessage(m message) {
	i, _ := slices.BinarySearchFunc(d.Messages, m.Message.Seq+1, func(m message, seq int64) int { return cmp.Compare(m.Message.Seq, seq) })
	d.Messages = slices.Insert(d.Messages, i, m)
}

// release makes the first undelivered message to the URL claimable from now on, and those with its Seq.
func (d *doc) release(url string, now time.Time) {
	first := int64(-1)
	for i := range d.Messages {
		m := &d.Messages[i]
		if m.Message.URL != url || !m.due() {
			continue
		}
		if first < 0 {
			first = m.Message.Seq
		}
		ready := m.Message.Seq == first
		if ready && !m.Ready {
			m.Due, m.Since = now, now
		}
		m.Ready = ready
	}
}

// record returns the message as readers see it.
func (m *message) record() webhook.Record {
	r := m.Record
	if !m.due() {
		r.Due = time.Time{}
	}
	return r
}
