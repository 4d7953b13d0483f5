package evm_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// tracedBothWays is bothWays for an adapter that looks into calls, with a node that traces a block at once,
// and one that only does so for single transactions.
func tracedBothWays(t *testing.T, test func(t *testing.T, f *fakeNode)) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.traced = true
		test(t, f)
	})
	t.Run("single traces", func(t *testing.T) {
		f := newFake()
		f.traced = true
		f.fail("debug_traceBlockByHash", &rpcFault{-32000, "response too large"})
		test(t, f)
	})
}

func TestTraces_CoinThatAContractPassesOnIsSeenOnce(t *testing.T) {
	tracedBothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(shop, 1)
		f.tx(other, 9).calls = []object{
			call("CALL", shop, 2),
			call("CALL", shop2, 3, call("CALL", shop, 4)),
			call("CREATE2", payer, 5, call("SELFDESTRUCT", shop, 6)),
		}
		f.tx(other, 0).calls = []object{call("CREATE", shop2, 7)}
		sees(t, f,
			paid{"value", "ETH", shop, 1},
			paid{"value", "ETH", other, 9},
			paid{"call#0:" + shop, "ETH", shop, 2},
			paid{"call#0:" + shop2, "ETH", shop2, 3},
			paid{"call#1:" + shop, "ETH", shop, 4},
			paid{"call#0:" + payer, "ETH", payer, 5},
			paid{"call#2:" + shop, "ETH", shop, 6},
			paid{"call#0:" + shop2, "ETH", shop2, 7})
	})
}

func TestTraces_WithoutThemOnlyTheTransactionsOwnValueIsSeen(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(other, 9).calls = []object{call("CALL", shop, 2)}
		sees(t, f, paid{"value", "ETH", other, 9})
		require.Zero(t, f.calls["debug_traceBlockByHash"])
	})
}

func TestTraces_CallsThatOnlyLendTheirValueMoveNothing(t *testing.T) {
	tracedBothWays(t, func(t *testing.T, f *fakeNode) {
		static := call("STATICCALL", shop, 0)
		delete(static, "value")
		f.tx(other, 9).calls = []object{
			call("DELEGATECALL", shop, 9, call("CALL", shop, 3)), // but its calls do
			call("CALLCODE", shop, 9),
			static,
			call("CALL", shop, 0),
			call("SELFDESTRUCT", other, 5), // in its own favour
			call("UNHEARD OF", shop, 9),
		}
		sees(t, f, paid{"value", "ETH", other, 9}, paid{"call#0:" + shop, "ETH", shop, 3})
	})
}

func TestIncident4_CallWithinAFailedOneCreditsNothing(t *testing.T) {
	tracedBothWays(t, func(t *testing.T, f *fakeNode) {
		whole := f.tx(other, 9)
		whole.calls, whole.status, whole.failure = []object{call("CALL", shop, 2)}, "0x0", "execution reverted"
		f.tx(other, 0).calls = []object{
			failing(call("CALL", other, 0, call("DELEGATECALL", other, 0, call("CALL", shop, 3))), "execution reverted"),
			call("CALL", shop, 4),
		}
		sees(t, f, paid{"call#1:" + shop, "ETH", shop, 4})
	})
}

func TestIncident5_FailedCallInASuccessfulTransactionCreditsNothing(t *testing.T) {
	tracedBothWays(t, func(t *testing.T, f *fakeNode) {
		reason := call("CALL", shop, 3)
		reason["revertReason"] = "no"
		f.tx(other, 1).calls = []object{failing(call("CALL", shop, 0x14d1), "insufficient balance for transfer"), reason}
		sees(t, f, paid{"value", "ETH", other, 1})
	})
}

func TestIncident30_KeyOfACallDoesNotDependOnOtherRecipients(t *testing.T) {
	key := func(calls ...object) []chain.Transfer {
		f := newFake()
		f.traced = true
		f.tx(other, 0).calls = calls
		b, err := f.node(t).Block(t.Context(), 100)
		require.NoError(t, err)
		return b.Transfers
	}
	before := key(call("CALL", shop, 1), call("CALL", shop, 2))
	after := key(call("CALL", shop2, 5), call("CALL", shop, 1), call("CALL", payer, 6), call("CALL", shop, 2))
	require.Equal(t, before, []chain.Transfer{after[1], after[3]})
	failed := key(failing(call("CALL", shop, 1), "out of gas"), call("CALL", shop, 2))
	require.Equal(t, before[1:], failed)
}

func TestIncident14_CoinIsNotBookedAgainForItsLog(t *testing.T) {
	// EIP-7708: what moves coin also logs a Transfer, from an address that is no contract.
	const system = "0xfffffffffffffffffffffffffffffffffffffffe"
	tracedBothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(shop, 5).transfer(system, shop, 5)
		x := f.tx(other, 0)
		x.calls = []object{call("CALL", shop, 6)}
		x.transfer(system, shop, 6).transfer(usdtContract, shop, 7)
		sees(t, f,
			paid{"value", "ETH", shop, 5},
			paid{"call#0:" + shop, "ETH", shop, 6},
			paid{usdtContract + "#0", "USDT", shop, 7})
	})
	_, err := evm.ERC20(network, system, "ETH", 18)
	require.ErrorContains(t, err, "EIP-7708", "nor can it be configured as a token")
}

func TestTraces_OfAnotherBlockAreRequestedSingly(t *testing.T) {
	withBlock := func() *fakeNode {
		f := newFake()
		f.traced = true
		f.tx(shop, 5)
		f.tx(other, 1).calls = []object{call("CALL", shop, 2)}
		return f
	}
	for name, lie := range map[string]func(r []object) any{
		"none":           func([]object) any { return []object{} },
		"null":           func([]object) any { return nil },
		"null in it":     func(r []object) any { return []any{r[0], nil} },
		"one missing":    func(r []object) any { return r[:1] },
		"one too many":   func(r []object) any { return append(r, r[1]) },
		"order":          func(r []object) any { return []object{r[1], r[0]} },
		"without hash":   func(r []object) any { delete(r[1], "txHash"); return r },
		"not traced":     func(r []object) any { r[1] = object{"txHash": r[1]["txHash"], "error": "timeout"}; return r },
		"another block":  func(r []object) any { r[1]["txHash"] = "0x" + strings.Repeat("4", 64); return r },
		"another tracer": func(r []object) any { r[1]["result"] = object{"gas": 5}; return r },
		"odd form":       func(r []object) any { r[1]["result"].(object)["calls"] = "none"; return r },
		"text":           func(r []object) any { return "no" },
	} {
		t.Run(name, func(t *testing.T) {
			f := withBlock()
			f.say("debug_traceBlockByHash", lie(f.traces()))
			sees(t, f,
				paid{"value", "ETH", shop, 5}, paid{"value", "ETH", other, 1}, paid{"call#0:" + shop, "ETH", shop, 2})
		})
	}
	t.Run("and single ones are null", func(t *testing.T) {
		f := withBlock()
		f.fail("debug_traceBlockByHash", &rpcFault{-32000, "no"})
		f.say("debug_traceTransaction", nil)
		_, err := f.node(t).Block(t.Context(), 100)
		require.ErrorContains(t, err, "no")
		f.say("debug_traceBlockByHash", []object{})
		refuses(t, f)
	})
}

func TestTraces_OfSingleTransactionsNeedTheBlockToStay(t *testing.T) {
	f := newFake()
	f.traced = true
	f.tx(other, 1).calls = []object{call("CALL", shop, 2)}
	f.fail("debug_traceBlockByHash", &rpcFault{-32000, "no"})
	f.replaceBlock()
	n := f.node(t)
	_, err := n.Block(t.Context(), 100)
	require.ErrorIs(t, err, chain.ErrMoved)
	delete(f.override, "eth_getBlockByNumber")
	_, err = n.Block(t.Context(), 100)
	require.NoError(t, err)
}

func TestTraces_ReceiptOfATransactionThatPassesCoinOnIsRead(t *testing.T) {
	tracedBothWays(t, func(t *testing.T, f *fakeNode) {
		unrelated := "0x" + strings.Repeat("5", 64)
		f.tx(other, 0).log(other, "0x", unrelated).calls = []object{call("CALL", shop, 2)}
		f.tx(other, 0).log(other, "0x", unrelated)
		sees(t, f, paid{"call#0:" + shop, "ETH", shop, 2})
		require.LessOrEqual(t, f.calls["eth_getTransactionReceipt"], 1)
	})
}

func TestTraces_NodeWithoutThemIsAnError(t *testing.T) {
	f := newFake()
	f.traced = true
	f.tx(shop, 5)
	f.fail("debug_traceBlockByHash", noMethod)
	_, err := f.node(t).Block(t.Context(), 100)
	require.ErrorIs(t, err, evm.ErrNoTraces)

	f.fail("debug_traceBlockByHash", &rpcFault{-32000, "required historical state unavailable"})
	f.fail("debug_traceTransaction", &rpcFault{-32000, "required historical state unavailable"})
	_, err = f.node(t).Block(t.Context(), 100)
	require.ErrorContains(t, err, "historical state")
}

func TestTraces_AreNotReadWhereTheyShowNothing(t *testing.T) {
	f := newFake()
	f.traced = true
	sees(t, f) // no transactions
	f.tx(shop, 5).transfer(usdtContract, shop, 6)
	_, err := f.node(t, usdt).Block(t.Context(), 100) // no native coin
	require.NoError(t, err)
	require.Zero(t, f.calls["debug_traceBlockByHash"])
}

func TestTraces_TransactionFromNobodyMayBeLeftOut(t *testing.T) {
	f := newFake()
	f.traced = true
	f.tx(other, 1).calls = []object{call("CALL", shop, 2)}
	traces := f.traces()
	nobody := "0x" + strings.Repeat("0", 40)
	f.tx(nobody, 0).from = nobody // as on Polygon
	f.say("debug_traceBlockByHash", traces)
	sees(t, f, paid{"value", "ETH", other, 1}, paid{"call#0:" + shop, "ETH", shop, 2})
}

// The recorded traces are of another tracer: they have the hashes, but no calls.
func TestRecorded_TracesOfAnotherTracerAreRefused(t *testing.T) {
	all := recordings(t)
	seen := 0
	for _, r := range all {
		if r.Method != "debug_traceBlockByNumber" {
			continue
		}
		var traces []struct{ TxHash string }
		f := newFake()
		f.traced = true
		f.tx(shop, 1)
		if r.Fault != nil {
			f.fail("debug_traceBlockByHash", r.Fault)
			f.fail("debug_traceTransaction", r.Fault)
			_, err := f.node(t).Block(t.Context(), 100)
			require.ErrorContains(t, err, r.Fault.Message)
			continue
		}
		require.NoError(t, json.Unmarshal(r.Result, &traces))
		f.txs = nil
		for _, trace := range traces {
			f.tx(shop, 1).hash = trace.TxHash
		}
		f.say("debug_traceBlockByHash", r.Result)
		f.say("debug_traceTransaction", object{"gas": 21000, "structLogs": []any{}})
		refuses(t, f)
		seen++
	}
	require.True(t, all == nil || seen > 0)
}
