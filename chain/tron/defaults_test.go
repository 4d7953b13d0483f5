package tron_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
)

func TestDefaultsWaitForTheSolidifiedBlock(t *testing.T) {
	n, err := tron.New(tron.Config{
		Network: tron.Mainnet, URL: "http://127.0.0.1:1", Assets: []chain.Asset{tron.Native(tron.Mainnet, "TRX")},
	})
	require.NoError(t, err)
	for code, floor := range map[string]string{"TRX": "0.01", "USDT_TRC20": "0.01", "SUN": "0.00001"} {
		d := n.Defaults(chain.Asset{Code: code, Decimals: 6})
		require.Equal(t, []chain.Tier{{Need: chain.Confirmations{Tag: chain.FinalityFinalized}}}, d.Confirm)
		require.Equal(t, floor, d.Floor.String(), code)
	}
	require.Equal(t, "0.001", n.Defaults(chain.Asset{Code: "SUN", Decimals: 3}).Floor.String(), "a floor is an amount of the asset")
}
