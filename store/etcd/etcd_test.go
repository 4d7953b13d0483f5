package etcd_test

import (
	"cmp"
	"os"
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/desktest"
	"github.com/cointill/cointill/internal/etcdserver"
	"github.com/cointill/cointill/internal/etcdtest"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/etcd"
	"github.com/cointill/cointill/store/kv"
	"github.com/cointill/cointill/store/kv/kvtest"
	"github.com/cointill/cointill/store/storetest"
	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Both clusters live as long as the test binary.
var (
	one   = etcdtest.Server{Config: etcdserver.Config{NoSync: true}}
	three = etcdtest.Server{Config: etcdserver.Config{NoSync: true, Members: 3}}
)

func TestMain(m *testing.M) { os.Exit(max(one.Main(m), three.Close())) }

var clusters = map[string]*etcdtest.Server{"one member": &one, "three members": &three}

// open opens a database, with a bound of its own only where it matters, because a server reads as many operations at once.
func open(t testing.TB, client *clientv3.Client, cfg etcd.Config) *etcd.DB {
	t.Helper()
	cfg.MaxOps = cmp.Or(cfg.MaxOps, 500)
	db, err := etcd.New(t.Context(), client, cfg)
	require.NoError(t, err)
	return db
}

// fresh returns a new, empty database.
func fresh(t testing.TB) *etcd.DB {
	return open(t, one.Client(t), etcd.Config{Prefix: etcdtest.Prefix()})
}

func TestTheDatabaseKeepsThePromisesOfOne(t *testing.T) {
	for name, server := range clusters {
		t.Run(name, func(t *testing.T) {
			kvtest.Run(t, func(t *testing.T) kv.DB { return open(t, server.Client(t), etcd.Config{Prefix: etcdtest.Prefix()}) })
		})
	}
}

// reopened is a store that can be opened again.
type reopened struct {
	*kv.Store
	prefix string
}

func TestTheStoreKeepsThePromisesOfABackend(t *testing.T) {
	for name, server := range clusters {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "one member" {
				t.Skip("the same suite on more members: not with -short")
			}
			with := func(t *testing.T, prefix string) store.Backend {
				return reopened{kv.New(etcd.Allow(open(t, server.Client(t), etcd.Config{Prefix: prefix}), 20_000)), prefix}
			}
			storetest.Run(t, func(t *testing.T) store.Backend { return with(t, etcdtest.Prefix()) },
				storetest.WithListers(), storetest.WithReopen(func(t *testing.T, old store.Backend) store.Backend {
					return with(t, old.(reopened).prefix)
				}), storetest.WithBound(func(t *testing.T) (store.Backend, int) {
					return kv.New(open(t, server.Client(t), etcd.Config{Prefix: etcdtest.Prefix(), MaxOps: 50})), 50
				}))
		})
	}
}

type reopenedRecords struct {
	*kv.Records
	prefix string
}

func TestRecordsKeepTheContract(t *testing.T) {
	with := func(t *testing.T, prefix string) desk.Records {
		return reopenedRecords{kv.New(open(t, one.Client(t), etcd.Config{Prefix: prefix})).Records(), prefix}
	}
	desktest.Records(t, func(t *testing.T) desk.Records { return with(t, etcdtest.Prefix()) },
		desktest.WithReopen(func(t *testing.T, old desk.Records) desk.Records { return with(t, old.(reopenedRecords).prefix) }))
}
