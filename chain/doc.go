// Package chain is the vocabulary of blockchains for the rest of the library: [Network], [Asset],
// [Address], [Transfer] and [Block], and the one logic that follows a chain, [Follower].
//
// An adapter (such as chain/evm) implements [Node]: what is the tip, what is in the block at a
// height. A Follower makes of it a watcher with a cursor, catch-up, reorganisations and back-off, so
// that these exist once for all chains. Whoever uses a Follower stores the cursor of a [Step] together
// with what the step changed:
//
//	cursor := chain.CursorSince(start)
//	for ctx.Err() == nil {
//		step, err := follower.Next(ctx, cursor) // rests as long as it must
//		if err != nil {
//			continue // nothing has changed; follower.Lag says why
//		}
//		commit(step) // its effects and step.Cursor, in one transaction
//		cursor = step.Cursor
//	}
//
// [Nodes] makes one Node of several of the same network, for fail-over and for agreement: with Agree 2 of 3,
// no single node can bring in a block or a transfer that there is not, however it lies.
//
// An adapter proves itself with the suite in chain/chaintest.
//
// The package knows nothing of invoices, of databases or of any particular chain.
package chain
