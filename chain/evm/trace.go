package evm

import (
	"context"
	"errors"
	"strconv"

	"github.com/cointill/cointill/chain"
)

// ErrNoTraces is returned when [Config.Traces] is set, but the node has no debug_traceBlockByHash.
var ErrNoTraces = errors.New("node has no call traces")

// tracerOptions are the options of a trace. Nodes stop a trace after five seconds by default.
func tracerOptions(tracer string, config any) map[string]any {
	options := map[string]any{"tracer": tracer, "timeout": "20s"}
	if config != nil {
		options["tracerConfig"] = config
	}
	return options
}

// callTracer selects geth's callTracer, which every client with the debug methods has.
var callTracer = tracerOptions("callTracer", nil)

// topTracer is callTracer for the transaction itself, without the calls within: it only shows that the node can run
// the transaction.
var topTracer = tracerOptions("callTracer", map[string]bool{"onlyTopCall": true})

// slimTracer returns what callTracer does, without what makes it large: inputs and outputs, and calls that move
// nothing. Each call that moves something costs thousands of gas, so that no transaction makes many. It is a program
// for nodes that support geth's JavaScript tracers.
var slimTracer = tracerOptions(`{
	open: [],
	found: [],
	hex: function(n) { return n === undefined || n === null ? "0x0" : "0x" + n.toString(16); },
	fault: function() {},
	enter: function(call) {
		this.open.push({
			type: call.getType(), from: toHex(call.getFrom()), to: toHex(call.getTo()), value: this.hex(call.getValue()), calls: []
		});
	},
	exit: function(end) {
		var call = this.open.pop();
		if (end.getError() !== undefined) { call.error = "failed"; }
		if (call.value === "0x0" && call.calls.length === 0) { return; }
		(this.open.length > 0 ? this.open[this.open.length - 1].calls : this.found).push(call);
	},
	result: function(tx) {
		var top = { type: tx.type, from: toHex(tx.from), value: this.hex(tx.value), calls: this.found };
		if (tx.error !== undefined) { top.error = "failed"; }
		return top;
	}
}`, nil)

// wireTrace is the trace of one transaction of a block.
type wireTrace struct {
	TxHash word       `json:"txHash"`
	Result *wireFrame `json:"result"` // nil when the node could not trace it
	Error  string     `json:"error"`
}

// usable reports whether there is a trace, made by the requested tracer.
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

// moves reports whether the call would transfer native coin if it succeeds. The value of a DELEGATECALL is its
// parent's, and CALLCODE only lends its value to the caller itself.
func (f *wireFrame) moves() bool {
	switch f.Type {
	case "CALL", "CREATE", "CREATE2", "SELFDESTRUCT":
		// A contract that destroys itself in its own favour, or calls itself, pays nobody.
		return f.To != nil && *f.To != f.From && f.Value != nil && *f.Value != (amount{})
	}
	return false
}

// inner is what a transaction did by the calls within it.
type inner struct {
	failed    bool
	transfers []chain.Transfer
}

// readInner reads what contracts of a block passed on, if configured, and stores it in the block.
func (n *Node) readInner(ctx context.Context, b *wireBlock) error {
	if !n.traces || n.assets.Coin == nil || len(b.Txs) == 0 {
		return nil
	}
	t := tracing{n: n, b: b, traces: make(map[word]*wireTrace)}
	if err := t.block(ctx); err != nil {
		return err
	}
	b.inner = make([]inner, len(b.Txs))
	for i := range b.Txs {
		if trace := t.traces[b.Txs[i].Hash]; trace != nil {
			b.inner[i] = n.innerOf(b.Txs[i].Hash, trace.Result)
		}
	}
	return nil
}

// innerOf collects the transfers of the calls within a transaction. The outermost call is the transaction itself,
// whose value is in the block.
func (n *Node) innerOf(tx word, top *wireFrame) inner {
	in := inner{failed: top.failed()}
	seen := make(map[address]int) // how many calls with value to each recipient came before, including failed ones
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
						TxID: tx.String(), Index: "call#" + strconv.Itoa(ordinal) + ":" + string(to), Asset: *n.assets.Coin,
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

// checkInner verifies that receipts and traces agree about which transactions succeeded. A trace that does not is
// ignored.
func (n *Node) checkInner(ctx context.Context, b *wireBlock, receipts []*wireReceipt) {
	for i := range b.inner {
		if r := receipts[i]; b.inner[i].failed && r != nil && r.succeeded() {
			n.setAside(ctx, b, i, errors.New("succeeded according to its receipt, but failed according to its trace"))
		}
	}
}
