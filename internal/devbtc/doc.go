// Package devbtc runs a private Bitcoin chain for examples and tests: a real btcd without peers, which mines a block on
// request, and a wallet that pays.
//
//	path, err := devbtc.Program()
//	...
//	c, err := devbtc.Start(ctx, devbtc.Config{Path: path, Dir: dir})
//	...
//	defer c.Close()
//	txid, err := c.Pay(ctx, to, big.NewInt(25_000))
//	err = c.Mine(ctx, 1)
//
// With a directory the chain survives the process, even if it is killed at any moment, except for a last block that was not
// written yet: for a client that saw it, this is a reorganisation. Transactions that are in no block are lost. If the
// process is killed, btcd ends with it on Linux, and elsewhere at the next Start.
//
// The key that owns the money is public, and the money has no value.
package devbtc
