// Package sqlite keeps everything in an SQLite file: the embedded default, for one process.
//
//	db, err := sqlite.Open("shop.db")
//	...
//	defer db.Close()
//	err = sqlite.Migrate(ctx, db)
//	...
//	backend, err := sqlite.New(db)
//
// The file may be the shop's own: all tables here begin with "cointill_", and nothing else is touched.
// The driver is modernc.org/sqlite, which needs no C compiler; [New] accepts a database that was opened
// with that driver in WAL mode, with synchronous FULL and a busy timeout, as [Open] does.
//
// Calls that write wait for each other and are committed in groups: one transaction, and one wait for
// the disk, for everybody who came meanwhile. No goroutine of its own does that; one of the callers
// does it for the others. Reads run beside it.
//
// Several processes on one file are safe, but they wait for each other's transactions; shops with
// several machines want a database server. An in-memory database is refused, because it keeps no
// promise: use [store.Memory].
package sqlite
