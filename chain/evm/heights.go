package evm

import (
	"context"
	"errors"
	"fmt"

	"github.com/cointill/cointill/chain"
)

// gap is a range of heights that the chain passed over.
type gap struct {
	below, above uint64 // the blocks before and after it
	hash         word   // of the block after it
}

// blockAt requests the block at a height. It returns ErrNotFound if there is none yet, and ErrNoBlock if the chain has
// passed over the height. For such a height nodes return null, an error, or the block before.
func blockAt[T any, P interface {
	*T
	head() *wireHeader
}](ctx context.Context, n *Node, height uint64, full bool,
) (P, error) {
	var answer P
	err := n.call(ctx, &answer, "eth_getBlockByNumber", hexQuantity(height), full)
	var fault *codeError
	switch {
	case err == nil && answer != nil && uint64(answer.head().Number) >= height: // its header is compared later
		return answer, nil
	case ctx.Err() != nil || err != nil && !errors.As(err, &fault):
		return nil, err
	}
	passed, unknown := n.passedOver(ctx, height)
	switch {
	case unknown != nil:
		return nil, unknown
	case passed:
		return nil, chain.ErrNoBlock
	case err != nil:
		return nil, err
	case answer == nil:
		return nil, chain.ErrNotFound
	}
	return answer, nil
}

// passedOver reports whether the chain has a block above the height whose parent is below it.
func (n *Node) passedOver(ctx context.Context, height uint64) (bool, error) {
	if g := n.gap.Load(); g != nil && g.below < height && height < g.above {
		if after, err := n.peek(ctx, hexQuantity(g.above)); err != nil || after != nil && after.Hash == g.hash {
			return err == nil, err
		}
	}
	latest, err := n.peek(ctx, "latest")
	if err != nil || latest == nil {
		return false, err
	}
	for h := height + 1; h <= uint64(latest.Number) && h-height <= chain.MaxGap; h++ {
		next, err := n.peek(ctx, hexQuantity(h))
		if err != nil {
			return false, err
		}
		if next == nil || uint64(next.Number) != h {
			continue
		}
		var parent *wireHeader
		if err := n.call(ctx, &parent, "eth_getBlockByHash", next.Parent, false); err != nil {
			return false, err
		}
		if parent == nil || parent.Hash != next.Parent || uint64(parent.Number) >= height {
			return false, nil
		}
		n.gap.Store(&gap{uint64(parent.Number), h, next.Hash})
		return true, nil
	}
	return false, nil
}

// peek returns a header, or nil if the node has none or refuses.
func (n *Node) peek(ctx context.Context, height string) (*wireHeader, error) {
	var header *wireHeader
	err := n.call(ctx, &header, "eth_getBlockByNumber", height, false)
	var fault *codeError
	if errors.As(err, &fault) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look above: %w", err)
	}
	return header, nil
}
