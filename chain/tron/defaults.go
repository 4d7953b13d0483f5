package tron

import (
	"strings"

	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/chain"
)

var _ chain.Defaulter = (*Node)(nil)

// Defaults implements [chain.Defaulter]. Payments of any amount wait until their block is solidified, which takes
// about a minute. The floor is 0.01 of TRX and of a stablecoin of dollars or euros, recognised by its code, and
// 0.00001 of any other token.
func (n *Node) Defaults(asset chain.Asset) chain.Defaults {
	floor := decimal.New(1, -5)
	if asset.Code == "TRX" || strings.Contains(asset.Code, "USD") || strings.Contains(asset.Code, "EUR") {
		floor = decimal.New(1, -2)
	}
	return chain.Defaults{
		Confirm: []chain.Tier{{Need: chain.Confirmations{Tag: chain.FinalityFinalized}}},
		Floor:   floor.RoundUp(int32(asset.Decimals)),
	}
}
