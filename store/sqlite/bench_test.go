package sqlite_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

var concurrencies = []int{1, 8, 32, 128}

// BenchmarkCommitInvoice stores what creating an invoice stores. Compare with BenchmarkRawGroupCommit at
// the same number of callers, in the same run.
func BenchmarkCommitInvoice(b *testing.B) {
	for _, callers := range concurrencies {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s, _ := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
			workload.Run(b, callers, "commits/s", func(n int) error { return s.Commit(context.Background(), workload.Creation(n)) })
			b.ReportMetric(float64(b.N)/float64(s.Commits()), "batches/group")
		})
	}
}

// BenchmarkRawGroupCommit is what the engine and the driver give: small rows, inserted in groups by one goroutine.
func BenchmarkRawGroupCommit(b *testing.B) {
	for _, callers := range concurrencies {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			db, err := sqlite.Open(filepath.Join(b.TempDir(), "raw.db"))
			require.NoError(b, err)
			defer db.Close()
			_, err = db.Exec(`CREATE TABLE raw (id INTEGER PRIMARY KEY, k TEXT UNIQUE, amount TEXT, at INTEGER, body BLOB);
				CREATE INDEX raw_at ON raw (at)`)
			require.NoError(b, err)
			const insert = "INSERT INTO raw (k, amount, at, body) VALUES (?, ?, ?, ?)"
			rawGroups(b, db, callers, func(n int) []rawRow {
				return []rawRow{{insert, []any{
					fmt.Sprintf("key-%08d-%d", n*7919%1000003, n), "21.500000", time.Now().UnixNano(), make([]byte, 120),
				}}}
			})
		})
	}
}

// BenchmarkRawRows inserts the very rows that BenchmarkCommitInvoice stores, which are in ten trees, into tables with the same
// indexes, in groups by one goroutine. It knows no rules, and the rows were made before.
func BenchmarkRawRows(b *testing.B) {
	for _, callers := range concurrencies {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s, db := openAt(b, filepath.Join(b.TempDir(), "raw.db"))
			require.NoError(b, s.Commit(b.Context(), workload.Creation(0)))
			var copies []rawCopy
			for _, table := range []string{"invoices", "changed", "places", "events"} {
				copies = append(copies, copyOf(b, db, table))
			}
			rows := make([][]rawRow, b.N+1)
			for n := range rows {
				for _, c := range copies {
					rows[n] = append(rows[n], rawRow{c.insert, c.row.For(n)})
				}
			}
			rawGroups(b, db, callers, func(n int) []rawRow { return rows[n] })
		})
	}
}

// rawCopy is a table like one of ours, and the row in that one.
type rawCopy struct {
	insert string
	row    workload.Row
}

// copyOf makes a table like cointill_NAME, which has a single row, with the same indexes.
func copyOf(b *testing.B, db *sql.DB, name string) (c rawCopy) {
	b.Helper()
	rows, err := db.Query("SELECT * FROM cointill_" + name)
	require.NoError(b, err)
	defer rows.Close()
	c.row.Names, err = rows.Columns()
	require.NoError(b, err)
	require.True(b, rows.Next(), name)
	var into []any
	c.row.Values = make([]any, len(c.row.Names))
	for i := range c.row.Values {
		into = append(into, &c.row.Values[i])
	}
	require.NoError(b, rows.Scan(into...))
	require.False(b, rows.Next(), name)
	require.NoError(b, rows.Err())
	var schema string
	require.NoError(b, db.QueryRow("SELECT group_concat(sql, ';') FROM sqlite_schema WHERE tbl_name = 'cointill_"+name+"'").Scan(&schema))
	_, err = db.Exec(strings.ReplaceAll(schema, "cointill_"+name, "raw_"+name))
	require.NoError(b, err)
	c.insert = "INSERT INTO raw_" + name + " (" + strings.Join(c.row.Names, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(into)-1) + ")"
	return c
}

// rawRow is a row for the statement that inserts it.
type rawRow struct {
	insert string
	args   []any
}

type rawJob struct {
	rows []rawRow
	done chan error
}

// rawGroups has callers insert rows, each caller those of one n at a time, in groups by one goroutine.
func rawGroups(b *testing.B, db *sql.DB, callers int, rows func(n int) []rawRow) {
	b.Helper()
	jobs := make(chan rawJob, callers)
	ended := make(chan error)
	go func() { ended <- rawWriter(db, jobs) }()
	workload.Run(b, callers, "commits/s", func(n int) error {
		job := rawJob{rows(n), make(chan error, 1)}
		jobs <- job
		return <-job.done
	})
	close(jobs)
	require.NoError(b, <-ended)
}

func rawWriter(db *sql.DB, jobs chan rawJob) error {
	conn, err := db.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	inserts := map[string]*sql.Stmt{}
	defer func() {
		for _, insert := range inserts {
			insert.Close()
		}
	}()
	for job := range jobs {
		group := []rawJob{job}
		for more := true; more && len(group) < cap(jobs); {
			select {
			case job, more = <-jobs:
				if more {
					group = append(group, job)
				}
			default:
				more = false
			}
		}
		err := rawGroup(conn, inserts, group)
		for _, job := range group {
			job.done <- err
		}
	}
	return nil
}

// rawGroup inserts what the jobs of a group have, in one transaction. It prepares each statement once.
func rawGroup(conn *sql.Conn, inserts map[string]*sql.Stmt, group []rawJob) error {
	tx, err := conn.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, job := range group {
		for _, row := range job.rows {
			insert := inserts[row.insert]
			if insert == nil {
				if insert, err = conn.PrepareContext(context.Background(), row.insert); err != nil {
					return err
				}
				inserts[row.insert] = insert
			}
			// The connection is in the transaction, and so is its statement.
			if _, err := insert.Exec(row.args...); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}

// BenchmarkInvoicesAt asks for the receivers of a large block, few of whom are ours. The time must
// hardly grow with the number of addresses that were issued.
func BenchmarkInvoicesAt(b *testing.B) {
	for _, issued := range []int{1_000, million()} {
		b.Run(fmt.Sprintf("issued=%d", issued), func(b *testing.B) {
			s, _ := openAt(b, loaded(b, issued))
			const blocks, hits, asked = 10, 200, 5_000
			var blockAddresses [blocks][]chain.Address
			for n := range asked * blocks {
				block := &blockAddresses[n%blocks]
				if len(*block) < hits {
					*block = append(*block, workload.Address(n*7919%issued))
				} else {
					*block = append(*block, workload.Address(-n))
				}
			}
			b.ResetTimer()
			for n := range b.N {
				found, err := s.InvoicesAt(b.Context(), placesAt(blockAddresses[n%blocks]...))
				if err != nil || len(found) < 100 {
					b.Fatalf("got %d invoices, error %v", len(found), err)
				}
			}
		})
	}
}

func issuedAddress(n int) chain.Address {
	x := uint32(uint64(n) * 2654435761)
	return chain.Address(fmt.Sprintf("0x%08x%032x", x, n))
}

// fill writes n open invoices without the detour of committing them.
func fill(b *testing.B, db *sql.DB, count int) {
	b.Helper()
	doc, err := json.Marshal(workload.Creation(1).Insert[0])
	require.NoError(b, err)
	conn, err := db.Conn(b.Context())
	require.NoError(b, err)
	defer conn.Close()
	_, err = conn.ExecContext(b.Context(), "PRAGMA cache_size = -500000")
	require.NoError(b, err)
	tx, err := conn.BeginTx(b.Context(), nil)
	require.NoError(b, err)
	defer tx.Rollback()
	insert, err := tx.Prepare(`INSERT INTO cointill_invoices (id, version, project, standing, order_id, created,
			network, wake_tag, wake_height, wake_time, doc)
		SELECT printf('%08x-0000-7000-8000-000000000000', ?1), 1, '0198c8d2-7a5e-7c11-9d7a-0f6a5d0c9e11', 0, printf('order-%08d', ?1),
			?1, 'eip155:1', '', NULL, ?1, ?2`)
	require.NoError(b, err)
	claim, err := tx.Prepare(`INSERT INTO cointill_places (place, network, address, slot, invoice, released)
		SELECT ?3, 'eip155:1', ?2, '', printf('%08x-0000-7000-8000-000000000000', ?1), 0`)
	require.NoError(b, err)
	for n := 1; n <= count; n++ {
		address := issuedAddress(n)
		_, err := insert.Exec(n, sqlite.Roomy(doc))
		require.NoError(b, err)
		_, err = claim.Exec(n, string(address), sqlite.KeyOf(address))
		require.NoError(b, err)
	}
	require.NoError(b, tx.Commit())
	_, err = conn.ExecContext(b.Context(), "PRAGMA cache_size = -8000")
	require.NoError(b, err)
}

// BenchmarkInvoicesAfter reads a large project page by page, and begins again at its end.
func BenchmarkInvoicesAfter(b *testing.B) {
	const issued = 100_000
	s, db := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
	fill(b, db, issued)
	b.ResetTimer()
	q := invoice.Query{Project: "0198c8d2-7a5e-7c11-9d7a-0f6a5d0c9e11", Limit: 50, Uncounted: true}
	for range b.N {
		page, err := s.Invoices(b.Context(), q)
		if err != nil || len(page.Invoices) != q.Limit && q.After == "" {
			b.Fatalf("got %d invoices, error %v", len(page.Invoices), err)
		}
		q.After = ""
		if len(page.Invoices) == q.Limit {
			q.After = page.Invoices[q.Limit-1].ID
		}
	}
}

// BenchmarkFullSharedAddress creates an invoice at a shared address at which every amount is taken. It is refused within
// 3.3 ms beside other work on both cores (the budget is 5 ms), nearly all of it reading a thousand slots.
//
//	go test -run '^$' -bench FullSharedAddress ./store/sqlite
func BenchmarkFullSharedAddress(b *testing.B) {
	s, _ := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
	sim := chaintest.NewChain(chaintest.Config{})
	follower, err := chain.NewFollower(chain.FollowConfig{Node: sim})
	require.NoError(b, err)
	till, err := invoice.New(invoice.Config{Store: s, Chains: []invoice.ChainConfig{{
		Watcher: follower, Addresses: oneAddress{}, Assets: []invoice.AssetConfig{{Asset: sim.Asset("SIM")}},
		Shared: &invoice.Shared{Project: "till", Slots: 1000},
	}}, Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "SIM", Quote: "EUR"}: decimal.NewFromInt(2)})})
	require.NoError(b, err)
	create := func() error {
		_, err := till.Create(b.Context(), invoice.Request{Project: "shop", Asset: "SIM", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(20)}})
		return err
	}
	for range 1000 {
		require.NoError(b, create())
	}
	b.ResetTimer()
	for range b.N {
		if err := create(); !errors.Is(err, invoice.ErrNoAddress) {
			b.Fatalf("not refused: %v", err)
		}
	}
}

type oneAddress struct{}

func (oneAddress) Name() string { return "one" }

func (oneAddress) Address(context.Context, uint32) (chain.Address, error) { return "0xshared", nil }
