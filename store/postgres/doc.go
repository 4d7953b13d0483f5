// Package postgres keeps everything in a PostgreSQL database, for one process or for many that share it:
//
//	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
//	...
//	defer pool.Close()
//	err = postgres.Migrate(ctx, pool)
//	...
//	backend, err := postgres.New(ctx, pool)
//
// The database may be the shop's own: all tables here begin with "cointill_" and are made in the first
// schema of the search path; nothing else is touched. [Store.WithTx] creates invoices in a transaction
// of the shop's.
//
// Commits that come together from one process share a transaction: one of the callers stores the
// batches of the others with its own. There is no goroutine of the package's own. Of the many commits
// of all processes, those with events wait for each other at their very end, on the row that counts the
// feed's positions: a position is given while its row is locked, and the lock ends with the commit, so
// that a reader never sees a position before a lower one. With a sequence a slow commit would slip behind
// readers. The alternative without a lock, reading only what is older than every open transaction,
// would let any long transaction in the database stop the feed.
//
// What PostgreSQL refuses to serialise, or ends as a deadlock, is done again a few times.
//
// The package sends no DDL but that of [Migrate], and keeps to plain SQL: no triggers, no notifications, no
// functions of its own, and advisory locks only while migrating. It does not delete anything but the mark
// of a dead URL, when a message to it is resent, the note that a number is free, when it is taken, [Replies]
// that have ended, and what listings are found by, when it is written anew; the table of what has changed since then
// it vacuums itself, because that is read as a whole.
package postgres
