package postgres

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/invoice"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// big are the tables that grow with what happens; the others have a row for each network, wallet, duty,
// project or dead URL, or a single one, and may be read as a whole.
var big = []string{"cointill_invoices", "cointill_places", "cointill_free", "cointill_payments", "cointill_events", "cointill_outbox", "cointill_attempts", "cointill_replies", "cointill_parts", "cointill_books", "cointill_subjects", "cointill_records", "cointill_documents"}

// fill is a shop's database after a while: 100,000 invoices of three projects.
const fill = `
	INSERT INTO cointill_invoices (id, version, project, standing, order_id, created, network, wake_tag, wake_height, wake_time, doc)
	SELECT 'inv-' || n, 1, 'shop-' || n % 3, n % 50 = 0, 'order-' || n, n, 'eip155:' || n % 4,
		CASE n % 3 WHEN 0 THEN 'safe' WHEN 1 THEN 'finalized' ELSE '' END, CASE n % 10 WHEN 0 THEN n END, CASE n % 10 WHEN 1 THEN n END,
		repeat('{"field": "value"}', 60) FROM generate_series(1, 100000) n;
	INSERT INTO cointill_places (address, network, slot, released, invoice)
	SELECT CASE WHEN n % 2 = 0 THEN 'shared' ELSE 'address-' || n END, 'eip155:' || n % 4,
		CASE WHEN n % 2 = 0 THEN 'slot-' || n / 2 % 5000 ELSE '' END, CASE WHEN n > 90000 THEN 0 ELSE n END,
		'inv-' || n FROM generate_series(1, 100000) n;
	INSERT INTO cointill_free (wallet, idx) SELECT 'wallet-' || n % 2, n FROM generate_series(1, 100000) n;
	INSERT INTO cointill_payments (network, txid, idx, invoice, height, withdrawn, settled, doc)
	SELECT 'eip155:' || n % 4, 'tx-' || n, '0', 'inv-' || CASE WHEN n % 3 = 0 THEN 7 ELSE n END, n, n % 100 = 0, n % 3 = 0,
		repeat('{"field": "value"}', 30) FROM generate_series(1, 100000) n;
	INSERT INTO cointill_events (position, invoice, seq, id, project, type, from_status, to_status, at, comment, actor, body)
	SELECT n, 'inv-' || n, 1, 'evt-' || n, 'shop-' || n % 3, 'invoice.created', '', 'new', '', '', '', decode(repeat('7b', 600), 'hex')
	FROM generate_series(1, 100000) n;
	INSERT INTO cointill_outbox (id, event, invoice, seq, project, url, endpoint, at, body, format, secret, receiver, due, since, state, ready, claimed, token, tried)
	SELECT 'evt-' || n, 'invoice.created', 'inv-' || n, 1, 'shop-' || n % 3, 'https://shop' || n % 1000 || '.example/', 'endpoint-' || n % 1000, '',
		decode(repeat('7b', 600), 'hex'), 'standard', '', '', n, n, CASE n % 10 WHEN 0 THEN 'due' ELSE 'delivered' END, n % 10 = 0, false, 0, 0
	FROM generate_series(1, 100000) n;
	INSERT INTO cointill_attempts (message, at, duration, status, excerpt, error)
	SELECT 'evt-' || n, '', 1, 200, repeat('x', 100), '' FROM generate_series(1, 100000) n;
	INSERT INTO cointill_replies (name, scope, entry, until)
	SELECT sha256(decode(lpad(n::text, 8, '0'), 'hex')), decode(lpad((n % 100)::text, 8, '0'), 'hex'), decode(repeat('7b', 600), 'hex'), n FROM generate_series(1, 100000) n;
	INSERT INTO cointill_changed (n, version, row) SELECT n, 1, decode(repeat('7b', 150), 'hex') FROM generate_series(1, 4000) n;
	INSERT INTO cointill_segments (segment, begun, parts, texts) SELECT n, 2, 2, 1 FROM generate_series(0, 60) n;
	INSERT INTO cointill_parts (segment, writing, part, data) SELECT s, 1 + p % 2, convert_to('part ' || p, 'UTF8'), decode(repeat('7b', 500), 'hex')
	FROM generate_series(0, 60) s, generate_series(1, 1000) p;
	INSERT INTO cointill_books (key, value) SELECT convert_to('key ' || n, 'UTF8'), decode(repeat('7b', 600), 'hex') FROM generate_series(1, 100000) n;
	INSERT INTO cointill_subjects (id) SELECT 'payout-' || n FROM generate_series(1, 100000) n;
	INSERT INTO cointill_logs (log, length) VALUES ('\x01', 100000);
	INSERT INTO cointill_records (log, position, body) SELECT '\x01', n, decode(repeat('7b', 300), 'hex') FROM generate_series(1, 100000) n;
	INSERT INTO cointill_documents (kind, name, version, body)
	SELECT decode(CASE n % 2 WHEN 0 THEN '6d' ELSE '73' END, 'hex'), convert_to('name ' || n, 'UTF8'), 1, decode(repeat('7b', 300), 'hex') FROM generate_series(1, 100000) n;
	INSERT INTO cointill_networks (network, version, cursor, head, at, aside) SELECT 'eip155:' || n, 1, '', '{}', '', '[]' FROM generate_series(0, 3) n;`

// samples are the statements with arguments as they are sent.
func samples() map[string][]any {
	many := func(n int, text string) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprint(text, i*97%100000))
		}
		return out
	}
	list := func(n int) []int64 { return make([]int64, n) }
	inv := invoice.Invoice{ID: "inv-7", OrderID: "order-7", Version: 2}
	encoded, _ := encode(invoice.Batch{Update: slices.Repeat([]invoice.Invoice{inv}, 256)}) // none of it can fail
	updates := columns(encoded.updates)
	bools := make([]bool, 256)
	bodies := make([][]byte, 256)
	texts := many(256, "inv-")
	var keys [][]byte
	for _, k := range many(2000, "key ") {
		keys = append(keys, []byte(k))
	}
	bodiesOf := slices.Clone[[][]byte]
	inserts := append(slices.Clone(updates), texts, bools, texts, list(256))
	return map[string][]any{
		qInsertProgress: {texts, list(256), bodies, texts, texts, texts}, qUpdateProgress: {texts, list(256), bodies, texts, texts, texts},
		qLockLeases: {texts}, qInsertInvoices: inserts, qUpdateInvoices: updates, qWhoHas: {"inv-7", "shop-1", "order-7"},
		qPutPayments: {texts, texts, texts, texts, list(256), bools, bools, texts}, qSkip: {7},
		qAppendEvents:  {texts, list(256), texts, texts, texts, texts, texts, texts, texts, texts, bodies},
		qReleasePlaces: {texts, many(256, "address-"), texts, texts}, qClaimPlaces: {texts, texts, texts, texts},
		qFreeIndexes: {texts, list(256)}, qTakeIndex: {"wallet-1"}, qReserved: {"hot"}, qReserve: {"hot", 1}, qLease: {"duty", "holder", 1}, qReleaseLease: {"duty", 1},
		qChanged: {}, qChangedNumbers: {}, qChangedOf: {16384, 32767}, qVersions: {}, qSegments: {}, qSegment: {7}, qParts: {list(60), list(60), bodies[:8]},
		qSome: {list(100), list(100), bodies[:100]}, qListed: {many(100, "inv-")}, qBeginWriting: {7, 9}, qWriting: {7, 2},
		qFinishWriting: {7, 2, true}, qMerged: {list(128), list(128)}, qClearParts: {7, "part 5", "part 6", 128},
		qInvoice: {"inv-7"}, qInvoiceByOrder: {"shop-1", "order-7"}, qAt: {many(5000, "address-"), many(5000, "slot-")},
		qPaidBy:    {many(5000, "eip155:"), many(5000, "tx-"), many(5000, "")},
		qPaidIn:    {"eip155:1", "tx-5"},
		qHeldSlots: {"eip155:2", "shared", "slot-10", "slot-20", 2000}, qPaidAfter: {"", 500},
		qAbove: {"eip155:1", 99900}, qWaking: {"eip155:1", 500, 500, 500, 500, 200}, qNetwork: {"eip155:1"},
		qEvents: {50000, 100}, qInvoiceEvents: {"inv-7", 3}, qFeedEnd: {}, qPayments: {"inv-7", "eip155:1", "tx-5", "0", 100},
		qInsertProject: {"1", "1", "1", "1", "", 1, "{}"}, qUpdateProject: {"1", "1", "1", "1", "", 1, "{}"},
		qProject: {"1"}, qProjectByKey: {"1"}, qProjects: {"1", 50}, qProjectsByOwner: {"ann"}, qLockInvoices: {texts},
		qLockSubjects: {many(256, "payout-")}, qLockBooks: {}, qGetBooks: {keys}, qDropBooks: {keys}, qPutBooks: {keys, bodiesOf(keys)},
		qScanBooks: {[]byte("key 5"), []byte("key 6"), 100}, qScanBooksBack: {[]byte("key 5"), []byte("key 6"), 100},
		qPutMessages: {texts, texts, texts, list(256), texts, texts, texts, texts, bodies, texts, texts, texts, bools},
		qSetBack:     {}, qLook: {[]string{"endpoint-10", "endpoint-20"}, []string{"p1/", "p2/"}, 4, 640},
		qClaim:       {[]string{"endpoint-10", "endpoint-20"}, []string{"p1/", "p2/"}, 4, 640, 64, 200000},
		qClaimOfEach: {[]string{"endpoint-10", "endpoint-20"}, []string{"p1/", "p2/"}, 4, 640, 64, 200000},
		qLockOverdue: {"endpoint-10", 1, 100}, qGiveUp: {many(100, "inv-"), "", 0, 0, "", "", "endpoint-10", 1, 100},
		qLockMessage: {"evt-10"}, qRecord: {"evt-10", "", 0, 200, "", "", 0, "delivered", 0},
		qReleaseNext: {many(100, "evt-")}, qInsertGone: {"https://shop10.example/", "shop-1"}, qDeleteGone: {"https://shop10.example/", "shop-1"},
		qKill: {"https://shop10.example/", "shop-1"}, qNextDue: {}, qHistory: {"inv-7", 3},
		qLockInvoice: {"inv-7"}, qLatest: {"inv-7", ""}, qResend: {"evt-10"},
		qSecrets: {"evt-1", 100}, qReplaceSecrets: {many(100, "evt-"), many(100, ""), many(100, "")},
		qBeginReply: {`\x07`, `\x01`, `\x7b`, 100001, 7, 10000}, qReply: {`\x07`, 7}, qReplyEnds: {`\x01`, 7}, qFinishReply: {`\x07`, `\x7b`, `\x7b`, 100001},
		qAbandonReply: {`\x07`, `\x7b`}, qEndReplies: {50000, 8},
		qAppendRecord: {`\x01`, `\x7b`}, qReadRecords: {`\x01`, 50000, 100}, qReadRecordsBack: {`\x01`, 50000, 100},
		qDocument: {`\x6d`, []byte("name 5")}, qInsertDocument: {`\x6d`, []byte("name 5"), `\x7b`}, qUpdateDocument: {`\x6d`, []byte("name 5"), 1, `\x7b`},
		qDeleteDocument: {`\x6d`, []byte("name 5"), 1}, qDocuments: {`\x6d`, []byte("name 5"), 100},
	}
}

// filled is a pool of connections to a database with everything in it, which no test may change.
func filled(t *testing.T) *pgxpool.Pool {
	t.Helper()
	return pgtest.Connect(t, server.Shared(t, "filled", prepareFilled))
}

func prepareFilled(ctx context.Context, pool *pgxpool.Pool) error {
	err := Migrate(ctx, pool)
	for _, sql := range []string{fill, "VACUUM ANALYZE"} {
		if err == nil {
			_, err = pool.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		}
	}
	return err
}

// planner is a connection or a transaction.
type planner interface {
	querier
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// plan is how PostgreSQL would run the query in the mode, when it has made up its mind.
func plan(t *testing.T, pool *pgxpool.Pool, query string, args []any, mode string) string {
	t.Helper()
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	return planOn(t, conn, query, args, mode)
}

func planOn(t *testing.T, conn planner, query string, args []any, mode string) string {
	t.Helper()
	ctx := t.Context()
	_, err := conn.Exec(ctx, "SET plan_cache_mode = "+mode)
	require.NoError(t, err)
	_, err = conn.Exec(ctx, "PREPARE sample AS "+query, pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err, query)
	defer func() {
		_, err := conn.Exec(ctx, "DEALLOCATE sample")
		require.NoError(t, err)
	}()
	execute := "EXPLAIN EXECUTE sample"
	if len(args) > 0 {
		marks := make([]string, len(args))
		for i := range marks {
			marks[i] = fmt.Sprintf("$%d", i+1)
		}
		execute += "(" + strings.Join(marks, ", ") + ")"
	}
	var steps []string
	for range 7 { // on its own it thinks of a plan for any arguments after five for given ones
		rows, err := conn.Query(ctx, execute, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
		require.NoError(t, err, query)
		steps, err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err, query)
	}
	return strings.Join(steps, "\n")
}

func reads(plan string) (everything []string) {
	for line := range strings.Lines(plan) {
		for _, table := range big {
			if strings.Contains(line, "Seq Scan on "+table) {
				everything = append(everything, strings.TrimSpace(line))
			}
		}
	}
	return everything
}

func TestA43_APageAfterAnotherBeginsThereInTheIndex(t *testing.T) {
	pool := filled(t)
	query, args := walkQuery(invoice.Query{Project: "shop-1", After: "no such invoice", Limit: 50, Uncounted: true})
	require.Regexp(t, `Index Cond: .*project = .*ROW\(created, id\) < ROW\(`, plan(t, pool, query, args, "force_custom_plan"))
}

func TestA43_ATransactionIsFoundInTheIndex(t *testing.T) {
	pool := filled(t)
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		require.Regexp(t, `Index Cond: .*network = .* AND \(txid = `, plan(t, pool, qPaidIn, []any{"eip155:1", "tx-5"}, mode), mode)
	}
}

func TestASettledPaymentIsReadByTheIndexOfItsKind(t *testing.T) {
	pool := filled(t)
	const settled = `Index Cond: .*ROW\(invoice, network, txid, idx\) > ROW\(`
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		invoices := plan(t, pool, qInvoice, samples()[qInvoice], mode)
		require.Contains(t, invoices, "cointill_payments_open", mode)
		require.NotContains(t, invoices, "cointill_payments_settled", mode)
		require.Regexp(t, `(?s)cointill_payments_open.*cointill_payments_settled.*`+settled, plan(t, pool, qPayments, samples()[qPayments], mode), mode)
	}
}

// How the step from one paid invoice to the next is done is not shown with the query that does it.
func TestTheNextPaidInvoiceIsFoundInTheIndex(t *testing.T) {
	pool := filled(t)
	for _, kind := range []string{"NOT settled", "settled"} {
		step := "(SELECT min(invoice) FROM cointill_payments WHERE " + kind + " AND invoice > "
		require.Contains(t, qPaidAfter, step)
		steps := plan(t, pool, step+"$1)", []any{"inv-5"}, "auto")
		require.Regexp(t, `(?s)Limit.*Index Only Scan using cointill_payments_(open|settled)`, steps)
	}
}

// A compilation takes longer than any of them.
func TestA43_EveryQueryHasAnIndexAndNoneIsCompiled(t *testing.T) {
	pool := filled(t)
	all := samples()
	for _, q := range []invoice.Query{
		{}, {Ascending: true}, {After: "no such invoice"}, {After: "no such invoice", Ascending: true},
		{CreatedAfter: time.Unix(0, 10), CreatedBefore: time.Unix(0, 20000)},
	} {
		q.Project, q.Limit = "shop-1", 50
		query, args := walkQuery(q)
		all[query] = args
	}
	// What a commit sends is planned for any arguments; see qPlanOnce.
	forced := map[string]bool{}
	for _, query := range []string{
		qLockLeases, qInsertProgress, qUpdateProgress, qInsertInvoices, qUpdateInvoices, qReleasePlaces, qClaimPlaces,
		qFreeIndexes, qPutPayments, qLockInvoices, qPutMessages, qSkip, qAppendEvents,
	} {
		forced[query] = true
	}
	for query, args := range all {
		for _, mode := range []string{"force_custom_plan", "auto", "force_generic_plan"} {
			if mode == "force_generic_plan" && !forced[query] {
				continue
			}
			steps := plan(t, pool, query, args, mode)
			if strings.Contains(steps, "JIT:") {
				t.Errorf("%s\nis compiled with %s:\n%s", query, mode, steps)
			}
			for _, step := range reads(steps) {
				t.Errorf("%s\nreads everything with %s: %s\n%s", query, mode, step, steps)
			}
		}
	}
	require.NotEmpty(t, reads(plan(t, pool, "SELECT doc FROM cointill_invoices WHERE version = $1", []any{1}, "auto")), "a scan would be seen")
}

// A statement that is not among the samples would not be looked at.
func TestA43_NoQueryIsForgotten(t *testing.T) {
	source, err := os.ReadFile("queries.go")
	require.NoError(t, err)
	known := samples()
	fragments := []string{"qPlanOnce", "qMessageIsNext"}
	count := 0
	for line := range strings.Lines(string(source)) {
		if name, _, is := strings.Cut(strings.TrimSpace(line), " "); is && strings.HasPrefix(name, "q") && !slices.Contains(fragments, name) {
			count++
		}
	}
	require.Equal(t, count, len(known))
}

// Most of what is due is for one endpoint, so that the planner takes any message for one of it.
func TestA43_AClaimGoesFromOneEndpointToTheNext(t *testing.T) {
	tx, err := filled(t).Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(t.Context())) }()
	for _, sql := range []string{
		`UPDATE cointill_outbox SET endpoint = 'endpoint-1' WHERE ready AND due % 50 <> 0`, "ANALYZE cointill_outbox",
	} {
		_, err = tx.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	for _, query := range []string{qClaimOfEach, qLockOverdue} {
		for _, mode := range []string{"force_custom_plan", "auto"} {
			steps := planOn(t, tx, query, samples()[query], mode)
			require.Regexp(t, `Index Cond: .*ROW\(endpoint, due\) >= ROW\(.*ROW\(endpoint, due\) <`, steps)
			require.NotContains(t, steps, "cointill_outbox_ready", steps)
		}
	}
}
