package payouttest_test

import (
	"strings"
	"testing"

	"github.com/cointill/cointill/payout/payouttest"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

func inMemory() payouttest.Config {
	return payouttest.Config{Open: func(testing.TB) payouttest.Store { return store.NewMemory() }}
}

// TestDefectsOfSpendersAreFound plays worlds whose spenders make a mistake that other systems made. Faults of the
// package itself are in internal/mutation.
func TestDefectsOfSpendersAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("plays many defects: not with -short")
	}
	for name, c := range map[string]struct {
		defect payouttest.Defect
		seeds  uint64 // within which it is found
		rules  string // of which it breaks one
	}{
		"a replacement that spends other coins":          {payouttest.DefectNoAnchor, 60, "paid-once"},
		"numbers that are left out":                      {payouttest.DefectGap, 60, "ended"},
		"what was paid by hand is paid again":            {payouttest.DefectTakenIsDead, 400, "paid-once"},
		"an address that is topped up twice":             {payouttest.DefectTopUpAgain, 60, "topped-up-once"},
		"a bump whose coin is not locked":                {payouttest.DefectBumpUnlocked, 400, "one-coin-one-transaction reservations-end"},
		"a bump that is booked with any parent":          {payouttest.DefectBumpUnseen, 200, "reservations-end books-are-the-chain ended"},
		"a bump that is given up too soon":               {payouttest.DefectBumpGone, 200, "books-are-the-chain one-coin-one-transaction"},
		"an expiration that a reorganisation takes back": {payouttest.DefectExpiryByHead, 60, "paid-once"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := inMemory()
			cfg.Defect = c.defect
			for seed := uint64(1); seed <= c.seeds; seed++ {
				if failure, _ := payouttest.Play(t, cfg, seed); failure != "" {
					rule, _, _ := strings.Cut(failure, ":")
					require.Contains(t, strings.Fields(c.rules), rule)
					t.Logf("world %d: %s", seed, failure)
					return
				}
			}
			t.Fatalf("not found in %d worlds", c.seeds)
		})
	}
}

// TestWorldsHaveEverything shows that nothing that may go wrong is left out.
func TestWorldsHaveEverything(t *testing.T) {
	if testing.Short() {
		t.Skip("plays some hundred worlds")
	}
	missing := map[string]bool{
		"the process ends at":         true,
		"meanwhile, at":               true,
		"the store fails after":       true,
		"taken all the same fails":    true,
		"blocks leave the chain":      true,
		"somebody else spends":        true,
		"as paid by":                  true,
		"is returned returned":        true,
		"submit, taken all the same":  true,
		"of nonce:top-up lane":        true,
		"of nonce:deposit":            true,
		"is paid operator":            true,
		"write off":                   true,
		"with 3 versions":             true,
		"is dead, with":               true,
		"is dropped, with":            true,
		"is paid ":                    true,
		"is sent undone":              true,
		"is failed reverted":          true,
		"a payee pins":                true,
		"somebody sends":              true,
		"bumped transaction":          true,
		"a bump, which is dead":       true,
		"a bump, which is buried":     true,
		"is failed key_used":          true,
		"is cancelled operator":       true,
		"is cancelled expired":        true,
		"is queued needs_signature":   true,
		"is requested needs_approval": true,
		"is requested needs_receiver": true,
		"is sent fee_too_high":        true,
		"lease was lost":              true,
		"is queued receiver_is_new":   true,
		"the receiver is not on":      true,
		"2 receivers are allowed on":  true,
		"beside each fee":             true,
		"with a fee of its own":       true,
		"as the signer sent it":       true,
		"beyond the reserve of a pay": true,
		"reserve of a sweep":          true,
		"reserve of a top_up":         true,
		"the reserve comes back":      true,
		"the float is below zero":     true,
	}
	for seed := uint64(1); seed <= 400 && len(missing) > 0; seed++ {
		failure, story := payouttest.Play(t, inMemory(), seed)
		require.Empty(t, failure, "world %d", seed)
		text := strings.Join(story, "\n")
		for what := range missing {
			if strings.Contains(text, what) {
				delete(missing, what)
			}
		}
	}
	require.Empty(t, missing, "no world has it")
}

func TestAWorldRepeatsItself(t *testing.T) {
	for seed := uint64(1); seed <= 9; seed++ {
		_, first := payouttest.Play(t, inMemory(), seed)
		_, second := payouttest.Play(t, inMemory(), seed)
		require.Equal(t, first, second, "world %d", seed)
	}
}

func TestEveryRuleHasAReason(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range payouttest.Rules() {
		require.NotEmpty(t, r.Why)
		require.False(t, seen[r.Name])
		seen[r.Name] = true
	}
}
