package evm_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// heavy has the node refuse its block with transactions as too large, and answer transactions singly.
func heavy(f *fakeNode, fault *rpcFault) {
	f.override["eth_getBlockByNumber"] = func(p []json.RawMessage) (any, *rpcFault) {
		h := f.full()
		if string(p[1]) == "true" {
			if fault != nil {
				return nil, fault
			}
			h["extraData"] = strings.Repeat("a", evm.MaxResponse)
			return h, nil
		}
		hashes := []string{}
		for _, x := range f.txs {
			hashes = append(hashes, x.hash)
		}
		h["transactions"] = hashes
		return h, nil
	}
	f.override["eth_getTransactionByHash"] = func(p []json.RawMessage) (any, *rpcFault) {
		for _, x := range f.full()["transactions"].([]any) {
			if tx := x.(object); string(p[0]) == strconv.Quote(tx["hash"].(string)) {
				tx["blockHash"] = blockHash
				return tx, nil
			}
		}
		return nil, nil
	}
}

func TestLargeBlock_IsReadInParts(t *testing.T) {
	for name, fault := range map[string]*rpcFault{
		"for us": nil, "for go-ethereum": {-32003, "response too large"}, "for jsonrpsee": {-32008, "Response is too big"},
	} {
		t.Run(name, func(t *testing.T) {
			f, want := manyPayments()
			f.txs[7].to, f.txs[7].value = "", "0x0" // makes a contract
			want = append(want[:7:7], want[8:]...)
			heavy(f, fault)
			sees(t, f, want...)
		})
	}
	t.Run("for a gateway", func(t *testing.T) {
		f, want := manyPayments()
		heavy(f, nil)
		calls := 0
		f.refuseCall = func(w http.ResponseWriter, method string) bool {
			if method != "eth_getBlockByNumber" {
				return false
			}
			if calls++; calls == 1 {
				http.Error(w, "no", http.StatusRequestEntityTooLarge)
			}
			return calls == 1
		}
		sees(t, f, want...)
	})
	t.Run("but for no other refusal", func(t *testing.T) {
		f, _ := manyPayments()
		heavy(f, &rpcFault{-32005, "limit exceeded"})
		_, err := f.node(t).Block(t.Context(), 100)
		require.ErrorContains(t, err, "limit exceeded")
		require.Zero(t, f.calls["eth_getTransactionByHash"])
	})
}

func TestLargeBlock_TransactionThatIsTooLargeByItselfIsSetAside(t *testing.T) {
	f, want := manyPayments()
	heavy(f, &rpcFault{-32008, "Response is too big"})
	whole := f.override["eth_getTransactionByHash"]
	f.override["eth_getTransactionByHash"] = func(p []json.RawMessage) (any, *rpcFault) {
		if string(p[0]) == strconv.Quote(f.txs[20].hash) {
			return nil, &rpcFault{-32008, "Response is too big"}
		}
		return whole(p)
	}
	n := f.node(t)
	b, err := n.Block(t.Context(), 100)
	require.NoError(t, err)
	require.Len(t, b.Transfers, len(want)-1)
	require.Len(t, b.Unexamined, 1)
	u := b.Unexamined[0]
	require.Equal(t, f.txs[20].hash, u.TxID)
	u.Height, u.Block = 100, blockHash
	_, err = n.Examine(t.Context(), u)
	require.ErrorIs(t, err, chain.ErrIncomplete)
	f.override["eth_getTransactionByHash"] = whole
	found, err := n.Examine(t.Context(), u)
	require.NoError(t, err)
	require.Len(t, found, 1)
}

func TestLargeBlock_TransactionsOfAnotherBlockAreRefused(t *testing.T) {
	for name, lie := range map[string]func(tx object) any{
		"none":            func(object) any { return nil },
		"another's":       func(tx object) any { tx["hash"] = blockHash; return tx },
		"another block's": func(tx object) any { tx["blockHash"] = tx["hash"]; return tx },
	} {
		t.Run(name, func(t *testing.T) {
			f, _ := manyPayments()
			heavy(f, &rpcFault{-32008, "Response is too big"})
			whole := f.override["eth_getTransactionByHash"]
			f.override["eth_getTransactionByHash"] = func(p []json.RawMessage) (any, *rpcFault) {
				tx, fault := whole(p)
				if string(p[0]) == strconv.Quote(f.txs[20].hash) {
					return lie(tx.(object)), fault
				}
				return tx, fault
			}
			refuses(t, f)
		})
	}
}
