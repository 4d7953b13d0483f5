package chain

import "github.com/shopspring/decimal"

// Finality names what [Confirmations] are measured by.
type Finality string

// The measures of finality.
const (
	FinalityDepth     Finality = ""          // heights, as [Head.Confirmations] counts them
	FinalitySafe      Finality = "safe"      // [Head.Safe], which the chain sets
	FinalityFinalized Finality = "finalized" // [Head.Finalized], which the chain sets
)

// Confirmations is how deep a payment must be in the chain to count as received. The zero value is no confirmation at
// all.
type Confirmations struct {
	Tag   Finality `json:"tag,omitempty"`
	Depth uint64   `json:"depth"` // heights, that of the payment's block included; unused with a tag
}

// Tier is one line of a confirmation policy.
type Tier struct {
	UpTo decimal.Decimal // in the asset's own unit; zero fits every amount
	Need Confirmations
}

// Defaults holds what a network suggests for an asset, for services whose configuration does not say. The zero value
// suggests nothing.
type Defaults struct {
	// Confirm is how deep money must be, by amount: the first tier that the amount fits in applies.
	Confirm []Tier
	// Floor is the least payment worth counting, in the asset's own unit. A smaller one is dust: a transaction that
	// spends it costs more, or nodes do not relay it.
	Floor decimal.Decimal
}

// Defaulter is the optional ability of a [Node], and of a watcher such as [Follower], to suggest defaults for the assets
// of its network.
type Defaulter interface {
	// Defaults returns what the network suggests for an asset; always the same. The caller may change the result.
	// Defaults does not block and may be called concurrently.
	Defaults(asset Asset) Defaults
}

var (
	_ Defaulter = (*Follower)(nil)
	_ Defaulter = (*Nodes)(nil)
)

// Defaults implements [Defaulter] with the node, if it is one.
func (f *Follower) Defaults(asset Asset) Defaults { return defaultsOf(f.node, asset) }

// Defaults implements [Defaulter] with the first member that is one.
func (n *Nodes) Defaults(asset Asset) Defaults {
	for _, m := range n.members {
		if _, ok := m.Node.(Defaulter); ok {
			return defaultsOf(m.Node, asset)
		}
	}
	return Defaults{}
}

func defaultsOf(node Node, asset Asset) Defaults {
	if d, ok := node.(Defaulter); ok {
		return d.Defaults(asset)
	}
	return Defaults{}
}
