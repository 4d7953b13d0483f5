package invoicetest_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice/invoicetest"
	"github.com/stretchr/testify/require"
)

var (
	seeds = flag.Int("seeds", 0, "how many worlds are explored; 0: the one of -seed, or 100")
	seed  = flag.Uint64("seed", 0, "the only world, or the first of -seeds; 0: by the time of now")
	steps = flag.Int("steps", 60, "how many steps each world has")
	kept  = flag.String("store", "memory", "what worlds are kept in: memory, sqlite, postgres or etcd")
	story = flag.Bool("story", false, "tell what happens in the world -seed")
)

// To explore, run go test ./invoice/invoicetest -run World -timeout 0 -v -seeds 100000. To replay one world, add -seed N
// -steps K -story instead of -seeds.
func TestEveryWorldKeepsTheRules(t *testing.T) {
	first, n := *seed, *seeds
	switch {
	case n > 0:
	case first != 0:
		n = 1
	case testing.Short():
		n = 20
	default:
		n = 100
	}
	if first == 0 {
		first = uint64(time.Now().UnixMilli())
	}
	cfg := config()
	cfg.Steps, cfg.Open = *steps, on(t, *kept)
	t.Logf("first seed %d", first)
	if *story {
		cfg.Seed, cfg.Trace = first, true
		t.Log(strings.Join(invoicetest.Play(t, cfg).Trace, "\n"))
	}
	invoicetest.Explore(t, cfg, first, n)
}

// An integrator needs only a store, and no dispatcher.
func TestAStoreAloneIsEnough(t *testing.T) { testStore(t) }

func TestAWorldRepeatsItself(t *testing.T) {
	n := uint64(20)
	if testing.Short() {
		n = 4
	}
	for seed := range n {
		cfg := config()
		cfg.Seed, cfg.Trace = seed+1, true
		first := invoicetest.Play(t, cfg)
		require.Equal(t, first.Trace, invoicetest.Play(t, cfg).Trace, "seed %d", cfg.Seed)
	}
}

// A failure is reported with the seed, and with as few steps as possible.
func TestAFailureIsCutShort(t *testing.T) {
	cfg := config()
	inStore(duplicateRows)(&cfg)
	for cfg.Seed = 1; ; cfg.Seed++ {
		long := invoicetest.Play(t, cfg)
		if long.Failure == nil || len(long.Trace) < 50 { // one that is short already cannot become much shorter
			continue
		}
		short := invoicetest.Shrink(t, cfg, long)
		require.LessOrEqual(t, short.Failure.Step, long.Failure.Step)
		require.Less(t, len(short.Trace), len(long.Trace)/2)
		require.Contains(t, short.Report(), fmt.Sprintf("replay: -seed %d ", cfg.Seed))
		return
	}
}

func TestEveryRuleHasAReason(t *testing.T) {
	names := map[string]bool{}
	for _, r := range invoicetest.Rules() {
		require.NotEmpty(t, r.Name)
		require.NotEmpty(t, r.Why)
		require.False(t, names[r.Name], r.Name)
		names[r.Name] = true
	}
}

// BenchmarkLives counts invoices, each from its order to the end of its world.
func BenchmarkLives(b *testing.B) {
	t, cfg := &testing.T{}, config() // a bubble needs a test; a world that keeps the rules reports nothing to it
	lives := 0
	for b.Loop() {
		cfg.Seed++
		lives += invoicetest.Play(t, cfg).Totals.Invoices
	}
	b.ReportMetric(float64(lives)/b.Elapsed().Seconds(), "lives/s")
}
