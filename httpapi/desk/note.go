package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/cointill/cointill/invoice"
)

// note is what a person wrote down about an invoice. It is for people alone: it decides nothing, and no webhook tells it.
type note struct {
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	Text  string    `json:"text"`
}

// notesShown is how many notes of an invoice are shown, the newest.
const notesShown = 100

// notesOf returns the name of the log of [Records] that has the notes of an invoice.
func notesOf(invoiceID string) string { return "desk.notes/" + invoiceID }

// planNote plans a note about an invoice: the reason that every act asks for is all there is to it.
func planNote(v *visit) (*deed, error) {
	inv, err := v.oneInvoice()
	if err != nil {
		return nil, err
	}
	d := v.invoiceDeed(inv)
	d.title, d.button, d.text = "Add a note", "Add the note", "The text becomes part of what happened to the invoice, with your name. It changes nothing, and nobody else is told."
	d.do = func(ctx context.Context, text, _ string) (done, error) {
		body, err := json.Marshal(note{v.cfg.Now().UTC(), v.person.ID, text})
		if err != nil {
			return done{}, err
		}
		_, err = v.cfg.Records.AppendRecord(ctx, notesOf(inv.ID), body)
		return done{}, err
	}
	return d, nil
}

// notes returns the notes about an invoice as lines of its timeline, the oldest first.
func (v *visit) notes(inv invoice.Invoice) ([]happening, error) {
	_, bodies, err := v.cfg.Records.ReadRecords(v.ctx(), notesOf(inv.ID), 0, true, notesShown)
	if err != nil {
		return nil, fmt.Errorf("read the notes of invoice %s: %w", inv.ID, err)
	}
	var out []happening
	for _, body := range bodies {
		var n note
		if err := json.Unmarshal(body, &n); err != nil {
			n.Text = "This note cannot be read."
		}
		out = append(out, happening{At: n.At, Title: "Note", Actor: n.Actor, Comment: n.Text, Tone: toneIdle})
	}
	slices.Reverse(out) // those of one moment stay in their order
	return out, nil
}
