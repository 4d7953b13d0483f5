// Package sqlite implements [store.Backend] in an SQLite file. It is the embedded default, for one process:
//
//	db, err := sqlite.Open("shop.db")
//	...
//	defer db.Close()
//	err = sqlite.Migrate(ctx, db)
//	...
//	backend, err := sqlite.New(db)
//
// The file may be the shop's own: the names of all tables begin with "cointill_", and nothing else is touched. The driver
// is modernc.org/sqlite, which needs no C compiler. [New] accepts a database that was opened with that driver in WAL mode,
// with synchronous FULL and a busy timeout, as [Open] does.
//
// Concurrent writes are committed in groups, with one transaction and one wait for the disk. The package starts no
// goroutine for that; one of the callers commits for the others. Reads run concurrently with writes.
//
// Several processes may safely use one file, but they wait for each other's transactions; use a database server for
// several machines. [New] refuses an in-memory database, because it is not durable: use [store.Memory] instead.
package sqlite
