// Package kv makes a [store.Backend] of any transactional database of keys and values. Everything that such a database
// would have to know about invoices is here; an adapter is the two methods of [DB] and the four of [Tx]. The adapter for
// bbolt in examples/customstore has about fifty lines.
//
// An adapter begins a transaction, passes it on, and ends it:
//
//	func (db database) Update(ctx context.Context, f func(kv.Tx) error) error {
//		return db.Transact(ctx, func(tx *native.Tx) error { return f(transaction{tx}) })
//	}
//
// The suite in kvtest proves an implementation of [DB]. A [Store] keeps its promises only if its DB does, so run the suite
// for all backends as well:
//
//	func TestDatabase(t *testing.T) {
//		kvtest.Run(t, func(t *testing.T) kv.DB {
//			return open(t, t.TempDir()) // a new, empty database
//		})
//	}
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Backend {
//			return kv.New(open(t, t.TempDir()))
//		}, storetest.WithReopen(func(t *testing.T, _ store.Backend) store.Backend {
//			return kv.New(openAgain(t)) // the same data, as after a restart
//		}))
//	}
//
// Use it like any other store:
//
//	invoices, err := invoice.New(invoice.Config{Store: kv.New(db), Rates: prices, Chains: chains})
//
// # What it costs
//
// An invoice is a JSON document, with keys that lead to it; each payment and each message is a document of its own, and what an
// event tells several receivers in one format is kept once.
// The cost of a read or a write grows with what it asks for, and with the open payments of the invoices in
// question, but neither with their settled payments and messages nor with the number of invoices. There are three exceptions. For every
// page, a listing reads all invoices of the project, or of all projects if the query names none; use store/sqlite or
// store/postgres for a shop that lists hundreds of thousands of invoices. A claim passes over the due messages of the
// endpoints that it leaves out, but reads only their keys. A listing of payouts with the oldest first reads the keys of all
// newer ones that its index has.
//
// A counter under one key numbers events and messages, so commits cannot run concurrently. A database that commits many
// transactions with one sync, as bbolt's Batch does, is fast enough for many shops.
//
// # What it does not do
//
// It accepts no address and no slot of more than 190 bytes. It provides no leases ([invoice.Leaser]): processes that
// share a database do some of the work twice, but never wrongly. It deletes nothing. It cannot be opened on data that
// another kind of store has written. The layout of its keys and values is not part of its API: no other program should
// write there.
//
// A document that cannot be read is reported as an [invoice.DamagedError] or an [invoice.DamagedEventsError]; methods
// that read many return the others with it. A write that would change such a document fails with that error. A message that
// cannot be read waits until it can be, while others are sent.
package kv
