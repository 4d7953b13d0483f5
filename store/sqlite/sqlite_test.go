package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/store/storetest"
	"github.com/stretchr/testify/require"
	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// openAt opens the store in the file, with its tables.
func openAt(t testing.TB, path string) (*sqlite.Store, *sql.DB) {
	t.Helper()
	db, err := sqlite.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	require.NoError(t, sqlite.Migrate(t.Context(), db))
	s, err := sqlite.New(db)
	require.NoError(t, err)
	return s, db
}

func TestStoreKeepsThePromisesOfABackend(t *testing.T) {
	paths := map[store.Backend]string{}
	dbs := map[store.Backend]*sql.DB{}
	open := func(t *testing.T, path string) store.Backend {
		s, db := openAt(t, path)
		paths[s], dbs[s] = path, db
		return s
	}
	storetest.Run(t, func(t *testing.T) store.Backend {
		return open(t, filepath.Join(t.TempDir(), "shop.db"))
	}, storetest.WithListers(), storetest.WithReopen(func(t *testing.T, old store.Backend) store.Backend {
		require.NoError(t, dbs[old].Close())
		return open(t, paths[old])
	}))
}

// size is of the file that the WAL is written back to.
func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

func TestTheWALIsWrittenBackBesideTheCommits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	s, db := openAt(t, path)
	_, err := db.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	require.NoError(t, err)
	before := size(t, path)
	for n := range 499 {
		require.NoError(t, s.Commit(t.Context(), workload.Creation(n)))
	}
	require.Equal(t, before, size(t, path))
	require.NoError(t, s.Commit(t.Context(), workload.Creation(499)))
	require.Greater(t, size(t, path), before)
}

// A replicator, such as Litestream, does that itself.
func TestTheWALIsNotWrittenBackWithoutAutocheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	_, db := openAt(t, path)
	db.SetMaxOpenConns(1)
	for _, pragma := range []string{"wal_autocheckpoint(0)", "wal_checkpoint(TRUNCATE)"} {
		_, err := db.Exec("PRAGMA " + pragma)
		require.NoError(t, err)
	}
	s, err := sqlite.New(db)
	require.NoError(t, err)
	db.SetMaxOpenConns(0)
	before := size(t, path)
	for n := range 600 {
		require.NoError(t, s.Commit(t.Context(), workload.Creation(n)))
	}
	require.Equal(t, before, size(t, path))
}

// A copy of the files while they are open is what the end of the process leaves behind.
func TestWhatWasCommittedSurvivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	s, _ := openAt(t, path)
	copied := filepath.Join(t.TempDir(), "copy.db")
	for n := range 50 {
		require.NoError(t, s.Commit(t.Context(), workload.Creation(n)))
	}
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(copied+suffix, data, 0o600))
	}
	revived, _ := openAt(t, copied)
	for n := range 50 {
		inv, err := revived.Invoice(t.Context(), workload.Creation(n).Insert[0].ID)
		require.NoError(t, err)
		require.Equal(t, workload.Creation(n).Insert[0].OrderID, inv.OrderID)
	}
	events, err := revived.Events(t.Context(), 0, 100)
	require.NoError(t, err)
	require.Len(t, events, 50)
}

func TestTheFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop ? #1%20.db")
	s, _ := openAt(t, path)
	require.NoError(t, s.Commit(t.Context(), workload.Creation(1)))
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), suffix)
	}
}

func TestTheNameOfAFileIsThatOfItsSystem(t *testing.T) {
	for path, want := range map[string]string{
		"/var/lib/shop/shop.db":      "file:///var/lib/shop/shop.db",
		"C:/shop/shop.db":            "file:///C:/shop/shop.db",
		"d:/Shop & Söhne/50% #1?.db": "file:///d:/Shop%20&%20S%C3%B6hne/50%25%20%231%3F.db",
		"//server/share/shop.db":     "file:////server/share/shop.db",
		"//?/C:/shop/shop.db":        "file:////%3F/C:/shop/shop.db",
	} {
		require.Equal(t, want, sqlite.FileURL(path), path)
	}
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	for _, path := range []string{"", ":memory:", t.TempDir(), filepath.Join(t.TempDir(), "no", "such", "folder.db")} {
		_, err := sqlite.Open(path)
		require.Error(t, err, path)
	}
}

func TestNewRefusesSettingsThatLoseData(t *testing.T) {
	for name, c := range map[string]struct{ dsn, want string }{
		"not WAL":           {"?_pragma=busy_timeout(1000)", "journal_mode"},
		"in memory":         {"?mode=memory&_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)", "journal_mode"},
		"commits in memory": {"?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)", "synchronous"},
		"no patience":       {"?_pragma=journal_mode(WAL)", "busy_timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := sql.Open("sqlite", "file:"+url.PathEscape(filepath.Join(t.TempDir(), "x.db"))+c.dsn)
			require.NoError(t, err)
			defer db.Close()
			_, err = sqlite.New(db)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestMigrations(t *testing.T) {
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "shop.db"))
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec("CREATE TABLE orders (id TEXT); INSERT INTO orders VALUES ('the shop''s own')")
	require.NoError(t, err)

	_, err = sqlite.New(db)
	require.ErrorIs(t, err, sqlite.ErrSchemaOutdated)

	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = sqlite.Migrate(t.Context(), db) })
	}
	wg.Wait()
	require.NoError(t, errors.Join(errs...), "several at once")
	s, err := sqlite.New(db)
	require.NoError(t, err)
	require.NoError(t, s.Commit(t.Context(), workload.Creation(1)))
	require.NoError(t, sqlite.Migrate(t.Context(), db), "again")
	_, err = s.Invoice(t.Context(), workload.Creation(1).Insert[0].ID)
	require.NoError(t, err, "nothing was lost")

	var foreign int
	require.NoError(t, db.QueryRow(`SELECT COUNT(*) FROM sqlite_schema
		WHERE name NOT LIKE 'cointill_%' AND name NOT LIKE 'sqlite_%' AND name != 'orders'`).Scan(&foreign))
	require.Zero(t, foreign, "every table and index has the prefix")

	_, err = db.Exec("INSERT INTO cointill_schema (version) VALUES (9999)")
	require.NoError(t, err)
	require.ErrorIs(t, sqlite.Migrate(t.Context(), db), sqlite.ErrSchemaTooNew)
	_, err = sqlite.New(db)
	require.ErrorIs(t, err, sqlite.ErrSchemaTooNew)
	require.NoError(t, db.QueryRow("SELECT 1 FROM orders").Scan(&foreign), "the connection is usable after a refusal")
}

func TestAFullDiskStoresNothingAndIsAnError(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	db.SetMaxOpenConns(1) // the limit is the connection's
	require.NoError(t, s.Commit(t.Context(), workload.Creation(0)))
	_, err := db.Exec("PRAGMA max_page_count = 60")
	require.NoError(t, err)
	stored := 1
	for err == nil && stored < 1000 {
		if err = s.Commit(t.Context(), workload.Creation(stored)); err == nil {
			stored++
		}
	}
	var native *driver.Error
	require.ErrorAs(t, err, &native)
	require.Equal(t, codes.SQLITE_FULL, native.Code()&0xff)
	_, err = s.Invoice(t.Context(), workload.Creation(stored).Insert[0].ID)
	require.ErrorIs(t, err, invoice.ErrNotFound)
	events, err := s.Events(t.Context(), 0, 1000)
	require.NoError(t, err)
	require.Len(t, events, stored)

	_, err = db.Exec("PRAGMA max_page_count = 10000")
	require.NoError(t, err)
	require.NoError(t, s.Commit(t.Context(), workload.Creation(stored)), "when there is room again")
}

// A table of the shop's own with a constraint that is deferred makes a commit fail whose statements all went well.
func TestABatchWhoseCommitFailsIsNotStoredAndTheNextOneIs(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	db.SetMaxOpenConns(1)
	for _, statement := range []string{
		"CREATE TABLE customers (n INTEGER PRIMARY KEY)",
		"CREATE TABLE sales (customer INTEGER REFERENCES customers (n) DEFERRABLE INITIALLY DEFERRED)",
		"CREATE TRIGGER sale AFTER INSERT ON cointill_events BEGIN INSERT INTO sales SELECT 1 WHERE NEW.project = 'unknown'; END",
		"PRAGMA foreign_keys = ON",
	} {
		_, err := db.Exec(statement)
		require.NoError(t, err)
	}
	b := workload.Creation(1)
	b.Events[0].Project = "unknown"
	err := s.Commit(t.Context(), b)
	var native *driver.Error
	require.ErrorAs(t, err, &native)
	require.Equal(t, codes.SQLITE_CONSTRAINT, native.Code()&0xff)
	_, err = s.Invoice(t.Context(), b.Insert[0].ID)
	require.ErrorIs(t, err, invoice.ErrNotFound)
	require.NoError(t, s.Commit(t.Context(), workload.Creation(1)))
	_, err = s.Invoice(t.Context(), b.Insert[0].ID)
	require.NoError(t, err)
}

func TestAReadOnlyDatabaseStoresNothingAndIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	s, db := openAt(t, path)
	db.SetMaxOpenConns(1)
	_, err := db.Exec("PRAGMA query_only = 1")
	require.NoError(t, err)
	err = s.Commit(t.Context(), workload.Creation(1))
	var native *driver.Error
	require.ErrorAs(t, err, &native)
	require.Equal(t, codes.SQLITE_READONLY, native.Code()&0xff)
	_, err = s.Invoice(t.Context(), workload.Creation(1).Insert[0].ID)
	require.ErrorIs(t, err, invoice.ErrNotFound)
}

// hold takes the write lock as a transaction of the shop would, and returns a function that releases it.
func hold(t *testing.T, db *sql.DB) (release func()) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = conn.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)
	return func() {
		_, err := conn.ExecContext(context.Background(), "COMMIT")
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
}

func TestWaitingBatchesShareATransaction(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	release := hold(t, db)
	const callers = 40
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			if n%8 == 0 { // the refused fail alone
				_, errs[n] = s.Resend(t.Context(), "nobody", "")
				return
			}
			errs[n] = s.Commit(t.Context(), workload.Creation(n))
		})
	}
	for s.Waiting() < callers-1 { // all but those the leader may have picked already
		if s.Picked() > 0 && s.Picked()+s.Waiting() == callers {
			break
		}
		time.Sleep(time.Millisecond)
	}
	release()
	wg.Wait()
	for n, err := range errs {
		if n%8 == 0 {
			require.ErrorIs(t, err, invoice.ErrNotFound)
		} else {
			require.NoError(t, err)
		}
	}
	require.LessOrEqual(t, s.Commits(), int64(2), "one for the first that came, one for all the others")
}

func TestABatchIsWithdrawnWhenItsContextEndsBeforeItsTurn(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	release := hold(t, db)
	first := make(chan error, 1)
	go func() { first <- s.Commit(context.Background(), workload.Creation(1)) }()
	for s.Picked() == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() { second <- s.Commit(ctx, workload.Creation(2)) }()
	for s.Waiting() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	require.ErrorIs(t, <-second, context.Canceled)
	release()
	require.NoError(t, <-first)
	require.NoError(t, s.Commit(t.Context(), workload.Creation(3)), "the queue goes on")
	_, err := s.Invoice(t.Context(), workload.Creation(2).Insert[0].ID)
	require.ErrorIs(t, err, invoice.ErrNotFound)
	require.ErrorIs(t, s.Commit(ctx, workload.Creation(4)), context.Canceled, "a context that has ended already")
}

func TestWithAnErrorOfTheContextNothingIsStored(t *testing.T) {
	s, _ := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	const callers = 400
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if n%2 == 0 {
				go cancel()
			}
			errs[n] = s.Commit(ctx, workload.Creation(n))
		})
	}
	wg.Wait()
	for n, err := range errs {
		_, found := s.Invoice(t.Context(), workload.Creation(n).Insert[0].ID)
		if err == nil {
			require.NoError(t, found)
			continue
		}
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, n%2)
		require.ErrorIs(t, found, invoice.ErrNotFound)
	}
	require.NoError(t, s.Commit(t.Context(), workload.Creation(callers)), "the queue goes on")
}

// The leader's own context must not decide over the batches of others.
func TestABatchThatWasBegunIsFinishedAlthoughItsContextEnds(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	release := hold(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Commit(ctx, workload.Creation(1)) }()
	for s.Picked() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	release()
	require.NoError(t, <-done)
	_, err := s.Invoice(t.Context(), workload.Creation(1).Insert[0].ID)
	require.NoError(t, err)
}

func TestADatabaseWithOneConnectionWorks(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	db.SetMaxOpenConns(1)
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			for k := range 60 { // more than is written before the WAL is written back
				if err := s.Commit(t.Context(), workload.Creation(100*n+k)); err != nil {
					t.Error(err)
				}
			}
			if _, err := s.Invoice(t.Context(), workload.Creation(100 * n).Insert[0].ID); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// A shop may open the database itself, and then transactions need not begin with the write lock.
func TestADatabaseOpenedByTheShop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	_, _ = openAt(t, path)
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(EXTRA)")
	require.NoError(t, err)
	defer db.Close()
	s, err := sqlite.New(db)
	require.NoError(t, err)
	_, err = db.Exec("CREATE TABLE orders (n INTEGER)")
	require.NoError(t, err)
	var wg sync.WaitGroup
	for n := range 40 {
		wg.Go(func() {
			if _, err := db.Exec("INSERT INTO orders VALUES (?)", n); err != nil {
				t.Error(err)
			}
			if _, err := s.ReserveIndexes(t.Context(), "hot", 1); err != nil {
				t.Error(err)
			}
			if err := s.Commit(t.Context(), workload.Creation(n)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestADamagedRowIsNamedAndTheOthersAreReturned(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	for n := range 3 {
		require.NoError(t, s.Commit(t.Context(), workload.Creation(n)))
	}
	id := workload.Creation(1).Insert[0].ID
	_, err := db.Exec("UPDATE cointill_invoices SET doc = substr(doc, 1, 100) WHERE id = ?", id)
	require.NoError(t, err)
	page, err := s.Invoices(t.Context(), invoice.Query{Limit: 3})
	named := func(err error) {
		t.Helper()
		var damaged *invoice.DamagedError
		require.ErrorAs(t, err, &damaged)
		require.Equal(t, []string{id}, damaged.Invoices)
	}
	named(err)
	require.Len(t, page.Invoices, 2)
	found, err := s.InvoicesAt(t.Context(), placesAt(workload.Address(0), workload.Address(1), workload.Address(2)))
	named(err)
	require.Len(t, found, 2)
	_, err = s.Invoice(t.Context(), id)
	named(err)
	_, err = s.Invoice(t.Context(), workload.Creation(2).Insert[0].ID)
	require.NoError(t, err)
}

func placesAt(addresses ...chain.Address) []invoice.Place {
	var out []invoice.Place
	for _, a := range addresses {
		out = append(out, invoice.Place{Address: a})
	}
	return out
}

// Addresses are looked up by 32 bits of their hash, which others share.
func TestAddressesWithTheSameNumberAreDistinguished(t *testing.T) {
	s, _ := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	seen := map[int64]chain.Address{}
	var twins []chain.Address
	for n := 0; twins == nil; n++ {
		a := workload.Address(n)
		if other, taken := seen[sqlite.KeyOf(a)]; taken {
			twins = []chain.Address{other, a}
		}
		seen[sqlite.KeyOf(a)] = a
	}
	for n, address := range twins {
		b := workload.Creation(n)
		b.Insert[0].Quote.Address, b.Claims[0].Address = address, address
		found, err := s.InvoicesAt(t.Context(), placesAt(twins[n:]...))
		require.NoError(t, err)
		require.Empty(t, found, "not yet")
		require.NoError(t, s.Commit(t.Context(), b))
		again := workload.Creation(n + 10)
		again.Claims[0].Address = address
		require.ErrorIs(t, s.Commit(t.Context(), again), invoice.ErrConflict, "the same address")
	}
	for n, address := range twins {
		found, err := s.InvoicesAt(t.Context(), placesAt(address))
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, workload.Creation(n).Insert[0].ID, found[0].ID)
	}
	found, err := s.InvoicesAt(t.Context(), placesAt(twins...))
	require.NoError(t, err)
	require.Len(t, found, 2)
}

// Databases have the numbers of their places.
func TestTheNumberOfAPlaceNeverChanges(t *testing.T) {
	require.Equal(t, int64(530285268), sqlite.KeyOf("0xa"))
	require.Equal(t, int64(859671234), sqlite.KeyOfPlace(invoice.Place{Address: "0xa", Slot: "eip155:1/slip44:60:1"}))
}

// A row that grew would move its neighbours to other pages.
func TestAnInvoiceThatIsPaidKeepsItsPlace(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	b := workload.Creation(1)
	require.NoError(t, s.Commit(t.Context(), b))
	length := func() (n int) {
		require.NoError(t, db.QueryRow("SELECT length(doc) FROM cointill_invoices").Scan(&n))
		return n
	}
	before := length()
	inv := b.Insert[0]
	inv.Version, inv.Seq = 2, 3
	inv.State = invoice.State{
		Status: invoice.StatusCompleted, Outcome: invoice.OutcomeExact | invoice.OutcomeLate, Closed: true, Received: inv.Quote.Due,
		Counted: inv.Quote.Due, Confirmed: inv.Quote.Due, CompletedAt: inv.CreatedAt,
	}
	require.NoError(t, s.Commit(t.Context(), invoice.Batch{Update: []invoice.Invoice{inv}}))
	require.LessOrEqual(t, length(), before)
	read, err := s.Invoice(t.Context(), inv.ID)
	require.NoError(t, err)
	require.Equal(t, inv.State.Status, read.State.Status)
}

// The years that 64 bits of nanoseconds do not hold must not turn into others.
func TestTimesBeyondTheIndexSortAtItsEnds(t *testing.T) {
	s, _ := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	for n, year := range []int{1, 1500, 2031, 2500, 9999} {
		b := workload.Creation(n)
		b.Insert[0].CreatedAt = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		require.NoError(t, s.Commit(t.Context(), b))
	}
	page, err := s.Invoices(t.Context(), invoice.Query{
		CreatedAfter: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), CreatedBefore: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), Limit: 9,
	})
	require.NoError(t, err)
	require.Equal(t, 1, page.Total)
	require.Equal(t, 2031, page.Invoices[0].CreatedAt.Year())
}

func TestWritesKeepTheirConnection(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	require.NoError(t, s.Commit(t.Context(), workload.Creation(0)))
	first := s.Wrote()
	for n := 1; n <= 1100; n++ {
		if n%100 == 0 { // others use the pool, and give their connections back last
			var others []*sql.Conn
			for range 4 {
				conn, err := db.Conn(t.Context())
				require.NoError(t, err)
				others = append(others, conn)
			}
			for _, conn := range others {
				require.NoError(t, conn.Close())
			}
		}
		require.NoError(t, s.Commit(t.Context(), workload.Creation(n)))
		require.Same(t, first, s.Wrote(), "write %d", n)
	}
}

func TestTheWALIsWrittenBackByABoundedPoolWhoseOtherConnectionsAreTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	s, db := openAt(t, path)
	db.SetMaxOpenConns(2)
	taken, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer taken.Close()
	before := size(t, path)
	for n := range 600 {
		require.NoError(t, s.Commit(t.Context(), workload.Creation(n)))
	}
	require.Greater(t, size(t, path), before, "the leader gave its connection back first")
}
