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
// It has no consensus, signatures, fees or balances: everybody can pay, and blocks are solidified by their depth
// alone.
package trontest
