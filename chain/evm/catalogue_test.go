package evm_test

import (
	"context"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

func TestNetworks_EveryAssetCanBeConfigured(t *testing.T) {
	codes, ids := make(map[string]bool), make(map[chain.AssetID]bool)
	form := regexp.MustCompile(`^[A-Z]+(_[A-Z0-9]+)?$`)
	for _, n := range evm.Networks() {
		_, err := evm.New(evm.Config{Network: n.ID, RPC: rawBlock{}, Assets: n.Assets()})
		require.NoError(t, err, n.Name)
		require.Positive(t, n.BlockTime)
		require.Regexp(t, "^"+n.Native.Symbol+"(_|$)", n.Native.Code)
		for _, a := range n.Assets() {
			require.False(t, codes[a.Code], "the code %s is unique", a.Code)
			require.False(t, ids[a.ID])
			require.Regexp(t, form, a.Code)
			codes[a.Code], ids[a.ID] = true, true
		}
		for _, listed := range n.Tokens {
			require.Contains(t, []string{"USDT", "USDC", "DAI"}, listed.Symbol)
			require.Regexp(t, "^"+listed.Symbol+"_", listed.Code)
		}
	}
	for _, code := range []string{"ETH", "BNB", "POL", "AVAX", "ETH_BASE", "USDT_ERC20", "USDT_BSC", "USDC_POLYGON"} {
		require.True(t, codes[code], code)
	}
	require.False(t, codes["MATIC"])
}

func TestIncident12_TokensOfBSCHaveEighteenDecimals(t *testing.T) {
	for _, n := range evm.Networks() {
		for _, listed := range n.Tokens {
			want := 6
			if n.ID == "eip155:56" || listed.Symbol == "DAI" {
				want = 18
			}
			require.Equal(t, want, listed.Decimals, listed.Code)
		}
	}
}

func TestNetworks_AreTheCallersToChange(t *testing.T) {
	mine := evm.Networks()
	mine[0].Tokens[0].Code = "changed"
	mine[0].Tokens = nil
	require.Equal(t, "USDT_ERC20", evm.Networks()[0].Tokens[0].Code)
}

func TestCapabilities_AreWhatTheNodeOffers(t *testing.T) {
	f := newFake()
	f.tx(shop, 1)
	all, err := f.node(t).Capabilities(t.Context())
	require.NoError(t, err)
	require.Equal(t, evm.Capabilities{BlockReceipts: true, Traces: true}, all)

	f.fail("eth_getBlockReceipts", noMethod)
	f.fail("debug_traceBlockByHash", &rpcFault{-32600, "not on your plan"})
	none, err := f.node(t).Capabilities(t.Context())
	require.NoError(t, err)
	require.Zero(t, none)

	f.say("eth_getBlockByNumber", f.header())
	tags, err := f.node(t).Capabilities(t.Context())
	require.NoError(t, err)
	require.Equal(t, evm.Capabilities{Safe: true, Finalized: true}, tags)

	f.fail("eth_getBlockByNumber", noMethod)
	_, err = f.node(t).Capabilities(t.Context())
	require.Error(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = newFake().node(t).Capabilities(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestFee_IsThePriceOfGasTimesItsUse(t *testing.T) {
	f := newFake()
	f.say("eth_gasPrice", "0x3b9aca00")
	n := f.node(t)
	fee, err := n.Fee(t.Context(), ether.ID)
	require.NoError(t, err)
	require.Equal(t, "21000000000000", fee.String())
	fee, err = n.Fee(t.Context(), usdt.ID)
	require.NoError(t, err)
	require.Equal(t, "65000000000000", fee.String())
	_, err = n.Fee(t.Context(), "eip155:137/slip44:60")
	require.ErrorContains(t, err, "not configured")
	for _, answer := range []any{nil, "1", -1, "0x1" + string(make([]byte, 65))} {
		f.say("eth_gasPrice", answer)
		_, err = n.Fee(t.Context(), ether.ID)
		require.Error(t, err)
	}
}
