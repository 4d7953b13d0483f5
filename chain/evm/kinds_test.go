package evm_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

func TestBlock_TypeOfATransactionMakesNoDifference(t *testing.T) {
	// Legacy, access list, dynamic fee, blob, set code; deposits and retries of rollups; some that do not exist yet.
	for _, kind := range []string{"0x0", "0x1", "0x2", "0x3", "0x4", "0x7e", "0x7f", "0x64", "0x68", "0x69", "0x6a", "0xff", "0x10000000000000000", "?"} {
		t.Run(kind, func(t *testing.T) {
			tracedBothWays(t, func(t *testing.T, f *fakeNode) {
				f.tx(shop, 5).kind = kind
				failed := f.tx(shop, 6)
				failed.kind, failed.status, failed.failure = kind, "0x0", "execution reverted"
				f.tx(other, 0).transfer(usdtContract, shop, 7).kind = kind
				sees(t, f, paid{"value", "ETH", shop, 5}, paid{usdtContract + "#0", "USDT", shop, 7})
			})
		})
	}
}

func TestBlock_FieldsOfOtherNetworksDoNoHarm(t *testing.T) {
	f := newFake()
	f.tx(shop, 5)
	b := f.full()
	tx := b["transactions"].([]any)[0].(object)
	for field, value := range (object{
		"mint": "0x56bc75e2d63100000", "sourceHash": blockHash, "isSystemTx": true, "type": "0x7e", "gasPrice": nil, // OP stack
		"requestId": blockHash, "retryTo": shop, "retryValue": "0x99", "depositValue": "0x99", "refundTo": shop, // Arbitrum
		"blobVersionedHashes": []string{blockHash}, "authorizationList": []object{{"address": shop, "nonce": "0x0"}}, "maxFeePerBlobGas": "0x1",
	}) {
		tx[field] = value
	}
	b["l1BlockNumber"], b["sendRoot"], b["milliTimestamp"], b["blockExtraData"] = "0x1", blockHash, "0x1", "0x"
	f.say("eth_getBlockByNumber", b)
	receipts := f.receipts()
	receipts[0]["depositNonce"], receipts[0]["l1Fee"], receipts[0]["gasUsedForL1"] = "0x1", "0x1", "0x1"
	f.say("eth_getBlockReceipts", receipts)
	sees(t, f, paid{"value", "ETH", shop, 5})
}

func TestBlock_FailedDepositCreditsNothingThoughItMints(t *testing.T) {
	f := newFake()
	f.tx(shop, 5).status = "0x0"
	b := f.full()
	tx := b["transactions"].([]any)[0].(object)
	tx["type"], tx["mint"] = "0x7e", "0x5" // what is minted goes to the sender
	f.say("eth_getBlockByNumber", b)
	sees(t, f)
}

func TestBlock_NetworksOwnTransactionsAreNotPayments(t *testing.T) {
	const nobody = "0x0000000000000000000000000000000000000000"
	tracedBothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx("0x0000000000000000000000000000000000001000", 77).from = other // BSC: a validator hands in the fees
		f.tx(nobody, 0).from = nobody                                       // Polygon: the bridge's state
		f.tx("0x4200000000000000000000000000000000000015", 0).from = "0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001"
		f.tx(shop, 5)
		b, err := f.node(t).Block(t.Context(), 100)
		require.NoError(t, err)
		var mine []string
		for _, x := range b.Transfers {
			if x.To == shop {
				mine = append(mine, x.Units.String())
			}
		}
		require.Equal(t, []string{"5"}, mine)
	})
}

func TestBlock_LogsThatHeadersOfPolygonLeaveOut(t *testing.T) {
	const nobody = "0x0000000000000000000000000000000000000000"
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(other, 0).log(other, "0x", "0x"+strings.Repeat("5", 64))
		without := f.header()["logsBloom"]
		x := f.tx(nobody, 0).transfer(usdtContract, shop, 7) // the bridge mints
		x.from = nobody
		b := f.full()
		b["logsBloom"] = without
		f.say("eth_getBlockByNumber", b)
		sees(t, f, paid{usdtContract + "#0", "USDT", shop, 7})

		x.from = payer // but no log of a transaction that somebody sent may be left out
		b = f.full()
		b["logsBloom"] = without
		f.say("eth_getBlockByNumber", b)
		if f.override["eth_getBlockReceipts"] == nil {
			refuses(t, f)
		}
	})
}

func TestBlock_WithdrawalsOfValidatorsAreNoPayments(t *testing.T) {
	f := newFake()
	f.tx(other, 1)
	b := f.full()
	b["withdrawals"] = []object{{"index": "0x1", "validatorIndex": "0x2", "address": strings.ToLower(shop), "amount": "0x3b9aca00"}}
	b["withdrawalsRoot"], b["miner"] = blockHash, strings.ToLower(shop)
	f.say("eth_getBlockByNumber", b)
	sees(t, f, paid{"value", "ETH", other, 1})
}

func TestIncident11_SymbolsOfContractsAreNeverAsked(t *testing.T) {
	f := newFake()
	var asked []string
	f.override["eth_call"] = func(p []json.RawMessage) (any, *rpcFault) {
		asked = append(asked, string(p[0]))
		return fmt.Sprintf("0x%064x", 6), nil
	}
	f.tx(other, 0).transfer(other, shop, 1000) // with whatever name
	n := f.node(t, usdt)
	_, err := n.Tip(t.Context())
	require.NoError(t, err)
	b, err := n.Block(t.Context(), 100)
	require.NoError(t, err)
	require.Empty(t, b.Transfers)
	require.Len(t, asked, 1)
	require.Contains(t, asked[0], "0x313ce567", "only decimals")
	require.Contains(t, asked[0], usdtContract)
}

func TestA14_AssetsAreNeverAddedTogether(t *testing.T) {
	bothWays(t, func(t *testing.T, f *fakeNode) {
		f.tx(shop, 5).transfer(usdtContract, shop, 5).transfer(usdcContract, shop, 5)
		sees(t, f, paid{"value", "ETH", shop, 5}, paid{usdtContract + "#0", "USDT", shop, 5}, paid{usdcContract + "#0", "USDC", shop, 5})
	})
}

func TestA45_WatchingAddressesCostsTheNodeNothing(t *testing.T) {
	// A Node reports all payments and is given no address: there is no list to grow, and no filter of recipients in
	// its requests.
	f := newFake()
	f.fail("eth_getBlockReceipts", noMethod)
	f.tx(other, 0).transfer(usdtContract, shop, 5)
	f.override["eth_getLogs"] = func(p []json.RawMessage) (any, *rpcFault) {
		var filter struct{ Topics []any }
		require.NoError(t, json.Unmarshal(p[0], &filter))
		require.Len(t, filter.Topics, 1)
		return f.tokenLogs(p[0]), nil
	}
	sees(t, f, paid{usdtContract + "#0", "USDT", shop, 5})
	require.Equal(t, 1, f.calls["eth_getLogs"])
}

func TestBlock_LogsAreNotRequestedWhereTheFilterShowsNone(t *testing.T) {
	f := newFake()
	f.fail("eth_getBlockReceipts", noMethod)
	f.tx(shop, 1).log(other, "0x", "0x"+strings.Repeat("5", 64))
	sees(t, f, paid{"value", "ETH", shop, 1})
	require.Zero(t, f.calls["eth_getLogs"])
}

func TestA7_AddressesNeedNoNode(t *testing.T) {
	w, err := evm.NewWallet(account)
	require.NoError(t, err)
	first, err := w.Address(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, chain.Address(payer), first)
}

func TestA13_AddressesBeyondAnyGapLimitAreFoundAgain(t *testing.T) {
	w, err := evm.NewWallet(account)
	require.NoError(t, err)
	again, err := evm.NewWallet(account)
	require.NoError(t, err)
	require.Equal(t, w.Name(), again.Name())
	for _, index := range []uint32{0, 19, 20, 21, 1000, 1 << 20, 1<<31 - 1} {
		a, err := w.Address(t.Context(), index)
		require.NoError(t, err)
		b, err := again.Address(t.Context(), index)
		require.NoError(t, err)
		require.Equal(t, a, b)
	}
}
