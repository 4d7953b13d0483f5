package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

var (
	// ErrSchemaOutdated means that the tables lack migrations of this program; run [Migrate].
	ErrSchemaOutdated = errors.New("schema is outdated")
	// ErrSchemaTooNew means that a newer program has migrated the tables; this one must not touch them.
	ErrSchemaTooNew = errors.New("schema is newer than the program")
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations lists the migration files in the order of their numbers. The first one leads to version 1.
func migrations() []string {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil // only a malformed pattern is an error
	}
	return names
}

// Migrate brings the tables up to date, each step in a transaction of its own. It is idempotent, and several processes
// may call it at once. It refuses the tables of a newer program with [ErrSchemaTooNew]. An operator may run it apart
// from the program.
func Migrate(ctx context.Context, db *sql.DB) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("sqlite: migrate: %w", err)
	}
	defer conn.Close()
	for {
		done, err := migrateOnce(ctx, conn)
		if err != nil {
			return fmt.Errorf("sqlite: migrate: %w", err)
		}
		if done {
			return nil
		}
	}
}

// migrateOnce takes the next step, and reports whether there was none left.
func migrateOnce(ctx context.Context, conn *sql.Conn) (done bool, err error) {
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return false, err
	}
	defer func() {
		if done || err != nil {
			_, undo := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			err = errors.Join(err, undo)
		}
	}()
	version, err := schemaVersion(ctx, conn)
	if err != nil {
		return false, err
	}
	steps := migrations()
	switch {
	case version > len(steps):
		return false, fmt.Errorf("version %d, known are %d: %w", version, len(steps), ErrSchemaTooNew)
	case version == len(steps):
		return true, nil
	}
	script, err := migrationFiles.ReadFile(steps[version])
	if err != nil {
		return false, err
	}
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS cointill_schema (version INTEGER PRIMARY KEY)",
		string(script),
		fmt.Sprintf("INSERT INTO cointill_schema (version) VALUES (%d)", version+1),
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return false, fmt.Errorf("%s: %w", steps[version], err)
		}
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return false, err
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// schemaVersion returns how many migrations were run.
func schemaVersion(ctx context.Context, q querier) (int, error) {
	var exists bool
	err := q.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'cointill_schema')").Scan(&exists)
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if !exists {
		return 0, nil
	}
	var version int
	if err := q.QueryRowContext(ctx, "SELECT COALESCE(MAX(version), 0) FROM cointill_schema").Scan(&version); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return version, nil
}
