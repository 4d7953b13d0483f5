package postgres_test

import (
	"context"
	"errors"
	"math/big"
	"sync"
	"testing"

	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/postgres"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// funded returns a shop's pool and a store on it, with money to pay out.
func funded(t *testing.T, change ...func(*pgxpool.Config)) (shop *pgxpool.Pool, s *postgres.Store) {
	t.Helper()
	shop = migrated(t, change...)
	s = open(t, pgtest.Connect(t, shop.Config().ConnString(), named("store")))
	require.NoError(t, s.CommitPayouts(t.Context(), workload.Deposit()))
	return shop, s
}

// requireRequested checks that so many requests of a payout are in the books, each of them once and as a whole.
func requireRequested(t *testing.T, s *postgres.Store, n int64) {
	t.Helper()
	ctx := t.Context()
	entries, err := s.Entries(ctx, 0, 1000)
	require.NoError(t, err)
	require.Len(t, entries, 1+int(n))
	for i, e := range entries {
		require.Equal(t, int64(i+1), e.Position)
	}
	balances, err := s.Balances(ctx, workload.PayoutAccount(payout.Available).Project)
	require.NoError(t, err)
	left := workload.Deposit().Moves[0].Units
	left.Sub(left, big.NewInt(22_000_000*n))
	require.Equal(t, left.String(), balances[0].Units.String())
	totals, err := s.Totals(ctx)
	require.NoError(t, err)
	require.Len(t, totals, 1)
	require.Equal(t, totals[0].Held, totals[0].Owed)
	page, err := s.Payouts(ctx, payout.Query{Limit: 1000})
	require.NoError(t, err)
	require.Len(t, page.Payouts, int(n))
	events, err := s.Events(ctx, 0, 1000)
	require.NoError(t, err)
	require.Len(t, events, int(n))
}

const lockOfBooks = "SELECT FROM cointill_books WHERE key = '' FOR UPDATE"

func TestAPayoutWhoseConnectionIsLostBeforeTheCommitIsStoredOnce(t *testing.T) {
	for where, blocked := range map[string]string{
		"before the rules are applied": lockOfBooks, "after they were applied": "SELECT FROM cointill_feed FOR UPDATE",
	} {
		t.Run(where, func(t *testing.T) {
			shop, s := funded(t)
			tx := begin(t, shop, blocked)
			done := make(chan error, 1)
			go func() { done <- s.CommitPayouts(context.Background(), workload.PayoutRequest(1)) }()
			await(t, shop, isBlocked, "store")
			_, err := shop.Exec(t.Context(), terminate, "store")
			require.NoError(t, err)
			await(t, shop, isBlocked, "store") // it has come again
			require.NoError(t, tx.Rollback(t.Context()))
			require.NoError(t, <-done)
			requireRequested(t, s, 1)
		})
	}
}

func TestAPayoutWhoseCommitIsLostIsLeftOpen(t *testing.T) {
	s, err := interrupted(t, func(s *postgres.Store) error {
		b := workload.Deposit()
		request := workload.PayoutRequest(1)
		b.Payouts, b.Events, b.Entries = request.Payouts, request.Events, append(b.Entries, request.Entries...)
		return s.CommitPayouts(context.Background(), b)
	})
	require.ErrorContains(t, err, "it is open whether the batch was stored")
	require.NotErrorIs(t, err, payout.ErrConflict)
	requireRequested(t, s, 1)
	require.ErrorIs(t, s.CommitPayouts(t.Context(), workload.PayoutRequest(1)), payout.ErrConflict, "it was")
	require.NoError(t, s.CommitPayouts(t.Context(), workload.PayoutRequest(2)))
	requireRequested(t, s, 2)
}

func TestADeadlockOfPayoutsIsRetried(t *testing.T) {
	shop, s := funded(t, func(cfg *pgxpool.Config) { cfg.ConnConfig.RuntimeParams["deadlock_timeout"] = "1h" })
	tx := begin(t, shop, "SELECT FROM cointill_feed FOR UPDATE")
	done := make(chan error, 1)
	go func() { done <- s.CommitPayouts(context.Background(), workload.PayoutRequest(1)) }()
	await(t, shop, isBlocked, "store")
	_, err := tx.Exec(t.Context(), lockOfBooks)
	require.NoError(t, err, "the store gave way")
	require.NoError(t, tx.Commit(t.Context()))
	require.NoError(t, <-done)
	requireRequested(t, s, 1)
}

func TestPayoutsThatCannotBeSerializedAreRetried(t *testing.T) {
	shop, s := funded(t)
	// A sequence counts also what is rolled back.
	_, err := shop.Exec(t.Context(), `CREATE SEQUENCE tried;
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('tried') <= 3 THEN RAISE EXCEPTION 'try again' USING ERRCODE = '40001'; END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER refuse BEFORE INSERT ON cointill_events FOR EACH ROW EXECUTE FUNCTION refuse();`)
	require.NoError(t, err)
	require.NoError(t, s.CommitPayouts(t.Context(), workload.PayoutRequest(1)))
	requireRequested(t, s, 1)
	_, err = shop.Exec(t.Context(), "ALTER SEQUENCE tried RESTART MINVALUE -1000 START -1000")
	require.NoError(t, err)
	var native *pgconn.PgError
	require.ErrorAs(t, s.CommitPayouts(t.Context(), workload.PayoutRequest(2)), &native)
	require.Equal(t, "40001", native.Code, "it is given up after some attempts")
	requireRequested(t, s, 1)
}

// The pool's isolation is the shop's.
func TestPayoutsAreStoredOnceAtAnyIsolation(t *testing.T) {
	pool := migrated(t, func(cfg *pgxpool.Config) {
		cfg.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
	})
	processes := []*postgres.Store{open(t, pool), open(t, pool)}
	require.NoError(t, processes[0].CommitPayouts(t.Context(), workload.Deposit()))
	var wg sync.WaitGroup
	for n := range 40 {
		for _, s := range processes {
			wg.Go(func() {
				if err := s.CommitPayouts(t.Context(), workload.PayoutRequest(n)); err != nil && !errors.Is(err, payout.ErrConflict) {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	requireRequested(t, processes[1], 40)
}

// A text that PostgreSQL cannot hold is the fault of its own batch.
func TestAnUnstorableBatchOfPayoutsFailsAlone(t *testing.T) {
	_, s := funded(t)
	var wg sync.WaitGroup
	for n := range 60 {
		wg.Go(func() {
			b := workload.PayoutRequest(n)
			if n%10 == 0 {
				b.Events[0].Actor = "\x00"
			}
			if err := s.CommitPayouts(t.Context(), b); (err != nil) != (n%10 == 0) {
				t.Errorf("batch %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	requireRequested(t, s, 54)
}

func TestAReadOnlyDatabaseStoresNoPayouts(t *testing.T) {
	shop, s := funded(t)
	read := open(t, pgtest.Connect(t, shop.Config().ConnString(), func(cfg *pgxpool.Config) {
		cfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	}))
	var native *pgconn.PgError
	require.ErrorAs(t, read.CommitPayouts(t.Context(), workload.PayoutRequest(1)), &native)
	require.Equal(t, "25006", native.Code)
	requireRequested(t, s, 0)
}
