package evm_test

import (
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// need is what the first tier that fits asks for.
func need(t *testing.T, tiers []chain.Tier, amount string) chain.Confirmations {
	t.Helper()
	for _, tier := range tiers {
		if tier.UpTo.IsZero() || decimal.RequireFromString(amount).LessThanOrEqual(tier.UpTo) {
			return tier.Need
		}
	}
	require.Fail(t, "no tier fits", "%s", amount)
	return chain.Confirmations{}
}

func TestDefaultsGrowWithTheAmount(t *testing.T) {
	depth := func(n uint64) chain.Confirmations { return chain.Confirmations{Depth: n} }
	safe, finalized := chain.Confirmations{Tag: chain.FinalitySafe}, chain.Confirmations{Tag: chain.FinalityFinalized}
	client, err := evm.Dial(t.Context(), "http://127.0.0.1:1", nil)
	require.NoError(t, err)
	for _, c := range []struct {
		network chain.Network
		coin    bool
		amount  string
		want    chain.Confirmations
		floor   string
	}{
		{"eip155:1", true, "0.5", depth(12), "0.00001"},
		{"eip155:1", true, "5", safe, "0.00001"},
		{"eip155:1", true, "5.1", finalized, "0.00001"},
		{"eip155:1", false, "1000", depth(12), "0.01"},
		{"eip155:1", false, "10000", safe, "0.01"},
		{"eip155:1", false, "10000.01", finalized, "0.01"},
		{"eip155:10", true, "0.5", safe, "0.00001"},
		{"eip155:8453", true, "1", finalized, "0.00001"},
		{"eip155:42161", false, "1000", safe, "0.01"},
		{"eip155:56", true, "1", depth(15), "0.00001"},
		{"eip155:56", true, "1.01", finalized, "0.00001"},
		{"eip155:56", false, "999", depth(15), "0.01"},
		{"eip155:137", true, "1000", depth(128), "0.00001"},
		{"eip155:137", false, "1000.5", finalized, "0.01"},
		{"eip155:43114", true, "0.1", finalized, "0.00001"},
	} {
		asset := evm.Native(c.network, "ETH")
		if !c.coin {
			var err error
			asset, err = evm.ERC20(c.network, usdtContract, "USDT_X", 6)
			require.NoError(t, err)
		}
		n, err := evm.New(evm.Config{Network: c.network, RPC: client, Assets: []chain.Asset{asset}})
		require.NoError(t, err)
		d := n.Defaults(asset)
		require.Equal(t, c.want, need(t, d.Confirm, c.amount), "%s %v %s", c.network, c.coin, c.amount)
		require.Equal(t, c.floor, d.Floor.String(), "%s %v", c.network, c.coin)
	}
}

func TestDefaultsOfAnotherNetworkAreTheConfigurations(t *testing.T) {
	coin := evm.Native("eip155:31337", "DEV")
	client, err := evm.Dial(t.Context(), "http://127.0.0.1:1", nil)
	require.NoError(t, err)
	cfg := evm.Config{Network: "eip155:31337", RPC: client, Assets: []chain.Asset{coin}}
	n, err := evm.New(cfg)
	require.NoError(t, err)
	require.Empty(t, n.Defaults(coin).Confirm)
	cfg.Defaults = func(a chain.Asset) chain.Defaults {
		return chain.Defaults{Confirm: []chain.Tier{{Need: chain.Confirmations{Depth: uint64(a.Decimals)}}}}
	}
	n, err = evm.New(cfg)
	require.NoError(t, err)
	require.Equal(t, cfg.Defaults(coin), n.Defaults(coin))
}
