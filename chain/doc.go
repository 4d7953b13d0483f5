// Package chain defines the vocabulary of blockchains for the rest of the library, [Network], [Asset], [Address],
// [Transfer] and [Block], and follows a chain with [Follower].
//
// An adapter such as chain/evm implements [Node]: it returns the tip and the block at a height. A Follower turns a
// Node into a watcher with a cursor, catch-up, reorganisations and back-off, so that these are implemented once for
// all chains. The caller stores the cursor of a [Step] together with what the step changed:
//
//	cursor := chain.CursorSince(start)
//	for ctx.Err() == nil {
//		step, err := follower.Next(ctx, cursor) // paces itself
//		if err != nil {
//			continue // nothing has changed; follower.Lag has the reason
//		}
//		commit(step) // its effects and step.Cursor, in one transaction
//		cursor = step.Cursor
//	}
//
// [Nodes] combines several nodes of one network into one Node, for fail-over and for agreement: with Agree 2 of 3, no
// single node can make the program believe in a block or a transfer that does not exist.
//
// The suite in chain/chaintest tests adapters.
//
// The package does not depend on invoices, databases or any particular chain.
package chain
