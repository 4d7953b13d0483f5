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

// harmless are the scans of what stays small: the list that was asked for, rows made up by the query or found by it, the index of
// what can be claimed, of which only the first entry is read, the changes that listings have not caught up on, their
// segments, of which there is one for 16384 invoices, and the projects, of which there is one for each shop.
var harmless = regexp.MustCompile(`^SCAN (\w+ VIRTUAL TABLE|CONSTANT ROW|16-ROW VALUES CLAUSE|\(subquery-\d+\)|found|paid|cointill_outbox USING COVERING INDEX cointill_outbox_ready|cointill_changed|cointill_projects|walk$|heads$|cointill_segments$)`)

// plan is how SQLite would run the query.
func plan(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	found, err := db.Query("EXPLAIN QUERY PLAN "+query, make([]any, 40)...)
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
	require.Regexp(t, `SEARCH p USING PRIMARY KEY \(network=\? AND txid=\?\)`, strings.Join(plan(t, db, sqlite.PaidInQuery), "\n"))
}

func TestInvoicesAreReadWithoutTheirSettledPayments(t *testing.T) {
	_, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	const open = "SEARCH p USING INDEX cointill_payments_invoice (invoice=? AND settled=?) LEFT-JOIN"
	read := 0
	for _, query := range append(sqlite.Queries(), sqlite.WalkQuery(invoice.Query{Project: "shop"})) {
		steps := plan(t, db, query)
		if strings.Contains(query, "LEFT JOIN cointill_payments") {
			read++
			require.Contains(t, steps, open, query)
		}
		for _, step := range steps {
			require.NotRegexp(t, `cointill_payments_invoice \(invoice=\?\)`, step, "it would read all payments of an invoice: %s", query)
		}
	}
	require.GreaterOrEqual(t, read, 8)
}

func TestPaymentsOfAnInvoiceAreReadFromWhereTheyGoOn(t *testing.T) {
	_, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	steps := strings.Join(plan(t, db, sqlite.PaymentsQuery), "\n")
	const both = `(?s)SEARCH cointill_payments USING INDEX cointill_payments_invoice \(invoice=\? AND settled=\? AND \(network,txid,idx\)>\(\?,\?,\?\)\)`
	require.Regexp(t, both+".*"+both[4:], steps)
}

func TestPaidInvoicesAreFoundOneAfterTheOther(t *testing.T) {
	_, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	steps := strings.Join(plan(t, db, sqlite.PaidAfterQuery), "\n")
	require.Equal(t, 2, strings.Count(steps, "SEARCH cointill_payments USING COVERING INDEX cointill_payments_invoice (invoice>?)"), steps)
}

// rare are writes that nobody waits for, or that many others share.
var rare = regexp.MustCompile(`(FROM cointill_(free|parts|replies)|INTO cointill_(wallets|segments|records)) |SET (due = \?1 \+ \(due - since\)|state = 'dead', ready = 0|ready = 1, due = \?4)`)

func TestWhatRunsForEachInvoiceOrMessageBuildsNoTable(t *testing.T) {
	_, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	seen := 0
	for _, query := range sqlite.Queries() {
		if strings.HasPrefix(query, "SELECT") || strings.HasPrefix(query, "WITH") || rare.MatchString(query) {
			continue
		}
		seen++
		require.NotContains(t, opcodes(t, db, query), "OpenEphemeral", query)
	}
	require.Greater(t, seen, 25)
	require.Contains(t, opcodes(t, db, "DELETE FROM cointill_places WHERE place = 1 RETURNING n"), "OpenEphemeral", "a table would be seen")
}

// opcodes returns the program that SQLite makes of the query.
func opcodes(t *testing.T, db *sql.DB, query string) (codes []string) {
	t.Helper()
	found, err := db.Query("EXPLAIN "+query, make([]any, 40)...)
	require.NoError(t, err, query)
	defer found.Close()
	for found.Next() {
		var code string
		var other [7]any
		require.NoError(t, found.Scan(&other[0], &code, &other[1], &other[2], &other[3], &other[4], &other[5], &other[6]))
		codes = append(codes, code)
	}
	require.NoError(t, found.Err())
	return codes
}
