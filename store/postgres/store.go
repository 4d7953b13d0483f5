package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/listing"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

var (
	_ store.Backend      = (*Store)(nil)
	_ invoice.Leaser     = (*Store)(nil)
	_ invoice.Tidier     = (*Store)(nil)
	_ invoice.SlotLister = (*Store)(nil)
	_ invoice.PaidLister = (*Store)(nil)
	_ invoice.Transactor = (*Store)(nil)
)

// Store implements [store.Backend], [invoice.Leaser] and [invoice.Tidier] on a PostgreSQL database. Its methods may be
// called concurrently, and by any number of processes on one database.
type Store struct {
	reader
	pool   *pgxpool.Pool
	writer writer
	books  writer // of payouts, which take turns
}

// New returns a store on the pool. The caller keeps the pool: to close it, and to use it for other tables. New starts
// nothing; the store uses up to 16 MB of memory to find listings. New refuses a database that lacks migrations with
// [ErrSchemaOutdated], one of a newer program with [ErrSchemaTooNew], connections that do not wait for their commits to
// be durable, and encodings that cannot hold every text.
func New(ctx context.Context, pool *pgxpool.Pool) (*Store, error) {
	if err := checkSettings(ctx, pool); err != nil {
		return nil, fmt.Errorf("postgres: New: %w", err)
	}
	if err := again(ctx, func() error { return migrations().Check(one(ctx, pool)) }); err != nil {
		return nil, fmt.Errorf("postgres: New: %w", err)
	}
	s := &Store{reader: newReader(pool, new(listing.Cache)), pool: pool}
	s.writer.pool, s.writer.begin = pool, (*script).queue
	s.books.pool, s.books.begin = pool, (*script).queueBooks
	return s, nil
}

func checkSettings(ctx context.Context, pool *pgxpool.Pool) error {
	var durable, encoding string
	const settings = `SELECT current_setting('synchronous_commit'), current_setting('server_encoding')`
	read := func() error { return pool.QueryRow(ctx, settings).Scan(&durable, &encoding) }
	if err := again(ctx, read); err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	switch {
	case durable == "off":
		return errors.New("synchronous_commit must not be off: a crash would lose what was committed")
	case encoding != "UTF8":
		return fmt.Errorf("the database's encoding must be UTF8, not %s", encoding)
	}
	return nil
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// These are the SQLSTATE codes that the package tells apart.
const (
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeUnique        = "23505"
	codeUnsupported   = "0A000"
	codeSyntax        = "42601"
	codeNoFunction    = "42883"
	codeParameter     = "22023" // a parameter of storage that the engine does not have
	codeTableExists   = "42P07"
	codeColumnExists  = "42701"
)

// isUnsupported reports whether the engine does not know what it was asked for.
func isUnsupported(err error) bool {
	switch sqlState(err) {
	case codeUnsupported, codeSyntax, codeNoFunction, codeParameter:
		return true
	}
	return false
}

// sqlState returns the SQLSTATE code of an error of the server, or an empty text for another error.
func sqlState(err error) string {
	var native *pgconn.PgError
	if errors.As(err, &native) {
		return native.Code
	}
	return ""
}

// violates reports whether the error is a violation of the unique index.
func violates(err error, index string) bool {
	var native *pgconn.PgError
	return errors.As(err, &native) && native.Code == codeUnique && native.ConstraintName == index
}
