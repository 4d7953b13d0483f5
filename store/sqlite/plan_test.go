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

// harmless are the scans of what stays small: the list that was asked for, rows made up by the query, the index of
// what can be claimed, of which only the first entry is read, the changes that listings have not caught up on, their
// segments, of which there is one for 16384 invoices, and the projects, of which there is one for each shop.
var harmless = regexp.MustCompile(`^SCAN (\w+ VIRTUAL TABLE|CONSTANT ROW|\(subquery-\d+\)|cointill_outbox USING COVERING INDEX cointill_outbox_ready|cointill_changed|cointill_projects|walk$|heads$|cointill_segments$)`)

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
	all := append(sqlite.Queries(), sqlite.WalkQuery(invoice.Query{Project: "shop", CreatedAfter: time.Unix(1, 0), CreatedBefore: time.Unix(2, 0)}))
	for _, query := range all {
		for _, step := range plan(t, db, query) {
			if strings.HasPrefix(step, "SCAN") && !harmless.MatchString(step) {
				t.Errorf("%s\nreads everything: %s", query, step)
			}
		}
	}
	require.Contains(t, plan(t, db, "SELECT doc FROM cointill_invoices WHERE version = 2"), "SCAN cointill_invoices", "a scan would be seen")
}

func TestA43_APageAfterAnotherBeginsThereInTheIndex(t *testing.T) {
	_, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	for _, ascending := range []bool{false, true} {
		q := invoice.Query{Project: "shop", After: "an invoice", Uncounted: true, Ascending: ascending}
		steps := strings.Join(plan(t, db, sqlite.WalkQuery(q)), "\n")
		require.Regexp(t, `SEARCH cointill_invoices USING (COVERING )?INDEX \S+ \(project=\? AND standing=\? AND \(created,id\)[<>]\(\?,\?\)\)`, steps)
	}
}

func TestA43_ATransactionIsFoundInTheIndex(t *testing.T) {
	_, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	require.Regexp(t, `SEARCH cointill_payments USING PRIMARY KEY \(network=\? AND txid=\?\)`, strings.Join(plan(t, db, sqlite.PaidInQuery), "\n"))
}
