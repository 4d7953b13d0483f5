package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	// ErrSchemaOutdated means that the tables lack migrations of this program; run [Migrate].
	ErrSchemaOutdated = errors.New("schema is outdated")
	// ErrSchemaTooNew means that a newer program has migrated the tables; this one must not start on them.
	ErrSchemaTooNew = errors.New("schema is newer than the program")
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations lists the migration files in the order of their numbers. The first one leads to version 1.
//
// A migration may only add: processes of the previous version keep working while it runs and after it.
func migrations() []string {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil // only a malformed pattern is an error
	}
	return names
}

const (
	// qMigrating makes other migrations of the database wait until the transaction ends. The number has no meaning, but
	// must never change.
	qMigrating = `SELECT pg_advisory_xact_lock(7022364301735353)`
	// qImpatience bounds how long a migration waits for the running processes, which wait behind it.
	qImpatience = `SET LOCAL lock_timeout = '10s'`
	// qHasSchema reads the catalog like any table; a name look-up might not see yet what another migration has just
	// done.
	qHasSchema = `SELECT EXISTS (SELECT 1 FROM information_schema.tables
		WHERE table_schema = ANY(current_schemas(false)) AND table_name = 'cointill_schema')`
	qSchemaVersion = `SELECT COALESCE(MAX(version), 0) FROM cointill_schema`
	qMakeSchema    = `CREATE TABLE IF NOT EXISTS cointill_schema (version bigint PRIMARY KEY)`
	qStepTaken     = `INSERT INTO cointill_schema (version) VALUES ($1)`
)

// Migrate brings the tables up to date, each step in a transaction of its own. It is idempotent, several processes may
// call it at once, and running processes keep working. It refuses the tables of a newer program with [ErrSchemaTooNew].
// An operator whose account may create tables may run it apart from the program.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	for {
		done, err := migrateOnce(ctx, pool)
		if err != nil {
			return fmt.Errorf("postgres: migrate: %w", err)
		}
		if done {
			return nil
		}
	}
}

// migrateOnce takes the next step, and reports whether there was none left.
func migrateOnce(ctx context.Context, pool *pgxpool.Pool) (done bool, err error) {
	err = pgx.BeginTxFunc(ctx, pool, readCommitted, func(tx pgx.Tx) error {
		for _, sql := range []string{qMigrating, qImpatience} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		version, err := schemaVersion(ctx, tx)
		if err != nil {
			return err
		}
		steps := migrations()
		switch {
		case version > len(steps):
			return fmt.Errorf("version %d, known are %d: %w", version, len(steps), ErrSchemaTooNew)
		case version == len(steps):
			done = true
			return nil
		}
		script, err := migrationFiles.ReadFile(steps[version])
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, qMakeSchema); err != nil {
			return err
		}
		// The simple protocol accepts several statements.
		if _, err := tx.Exec(ctx, string(script), pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%s: %w", steps[version], err)
		}
		_, err = tx.Exec(ctx, qStepTaken, version+1)
		return err
	})
	return done, err
}

// schemaVersion returns how many migrations were run.
func schemaVersion(ctx context.Context, q querier) (int, error) {
	var exists bool
	if err := q.QueryRow(ctx, qHasSchema).Scan(&exists); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if !exists {
		return 0, nil
	}
	var version int
	if err := q.QueryRow(ctx, qSchemaVersion).Scan(&version); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return version, nil
}
