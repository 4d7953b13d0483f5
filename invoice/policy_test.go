package invoice

import (
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func TestDefaultConfirmationsGrowWithTheAmount(t *testing.T) {
	for _, c := range []struct {
		id     chain.AssetID
		amount string
		want   Confirmations
	}{
		{"bip122:000000000019d6689c085ae165831e93/slip44:0", "0.01", depth(1)},
		{"bip122:000000000019d6689c085ae165831e93/slip44:0", "0.010001", depth(2)},
		{"bip122:000000000019d6689c085ae165831e93/slip44:0", "1", depth(3)},
		{"bip122:000000000019d6689c085ae165831e93/slip44:0", "50", depth(6)},
		{"bip122:12a765e31ffd4059bada1e25190f6e98/slip44:2", "10.1", depth(12)},
		{"bip122:1a91e3dace36e2be3bf030a65679fe82/slip44:3", "10000", depth(20)},
		{"bip122:000000000000000000651ef99cb9fcbe/slip44:145", "2", depth(15)},
		{"eip155:1/slip44:60", "0.5", depth(12)},
		{"eip155:1/slip44:60", "5", tag(FinalitySafe)},
		{"eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7", "10000.01", tag(FinalityFinalized)},
		{"eip155:8453/slip44:60", "1", tag(FinalityFinalized)},
		{"eip155:56/slip44:60", "1", depth(15)},
		{"eip155:56/erc20:0x55d398326f99059fF775485246999027B3197955", "999", depth(15)},
		{"eip155:137/slip44:60", "1000", depth(128)},
		{"eip155:43114/slip44:60", "0.1", tag(FinalityFinalized)},
		{"tron:0x2b6653dc/slip44:195", "0.1", tag(FinalityFinalized)},
		{"eip155:31337/slip44:60", "1000", depth(12)},
	} {
		a := AssetConfig{Asset: chain.Asset{ID: c.id}}
		a.Confirm = DefaultConfirm(a.Asset)
		require.Equal(t, c.want, a.confirm(decimal.RequireFromString(c.amount)), "%s %s", c.id, c.amount)
	}
}
