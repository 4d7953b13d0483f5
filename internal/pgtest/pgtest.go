// Package pgtest provides PostgreSQL to tests: one server for a test binary, and an empty database for every test.
//
//	var server pgtest.Server
//
//	func TestMain(m *testing.M) { os.Exit(server.Main(m)) }
//
//	func TestStore(t *testing.T) { pool := server.Pool(t) ... }
//
// The server is started by the first test that needs it, unless the environment variable DATABASE_URL names one. If there is
// neither, tests are skipped, or fail with CI=true.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/cointill/cointill/internal/pgserver"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// Server is the server of a test binary. The zero value is ready; set its fields before the first test.
type Server struct {
	// Config configures the server, if one is started.
	Config pgserver.Config

	mu      sync.Mutex // guards what follows
	started bool
	server  *pgserver.Server // nil with DATABASE_URL
	url     string           // of a database from which others are created
	err     error
	made    map[string]string // the databases of Shared, by their names there
}

// Main runs the tests, ends the server, and returns the exit code. Without a server it leaves out examples, which cannot be
// skipped.
func (s *Server) Main(m *testing.M) int {
	if err := pgserver.Available(); err != nil && os.Getenv("CI") != "true" {
		flag.Parse()
		fmt.Fprintln(os.Stderr, "pgtest: examples are left out:", err)
		if err := flag.Set("test.skip", "^Example"); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			return 1
		}
	}
	return max(m.Run(), s.Close())
}

// Close ends the server if it was started, and returns an exit code.
func (s *Server) Close() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == nil {
		return 0
	}
	if err := s.server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)
		return 1
	}
	return 0
}

func (s *Server) start() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return s.url, s.err
	}
	s.started = true
	if s.url = os.Getenv("DATABASE_URL"); s.url != "" {
		return s.url, nil
	}
	if s.server, s.err = pgserver.Start(context.Background(), s.Config); s.err == nil {
		s.url = s.server.URL("postgres")
	}
	return s.url, s.err
}

// Database creates an empty database, which is removed at the end of the test, and returns its URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	return s.create(t, "")
}

// Copy creates a database like Database, as a copy of the one that [Server.Shared] returns for the same arguments. Nothing
// may be connected to that one. A database of DATABASE_URL is prepared by itself, because not every engine copies one.
func (s *Server) Copy(t testing.TB, name string, prepare func(context.Context, *pgxpool.Pool) error) string {
	t.Helper()
	if _, err := s.start(); err == nil && s.server == nil {
		database := s.create(t, "")
		pool := Connect(t, database)
		defer pool.Close()
		require.NoError(t, prepare(t.Context(), pool))
		return database
	}
	s.Shared(t, name, prepare)
	return s.create(t, s.made[name])
}

// Shared returns the URL of a database that is prepared once for each name, by the first test that asks for it. It stays
// until the server ends, so no test may change it.
func (s *Server) Shared(t testing.TB, name string, prepare func(context.Context, *pgxpool.Pool) error) string {
	t.Helper()
	base, err := s.start()
	needServer(t, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	database, made := s.made[name]
	if !made {
		database = fresh()
		require.NoError(t, s.prepare(t.Context(), base, database, prepare))
		if s.made == nil {
			s.made = map[string]string{}
		}
		s.made[name] = database
	}
	return within(t, base, database)
}

// prepare creates a database and prepares it. It leaves no connection to it open.
func (s *Server) prepare(ctx context.Context, base, database string, prepare func(context.Context, *pgxpool.Pool) error) error {
	admin, err := pgx.Connect(ctx, base)
	if err != nil {
		return err
	}
	_, err = admin.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize())
	if err := errors.Join(err, admin.Close(ctx)); err != nil {
		return err
	}
	cfg, err := pgxpool.ParseConfig(base)
	if err != nil {
		return err
	}
	cfg.ConnConfig.Database = database
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	return prepare(ctx, pool)
}

// create creates a database, as a copy of another one if it is named.
func (s *Server) create(t testing.TB, template string) string {
	t.Helper()
	base, err := s.start()
	needServer(t, err)
	admin, err := pgx.Connect(t.Context(), base)
	require.NoError(t, err)
	name := fresh()
	create := "CREATE DATABASE " + pgx.Identifier{name}.Sanitize()
	if template != "" {
		create += " TEMPLATE " + pgx.Identifier{template}.Sanitize()
		if s.Config.NoSync { // where it waits for no disk, to copy files is the quickest way
			create += " STRATEGY FILE_COPY"
		}
	}
	_, err = admin.Exec(t.Context(), create)
	require.NoError(t, err)
	t.Cleanup(func() {
		if s.server != nil { // its databases end with it, and dropping one is slow
			require.NoError(t, admin.Close(context.Background()))
			return
		}
		_, err := admin.Exec(context.Background(), "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)")
		require.NoError(t, errors.Join(err, admin.Close(context.Background())))
	})
	return within(t, base, name)
}

// fresh returns a name that no database has.
func fresh() string { return "cointill_test_" + rand.Text() }

// within returns the URL of another database of the server.
func within(t testing.TB, base, database string) string {
	t.Helper()
	parsed, err := url.Parse(base)
	require.NoError(t, err)
	parsed.Path = "/" + database
	return parsed.String()
}

// Connect returns a pool of connections to the database, with a configuration changed by the functions. It is closed at the
// end of the test.
func Connect(t testing.TB, database string, change ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(database)
	require.NoError(t, err)
	for _, f := range change {
		f(cfg)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// Pool returns a pool of connections to a new database.
func (s *Server) Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return Connect(t, s.Database(t))
}

// Bouncer runs a pgbouncer in front of the server until the end of the test. The server must not be one of DATABASE_URL.
func (s *Server) Bouncer(t testing.TB, program string) *pgserver.Bouncer {
	t.Helper()
	_, err := s.start()
	needServer(t, err)
	require.NotNil(t, s.server, "the server of DATABASE_URL is not ours")
	b, err := s.server.Bouncer(t.Context(), program)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Stop()) })
	return b
}

// Start starts a server for a single test that would disturb others on a shared one.
func Start(t testing.TB, cfg pgserver.Config) *pgserver.Server {
	t.Helper()
	s, err := pgserver.Start(t.Context(), cfg)
	needServer(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

// needServer skips the test if there is no server, unless all tests must run.
func needServer(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, pgserver.ErrNoServer) && os.Getenv("CI") != "true" {
		t.Skipf("no PostgreSQL to test with: %v", err)
	}
	require.NoError(t, err)
}
