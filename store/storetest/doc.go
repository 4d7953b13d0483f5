// Package storetest proves that a database adapter keeps the promises of [store.Backend]. The author of an adapter calls
// it once, from a test of the adapter:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) store.Backend {
//			return open(t, t.TempDir()) // a new, empty backend
//		}, storetest.WithReopen(func(t *testing.T, old store.Backend) store.Backend {
//			return openAgain(t, old) // the same data, as after a restart
//		}))
//	}
//
// An adapter that works within transactions of its host, as store/sqlite does with WithTx, proves that with [RunTx].
//
// Each case opens a backend of its own, and logs its rule when it fails. A case that hangs fails too; see [WithPatience].
// Run the suite with -race: some cases call the backend from many goroutines.
//
// The suite cannot prove what a power failure leaves behind. It does not measure speed; [Fill] and [Listings] measure the
// pages of long listings.
package storetest
