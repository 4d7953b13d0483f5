// Package devbtc is a Bitcoin chain of one's own, for examples and tests: a real btcd without peers, which makes a
// block when it is told to, and a wallet that pays.
//
//	path, err := devbtc.Program()
//	...
//	c, err := devbtc.Start(ctx, devbtc.Config{Path: path, Dir: dir})
//	...
//	defer c.Close()
//	txid, err := c.Pay(ctx, to, big.NewInt(25_000))
//	err = c.Mine(ctx, 1)
//
// With a directory the chain survives the process, also when that is killed at any moment, but for a last block that
// was not written yet: to those who saw it, that is a reorganisation. Transactions that are in no block yet are
// lost. btcd ends with the process that is killed on Linux, and elsewhere at the next Start.
//
// The key that owns its money is public, and the money is worth nothing.
package devbtc
