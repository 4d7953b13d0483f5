package kv

import "github.com/cointill/cointill/invoice"

// doc is an invoice. Payments and messages are stored separately.
type doc struct {
	Invoice invoice.Invoice

	// What is kept by itself now: see packed.go.
	Payout   string     `json:",omitempty"` // id of the payout that the messages are about; the invoice is empty then
	Messages []*message `json:",omitempty"` // by Seq

	stored []entry // the keys that lead to the stored document
}

// id returns the id of the document.
func (d *doc) id() string {
	if d.Payout != "" {
		return toldOf(d.Payout)
	}
	return d.Invoice.ID
}

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
		return nil
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
	return out
}
