package payout

import (
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
)

// Query selects a page of payouts, the newest first. Zero fields do not restrict.
type Query struct {
	Project string
	Status  Status
	Kind    Kind
	Asset   chain.AssetID
	Network chain.Network
	// Search finds payouts that have exactly this ID, key, receiver, invoice or id on the chain.
	Search        string
	CreatedAfter  time.Time // at or after
	CreatedBefore time.Time // at or before
	// Before is the cursor of the page: Page.Next of the previous one; empty for the first.
	Before string
	Limit  int // at most 1000; 0 means 100
	// Oldest reverses the order.
	Oldest bool
}

// Page is a page of a listing.
type Page struct {
	Payouts []Payout
	Next    string // cursor of the next page; empty if there is none
}

// Selects reports whether the payout fits the query, whatever its page.
func (q Query) Selects(p Payout) bool {
	switch {
	case q.Project != "" && p.Project != q.Project,
		q.Status != "" && p.State.Status != q.Status,
		q.Kind != "" && p.Kind != q.Kind,
		q.Asset != "" && p.Asset.ID != q.Asset,
		q.Network != "" && p.Asset.ID.Network() != q.Network,
		!q.CreatedAfter.IsZero() && p.CreatedAt.Before(q.CreatedAfter),
		!q.CreatedBefore.IsZero() && p.CreatedAt.After(q.CreatedBefore):
		return false
	}
	return q.Search == "" || p.found(q.Search)
}

// found reports whether one of the texts that searches look at is the text.
func (p Payout) found(text string) bool {
	for _, term := range p.Terms() {
		if strings.EqualFold(term, text) {
			return true
		}
	}
	return false
}

// Terms returns the texts under which a payout is found, for an index; none is empty.
func (p Payout) Terms() []string {
	var out []string
	for _, term := range []string{p.ID, p.Key, string(p.To), p.Invoice, p.State.TxID} {
		if term != "" {
			out = append(out, term)
		}
	}
	return out
}
