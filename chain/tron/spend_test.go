package tron_test

import (
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/chain/tron/trontest"
)

func TestState_IsThatOfTheLastSolidBlock(t *testing.T) {
	s := newScene(t)
	got, err := s.node.State(t.Context(), chain.Address(shop))
	require.NoError(t, err)
	require.Equal(t, tron.State{}, got)
	s.Give(shop, 5)
	got, err = s.node.State(t.Context(), chain.Address(shop))
	require.NoError(t, err)
	require.Equal(t, tron.State{Active: true, Sun: 5}, got)
	require.Equal(t, 2, s.Calls("walletsolidity/getaccount"))
	_, err = s.node.State(t.Context(), "nobody")
	require.ErrorIs(t, err, tron.ErrAddress)

	s.Edit("getaccount", func(any) any { return object{"address": "41" + strings.Repeat("00", 20), "balance": 7} })
	_, err = s.node.State(t.Context(), chain.Address(shop))
	require.ErrorIs(t, err, chain.ErrIncomplete, "another account")
	s.Edit("getaccount", func(any) any { return object{"Error": "busy"} })
	_, err = s.node.State(t.Context(), chain.Address(shop))
	require.Error(t, err)
}

func TestTokenBalanceAndTransferEnergy(t *testing.T) {
	s := newScene(t)
	s.GiveToken(usdtContract, shop, units(70))
	s.GiveToken(usdtContract, shop2, units(1))
	got, err := s.node.TokenBalance(t.Context(), s.usdt, chain.Address(shop))
	require.NoError(t, err)
	require.Equal(t, units(70).String(), got.String())
	got, err = s.node.TokenBalance(t.Context(), s.usdt, chain.Address(other))
	require.NoError(t, err)
	require.Zero(t, got.Sign())

	energy, reverted, err := s.node.TransferEnergy(t.Context(), s.usdt, chain.Address(shop), chain.Address(shop2), units(70))
	require.NoError(t, err)
	require.False(t, reverted)
	require.EqualValues(t, trontest.EnergyToHolder, energy)
	energy, _, err = s.node.TransferEnergy(t.Context(), s.usdt, chain.Address(shop), chain.Address(other), units(70))
	require.NoError(t, err)
	require.EqualValues(t, trontest.EnergyToNew, energy)
	_, reverted, err = s.node.TransferEnergy(t.Context(), s.usdt, chain.Address(shop), chain.Address(other), units(71))
	require.NoError(t, err)
	require.True(t, reverted)

	for name, edit := range map[string]func(o object){
		"no energy":       func(o object) { delete(o, "energy_used") },
		"negative energy": func(o object) { o["energy_used"] = -5 },
		"an error":        func(o object) { o["result"] = object{"code": "CONTRACT_VALIDATE_ERROR"} },
	} {
		s.Edit("triggerconstantcontract", func(answer any) any {
			o := answer.(object)
			edit(o)
			return o
		})
		_, _, err = s.node.TransferEnergy(t.Context(), s.usdt, chain.Address(shop), chain.Address(other), units(7))
		require.Error(t, err, name)
	}
	s.Edit("triggerconstantcontract", func(answer any) any {
		answer.(object)["constant_result"] = []string{strings.Repeat("0", 64)}
		return answer
	})
	_, reverted, err = s.node.TransferEnergy(t.Context(), s.usdt, chain.Address(shop), chain.Address(other), units(7))
	require.NoError(t, err)
	require.True(t, reverted, "a token that returns false has moved nothing")
	s.Edit("triggerconstantcontract", func(answer any) any {
		answer.(object)["constant_result"] = []string{}
		return answer
	})
	_, err = s.node.TokenBalance(t.Context(), s.usdt, chain.Address(shop))
	require.ErrorIs(t, err, chain.ErrIncomplete)
	_, _, err = s.node.TransferEnergy(t.Context(), s.usdt, chain.Address(shop), chain.Address(other), new(big.Int).Lsh(units(1), 256))
	require.Error(t, err)
}

func TestPrices_AreAllThereOrAnError(t *testing.T) {
	s := newScene(t)
	p, err := s.node.Prices(t.Context())
	require.NoError(t, err)
	require.Equal(t, tron.Prices{Energy: 100, Byte: 1000, Account: 1_000_000, NewBytes: 100_000, MaxLimit: 15_000_000_000}, p)
	for _, name := range []string{"getEnergyFee", "getTransactionFee", "getCreateNewAccountFeeInSystemContract", "getCreateAccountFee", "getMaxFeeLimit"} {
		for _, value := range []int64{0, -1, 1 << 50} {
			s.SetPrice(name, value)
			_, err := s.node.Prices(t.Context())
			require.ErrorContains(t, err, name)
		}
		s.SetPrice(name, 1)
	}
}

func TestHasCode(t *testing.T) {
	s := newScene(t)
	for address, want := range map[string]bool{usdtContract: true, shop: false} {
		got, err := s.node.HasCode(t.Context(), chain.Address(address))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestBroadcast_ReturnsCodeAndWordsOfTheNode(t *testing.T) {
	s := newScene(t)
	s.Edit("broadcasthex", func(any) any {
		return object{"code": "SIGERROR", "message": hex.EncodeToString([]byte("Validate signature error"))}
	})
	code, message, err := s.node.Broadcast(t.Context(), []byte{1})
	require.NoError(t, err)
	require.Equal(t, []string{"SIGERROR", "Validate signature error"}, []string{code, message})
	s.Edit("broadcasthex", func(any) any { return object{"result": true, "txid": "00"} })
	code, _, err = s.node.Broadcast(t.Context(), []byte{1})
	require.NoError(t, err)
	require.Equal(t, "SUCCESS", code, "a node leaves out the zero of the codes")
	s.Edit("broadcasthex", func(any) any { return object{} })
	code, _, err = s.node.Broadcast(t.Context(), []byte{1})
	require.NoError(t, err)
	require.Empty(t, code)
	s.Edit("broadcasthex", nil)
	_, _, err = s.node.Broadcast(t.Context(), []byte{1})
	require.Error(t, err, "not a transaction")
}

func TestExecution_IsWhatTheBlockSays(t *testing.T) {
	s := newScene(t)
	good := s.call().Token(usdtContract, payer, shop, units(9)).Token(other, payer, shop2, units(3))
	bad := s.call().Token(usdtContract, payer, shop, units(9)).Fail("OUT_OF_ENERGY")
	coin := s.Transfer(payer, shop, 5)
	s.Chain.Mine(3)
	height := s.mine(good, bad, coin)
	e, err := s.node.Execution(t.Context(), good.ID)
	require.NoError(t, err)
	require.Equal(t, height, e.Header.Height)
	require.False(t, e.Final || e.Failed)
	require.EqualValues(t, 267_000, e.Fee)
	require.Len(t, e.Transfers, 1, "of what the node watches")
	require.Equal(t, []tron.TokenLog{
		{Contract: usdtContract, From: chain.Address(payer), To: chain.Address(shop), Units: units(9)},
		{Contract: chain.Address(other), From: chain.Address(payer), To: chain.Address(shop2), Units: units(3)},
	}, e.Tokens)
	e, err = s.node.Execution(t.Context(), bad.ID)
	require.NoError(t, err)
	require.True(t, e.Failed)
	require.Equal(t, "OUT_OF_ENERGY", e.Result)
	require.Empty(t, e.Transfers)
	require.Empty(t, e.Tokens)
	s.Chain.Mine(trontest.Solid)
	e, err = s.node.Execution(t.Context(), coin.ID)
	require.NoError(t, err)
	require.True(t, e.Final)
	require.False(t, e.Failed)
	require.Len(t, e.Transfers, 1)

	_, err = s.node.Execution(t.Context(), strings.Repeat("ab", 32))
	require.ErrorIs(t, err, chain.ErrNotFound)
	_, err = s.node.Execution(t.Context(), "ab")
	require.Error(t, err)
	for name, edit := range map[string]func(o object){
		"another id":    func(o object) { o["id"] = bad.ID },
		"another block": func(o object) { o["blockNumber"] = height - 1 },
		"negative fee":  func(o object) { o["fee"] = -1 },
		"failed":        func(o object) { o["receipt"] = object{"result": "REVERT"} },
	} {
		s.Edit("gettransactioninfobyid", func(answer any) any {
			o := answer.(object)
			edit(o)
			return o
		})
		_, err = s.node.Execution(t.Context(), good.ID)
		require.ErrorIs(t, err, chain.ErrIncomplete, name)
	}
}

func TestExecution_IsFinalOnlyInASolidBlock(t *testing.T) {
	s := newScene(t)
	x := s.Transfer(payer, shop, 5)
	s.Chain.Mine(1)
	height := s.mine(x)
	s.Chain.Mine(trontest.Solid)
	e, err := s.node.Execution(t.Context(), x.ID)
	require.NoError(t, err)
	require.True(t, e.Final)
	fork, err := s.node.Header(t.Context(), height-1)
	require.NoError(t, err)
	// The solidified view has another block at the height than the full node: one of them is on a fork.
	s.Edit("getblock", func(answer any) any {
		o := answer.(object)
		raw := o["block_header"].(object)["raw_data"].(object)
		raw["timestamp"] = 5
		o["block_header"].(object)["raw_data"].(object)["strange"] = true // an id that nothing proves
		o["blockID"] = o["blockID"].(string)[:16] + fork.Hash[16:]
		return o
	})
	_, err = s.node.Execution(t.Context(), x.ID)
	require.ErrorIs(t, err, chain.ErrIncomplete)
}

func TestAbsent_IsProvenByLinkedSolidBlocks(t *testing.T) {
	s := newScene(t)
	s.Chain.Mine(5)
	x := s.Transfer(payer, shop, 5)
	ref, err := s.node.Header(t.Context(), 3)
	require.NoError(t, err)
	s.Chain.Mine(4) // up to block 9
	at := func(height uint64) time.Time {
		h, err := s.node.Header(t.Context(), height)
		require.NoError(t, err)
		return h.Time
	}
	expires := at(8)
	_, _, err = s.node.Absent(t.Context(), x.ID, ref, expires, 100)
	require.ErrorIs(t, err, chain.ErrNotFound, "block 8 is not solidified")
	s.Chain.Mine(trontest.Solid)

	last, over, err := s.node.Absent(t.Context(), x.ID, ref, expires, 100)
	require.NoError(t, err)
	require.True(t, over)
	require.EqualValues(t, 8, last.Height)
	last, over, err = s.node.Absent(t.Context(), x.ID, ref, expires, 2)
	require.NoError(t, err)
	require.False(t, over)
	require.EqualValues(t, 5, last.Height)
	last, over, err = s.node.Absent(t.Context(), x.ID, last, expires, 3)
	require.NoError(t, err)
	require.True(t, over)
	require.EqualValues(t, 8, last.Height)

	strange := ref
	strange.Hash = strings.Repeat("0", 64)
	_, over, err = s.node.Absent(t.Context(), x.ID, strange, expires, 100)
	require.ErrorIs(t, err, chain.ErrIncomplete, "not the chain of the reference")
	require.False(t, over)

	s.Edit("getblockbynum", func(answer any) any { // a lite full node, or one that lags
		if answer.(object)["block_header"].(object)["raw_data"].(object)["number"].(interface{ String() string }).String() == "7" {
			return object{}
		}
		return answer
	})
	_, over, err = s.node.Absent(t.Context(), x.ID, ref, expires, 100)
	require.True(t, errors.Is(err, chain.ErrNotFound) && !over)
	s.Edit("getblockbynum", func(answer any) any { // a transaction that the node does not show
		delete(answer.(object), "transactions")
		return answer
	})
	height := s.mine(x)
	ref, err = s.node.Header(t.Context(), height-1)
	require.NoError(t, err)
	s.Chain.Mine(trontest.Solid)
	_, over, err = s.node.Absent(t.Context(), x.ID, ref, at(height), 100)
	require.Error(t, err, "the root says that there is one")
	require.False(t, over)
	s.Edit("getblockbynum", nil)
	_, over, err = s.node.Absent(t.Context(), x.ID, ref, at(height), 100)
	require.ErrorIs(t, err, tron.ErrPresent)
	require.False(t, over)
}

func TestWallet_ChangeIsBranch1(t *testing.T) {
	w := wallet(t, accountKey)
	first, err := w.Change(t.Context(), 0)
	require.NoError(t, err)
	require.EqualValues(t, "THLNguYKN3S8RUzVyi9ErynW4YmXLU5c8n", first)
	receive, err := w.Address(t.Context(), 0)
	require.NoError(t, err)
	require.NotEqual(t, receive, first)
	_, err = w.Change(t.Context(), 1<<31)
	require.ErrorIs(t, err, tron.ErrIndex)
}
