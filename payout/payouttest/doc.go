// Package payouttest is the deterministic simulation of money out: it proves package payout, and the store that somebody
// wrote for it, in worlds in which everything goes wrong.
//
//	func TestMyStore(t *testing.T) {
//		payouttest.Explore(t, payouttest.Config{
//			Open: func(t testing.TB) payouttest.Store { return mystore.New(t) },
//		}, 1, 200)
//	}
//
// From one seed it makes a shop with a chain whose transactions exclude each other by their inputs, by the numbers of
// their sender, or not at all; two processes on one store that end in the middle of what they do, or come between
// each other's steps, with leases that are taken over at any moment; stores that fail before and after they have stored;
// nodes that lag, forget, refuse, and take a transaction although they say that they failed; fees that rise, and blocks that
// take more than was reserved; payees who spend what they got before a block has it, pools that keep the first of two
// transactions, and blocks that take only what pays; reorganisations deeper than what counts as final; signers that are late,
// refuse, or send by themselves, now and then with a fee of their own; transactions that fail in their block, and not in that of
// another branch; and people who approve, cancel, refund, claim and stop at the same time.
//
// After every step it holds the store against the chain, which it alone knows whole. [Rules] lists what must hold, each
// with its reason. At the end nothing fails any more, and everything must come to its end. A world of the same seed is the
// same world, so a failure is a seed and its story.
package payouttest
