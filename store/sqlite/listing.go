package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/cointill/cointill/invoice"
)

// Invoices implements [invoice.Reader]. The total of a page takes a walk over the index entries of the
// project; without a project, over all of them.
func (r *reader) Invoices(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	page, err := r.list(ctx, q)
	if err != nil {
		return page, fmt.Errorf("sqlite: list invoices: %w", err)
	}
	return page, nil
}

// list reads the page and the total of one moment.
func (r *reader) list(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	tx := r.tx
	if tx == nil {
		var err error
		if tx, err = r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
			return invoice.Page{}, err
		}
		defer tx.Rollback() // it has only read
	}
	where, args := condition(q)
	var page invoice.Page
	if !q.Uncounted {
		if err := tx.QueryRowContext(ctx, countQuery(where), args...).Scan(&page.Total); err != nil {
			return invoice.Page{}, err
		}
	}
	if q.Limit <= 0 || !q.Uncounted && q.Offset >= page.Total {
		return page, nil
	}
	if q.After != "" {
		args = append(args, q.After, q.After)
	}
	found, err := tx.QueryContext(ctx, pageQuery(q, where), append(args, q.Limit, max(q.Offset, 0))...)
	if err != nil {
		return invoice.Page{}, err
	}
	page.Invoices, err = scanInvoices(found)
	return page, err
}

func countQuery(where string) string { return "SELECT COUNT(*) FROM cointill_invoices" + where }

// pageQuery picks the page from the index first, and then reads the rows of that page only.
func pageQuery(q invoice.Query, where string) string {
	column := sortColumn(q.Sort)
	direction, beyond := " DESC", "<"
	if q.Ascending {
		direction, beyond = " ASC", ">"
	}
	if q.After != "" {
		where += fmt.Sprintf(" AND (%[1]s, id) %[2]s ((SELECT %[1]s FROM cointill_invoices WHERE id = ?), ?)", column, beyond)
	}
	order := column + direction + ", id" + direction
	return withPayments + " WHERE i.n IN (SELECT n FROM cointill_invoices" + where +
		" ORDER BY " + order + " LIMIT ? OFFSET ?) ORDER BY i." + column + direction + ", i.id" + direction
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
		terms = append(terms, term)
		args = append(args, arg)
	}
	if q.Project != "" {
		add("project = ?", q.Project)
	}
	add("standing = ?", q.Standing)
	if q.Fiat != "" {
		add("COALESCE(doc ->> '$.quote.fiat.currency', doc ->> '$.price.currency') = ?", q.Fiat)
	}
	if q.Search != "" {
		text := "%" + likeEscaper.Replace(q.Search) + "%"
		terms = append(terms, "(id LIKE ? ESCAPE '\\' OR project LIKE ? ESCAPE '\\' OR order_id LIKE ? ESCAPE '\\' OR doc ->> '$.name' LIKE ? ESCAPE '\\')")
		args = append(args, text, text, text, text)
	}
	if q.Status != "" {
		add("status = ?", string(q.Status))
	}
	if q.AssetCode != "" {
		add("asset = ?", q.AssetCode)
	}
	if !q.CreatedAfter.IsZero() {
		add("created >= ?", nanos(q.CreatedAfter))
	}
	if !q.CreatedBefore.IsZero() {
		add("created <= ?", nanos(q.CreatedBefore))
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
