// Package invoicetest is the deterministic simulation of the core: it proves package invoice, and the
// store and the dispatcher that somebody wrote for it, in worlds in which everything goes wrong.
//
//	func TestMyStore(t *testing.T) {
//		invoicetest.Explore(t, invoicetest.Config{
//			Open: func(t *testing.T) invoice.Store { return mystore.New(t) },
//		}, 1, 200)
//	}
//
// From one seed it makes a world and plays it in a bubble of [testing/synctest], in which hours last
// milliseconds: payers who pay exactly, short, twice, late, in another asset, on another network, who
// replace what they paid; chains that fork to any depth; nodes that stall, lag, contradict themselves,
// lie and die; several processes with clocks of their own, racing on one store, with and without
// leases, which end before slow steps do; stores that fail before, after and within a commit, do it a while
// after they failed, or lose their end and go on from a backup; callers who go away; processes that die
// anywhere; endpoints that hang, fail, answer late, hear everything twice, or never take anything; operators;
// rates that jump and stay away; addresses that are used again or shared, and strangers who pay there; dust;
// payments by the hundred; transactions that cannot be examined at first; blocks stamped hours ahead, and
// clocks as wrong.
//
// After every commit and every step it holds the store against the truth, which it alone knows. [Rules]
// lists what must hold, each with its reason. A world of the same seed is the same world to the nanosecond,
// so a failure is a seed and the shortest beginning of its story, less what does not matter.
//
// For that, all that a process calls takes a time of its own, drawn from the seed, and no two things
// happen at one moment. So the simulation finds races between commits, calls and processes, but not
// data races: those are for the race detector. It does not look into memory, only at whether goroutines
// pile up, and it does not measure anything.
//
// It must not run in parallel with other tests of its process, since it counts goroutines.
package invoicetest
