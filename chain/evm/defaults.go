package evm

import (
	"strings"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/chain"
)

var _ chain.Defaulter = (*Node)(nil)

// Defaults implements [chain.Defaulter] with [Config.Defaults]. Without it, the confirmations are those that exchanges
// and payment processors usually require, and the chain's own finality where it has one:
//
//	Ethereum                   12 up to 0.5 ETH or 1,000 of a token, safe up to 5 ETH or 10,000, then finalized
//	Optimism, Base, Arbitrum   safe up to 0.5 of the coin or 1,000 of a token, then finalized
//	BSC                        15 up to 1 BNB or 1,000 of a token, then finalized
//	Polygon                    128 up to 1,000, then finalized
//	Avalanche                  finalized
//	others                     nothing
//
// The floor is 0.01 of a stablecoin of dollars or euros, recognised by its code, and 0.00001 of any other asset.
func (n *Node) Defaults(asset chain.Asset) chain.Defaults {
	if n.defaults != nil {
		return n.defaults(asset)
	}
	floor := decimal.New(1, -5)
	if asset.Code == "DAI" || strings.Contains(asset.Code, "USD") || strings.Contains(asset.Code, "EUR") {
		floor = decimal.New(1, -2)
	}
	return chain.Defaults{Confirm: confirm(n.network, asset.ID.Namespace() == native), Floor: floor.RoundUp(int32(asset.Decimals))}
}

func confirm(network chain.Network, coin bool) []chain.Tier {
	small, middle := decimal.New(1_000, 0), decimal.New(10_000, 0) // of a token, assumed to be dollars
	if coin {
		small, middle = decimal.New(5, -1), decimal.New(5, 0)
	}
	safe, finalized := chain.Confirmations{Tag: chain.FinalitySafe}, chain.Confirmations{Tag: chain.FinalityFinalized}
	switch network {
	case "eip155:1":
		return []chain.Tier{{UpTo: small, Need: chain.Confirmations{Depth: 12}}, {UpTo: middle, Need: safe}, {Need: finalized}}
	case "eip155:10", "eip155:8453", "eip155:42161":
		return []chain.Tier{{UpTo: small, Need: safe}, {Need: finalized}}
	case "eip155:56":
		if coin {
			small = decimal.New(1, 0)
		}
		return []chain.Tier{{UpTo: small, Need: chain.Confirmations{Depth: 15}}, {Need: finalized}}
	case "eip155:137":
		return []chain.Tier{{UpTo: decimal.New(1_000, 0), Need: chain.Confirmations{Depth: 128}}, {Need: finalized}}
	case "eip155:43114":
		return []chain.Tier{{Need: finalized}}
	}
	return nil
}
