package chain_test

import (
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

func TestDefaultsOfANodeComeThroughFollowerAndNodes(t *testing.T) {
	want := chain.Defaults{
		Confirm: []chain.Tier{{Need: chain.Confirmations{Tag: chain.FinalitySafe}}}, Floor: decimal.New(1, -2),
	}
	c := chaintest.NewChain(chaintest.Config{Defaults: func(a chain.Asset) chain.Defaults {
		if a.Code == "TOK" {
			return want
		}
		return chain.Defaults{}
	}})
	defaults := func(asset string, members ...chain.Node) chain.Defaults {
		t.Helper()
		cfg := chain.NodesConfig{}
		for i, m := range members {
			cfg.Members = append(cfg.Members, chain.Member{Name: string(rune('a' + i)), Node: m})
		}
		n, err := chain.NewNodes(cfg)
		require.NoError(t, err)
		f, err := chain.NewFollower(chain.FollowConfig{Node: n})
		require.NoError(t, err)
		return f.Defaults(c.Asset(asset))
	}
	require.Equal(t, want, defaults("TOK", c))
	require.Equal(t, want, defaults("TOK", mute{c}, c), "the first member that has the ability")
	require.Zero(t, defaults("SIM", c))
	require.Zero(t, defaults("TOK", mute{c}))
	f, err := chain.NewFollower(chain.FollowConfig{Node: mute{c}})
	require.NoError(t, err)
	require.Zero(t, f.Defaults(c.Asset("TOK")))
}
