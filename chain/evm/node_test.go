package evm_test

import (
	"encoding/json"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

func TestBlock_NativeAndTokenTransfersInChainOrder(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(shop, 5)
		f.tx(usdcContract, 0).transfer(usdcContract, shop, 7).transfer(usdtContract, shop2, 8)
		f.tx(shop2, 9).transfer(usdtContract, shop, 10)
		sees(t, f,
			paid{"value", "ETH", shop, 5},
			paid{usdcContract + "#0", "USDC", shop, 7},
			paid{usdtContract + "#0", "USDT", shop2, 8},
			paid{"value", "ETH", shop2, 9},
			paid{usdtContract + "#0", "USDT", shop, 10})
	})
}

func TestBlock_HeaderAndFieldsAreTheBlocks(t *testing.T) {
	f := newFake()
	f.tx(shop, 5)
	n := f.node(t)
	b, err := n.Block(t.Context(), 100)
	require.NoError(t, err)
	want := chain.Header{Height: 100, Hash: blockHash, Parent: "0x" + strings.Repeat("1", 64), Time: time.Unix(0x65000000, 0).UTC()}
	require.Equal(t, want, b.Header)
	require.Equal(t, chain.Transfer{
		TxID: f.txs[0].hash, Index: "value", Asset: ether.ID, From: payer, To: shop, Units: big.NewInt(5),
	}, b.Transfers[0])
	h, err := n.Header(t.Context(), 100)
	require.NoError(t, err)
	require.Equal(t, want, h)
}

func TestBlock_BeyondTheTipIsNotFound(t *testing.T) {
	n := newFake().node(t)
	_, err := n.Block(t.Context(), 101)
	require.ErrorIs(t, err, chain.ErrNotFound)
	_, err = n.Header(t.Context(), 101)
	require.ErrorIs(t, err, chain.ErrNotFound)
}

func TestBlock_OfAnotherHeightIsRefused(t *testing.T) {
	f := newFake()
	f.tx(shop, 5)
	n := f.node(t)
	f.say("eth_getBlockByNumber", f.full())
	_, err := n.Block(t.Context(), 99)
	require.ErrorIs(t, err, chain.ErrIncomplete)
	_, err = n.Header(t.Context(), 99)
	require.ErrorIs(t, err, chain.ErrIncomplete)
}

func TestIncident2_CallDataWithoutLogCreditsNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(usdtContract, 0).input = "0xa9059cbb" + topic(shop)[2:] + strings.Repeat("0", 61) + "3e8"
		sees(t, f)
	})
}

func TestIncident3_FailedTransactionCreditsNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(shop, 5).status = "0x0"
		f.tx(shop, 6)
		f.tx(usdtContract, 0).transfer(usdtContract, shop, 7).status = "0x0"
		sees(t, f, paid{"value", "ETH", shop, 6})
	})
}

func TestIncident1_ReceiptThatDoesNotSayItSucceededCreditsNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(shop, 5).status = nil
		sees(t, f)
	})
}

func TestIncident6_AmountReceivedCountsNotAmountSent(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		x := f.tx(usdtContract, 0).transfer(usdtContract, shop, 99).transfer(usdtContract, other, 1)
		x.input = "0xa9059cbb" + topic(shop)[2:] + strings.Repeat("0", 62) + "64"
		sees(t, f, paid{usdtContract + "#0", "USDT", shop, 99}, paid{usdtContract + "#1", "USDT", other, 1})
	})
}

func TestIncident10_AnotherContractOfTheSameSymbolCreditsNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(other, 0).transfer(other, shop, 1_000_000)
		sees(t, f)
	})
}

func TestIncident14_OtherLogsWithTheSameTopicCreditNothing(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		one := "0x" + strings.Repeat("0", 63) + "1"
		f.tx(usdtContract, 0).
			log(usdtContract, "0x", transferTopic, topic(payer), topic(shop), one). // ERC-721
			log(usdtContract, one, transferTopic, topic(payer), topic(shop), one).
			log(usdtContract, one, transferTopic, topic(payer)).
			log(usdtContract, one+strings.Repeat("0", 64), transferTopic, topic(payer), topic(shop)).                                // two words
			log(usdtContract, "0x01", transferTopic, topic(payer), topic(shop)).                                                     // one byte
			log(usdtContract, one, transferTopic, topic(payer), "0xff"+topic(shop)[4:]).                                             // not an address
			log(usdtContract, one, "0x8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925", topic(payer), topic(shop)). // Approval
			log(usdtContract, "0x")
		f.tx(shop, 5).transfer("0xfffffffffffffffffffffffffffffffffffffffe", shop, 5) // EIP-7708
		sees(t, f, paid{"value", "ETH", shop, 5})
	})
}

func TestIncident15_AssetOfAnotherNetworkIsRefused(t *testing.T) {
	polygon, err := evm.ERC20("eip155:137", usdtContract, "USDT", 6)
	require.NoError(t, err)
	client, err := evm.Dial(t.Context(), "http://127.0.0.1:1", nil)
	require.NoError(t, err)
	_, err = evm.New(evm.Config{Network: network, RPC: client, Assets: []chain.Asset{polygon}})
	require.ErrorContains(t, err, "not on eip155:1")
}

func TestIncident16_OneReceiptForTwoTransactionsIsRefused(t *testing.T) {
	f := newFake()
	f.tx(shop, 5)
	f.tx(shop, 5)
	receipts := f.receipts()
	f.say("eth_getBlockReceipts", []object{receipts[1], receipts[1]})
	sees(t, f, paid{"value", "ETH", shop, 5}, paid{"value", "ETH", shop, 5})
	f.sayEach(t, []object{receipts[1], receipts[1]})
	refuses(t, f)
	f.override["eth_getTransactionReceipt"] = func([]json.RawMessage) (any, *rpcFault) { return receipts[1], nil }
	refuses(t, f)
}

func TestIncident16_TransactionListedTwiceIsRefused(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(shop, 5)
		f.txs = append(f.txs, f.txs[0])
		refuses(t, f)
	})
}

func TestIncident20_ScanningTwiceGivesTheSameKeys(t *testing.T) {
	f := newFake()
	f.tx(shop, 5).transfer(usdtContract, shop, 6).transfer(usdcContract, shop, 7)
	n := f.node(t)
	first, err := n.Block(t.Context(), 100)
	require.NoError(t, err)
	second, err := n.Block(t.Context(), 100)
	require.NoError(t, err)
	require.Equal(t, first, second)
	f.fail("eth_getBlockReceipts", noMethod)
	third, err := n.Block(t.Context(), 100)
	require.NoError(t, err)
	require.Equal(t, first, third)
	only, err := f.node(t, usdc).Block(t.Context(), 100)
	require.NoError(t, err)
	require.Equal(t, first.Transfers[2:], only.Transfers, "a key must not depend on which other assets are watched")
}

func TestIncident21_EveryLogOfATransactionHasItsOwnKey(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(other, 0).
			transfer(usdtContract, shop, 1).
			transfer(usdcContract, shop, 2).
			transfer(usdtContract, shop, 3).
			transfer(usdtContract, shop2, 4)
		sees(t, f,
			paid{usdtContract + "#0", "USDT", shop, 1},
			paid{usdcContract + "#0", "USDC", shop, 2},
			paid{usdtContract + "#1", "USDT", shop, 3},
			paid{usdtContract + "#2", "USDT", shop2, 4})
	})
}

func TestIncident30_KeyDoesNotDependOnThePlaceInTheBlock(t *testing.T) {
	f := newFake()
	x := f.tx(other, 0).transfer(usdtContract, shop, 1).transfer(usdtContract, shop, 2)
	x.hash = "0x" + strings.Repeat("4", 64)
	before, err := f.node(t).Block(t.Context(), 100)
	require.NoError(t, err)

	f = newFake() // the reorganised chain: other transactions and logs come first
	f.tx(other, 0).transfer(usdtContract, other, 1)
	f.tx(shop2, 8)
	f.txs = append(f.txs, x)
	after, err := f.node(t).Block(t.Context(), 100)
	require.NoError(t, err)
	require.Equal(t, before.Transfers, after.Transfers[2:])
}

func TestIncident31_LogsWithoutTheBlocksProofAreRefused(t *testing.T) {
	withBlock := func() *fakeNode {
		f := newFake()
		f.tx(shop, 5)
		f.tx(other, 0).transfer(usdtContract, shop, 6).transfer(usdtContract, shop2, 7)
		return f
	}
	for name, lie := range map[string]func(f *fakeNode, r []object) any{
		"no receipts":     func(*fakeNode, []object) any { return []object{} },
		"null":            func(*fakeNode, []object) any { return nil },
		"null in it":      func(_ *fakeNode, r []object) any { return []any{r[0], nil} },
		"one missing":     func(_ *fakeNode, r []object) any { return r[:1] },
		"order":           func(_ *fakeNode, r []object) any { return []object{r[1], r[0]} },
		"another block's": func(_ *fakeNode, r []object) any { r[0]["blockHash"] = "0x" + strings.Repeat("2", 64); return r },
		"no logs":         func(_ *fakeNode, r []object) any { r[1]["logs"] = []object{}; return r },
		"one log missing": func(_ *fakeNode, r []object) any { r[1]["logs"] = r[1]["logs"].([]object)[:1]; return r },
		"removed log":     func(_ *fakeNode, r []object) any { r[1]["logs"].([]object)[1]["removed"] = true; return r },
		"log of another block": func(_ *fakeNode, r []object) any {
			r[1]["logs"].([]object)[0]["blockHash"] = "0x" + strings.Repeat("2", 64)
			return r
		},
		"log of another transaction": func(_ *fakeNode, r []object) any {
			r[1]["logs"].([]object)[0]["transactionHash"] = r[0]["transactionHash"]
			return r
		},
		"one twice": func(_ *fakeNode, r []object) any {
			other := maps.Clone(r[1])
			other["logs"] = []object{}
			return []object{r[0], r[1], other}
		},
		"log twice": func(_ *fakeNode, r []object) any {
			logs := r[1]["logs"].([]object)
			r[1]["logs"] = append(logs, logs[1])
			return r
		},
		"invented log": func(_ *fakeNode, r []object) any {
			r[0]["logs"] = []object{{
				"address": usdcContract, "topics": []string{transferTopic, topic(payer), topic(shop)},
				"data": "0x" + strings.Repeat("0", 63) + "1", "transactionHash": r[0]["transactionHash"], "blockHash": blockHash,
				"logIndex": "0x9", "removed": false,
			}}
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, liar := withBlock(), withBlock()
			told := lie(liar, liar.receipts())
			f.say("eth_getBlockReceipts", told)
			sees(t, f, paid{"value", "ETH", shop, 5}, paid{usdtContract + "#0", "USDT", shop, 6}, paid{usdtContract + "#1", "USDT", shop2, 7})
			if name == "order" {
				return // each names its transaction
			}
			f.sayEach(t, told)
			refuses(t, f)
		})
	}
	t.Run("gas used without transactions", func(t *testing.T) {
		f := newFake()
		h := f.header()
		h["gasUsed"] = "0x5208"
		f.say("eth_getBlockByNumber", h)
		refuses(t, f)
	})
	t.Run("logs without transactions", func(t *testing.T) {
		f := newFake()
		h := f.header()
		h["logsBloom"] = withBlock().header()["logsBloom"]
		f.say("eth_getBlockByNumber", h)
		refuses(t, f)
	})
}

func TestIncident31_EmptyLogsAreNotTrustedAgainstTheHeader(t *testing.T) {
	stale := func() *fakeNode {
		f := newFake()
		f.fail("eth_getBlockReceipts", noMethod)
		f.tx(other, 0).transfer(usdtContract, shop, 6)
		f.tx(other, 0)
		return f
	}
	unfiltered := func() *fakeNode {
		f := stale()
		h := f.full()
		h["logsBloom"] = "0x" + strings.Repeat("0", 512)
		f.say("eth_getBlockByNumber", h)
		return f
	}
	t.Run("the receipts then decide", func(t *testing.T) {
		f := stale()
		f.say("eth_getLogs", []object{})
		sees(t, f, paid{usdtContract + "#0", "USDT", shop, 6})
	})
	t.Run("also where headers have no filter", func(t *testing.T) {
		f := unfiltered()
		f.say("eth_getLogs", nil)
		sees(t, f, paid{usdtContract + "#0", "USDT", shop, 6})
	})
	t.Run("receipts that lack a log, where headers have no filter", func(t *testing.T) {
		f := unfiltered()
		f.say("eth_getLogs", f.receipts()[0]["logs"])
		f.txs[0].logs = nil
		refuses(t, f)
	})
	t.Run("receipts that are stale too", func(t *testing.T) {
		f := stale()
		f.say("eth_getLogs", []object{})
		receipts := f.receipts()
		f.override["eth_getTransactionReceipt"] = func(p []json.RawMessage) (any, *rpcFault) {
			for _, r := range receipts {
				if string(p[0]) == `"`+r["transactionHash"].(string)+`"` {
					r["logs"] = []object{}
					return r, nil
				}
			}
			return nil, nil
		}
		refuses(t, f)
	})
	t.Run("receipts that are not there yet", func(t *testing.T) {
		f := stale()
		f.say("eth_getTransactionReceipt", nil)
		refuses(t, f)
	})
	t.Run("part of a transaction's logs", func(t *testing.T) {
		f := stale()
		f.txs[0].transfer(usdtContract, shop, 7)
		f.say("eth_getLogs", f.receipts()[0]["logs"].([]object)[:1])
		refuses(t, f)
	})
	t.Run("logs of a transaction that is not in the block", func(t *testing.T) {
		f := stale()
		logs := f.receipts()[0]["logs"].([]object)
		f.txs = f.txs[1:]
		f.tx(other, 0).hash = "0x" + strings.Repeat("3", 64)
		f.say("eth_getLogs", logs)
		refuses(t, f)
	})
	for name, lie := range map[string]object{
		"removed":         {"removed": true},
		"another block's": {"blockHash": "0x" + strings.Repeat("2", 64)},
	} {
		t.Run(name, func(t *testing.T) {
			f := stale()
			l := f.receipts()[0]["logs"].([]object)[0]
			forged := object{}
			for k, v := range l {
				forged[k] = v
			}
			for k, v := range lie {
				forged[k] = v
			}
			f.say("eth_getLogs", []object{forged})
			refuses(t, f)
		})
	}
}

func TestUnwatchedLogs_DecideNothing(t *testing.T) {
	strange := map[string]object{
		"another block's":       {"blockHash": "0x" + strings.Repeat("2", 64)},
		"another transaction's": {"transactionHash": "0x" + strings.Repeat("2", 64)},
		"no block":              {"blockHash": nil, "transactionHash": nil, "logIndex": nil},
		"out of form":           {"blockHash": "0x2", "transactionHash": 5, "logIndex": "x", "data": "0x0"},
		"no data":               {"data": nil},
		"removed":               {"removed": true},
		"same place":            {"logIndex": "0x0"},
	}
	for name, change := range strange {
		t.Run(name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, f *fakeNode) {
				f.tx(shop, 5).transfer(usdtContract, shop, 6).transfer(other, shop, 7).log(other, "0x", transferTopic)
				logs := f.receipts()[0]["logs"].([]object)
				for _, l := range logs[1:] {
					maps.Copy(l, change)
				}
				f.strange = true
				sees(t, f, paid{"value", "ETH", shop, 5}, paid{usdtContract + "#0", "USDT", shop, 6})

				// Of a log that is watched it does matter.
				if name != "same place" {
					maps.Copy(logs[0], change)
					_, err := f.node(t).Block(t.Context(), 100)
					require.ErrorIs(t, err, chain.ErrIncomplete)
				}
			})
		})
	}
	t.Run("not asked for", func(t *testing.T) {
		f := newFake()
		f.fail("eth_getBlockReceipts", noMethod)
		f.tx(other, 0).transfer(usdtContract, shop, 6).transfer(other, shop, 7)
		f.say("eth_getLogs", f.receipts()[0]["logs"])
		sees(t, f, paid{usdtContract + "#0", "USDT", shop, 6})
	})
}

func TestIncident48_ZeroValueTransfersAreNoTransfers(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(shop, 0)
		f.tx(other, 0).transfer(usdtContract, shop, 0).transfer(usdtContract, shop, 5)
		sees(t, f, paid{usdtContract + "#1", "USDT", shop, 5})
	})
}

func TestA9_MatchesByDestinationAndContractNeverBySender(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		x := f.tx(other, 0) // an exchange's contract sends, called by somebody unknown
		x.from = shop2
		x.transfer(usdtContract, shop, 5)
		sees(t, f, paid{usdtContract + "#0", "USDT", shop, 5})
	})
}

func TestBlock_ValueGivenToANewContractIsNoTransfer(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx("", 5)
		sees(t, f)
	})
}

func TestBlock_AmountsUpTo256Bits(t *testing.T) {
	for value, fits := range map[string]bool{
		"0x" + strings.Repeat("f", 64):  true,
		"0x1" + strings.Repeat("0", 64): false,
		"0x":                            false,
		"1":                             false,
		"0xzz":                          false,
		"-0x1":                          false,
		"0x 1":                          false,
		"0x0x1":                         false,
		"0x1\n":                         false,
		"１":                             false,
		"0X1":                           false,
		"0x0001":                        true, // some nodes pad
	} {
		f := newFake()
		f.tx(shop, 0).value = value
		b, err := f.node(t).Block(t.Context(), 100)
		if !fits {
			require.Error(t, err, value)
			continue
		}
		require.NoError(t, err, value)
		want, ok := new(big.Int).SetString(value, 0)
		if value == "0x0001" {
			want, ok = big.NewInt(1), true
		}
		require.True(t, ok)
		require.Equal(t, want, b.Transfers[0].Units)
	}
}

func TestBlock_MissingFieldsAreRefusedNotZero(t *testing.T) {
	for _, field := range []string{"hash", "number"} {
		f := newFake()
		f.tx(shop, 5)
		b := f.full()
		delete(b, field)
		f.say("eth_getBlockByNumber", b)
		_, err := f.node(t).Block(t.Context(), 100)
		require.ErrorIs(t, err, chain.ErrIncomplete, field)
	}
	for _, field := range []string{"hash", "value"} {
		f := newFake()
		f.tx(shop, 5)
		b := f.full()
		delete(b["transactions"].([]any)[0].(object), field)
		f.say("eth_getBlockByNumber", b)
		_, err := f.node(t).Block(t.Context(), 100)
		require.ErrorIs(t, err, chain.ErrIncomplete, field)
	}
}

func TestBlock_EmptyBlockNeedsOneCall(t *testing.T) {
	f := newFake()
	sees(t, f)
	require.Zero(t, f.calls["eth_getBlockReceipts"])
}

func TestBlock_MissingMethodIsRememberedAndBatchesAreBounded(t *testing.T) {
	f := newFake()
	f.fail("eth_getBlockReceipts", noMethod)
	for range 250 {
		f.tx(shop, 1)
	}
	n := f.node(t)
	for range 2 {
		b, err := n.Block(t.Context(), 100)
		require.NoError(t, err)
		require.Len(t, b.Transfers, 250)
	}
	require.Equal(t, 1, f.calls["eth_getBlockReceipts"])
	require.Equal(t, 100, f.batch)
}

func TestBlock_OtherErrorsDoNotChangeTheWayForGood(t *testing.T) {
	f := newFake()
	f.tx(shop, 1)
	n := f.node(t)
	f.fail("eth_getBlockReceipts", &rpcFault{-32005, "limit exceeded"})
	_, err := n.Block(t.Context(), 100)
	require.NoError(t, err)
	require.Equal(t, 1, f.calls["eth_getTransactionReceipt"])
	require.Zero(t, f.calls["eth_getLogs"], "logs alone would prove less")
	delete(f.override, "eth_getBlockReceipts")
	_, err = n.Block(t.Context(), 100)
	require.NoError(t, err)
	require.Equal(t, 1, f.calls["eth_getTransactionReceipt"])
}

func TestNew_ErrorNamesTheField(t *testing.T) {
	client, err := evm.Dial(t.Context(), "http://127.0.0.1:1", nil)
	require.NoError(t, err)
	for want, c := range map[string]evm.Config{
		"Config.Network":                 {Network: "bip122:000000000019d6689c085ae165831e93", RPC: client, Assets: []chain.Asset{ether}},
		`"eip155:01"`:                    {Network: "eip155:01", RPC: client, Assets: []chain.Asset{ether}},
		"Config.RPC":                     {Network: network, Assets: []chain.Asset{ether}},
		"at least one asset is required": {Network: network, RPC: client},
		"second native":                  {Network: network, RPC: client, Assets: []chain.Asset{ether, ether}},
		"configured twice":               {Network: network, RPC: client, Assets: []chain.Asset{usdt, usdt}},
		"18 decimals":                    {Network: network, RPC: client, Assets: []chain.Asset{{ID: ether.ID, Code: "ETH", Decimals: 8}}},
		"write the contract as 0xdAC": {Network: network, RPC: client, Assets: []chain.Asset{
			{ID: chain.AssetID("eip155:1/erc20:" + strings.ToLower(usdtContract)), Code: "USDT", Decimals: 6}}},
		"neither slip44 nor erc20": {Network: network, RPC: client, Assets: []chain.Asset{
			{ID: chain.AssetID("eip155:1/erc721:" + usdtContract), Code: "NFT"}}},
	} {
		_, err := evm.New(c)
		require.ErrorContains(t, err, want)
	}
}
