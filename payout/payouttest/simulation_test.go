package payouttest_test

import (
	"flag"
	"testing"
	"time"

	"github.com/cointill/cointill/payout/payouttest"
)

var (
	seeds = flag.Int("seeds", 0, "number of worlds; 0 means a few")
	kept  = flag.String("store", "memory", "what worlds are kept in: memory, sqlite, postgres or etcd")
	seed  = flag.Uint64("seed", 0, "the first seed; 0 means one by the clock")
)

func TestEveryWorldPaysEveryPayoutOnce(t *testing.T) {
	first, n := *seed, *seeds
	if n == 0 {
		n = 60
		if testing.Short() {
			n = 12
		}
	}
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	t.Logf("first seed %d", first)
	payouttest.Explore(t, payouttest.Config{Open: on(t, *kept)}, first, n)
	t.Logf("%d worlds, each payout at most once", n)
}
