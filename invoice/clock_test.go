package invoice_test

import (
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// clockwork is a clock that can be wrong.
type clockwork struct {
	mu    sync.Mutex
	wrong time.Duration
}

func (c *clockwork) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.wrong)
}

func (c *clockwork) set(wrong time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = wrong
}

func withClock(c *clockwork) func(*invoice.Config) {
	return func(cfg *invoice.Config) { cfg.Now = c.now }
}

func TestAPaymentInABlockStampedAheadIsInTimeIfALaterBlockSaysSo(t *testing.T) {
	for name, blocks := range map[string]int{"in one step": 1, "in the next step": 4} { // a step has four blocks
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				inv := w.create()
				w.stop()
				w.pay(inv, "SIM", "10")
				for range blocks {
					w.chain.MineAt(time.Now().Add(90 * time.Minute)) // by a clock that is ahead
				}
				time.Sleep(time.Minute)
				w.chain.MineAt(time.Now())
				w.chain.MineAt(time.Now())
				time.Sleep(2 * time.Hour) // we were away
				w.restart()
				w.mine(3)
				w.wants(inv, invoice.StatusCompleted, exact)
				require.NotContains(t, w.told(inv), invoice.EventExpired)
			})
		})
	}
}

func TestNothingExpiresBeforeWhatTheChainHasIsRead(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.stop()
		w.chain.MineAt(time.Now().Add(time.Hour)) // ahead, and the first of many to be read
		for range 11 {
			w.chain.MineAt(time.Now())
		}
		w.pay(inv, "SIM", "10")
		w.chain.MineAt(time.Now())
		time.Sleep(2 * time.Hour)
		w.restart()
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
		require.NotContains(t, w.told(inv), invoice.EventExpired)
	})
}

func TestAClockThatWasAheadMakesNoPaymentLate(t *testing.T) {
	c := &clockwork{}
	inWorld(t, func(w *world) {
		inv := w.create()
		c.set(2 * time.Hour)
		w.pay(inv, "SIM", "10")
		w.settle() // it is seen in the pool, by the wrong clock
		c.set(0)
		time.Sleep(time.Minute)
		w.mine(1)
		got := w.get(inv)
		require.Len(t, got.Payments, 1)
		require.False(t, got.Payments[0].FirstSeen.After(time.Now()))
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
	}, withClock(c))
}

func TestAClockFarBehindTheChainIsAnAlarmAndCostsNoInvoiceItsTime(t *testing.T) {
	c := &clockwork{}
	inWorld(t, func(w *world) {
		c.set(-2 * time.Hour)
		w.mine(1)
		h := w.health()
		require.Greater(t, h.Ahead, invoice.MaxAhead)
		require.False(t, h.OK(c.now(), 5*time.Minute, 3))
		inv := w.create()
		c.set(0)
		time.Sleep(20 * time.Minute)
		w.mine(1)
		require.Equal(t, invoice.StatusNew, w.get(inv).State.Status)
		require.True(t, w.health().OK(time.Now(), 5*time.Minute, 3))
		time.Sleep(15 * time.Minute)
		w.mine(1)
		require.Equal(t, invoice.StatusExpired, w.get(inv).State.Status)
	}, withClock(c))
}

func TestMoneyFromBeforeAnInvoiceHadThePlaceIsNotItsOwn(t *testing.T) {
	inWorld(t, func(w *world) {
		a := w.create()
		w.pass(31 * time.Minute)
		w.pass(62 * time.Minute)
		require.NotZero(t, w.get(a).State.ReleasedAt)
		w.stop()
		w.pay(a, "SIM", "10")
		w.chain.MineAt(time.Now())
		time.Sleep(10 * time.Minute)
		b := w.create()
		require.Equal(t, a.Quote.Address, b.Quote.Address)
		w.restart()
		w.mine(4)
		require.Empty(t, w.get(b).Payments)
		require.Len(t, w.get(a).Payments, 1)
		w.pay(b, "SIM", "10")
		w.mine(3)
		require.Equal(t, invoice.StatusCompleted, w.get(b).State.Status)
	}, pooled(1))
}

func TestAFirstHolderGetsWhatIsOlderThanItsClaimAsNobodyElseCan(t *testing.T) {
	inWorld(t, func(w *world) {
		w.stop()
		time.Sleep(time.Hour) // nothing is known of the chain
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.chain.MineAt(time.Now().Add(-time.Minute)) // by a clock that is behind
		w.restart()
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
	}, pooled(1))
}

func TestAnAssetIsChosenAgainAfterARefreshPastTheFirstDeadline(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		time.Sleep(31 * time.Minute)
		w.mine(1)
		_, err := w.svc.Refresh(w.t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, 0)
		require.NoError(t, err)
		time.Sleep(time.Minute)
		w.mine(1)
		got, err := w.svc.Choose(w.t.Context(), "shop", inv.ID, "TOK")
		require.NoError(t, err)
		require.Equal(t, "TOK", got.Quote.Asset.Code)
	})
}
