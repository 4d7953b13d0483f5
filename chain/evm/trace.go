package evm

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
)

// ErrNoTraces says that [Config.Traces] is set, but that the node has no debug_traceBlockByHash.
var ErrNoTraces = errors.New("node has no call traces")

// callTracer makes geth's callTracer answer, which every client with the debug methods has.
var callTracer = map[string]string{"tracer": "callTracer"}

// wireTrace is how one transaction of a block ran.
type wireTrace struct {
	TxHash word       `json:"txHash"`
	Result *wireFrame `json:"result"` // nil when the node could not trace it
	Error  string     `json:"error"`
}

// usable says whether there is a trace, and one of the tracer that was asked for.
func (t *wireTrace) usable() bool { return t.Result != nil && t.Result.Type != "" }

// wireFrame is one call, with the calls that it made.
type wireFrame struct {
	Type   string      `json:"type"`
	From   address     `json:"from"`
	To     *address    `json:"to"`
	Value  *amount     `json:"value"` // nil where the kind of call has none
	Error  string      `json:"error"`
	Reason string      `json:"revertReason"`
	Calls  []wireFrame `json:"calls"`
}

func (f *wireFrame) failed() bool { return f.Error != "" || f.Reason != "" }

// moves says whether the call would transfer native coin if it succeeds. The value of a DELEGATECALL is its
// parent's, and CALLCODE only lends its value to the caller itself.
func (f *wireFrame) moves() bool {
	switch f.Type {
	case "CALL", "CREATE", "CREATE2", "SELFDESTRUCT":
		// A contract that destroys itself in its own favour, or calls itself, gives nobody anything.
		return f.To != nil && *f.To != f.From && f.Value != nil && *f.Value != (amount{})
	}
	return false
}

// inner is what a transaction did by the calls within it.
type inner struct {
	failed    bool
	transfers []chain.Transfer
}

// readInner reads what contracts of a block passed on, if that is wanted, and keeps it with the block.
func (n *Node) readInner(ctx context.Context, b *wireBlock) error {
	if !n.traces || n.coin == nil || len(b.Txs) == 0 {
		return nil
	}
	traces, err := n.traceBlock(ctx, b)
	if err != nil {
		return err
	}
	b.inner = make([]inner, len(b.Txs))
	for i, t := range traces {
		if t == nil {
			continue
		}
		b.inner[i] = n.innerOf(b.Txs[i].Hash, t.Result)
	}
	return nil
}

// traceBlock answers a trace for each of the block's transactions. A nil one belongs to a transaction that
// nobody has sent.
func (n *Node) traceBlock(ctx context.Context, b *wireBlock) ([]*wireTrace, error) {
	var answer []*wireTrace
	err := n.call(ctx, &answer, "debug_traceBlockByHash", b.Hash, callTracer)
	switch {
	case err == nil:
		return placeTraces(b, answer)
	case hasCode(err, codeNoMethod, codeUnsupported):
		return nil, fmt.Errorf("%w: %w", ErrNoTraces, err)
	case ctx.Err() != nil:
		return nil, err
	}
	// Traces are large, and a node may refuse those of a whole block in any words.
	traces, one := n.traceEach(ctx, b)
	if one != nil {
		return nil, fmt.Errorf("%w; of single transactions: %w", err, one)
	}
	return traces, nil
}

// traceEach asks for the trace of each transaction. Such a trace is of the block that the transaction is in at the
// moment, so the block must still be in the chain afterwards.
func (n *Node) traceEach(ctx context.Context, b *wireBlock) ([]*wireTrace, error) {
	var batch []rpc.BatchElem
	traces := make([]*wireTrace, len(b.Txs))
	for i := range b.Txs {
		if b.Txs[i].unsent() {
			continue
		}
		traces[i] = &wireTrace{TxHash: b.Txs[i].Hash}
		batch = append(batch, rpc.BatchElem{
			Method: "debug_traceTransaction", Args: []any{b.Txs[i].Hash, callTracer}, Result: &traces[i].Result,
		})
	}
	if err := n.allOf(ctx, batch); err != nil {
		return nil, err
	}
	for _, t := range traces {
		if t != nil && !t.usable() {
			return nil, fmt.Errorf("%w: no trace of transaction %s", chain.ErrIncomplete, t.TxHash)
		}
	}
	var now *wireHeader
	if err := n.call(ctx, &now, "eth_getBlockByNumber", hexQuantity(uint64(b.Number)), false); err != nil {
		return nil, err
	}
	if now == nil || now.Hash != b.Hash {
		return nil, fmt.Errorf("%w: block %s has left while it was traced", chain.ErrMoved, b.Hash)
	}
	return traces, nil
}

// placeTraces makes sure that there is a trace for every transaction, in their order.
func placeTraces(b *wireBlock, answer []*wireTrace) ([]*wireTrace, error) {
	traces := make([]*wireTrace, len(b.Txs))
	for i := range b.Txs {
		tx := &b.Txs[i]
		if len(answer) == 0 || answer[0] == nil || answer[0].TxHash != tx.Hash {
			if tx.unsent() {
				continue // the nodes of Polygon leave it out
			}
			return nil, fmt.Errorf("%w: no trace of transaction %s at its place", chain.ErrIncomplete, tx.Hash)
		}
		if !answer[0].usable() {
			return nil, fmt.Errorf("%w: no trace of transaction %s: %.*q", chain.ErrIncomplete, tx.Hash, maxMessage, answer[0].Error)
		}
		traces[i], answer = answer[0], answer[1:]
	}
	if len(answer) > 0 {
		return nil, fmt.Errorf("%w: %d traces of transactions that the block does not have", chain.ErrIncomplete, len(answer))
	}
	return traces, nil
}

// innerOf collects what the calls within a transaction transferred. The outermost call is the transaction
// itself, whose value is in the block.
func (n *Node) innerOf(tx word, top *wireFrame) inner {
	in := inner{failed: top.failed()}
	seen := make(map[address]int) // how many calls with value to each recipient came before, also failed ones
	var walk func(frames []wireFrame, failed bool)
	walk = func(frames []wireFrame, failed bool) {
		for i := range frames {
			f := &frames[i]
			failed := failed || f.failed()
			if f.moves() {
				ordinal := seen[*f.To]
				seen[*f.To]++
				if to := f.To.address(); !failed {
					in.transfers = append(in.transfers, chain.Transfer{
						TxID: tx.String(), Index: "call#" + strconv.Itoa(ordinal) + ":" + string(to), Asset: *n.coin,
						From: f.From.address(), To: to, Units: f.Value.units(),
					})
				}
			}
			walk(f.Calls, failed)
		}
	}
	walk(top.Calls, in.failed)
	return in
}

// checkInner makes sure that receipts and traces do not contradict each other about what succeeded.
func checkInner(b *wireBlock, receipts []*wireReceipt) error {
	for i := range b.inner {
		if r := receipts[i]; b.inner[i].failed && r != nil && r.succeeded() {
			return fmt.Errorf("%w: transaction %s succeeded by its receipt, but failed by its trace", chain.ErrIncomplete, r.TxHash)
		}
	}
	return nil
}
