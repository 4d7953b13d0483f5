// Package bitcointest drives real nodes of the Bitcoin family on private chains for tests: btcd ([NewBtcd]) and
// Litecoin Core ([NewLitecoind]). Both are worlds of the conformance suite:
//
//	chaintest.Run(t, bitcointest.NewBtcd)
//
// The programs are named by the environment variables [BtcdEnv] and [LitecoindEnv]. A machine without them skips
// the test, but fails it when the environment variable CI is true.
//
// They differ where adapters break: btcd has no wallet and codes of its own, Litecoin Core has segregated witness in
// every payment, a cookie file, and an extension block with peg-ins and peg-outs.
package bitcointest
