package postgres_test

import (
	"testing"

	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/postgres"
	"github.com/cointill/cointill/store/storetest"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

var server, durable = postgres.Servers()

// migrated makes a pool of connections to a database of its own, with the tables.
func migrated(t testing.TB, change ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	return pgtest.Connect(t, server.Copy(t, "migrated", postgres.Migrate), change...)
}

// open makes a store on the pool.
func open(t testing.TB, pool *pgxpool.Pool) *postgres.Store {
	t.Helper()
	s, err := postgres.New(t.Context(), pool)
	require.NoError(t, err)
	return s
}

func TestStoreKeepsThePromisesOfABackend(t *testing.T) {
	pools := map[store.Backend]*pgxpool.Pool{}
	openPool := func(t *testing.T, pool *pgxpool.Pool) store.Backend {
		s := open(t, pool)
		pools[s] = pool
		return s
	}
	storetest.Run(t, func(t *testing.T) store.Backend {
		return openPool(t, migrated(t))
	}, storetest.WithListers(), storetest.WithReopen(func(t *testing.T, old store.Backend) store.Backend {
		url := pools[old].Config().ConnString()
		pools[old].Close()
		return openPool(t, pgtest.Connect(t, url))
	}))
}
