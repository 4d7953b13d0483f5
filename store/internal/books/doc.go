// Package books keeps the rules of [payout.Store] for all stores: what a batch of payouts changes, and what readers find,
// over keys in order. A store gives it a place for keys and values, and runs it within its own transactions:
//
//	b, err := books.Prepare(batch)  // before anything is read
//	values := ...                   // of b.Keys, in one query
//	writes, err := b.Apply(values)  // pure
//	...                             // in one statement
//
// Applying batches must not run concurrently on one database. Keys are in the order of their bytes, have at most 500 of
// them, and begin with a letter; values are not empty. Their layout is known to this package alone.
package books
