// Package chaintest proves chain adapters, and is a chain for tests.
//
// [Run] is the conformance suite of [chain.Node]: whoever writes an adapter gives it a [World] to
// drive, a real node or a simulated one, and learns which rule is broken.
//
// [RunWatcher] is that of watchers that do without a node and a [chain.Follower].
//
// [Chain] is a whole chain in memory, which pays, mines, reorganises, stalls and lies on command:
//
//	c := chaintest.NewChain(chaintest.Config{})
//	txid := c.Pay(c.Address("shop"), c.Asset("SIM"), big.NewInt(5))
//	c.Mine(1)
//
// It is one node too, and [Chain.NewPeer] makes others beside it, each with faults of its own.
//
// [Ledger] applies steps to blocks as a correct user of a follower has to.
//
// The simulated chain has no consensus, no fees and no balances of payers: everybody can pay.
package chaintest
