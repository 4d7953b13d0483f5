package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"regexp"

	"github.com/cointill/cointill/store/internal/schema"
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

// migrations are the scripts in the order of their numbers.
//
// A migration may only add: processes of the previous version keep working while it runs and after it.
func migrations() schema.Migrations {
	return schema.Migrations{Files: migrationFiles, Outdated: ErrSchemaOutdated, TooNew: ErrSchemaTooNew, Table: qHasSchema}
}

const (
	// qMigrating makes other migrations of the database wait until the transaction ends. It changes the row, so that an
	// engine that takes one snapshot for a whole transaction makes them begin again.
	qMigrating = `UPDATE cointill_schema SET version = version WHERE version = 0`
	// qImpatience bounds how long a migration waits for the running processes, which wait behind it.
	qImpatience = `SET LOCAL lock_timeout = '10s'`
	// qHasSchema reads the catalog like any table; a name look-up might not see yet what another migration has just
	// done.
	qHasSchema = `SELECT EXISTS (SELECT 1 FROM information_schema.tables
		WHERE table_schema = ANY(current_schemas(false)) AND table_name = 'cointill_schema')`
	qMakeSchema = `CREATE TABLE IF NOT EXISTS cointill_schema (version bigint PRIMARY KEY)`
	// qStepTaken enters a step. Version 0 is the row that migrations lock.
	qStepTaken = `INSERT INTO cointill_schema (version) VALUES ($1)`
	qLockable  = `INSERT INTO cointill_schema (version) VALUES (0) ON CONFLICT DO NOTHING`
)

// hints are what scripts say about storage alone. Engines that do not know them do without.
var hints = regexp.MustCompile(`(?m) WITH \(fillfactor = \d+\)|^ALTER TABLE \w+ ALTER COLUMN \w+ SET STORAGE MAIN;$`)

// Migrate brings the tables up to date, each step in a transaction of its own. It is idempotent, several processes may
// call it at once, and running processes keep working. It refuses the tables of a newer program with [ErrSchemaTooNew].
// An operator whose account may create tables may run it apart from the program; if nothing is left to do, it only reads.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	for {
		done := false
		err := again(ctx, func() (err error) {
			if done, err = migrateOnce(ctx, pool, true); isUnsupported(err) {
				done, err = migrateOnce(ctx, pool, false)
			}
			return overtaken(err)
		})
		if err != nil {
			return fmt.Errorf("postgres: migrate: %w", err)
		}
		if done {
			return nil
		}
	}
}

// migrateOnce takes the next step, with the hints or without, and reports whether there was none left.
func migrateOnce(ctx context.Context, pool *pgxpool.Pool, hinted bool) (done bool, err error) {
	next, err := migrations().Next(one(ctx, pool))
	if err != nil || next == nil {
		return err == nil, err
	}
	for _, sql := range []string{qMakeSchema, qLockable} {
		if _, err := pool.Exec(ctx, sql); err != nil {
			return false, err
		}
	}
	err = pgx.BeginTxFunc(ctx, pool, readCommitted, func(tx pgx.Tx) error {
		for _, sql := range []string{qMigrating, qImpatience} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		next, err := migrations().Next(one(ctx, tx)) // another may have taken it meanwhile
		if done = err == nil && next == nil; err != nil || done {
			return err
		}
		script := next.Script
		if !hinted {
			script = hints.ReplaceAllString(script, "")
		}
		// The simple protocol accepts several statements.
		if _, err := tx.Exec(ctx, script, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%s: %w", next.Name, err)
		}
		_, err = tx.Exec(ctx, qStepTaken, next.Version)
		return err
	})
	return done && err == nil, err
}

// overtaken makes it an error of which another try may succeed that something exists already: another program is creating
// it, such as one of a version that does not lock the row.
func overtaken(err error) error {
	switch sqlState(err) {
	case codeTableExists, codeColumnExists, codeUnique:
		return &lostError{err} // nothing of the step is stored
	}
	return err
}

// one reads the only column of the only row of a query.
func one(ctx context.Context, q querier) schema.Row {
	return func(query string, into any) error { return q.QueryRow(ctx, query).Scan(into) }
}
