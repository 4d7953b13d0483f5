package evm

import (
	"errors"
	"math"
	"sync/atomic"

	"github.com/cointill/cointill/chain"
)

const (
	// maxBulkRefusals is how many blocks in a row a node may refuse the request for all receipts of a block, for a
	// reason that may concern one block, before it counts as not offering it.
	maxBulkRefusals = 3
	// bulkRest is for how many blocks such a node is not asked again.
	bulkRest = 1000
)

// bulk remembers whether a node returns all receipts of a block in one call. It is safe for concurrent use.
type bulk struct {
	rest     atomic.Int64 // how many more blocks are read without
	refusals atomic.Int64 // how many in a row were refused
}

// offered reports whether the node is to be asked for the next block.
func (k *bulk) offered() bool {
	switch rest := k.rest.Load(); {
	case rest == math.MaxInt64:
		return false
	case rest > 0:
		k.rest.Add(-1)
		return false
	}
	return true
}

func (k *bulk) answered() { k.refusals.Store(0) }

// refusedFor records why the receipts of a block could not be read at once, and reports whether the node does not
// offer them. A node without the method answers with these codes, and is never asked again. Gateways also call the
// request invalid, and use any code or status: such a refusal holds for bulkRest blocks, in the former case at once.
// An incomplete or too large response counts as one.
func (k *bulk) refusedFor(err error) bool {
	switch {
	case errors.Is(err, chain.ErrIncomplete), errors.Is(err, ErrResponseTooLarge):
		k.answered()
		return false
	case hasCode(err, codeNoMethod, codeUnsupported):
		k.rest.Store(math.MaxInt64)
		return true
	case hasCode(err, codeInvalidRequest, codeInvalidParams), k.refusals.Add(1) >= maxBulkRefusals:
		k.answered()
		k.rest.Store(bulkRest)
		return true
	}
	return false
}
