package invoicetest_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/internal/etcdserver"
	"github.com/cointill/cointill/internal/etcdtest"
	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/invoice/invoicetest"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/etcd"
	"github.com/cointill/cointill/store/kv"
	"github.com/cointill/cointill/store/postgres"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/webhook"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

var (
	server pgtest.Server
	// What a world does within minutes may take more bytes at once than shops need.
	members = etcdtest.Server{Config: etcdserver.Config{NoSync: true, Flags: []string{"--max-request-bytes", "16777216"}}}
)

func TestMain(m *testing.M) {
	// Worlds are small and many: most of what the collector would look through it would have to keep.
	debug.SetGCPercent(800)
	os.Exit(max(server.Main(m), members.Close()))
}

// outside is a goroutine outside of every bubble that makes the calls of a database: in a bubble, time would pass meanwhile,
// or a deadlock would be reported. It makes one call at a time. Its channels belong to no bubble.
type outside struct {
	mu    sync.Mutex
	calls chan func()
	done  chan struct{}
}

func newOutside(t *testing.T) *outside {
	o := &outside{calls: make(chan func()), done: make(chan struct{})}
	go func() {
		for f := range o.calls {
			f()
			o.done <- struct{}{}
		}
	}()
	t.Cleanup(func() { close(o.calls) })
	return o
}

func (o *outside) do(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls <- f
	<-o.done
}

// remotely runs f outside, where the context of a bubble cannot be waited for.
func remotely[T any](ctx context.Context, o *outside, f func(context.Context) (T, error)) (out T, err error) {
	if err := ctx.Err(); err != nil {
		return out, err
	}
	o.do(func() { out, err = f(context.Background()) })
	return out, err
}

// on returns a function that opens the store with the name.
func on(t *testing.T, name string) func(*testing.T) invoice.Store {
	var fresh func() store.Backend
	switch name {
	case "memory":
		return func(*testing.T) invoice.Store { return store.NewMemory() }
	case "sqlite":
		fresh = onSQLite(t)
	case "postgres":
		fresh = onPostgres(t)
	case "etcd":
		fresh = onEtcd(t)
	default:
		t.Fatalf("there is no store %q", name)
	}
	o := newOutside(t)
	return func(*testing.T) invoice.Store {
		d := distant{o: o, times: &times{waits: map[string]time.Time{}, claims: map[string]held{}}}
		o.do(func() { d.s = fresh() })
		if l, able := d.s.(invoice.Leaser); able {
			return distantLeaser{d, l}
		}
		return d
	}
}

func onSQLite(t *testing.T) func() store.Backend {
	var db *sql.DB
	end := func() {
		if db != nil {
			require.NoError(t, db.Close())
		}
	}
	t.Cleanup(end)
	worlds, dir := 0, t.TempDir()
	return func() store.Backend {
		end()
		worlds++
		var err error
		db, err = sqlite.Open(filepath.Join(dir, fmt.Sprintf("%d.db", worlds)))
		require.NoError(t, err)
		require.NoError(t, sqlite.Migrate(context.Background(), db))
		s, err := sqlite.New(db)
		require.NoError(t, err)
		return s
	}
}

// onPostgres empties one database for every world, which is quicker than creating one: it restores each table to its state
// after the migration.
func onPostgres(t *testing.T) func() store.Backend {
	ctx, pool := context.Background(), server.Pool(t)
	exec := func(statement string) {
		_, err := pool.Exec(ctx, statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, postgres.Migrate(ctx, pool))
	rows, err := pool.Query(ctx, `SELECT tablename FROM pg_tables WHERE schemaname = current_schema()`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, table := range tables {
		exec(fmt.Sprintf("CREATE TABLE as_made_%[1]s AS TABLE %[1]s", table))
	}
	return func() store.Backend {
		for _, table := range tables {
			exec(fmt.Sprintf("DELETE FROM %[1]s; INSERT INTO %[1]s SELECT * FROM as_made_%[1]s", table))
		}
		s, err := postgres.New(ctx, pool)
		require.NoError(t, err)
		return s
	}
}

// onEtcd gives every world a prefix of its own.
func onEtcd(t *testing.T) func() store.Backend {
	client := members.Client(t)
	return func() store.Backend {
		db, err := etcd.New(context.Background(), client, etcd.Config{Prefix: etcdtest.Prefix(), MaxBytes: 15 << 20})
		require.NoError(t, err)
		return kv.New(db)
	}
}

// Only a few worlds run on databases, because each step waits for the disk. For more, use -store sqlite -seeds 1000.
func TestDatabasesKeepTheRules(t *testing.T) {
	n := 4
	if testing.Short() {
		n = 1
	}
	for _, name := range []string{"sqlite", "postgres", "etcd"} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.Open = on(t, name)
			invoicetest.Explore(t, cfg, uint64(time.Now().UnixMilli()), n)
		})
	}
}

// stopped is a store whose clock stands still, so that no lease expires by it.
type stopped struct {
	*store.Memory
	mu     sync.Mutex
	leases map[string]invoice.Lease
	last   int64
}

func (s *stopped) Lease(_ context.Context, duty, holder string, _ time.Duration) (invoice.Lease, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	is, given := s.leases[duty]
	if given && is.Holder != holder {
		return invoice.Lease{}, invoice.ErrLeased
	}
	if !given {
		s.last++
		is = invoice.Lease{Duty: duty, Holder: holder, Token: s.last}
		s.leases[duty] = is
	}
	return is, nil
}

func (s *stopped) Release(_ context.Context, l invoice.Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leases[l.Duty] == l {
		delete(s.leases, l.Duty)
	}
	return nil
}

func (s *stopped) Commit(ctx context.Context, b invoice.Batch) error {
	s.mu.Lock()
	is, given := s.leases[b.Fence.Duty]
	s.mu.Unlock()
	if given && is.Token > b.Fence.Token {
		return invoice.ErrFenced
	}
	b.Fence = invoice.Lease{}
	return s.Memory.Commit(ctx, b)
}

func TestLeasesOfAStoreWithAClockOfItsOwnRunOut(t *testing.T) {
	cfg := config()
	cfg.Processes = 3
	cfg.Open = func(*testing.T) invoice.Store {
		return &stopped{Memory: store.NewMemory(), leases: map[string]invoice.Lease{}}
	}
	invoicetest.Explore(t, cfg, 1, 10)
}

// distant is a store whose calls run outside.
var _ store.Backend = distant{}

type distant struct {
	o *outside
	s store.Backend
	*times
}

func (d distant) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (invoice.Invoice, error) { return d.s.Invoice(ctx, id) })
}

func (d distant) InvoiceByOrder(ctx context.Context, project string, orderID string) (invoice.Invoice, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (invoice.Invoice, error) { return d.s.InvoiceByOrder(ctx, project, orderID) })
}

func (d distant) Invoices(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (invoice.Page, error) { return d.s.Invoices(ctx, q) })
}

func (d distant) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]invoice.Invoice, error) { return d.s.InvoicesAt(ctx, places) })
}

func (d distant) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]invoice.Invoice, error) { return d.s.InvoicesPaid(ctx, q) })
}

func (d distant) Payments(ctx context.Context, id string, after chain.Key, limit int) ([]invoice.Payment, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]invoice.Payment, error) { return d.s.Payments(ctx, id, after, limit) })
}

func (d distant) InvoicesWaking(ctx context.Context, network chain.Network, head chain.Head, limit int) ([]invoice.Invoice, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]invoice.Invoice, error) {
		return d.s.InvoicesWaking(ctx, network, head, limit)
	})
}

func (d distant) Network(ctx context.Context, network chain.Network) (invoice.Progress, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (invoice.Progress, error) { return d.s.Network(ctx, network) })
}

func (d distant) Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]invoice.Event, error) { return d.s.Events(ctx, after, limit) })
}

func (d distant) InvoiceEvents(ctx context.Context, id string, after int64) ([]invoice.Event, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]invoice.Event, error) { return d.s.InvoiceEvents(ctx, id, after) })
}

func (d distant) Commit(ctx context.Context, b invoice.Batch) error {
	_, err := remotely(ctx, d.o, func(ctx context.Context) (struct{}, error) { return struct{}{}, d.s.Commit(ctx, b) })
	return err
}

func (d distant) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (uint32, error) { return d.s.ReserveIndexes(ctx, wallet, n) })
}

func (d distant) TakeIndex(ctx context.Context, wallet string) (uint32, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (uint32, error) { return d.s.TakeIndex(ctx, wallet) })
}

func (d distant) InsertProject(ctx context.Context, p invoice.Project) error {
	_, err := remotely(ctx, d.o, func(ctx context.Context) (struct{}, error) { return struct{}{}, d.s.InsertProject(ctx, p) })
	return err
}

func (d distant) UpdateProject(ctx context.Context, p invoice.Project) error {
	_, err := remotely(ctx, d.o, func(ctx context.Context) (struct{}, error) { return struct{}{}, d.s.UpdateProject(ctx, p) })
	return err
}

func (d distant) Project(ctx context.Context, id string) (invoice.Project, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (invoice.Project, error) { return d.s.Project(ctx, id) })
}

func (d distant) ProjectByKey(ctx context.Context, keyHash string) (invoice.Project, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (invoice.Project, error) { return d.s.ProjectByKey(ctx, keyHash) })
}

func (d distant) Projects(ctx context.Context, after string, limit int) ([]invoice.Project, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]invoice.Project, error) { return d.s.Projects(ctx, after, limit) })
}

func (d distant) ProjectsByOwner(ctx context.Context, text string) ([]string, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]string, error) { return d.s.ProjectsByOwner(ctx, text) })
}

func (d distant) GiveUp(ctx context.Context, q webhook.GiveUpQuery) (int, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (int, error) { return d.s.GiveUp(ctx, q) })
}

func (d distant) History(ctx context.Context, invoiceID string, after int64) ([]webhook.Record, error) {
	return remotely(ctx, d.o, func(ctx context.Context) ([]webhook.Record, error) { return d.s.History(ctx, invoiceID, after) })
}

func (d distant) Resend(ctx context.Context, invoiceID, receiver string) (invoice.Message, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (invoice.Message, error) { return d.s.Resend(ctx, invoiceID, receiver) })
}

// distantLeaser is a distant store with leases.
type distantLeaser struct {
	distant
	l invoice.Leaser
}

func (d distantLeaser) Lease(ctx context.Context, duty string, holder string, ttl time.Duration) (invoice.Lease, error) {
	return remotely(ctx, d.o, func(ctx context.Context) (invoice.Lease, error) { return d.l.Lease(ctx, duty, holder, ttl) })
}

func (d distantLeaser) Release(ctx context.Context, l invoice.Lease) error {
	_, err := remotely(ctx, d.o, func(ctx context.Context) (struct{}, error) { return struct{}{}, d.l.Release(ctx, l) })
	return err
}

// bare is a store without the optional interfaces.
type bare struct{ store.Backend }

func TestAStoreWithoutOptionalInterfacesIsEnough(t *testing.T) {
	cfg := config()
	cfg.Open = func(*testing.T) invoice.Store { return bare{store.NewMemory()} }
	invoicetest.Explore(t, cfg, 1, 20)
}
