package bitcoin_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

func TestSend_TranslatesTheNodesRefusals(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	for _, c := range []struct {
		code   int
		reason string
		want   payout.Refusal // empty: a node has it; "?": unknown
	}{
		{-27, "Transaction outputs already in utxo set", ""},
		{-27, "transaction already in block chain", ""},
		{-26, "txn-already-known", ""},
		{-26, "txn-already-in-mempool", ""},
		{-26, "TX rejected: already have transaction abc in mempool", ""},
		{-26, "min relay fee not met, 140 < 142", payout.RefusedFee},
		{-26, "66: mempool min fee not met", payout.RefusedFee},
		{-26, "insufficient fee, rejecting replacement abc", payout.RefusedFee},
		{-26, "dust", payout.RefusedDust},
		{-26, "too-long-mempool-chain, too many unconfirmed ancestors", payout.RefusedTooSoon},
		{-26, "txn-mempool-conflict", payout.RefusedSpent},
		{-26, "bad-txns-inputs-missingorspent", payout.RefusedSpent},
		{-25, "bad-txns-inputs-missingorspent", payout.RefusedSpent},
		{-25, "Missing inputs", payout.RefusedSpent},
		{-25, "TX rejected: orphan transaction abc references outputs", payout.RefusedSpent},
		{-26, "mandatory-script-verify-flag-failed", payout.RefusedInvalid},
		{-26, "something that nobody has heard of", payout.RefusedInvalid},
		{-22, "TX decode failed", payout.RefusedInvalid},
		{-28, "Loading block index", "?"},
		{-1, "out of memory", "?"},
	} {
		f.replies["sendrawtransaction"] = fmt.Sprintf(`!{"code":%d,"message":%q}`, c.code, c.reason)
		err := s.spender.Send(t.Context(), payout.Version{Raw: []byte{1}})
		refused, ok := errors.AsType[*payout.RefusedError](err)
		switch c.want {
		case "":
			require.NoError(t, err, c.reason)
		case "?":
			require.Error(t, err)
			require.False(t, ok, c.reason)
		default:
			require.True(t, ok, c.reason)
			require.Equal(t, c.want, refused.Code, c.reason)
			require.Equal(t, c.reason, refused.Reason)
		}
	}
	require.Error(t, s.spender.Send(t.Context(), payout.Version{Unsigned: []byte{1}}))
}

func TestLook_NothingFollowsFromAnError(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	f.put(t, s, 6, 300_000_000)
	tx := s.plan(t, s.payout(t, "a", s.stranger(t, 1), 250_000_000, 10_000_000))
	for _, method := range []string{"getblockchaininfo", "gettxout", "getrawtransaction"} {
		f.replies[method] = `!{"code":-28,"message":"Loading"}`
		_, err := s.spender.Look(t.Context(), tx)
		require.ErrorIs(t, err, chain.ErrBehind, method)
		delete(f.replies, method)
	}
	look, err := s.spender.Look(t.Context(), tx)
	require.NoError(t, err)
	require.Equal(t, payout.Look{Versions: make([]payout.Sighting, 1)}, look)

	// The anchor is spent, and the blocks cannot be read.
	f.spent[tx.Anchor] = true
	_, err = s.spender.Look(t.Context(), tx)
	require.Error(t, err)

	// A chain that moves all the time says nothing.
	delete(f.spent, tx.Anchor)
	f.change = func(method string) {
		if method == "gettxout" {
			f.tip++
		}
	}
	_, err = s.spender.Look(t.Context(), tx)
	require.Error(t, err)
}

func TestAudit_WhatIsNotThereIsNothing(t *testing.T) {
	s, f := newFakeShop(t, btc.BitcoinRegtest(), btc.P2WPKH)
	names := f.put(t, s, 6, 5000, 6000, 7000)
	f.spent[names[0]] = true
	moved := s.books.holdings[names[2]]
	moved.Address = s.stranger(t, 1)
	foreign := s.books.holdings[names[1]]
	foreign.Network = "eip155:1"
	units, err := s.spender.Audit(t.Context(), []payout.Holding{
		s.books.holdings[names[0]], s.books.holdings[names[1]], moved, foreign, {Name: "x"},
	})
	require.NoError(t, err)
	require.Equal(t, "[0 6000 0 0 0]", fmt.Sprint(units))
}
