package invoice

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// Sort is what a listing is sorted by. Ties are broken by id, in the same direction, as in [Query.Compare].
type Sort string

// The sort orders. Invoices without a quote have the amount 0 in SortDue.
const (
	SortCreated Sort = "created_at" // the default
	SortUpdated Sort = "updated_at"
	SortFiat    Sort = "fiat_amount"   // Quote.Fiat.Amount, or Price.Amount without a quote
	SortDue     Sort = "crypto_amount" // Quote.Due in units of its asset, as a number
)

// Query selects a page of invoices. Zero fields do not restrict. A store that does not filter and sort by
// itself does so with Selects and Page.
type Query struct {
	Project       string    // whose
	Standing      bool      // standing invoices; false: all others
	Status        Status    //
	AssetCode     string    // code of the quoted asset
	Format        string    // how they are told: what API they were made by, where each has a format of its own
	CreatedAfter  time.Time // at or after
	CreatedBefore time.Time // at or before
	Fiat          string    // code of Quote.Fiat's currency, or of Price's without a quote
	// Search selects invoices with the text somewhere in their id, project, order id or name, whatever the case of
	// its ASCII letters.
	Search string
	// SearchProjects are ids of projects whose invoices Search selects as well, whatever their texts. Without Search they
	// mean nothing.
	SearchProjects []string
	Sort           Sort
	Ascending      bool
	// After leaves what comes after the invoice of this id, as that stands now, whether the listing has it or not:
	// the way through a long listing, whose last page costs what its first does. An unknown id leaves nothing.
	After     string
	Offset    int  // invoices to pass over, of those that After leaves
	Limit     int  // at most so many; required
	Uncounted bool // Page.Total is not wanted, and may be anything
}

// Page is one page of a listing.
type Page struct {
	Invoices []Invoice // with their open payments
	Total    int       // on all pages, whatever After and Offset are
}

// Selects says whether a listing for the query has the invoice, on whichever page: what a [Store]
// without a database's filters asks of each.
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

// mentions says whether the text is somewhere in what an invoice is searched by.
func (inv Invoice) mentions(text string) bool {
	for _, in := range []string{inv.ID, inv.Project, inv.OrderID, inv.Name} {
		if contains(in, text) {
			return true
		}
	}
	return false
}

// contains does not look at the case of ASCII letters.
func contains(in, text string) bool { return strings.Contains(lowerASCII(in), lowerASCII(text)) }

// lowerASCII is what databases agree on about letters.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// Compare is the order of a listing for the query, its direction and the ties by id included: negative
// when a comes before b, 0 only for one and the same id. An unknown Sort is [SortCreated].
func (q Query) Compare(a, b Invoice) int {
	order := cmp.Or(q.Sort.compare(a, b), strings.Compare(a.ID, b.ID))
	if q.Ascending {
		return order
	}
	return -order
}

// Page is the page of the query among all invoices that it selects, in any order, which it sorts in place. Last
// is the invoice of q.After, nil if there is none.
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
