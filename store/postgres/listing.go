package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/cointill/cointill/invoice"
	"github.com/jackc/pgx/v5"
)

// Invoices implements [invoice.Reader]. The total of a page takes a walk over the index entries of the
// project; without a project, over all of them. A page that is not counted and sorted by creation takes none.
func (r reader) Invoices(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	page, err := r.list(ctx, q)
	if err != nil {
		return page, fmt.Errorf("postgres: list invoices: %w", err)
	}
	return page, nil
}

// list reads the page and the total in one statement, and so of one moment.
func (r reader) list(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	query, args := pageQuery(q)
	// Planned for what is asked for, not for any page.
	found, err := r.q.Query(ctx, query, append([]any{pgx.QueryExecModeExec}, args...)...)
	if err != nil {
		return invoice.Page{}, err
	}
	var page invoice.Page
	page.Invoices, err = scanInvoices(found, &page.Total)
	return page, err
}

// pageQuery picks the page from the index first, and then reads the rows of that page only.
func pageQuery(q invoice.Query) (query string, args []any) {
	where, args := condition(q)
	direction, beyond := " DESC", "<"
	if q.Ascending {
		direction, beyond = " ASC", ">"
	}
	column := sortColumn(q.Sort)
	order := column + direction + ", id" + direction
	total := "COUNT(*) AS total FROM cointill_invoices" + where
	if q.Uncounted {
		total = "0 AS total"
	}
	if q.After != "" {
		args = append(args, q.After)
		where += fmt.Sprintf(" AND (%[1]s, id) %[2]s ((SELECT %[1]s FROM cointill_invoices WHERE id = $%[3]d), $%[3]d)", column, beyond, len(args))
	}
	args = append(args, int64(max(q.Limit, 0)), int64(max(q.Offset, 0)))
	page := fmt.Sprintf("(SELECT id, %s FROM cointill_invoices%s ORDER BY %s LIMIT $%d OFFSET $%d) f", column, where, order, len(args)-1, len(args))
	return "SELECT page.id, page.doc, page.payment, t.total FROM (SELECT " + total + ") t LEFT JOIN (" +
		"SELECT f.id, f." + column + ", i.doc, p.doc AS payment FROM " + page + withPayments +
		") page ON true ORDER BY page." + column + direction + ", page.id" + direction, args
}

func sortColumn(sort invoice.Sort) string {
	switch sort {
	case invoice.SortUpdated:
		return "updated"
	case invoice.SortFiat:
		return "fiat"
	case invoice.SortDue:
		return "due"
	default:
		return "created"
	}
}

func condition(q invoice.Query) (where string, args []any) {
	var terms []string
	add := func(term string, arg any) {
		args = append(args, arg)
		terms = append(terms, fmt.Sprintf("%s $%d", term, len(args)))
	}
	if q.Project != "" {
		add("project =", q.Project)
	}
	add("standing =", q.Standing)
	if q.Status != "" {
		add("status =", string(q.Status))
	}
	if q.AssetCode != "" {
		add("asset =", q.AssetCode)
	}
	if q.Fiat != "" {
		add("COALESCE(doc::jsonb -> 'quote' -> 'fiat' ->> 'currency', doc::jsonb -> 'price' ->> 'currency') =", q.Fiat)
	}
	if q.Search != "" {
		args = append(args, q.Search)
		terms = append(terms, fmt.Sprintf(searched, len(args)))
	}
	if !q.CreatedAfter.IsZero() {
		add("created >=", nanos(q.CreatedAfter))
	}
	if !q.CreatedBefore.IsZero() {
		add("created <=", nanos(q.CreatedBefore))
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

// searched reads the rows that the other terms leave. The collation lowers the letters of ASCII alone.
const searched = `(position(lower($%[1]d COLLATE "C") in lower(id)) > 0 OR position(lower($%[1]d COLLATE "C") in lower(project)) > 0
	OR position(lower($%[1]d COLLATE "C") in lower(order_id)) > 0
	OR position(lower($%[1]d COLLATE "C") in lower((doc::jsonb ->> 'name') COLLATE "C")) > 0)`
