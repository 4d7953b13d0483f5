package invoice

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
)

// Sort is the order of a listing. Ties are broken by id, in the same direction, as in [Query.Compare].
type Sort string

// The sort orders. Invoices without a quote have the amount 0 in SortDue.
const (
	SortCreated Sort = "created_at" // the default
	SortUpdated Sort = "updated_at"
	SortFiat    Sort = "fiat_amount"   // Quote.Fiat.Amount, or Price.Amount without a quote
	SortDue     Sort = "crypto_amount" // Quote.Due in units of its asset, as a number
)

// Query selects a page of invoices. Zero fields do not restrict. A store that does not filter and sort by itself uses
// Selects and Page.
type Query struct {
	Project       string    // id of the project
	Standing      bool      // standing invoices; false: all others
	Status        Status    //
	AssetCode     string    // code of the quoted asset
	Format        string    // their format, which identifies the API that made them where each has its own
	CreatedAfter  time.Time // at or after
	CreatedBefore time.Time // at or before
	Fiat          string    // code of Quote.Fiat's currency, or of Price's without a quote
	// Search selects invoices whose id, project, order id, name or label contains the text, ignoring the case of ASCII
	// letters.
	Search string
	// SearchProjects holds ids of projects whose invoices Search selects as well, whatever their texts. They are
	// ignored without Search.
	SearchProjects []string
	Sort           Sort
	Ascending      bool
	// After selects what comes after the invoice of this id in its present state, whether or not the listing contains
	// it. With it, the last page of a long listing costs no more than the first. An unknown id selects nothing.
	After     string
	Offset    int  // invoices to skip, of those that After selects
	Limit     int  // largest number of invoices; required
	Uncounted bool // Page.Total is not needed and may be anything
}

// Page is one page of a listing.
type Page struct {
	Invoices []Invoice // with their open payments
	Total    int       // on all pages, whatever After and Offset are
}

// PaymentQuery selects payments, settled ones included, in one of three ways:
//
//   - Keys alone: the payments with these keys, withdrawn ones included. A key may repeat, and may be unknown.
//   - Network and TxID: the payments of the transaction on the network, withdrawn ones included.
//   - Network and From: the payments on the network that are not withdrawn and whose Height is From or more. From
//     [Unconfirmed] on, these are the unconfirmed payments.
//
// Without Keys, TxID and From, as in the zero value, it selects nothing. Anything else is ambiguous.
type PaymentQuery struct {
	Keys    []chain.Key
	Network chain.Network
	TxID    string
	From    uint64
}

// Validate returns an [InvalidError] for an ambiguous query, and otherwise nil.
func (q PaymentQuery) Validate() error {
	switch {
	case len(q.Keys) > 0 && (q.Network != "" || q.TxID != "" || q.From > 0):
		return refuse("Keys", "", "must not be combined with Network, TxID or From")
	case q.TxID != "" && q.From > 0:
		return refuse("TxID", q.TxID, "must not be combined with From")
	case q.Network == "" && (q.TxID != "" || q.From > 0):
		return refuse("Network", "", "is required with TxID or From")
	}
	return nil
}

// Selects reports whether a listing for the query contains the invoice, on any page. It is for a [Store] that cannot
// filter in a database.
func (q Query) Selects(inv Invoice) bool {
	switch {
	case inv.Terms.Standing != q.Standing,
		q.Project != "" && inv.Project != q.Project,
		q.Status != "" && inv.State.Status != q.Status,
		q.Format != "" && inv.Format != q.Format,
		q.Fiat != "" && inv.fiatCode() != q.Fiat,
		q.Search != "" && !inv.mentions(q.Search) && !slices.Contains(q.SearchProjects, inv.Project),
		q.AssetCode != "" && (inv.Quote == nil || inv.Quote.Asset.Code != q.AssetCode),
		!q.CreatedAfter.IsZero() && inv.CreatedAt.Before(q.CreatedAfter),
		!q.CreatedBefore.IsZero() && inv.CreatedAt.After(q.CreatedBefore):
		return false
	}
	return true
}

func (inv Invoice) fiatCode() string {
	if inv.Quote == nil {
		return inv.Price.Currency
	}
	return inv.Quote.Fiat.Currency
}

// mentions reports whether one of the searched texts contains the text.
func (inv Invoice) mentions(text string) bool {
	for _, in := range []string{inv.ID, inv.Project, inv.OrderID, inv.Title()} {
		if contains(in, text) {
			return true
		}
	}
	return false
}

// contains ignores the case of ASCII letters.
func contains(in, text string) bool { return strings.Contains(lowerASCII(in), lowerASCII(text)) }

// lowerASCII lowers the only letters whose case all databases agree on.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// Compare compares two invoices in the order of a listing for the query, with its direction and ties by id: the result
// is negative when a comes before b, and 0 only for the same id. An unknown Sort is [SortCreated].
func (q Query) Compare(a, b Invoice) int {
	order := cmp.Or(q.Sort.compare(a, b), strings.Compare(a.ID, b.ID))
	if q.Ascending {
		return order
	}
	return -order
}

// Page returns the page of the query from all invoices that it selects, in any order; it sorts selected in place. last
// is the invoice of q.After, or nil if there is none.
func (q Query) Page(selected []Invoice, last *Invoice) Page {
	slices.SortFunc(selected, q.Compare)
	page := Page{Total: len(selected)}
	if q.After != "" {
		selected = slices.DeleteFunc(selected, func(inv Invoice) bool { return last == nil || q.Compare(inv, *last) <= 0 })
	}
	selected = selected[min(max(q.Offset, 0), len(selected)):]
	page.Invoices = selected[:min(max(q.Limit, 0), len(selected))]
	return page
}

func (s Sort) compare(a, b Invoice) int {
	switch s {
	case SortUpdated:
		return a.UpdatedAt.Compare(b.UpdatedAt)
	case SortFiat:
		return fiatAmount(a).Cmp(fiatAmount(b))
	case SortDue:
		return dueAmount(a).Cmp(dueAmount(b))
	default:
		return a.CreatedAt.Compare(b.CreatedAt)
	}
}

func fiatAmount(inv Invoice) decimal.Decimal {
	if inv.Quote == nil {
		return inv.Price.Amount
	}
	return inv.Quote.Fiat.Amount
}

func dueAmount(inv Invoice) decimal.Decimal {
	if inv.Quote == nil {
		return decimal.Zero
	}
	return inv.Quote.Asset.Decimal(inv.Quote.Due)
}
