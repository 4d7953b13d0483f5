package storetest

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
)

var listingCases = []testCase{
	{"every sort in both directions", "a listing is sorted by the number or time, ties by id, in pages that neither repeat nor pass over anything", sorts},
	{"amounts of all magnitudes", "amounts sort as numbers, whatever their length", magnitudes},
	{"every filter alone and together", "filters restrict, zero fields do not", filters},
	{"pages beyond the end", "Total counts all pages, whatever the page", beyond},
	{"a change is listed as it is now", "a reader that starts after a Commit has returned sees all of it", relisted},
	{"standing invoices apart", "a listing has the standing invoices or all others", standing},
	{"a page without its total", "with Uncounted the total may be anything, and the page is the same", uncounted},
	{"page after page", "After leaves what comes after that invoice, without repeating or passing over anything; Total counts all", after},
	{"search with projects", "SearchProjects are projects whose invoices Search selects as well, however many, and mean nothing without it", searchesProjects},
	{"search", "Search selects by a part of the id, the project, the order id or the name, whatever the case of ASCII letters", searches},
	{"search by label", "Search selects by a part of the label that an invoice has now", searchesLabels},
	{"a page has the payments", "a listing returns invoices with their payments", pageWithPayments},
}

// caughtUp returns the cases for a backend that catches up after every commit.
func caughtUp(cases []testCase) []testCase {
	out := slices.Clone(cases)
	for i, c := range cases {
		out[i].rule += ", also when the backend has caught up with what it put off"
		out[i].run = func(t *testing.T, b store.Backend) {
			if tidier, ok := b.(invoice.Tidier); ok {
				b = prompt{b, tidier}
			}
			c.run(t, b)
		}
	}
	return out
}

// prompt puts nothing off.
type prompt struct {
	store.Backend
	tidier invoice.Tidier
}

func (p prompt) Commit(ctx context.Context, b invoice.Batch) error {
	err := p.Backend.Commit(ctx, b)
	if err == nil {
		err = p.tidier.Tidy(ctx, 0)
	}
	return err
}

// catalogue is a set of invoices with ties and gaps in everything that listings sort and filter by.
func catalogue() []invoice.Invoice {
	statuses := invoice.Statuses()
	var out []invoice.Invoice
	for n := range 14 {
		inv := newInvoice(n)
		inv.CreatedAt = start.Add(time.Duration(n/2) * time.Nanosecond) // in pairs
		inv.UpdatedAt = start.Add(-time.Duration(n%5) * time.Hour)
		inv.State.Status = statuses[n%len(statuses)]
		inv.Price.Amount = decimal.New(int64(n%4), int32(n%3))
		switch n % 4 {
		case 0:
			inv.Quote = nil
		case 1:
			inv.Quote = newQuote(n, pol)
		}
		if inv.Quote != nil {
			inv.Quote.Fiat.Amount = decimal.New(int64(n%6), -int32(n%7))
			inv.Quote.Fiat.Currency = []string{"EUR", "USD", ""}[n%3]
			inv.Quote.Due = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n%8)*5), nil)
		}
		if n%7 == 6 {
			inv.Project = "other shop"
		}
		inv.Format = []string{"", "standard", "terse"}[n%3]
		inv.Terms.Standing = n == 3 || n == 12 || n == 13
		out = append(out, inv)
	}
	return out
}

// listed is the expected result of a listing, without its pages.
func listed(all []invoice.Invoice, q invoice.Query) []string {
	found := slices.DeleteFunc(slices.Clone(all), func(inv invoice.Invoice) bool { return !q.Selects(inv) })
	slices.SortFunc(found, q.Compare)
	return ids(found)
}

// list reads all pages, three invoices at a time.
func list(t *testing.T, b store.Backend, q invoice.Query) []string {
	t.Helper()
	out := []string{}
	q.Limit = 3
	for {
		page := must[invoice.Page](t)(b.Invoices(t.Context(), q))
		out = append(out, ids(page.Invoices)...)
		q.Offset += q.Limit
		if q.Offset < page.Total && len(page.Invoices) != q.Limit || q.Offset >= page.Total && len(out) != page.Total {
			t.Fatalf("%+v: got %d invoices on this page and %d so far, of a total of %d", q, len(page.Invoices), len(out), page.Total)
		}
		if q.Offset >= page.Total {
			return out
		}
	}
}

func sorts(t *testing.T, b store.Backend) {
	all := catalogue()
	insert(t, b, all...)
	for _, sort := range []invoice.Sort{"", invoice.SortCreated, invoice.SortUpdated, invoice.SortFiat, invoice.SortDue} {
		for _, ascending := range []bool{false, true} {
			for _, project := range []string{"", "shop"} {
				q := invoice.Query{Project: project, Sort: sort, Ascending: ascending}
				same(t, fmt.Sprintf("%+v", q), list(t, b, q), listed(all, q))
			}
		}
	}
}

func searches(t *testing.T, b store.Backend) {
	var all []invoice.Invoice
	for n, words := range [][2]string{
		{"Order_100%", "A Chair"}, {"orderX1000", "a chair of Öl"}, {"", ""}, {`back\slash`, `"quoted"`}, {"no hyphen", "100%"}, {"-", "STRASSE"},
	} {
		inv := newInvoice(n)
		inv.OrderID, inv.Name = words[0], words[1]
		all = append(all, inv)
	}
	insert(t, b, all...)
	for _, text := range []string{
		"order", "ORDER_1", "R_1", "100%", "%", "_", `\`, `"`, "chair", "CHAIR", "öl", "Öl", "strasse", "ß", "shop", "SHOP", "nothing at all",
		all[3].ID, all[3].ID[4:9], "'", "o", " ",
	} {
		q := invoice.Query{Search: text}
		same(t, fmt.Sprintf("%+v", q), list(t, b, q), listed(all, q))
		q.Project, q.Status, q.Sort = "shop", invoice.StatusNew, invoice.SortUpdated
		same(t, fmt.Sprintf("%+v", q), list(t, b, q), listed(all, q))
	}
}

func searchesLabels(t *testing.T, b store.Backend) {
	var all []invoice.Invoice
	for n := range 12 {
		inv := newInvoice(n)
		inv.Name = []string{"", "A Chair", "urgent"}[n%3]
		all = append(all, inv)
	}
	insert(t, b, all...)
	found := func(what string) {
		t.Helper()
		for _, text := range []string{"urgent", "URG", "gift for Öl", "chair\ngift", "gift", "chair", "t f", "\n"} {
			q := invoice.Query{Search: text}
			same(t, what+fmt.Sprintf(": %+v", q), list(t, b, q), listed(all, q))
		}
	}
	found("without labels")
	for round, label := range []string{"Urgent", "gift for Öl", "gift for Öl", ""} {
		for n := round; n < len(all); n += 2 {
			all[n] = revise(all[n], func(inv *invoice.Invoice) {
				action := invoice.Action{N: len(inv.Actions) + 1, Kind: invoice.ActionLabel, At: inv.UpdatedAt, Label: label}
				inv.Actions = append(slices.Clone(inv.Actions), action)
			})
			commit(t, b, invoice.Batch{Update: []invoice.Invoice{all[n]}})
		}
		found(fmt.Sprintf("after label %q", label))
	}
}

func searchesProjects(t *testing.T, b store.Backend) {
	var all []invoice.Invoice
	var projects []string
	for n := range 24 {
		inv := newInvoice(n)
		inv.Project = fmt.Sprintf("shop %d", n%20)
		inv.OrderID, inv.Name = fmt.Sprint("order ", n), []string{"A Chair", "tea"}[n%2]
		inv.Terms.Standing = n%5 == 4
		all = append(all, inv)
		projects = append(projects, inv.Project)
	}
	insert(t, b, all...)
	for _, some := range [][]string{{"shop 1"}, {"Shop 1"}, {"shop"}, {"nobody", "shop 3"}, {"shop 2", "shop 2", ""}, projects[3:], projects} {
		for _, text := range []string{"", "chair", "a", "z", "nothing at all", "shop 1", "tea"} {
			q := invoice.Query{Search: text, SearchProjects: some}
			same(t, fmt.Sprintf("%+v", q), list(t, b, q), listed(all, q))
			q.Standing = true
			same(t, fmt.Sprintf("%+v", q), list(t, b, q), listed(all, q))
			q.Standing, q.Project, q.Sort = false, "shop 3", invoice.SortUpdated
			same(t, fmt.Sprintf("%+v", q), list(t, b, q), listed(all, q))
		}
	}
}

func magnitudes(t *testing.T, b store.Backend) {
	var all []invoice.Invoice
	for n, amount := range []string{"9", "10", "0.00000001", "1000000000000000", "0", "999999999999999.99", "0.1", "0.09", "1.0", "1.00000001", "0.000000011", "99", "100"} {
		inv := newInvoice(n)
		inv.Quote.Fiat.Amount = decimal.RequireFromString(amount)
		inv.Quote.Due = inv.Quote.Asset.UnitsUp(inv.Quote.Fiat.Amount)
		if n%3 == 0 {
			inv.Quote.Asset.Decimals = 8 // the amount in units of the asset counts, not its base units
			inv.Quote.Due = inv.Quote.Asset.UnitsUp(inv.Quote.Fiat.Amount)
		}
		all = append(all, inv)
	}
	insert(t, b, all...)
	for _, sort := range []invoice.Sort{invoice.SortFiat, invoice.SortDue} {
		q := invoice.Query{Project: "shop", Sort: sort, Ascending: true}
		same(t, string(sort), list(t, b, q), listed(all, q))
	}
}

func filters(t *testing.T, b store.Backend) {
	all := catalogue()
	insert(t, b, all...)
	for _, q := range []invoice.Query{
		{Project: "nobody"},
		{Project: "other shop"},
		{Status: invoice.StatusPending},
		{Status: "unheard of"},
		{AssetCode: "POL"},
		{AssetCode: "eth"},
		{CreatedAfter: start.Add(3)},
		{CreatedBefore: start.Add(3)},
		{CreatedAfter: start.Add(2), CreatedBefore: start.Add(4)},
		{CreatedAfter: start.Add(4), CreatedBefore: start.Add(2)},
		{Fiat: "EUR"},
		{Format: "standard"},
		{Format: "terse", Project: "shop", Sort: invoice.SortUpdated},
		{Format: "Standard"},
		{Format: "standard", Fiat: "EUR", Status: invoice.StatusNew, AssetCode: "POL", Project: "shop"},
		{Fiat: "USD", Project: "shop"},
		{Fiat: "eur"},
		{Fiat: newInvoice(0).Price.Currency, Status: invoice.StatusNew, Sort: invoice.SortFiat},
		{Project: "shop", Status: invoice.StatusNew, AssetCode: "ETH"},
		{Project: "shop", AssetCode: "ETH", CreatedAfter: start.Add(1), CreatedBefore: start.Add(6), Sort: invoice.SortDue},
		{Project: "shop", Status: invoice.StatusPending, CreatedBefore: start.Add(6), Sort: invoice.SortFiat, Ascending: true},
		{Status: invoice.StatusExpired, AssetCode: "POL", Sort: invoice.SortUpdated},
	} {
		same(t, fmt.Sprintf("%+v", q), list(t, b, q), listed(all, q))
	}
}

func beyond(t *testing.T, b store.Backend) {
	insert(t, b, catalogue()...)
	for _, c := range []struct{ offset, limit, want int }{{0, 100, 11}, {9, 3, 2}, {11, 3, 0}, {1000, 3, 0}} {
		page := must[invoice.Page](t)(b.Invoices(t.Context(), invoice.Query{Offset: c.offset, Limit: c.limit}))
		if len(page.Invoices) != c.want || page.Total != 11 {
			t.Fatalf("offset %d, limit %d: got %d of %d, want %d of 11", c.offset, c.limit, len(page.Invoices), page.Total, c.want)
		}
	}
}

func standing(t *testing.T, b store.Backend) {
	all := catalogue()
	insert(t, b, all...)
	for _, q := range []invoice.Query{
		{Standing: true}, {Standing: true, Ascending: true, Sort: invoice.SortDue}, {Standing: true, Project: "shop"},
		{Standing: true, Project: "other shop", Sort: invoice.SortUpdated}, {Standing: true, Status: all[3].State.Status},
		{Standing: true, CreatedAfter: start.Add(2)}, {Standing: true, AssetCode: "POL"}, {Standing: true, Project: "nobody"},
	} {
		same(t, fmt.Sprintf("%+v", q), list(t, b, q), listed(all, q))
	}
	kept := revise(all[3], func(inv *invoice.Invoice) { inv.State.Status = invoice.StatusArchived })
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{kept}})
	all[3] = kept
	for _, q := range []invoice.Query{{Standing: true}, {Standing: true, Status: invoice.StatusArchived}, {}} {
		same(t, fmt.Sprintf("%+v, after an update", q), list(t, b, q), listed(all, q))
	}
}

func uncounted(t *testing.T, b store.Backend) {
	all := catalogue()
	insert(t, b, all...)
	for _, q := range []invoice.Query{
		{}, {Standing: true}, {Project: "shop", Sort: invoice.SortFiat}, {Status: invoice.StatusNew, AssetCode: "ETH", Ascending: true}, {Project: "nobody"},
		{Project: "shop", Format: "terse"},
	} {
		q.Uncounted, q.Limit = true, 3
		want := listed(all, q)
		for ; q.Offset < len(want)+4; q.Offset += q.Limit {
			left := want[min(q.Offset, len(want)):]
			page := must[invoice.Page](t)(b.Invoices(t.Context(), q))
			same(t, fmt.Sprintf("%+v", q), ids(page.Invoices), append([]string{}, left[:min(q.Limit, len(left))]...))
		}
	}
}

func after(t *testing.T, b store.Backend) {
	all := catalogue()
	insert(t, b, all...)
	for _, sort := range []invoice.Sort{invoice.SortCreated, invoice.SortUpdated, invoice.SortFiat, invoice.SortDue} {
		for _, q := range []invoice.Query{{}, {Ascending: true}, {Project: "shop"}, {Project: "shop", Ascending: true}, {Standing: true}} {
			q.Sort, q.Limit = sort, 2
			want, got := listed(all, q), []string{}
			for {
				page := must[invoice.Page](t)(b.Invoices(t.Context(), q))
				if page.Total != len(want) {
					t.Fatalf("%+v: the total is %d, want %d", q, page.Total, len(want))
				}
				if len(page.Invoices) == 0 {
					break
				}
				got = append(got, ids(page.Invoices)...)
				q.After = got[len(got)-1]
			}
			same(t, fmt.Sprintf("%+v", q), got, want)
			q.After, q.Offset = want[0], 1
			page := must[invoice.Page](t)(b.Invoices(t.Context(), q))
			same(t, fmt.Sprintf("%+v", q), ids(page.Invoices), append([]string{}, want[min(2, len(want)):min(4, len(want))]...))
		}
	}
	page := must[invoice.Page](t)(b.Invoices(t.Context(), invoice.Query{After: all[3].ID, Ascending: true, Limit: 50}))
	same(t, "after an invoice that the listing does not have", ids(page.Invoices), listed(all[4:], invoice.Query{Ascending: true}))
	page = must[invoice.Page](t)(b.Invoices(t.Context(), invoice.Query{After: "nobody", Ascending: true, Limit: 50}))
	same(t, "after an unknown invoice", ids(page.Invoices), []string{})
}

func relisted(t *testing.T, b store.Backend) {
	inv := newInvoice(1, unquoted)
	insert(t, b, inv, newInvoice(2))
	changed := revise(inv, func(inv *invoice.Invoice) {
		inv.State.Status = invoice.StatusPending
		inv.Quote = newQuote(1, pol)
		inv.Quote.Fiat.Amount = decimal.New(1, 9)
		inv.UpdatedAt = start.AddDate(1, 0, 0)
	})
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{changed}})
	all := []invoice.Invoice{changed, newInvoice(2)}
	for _, q := range []invoice.Query{
		{Status: invoice.StatusNew}, {Status: invoice.StatusPending}, {AssetCode: "POL"},
		{Sort: invoice.SortFiat}, {Sort: invoice.SortDue}, {Sort: invoice.SortUpdated},
	} {
		same(t, fmt.Sprintf("%+v", q), list(t, b, q), listed(all, q))
	}
}

func pageWithPayments(t *testing.T, b store.Backend) {
	all := []invoice.Invoice{newInvoice(1), newInvoice(2), newInvoice(3)}
	insert(t, b, all...)
	for _, n := range []int{4, 3, 2, 1} {
		p := newPayment(n, all[n%2], 100)
		commit(t, b, invoice.Batch{Payments: []invoice.Payment{p}})
	}
	all[0].Payments = []invoice.Payment{newPayment(2, all[0], 100), newPayment(4, all[0], 100)}
	all[1].Payments = []invoice.Payment{newPayment(1, all[1], 100), newPayment(3, all[1], 100)}
	page := must[invoice.Page](t)(b.Invoices(t.Context(), invoice.Query{Limit: 3, Ascending: true}))
	sameList(t, "the page", page.Invoices, all)
}
