package postgres_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/postgres"
	"github.com/cointill/cointill/store/storetest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

var server, durable = postgres.Servers()

// migrated makes a pool of connections to a database of its own, with the tables.
func migrated(t testing.TB, change ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	return pgtest.Connect(t, server.Copy(t, "migrated", postgres.Migrate), change...)
}

// open makes a store on the pool.
func open(t testing.TB, pool *pgxpool.Pool) *postgres.Store {
	t.Helper()
	s, err := postgres.New(t.Context(), pool)
	require.NoError(t, err)
	return s
}

// recorder keeps the text of every statement that is sent. It implements [pgx.QueryTracer] and [pgx.BatchTracer].
type recorder struct {
	mu   sync.Mutex
	sent map[string]bool
}

func (r *recorder) use(cfg *pgxpool.Config) { cfg.ConnConfig.Tracer = r }

func (r *recorder) add(sql string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sent == nil {
		r.sent = map[string]bool{}
	}
	r.sent[sql] = true
}

func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	r.add(q.SQL)
	return ctx
}

func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	for _, q := range b.Batch.QueuedQueries {
		r.add(q.SQL)
	}
	return ctx
}

func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData)     {}
func (r *recorder) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (r *recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// requirePortable checks that other engines accept all that was sent, but for the vacuum, which they may refuse.
func (r *recorder) requirePortable(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.NotEmpty(t, r.sent)
	for sql := range r.sent {
		if !strings.HasPrefix(sql, "VACUUM") {
			require.NoError(t, postgres.Portable(sql))
		}
	}
}

// The suite sends nothing that other engines with the protocol of PostgreSQL refuse.
func TestStoreKeepsThePromisesOfABackend(t *testing.T) {
	var sent recorder
	defer sent.requirePortable(t)
	pools := map[store.Backend]*pgxpool.Pool{}
	openPool := func(t *testing.T, pool *pgxpool.Pool) store.Backend {
		s := open(t, pool)
		pools[s] = pool
		return s
	}
	storetest.Run(t, func(t *testing.T) store.Backend {
		return openPool(t, migrated(t, sent.use))
	}, storetest.WithListers(), storetest.WithReopen(func(t *testing.T, old store.Backend) store.Backend {
		url := pools[old].Config().ConnString()
		pools[old].Close()
		return openPool(t, pgtest.Connect(t, url, sent.use))
	}))
}

// cached prepares a database with sequences of which each connection takes a hundred numbers at a time, as the nodes of a
// distributed engine do: a later row may have a lower number.
func cached(ctx context.Context, pool *pgxpool.Pool) error {
	if err := postgres.Migrate(ctx, pool); err != nil {
		return err
	}
	_, err := pool.Exec(ctx, `ALTER SEQUENCE cointill_invoices_n_seq CACHE 100; ALTER SEQUENCE cointill_free_n_seq CACHE 100;
		ALTER SEQUENCE cointill_outbox_n_seq CACHE 100; ALTER SEQUENCE cointill_attempts_n_seq CACHE 100`, pgx.QueryExecModeSimpleProtocol)
	return err
}
