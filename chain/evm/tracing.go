package evm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
)

const (
	// tracesAtOnce is how many transactions' traces are requested in one batch.
	tracesAtOnce = 16
	// maxTrace limits the response with one trace. Usual ones have some kilobytes; an attacker can make them larger
	// than any limit.
	maxTrace = 16 << 20
	// maxHopeless is how many transactions of a block may fail to be traced before one succeeds.
	maxHopeless = 3
	// maxSlimRefusals is the number of consecutive refusals after which a node counts as unable to run tracers of
	// ours.
	maxSlimRefusals = 3
)

// tracing reads the traces of a block. Their size is in the hands of the block's senders: a trace may have any size,
// and none may get in the way of the others.
type tracing struct {
	n      *Node
	b      *wireBlock
	traces map[word]*wireTrace // those that are there, all of them usable

	able     bool  // the node can trace transactions of this block
	hopeless int   // how many failed before it was found able
	whole    error // why the block could not be traced at once
}

// block requests the traces of the whole block, then those of single transactions. A transaction that cannot be traced
// is set aside if it is the cause: if the node traces others of the block.
func (t *tracing) block(ctx context.Context) error {
	if err := t.atOnce(ctx); err != nil {
		return err
	}
	missing := t.missing()
	if len(missing) == 0 {
		return nil
	}
	for len(missing) > 0 {
		some := missing[:min(len(missing), tracesAtOnce)]
		missing = missing[len(some):]
		t.batch(ctx, some)
	}
	failed, err := t.each(ctx)
	if err != nil {
		return err
	}
	if !t.able && len(failed) > 0 {
		return t.refused(t.b.Txs[failed[0].i].Hash, failed[0].err)
	}
	if err := t.n.stillThere(ctx, t.b); err != nil {
		return err
	}
	for _, f := range failed {
		t.n.setAside(ctx, t.b, f.i, f.err)
	}
	return nil
}

// untraced is a transaction, and why it could not be traced.
type untraced struct {
	i   int
	err error
}

// missing returns the transactions without a trace. One that nobody has sent needs none: the nodes of Polygon leave it
// out.
func (t *tracing) missing() []int {
	var missing []int
	for i := range t.b.Txs {
		if tx := &t.b.Txs[i]; t.traces[tx.Hash] == nil && !tx.unsent() {
			missing = append(missing, i)
		}
	}
	return missing
}

func (t *tracing) take(hash word, trace *wireTrace) {
	if trace.usable() {
		t.traces[hash], t.able = trace, true
	}
}

// atOnce requests the whole block, for half of the time that there is. It returns only errors that smaller requests do
// not avoid.
func (t *tracing) atOnce(ctx context.Context) error {
	half, cancel := context.WithCancel(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		half, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
	}
	defer cancel()
	var answer []*wireTrace
	err := t.n.call(half, &answer, "debug_traceBlockByHash", t.b.Hash, callTracer)
	switch {
	case ctx.Err() != nil:
		return err
	case hasCode(err, codeNoMethod, codeUnsupported):
		return fmt.Errorf("%w: %w", ErrNoTraces, err)
	case err != nil:
		t.whole = err
		return nil
	}
	ours := make(map[word]bool, len(t.b.Txs))
	for i := range t.b.Txs {
		ours[t.b.Txs[i].Hash] = true
	}
	for _, trace := range answer {
		if trace != nil && ours[trace.TxHash] && t.traces[trace.TxHash] == nil {
			t.take(trace.TxHash, trace)
		}
	}
	return nil
}

// batch requests the traces of some transactions. A failure concerns none of them in particular.
func (t *tracing) batch(ctx context.Context, some []int) {
	if len(some) < 2 || int(t.n.atOnce.Load()) < len(some) || ctx.Err() != nil {
		return // alone, then
	}
	results := make([]*wireFrame, len(some))
	batch := make([]rpc.BatchElem, len(some))
	for k, i := range some {
		batch[k] = rpc.BatchElem{
			Method: "debug_traceTransaction", Args: []any{t.b.Txs[i].Hash, callTracer}, Result: &results[k],
		}
	}
	if err := t.n.rpc.BatchCallContext(withMaxResponse(ctx, 2*maxTrace), batch); err != nil {
		return
	}
	for k, i := range some {
		if batch[k].Error == nil {
			t.take(t.b.Txs[i].Hash, &wireTrace{TxHash: t.b.Txs[i].Hash, Result: results[k]})
		}
	}
}

// each requests the missing traces one by one, and returns those that the node could not give. When a transaction has
// used up most of the time, the rest is not requested: anybody can fill a block with such transactions.
func (t *tracing) each(ctx context.Context) ([]untraced, error) {
	var failed []untraced
	var stop time.Time
	if deadline, ok := ctx.Deadline(); ok {
		stop = deadline.Add(-time.Until(deadline) / 2)
	}
	for _, i := range t.missing() {
		hash := t.b.Txs[i].Hash
		if len(failed) > 0 && t.able && !stop.IsZero() && time.Now().After(stop) {
			failed = append(failed, untraced{i, errors.New("no time left for its trace after others that cannot be traced")})
			continue
		}
		trace, err := t.n.traceOne(ctx, hash, maxTrace)
		if err == nil {
			t.take(hash, trace)
			continue
		}
		if alive := t.n.answers(ctx, hash); alive != nil {
			return nil, t.refused(hash, errors.Join(err, alive))
		}
		t.able = t.able || t.n.canTrace(ctx, hash)
		if !t.able {
			t.hopeless++
		}
		if t.hopeless >= maxHopeless && !t.able || ctx.Err() != nil {
			return nil, t.refused(hash, err)
		}
		failed = append(failed, untraced{i, err})
	}
	return failed, nil
}

// refused returns the error of a node that does not trace.
func (t *tracing) refused(hash word, err error) error {
	if t.whole != nil {
		return fmt.Errorf("%w; of single transactions: %w", t.whole, err)
	}
	return fmt.Errorf("%w: no trace of transaction %s: %w", chain.ErrIncomplete, hash, err)
}

// traceOne requests the trace of one transaction, and a smaller form of it if that is refused. Such a trace belongs to
// the block that the transaction is in at that moment, so the block must still be in the chain afterwards.
func (n *Node) traceOne(ctx context.Context, hash word, limit int64) (*wireTrace, error) {
	trace := &wireTrace{TxHash: hash}
	err := n.call(withMaxResponse(ctx, limit), &trace.Result, "debug_traceTransaction", hash, callTracer)
	if err == nil && trace.usable() {
		return trace, nil
	}
	if err == nil {
		err = fmt.Errorf("%w: no trace of transaction %s", chain.ErrIncomplete, hash)
	}
	if ctx.Err() != nil || n.slimRefusals.Load() >= maxSlimRefusals {
		return nil, err
	}
	trace.Result = nil
	slim := n.call(withMaxResponse(ctx, limit), &trace.Result, "debug_traceTransaction", hash, slimTracer)
	var fault *codeError
	switch {
	case slim == nil && trace.usable():
		n.slimRefusals.Store(0)
		return trace, nil
	case slim == nil || errors.As(slim, &fault):
		n.slimRefusals.Add(1)
	}
	return nil, err
}

// answers verifies that a node which could not trace a transaction answers other questions about it.
func (n *Node) answers(ctx context.Context, hash word) error {
	var tx *struct {
		Hash word `json:"hash"`
	}
	if err := n.call(ctx, &tx, "eth_getTransactionByHash", hash); err != nil {
		return err
	}
	if tx == nil || tx.Hash != hash {
		return fmt.Errorf("%w: no transaction %s", chain.ErrIncomplete, hash)
	}
	return nil
}

// canTrace reports whether the node can run a transaction again at all.
func (n *Node) canTrace(ctx context.Context, hash word) bool {
	var top *wireFrame
	err := n.call(withMaxResponse(ctx, maxTrace), &top, "debug_traceTransaction", hash, topTracer)
	return err == nil && top != nil && top.Type != ""
}

// stillThere verifies that the block is in the chain.
func (n *Node) stillThere(ctx context.Context, b *wireBlock) error {
	now, err := blockAt[wireHeader](ctx, n, uint64(b.Number), false)
	switch {
	case errors.Is(err, chain.ErrNotFound), errors.Is(err, chain.ErrNoBlock), err == nil && now.Hash != b.Hash:
		return fmt.Errorf("%w: block %s left the chain while it was read", chain.ErrMoved, b.Hash)
	}
	return err
}
