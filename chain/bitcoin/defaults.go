package bitcoin

import (
	"github.com/shopspring/decimal"

	"github.com/cointill/cointill/chain"
)

var _ chain.Defaulter = (*Node)(nil)

// Defaults implements [chain.Defaulter] with [Params.Confirm]. The floor is the [Params.Dust] of an output to a public key
// hash.
func (n *Node) Defaults(asset chain.Asset) chain.Defaults {
	dust := n.params.Dust(P2PKH.script(make([]byte, hashLen)))
	return chain.Defaults{Confirm: append([]chain.Tier(nil), n.params.Confirm...), Floor: asset.Decimal(dust)}
}

// tiers returns a policy. Each line is an amount in thousandths of the coin, up to which it applies, and a number of
// confirmations. An amount of 0, in the last line, applies to every amount.
func tiers(lines ...[2]int64) []chain.Tier {
	var all []chain.Tier
	for _, line := range lines {
		all = append(all, chain.Tier{UpTo: decimal.New(line[0], -3), Need: chain.Confirmations{Depth: uint64(line[1])}})
	}
	return all
}
