package main

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/cointill/cointill/internal/devbtc"
	"github.com/stretchr/testify/require"
)

// TestMain makes this program one of its children, if it is called as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-role" {
		main()
		return
	}
	os.Exit(m.Run())
}

// play runs the program, which checks itself, and returns its story.
func play(t *testing.T, o options) string {
	t.Helper()
	t.Parallel()
	if testing.Short() {
		t.Skip("a real node: not with -short")
	}
	if o.chain == "btc" {
		if _, err := devbtc.Program(); errors.Is(err, devbtc.ErrNoBtcd) && os.Getenv("CI") != "true" {
			t.Skip(err)
		}
	}
	var text bytes.Buffer
	err := run(t.Context(), o, &text)
	require.NoError(t, err, text.String())
	require.Contains(t, text.String(), "exactly once; owed is held, and nothing differs")
	return text.String()
}

// The stories have all that they are to show: a death between signing and sending, and a higher fee.
func TestPaydayGeth(t *testing.T) {
	told := play(t, options{chain: "eth", seed: 1})
	for _, what := range []string{" swept ", " topped up ", " dies ", " restarts ", " comes back ", " replaced ", " statement ", " solvency ", " audit "} {
		require.Contains(t, told, what)
	}
}

func TestPaydayBtcd(t *testing.T) {
	told := play(t, options{chain: "btc", seed: 1})
	for _, what := range []string{" exported ", " imported ", " dies ", " restarts ", " comes back ", " replaced ", " statement ", " solvency ", " audit "} {
		require.Contains(t, told, what)
	}
}

// The process that pays is killed with kill -9 at seeded moments, and pays everything once.
func TestKillAnyMomentPaysOnce_P4_Geth(t *testing.T) {
	play(t, options{chain: "eth", kills: 6, seed: 2})
}

func TestKillAnyMomentPaysOnce_P4_Btcd(t *testing.T) {
	play(t, options{chain: "btc", kills: 6, seed: 2})
}
