package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/internal/pgserver"
	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// await waits until the query returns true.
func await(t *testing.T, pool *pgxpool.Pool, query string, args ...any) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var yes bool
		require.NoError(t, pool.QueryRow(t.Context(), query, args...).Scan(&yes))
		if yes {
			return
		}
	}
	require.FailNow(t, "never: "+query, args)
}

// named gives the connections of a pool a name that the server knows them by.
func named(name string) func(*pgxpool.Config) {
	return func(cfg *pgxpool.Config) { cfg.ConnConfig.RuntimeParams["application_name"] = name }
}

const (
	isBlocked = `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock')`
	terminate = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1`
)

// begin begins a transaction of the shop's own.
func begin(t *testing.T, pool *pgxpool.Pool, statement string, args ...any) pgx.Tx {
	t.Helper()
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { tx.Rollback(context.Background()) })
	_, err = tx.Exec(t.Context(), statement, args...)
	require.NoError(t, err)
	return tx
}

func TestAConnectionLostBeforeTheCommitIsReplaced(t *testing.T) {
	shop := migrated(t)
	s := open(t, pgtest.Connect(t, shop.Config().ConnString(), named("store")))
	tx := begin(t, shop, "SELECT FROM cointill_feed FOR UPDATE")
	done := make(chan error, 1)
	go func() { done <- s.Commit(context.Background(), workload.Creation(1)) }()
	await(t, shop, isBlocked, "store")
	_, err := shop.Exec(t.Context(), terminate, "store")
	require.NoError(t, err)
	await(t, shop, isBlocked, "store") // it has come again
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, <-done)
	events, err := s.Events(t.Context(), 0, 10)
	require.NoError(t, err)
	require.Len(t, events, 1)
}

func TestAConnectionLostInTheCommitLeavesItOpen(t *testing.T) {
	s, err := interrupted(t, func(s *postgres.Store) error { return s.Commit(context.Background(), workload.Creation(1)) })
	require.ErrorContains(t, err, "it is open whether the batch was stored")
	require.NotErrorIs(t, err, invoice.ErrConflict)
	require.ErrorIs(t, s.Commit(t.Context(), workload.Creation(1)), invoice.ErrConflict, "it was")
	require.NoError(t, s.Commit(t.Context(), workload.Creation(2)))
}

// interrupted ends the connection of a commit in the middle, and returns its error. Only a commit that waits for a
// standby can be caught there.
func interrupted(t *testing.T, commit func(*postgres.Store) error) (*postgres.Store, error) {
	t.Helper()
	own := pgtest.Start(t, pgserver.Config{NoSync: true})
	admin := pgtest.Connect(t, own.URL("postgres"))
	require.NoError(t, postgres.Migrate(t.Context(), admin))
	s := open(t, pgtest.Connect(t, own.URL("postgres"), named("store")))
	waitFor := func(standby string) {
		_, err := admin.Exec(t.Context(), "ALTER SYSTEM SET synchronous_standby_names = '"+standby+"'")
		require.NoError(t, err)
		_, err = admin.Exec(t.Context(), "SELECT pg_reload_conf()")
		require.NoError(t, err)
		await(t, pgtest.Connect(t, own.URL("postgres")), "SELECT current_setting('synchronous_standby_names') = $1", standby)
	}
	waitFor("nobody")
	// The setting takes effect when the server's own processes have seen it: until then no commit waits.
	const waits = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event = 'SyncRep')"
	probe := pgtest.Connect(t, own.URL("postgres"), named("probe"))
	probed := make(chan struct{})
	go func() {
		defer close(probed)
		for err := error(nil); err == nil; {
			_, err = probe.Exec(context.Background(), "UPDATE cointill_feed SET length = length")
		}
	}()
	await(t, admin, waits, "probe")
	_, err := admin.Exec(t.Context(), terminate, "probe")
	require.NoError(t, err)
	<-probed
	done := make(chan error, 1)
	go func() { done <- commit(s) }()
	await(t, admin, waits, "store")
	_, err = admin.Exec(t.Context(), terminate, "store")
	require.NoError(t, err)
	err = <-done
	waitFor("")
	return s, err
}

func TestADeadlockIsRetried(t *testing.T) {
	shop := migrated(t, func(cfg *pgxpool.Config) { cfg.ConnConfig.RuntimeParams["deadlock_timeout"] = "1h" })
	s := open(t, pgtest.Connect(t, shop.Config().ConnString(), named("store")))
	require.NoError(t, s.Commit(t.Context(), workload.Creation(1)))
	inv := workload.Creation(1).Insert[0]
	inv.Version = 2
	tx := begin(t, shop, "SELECT FROM cointill_feed FOR UPDATE")
	done := make(chan error, 1)
	go func() {
		done <- s.Commit(context.Background(), invoice.Batch{Update: []invoice.Invoice{inv}, Events: []invoice.Event{workload.Event(inv, 2)}})
	}()
	await(t, shop, isBlocked, "store")
	_, err := tx.Exec(t.Context(), "SELECT FROM cointill_invoices WHERE id = $1 FOR UPDATE", inv.ID)
	require.NoError(t, err, "the store gave way")
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-done)
	got, err := s.Invoice(t.Context(), inv.ID)
	require.NoError(t, err)
	require.Equal(t, int64(2), got.Version)
}

func TestAReadOnlyDatabaseStoresNothingAndIsAnError(t *testing.T) {
	pool := migrated(t)
	s := open(t, pgtest.Connect(t, pool.Config().ConnString(), func(cfg *pgxpool.Config) {
		cfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	}))
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			var native *pgconn.PgError
			if err := s.Commit(t.Context(), workload.Creation(n)); !errors.As(err, &native) || native.Code != "25006" {
				t.Errorf("got %v, want a refusal of the server's", err)
			}
		})
	}
	wg.Wait()
	page, err := s.Invoices(t.Context(), invoice.Query{Limit: 1})
	require.NoError(t, err, "reading works")
	require.Zero(t, page.Total)
}

func TestADatabaseThatIsNotThereIsAnError(t *testing.T) {
	own := pgtest.Start(t, pgserver.Config{NoSync: true})
	pool := pgtest.Connect(t, own.URL("postgres"))
	require.NoError(t, postgres.Migrate(t.Context(), pool))
	s := open(t, pool)
	require.NoError(t, s.Commit(t.Context(), workload.Creation(1)))
	require.NoError(t, own.Kill())
	require.Error(t, s.Commit(t.Context(), workload.Creation(2)))
	_, err := s.Invoice(t.Context(), workload.Creation(1).Insert[0].ID)
	require.Error(t, err)
	require.NotErrorIs(t, err, invoice.ErrNotFound)
	require.NoError(t, own.Restart(t.Context()))
	require.NoError(t, s.Commit(t.Context(), workload.Creation(3)), "when it is back")
}

// What a primary has acknowledged its synchronous standby has.
func TestNothingThatWasCommittedIsLostWithThePrimary(t *testing.T) {
	primary := pgtest.Start(t, pgserver.Config{})
	pool := pgtest.Connect(t, primary.URL("postgres"))
	require.NoError(t, postgres.Migrate(t.Context(), pool))
	standby, err := primary.Standby(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, standby.Stop()) })
	s := open(t, pool)
	const callers = 8
	var committed [callers][]int
	var wg sync.WaitGroup
	enough := make(chan struct{})
	for caller := range callers {
		wg.Go(func() {
			for n := caller; s.Commit(context.Background(), workload.Creation(n)) == nil; n += callers {
				committed[caller] = append(committed[caller], n)
				if len(committed[caller]) == 20 && caller == 0 {
					close(enough)
				}
			}
		})
	}
	<-enough
	require.NoError(t, primary.Kill())
	wg.Wait()
	require.NoError(t, standby.Promote(t.Context()))
	revived := open(t, pgtest.Connect(t, standby.URL("postgres")))
	for _, list := range committed {
		for _, n := range list {
			_, err := revived.Invoice(t.Context(), workload.Creation(n).Insert[0].ID)
			require.NoError(t, err)
			require.ErrorIs(t, revived.Commit(t.Context(), workload.Creation(n)), invoice.ErrConflict)
		}
	}
	requireWholeFeed(t, revived)
}

// requireWholeFeed reads the feed, which must have no gaps, and the events of every invoice from the first one on.
func requireWholeFeed(t *testing.T, s *postgres.Store) {
	t.Helper()
	last := map[string]int64{}
	for position := int64(0); ; {
		page, err := s.Events(t.Context(), position, 100)
		require.NoError(t, err)
		if len(page) == 0 {
			return
		}
		for _, ev := range page {
			position++
			require.Equal(t, position, ev.Position)
			last[ev.Invoice]++
			require.Equal(t, last[ev.Invoice], ev.Seq)
		}
	}
}

func TestADamagedRowIsNamedAndTheOthersAreReturned(t *testing.T) {
	pool := migrated(t)
	s := open(t, pool)
	for n := range 3 {
		require.NoError(t, s.Commit(t.Context(), workload.Creation(n)))
	}
	id := workload.Creation(1).Insert[0].ID
	_, err := pool.Exec(t.Context(), "UPDATE cointill_invoices SET doc = left(doc, 100) WHERE id = $1", id)
	require.NoError(t, err)
	isNamed := func(err error) {
		t.Helper()
		var damaged *invoice.DamagedError
		require.ErrorAs(t, err, &damaged)
		require.Equal(t, []string{id}, damaged.Invoices)
	}
	page, err := s.Invoices(t.Context(), invoice.Query{Limit: 3})
	isNamed(err)
	require.Len(t, page.Invoices, 2)
	found, err := s.InvoicesAt(t.Context(), []invoice.Place{{Address: workload.Address(0)}, {Address: workload.Address(1)}, {Address: workload.Address(2)}})
	isNamed(err)
	require.Len(t, found, 2)
	_, err = s.Invoice(t.Context(), id)
	isNamed(err)
	_, err = s.Invoice(t.Context(), workload.Creation(2).Insert[0].ID)
	require.NoError(t, err)
}

func TestMigrations(t *testing.T) {
	pool := pgtest.Connect(t, server.Database(t))
	ctx := t.Context()
	_, err := pool.Exec(ctx, "CREATE TABLE orders (id text); INSERT INTO orders VALUES ('the shop''s own')", pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
	_, err = postgres.New(ctx, pool)
	require.ErrorIs(t, err, postgres.ErrSchemaOutdated)

	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = postgres.Migrate(ctx, pool) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...), "several at once")
	s := open(t, pool)
	require.NoError(t, s.Commit(ctx, workload.Creation(1)))
	require.NoError(t, postgres.Migrate(ctx, pool), "again")
	_, err = s.Invoice(ctx, workload.Creation(1).Insert[0].ID)
	require.NoError(t, err, "nothing was lost")

	var foreign int
	require.NoError(t, pool.QueryRow(ctx, `SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
		WHERE n.nspname = 'public' AND relname NOT LIKE 'cointill\_%' AND relname != 'orders'`).Scan(&foreign))
	require.Zero(t, foreign, "every table, index and sequence has the prefix")

	_, err = pool.Exec(ctx, "INSERT INTO cointill_schema (version) VALUES (9999)")
	require.NoError(t, err)
	require.ErrorIs(t, postgres.Migrate(ctx, pool), postgres.ErrSchemaTooNew)
	_, err = postgres.New(ctx, pool)
	require.ErrorIs(t, err, postgres.ErrSchemaTooNew)
	require.NoError(t, s.Commit(ctx, workload.Creation(2)), "who is running goes on")
}

func TestNewRefusesSettingsThatLoseData(t *testing.T) {
	pool := migrated(t, func(cfg *pgxpool.Config) { cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "off" })
	_, err := postgres.New(t.Context(), pool)
	require.ErrorContains(t, err, "synchronous_commit")
}

// The pool's defaults are the shop's.
func TestOtherIsolationLevelsAndProtocolsWork(t *testing.T) {
	for name, change := range map[string]func(*pgxpool.Config){
		"serializable": func(cfg *pgxpool.Config) {
			cfg.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
		},
		"simple protocol": func(cfg *pgxpool.Config) { cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol },
		"no statements":   func(cfg *pgxpool.Config) { cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, migrated(t, change))
			var wg sync.WaitGroup
			for n := range 40 {
				wg.Go(func() {
					if err := s.Commit(t.Context(), workload.Creation(n)); err != nil {
						t.Error(err)
					}
					if _, err := s.ReserveIndexes(t.Context(), "hot", 1); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			requireWholeFeed(t, s)
			found, err := s.InvoicesAt(t.Context(), []invoice.Place{{Address: workload.Address(3)}})
			require.NoError(t, err)
			require.Len(t, found, 1)
			require.ErrorIs(t, s.Commit(t.Context(), workload.Creation(3)), invoice.ErrConflict)
		})
	}
}

func TestWaitingBatchesShareATransaction(t *testing.T) {
	shop := migrated(t)
	s := open(t, pgtest.Connect(t, shop.Config().ConnString(), named("store")))
	tx := begin(t, shop, "SELECT FROM cointill_feed FOR UPDATE")
	const callers = 40
	errs := make([]error, callers)
	var wg sync.WaitGroup
	commit := func(n int) { errs[n] = s.Commit(context.Background(), workload.Creation(n)) }
	wg.Go(func() { commit(0) })
	await(t, shop, isBlocked, "store")
	for n := 1; n < callers; n++ {
		wg.Go(func() { commit(n) })
	}
	for s.Waiting() < callers-1 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	withdrawn := make(chan error, 1)
	go func() { withdrawn <- s.Commit(ctx, workload.Creation(callers)) }()
	for s.Waiting() < callers {
		time.Sleep(time.Millisecond)
	}
	cancel()
	require.ErrorIs(t, <-withdrawn, context.Canceled)
	require.NoError(t, tx.Rollback(t.Context()))
	wg.Wait()
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, int64(2), s.Commits(), "one for the first that came, one for all the others")
	_, err := s.Invoice(t.Context(), workload.Creation(callers).Insert[0].ID)
	require.ErrorIs(t, err, invoice.ErrNotFound, "a batch whose context ended before its turn")
}

func TestABatchInAGroupIsLeftWhenItsContextEnds(t *testing.T) {
	shop := migrated(t)
	s := open(t, pgtest.Connect(t, shop.Config().ConnString(), named("store")))
	tx := begin(t, shop, "SELECT FROM cointill_feed FOR UPDATE")
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { first <- s.Commit(ctx, workload.Creation(1)) }()
	await(t, shop, isBlocked, "store")
	second := make(chan error, 1)
	go func() { second <- s.Commit(context.Background(), workload.Creation(2)) }()
	for s.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	require.ErrorIs(t, <-first, context.Canceled)
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, <-second, "the queue goes on")
	_, err := s.Invoice(t.Context(), workload.Creation(1).Insert[0].ID)
	require.ErrorIs(t, err, invoice.ErrNotFound)
}

// A text that PostgreSQL cannot hold is the fault of its own batch.
func TestAnUnstorableBatchFailsAlone(t *testing.T) {
	s := open(t, migrated(t))
	var wg sync.WaitGroup
	for n := range 60 {
		wg.Go(func() {
			b := workload.Creation(n)
			if n%10 == 0 {
				b.Insert[0].OrderID = fmt.Sprint("\x00", n)
			}
			if err := s.Commit(t.Context(), b); (err != nil) != (n%10 == 0) {
				t.Errorf("batch %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	requireWholeFeed(t, s)
}
