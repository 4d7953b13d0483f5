package evm_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

const (
	network = chain.Network("eip155:1")

	usdtContract = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
	usdcContract = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"

	transferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"

	payer = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
	shop  = "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0"
	shop2 = "0xb6716976A3ebe8D39aCEB04372f22Ff8e6802D7A"
	other = "0x399Db6Ed32539fbDF44c3e7678b5b428e378F666"
)

var (
	ether = evm.Native(network, "ETH")
	usdt  = mustERC20(usdtContract, "USDT", 6)
	usdc  = mustERC20(usdcContract, "USDC", 6)
)

func mustERC20(contract, code string, decimals int) chain.Asset {
	a, err := evm.ERC20(network, contract, code, decimals)
	if err != nil {
		panic(err)
	}
	return a
}

// object is a JSON object of an answer.
type object = map[string]any

// fakeTx is a transaction of the scripted node, and its receipt.
type fakeTx struct {
	hash, from, to string // to is empty when the transaction makes a contract
	value          string
	input          string
	status         any // nil leaves it out
	logs           []object
	kind           string   // type, if not left out
	calls          []object // what it called, for a trace
	failure        string   // the trace's error

	untraceable *rpcFault               // why callTracer does not show it
	slim        func() (any, *rpcFault) // the result of a tracer that is a program, if the node runs such
}

// log adds a log to the transaction's receipt.
func (x *fakeTx) log(contract, data string, topics ...string) *fakeTx {
	x.logs = append(x.logs, object{"address": contract, "topics": topics, "data": data, "removed": false})
	return x
}

// transfer adds the log of an ERC-20 transfer.
func (x *fakeTx) transfer(contract, to string, units int64) *fakeTx {
	return x.log(contract, fmt.Sprintf("0x%064x", units), transferTopic, topic(payer), topic(to))
}

// topic is an address as the ABI encodes it.
func topic(address string) string {
	return "0x" + strings.Repeat("0", 24) + strings.ToLower(address[2:])
}

// fakeBlock is block 100 of the scripted node.
type fakeBlock struct {
	mu      sync.Mutex // several calls may be under way
	txs     []*fakeTx
	strange bool // logs stay as they were made
}

const blockHash = "0x00000000000000000000000000000000000000000000000000000000000b10c5"

func (b *fakeBlock) tx(to string, value int64) *fakeTx {
	x := &fakeTx{
		hash: crypto.Keccak256Hash(fmt.Append(nil, len(b.txs))).Hex(), from: payer, to: to,
		value: fmt.Sprintf("%#x", value), input: "0x", status: "0x1",
	}
	b.txs = append(b.txs, x)
	return x
}

// header is the block without its transactions, with the filter computed by go-ethereum.
func (b *fakeBlock) header() object {
	var bloom types.Bloom
	for _, x := range b.txs {
		for _, l := range x.logs {
			bloom.Add(common.HexToAddress(l["address"].(string)).Bytes())
			for _, t := range l["topics"].([]string) {
				bloom.Add(common.HexToHash(t).Bytes())
			}
		}
	}
	return object{
		"number": "0x64", "hash": blockHash, "parentHash": "0x" + strings.Repeat("1", 64), "timestamp": "0x65000000",
		"gasUsed": fmt.Sprintf("%#x", 21000*len(b.txs)), "logsBloom": bloom, "transactions": []any{},
	}
}

func (b *fakeBlock) full() object {
	h := b.header()
	var txs []any
	for _, x := range b.txs {
		tx := object{"hash": x.hash, "from": strings.ToLower(x.from), "to": nil, "value": x.value, "input": x.input}
		if x.kind != "" {
			tx["type"] = x.kind
		}
		if x.to != "" {
			tx["to"] = strings.ToLower(x.to)
		}
		txs = append(txs, tx)
	}
	h["transactions"] = txs
	return h
}

// trace is how callTracer shows the transaction.
func (x *fakeTx) trace() object {
	top := object{"type": "CALL", "from": x.from, "to": x.to, "value": x.value, "gas": "0x5208", "gasUsed": "0x5208", "input": x.input}
	if x.calls != nil {
		top["calls"] = x.calls
	}
	if x.failure != "" {
		top["error"] = x.failure
	}
	return top
}

func (b *fakeBlock) traces() []object {
	all := []object{}
	for _, x := range b.txs {
		all = append(all, object{"txHash": x.hash, "result": x.trace()})
	}
	return all
}

// call is a frame of a trace.
func call(kind, to string, value int64, calls ...object) object {
	o := object{"type": kind, "from": other, "to": to, "value": fmt.Sprintf("%#x", value), "gas": "0x1", "gasUsed": "0x1", "input": "0x"}
	if len(calls) > 0 {
		o["calls"] = calls
	}
	return o
}

// failing makes a frame one that failed.
func failing(frame object, why string) object {
	frame["error"] = why
	return frame
}

// receipts returns the receipts. Their logs are those of the block, which a test may change before it asks the node.
func (b *fakeBlock) receipts() []object {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []object
	index := 0
	for _, x := range b.txs {
		r := object{"transactionHash": x.hash, "blockHash": blockHash, "logs": []object{}}
		if x.status != nil {
			r["status"] = x.status
		}
		var logs []object
		for i, l := range x.logs {
			if b.strange {
				index++
				logs = append(logs, l)
				continue
			}
			l = maps.Clone(l) // the response before may be being written yet
			x.logs[i] = l
			l["transactionHash"], l["blockHash"], l["logIndex"] = x.hash, blockHash, fmt.Sprintf("%#x", index)
			logs = append(logs, l)
			index++
		}
		if logs != nil {
			r["logs"] = logs
		}
		all = append(all, r)
	}
	return all
}

// rpcFault is a JSON-RPC error object.
type rpcFault struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

var noMethod = &rpcFault{-32601, "the method does not exist/is not available"}

// fakeNode is a scripted JSON-RPC server that serves one block, honestly unless a method is overridden.
type fakeNode struct {
	fakeBlock
	override map[string]func(params []json.RawMessage) (any, *rpcFault)
	handler  http.HandlerFunc // replaces JSON-RPC altogether
	traced   bool             // the adapter looks into calls

	// refuseBatch may answer a batch of so many calls instead.
	refuseBatch func(w http.ResponseWriter, size int) bool

	// refuseCall may answer a single call of a method instead.
	refuseCall func(w http.ResponseWriter, method string) bool

	mu    sync.Mutex
	calls map[string]int
	batch int // the largest batch

	requests int // how many HTTP requests came
}

func newFake() *fakeNode {
	return &fakeNode{override: make(map[string]func([]json.RawMessage) (any, *rpcFault)), calls: make(map[string]int)}
}

// say makes a method answer always the same.
func (f *fakeNode) say(method string, result any) {
	f.override[method] = func([]json.RawMessage) (any, *rpcFault) { return result, nil }
}

// sayEach makes the single call answer what is in a list of receipts, the last one of a transaction.
func (f *fakeNode) sayEach(t *testing.T, list any) {
	t.Helper()
	raw, err := json.Marshal(list)
	require.NoError(t, err)
	var receipts []object
	require.NoError(t, json.Unmarshal(raw, &receipts))
	f.override["eth_getTransactionReceipt"] = func(p []json.RawMessage) (any, *rpcFault) {
		for _, r := range slices.Backward(receipts) {
			if r != nil && string(p[0]) == strconv.Quote(r["transactionHash"].(string)) {
				return r, nil
			}
		}
		return nil, nil
	}
}

// fail makes a method answer an error object.
func (f *fakeNode) fail(method string, fault *rpcFault) {
	f.override[method] = func([]json.RawMessage) (any, *rpcFault) { return nil, fault }
}

func (f *fakeNode) answer(method string, params []json.RawMessage) (any, *rpcFault) {
	f.mu.Lock()
	f.calls[method]++
	f.mu.Unlock()
	if o, ok := f.override[method]; ok {
		return o(params)
	}
	switch method {
	case "eth_chainId":
		return "0x1", nil
	case "eth_call":
		return fmt.Sprintf("0x%064x", 6), nil
	case "eth_getBlockByNumber":
		switch string(params[0]) {
		case `"latest"`, `"0x64"`:
			if string(params[1]) == "true" {
				return f.full(), nil
			}
			return f.header(), nil
		}
		return nil, nil
	case "eth_getBlockReceipts":
		return f.receipts(), nil
	case "eth_getTransactionReceipt":
		for _, r := range f.receipts() {
			if string(params[0]) == `"`+r["transactionHash"].(string)+`"` {
				return r, nil
			}
		}
		return nil, nil
	case "eth_getTransactionByHash":
		for _, x := range f.full()["transactions"].([]any) {
			if string(params[0]) == `"`+x.(object)["hash"].(string)+`"` {
				return x, nil
			}
		}
		return nil, nil
	case "eth_getLogs":
		return f.tokenLogs(params[0]), nil
	case "debug_traceBlockByHash":
		return f.traces(), nil
	case "debug_traceTransaction":
		for _, x := range f.txs {
			if string(params[0]) == `"`+x.hash+`"` {
				return x.traceBy(string(params[1]))
			}
		}
	}
	return nil, noMethod
}

// traceBy returns the result of the requested tracer.
func (x *fakeTx) traceBy(tracer string) (any, *rpcFault) {
	answer := x.trace()
	switch {
	case strings.Contains(tracer, "onlyTopCall"):
		delete(answer, "calls")
	case strings.Contains(tracer, "enter:"):
		if x.slim == nil {
			return nil, &rpcFault{-32000, "tracer not found"}
		}
		return x.slim()
	case x.untraceable != nil:
		return nil, x.untraceable
	}
	return answer, nil
}

// tokenLogs returns the result of eth_getLogs for a filter by address and first topic.
func (f *fakeNode) tokenLogs(raw json.RawMessage) []object {
	var filter struct {
		BlockHash string     `json:"blockHash"`
		Address   []string   `json:"address"`
		Topics    [][]string `json:"topics"`
	}
	if err := json.Unmarshal(raw, &filter); err != nil || filter.BlockHash != blockHash {
		return nil
	}
	found := []object{}
	for _, r := range f.receipts() {
		for _, l := range r["logs"].([]object) {
			for _, a := range filter.Address {
				if topics := l["topics"].([]string); strings.EqualFold(a, l["address"].(string)) && len(topics) > 0 &&
					topics[0] == filter.Topics[0][0] {
					found = append(found, l)
				}
			}
		}
	}
	return found
}

func (f *fakeNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.handler != nil {
		f.handler(w, r)
		return
	}
	type request struct {
		ID     json.RawMessage   `json:"id"`
		Method string            `json:"method"`
		Params []json.RawMessage `json:"params"`
	}
	reply := func(q request) object {
		result, fault := f.answer(q.Method, q.Params)
		if fault != nil {
			return object{"jsonrpc": "2.0", "id": q.ID, "error": fault}
		}
		return object{"jsonrpc": "2.0", "id": q.ID, "result": result}
	}
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	var many []request
	if json.Unmarshal(body, &many) == nil {
		f.mu.Lock()
		f.batch = max(f.batch, len(many))
		f.requests++
		f.mu.Unlock()
		if f.refuseBatch != nil && f.refuseBatch(w, len(many)) {
			return
		}
		var replies []object
		for _, q := range many {
			replies = append(replies, reply(q))
		}
		_ = json.NewEncoder(w).Encode(replies)
		return
	}
	var one request
	if err := json.Unmarshal(body, &one); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.requests++
	f.mu.Unlock()
	if f.refuseCall != nil && f.refuseCall(w, one.Method) {
		f.mu.Lock()
		f.calls[one.Method]++
		f.mu.Unlock()
		return
	}
	_ = json.NewEncoder(w).Encode(reply(one))
}

// replaceBlock makes the block leave the chain as soon as it has been read whole.
func (f *fakeNode) replaceBlock() {
	f.override["eth_getBlockByNumber"] = func(p []json.RawMessage) (any, *rpcFault) {
		if string(p[1]) == "true" {
			return f.full(), nil
		}
		h := f.header()
		h["hash"] = "0x" + strings.Repeat("4", 64)
		return h, nil
	}
}

// node starts the server and returns an adapter on it that watches the assets.
func (f *fakeNode) node(t *testing.T, assets ...chain.Asset) *evm.Node {
	t.Helper()
	if len(assets) == 0 {
		assets = []chain.Asset{ether, usdt, usdc}
	}
	return f.nodeOn(t, network, assets...)
}

func (f *fakeNode) nodeOn(t *testing.T, network chain.Network, assets ...chain.Asset) *evm.Node {
	t.Helper()
	return f.nodeBy(t, func(c *evm.Config) { c.Network, c.Assets = network, assets })
}

func (f *fakeNode) nodeBy(t *testing.T, change func(c *evm.Config)) *evm.Node {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	client, err := evm.Dial(t.Context(), server.URL, server.Client())
	require.NoError(t, err)
	t.Cleanup(client.Close)
	c := evm.Config{Network: network, RPC: client, Assets: []chain.Asset{ether, usdt, usdc}, Traces: f.traced}
	change(&c)
	n, err := evm.New(c)
	require.NoError(t, err)
	return n
}

// paid is what matters of a transfer to a test.
type paid struct {
	Index string
	Asset string
	To    string
	Units int64
}

func paidOf(b chain.Block) []paid {
	codes := map[chain.AssetID]string{ether.ID: "ETH", usdt.ID: "USDT", usdc.ID: "USDC"}
	var all []paid
	for _, x := range b.Transfers {
		all = append(all, paid{x.Index, codes[x.Asset], string(x.To), x.Units.Int64()})
	}
	return all
}

// bothWays runs a test against a node that has eth_getBlockReceipts and one that has not.
func bothWays(t *testing.T, test func(t *testing.T, f *fakeNode)) {
	t.Run("block receipts", func(t *testing.T) { test(t, newFake()) })
	t.Run("logs and single receipts", func(t *testing.T) {
		f := newFake()
		f.fail("eth_getBlockReceipts", noMethod)
		test(t, f)
	})
}

// sees checks what the adapter makes of the block.
func sees(t *testing.T, f *fakeNode, want ...paid) {
	t.Helper()
	b, err := f.node(t).Block(t.Context(), 100)
	require.NoError(t, err)
	for i, p := range want {
		if strings.Contains(p.Index, "#") && !strings.Contains(p.Index, ":") {
			want[i].Index += ":" + p.To
		}
	}
	require.Equal(t, want, paidOf(b))
	for _, x := range b.Transfers {
		require.Positive(t, x.Units.Cmp(big.NewInt(0)))
		require.Equal(t, strings.ToLower(x.TxID), x.TxID)
	}
}

// refuses checks that the adapter rejects the block.
func refuses(t *testing.T, f *fakeNode) {
	t.Helper()
	b, err := f.node(t).Block(t.Context(), 100)
	require.ErrorIs(t, err, chain.ErrIncomplete)
	require.Empty(t, b.Transfers)
}

func logTo(b *strings.Builder) *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }
