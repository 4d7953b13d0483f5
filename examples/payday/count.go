package main

import (
	"context"
	"errors"

	"github.com/cointill/cointill/chain"
)

// count returns all transfers of a chain, by their receivers.
func count(ctx context.Context, node chain.Node) (map[chain.Address][]chain.Transfer, error) {
	tip, err := node.Tip(ctx)
	if err != nil {
		return nil, err
	}
	out := map[chain.Address][]chain.Transfer{}
	for height := uint64(1); height <= tip.Height; height++ {
		b, err := node.Block(ctx, height)
		if errors.Is(err, chain.ErrNoBlock) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, t := range b.Transfers {
			out[t.To] = append(out[t.To], t)
		}
	}
	return out, nil
}
