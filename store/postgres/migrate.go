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
	// ErrSchemaOutdated: the tables are not those of this program yet; run [Migrate].
	ErrSchemaOutdated = errors.New("schema is outdated")
	// ErrSchemaTooNew: a newer program has migrated the tables; this one must not start on them.
	ErrSchemaTooNew = errors.New("schema is newer than the program")
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations lists the files in the order of their numbers; the first leads to version 1.
//
// A migration may only add: processes of the version before go on working while it runs and after it.
func migrations() []string {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil // only a malformed pattern is an error
	}
	return names
}

const (
	// qMigrating keeps other migrations of the database waiting until the transaction ends. The number
	// says nothing, but must never change.
	qMigrating = `SELECT pg_advisory_xact_lock(7022364301735353)`
	// qImpatience bounds for how long a migration waits for the running processes, who wait behind it.
	qImpatience = `SET LOCAL lock_timeout = '10s'`
	// qHasSchema asks the catalogue as any table; what looks names up may not know yet what another
	// migration has just done.
	qHasSchema = `SELECT EXISTS (SELECT 1 FROM information_schema.tables
		WHERE table_schema = ANY(current_schemas(false)) AND table_name = 'cointill_schema')`
	qSchemaVersion = `SELECT COALESCE(MAX(version), 0) FROM cointill_schema`
	qMakeSchema    = `CREATE TABLE IF NOT EXISTS cointill_schema (version bigint PRIMARY KEY)`
	qStepTaken     = `INSERT INTO cointill_schema (version) VALUES ($1)`
)

// Migrate brings the tables up to date, each step in a transaction of its own. Doing it again, also from
// several processes at once, changes nothing; processes that are running go on meanwhile. It refuses
// tables of a newer program with [ErrSchemaTooNew]. It may be run apart from the program, by an
// operator whose account may create tables.
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

// migrateOnce takes the next step, and says whether there was none.
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
		// The simple protocol takes several statements.
		if _, err := tx.Exec(ctx, string(script), pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%s: %w", steps[version], err)
		}
		_, err = tx.Exec(ctx, qStepTaken, version+1)
		return err
	})
	return done, err
}

// schemaVersion is how many migrations were run.
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
