package payout

import (
	"context"
	"errors"
	"fmt"
	"math/big"
)

// Free returns what a holding has, by the books, that none of the open transactions can take, in base units; negative if
// they can take more. The transaction with the id except is left out, and those whose final version is booked already. It
// blocks on the wallet.
func Free(ctx context.Context, w Wallet, open []Transaction, name, except string) (*big.Int, error) {
	left := new(big.Int)
	h, err := w.Holding(ctx, name)
	switch {
	case err == nil:
		left.Set(h.Units)
	case !errors.Is(err, ErrNotFound):
		return nil, fmt.Errorf("read holding %s: %w", name, err)
	}
	for _, t := range open {
		if t.ID != except && t.Stage != StageFinal {
			left.Sub(left, t.takes(name))
		}
	}
	return left, nil
}

// takes returns the most that any version of the transaction takes from a holding.
func (t Transaction) takes(name string) *big.Int {
	most := new(big.Int)
	for _, v := range t.Versions {
		taken := new(big.Int)
		for _, m := range v.Moves {
			if m.Holding.Name == name && m.Units.Sign() < 0 {
				taken.Sub(taken, m.Units)
			}
		}
		if taken.Cmp(most) > 0 {
			most = taken
		}
	}
	return most
}
