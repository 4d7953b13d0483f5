package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"

	"github.com/cointill/cointill/store/internal/schema"
)

var (
	// ErrSchemaOutdated means that the tables lack migrations of this program; run [Migrate].
	ErrSchemaOutdated = errors.New("schema is outdated")
	// ErrSchemaTooNew means that a newer program has migrated the tables; this one must not touch them.
	ErrSchemaTooNew = errors.New("schema is newer than the program")
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrations are the scripts in the order of their numbers.
func migrations() schema.Migrations {
	return schema.Migrations{
		Files: migrationFiles, Outdated: ErrSchemaOutdated, TooNew: ErrSchemaTooNew,
		Table: "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'cointill_schema')",
	}
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
	next, err := migrations().Next(one(ctx, conn))
	if err != nil || next == nil {
		return err == nil, err
	}
	for _, statement := range []string{
		"CREATE TABLE IF NOT EXISTS cointill_schema (version INTEGER PRIMARY KEY)",
		next.Script,
		fmt.Sprintf("INSERT INTO cointill_schema (version) VALUES (%d)", next.Version),
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return false, fmt.Errorf("%s: %w", next.Name, err)
		}
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return false, err
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// one reads the only column of the only row of a query.
func one(ctx context.Context, q querier) schema.Row {
	return func(query string, into any) error { return q.QueryRowContext(ctx, query).Scan(into) }
}
