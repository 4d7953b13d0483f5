// Package postgres implements [store.Backend] in a PostgreSQL database, for one process or for many that share it:
//
//	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
//	...
//	defer pool.Close()
//	err = postgres.Migrate(ctx, pool)
//	...
//	backend, err := postgres.New(ctx, pool)
//
// The database may be the shop's own: the names of all tables begin with "cointill_", they are created in the first schema
// of the search path, and nothing else is touched. [Store.WithTx] creates invoices within a transaction of the shop.
//
// Concurrent commits of one process share a transaction: one of the callers stores the batches of the others with its own.
// The package starts no goroutine for that. At their very end, commits with events of all processes wait for each other on
// the row that counts the positions of the feed: a position is assigned while that row is locked, and the lock ends with
// the commit, so a reader never sees a position before a lower one. With a sequence, a slow commit could appear behind
// readers. The alternative without a lock, to read only what is older than every open transaction, would let any long
// transaction in the database stop the feed.
//
// Commits of payouts of all processes wait for each other on a row, because the rules of the ledger need all that was
// committed before; those of one process share a transaction.
//
// What PostgreSQL refuses to serialize, or ends as a deadlock, is tried again a few times, reads included. In a transaction
// of the shop's the shop has to do that.
//
// The package sends no DDL except in [Migrate], and uses plain SQL: no triggers, no notifications, no functions of its own,
// no advisory locks, nothing that lasts in a session but prepared statements, and no order that the numbers of sequences would
// have to have. A pool with default_query_exec_mode=cache_describe in its connection string prepares nothing either, as
// poolers in transaction mode need it. It deletes only the mark of a dead URL when a message to it is resent, the
// note that a number is free when it is taken, [Replies] that have ended, and the parts of listings when they are written
// again, and what leads to a payout that has moved on. It vacuums the table of what has changed since then by itself, because that table is read as a whole.
package postgres
