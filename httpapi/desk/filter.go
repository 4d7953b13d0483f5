package desk

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
)

// filter is what a list of invoices is restricted to, as its URL says.
type filter struct {
	Search, Project, Status, Asset, Fiat string
	From, To                             string // days of UTC, both included
	Deposits                             bool
	Sort                                 string
	Ascending                            bool
}

// sorts are the orders that a list can have.
var sorts = []option{
	{Value: "", Text: "Created"}, {Value: string(invoice.SortUpdated), Text: "Changed"},
	{Value: string(invoice.SortFiat), Text: "Price"}, {Value: string(invoice.SortDue), Text: "Amount due"},
}

// readFilter returns the filter of the URL, or a fault that names what is wrong.
func (v *visit) readFilter() (filter, error) {
	project, err := v.wanted()
	f := filter{
		Search: v.query("q"), Project: project, Status: v.query("status"), Asset: v.query("asset"), Fiat: v.query("fiat"),
		From: v.query("from"), To: v.query("to"), Deposits: v.query("deposits") != "", Sort: v.query("sort"), Ascending: v.query("order") == "asc",
	}
	switch {
	case err != nil:
		return f, err
	case len(f.Search) > 255 || !clean(f.Search) || len(f.Asset) > 64 || !clean(f.Asset) || len(f.Fiat) > 16 || !clean(f.Fiat):
		return f, badFilter("a text of it is too long, or no text")
	case f.Status != "" && !invoice.Status(f.Status).Valid():
		return f, badFilter("there is no such status")
	case !slices.ContainsFunc(sorts, func(o option) bool { return o.Value == f.Sort }):
		return f, badFilter("there is no such order")
	}
	return f, checkDays(f.From, f.To)
}

// checkDays returns a fault unless each text is a day or empty.
func checkDays(days ...string) error {
	for _, d := range days {
		if _, err := time.Parse(day, d); d != "" && err != nil {
			return badFilter("a day must have the form 2026-01-31")
		}
	}
	return nil
}

// moments returns the first and the last moment of the days from and to, or zero times for those that are empty.
func moments(from, to string) (first, last time.Time) {
	if t, err := time.Parse(day, from); err == nil {
		first = t
	}
	if t, err := time.Parse(day, to); err == nil {
		last = t.AddDate(0, 0, 1).Add(-time.Nanosecond)
	}
	return first, last
}

func badFilter(why string) error {
	return &fault{http.StatusBadRequest, "The filter cannot be read", "In it, " + why + "."}
}

// values returns the parameters of the URL that selects the same.
func (f filter) values() url.Values {
	out := parameters(map[string]string{
		"q": f.Search, "project": f.Project, "status": f.Status, "asset": f.Asset, "fiat": f.Fiat, "from": f.From, "to": f.To, "sort": f.Sort,
	})
	if f.Deposits {
		out.Set("deposits", "1")
	}
	if f.Ascending {
		out.Set("order", "asc")
	}
	return out
}

// parameters returns the values that are not empty as parameters of a URL.
func parameters(values map[string]string) url.Values {
	out := url.Values{}
	for name, value := range values {
		if value != "" {
			out.Set(name, value)
		}
	}
	return out
}

// More reports whether a rarely used part of the filter is set.
func (f filter) More() bool {
	return f.From != "" || f.To != "" || f.Deposits || f.Sort != "" || f.Ascending
}

// query returns the filter as a query of a page.
func (f filter) query(after string, limit int) invoice.Query {
	q := invoice.Query{
		Project: f.Project, Standing: f.Deposits, Status: invoice.Status(f.Status), AssetCode: f.Asset, Fiat: strings.ToUpper(f.Fiat), Search: f.Search,
		Sort: invoice.Sort(f.Sort), Ascending: f.Ascending, After: after, Limit: limit,
	}
	q.CreatedAfter, q.CreatedBefore = moments(f.From, f.To)
	return q
}

// list returns a page of the invoices that the person may see. For a person who sees only some projects it merges theirs.
func (v *visit) list(q invoice.Query) (invoice.Page, error) {
	if q.Project == "" && len(v.person.Projects) == 1 {
		q.Project = v.person.Projects[0]
	}
	if q.Project != "" || len(v.person.Projects) == 0 {
		if q.Search != "" && len(v.person.Projects) == 0 {
			owned, err := v.cfg.Projects.ByOwner(v.ctx(), q.Search)
			if err != nil {
				return invoice.Page{}, err
			}
			q.SearchProjects = owned
		}
		return v.cfg.Invoices.List(v.ctx(), q)
	}
	var out invoice.Page
	for _, id := range slices.Compact(slices.Sorted(slices.Values(v.person.Projects))) {
		q.Project = id
		page, err := v.cfg.Invoices.List(v.ctx(), q)
		if err != nil {
			return invoice.Page{}, err
		}
		out.Total += page.Total
		out.Invoices = append(out.Invoices, page.Invoices...)
	}
	slices.SortFunc(out.Invoices, q.Compare)
	out.Invoices = out.Invoices[:min(len(out.Invoices), q.Limit)]
	return out, nil
}

// saved is a filter that a person keeps.
type saved struct {
	Name  string `json:"name"`
	Query string `json:"query"`
}

// filtersKind is the kind of the documents with the filters of persons, by their ids.
const filtersKind = "desk.filters"

const maxSaved = 30

// savedFilters returns the person's filters, and the version of the document.
func (v *visit) savedFilters() ([]saved, int64, error) {
	version, body, err := v.cfg.Records.Document(v.ctx(), filtersKind, v.person.ID)
	if err != nil {
		return nil, 0, fmt.Errorf("read the saved filters: %w", err)
	}
	var out []saved
	if body != nil {
		if err := json.Unmarshal(body, &out); err != nil {
			return nil, 0, fmt.Errorf("read the saved filters: %w", err)
		}
	}
	return out, version, nil
}

// saveFilter keeps the filter of the form under a name.
func (v *visit) saveFilter() error {
	return v.changeFilters(func(all []saved) ([]saved, error) {
		f, err := v.readFilter()
		name := v.query("name")
		switch {
		case err != nil:
			return nil, err
		case name == "" || len(name) > 60 || !clean(name):
			return nil, &fault{http.StatusBadRequest, "The filter was not saved", "Give it a name of at most 60 bytes."}
		}
		all = slices.DeleteFunc(all, func(s saved) bool { return s.Name == name })
		if len(all) >= maxSaved {
			return nil, &fault{http.StatusConflict, "The filter was not saved", fmt.Sprintf("You have %d already; remove one first.", maxSaved)}
		}
		return append(all, saved{name, f.values().Encode()}), nil
	})
}

// removeFilter forgets the filter with the name of the form.
func (v *visit) removeFilter() error {
	return v.changeFilters(func(all []saved) ([]saved, error) {
		return slices.DeleteFunc(all, func(s saved) bool { return s.Name == v.query("name") }), nil
	})
}

func (v *visit) changeFilters(change func([]saved) ([]saved, error)) error {
	if err := v.parseForm(); err != nil {
		return err
	}
	for range 5 {
		all, version, err := v.savedFilters()
		if err != nil {
			return err
		}
		if all, err = change(all); err != nil {
			return err
		}
		body, err := json.Marshal(all)
		if err != nil {
			return err
		}
		stored, err := v.cfg.Records.PutDocument(v.ctx(), filtersKind, v.person.ID, version, body)
		if err != nil {
			return fmt.Errorf("keep the filters: %w", err)
		}
		if stored {
			f, err := v.readFilter()
			if err != nil {
				return v.leave("invoices")
			}
			return v.leave("invoices?" + f.values().Encode())
		}
	}
	return errors.New("the saved filters keep being changed")
}
