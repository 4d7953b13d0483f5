package evm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/ethereum/go-ethereum/rpc"
)

// maxBatch is the largest number of calls in one batch, which most providers allow.
const maxBatch = 100

// growAfter is the number of successful batches after which a larger one is tried.
const growAfter = 64

// call makes one call, whose errors are fit for logs.
func (n *Node) call(ctx context.Context, result any, method string, args ...any) error {
	if err := n.rpc.CallContext(ctx, result, method, args...); err != nil {
		n.doubt()
		return fmt.Errorf("%s: %w", method, tidy(err))
	}
	return nil
}

// batch makes calls, in batches as large as the node accepts. Its error is about the node; each element has its own.
//
// Nodes refuse a batch that is too large with any status, code and text. So after any refusal, one call is made alone.
// If it succeeds, smaller batches are tried, otherwise nothing more. A node that is down or asks for patience thus
// gets two requests.
func (n *Node) batch(ctx context.Context, elems []rpc.BatchElem) error {
	for answers := false; len(elems) > 0; {
		limit := int(n.atOnce.Load())
		size := min(len(elems), limit)
		err := n.send(ctx, elems[:size])
		switch {
		case err == nil:
			answers = true
			if size == limit {
				n.fitted()
			}
			elems = elems[size:]
			continue
		case size == 1 || ctx.Err() != nil, errors.Is(err, ErrResponseTooLarge): // which does not depend on the number of calls
			return n.refused(len(elems), err)
		case !answers:
			if alone := n.send(ctx, elems[:1]); alone != nil || elems[0].Error != nil {
				return n.refused(len(elems), err)
			}
			answers = true
			elems = elems[1:]
		}
		n.atOnce.Store(int64(max(size/2, 1)))
		n.fitting.Store(0)
	}
	return nil
}

// fitted tries larger batches again in the long run: a refusal may have had another reason.
func (n *Node) fitted() {
	if n.fitting.Add(1) >= growAfter {
		n.fitting.Store(0)
		n.atOnce.Store(min(n.atOnce.Load()+1, maxBatch))
	}
}

func (n *Node) refused(calls int, err error) error {
	n.doubt()
	return fmt.Errorf("batch of %d calls: %w", calls, tidy(err))
}

// send makes calls in one batch, and a single one without a batch, as some nodes support none. A response without an
// answer to each call is a refusal of the batch.
func (n *Node) send(ctx context.Context, elems []rpc.BatchElem) error {
	for i := range elems {
		elems[i].Error = nil
		reflect.ValueOf(elems[i].Result).Elem().SetZero() // an answer must not mix with an earlier one
	}
	if len(elems) == 1 {
		return n.sendOne(ctx, &elems[0])
	}
	if err := n.rpc.BatchCallContext(ctx, elems); err != nil {
		return err
	}
	for i := range elems {
		if errors.Is(elems[i].Error, rpc.ErrMissingBatchResponse) {
			return elems[i].Error
		}
	}
	return nil
}

func (n *Node) sendOne(ctx context.Context, e *rpc.BatchElem) error {
	var raw json.RawMessage
	err := n.rpc.CallContext(ctx, &raw, e.Method, e.Args...)
	var fault rpc.Error
	switch {
	case err == nil:
		e.Error = json.Unmarshal(raw, e.Result)
	case errors.As(err, &fault):
		e.Error = err
	default:
		return err
	}
	return nil
}

// allOf makes calls that must all succeed. Those that failed are repeated as long as that helps: a node may refuse a
// part of a batch because of its size.
func (n *Node) allOf(ctx context.Context, elems []rpc.BatchElem) error {
	for len(elems) > 0 {
		if err := n.batch(ctx, elems); err != nil {
			return err
		}
		var failed []rpc.BatchElem
		for _, e := range elems {
			if e.Error != nil {
				failed = append(failed, e)
			}
		}
		if len(failed) == len(elems) {
			n.doubt()
			return fmt.Errorf("%s: %w", failed[0].Method, tidy(failed[0].Error))
		}
		elems = failed
	}
	return nil
}
