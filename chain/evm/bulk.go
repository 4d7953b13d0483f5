package evm

import (
	"errors"
	"math"
	"sync/atomic"

	"github.com/cointill/cointill/chain"
)

const (
	// maxBulkRefusals is how many blocks in a row a node may refuse the receipts of at once, for a reason that may be that
	// of one block, before it is taken not to offer them.
	maxBulkRefusals = 3
	// bulkRest is for how many blocks such a node is not asked again.
	bulkRest = 1000
)

// bulk remembers whether a node offers all receipts of a block in one call. It may be used concurrently.
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

// refusedFor notes why the receipts of a block could not be read at once, and reports whether it is the node that does not
// offer them. A node without the method says so with these codes, and is never asked again. Gateways also call the
// question invalid, and answer with whatever code or status they like: that is believed for bulkRest blocks, the former
// at once. An incomplete or too large answer is one.
func (k *bulk) refusedFor(err error) bool {
	switch {
	case errors.Is(err, chain.ErrIncomplete), errors.Is(err, ErrAnswerTooLarge):
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
