// Package bitcointest drives real nodes of the Bitcoin family on private chains for tests: btcd ([NewBtcd]) and
// Litecoin Core ([NewLitecoind]). Both are worlds of the conformance suite:
//
//	chaintest.Run(t, bitcointest.NewBtcd)
//
// The environment variables [BtcdEnv] and [LitecoindEnv] name the programs. On a machine without them the test is
// skipped, but fails if the environment variable CI is true.
//
// Both have the methods Client and Params, for other calls to the node.
//
// They differ where adapters break: btcd has no wallet and codes of its own, Litecoin Core has segregated witness in
// every payment, a cookie file, and an extension block with peg-ins and peg-outs.
package bitcointest
