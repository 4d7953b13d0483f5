package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/stretchr/testify/require"
)

// harmless are the scans that do not grow with what is stored: the list that was asked for, rows made up
// by the query, and the index of what can be claimed, of which only the first entry is read.
var harmless = regexp.MustCompile(`^SCAN (\w+ VIRTUAL TABLE|CONSTANT ROW|\(subquery-\d+\)|cointill_outbox USING COVERING INDEX cointill_outbox_ready)`)

var sortOrders = []invoice.Sort{invoice.SortCreated, invoice.SortUpdated, invoice.SortFiat, invoice.SortDue}

// plan is how SQLite would run the query.
func plan(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	found, err := db.Query("EXPLAIN QUERY PLAN "+query, make([]any, 20)...)
	require.NoError(t, err, query)
	defer found.Close()
	var steps []string
	for found.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, found.Scan(&id, &parent, &unused, &detail))
		steps = append(steps, detail)
	}
	require.NoError(t, found.Err())
	return steps
}

func TestA43_EveryQueryHasAnIndex(t *testing.T) {
	_, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	all := sqlite.Queries()
	for _, sort := range sortOrders {
		for _, q := range []invoice.Query{
			{}, {Status: invoice.StatusNew}, {AssetCode: "BTC"},
			{Status: invoice.StatusNew, AssetCode: "BTC", CreatedAfter: time.Unix(1, 0), CreatedBefore: time.Unix(2, 0)},
		} {
			q.Project, q.Sort = "shop", sort
			all = append(all, sqlite.ListQueries(q)...)
		}
	}
	for _, query := range all {
		for _, step := range plan(t, db, query) {
			if strings.HasPrefix(step, "SCAN") && !harmless.MatchString(step) {
				t.Errorf("%s\nreads everything: %s", query, step)
			}
		}
	}
	require.Contains(t, plan(t, db, "SELECT doc FROM cointill_invoices WHERE status = 'new'"), "SCAN cointill_invoices", "a scan would be seen")
}

func TestA43_APageAfterAnotherBeginsThereInTheIndex(t *testing.T) {
	_, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	for _, ascending := range []bool{false, true} {
		q := invoice.Query{Project: "shop", After: "an invoice", Uncounted: true, Ascending: ascending}
		steps := strings.Join(plan(t, db, sqlite.ListQueries(q)[1]), "\n")
		require.Regexp(t, `SEARCH cointill_invoices USING (COVERING )?INDEX \S+ \(project=\? AND standing=\? AND \(created,id\)[<>]\(\?,\?\)\)`, steps)
	}
}

func TestA43_ATransactionIsFoundInTheIndex(t *testing.T) {
	_, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	require.Regexp(t, `SEARCH cointill_payments USING PRIMARY KEY \(network=\? AND txid=\?\)`, strings.Join(plan(t, db, sqlite.PaidInQuery), "\n"))
}

func TestA43_ListingsReadRowsOfTheirPageOnly(t *testing.T) {
	_, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	for _, sort := range sortOrders {
		q := invoice.Query{Project: "shop", Status: invoice.StatusNew, AssetCode: "BTC", CreatedAfter: time.Unix(1, 0), Sort: sort}
		for _, query := range sqlite.ListQueries(q) {
			require.Contains(t, plan(t, db, query),
				"SEARCH cointill_invoices USING COVERING INDEX cointill_invoices_list (project=? AND standing=? AND created>?)", query)
		}
	}
}
