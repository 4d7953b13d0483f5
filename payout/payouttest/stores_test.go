package payouttest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cointill/cointill/internal/etcdserver"
	"github.com/cointill/cointill/internal/etcdtest"
	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/payout/payouttest"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/etcd"
	"github.com/cointill/cointill/store/kv"
	"github.com/cointill/cointill/store/postgres"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/stretchr/testify/require"
)

var (
	server pgtest.Server
	// What a world does within minutes may take more bytes at once than shops need.
	members = etcdtest.Server{Config: etcdserver.Config{NoSync: true, Flags: []string{"--max-request-bytes", "16777216"}}}
)

func TestMain(m *testing.M) { os.Exit(max(server.Main(m), members.Close())) }

// on returns a function that opens the store with the name.
func on(t *testing.T, name string) func(testing.TB) payouttest.Store {
	switch name {
	case "memory":
		return func(testing.TB) payouttest.Store { return store.NewMemory() }
	case "sqlite":
		worlds, dir := 0, t.TempDir()
		return func(testing.TB) payouttest.Store {
			worlds++
			db, err := sqlite.Open(filepath.Join(dir, fmt.Sprintf("%d.db", worlds)))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, db.Close()) })
			require.NoError(t, sqlite.Migrate(t.Context(), db))
			s, err := sqlite.New(db)
			require.NoError(t, err)
			return s
		}
	case "postgres":
		return func(testing.TB) payouttest.Store {
			pool := server.Pool(t)
			require.NoError(t, postgres.Migrate(t.Context(), pool))
			s, err := postgres.New(t.Context(), pool)
			require.NoError(t, err)
			return s
		}
	case "etcd":
		return func(testing.TB) payouttest.Store {
			db, err := etcd.New(t.Context(), members.Client(t), etcd.Config{Prefix: etcdtest.Prefix(), MaxBytes: 15 << 20})
			require.NoError(t, err)
			return kv.New(db)
		}
	}
	t.Fatalf("there is no store %q", name)
	return nil
}

// Only a few worlds run on databases, because each step waits for the disk. For more, use -store sqlite -seeds 1000.
func TestDatabasesKeepTheRules(t *testing.T) {
	n := 3
	if testing.Short() {
		n = 1
	}
	for _, name := range []string{"sqlite", "postgres", "etcd"} {
		t.Run(name, func(t *testing.T) {
			payouttest.Explore(t, payouttest.Config{Open: on(t, name)}, uint64(time.Now().UnixMilli()), n)
		})
	}
}
