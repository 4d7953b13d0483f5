package bitcoin

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCost_WhatIsMissingForBoth(t *testing.T) {
	for name, c := range map[string]struct {
		rate    int64
		below   below
		weight  int64
		missing int64
		enough  bool
	}{
		"alone":                        {rate: 10_000, weight: 440, missing: 1100},
		"rounded up":                   {rate: 1_001, weight: 4, missing: 2},
		"a weight that is no size":     {rate: 1_000, weight: 437, missing: 110},
		"for a parent that pays half":  {rate: 10_000, below: below{Fee: 1000, Size: 200, N: 1}, weight: 440, missing: 2100},
		"for a parent that pays all":   {rate: 10_000, below: below{Fee: 2000, Size: 200, N: 1}, weight: 440, missing: 1100, enough: true},
		"for one that lacks a unit":    {rate: 10_000, below: below{Fee: 1999, Size: 200, N: 1}, weight: 440, missing: 1101},
		"not for two roundings":        {rate: 1_003, below: below{Fee: 100, Size: 100, N: 1}, weight: 400, missing: 101},
		"for several":                  {rate: 5_000, below: below{Fee: 700, Size: 400, N: 3}, weight: 400, missing: 1800},
		"below one unit for each byte": {rate: 100, below: below{Fee: 10, Size: 150, N: 1}, weight: 440, missing: 16},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.missing, cost{rate: c.rate}.missing(c.below, c.weight))
			require.Equal(t, c.enough || c.below.N == 0, cost{rate: c.rate}.enough(c.below))
		})
	}
}

// With what is missing both pay the rate, with a unit less they do not, whatever the numbers; and what is not enough leaves
// something to be paid beyond the bump's own size.
func TestCost_WhatIsMissingIsTheLeast(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pays := func(fee, rate, size int64) bool {
		return new(big.Int).Mul(big.NewInt(fee), big.NewInt(1000)).Cmp(new(big.Int).Mul(big.NewInt(rate), big.NewInt(size))) >= 0
	}
	for range 10_000 {
		c := cost{rate: 1 + r.Int64N(500_000)}
		b := below{Size: 1 + r.Int64N(100_000), N: 1}
		b.Fee = r.Int64N(feeForSize(c.rate, b.Size) + 1)
		weight := 1 + r.Int64N(4_000)
		missing, size := c.missing(b, weight), b.Size+vsize(weight)
		require.True(t, pays(b.Fee+missing, c.rate, size))
		require.False(t, pays(b.Fee+missing-1, c.rate, size))
		if !c.enough(b) {
			require.GreaterOrEqual(t, missing, feeFor(c.rate, weight))
		}
	}
}
