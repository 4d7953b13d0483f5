package bitcoin_test

import (
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
)

func TestDefaultsGrowWithTheAmount(t *testing.T) {
	client, err := bitcoin.Dial(bitcoin.ClientConfig{URL: "http://127.0.0.1:1"})
	require.NoError(t, err)
	defaults := func(p bitcoin.Params) chain.Defaults {
		n, err := bitcoin.New(bitcoin.Config{Params: p, RPC: client})
		require.NoError(t, err)
		return n.Defaults(p.Asset())
	}
	for _, c := range []struct {
		coin   bitcoin.Params
		amount string
		depth  uint64
		floor  string
	}{
		{bitcoin.Bitcoin(), "0.01", 1, "0.00000546"},
		{bitcoin.Bitcoin(), "0.010001", 2, "0.00000546"},
		{bitcoin.Bitcoin(), "0.1", 2, "0.00000546"},
		{bitcoin.Bitcoin(), "1", 3, "0.00000546"},
		{bitcoin.Bitcoin(), "50", 6, "0.00000546"},
		{bitcoin.Litecoin(), "10", 6, "0.0000546"},
		{bitcoin.Litecoin(), "10.1", 12, "0.0000546"},
		{bitcoin.Dogecoin(), "10000", 20, "0.01"},
		{bitcoin.Dogecoin(), "10001", 40, "0.01"},
		{bitcoin.BitcoinCash(), "1", 6, "0.00000546"},
		{bitcoin.BitcoinCash(), "2", 15, "0.00000546"},
	} {
		d := defaults(c.coin)
		var got uint64
		for _, tier := range d.Confirm {
			if tier.UpTo.IsZero() || decimal.RequireFromString(c.amount).LessThanOrEqual(tier.UpTo) {
				got = tier.Need.Depth
				break
			}
		}
		require.Equal(t, c.depth, got, "%s %s", c.coin.Name, c.amount)
		require.Equal(t, c.floor, d.Floor.String(), c.coin.Name)
	}
	require.Empty(t, defaults(bitcoin.BitcoinRegtest()).Confirm)

	own := bitcoin.BitcoinRegtest()
	own.Confirm = []chain.Tier{{Need: chain.Confirmations{Depth: 4}}}
	d := defaults(own)
	require.Equal(t, own.Confirm, d.Confirm)
	d.Confirm[0].Need.Depth = 0
	require.Equal(t, uint64(4), own.Confirm[0].Need.Depth, "the caller may change the result")
}
