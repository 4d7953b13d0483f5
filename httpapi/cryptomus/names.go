package cryptomus

import (
	"strings"

	"github.com/cointill/cointill/chain"
)

// Currency is an asset with its names in the API.
type Currency struct {
	Code    string // such as "USDT", which several assets on different networks may have
	Network string // such as "tron", in lower case
	Asset   chain.Asset
}

var networkNames = map[chain.Network]string{
	"eip155:1": "eth", "eip155:10": "optimism", "eip155:56": "bsc", "eip155:137": "polygon", "eip155:8453": "base",
	"eip155:42161": "arbitrum", "eip155:43114": "avalanche", "tron:0x2b6653dc": "tron",
	"bip122:000000000019d6689c085ae165831e93": "btc", "bip122:12a765e31ffd4059bada1e25190f6e98": "ltc",
	"bip122:1a91e3dace36e2be3bf030a65679fe82": "doge", "bip122:000000000000000000651ef99cb9fcbe": "bch",
}

// NewCurrency returns an asset with the usual names of the API. The code is the asset's code up to an underscore, because
// codes of assets are unique in this library (USDT_TRC20 becomes USDT). The network is one of eth, optimism, bsc, polygon,
// base, arbitrum, avalanche, tron, btc, ltc, doge and bch, or else its CAIP-2 id.
func NewCurrency(asset chain.Asset) Currency {
	code, _, _ := strings.Cut(asset.Code, "_")
	network, known := networkNames[asset.ID.Network()]
	if !known {
		network = strings.ToLower(string(asset.ID.Network()))
	}
	return Currency{code, network, asset}
}
