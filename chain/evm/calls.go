package evm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/ethereum/go-ethereum/rpc"
)

// maxBatch is how many calls are made at once at most, which is what most providers allow.
const maxBatch = 100

// growAfter is after how many batches that went well one call more is tried.
const growAfter = 64

// call makes one call, whose errors are fit for logs.
func (n *Node) call(ctx context.Context, result any, method string, args ...any) error {
	if err := n.rpc.CallContext(ctx, result, method, args...); err != nil {
		n.doubt()
		return fmt.Errorf("%s: %w", method, tidy(err))
	}
	return nil
}

// batch makes calls, as many at once as the node takes. Its error is about the node; each element has its own.
//
// Nodes refuse a batch that is too large with any status, code and words. So whatever the refusal, one call is
// made alone: if that goes well, smaller batches are tried, and else nothing more. A node that is
// down or asks for patience is thus bothered twice.
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
		case size == 1 || ctx.Err() != nil, errors.Is(err, ErrAnswerTooLarge): // which says nothing of how many calls it takes
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

// fitted tries larger batches again in the long run: what was refused may have been for another reason.
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

// send makes calls at once, and a single one without a batch, as some nodes know none. An answer that the node
// left out is a refusal of the batch.
func (n *Node) send(ctx context.Context, elems []rpc.BatchElem) error {
	for i := range elems {
		elems[i].Error = nil
		reflect.ValueOf(elems[i].Result).Elem().SetZero() // one answer must not mix with an earlier one
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

// allOf makes calls that must all succeed. Those that failed are made again as long as that helps: a node may
// refuse a part of a batch because of its size.
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
