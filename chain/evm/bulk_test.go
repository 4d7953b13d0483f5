package evm_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

func TestBulkReceipts_OnlyMissingOnesAreRequestedSingly(t *testing.T) {
	for name, leave := range map[string]func(r []object) any{
		"last left out":  func(r []object) any { return r[:len(r)-1] },
		"first left out": func(r []object) any { return r[1:] },
		"last twice":     func(r []object) any { return append(r, r[len(r)-1]) },
		"one twice for another": func(r []object) any {
			r[3] = r[4]
			return r
		},
		"null among them": func(r []object) any {
			r[3] = nil
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, want := manyPayments()
			f.say("eth_getBlockReceipts", leave(f.receipts()))
			sees(t, f, want...)
			require.LessOrEqual(t, f.calls["eth_getTransactionReceipt"], 2)
			require.Equal(t, 1, f.calls["eth_getBlockReceipts"])
		})
	}
}

func TestBulkReceipts_CompletedReceiptsMustMatchTheFilter(t *testing.T) {
	f, _ := manyPayments()
	receipts := f.receipts()
	f.say("eth_getBlockReceipts", receipts[:60])
	receipts[60]["logs"] = []object{}
	f.sayEach(t, receipts)
	refuses(t, f)
}

func TestBulkReceipts_OfATransactionThatTheBlockDoesNotHaveAreRefused(t *testing.T) {
	f, _ := manyPayments()
	receipts := f.receipts()
	receipts[60]["transactionHash"] = blockHash
	f.say("eth_getBlockReceipts", receipts)
	f.sayEach(t, receipts)
	refuses(t, f)
}

func TestBulkReceipts_NetworksOwnTransactionWithoutReceiptIsSetAside(t *testing.T) {
	const zero = "0x0000000000000000000000000000000000000000"
	withState := func() *fakeNode {
		f := newFake()
		f.tx(shop, 5).transfer(usdtContract, shop, 6)
		f.tx(zero, 0).from = zero
		f.say("eth_getBlockReceipts", f.receipts()[:1])
		return f
	}
	t.Run("the node has it", func(t *testing.T) {
		sees(t, withState(), paid{"value", "ETH", shop, 5}, paid{usdtContract + "#0", "USDT", shop, 6})
	})
	for name, fault := range map[string]*rpcFault{"null": nil, "error": {-32000, "not found"}} {
		t.Run(name, func(t *testing.T) {
			f := withState()
			f.fail("eth_getTransactionReceipt", fault)
			b, err := f.node(t).Block(t.Context(), 100)
			require.NoError(t, err)
			require.Len(t, b.Transfers, 2)
			require.Len(t, b.Unexamined, 1)
			require.Equal(t, f.txs[1].hash, b.Unexamined[0].TxID)
		})
	}
}

// hidden is a node with a transaction of the network itself whose logs are in the filter, and whose receipt it does not have.
func hidden(t *testing.T) *fakeNode {
	t.Helper()
	const zero = "0x0000000000000000000000000000000000000000"
	f := newFake()
	f.tx(shop, 5).transfer(usdtContract, shop, 6)
	f.tx(zero, 0).transfer(usdcContract, shop2, 7).from = zero
	f.tx(shop2, 8)
	f.say("eth_getBlockByNumber", f.full())
	receipts := f.receipts()
	f.say("eth_getBlockReceipts", []object{receipts[0], receipts[2]})
	f.say("eth_getLogs", receipts[0]["logs"])
	f.sayEach(t, []object{receipts[0], receipts[2]})
	return f
}

func TestMissingReceiptOfTheNetworksOwnTransactionStopsNoBlock(t *testing.T) {
	for name, fault := range map[string]*rpcFault{"at once": nil, "singly": noMethod, "refused": {-32000, "not found"}} {
		t.Run(name, func(t *testing.T) {
			f := hidden(t)
			if fault != nil {
				f.fail("eth_getBlockReceipts", fault)
			}
			n := f.node(t)
			for blocks := range uint64(2) {
				b, err := n.Block(t.Context(), 100)
				require.NoError(t, err)
				require.Equal(t, []paid{
					{"value", "ETH", shop, 5}, {usdtContract + "#0:" + shop, "USDT", shop, 6}, {"value", "ETH", shop2, 8},
				}, paidOf(b))
				require.Len(t, b.Unexamined, 1)
				require.Equal(t, f.txs[1].hash, b.Unexamined[0].TxID)
				lacks := n.Lacks()
				require.Len(t, lacks, 1)
				require.Equal(t, chain.ProofOfLogs, lacks[0].What)
				require.Empty(t, lacks[0].Asset)
				require.Equal(t, blocks+1, lacks[0].Blocks)
			}
			if fault == nil {
				require.Equal(t, 2, f.calls["eth_getTransactionReceipt"], "nothing else is asked for")
			}
		})
	}
}

func TestMissingReceiptDoesNotHideALogOutsideTheFilter(t *testing.T) {
	f := hidden(t)
	f.txs[2].transfer(usdtContract, other, 9)
	receipts := f.receipts()
	f.say("eth_getBlockReceipts", []object{receipts[0], receipts[2]})
	f.sayEach(t, []object{receipts[0], receipts[2]})
	refuses(t, f)
}

// bulkCalls reads so many blocks, and returns how often all receipts were requested at once.
func bulkCalls(t *testing.T, f *fakeNode, want []paid, blocks int) int {
	t.Helper()
	n := f.node(t)
	for range blocks {
		b, err := n.Block(t.Context(), 100)
		require.NoError(t, err)
		require.Equal(t, len(want), len(b.Transfers))
	}
	return f.calls["eth_getBlockReceipts"]
}

func TestBulkReceipts_NodeWithoutThemIsNotAskedForEveryBlock(t *testing.T) {
	for code, most := range map[int]int{
		-32601: 1, -32004: 1, -32602: 1, -32600: 1, // it reports so
		-32000: 3, -32603: 3, -32005: 3, 7: 3, // it may be about the block
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			f, want := manyPayments()
			f.fail("eth_getBlockReceipts", &rpcFault{code, "no"})
			require.Equal(t, most, bulkCalls(t, f, want, 10))
			require.Equal(t, 10*61, f.calls["eth_getTransactionReceipt"], "one reading of every block")
		})
	}
	for _, status := range []int{400, 403, 404, 405, 501} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			f, want := manyPayments()
			f.refuseCall = func(w http.ResponseWriter, method string) bool {
				if method == "eth_getBlockReceipts" {
					http.Error(w, "no", status)
				}
				return method == "eth_getBlockReceipts"
			}
			require.Equal(t, 3, bulkCalls(t, f, want, 10))
		})
	}
}

func TestBulkReceipts_OneRefusalAmongAnswersMeansNothing(t *testing.T) {
	f, want := manyPayments()
	receipts, asked := f.receipts(), 0
	f.override["eth_getBlockReceipts"] = func([]json.RawMessage) (any, *rpcFault) {
		if asked++; asked%3 != 0 {
			return nil, &rpcFault{-32005, "limit exceeded"}
		}
		return receipts, nil
	}
	require.Equal(t, 20, bulkCalls(t, f, want, 20))
}

func TestBulkReceipts_RefusalIsTriedAgainInTheLongRun(t *testing.T) {
	f := newFake()
	f.tx(shop, 5)
	n := f.node(t)
	f.fail("eth_getBlockReceipts", &rpcFault{-32602, "invalid params"})
	for range 1001 {
		_, err := n.Block(t.Context(), 100)
		require.NoError(t, err)
	}
	require.Equal(t, 1, f.calls["eth_getBlockReceipts"])
	delete(f.override, "eth_getBlockReceipts")
	for range 3 {
		_, err := n.Block(t.Context(), 100)
		require.NoError(t, err)
	}
	require.Equal(t, 4, f.calls["eth_getBlockReceipts"])
}

func TestRecorded_PolygonBlockWhoseStateSyncReceiptIsMissingOrThereTwice(t *testing.T) {
	const polygon, usdcE = chain.Network("eip155:137"), "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174"
	block, receipts := recordedPair(t, "evm-polygon-20000000")
	if block == nil {
		return
	}
	count := func(f *fakeNode) int {
		b, err := f.nodeOn(t, polygon, evm.Native(polygon, "POL"), tokenOf(t, polygon, usdcE, "USDC.e", 6)).Block(t.Context(), 20000000)
		require.NoError(t, err)
		require.Empty(t, b.Unexamined)
		return len(b.Transfers)
	}
	last := len(receipts) - 1
	whole := 0
	for _, told := range [][]object{receipts, receipts[:last], append(receipts[:last:last], receipts[last], receipts[last])} {
		f := newFake()
		f.say("eth_getBlockByNumber", block)
		f.say("eth_getBlockReceipts", told)
		f.sayEach(t, receipts)
		seen := count(f)
		if whole == 0 {
			whole = seen
		}
		require.NotZero(t, seen)
		require.Equal(t, whole, seen)
		require.LessOrEqual(t, f.calls["eth_getTransactionReceipt"], 1)
	}
	f := newFake() // without one of the others
	f.say("eth_getBlockByNumber", block)
	f.say("eth_getBlockReceipts", receipts[1:])
	f.sayEach(t, receipts[1:])
	_, err := f.nodeOn(t, polygon, evm.Native(polygon, "POL")).Block(t.Context(), 20000000)
	require.ErrorIs(t, err, chain.ErrIncomplete)
	require.True(t, strings.Contains(err.Error(), "receipt"), err)
}
