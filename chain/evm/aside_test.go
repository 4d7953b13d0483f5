package evm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

var tooLarge = &rpcFault{-32000, "response too large"}

// bombed is a block whose second transaction cannot be traced. It pays by itself, by a token and by calls.
func bombed() *fakeNode {
	f := newFake()
	f.traced = true
	f.fail("debug_traceBlockByHash", tooLarge)
	f.tx(shop, 1)
	bomb := f.tx(other, 9)
	bomb.calls, bomb.untraceable = []object{call("CALL", shop, 2), call("CALL", shop2, 3)}, tooLarge
	bomb.transfer(usdtContract, shop2, 7)
	f.tx(other, 0).calls = []object{call("CALL", shop, 4)}
	return f
}

// withoutBomb is what the block pays otherwise, and what can be seen of the bomb.
var withoutBomb = []paid{
	{"value", "ETH", shop, 1},
	{"value", "ETH", other, 9},
	{usdtContract + "#0:" + shop2, "USDT", shop2, 7},
	{"call#0:" + shop, "ETH", shop, 4},
}

func eachBombed(t *testing.T, test func(t *testing.T, f *fakeNode)) {
	t.Run("block receipts", func(t *testing.T) { test(t, bombed()) })
	t.Run("logs and single receipts", func(t *testing.T) {
		f := bombed()
		f.fail("eth_getBlockReceipts", noMethod)
		test(t, f)
	})
}

func TestTransactionThatCannotBeTracedIsSetAsideAlone(t *testing.T) {
	for name, refuse := range map[string]func(f *fakeNode){
		"too large":    func(*fakeNode) {},
		"tracer fails": func(f *fakeNode) { f.txs[1].untraceable = &rpcFault{-32000, "execution timeout"} },
		"no answer": func(f *fakeNode) {
			f.override["debug_traceTransaction"] = func(p []json.RawMessage) (any, *rpcFault) {
				for i, x := range f.txs {
					if i != 1 && string(p[0]) == `"`+x.hash+`"` {
						return x.traceBy(string(p[1]))
					}
				}
				return nil, nil
			}
		},
		"odd form": func(f *fakeNode) {
			f.txs[1].untraceable = nil
			f.txs[1].calls[0]["value"] = "lots"
		},
		"in the trace of the block": func(f *fakeNode) {
			all := f.traces()
			all[1] = object{"txHash": f.txs[1].hash, "error": "execution timeout"}
			f.say("debug_traceBlockByHash", all)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachBombed(t, func(t *testing.T, f *fakeNode) {
				refuse(f)
				b, err := f.node(t).Block(t.Context(), 100)
				require.NoError(t, err)
				require.Equal(t, withoutBomb, paidOf(b), "and nothing else is missing")
				require.Len(t, b.Unexamined, 1)
				require.Equal(t, f.txs[1].hash, b.Unexamined[0].TxID)
				require.NotEmpty(t, b.Unexamined[0].Reason)
			})
		})
	}
}

func TestTransactionThatCannotBeTracedIsLogged(t *testing.T) {
	f := bombed()
	server := httptest.NewServer(f)
	defer server.Close()
	client, err := evm.Dial(t.Context(), server.URL, server.Client())
	require.NoError(t, err)
	var logs strings.Builder
	n, err := evm.New(evm.Config{Network: network, RPC: client, Assets: []chain.Asset{ether}, Traces: true, Logger: logTo(&logs)})
	require.NoError(t, err)
	_, err = n.Block(t.Context(), 100)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(logs.String(), "level=WARN"))
	require.Contains(t, logs.String(), f.txs[1].hash)
	require.Contains(t, logs.String(), "response too large")
}

func TestBlockOfOneTransactionThatCannotBeTraced(t *testing.T) {
	f := bombed()
	f.txs = f.txs[1:2]
	b, err := f.node(t).Block(t.Context(), 100)
	require.NoError(t, err, "the node shows that it can run it")
	require.Len(t, b.Unexamined, 1)
	require.Equal(t, withoutBomb[1:3], paidOf(b))
}

func TestNodeThatTracesNothingIsAnErrorOfTheBlock(t *testing.T) {
	for name, sabotage := range map[string]func(f *fakeNode){
		"no state": func(f *fakeNode) {
			f.fail("debug_traceTransaction", &rpcFault{-32000, "required historical state unavailable"})
		},
		"no transaction": func(f *fakeNode) { f.say("eth_getTransactionByHash", nil) },
		"no such call":   func(f *fakeNode) { f.fail("eth_getTransactionByHash", &rpcFault{-32005, "limit exceeded"}) },
		"it left":        func(f *fakeNode) { f.say("eth_getTransactionByHash", f.full()["transactions"].([]any)[0]) },
	} {
		t.Run(name, func(t *testing.T) {
			f := bombed()
			for range 200 {
				f.tx(other, 1)
			}
			sabotage(f)
			b, err := f.node(t).Block(t.Context(), 100)
			require.Error(t, err)
			require.Equal(t, chain.Block{}, b)
			require.Less(t, f.requests, 70, "and it is not bothered for each transaction")
		})
	}
}

func TestProgramShowsWhatTheNodesOwnTracerDoesNot(t *testing.T) {
	eachBombed(t, func(t *testing.T, f *fakeNode) {
		f.txs[1].slim = func() (any, *rpcFault) {
			slim := f.txs[1].trace()
			delete(slim, "to")
			return slim, nil
		}
		b, err := f.node(t).Block(t.Context(), 100)
		require.NoError(t, err)
		require.Empty(t, b.Unexamined)
		want := append([]paid{}, withoutBomb[:2]...)
		want = append(want, paid{"call#0:" + shop, "ETH", shop, 2}, paid{"call#0:" + shop2, "ETH", shop2, 3})
		require.Equal(t, append(want, withoutBomb[2:]...), paidOf(b))
	})
}

func TestNodeThatRunsNoProgramsIsNotAskedForEver(t *testing.T) {
	f := bombed()
	asked := 0
	f.txs[1].slim = func() (any, *rpcFault) { asked++; return nil, &rpcFault{-32000, "tracer not found"} }
	n := f.node(t)
	for range 10 {
		_, err := n.Block(t.Context(), 100)
		require.NoError(t, err)
	}
	require.Equal(t, 3, asked)
}

func TestTraceThatContradictsTheReceiptIsIgnored(t *testing.T) {
	f := newFake()
	f.traced = true
	f.tx(shop, 5)
	f.tx(other, 1).calls = []object{call("CALL", shop, 2)}
	traces := f.traces()
	failing(traces[0]["result"].(object), "out of gas")
	f.say("debug_traceBlockByHash", traces)
	b, err := f.node(t).Block(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, b.Unexamined, 1)
	require.Equal(t, f.txs[0].hash, b.Unexamined[0].TxID)
	require.Len(t, b.Transfers, 3)
}

func TestExamineReturnsAllTransfersOfTheTransaction(t *testing.T) {
	eachBombed(t, func(t *testing.T, f *fakeNode) {
		n := f.node(t)
		b, err := n.Block(t.Context(), 100)
		require.NoError(t, err)
		u := chain.Unexamined{TxID: f.txs[1].hash, Height: 100, Block: blockHash}
		_, err = n.Examine(t.Context(), u)
		require.ErrorContains(t, err, "too large")
		f.txs[1].untraceable = nil
		found, err := n.Examine(t.Context(), u)
		require.NoError(t, err)
		require.Equal(t, []paid{
			{"value", "ETH", other, 9},
			{"call#0:" + shop, "ETH", shop, 2},
			{"call#0:" + shop2, "ETH", shop2, 3},
			{usdtContract + "#0:" + shop2, "USDT", shop2, 7},
		}, paidOf(chain.Block{Transfers: found}))
		require.Equal(t, b.Transfers[1], found[0], "with the keys of the block")
		require.Equal(t, b.Transfers[2], found[3])

		f.say("debug_traceBlockByHash", f.traces())
		b, err = n.Block(t.Context(), 100)
		require.NoError(t, err)
		require.Equal(t, found, b.Transfers[1:5], "as a node without the trouble sees it")
	})
}

func TestExamineReportsATransactionThatIsGone(t *testing.T) {
	f := bombed()
	f.txs[1].untraceable = nil
	n := f.node(t)
	u := chain.Unexamined{TxID: f.txs[1].hash, Height: 100, Block: blockHash}
	for name, other := range map[string]chain.Unexamined{
		"other block":       {TxID: u.TxID, Height: 100, Block: "0x" + strings.Repeat("7", 64)},
		"other transaction": {TxID: "0x" + strings.Repeat("7", 64), Height: 100, Block: blockHash},
	} {
		_, err := n.Examine(t.Context(), other)
		require.ErrorIs(t, err, chain.ErrGone, name)
	}
	_, err := n.Examine(t.Context(), chain.Unexamined{TxID: u.TxID, Height: 101, Block: u.Block})
	require.ErrorIs(t, err, chain.ErrNotFound, "a node that is behind does not know")
	require.NotErrorIs(t, err, chain.ErrGone)
	f.replaceBlock()
	_, err = n.Examine(t.Context(), u)
	require.ErrorIs(t, err, chain.ErrMoved)
	require.NotErrorIs(t, err, chain.ErrGone)
}

// The trace of one transaction is cut off much earlier than other responses, so that a block full of large ones does
// not take the memory and the time of all.
func TestTraceOfOneTransactionIsBoundedInBlockAndLessInExamine(t *testing.T) {
	if testing.Short() {
		t.Skip("large answers: not with -short")
	}
	f := bombed()
	frames := make([]object, 350)
	for i := range frames {
		frames[i] = call("CALL", shop2, 0)
		frames[i]["input"] = "0x" + strings.Repeat("00", 50_000)
	}
	f.txs[1].untraceable, f.txs[1].calls = nil, append(f.txs[1].calls, frames...)
	n := f.node(t)
	b, err := n.Block(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, b.Unexamined, 1)
	require.Contains(t, b.Unexamined[0].Reason, evm.ErrResponseTooLarge.Error())
	found, err := n.Examine(t.Context(), chain.Unexamined{TxID: f.txs[1].hash, Height: 100, Block: blockHash})
	require.NoError(t, err)
	require.Len(t, found, 4)
}

func TestBlockFullOfTransactionsThatCannotBeTraced(t *testing.T) {
	f := bombed()
	for i := range 100 {
		f.tx(other, int64(i)).untraceable = tooLarge
	}
	b, err := f.node(t).Block(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, b.Unexamined, 101)
	require.Less(t, f.requests, 100*4+30)
}

// heights is a scripted chain of some heights.
type heights struct {
	blocks map[uint64]uint64 // to the parent's height
	latest uint64
	absent func(height uint64) (any, *rpcFault)
}

func hashOf(height uint64) string { return fmt.Sprintf("0x%064x", height+0xb10c0000) }

func (h *heights) at(height uint64) object {
	return object{
		"number": fmt.Sprintf("%#x", height), "hash": hashOf(height), "parentHash": hashOf(h.blocks[height]),
		"timestamp": "0x65000000", "gasUsed": "0x0", "logsBloom": "0x" + strings.Repeat("0", 512), "transactions": []any{},
	}
}

func (h *heights) answer(method string, params []json.RawMessage) (any, *rpcFault) {
	var text string
	_ = json.Unmarshal(params[0], &text)
	if method == "eth_getBlockByHash" {
		for height := range h.blocks {
			if hashOf(height) == text {
				return h.at(height), nil
			}
		}
		return nil, nil
	}
	if text == "latest" {
		return h.at(h.latest), nil
	}
	var height uint64
	_, _ = fmt.Sscanf(text, "0x%x", &height)
	if _, there := h.blocks[height]; there {
		return h.at(height), nil
	}
	return h.absent(height)
}

func TestHeightThatTheChainPassedOver(t *testing.T) {
	h := &heights{blocks: map[uint64]uint64{10: 9, 11: 10, 14: 11, 15: 14}, latest: 15}
	null := func(uint64) (any, *rpcFault) { return nil, nil }
	for name, absent := range map[string]func(uint64) (any, *rpcFault){
		"null":  null,
		"error": func(uint64) (any, *rpcFault) { return nil, &rpcFault{12, "requested epoch was a null round"} },
		"the block before": func(height uint64) (any, *rpcFault) {
			if height > 15 {
				return nil, nil
			}
			return h.at(11), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			h.absent = absent
			for _, method := range []string{"eth_getBlockByNumber", "eth_getBlockByHash"} {
				f.override[method] = func(p []json.RawMessage) (any, *rpcFault) { return h.answer(method, p) }
			}
			n := f.node(t)
			for _, height := range []uint64{12, 13, 12} {
				_, err := n.Block(t.Context(), height)
				require.ErrorIs(t, err, chain.ErrNoBlock)
				_, err = n.Header(t.Context(), height)
				require.ErrorIs(t, err, chain.ErrNoBlock)
			}
			b, err := n.Block(t.Context(), 14)
			require.NoError(t, err)
			require.Equal(t, hashOf(11), b.Parent)
			_, err = n.Header(t.Context(), 16)
			require.Error(t, err)
			require.NotErrorIs(t, err, chain.ErrNoBlock)
		})
	}
}

func TestHeightThatIsMissingButWasNotPassedOver(t *testing.T) {
	for name, blocks := range map[string]map[uint64]uint64{
		"the next one's parent is there": {11: 10, 13: 12, 14: 13},
		"its parent is unknown":          {13: 5, 14: 13},
		"nothing above is known":         {14: 13},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			h := &heights{blocks: blocks, latest: 14, absent: func(uint64) (any, *rpcFault) { return nil, nil }}
			for _, method := range []string{"eth_getBlockByNumber", "eth_getBlockByHash"} {
				f.override[method] = func(p []json.RawMessage) (any, *rpcFault) { return h.answer(method, p) }
			}
			_, err := f.node(t).Header(t.Context(), 12)
			require.ErrorIs(t, err, chain.ErrNotFound)
			require.NotErrorIs(t, err, chain.ErrNoBlock)
		})
	}
}

func TestNodeThatGoesAwayIsNoHeightWithoutABlock(t *testing.T) {
	asked := 0
	f := newFake()
	f.handler = func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked > 1 {
			http.Error(w, "no", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":null}`)
	}
	_, err := f.node(t).Header(t.Context(), 12)
	require.Error(t, err)
	require.NotErrorIs(t, err, chain.ErrNotFound)
	require.NotErrorIs(t, err, chain.ErrNoBlock)
}

// crowded is a block whose second transaction has a receipt that the node does not give, as it is too large.
func crowded() *fakeNode {
	f := newFake()
	f.tx(shop, 1)
	f.tx(other, 9).transfer(usdtContract, shop2, 7).log(other, "0x", topic(shop))
	f.tx(shop, 3).transfer(usdcContract, shop, 4)
	f.fail("eth_getBlockReceipts", tooLarge)
	f.override["eth_getTransactionReceipt"] = func(p []json.RawMessage) (any, *rpcFault) {
		for i, r := range f.receipts() {
			if string(p[0]) == `"`+r["transactionHash"].(string)+`"` && (i != 1 || f.txs[1].logs == nil) {
				return r, nil
			}
		}
		return nil, tooLarge
	}
	return f
}

func TestReceiptLargerThanTheLimitStopsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("large answers: not with -short")
	}
	f := newFake()
	f.tx(shop, 1)
	f.tx(other, 9).transfer(usdtContract, shop2, 7).log(other, "0x"+strings.Repeat("00", evm.MaxResponse/2), topic(shop))
	sees(t, f,
		paid{"value", "ETH", shop, 1},
		paid{"value", "ETH", other, 9},
		paid{usdtContract + "#0:" + shop2, "USDT", shop2, 7})
}

func TestReceiptThatIsTooLargeIsSetAsideAlone(t *testing.T) {
	f := crowded()
	sees(t, f,
		paid{"value", "ETH", shop, 1},
		paid{"value", "ETH", other, 9}, // it has logs of a token, so it has succeeded
		paid{usdtContract + "#0:" + shop2, "USDT", shop2, 7},
		paid{"value", "ETH", shop, 3},
		paid{usdcContract + "#0:" + shop, "USDC", shop, 4})
	b, err := f.node(t).Block(t.Context(), 100)
	require.NoError(t, err)
	require.Empty(t, b.Unexamined)

	f.txs[1].logs = f.txs[1].logs[1:] // nothing shows that it has succeeded
	n := f.node(t)
	b, err = n.Block(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, b.Unexamined, 1)
	require.Equal(t, f.txs[1].hash, b.Unexamined[0].TxID)
	require.Len(t, b.Transfers, 3)
	u := chain.Unexamined{TxID: f.txs[1].hash, Height: 100, Block: blockHash}
	_, err = n.Examine(t.Context(), u)
	require.ErrorContains(t, err, "too large")

	f.traced = true // but a trace does
	b, err = f.node(t).Block(t.Context(), 100)
	require.NoError(t, err)
	require.Empty(t, b.Unexamined)
	require.Len(t, b.Transfers, 4)
	f.traced = false

	f.txs[1].logs = nil
	found, err := n.Examine(t.Context(), u)
	require.NoError(t, err)
	require.Equal(t, []paid{{"value", "ETH", other, 9}}, paidOf(chain.Block{Transfers: found}))
}

func TestReceiptThatIsTooLargeOfAFailedOrIrrelevantTransaction(t *testing.T) {
	f := crowded()
	f.txs[1].logs, f.txs[1].value = f.txs[1].logs[1:], "0x0"
	b, err := f.node(t).Block(t.Context(), 100)
	require.NoError(t, err)
	require.Empty(t, b.Unexamined, "it can have moved nothing")
	require.Len(t, b.Transfers, 3)
}

func TestReceiptIsNotMadeOfLogsThatAreIncomplete(t *testing.T) {
	f := crowded()
	f.say("eth_getLogs", []object{})
	b, err := f.node(t).Block(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, b.Unexamined, 1, "the header announces logs of the tokens")
	f.fail("eth_getLogs", tooLarge)
	b, err = f.node(t).Block(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, b.Unexamined, 1)
	require.Len(t, b.Transfers, 3, "with the receipts that could be read")
}

func TestLogsOfUnwatchedContractsDecideNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(shop, 5).log(other, "0x", topic(shop)).transfer(usdtContract, shop, 6)
		receipts := f.receipts()
		odd := receipts[0]["logs"].([]object)[0]
		odd["blockHash"], odd["logIndex"], odd["removed"] = "0x"+strings.Repeat("2", 64), "0x99", true
		if _, without := f.override["eth_getBlockReceipts"]; !without {
			f.say("eth_getBlockReceipts", receipts)
		}
		f.say("eth_getTransactionReceipt", receipts[0])
		sees(t, f, paid{"value", "ETH", shop, 5}, paid{usdtContract + "#0", "USDT", shop, 6})
	})
}
