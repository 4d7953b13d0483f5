package payouttest_test

import (
	"flag"
	"testing"
	"time"

	"github.com/cointill/cointill/payout/payouttest"
	"github.com/cointill/cointill/store"
)

var (
	seeds = flag.Int("seeds", 0, "number of worlds; 0 means a few")
	seed  = flag.Uint64("seed", 0, "the first seed; 0 means one by the clock")
)

func TestEveryWorldPaysEveryPayoutOnce(t *testing.T) {
	first, n := *seed, *seeds
	if n == 0 {
		n = 60
	}
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	t.Logf("first seed %d", first)
	payouttest.Explore(t, payouttest.Config{Open: func(testing.TB) payouttest.Store { return store.NewMemory() }}, first, n)
	t.Logf("%d worlds, each payout at most once", n)
}
