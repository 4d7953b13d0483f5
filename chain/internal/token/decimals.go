package token

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/cointill/cointill/chain"
)

// CheckDecimals compares the result of decimals(), one word, with the configuration. It returns [chain.ErrIncomplete]
// if it is not one word, and [chain.ErrWrongNetwork] if it is another number.
func CheckDecimals(t chain.Asset, word []byte) error {
	if len(word) != 32 {
		return fmt.Errorf("%w: no token at %s: decimals() returned %d bytes instead of 32", chain.ErrIncomplete, t.ID, len(word))
	}
	if decimals := new(big.Int).SetBytes(word); decimals.Cmp(big.NewInt(int64(t.Decimals))) != 0 {
		return fmt.Errorf("%w: token %s has %s decimals, not %d", chain.ErrWrongNetwork, t.ID, decimals, t.Decimals)
	}
	return nil
}

// Due returns the places of the tokens to ask about now: those that the last call left, else all.
func (s *Set) Due() []int { return s.round.Due(len(s.Tokens)) }

// Restart makes all tokens due, those that were left first.
func (s *Set) Restart() { s.round.Restart() }

// Settle records what the node reported about a token's decimals, nil if it confirmed them. It reports whether that
// was the first confirmation. It returns said if the node denied the configured decimals and had never confirmed them;
// any other error only holds the token back.
func (s *Set) Settle(ctx context.Context, place int, said error) (first bool, err error) {
	if errors.Is(said, chain.ErrWrongNetwork) && !s.confirmed[place].Load() {
		return false, said
	}
	first = said == nil && !s.confirmed[place].Swap(true)
	s.Lacks.Decimals(ctx, s.log, s.Tokens[place].ID, said)
	return first, nil
}

// Leave ends a call that asked about due, except for the last left of them, which are due at the next call. Nothing
// new is known about these; those that were never confirmed are held back.
func (s *Set) Leave(ctx context.Context, due []int, left int) {
	for _, place := range due[len(due)-left:] {
		if !s.confirmed[place].Load() {
			s.Lacks.Decimals(ctx, s.log, s.Tokens[place].ID, errNotAsked)
		}
	}
	s.round.Leave(due, left)
}

// Holding reports whether any token is held back.
func (s *Set) Holding() bool {
	return slices.ContainsFunc(s.Tokens, func(t chain.Asset) bool { return s.Lacks.Has(t.ID, chain.Decimals) })
}
