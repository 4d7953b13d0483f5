package cryptomus

import (
	"strings"

	"github.com/cointill/cointill/chain"
)

// Currency is an asset under the names that clients of the API know.
type Currency struct {
	Code    string // "USDT": several assets may have it, on different networks
	Network string // "tron", in lower case
	Asset   chain.Asset
}

var networkNames = map[chain.Network]string{
	"eip155:1": "eth", "eip155:10": "optimism", "eip155:56": "bsc", "eip155:137": "polygon", "eip155:8453": "base",
	"eip155:42161": "arbitrum", "eip155:43114": "avalanche", "tron:0x2b6653dc": "tron",
	"bip122:000000000019d6689c085ae165831e93": "btc", "bip122:12a765e31ffd4059bada1e25190f6e98": "ltc",
	"bip122:1a91e3dace36e2be3bf030a65679fe82": "doge", "bip122:000000000000000000651ef99cb9fcbe": "bch",
}

// NewCurrency names an asset as the API does: the code is that of the asset up to an underscore, since
// codes here are unique (USDT_TRC20 is USDT), and the network one of eth, optimism, bsc, polygon, base, arbitrum,
// avalanche, tron, btc, ltc, doge and bch. A network that is none of them keeps its CAIP-2 id.
func NewCurrency(asset chain.Asset) Currency {
	code, _, _ := strings.Cut(asset.Code, "_")
	network, known := networkNames[asset.ID.Network()]
	if !known {
		network = strings.ToLower(string(asset.ID.Network()))
	}
	return Currency{code, network, asset}
}
