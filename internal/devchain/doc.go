// Package devchain runs an Ethereum chain in this process, for examples and tests: a real go-ethereum node without peers
// that serves JSON-RPC on loopback and mines a block on request.
//
//	c, err := devchain.Start(devchain.Config{DataDir: dir})
//	...
//	defer c.Close()
//	txid, err := c.Pay(ctx, c.Token(), to, units)
//	err = c.Mine(1)
//
// With a data directory the chain survives the process, even if it is killed at any moment: nobody sees a block before it is
// on disk, and the next Start continues with the same blocks. Transactions that are in no block are lost.
//
// The keys that own the money are public, the money has no value, and there is no authentication.
package devchain
