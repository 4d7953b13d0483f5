package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/listing"
	_ "modernc.org/sqlite" // the driver; its own registration
)

var (
	_ store.Backend      = (*Store)(nil)
	_ invoice.SlotLister = (*Store)(nil)
	_ invoice.PaidLister = (*Store)(nil)
)

// Open opens the SQLite file, with the settings that [New] requires: WAL, commits that wait for the disk, and a busy
// timeout of five seconds. It creates the file if necessary, readable by its owner only. Transactions that the caller
// begins take the write lock at once. A connection caches 2 MB, as SQLite's do, eight idle connections are kept open,
// and a commit writes the WAL back when it has 8000 pages, or 32 MB. The caller closes the database.
func Open(path string) (*sql.DB, error) {
	if path == "" || strings.HasPrefix(path, ":") {
		return nil, fmt.Errorf("sqlite: open %q: the path of a file is required", path)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	pragmas := url.Values{
		"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "wal_autocheckpoint(8000)"},
		"_txlock": {"immediate"},
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	db, err := sql.Open("sqlite", fileURL(filepath.ToSlash(abs), pragmas))
	if err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	db.SetMaxIdleConns(idle)
	if err := db.PingContext(context.Background()); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", path, err), db.Close())
	}
	return db, nil
}

// fileURL returns the URI of a file by its absolute path, with slashes, as SQLite reads it (sqlite.org/uri.html): a
// path that begins with a drive letter gets a slash in front, and one that begins with a server keeps its two.
func fileURL(path string, query url.Values) string {
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String()
}

// idle is how many idle connections are kept: opening one takes longer than most queries.
const idle = 8

// Store implements [store.Backend] on an SQLite file. Its methods may be called concurrently.
type Store struct {
	reader
	writer writer
}

// New returns a store on the database. The caller keeps the database: to close it, and to use it for other tables. New
// starts nothing; the store uses up to 16 MB of memory to find listings, and reads what a block pays to on up to four
// connections at once, if the pool has them. New refuses a database with settings that can lose commits at a power
// failure, one that lacks migrations with [ErrSchemaOutdated], and one of a newer program with [ErrSchemaTooNew].
//
// After some hundred writes, one of them also copies the WAL into the database, on another connection of the pool if
// there may be one, so that other writes do not wait. It does not if wal_autocheckpoint is 0, as for a replicator that
// checkpoints by itself.
func New(db *sql.DB) (*Store, error) {
	ctx := context.Background()
	if err := checkPragmas(ctx, db); err != nil {
		return nil, err
	}
	if err := migrations().Check(one(ctx, db)); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s := &Store{reader: reader{db: db, stmts: map[string]*sql.Stmt{}, listings: new(listing.Cache), known: &known{slice: knownSlice}, leastPart: leastPart}}
	for _, q := range queries() {
		stmt, err := db.PrepareContext(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("sqlite: prepare: %w", err)
		}
		s.stmts[q] = stmt
	}
	var pages int
	if err := db.QueryRowContext(ctx, "PRAGMA wal_autocheckpoint").Scan(&pages); err != nil {
		return nil, fmt.Errorf("sqlite: PRAGMA wal_autocheckpoint: %w", err)
	}
	s.openBooks()
	s.writer = writer{db: db, stmts: s.stmts, writesBack: pages > 0}
	return s, nil
}

func checkPragmas(ctx context.Context, db *sql.DB) error {
	var journal string
	var synchronous, busy int
	for pragma, dest := range map[string]any{
		"PRAGMA journal_mode": &journal, "PRAGMA synchronous": &synchronous, "PRAGMA busy_timeout": &busy,
	} {
		if err := db.QueryRowContext(ctx, pragma).Scan(dest); err != nil {
			return fmt.Errorf("sqlite: %s: %w", pragma, err)
		}
	}
	const full = 2 // 3 is EXTRA, which waits for more
	switch {
	case journal != "wal":
		return fmt.Errorf("sqlite: journal_mode must be WAL, not %q (an in-memory database has none)", journal)
	case synchronous < full:
		return fmt.Errorf("sqlite: synchronous must be FULL (2) on every connection, not %d", synchronous)
	case busy <= 0:
		return errors.New("sqlite: busy_timeout must be set on every connection, to wait for other writers")
	}
	return nil
}
