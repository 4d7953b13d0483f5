package postgres

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/internal/pgtest"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// shape returns what the tables of a database are made of, with the hints of storage or without.
func shape(t *testing.T, pool *pgxpool.Pool, hinted bool) []string {
	t.Helper()
	found, err := pool.Query(t.Context(), `
		SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull || ' ' || a.attidentity::text
				|| CASE WHEN $1 THEN ' ' || a.attstorage::text || ' ' || COALESCE(array_to_string(c.reloptions, ','), '') ELSE '' END AS is
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
			WHERE n.nspname = 'public' AND c.relkind IN ('r', 'i') AND a.attnum > 0
		UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
		UNION ALL SELECT 'version ' || version FROM cointill_schema WHERE version > 0 ORDER BY 1`, hinted) // 0 is only to be locked
	require.NoError(t, err)
	rows, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, rows)
	return rows
}

func clean(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool := pgtest.Connect(t, server.Database(t))
	require.NoError(t, Migrate(t.Context(), pool))
	return pool
}

// migrateAsBefore takes one step as programs did that locked no row. It reports whether there was none left.
func migrateAsBefore(ctx context.Context, pool *pgxpool.Pool) (done bool, err error) {
	err = pgx.BeginTxFunc(ctx, pool, readCommitted, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(7022364301735353)"); err != nil {
			return err
		}
		next, err := migrations().Next(one(ctx, tx))
		if done = next == nil; err != nil || done {
			return err
		}
		for _, sql := range []string{qMakeSchema, next.Script} {
			if _, err := tx.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, qStepTaken, next.Version)
		return err
	})
	return done, err
}

// Programs of this and of an earlier version migrate an empty database at once, and lose their connections all the time.
func TestMigrationsThatAreKilledLeaveWholeSteps(t *testing.T) {
	want := shape(t, clean(t), true)
	for range 4 {
		pool := pgtest.Connect(t, server.Database(t))
		migrators := pgtest.Connect(t, pool.Config().ConnString(), func(cfg *pgxpool.Config) {
			cfg.ConnConfig.RuntimeParams["application_name"] = "migrator"
		})
		ctx := t.Context()
		var wg sync.WaitGroup
		for n := range 3 {
			wg.Go(func() {
				for done := false; !done && ctx.Err() == nil; {
					if n == 0 {
						done, _ = migrateAsBefore(ctx, migrators) // again and again, as when the program is restarted
					} else {
						done = Migrate(ctx, migrators) == nil
					}
				}
			})
		}
		for range 15 {
			time.Sleep(rand.N(8 * time.Millisecond))
			_, err := pool.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'migrator' AND datname = current_database()")
			require.NoError(t, err)
		}
		wg.Wait()
		require.NoError(t, Migrate(ctx, pool))
		require.Equal(t, want, shape(t, pool, true))
	}
}

// The tables of an engine that refuses hints of storage differ in nothing else.
func TestHintsThatAreRefusedAreLeftOut(t *testing.T) {
	for name, refusal := range map[string]string{
		"a parameter": `IF EXISTS (SELECT 1 FROM pg_class WHERE relname LIKE 'cointill%' AND reloptions IS NOT NULL) THEN
			RAISE EXCEPTION 'no such parameter' USING ERRCODE = '22023'; END IF;`,
		"a statement": `IF EXISTS (SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('cointill_parts') AND attname = 'data' AND attstorage = 'm') THEN
			RAISE EXCEPTION 'no such thing' USING ERRCODE = '0A000'; END IF;`,
	} {
		t.Run(name, func(t *testing.T) {
			pool := pgtest.Connect(t, server.Database(t))
			_, err := pool.Exec(t.Context(), `CREATE SCHEMA engine; CREATE FUNCTION engine.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN `+refusal+` END $$;
				CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE') EXECUTE FUNCTION engine.refuse()`, pgx.QueryExecModeSimpleProtocol)
			require.NoError(t, err)
			require.NoError(t, Migrate(t.Context(), pool))
			require.Equal(t, shape(t, clean(t), false), shape(t, pool, false))
		})
	}
}

func TestAMigrationThatFailsOtherwiseIsAnError(t *testing.T) {
	pool := pgtest.Connect(t, server.Database(t))
	_, err := pool.Exec(t.Context(), "CREATE VIEW cointill_feed AS SELECT 1 AS foreign")
	require.NoError(t, err)
	require.ErrorContains(t, Migrate(t.Context(), pool), "0001_init.sql")
	_, err = pool.Exec(t.Context(), "DROP VIEW cointill_feed")
	require.NoError(t, err)
	require.NoError(t, Migrate(t.Context(), pool))
}

// A database of the first versions has no row for migrations to lock, and its rows keep their order.
func TestADatabaseOfAnEarlierVersionIsMigrated(t *testing.T) {
	pool := pgtest.Connect(t, server.Database(t))
	ctx := t.Context()
	for version := 1; version <= 3; version++ {
		_, err := migrateAsBefore(ctx, pool)
		require.NoError(t, err)
	}
	_, err := pool.Exec(ctx, "INSERT INTO cointill_free (wallet, idx) VALUES ('hot', 7), ('hot', 3)")
	require.NoError(t, err)
	require.NoError(t, Migrate(ctx, pool))
	require.Equal(t, shape(t, clean(t), true), shape(t, pool, true))
	_, err = pool.Exec(ctx, qFreeIndexes, []string{"hot", "hot"}, []int64{5, 1})
	require.NoError(t, err)
	s, err := New(ctx, pool)
	require.NoError(t, err)
	for _, want := range []uint32{7, 3, 5, 1} {
		index, err := s.TakeIndex(ctx, "hot")
		require.NoError(t, err)
		require.Equal(t, want, index)
	}
}

// Who may not create tables may still call Migrate when there is nothing to do.
func TestMigratingWhatIsUpToDateOnlyReads(t *testing.T) {
	pool := clean(t)
	require.NoError(t, Migrate(t.Context(), pgtest.Connect(t, pool.Config().ConnString(), func(cfg *pgxpool.Config) {
		cfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	})))
}
