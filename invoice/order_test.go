package invoice_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

func TestWhatComesAfterAThingSetAsideWaitsForIt(t *testing.T) {
	onStubborn(t, func(w *world, _ *stubborn, refuse func(string)) {
		bad := w.create()
		refuse(bad.ID)
		w.pay(bad, "SIM", "4")
		w.mine(1)
		time.Sleep(30 * time.Second) // for the store that has to fail often
		w.mine(1)
		require.Len(w.t, w.health().Aside, 1)
		refuse("")
		w.pay(bad, "SIM", "6")
		w.chain.MineAt(time.Now())
		w.settle()
		require.Empty(w.t, w.get(bad).Payments, "the first one is still set aside")
		time.Sleep(3 * time.Minute)
		w.mine(3)
		require.Len(w.t, w.get(bad).Payments, 2)
		w.wants(bad, invoice.StatusCompleted, exact)
	})
}

func TestAReorganisationThatWasSetAsideTakesBackNothingOfOthers(t *testing.T) {
	onStubborn(t, func(w *world, _ *stubborn, refuse func(string)) {
		bad, good := w.create(), w.create()
		w.pay(bad, "SIM", "4")
		w.mine(1)
		refuse(bad.ID)
		w.chain.Reorganise(1, 2, chaintest.Lost)
		w.settle()
		w.pay(good, "SIM", "10")
		w.mine(4)
		time.Sleep(2 * time.Minute)
		w.wants(good, invoice.StatusCompleted, exact)
		refuse("")
		time.Sleep(3 * time.Minute)
		w.mine(1)
		require.True(w.t, w.get(bad).Payments[0].Withdrawn)
		w.wants(good, invoice.StatusCompleted, exact)
		require.NotContains(w.t, w.told(good), invoice.EventPaymentLost)
	})
}

// fenced is a store that remembers whether every batch of a network was fenced.
type fenced struct {
	*store.Memory
	mu       sync.Mutex
	unfenced int
}

func (f *fenced) Commit(ctx context.Context, b invoice.Batch) error {
	f.mu.Lock()
	if (len(b.Progress) > 0 && b.Progress[0].Version > 1 || len(b.Update) > 0) && b.Fence == (invoice.Lease{}) {
		f.unfenced++
	}
	f.mu.Unlock()
	return f.Memory.Commit(ctx, b)
}

func TestWhateverFollowsANetworkIsFenced(t *testing.T) {
	f := &fenced{Memory: store.NewMemory()}
	inWorld(t, func(w *world) {
		v := &veiled{Chain: w.chain}
		w.stop()
		w.cfg.Chains[0].Watcher = w.watcher(v)
		w.start()
		inv, unpaid := w.create(), w.create()
		txid := w.pay(inv, "SIM", "10")
		v.veil(txid)
		w.mine(2)
		require.Len(t, w.health().Aside, 1)
		v.veil("")
		time.Sleep(31 * time.Minute)
		w.mine(4)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
		require.Equal(t, invoice.StatusExpired, w.get(unpaid).State.Status)
		f.mu.Lock()
		defer f.mu.Unlock()
		require.Zero(t, f.unfenced)
	}, func(c *invoice.Config) { c.Store = f })
}

func TestAllThatIsOverWithOneBlockIsDecidedWithIt(t *testing.T) {
	inWorld(t, func(w *world) {
		var list []invoice.Invoice
		for range 450 { // more than two pages
			list = append(list, w.create())
		}
		time.Sleep(31 * time.Minute)
		w.mine(1)
		for _, inv := range list {
			require.Equal(t, invoice.StatusExpired, w.get(inv).State.Status)
		}
	})
}
