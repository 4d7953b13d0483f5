// Package trontest provides a fake TRON full node for tests: a [Chain] makes blocks, transfers and reorganisations,
// and answers the HTTP API with them. [New] returns it as a world of the conformance suite:
//
//	chaintest.Run(t, trontest.New)
//
// It was written from the documentation of the API of java-tron 4.8 and from published responses, and was not verified
// against a running node. It encodes blocks and transactions as the protocol does, so that their ids and roots are
// real, and it has the peculiarities that clients trip over: zero members are left out, a missing thing is an empty
// object, errors come with status 200, and limits have more than one form ([Habit]).
//
// It has no consensus, and blocks are solidified by their depth alone. What [Chain.Send] takes has no fees and needs no
// balances: everybody can pay. What is broadcast over the API pays for bandwidth and energy, and needs what it spends; but
// nobody has free or staked resources, tokens know only balanceOf and transfer, energy has two values, and signatures are
// only counted. Codes and words of refusals, and the form of getaccount, getchainparameters and broadcasthex, are those of
// the documentation, and were not verified either.
package trontest
