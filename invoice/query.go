package invoice

import (
	"cmp"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
)

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
