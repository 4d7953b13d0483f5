// Package invoicetest is a deterministic simulation of the core. It tests package invoice, and custom stores and dispatchers
// for it, in worlds in which everything goes wrong.
//
//	func TestMyStore(t *testing.T) {
//		invoicetest.Explore(t, invoicetest.Config{
//			Open: func(t *testing.T) invoice.Store { return mystore.New(t) },
//		}, 1, 200)
//	}
//
// From a seed it creates a world and plays it in a bubble of [testing/synctest], in which hours last milliseconds. A world
// may have payers who pay exactly, too little, twice, late, in another asset or on another network, or who replace their
// transactions; chains that fork to any depth; nodes that stall, lag, contradict themselves, lie and die; several processes
// with different clocks that race on one store, with and without leases, which may end before a slow step; stores that fail
// before, after and within a commit, commit a while after they failed, or lose their latest part and continue from a backup;
// callers who go away; processes that die anywhere; endpoints that hang, fail, respond late, receive everything twice, or
// never accept anything; operators; rates that jump or are missing; addresses that are used again or shared, and strangers
// who pay to them; dust; hundreds of payments; transactions that cannot be examined at first; blocks stamped hours ahead,
// and equally wrong clocks.
//
// After every commit and every step it compares the store with the truth, which only the simulation knows. [Rules] lists
// what must hold, each with its reason. The same seed gives the same world to the nanosecond, so a failure is reported as a
// seed and the shortest sequence of steps that shows it.
//
// To this end every call of a process takes a different time, drawn from the seed, and no two things happen at the same
// moment. The simulation therefore finds races between commits, calls and processes, but not data races, which are the task
// of the race detector. It checks whether goroutines pile up, but not memory, and it measures nothing.
//
// It must not run in parallel with other tests of its process, because it counts goroutines.
package invoicetest
