// Package chaintest tests chain adapters, and provides a simulated chain for tests.
//
// [Run] is the conformance suite of [chain.Node]. The author of an adapter provides a [World] to drive, with a real or
// a simulated node, and a failure names the rule that is broken.
//
// [RunWatcher] is the suite for watchers that do not consist of a node and a [chain.Follower].
//
// [Chain] is a chain in memory, which pays, mines, reorganises, stalls and lies on command:
//
//	c := chaintest.NewChain(chaintest.Config{})
//	txid := c.Pay(c.Address("shop"), c.Asset("SIM"), big.NewInt(5))
//	c.Mine(1)
//
// It is also a node, and [Chain.NewPeer] adds others, each with its own faults.
//
// [Ledger] applies steps to blocks as a correct user of a follower has to.
//
// The simulated chain has no consensus, no fees and no balances of payers: everybody can pay.
package chaintest
