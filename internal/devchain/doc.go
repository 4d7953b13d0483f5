// Package devchain is an Ethereum chain within this process, for examples and tests: a real go-ethereum node
// without peers that serves JSON-RPC on loopback and makes a block when it is told to.
//
//	c, err := devchain.Start(devchain.Config{DataDir: dir})
//	...
//	defer c.Close()
//	txid, err := c.Pay(ctx, c.Token(), to, units)
//	err = c.Mine(1)
//
// With a data directory the chain survives the process, also when the process is killed at any moment:
// nobody sees a block before it is on disk, and the next Start continues with the same blocks. Transactions
// that are in no block yet are lost then.
//
// The keys that own its money are public, the money is worth nothing, and there is no authentication.
package devchain
