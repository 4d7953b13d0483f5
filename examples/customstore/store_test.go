package main

import (
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/kv"
	"github.com/cointill/cointill/store/kv/kvtest"
	"github.com/cointill/cointill/store/storetest"
	"github.com/stretchr/testify/require"
)

// opened is a store that can be closed and reopened.
type opened struct {
	*kv.Store
	db boltDB
}

func open(t *testing.T, path string) store.Backend {
	db, err := openDB(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return opened{kv.New(db), db}
}

func TestTheDatabaseKeepsThePromisesThatTheAdapterNeeds(t *testing.T) {
	kvtest.Run(t, func(t *testing.T) kv.DB {
		db, err := openDB(filepath.Join(t.TempDir(), "till.db"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return db
	})
}

func TestTheAdapterKeepsThePromisesOfABackend(t *testing.T) {
	if testing.Short() {
		t.Skip("the suite runs on other adapters: not with -short")
	}
	storetest.Run(t, func(t *testing.T) store.Backend {
		return open(t, filepath.Join(t.TempDir(), "till.db"))
	}, storetest.WithListers(), storetest.WithReopen(func(t *testing.T, old store.Backend) store.Backend {
		db := old.(opened).db
		path := db.Path()
		require.NoError(t, db.Close())
		return open(t, path)
	}))
}
