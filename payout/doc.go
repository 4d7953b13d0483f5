// Package payout pays out what came in: withdrawals, payouts to others, refunds and sweeps, with a ledger of double entry.
//
// # The line that every payout takes
//
//	request    amount and greatest fee are reserved in the ledger, in the batch that stores the payout
//	plan       coins or a number of the sender are chosen and locked; the unsigned transaction is stored
//	sign       a signer signs it: a person with a hardware wallet, another process, or a key in this one
//	persist    the signed bytes and their id are stored
//	send       only now a node gets them
//	observe    the chain decides: paid, replaced, failed
//	post       the reservation becomes a payment, or goes back
//
// From the moment a signer may have signed there is no way back to "to be paid". Only a proof on the chain ends a payout:
// a version is final, a transaction that excludes all versions is final, or, where the chain limits the time of
// transactions, that time is over and none is on the chain. No timer, no refusal of a node and no click refunds a payout
// that may still be mined.
//
// All versions of a [Transaction] exclude each other, because all spend its Anchor. The store refuses a version that does
// not. One that is too cheap and cannot have another version may be bumped: see [Bumper].
//
// # Ledger
//
// Every change is an [Entry] whose postings add up to zero. The rules that guard money are in [Batch], and a store holds
// them in its commit: an account that would go below zero refuses the batch, and after every commit the sum of what we
// hold is the sum of what we owe, in each asset.
package payout
