package evm_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
)

// refusals are the ways in which providers say that a question is too large, or too much.
func refusals() map[string]http.HandlerFunc {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
	}
	body := func(format string, args ...any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintf(w, format, args...) }
	}
	all := map[string]http.HandlerFunc{
		"413": status(413), "429": status(429), "403": status(403), "500": status(500),
		"free text":     body("please upgrade your plan"),
		"nothing":       body(""),
		"empty batch":   body("[]"),
		"hang up":       func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"not json-rpc":  body(`{"Error":"lack of computing resources"}`),
		"cut off short": body(`[{"jsonrpc":"2.0","id":1,"res`),
	}
	for _, code := range []int{-32005, -32602, -32000, -32600, -32003, 7} {
		all[fmt.Sprint(code)] = body(`{"jsonrpc":"2.0","id":null,"error":{"code":%d,"message":"no"}}`, code)
	}
	return all
}

func manyPayments() (*fakeNode, []paid) {
	f := newFake()
	var want []paid
	for i := range 60 {
		f.tx(shop, int64(i)+1)
		want = append(want, paid{"value", "ETH", shop, int64(i) + 1})
	}
	f.tx(usdtContract, 0).transfer(usdtContract, shop2, 7)
	return f, append(want, paid{usdtContract + "#0", "USDT", shop2, 7})
}

func TestA3_RefusedBatchIsRepeatedInSmallerOnes(t *testing.T) {
	for name, refuse := range refusals() {
		for _, limit := range []int{1, 7} {
			t.Run(fmt.Sprintf("%s at more than %d", name, limit), func(t *testing.T) {
				f, want := manyPayments()
				f.fail("eth_getBlockReceipts", noMethod)
				f.refuseBatch = func(w http.ResponseWriter, size int) bool {
					if size > limit {
						refuse(w, nil)
					}
					return size > limit
				}
				sees(t, f, want...)
				n := f.node(t)
				_, err := n.Tip(t.Context())
				require.NoError(t, err)
				_, err = n.Block(t.Context(), 100)
				require.NoError(t, err)
				f.requests = 0
				_, err = n.Block(t.Context(), 100)
				require.NoError(t, err)
				require.Less(t, f.requests, 2+2*61/limit+10, "the size is remembered")
			})
		}
	}
}

func TestA3_RefusedBatchElementsAreRequestedAgain(t *testing.T) {
	f, want := manyPayments()
	f.fail("eth_getBlockReceipts", noMethod)
	answered := 0
	receipts := f.receipts()
	f.refuseBatch = func(http.ResponseWriter, int) bool { answered = 0; return false }
	f.override["eth_getTransactionReceipt"] = func(p []json.RawMessage) (any, *rpcFault) {
		if answered++; answered > 9 { // as go-ethereum does when an answer gets too large
			return nil, &rpcFault{-32003, "response too large"}
		}
		for _, r := range receipts {
			if string(p[0]) == `"`+r["transactionHash"].(string)+`"` {
				return r, nil
			}
		}
		return nil, nil
	}
	sees(t, f, want...)
}

func TestA3_RefusedBlockReceiptsOrLogsAreReadSingly(t *testing.T) {
	for _, method := range []string{"eth_getBlockReceipts", "eth_getLogs"} {
		for _, code := range []int{-32005, -32602, -32000, -32600, -32003, 7} {
			t.Run(fmt.Sprint(method, code), func(t *testing.T) {
				f, want := manyPayments()
				if method == "eth_getLogs" {
					f.fail("eth_getBlockReceipts", noMethod)
				}
				f.fail(method, &rpcFault{code, "query returned more than 10000 results"})
				sees(t, f, want...)

				f.fail("eth_getTransactionReceipt", &rpcFault{code, "query returned more than 10000 results"})
				_, err := f.node(t).Block(t.Context(), 100)
				require.ErrorContains(t, err, "more than 10000 results")
				require.NotErrorIs(t, err, chain.ErrNotFound)
			})
		}
	}
}

func TestA3_ReceiptsReadSinglyProveAsMuch(t *testing.T) {
	f, _ := manyPayments()
	f.fail("eth_getBlockReceipts", &rpcFault{-32005, "limit exceeded"})
	receipts := f.receipts()
	receipts[60]["logs"] = []object{}
	f.override["eth_getTransactionReceipt"] = func(p []json.RawMessage) (any, *rpcFault) {
		for _, r := range receipts {
			if string(p[0]) == `"`+r["transactionHash"].(string)+`"` {
				return r, nil
			}
		}
		return nil, nil
	}
	refuses(t, f)
}

func TestA4_NodeThatRefusesEverythingIsNotFlooded(t *testing.T) {
	for name, refuse := range refusals() {
		t.Run(name, func(t *testing.T) {
			f, _ := manyPayments()
			block, err := json.Marshal(object{"jsonrpc": "2.0", "id": 1, "result": f.full()})
			require.NoError(t, err)
			n := f.node(t)
			var requests atomic.Int64
			f.handler = func(w http.ResponseWriter, r *http.Request) {
				if body, _ := io.ReadAll(r.Body); requests.Add(1) == 1 { // the block itself it does answer
					var q struct{ ID json.RawMessage }
					require.NoError(t, json.Unmarshal(body, &q))
					answer := object{}
					require.NoError(t, json.Unmarshal(block, &answer))
					answer["id"] = q.ID
					_ = json.NewEncoder(w).Encode(answer)
					return
				}
				refuse(w, r)
			}
			_, err = n.Block(t.Context(), 100)
			require.Error(t, err)
			// A client of HTTP may repeat a request whose connection broke, once.
			require.LessOrEqual(t, requests.Load(), int64(1+2*5))
			requests.Store(1)
			_, err = n.Tip(t.Context())
			require.Error(t, err)
			require.LessOrEqual(t, requests.Load(), int64(1+2*2))
		})
	}
}

func TestA4_SizeOfBatchesRecovers(t *testing.T) {
	f, want := manyPayments()
	f.fail("eth_getBlockReceipts", noMethod)
	n := f.node(t)
	down := true
	f.refuseBatch = func(w http.ResponseWriter, size int) bool {
		if down {
			http.Error(w, "no", http.StatusTooManyRequests)
		}
		return down
	}
	b, err := n.Block(t.Context(), 100)
	require.NoError(t, err, "one by one")
	require.Len(t, b.Transfers, len(want))
	down = false
	for range 300 {
		_, err = n.Block(t.Context(), 100)
		require.NoError(t, err)
	}
	f.requests = 0
	_, err = n.Block(t.Context(), 100)
	require.NoError(t, err)
	require.Less(t, f.requests, 10)
}

func TestA3_AnswerIsNeverMixedWithADamagedOne(t *testing.T) {
	f := newFake()
	f.fail("eth_getBlockReceipts", noMethod)
	f.tx(shop, 5)
	f.tx(shop, 6)
	receipts := f.receipts()
	asked := 0
	f.override["eth_getTransactionReceipt"] = func(p []json.RawMessage) (any, *rpcFault) {
		if string(p[0]) != `"`+f.txs[0].hash+`"` {
			return receipts[1], nil
		}
		if asked++; asked == 1 {
			return object{"status": "0x1", "transactionHash": f.txs[0].hash, "blockHash": blockHash, "logs": 5}, nil
		}
		delete(receipts[0], "status") // and does not say that it succeeded
		return receipts[0], nil
	}
	sees(t, f, paid{"value", "ETH", shop, 6})
	require.Equal(t, 2, asked)
}
