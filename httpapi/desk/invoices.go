package desk

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

const listPage = 50

// invoiceRow is an invoice in a list.
type invoiceRow struct {
	invoice.Invoice
	ProjectName          string
	Price, Due, Received string
	Network              string
	Remarks              []string
	Link, Heading        string
}

func (v *visit) invoiceRows(all []invoice.Invoice) []invoiceRow {
	rows := make([]invoiceRow, len(all))
	for i, inv := range all {
		rows[i] = invoiceRow{
			Invoice: inv, ProjectName: v.projectName(inv.Project), Price: v.price(inv.Price), Remarks: remarks(inv),
			Link: v.link("invoices", inv.ID), Heading: heading(inv),
		}
		if q := inv.Quote; q != nil {
			rows[i].Due = sum(inv, q.Due)
			rows[i].Network = v.networkName(q.Asset.ID.Network())
			if positive(inv.State.Received) {
				rows[i].Received = sum(inv, inv.State.Received)
			}
		}
	}
	return rows
}

// heading returns what an invoice is called: the shop's own number if it has one, else its id.
func heading(inv invoice.Invoice) string {
	if inv.OrderID != "" {
		return inv.OrderID
	}
	return inv.ID
}

// remarks returns the outcome of an invoice without what its status says already.
func remarks(inv invoice.Invoice) []string {
	var out []string
	for _, o := range []struct {
		is   invoice.Outcome
		text string
	}{
		{invoice.OutcomeUnder, "under"}, {invoice.OutcomeOver, "over"}, {invoice.OutcomeLate, "late"},
		{invoice.OutcomeOtherAsset, "other asset"}, {invoice.OutcomeReverted, "reverted"},
	} {
		if inv.State.Outcome.Has(o.is) {
			out = append(out, o.text)
		}
	}
	return out
}

// invoices lists invoices.
func (v *visit) invoices() error {
	f, err := v.readFilter()
	if err != nil {
		return err
	}
	after := v.query("after")
	page, err := v.list(f.query(after, listPage+1))
	if err != nil {
		return err
	}
	next := ""
	if len(page.Invoices) > listPage {
		page.Invoices = page.Invoices[:listPage]
		q := f.values()
		q.Set("after", page.Invoices[listPage-1].ID)
		next = "?" + q.Encode()
	}
	saved, _, err := v.savedFilters()
	if err != nil {
		return err
	}
	projects, err := v.choices()
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "invoices", "Invoices", struct {
		Filter             filter
		Query, First, Next string
		Rows               []invoiceRow
		Total              int
		Later, May         bool
		Saved              []savedLink
		Choices            filterChoices
		Fields             []option
		Hidden             []field
		Several            []severalButton
	}{
		f, f.values().Encode(), "?" + f.values().Encode(), next, v.invoiceRows(page.Invoices), page.Total, after != "", v.person.Role.May(RoleCashier),
		v.savedLinks(saved, f), v.filterChoices(f, projects), v.fieldOptions(), hiddenFields(f.values()), v.severalButtons(),
	})
}

// savedLink is a saved filter as a link.
type savedLink struct {
	Name, Link string
	Current    bool
}

func (v *visit) savedLinks(all []saved, f filter) []savedLink {
	out := make([]savedLink, len(all))
	for i, s := range all {
		out[i] = savedLink{s.Name, v.root + "invoices?" + s.Query, s.Query == f.values().Encode()}
	}
	return out
}

type filterChoices struct {
	Projects, Statuses, Assets, Sorts []option
}

func (v *visit) filterChoices(f filter, projects []invoice.Project) filterChoices {
	c := filterChoices{Projects: projectOptions(projects, f.Project), Assets: v.assetCodes(f.Asset)}
	for _, s := range invoice.Statuses() {
		c.Statuses = append(c.Statuses, option{string(s), words(string(s)), string(s) == f.Status})
	}
	for _, s := range sorts {
		s.Chosen = s.Value == f.Sort
		c.Sorts = append(c.Sorts, s)
	}
	return c
}

// assetCodes returns the codes of the assets of invoices as choices, each once.
func (v *visit) assetCodes(chosen string) []option {
	var out []option
	for _, a := range v.cfg.Invoices.Assets() {
		if o := (option{a.Code, a.Code, a.Code == chosen}); !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}

// hiddenFields returns parameters as hidden inputs.
func hiddenFields(q url.Values) []field {
	var out []field
	for name, values := range q {
		for _, value := range values {
			out = append(out, field{Name: name, Value: value})
		}
	}
	slices.SortFunc(out, func(a, b field) int { return strings.Compare(a.Name+"="+a.Value, b.Name+"="+b.Value) })
	return out
}

// found is something that a search has found.
type found struct {
	Kind, Name, Link, Status, Text string
}

// search finds invoices and payouts by any text, and goes to the only one there is.
func (v *visit) search() error {
	q := v.query("q")
	if len(q) > 255 || !clean(q) {
		return badFilter("a text of it is too long, or no text")
	}
	var out []found
	total := 0
	if q != "" {
		var err error
		if out, total, err = v.find(q); err != nil {
			return err
		}
	}
	if len(out) == 1 && total <= 1 {
		return v.redirect(out[0].Link)
	}
	return v.render(http.StatusOK, "search", "Search", struct {
		Query, All string
		Found      []found
		Total      int
	}{q, v.root + "invoices?" + url.Values{"q": {q}}.Encode(), out, total})
}

func (v *visit) find(q string) ([]found, int, error) {
	seen := map[string]bool{}
	var out []found
	add := func(inv invoice.Invoice, why string) {
		if v.person.Sees(inv.Project) && !seen[inv.ID] {
			seen[inv.ID] = true
			out = append(out, found{"Invoice", heading(inv), v.link("invoices", inv.ID), string(inv.State.Status), strings.TrimSpace(inv.Name + " " + why)})
		}
	}
	paid, err := v.cfg.Invoices.InvoicesPaidIn(v.ctx(), "", q)
	if err != nil {
		return nil, 0, err
	}
	for _, inv := range paid[:min(len(paid), 50)] {
		add(inv, "(paid in this transaction)")
	}
	total := len(out)
	for _, deposits := range []bool{false, true} {
		page, err := v.list(invoice.Query{Search: q, Standing: deposits, Limit: 20})
		if err != nil {
			return nil, 0, err
		}
		total += page.Total
		for _, inv := range page.Invoices {
			add(inv, "")
		}
	}
	if v.cfg.Payouts != nil {
		page, err := v.cfg.Payouts.Payouts(v.ctx(), payout.Query{Search: q, Limit: 50})
		if bad := new(payout.InvalidError); errors.As(err, &bad) {
			err = nil
		}
		if err != nil {
			return nil, 0, err
		}
		for _, p := range page.Payouts {
			if v.person.Sees(p.Project) {
				total++
				out = append(out, found{words(string(p.Kind)), p.ID, v.link("payouts", p.ID), string(p.State.Status), v.amount(p.Asset.ID, p.Units) + " to " + string(p.To)})
			}
		}
	}
	return out, max(total, len(out)), nil
}
