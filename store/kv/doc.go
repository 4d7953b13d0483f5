// Package kv makes a [store.Backend] of any transactional database of keys and values: everything that
// such a database would have to know about invoices is here, and an adapter is the two methods of [DB]
// and the four of [Tx]. The one in examples/customstore, for bbolt, is some fifty lines.
//
// An adapter begins a transaction, hands it on, and ends it:
//
//	func (db database) Update(ctx context.Context, f func(kv.Tx) error) error {
//		return db.Transact(ctx, func(tx *native.Tx) error { return f(transaction{tx}) })
//	}
//
// The author of an adapter implements [DB], and proves it with the suite in kvtest; then, since a [Store] keeps its
// promises only if its DB keeps those of the interfaces here, with the suite for all backends:
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
// A shop then uses it as any other store:
//
//	invoices, err := invoice.New(invoice.Config{Store: kv.New(db), Rates: prices, Chains: chains})
//
// # What it costs
//
// An invoice is one JSON document, with its messages, beside which are keys that lead to it; each of its payments is
// one of its own. Each read and each write grows with what was asked for and with the messages and open payments of the
// invoices in question, not with their settled payments nor with the number of invoices. There are two exceptions. A listing reads all invoices of
// the project, or of all projects if the query names none, for every page; a shop that lists hundreds of
// thousands of invoices is better served by store/sqlite or store/postgres. And a claim passes over the due messages of the endpoints that it leaves out,
// without reading more than their keys.
//
// Events and messages are numbered by a counter under one key, so that commits cannot run beside each
// other. A database that commits many transactions with one sync, as bbolt's Batch does, keeps up with many
// shops.
//
// # What it does not do
//
// It takes no address and no slot of more than 190 bytes. It gives no leases ([invoice.Leaser]): processes that share a database do some of the work twice, never
// wrongly. It does not delete anything. It cannot be opened on data that another kind of store has written,
// and the layout of its keys and values is not part of its API: nobody else should write there.
//
// A document that cannot be read is answered as an [invoice.DamagedError], or [invoice.DamagedEventsError], beside the
// others where many are read. Whatever would change it fails with that error, except that its messages wait until it can be
// read again, while others are told.
package kv
