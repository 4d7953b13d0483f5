package postgres_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/postgres"
	"github.com/cointill/cointill/webhook"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

var concurrencies = []int{1, 8, 32, 128}

// durablePool is a pool with a connection for each of the callers, on a server that waits for the disk.
func durablePool(b *testing.B, connections int) *pgxpool.Pool {
	b.Helper()
	return pgtest.Connect(b, durable.Database(b), func(cfg *pgxpool.Config) { cfg.MaxConns = int32(connections) })
}

// BenchmarkCommitInvoice stores what creating an invoice stores. Compare with BenchmarkRawInsert and BenchmarkRawRows at the
// same number of callers, in the same run.
func BenchmarkCommitInvoice(b *testing.B) {
	for _, callers := range concurrencies {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, 16)
			require.NoError(b, postgres.Migrate(b.Context(), pool))
			s := open(b, pool)
			workload.Run(b, callers, "rows/s", func(n int) error { return s.Commit(context.Background(), workload.Creation(n)) })
			b.ReportMetric(float64(b.N)/float64(s.Commits()), "batches/group")
		})
	}
}

// BenchmarkRawInsert is what the server gives to as many connections as there are callers: small rows, each in
// a transaction of its own.
func BenchmarkRawInsert(b *testing.B) {
	for _, callers := range concurrencies {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, callers)
			_, err := pool.Exec(b.Context(), rawTable)
			require.NoError(b, err)
			workload.Run(b, callers, "rows/s", func(n int) error { return rawInsert(pool, n) })
		})
	}
}

const rawTable = `CREATE TABLE raw (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, k text UNIQUE, amount text, at bigint, body bytea);
	CREATE INDEX raw_at ON raw (at)`

func rawInsert(pool *pgxpool.Pool, n int) error {
	_, err := pool.Exec(context.Background(), "INSERT INTO raw (k, amount, at, body) VALUES ($1, $2, $3, $4)",
		fmt.Sprintf("key-%08d-%d", n*7919%1000003, n), "21.500000", time.Now().UnixNano(), make([]byte, 120))
	return err
}

// BenchmarkRawRows inserts the very rows that BenchmarkCommitInvoice stores, into tables with the same indexes: each invoice in
// a transaction of its own, which takes two round trips, by as many connections as there are callers. The rows were made before.
func BenchmarkRawRows(b *testing.B) {
	for _, callers := range concurrencies {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, callers)
			require.NoError(b, postgres.Migrate(b.Context(), pool))
			require.NoError(b, open(b, pool).Commit(b.Context(), workload.Creation(0)))
			var copies []rawCopy
			for _, table := range []string{"cointill_invoices", "cointill_changed", "cointill_places", "cointill_events"} {
				copies = append(copies, copyOf(b, pool, table))
			}
			batches := make([]*pgx.Batch, b.N+1)
			for n := range batches {
				batches[n] = new(pgx.Batch)
				batches[n].BeginTx(pgx.TxOptions{})
				for _, c := range copies {
					batches[n].Queue(c.insert, c.row.For(n)...)
				}
			}
			workload.Run(b, callers, "rows/s", func(n int) error {
				conn, err := pool.Acquire(context.Background())
				if err != nil {
					return err
				}
				defer conn.Release()
				results := conn.SendBatch(context.Background(), batches[n])
				tx := results.Tx()
				if err := results.Close(); err != nil {
					return err
				}
				return tx.Commit(context.Background())
			})
		})
	}
}

// rawCopy is a table like one of ours, and the row in that one.
type rawCopy struct {
	insert string
	row    workload.Row
}

// copyOf makes a table like one of ours that has a single row.
func copyOf(b *testing.B, pool *pgxpool.Pool, table string) (c rawCopy) {
	b.Helper()
	_, err := pool.Exec(b.Context(), "CREATE TABLE raw_"+table+" (LIKE "+table+" INCLUDING ALL)")
	require.NoError(b, err)
	rows, err := pool.Query(b.Context(), "SELECT * FROM "+table)
	require.NoError(b, err)
	defer rows.Close()
	require.True(b, rows.Next(), table)
	c.row.Values, err = rows.Values()
	require.NoError(b, err)
	var places []string
	for i, f := range rows.FieldDescriptions() {
		c.row.Names, places = append(c.row.Names, f.Name), append(places, fmt.Sprintf("$%d", i+1))
	}
	require.False(b, rows.Next(), table)
	c.insert = "INSERT INTO raw_" + table + " (" + strings.Join(c.row.Names, ", ") + ") VALUES (" + strings.Join(places, ", ") + ")"
	return c
}

// claimed is how many messages a benchmark of claiming takes at once.
const claimed = 16

// BenchmarkClaim claims messages that are due. Compare with BenchmarkRawDequeue at the same number of callers.
func BenchmarkClaim(b *testing.B) {
	for _, callers := range []int{1, 8} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, 16)
			require.NoError(b, postgres.Migrate(b.Context(), pool))
			s := open(b, pool)
			_, err := pool.Exec(b.Context(), `INSERT INTO cointill_outbox (id, event, invoice, seq, project, url, endpoint, at, body,
				format, secret, receiver, due, since, state, ready, claimed, token, tried)
				SELECT 'evt_' || n, 'invoice.completed', 'inv_' || n, 1, 'shop', 'https://shop' || n % 1000 || '.example/callback',
				'https://shop' || n % 1000 || '.example:443', '2031-02-03T04:05:06Z', decode(repeat('7b', 120), 'hex'),
				'standard', '', '', n, 0, 'due', true, false, 0, 0 FROM generate_series(1, $1) n`, claimed*(b.N+callers))
			require.NoError(b, err)
			_, err = pool.Exec(b.Context(), "VACUUM ANALYZE")
			require.NoError(b, err)
			workload.Run(b, callers, "rows/s", func(int) error {
				got, err := s.Claim(context.Background(), webhook.ClaimQuery{Lease: time.Hour, Limit: claimed, PerEndpoint: 4})
				if err == nil && len(got) == 0 {
					return fmt.Errorf("nothing to claim")
				}
				return err
			})
		})
	}
}

// BenchmarkRawDequeue takes small rows from a table with SKIP LOCKED, as many at once.
func BenchmarkRawDequeue(b *testing.B) {
	for _, callers := range []int{1, 8} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, 16)
			_, err := pool.Exec(b.Context(), rawTable)
			require.NoError(b, err)
			_, err = pool.Exec(b.Context(), `INSERT INTO raw (k, amount, at, body)
				SELECT 'key-' || n, '21.500000', n, decode(repeat('7b', 120), 'hex') FROM generate_series(1, $1) n`, claimed*(b.N+callers))
			require.NoError(b, err)
			_, err = pool.Exec(b.Context(), "VACUUM ANALYZE")
			require.NoError(b, err)
			now := time.Now().UnixNano()
			workload.Run(b, callers, "rows/s", func(int) error {
				rows, err := pool.Query(context.Background(), `UPDATE raw SET at = $1 FROM
					(SELECT id FROM raw WHERE at <= $2 ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED) due
					WHERE raw.id = due.id RETURNING raw.id, k, amount, at, body`, now+int64(time.Hour), now, claimed)
				if err != nil {
					return err
				}
				defer rows.Close()
				for rows.Next() {
					if _, err := rows.Values(); err != nil {
						return err
					}
				}
				return rows.Err()
			})
		})
	}
}
