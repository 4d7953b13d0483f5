package chaintest

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/cointill/cointill/chain"
)

// Ledger is the minimum that a program which follows a chain must keep: the blocks that steps added and removed. The
// zero value is empty.
type Ledger struct {
	blocks []chain.Block
}

// Apply applies a step, or returns an error if it does not continue the ledger. Applying the same step again changes
// nothing.
func (l *Ledger) Apply(s chain.Step) error {
	if s.Rewound && (len(s.Joined) == 0 || s.Joined[0].Height <= s.Fork) {
		return fmt.Errorf("step rewinds to block %d, and no block above it takes over", s.Fork)
	}
	again := len(s.Joined) > 0 && len(l.blocks) > 0 && l.last().Hash == s.Joined[len(s.Joined)-1].Hash
	if !again {
		if s.Rewound {
			l.blocks = slices.DeleteFunc(l.blocks, func(b chain.Block) bool { return b.Height > s.Fork })
		}
		for _, b := range s.Joined {
			if len(l.blocks) > 0 && (l.last().Hash != b.Parent || l.last().Height >= b.Height) {
				return fmt.Errorf("block %d is no child of block %d", b.Height, l.last().Height)
			}
			l.blocks = append(l.blocks, b)
		}
	}
	if len(l.blocks) > 0 && (l.last().Hash != s.Head.Hash || l.last().Height != s.Head.Height) {
		return fmt.Errorf("head is %d, but the last block handed out was %d", s.Head.Height, l.last().Height)
	}
	return nil
}

func (l *Ledger) last() chain.Block { return l.blocks[len(l.blocks)-1] }

// Blocks returns the blocks that are in the chain, lowest first.
func (l *Ledger) Blocks() []chain.Block { return slices.Clone(l.blocks) }

// Transfers returns the transfers that are in the chain, in chain order.
func (l *Ledger) Transfers() []chain.Transfer {
	var all []chain.Transfer
	for _, b := range l.blocks {
		all = append(all, b.Transfers...)
	}
	return all
}

// Balance returns what an address has received.
func (l *Ledger) Balance(to chain.Address, asset chain.Asset) *big.Int {
	return sum(l.Transfers(), to, asset)
}
