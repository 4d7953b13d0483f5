package postgres_test

import (
	"net/url"
	"os"
	"path"
	"testing"

	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/postgres"
	"github.com/cointill/cointill/store/storetest"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// unprepared is the setting of connection strings for poolers that OPERATING.md names.
const unprepared = "&default_query_exec_mode=cache_describe"

// A pooler in transaction mode gives every transaction another connection to the server, on which nothing is prepared and
// nothing was set.
func TestStoreKeepsItsPromisesBehindAPooler(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole suite again: not with -short")
	}
	program := os.Getenv("COINTILL_PGBOUNCER")
	if program == "" && os.Getenv("CI") != "true" {
		t.Skip("COINTILL_PGBOUNCER names no pgbouncer")
	}
	require.NotEmpty(t, program, "COINTILL_PGBOUNCER must name a pgbouncer")
	b := server.Bouncer(t, program)
	through := func(t *testing.T, database string) *pgxpool.Pool {
		parsed, err := url.Parse(database)
		require.NoError(t, err)
		return pgtest.Connect(t, b.URL(path.Base(parsed.Path))+unprepared)
	}
	t.Run("migrating", func(t *testing.T) {
		require.NoError(t, postgres.Migrate(t.Context(), through(t, server.Database(t))))
	})
	storetest.Run(t, func(t *testing.T) store.Backend {
		database := server.Copy(t, "migrated", postgres.Migrate)
		return processes{open(t, through(t, database)), open(t, through(t, database))}
	}, storetest.WithListers())
}
