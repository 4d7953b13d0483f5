package invoice_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// slowNode takes its time for each block.
type slowNode struct {
	*chaintest.Chain
	each time.Duration
}

func (n slowNode) Block(ctx context.Context, height uint64) (chain.Block, error) {
	select {
	case <-time.After(n.each):
	case <-ctx.Done():
		return chain.Block{}, ctx.Err()
	}
	return n.Chain.Block(ctx, height)
}

// wholeSteps is a watcher whose steps take a minute each, longer than any lease.
type wholeSteps struct{ invoice.ChainWatcher }

func (w wholeSteps) Next(ctx context.Context, cursor chain.Cursor) (chain.Step, error) {
	step, err := w.ChainWatcher.Next(ctx, cursor)
	if len(step.Joined) > 0 {
		select {
		case <-time.After(time.Minute):
		case <-ctx.Done():
			return chain.Step{}, ctx.Err()
		}
	}
	return step, err
}

func TestProcessesWhoseStepsOutlastTheirLeaseDoNotTakeItFromEachOther(t *testing.T) {
	for name, watch := range map[string]func(w *world) invoice.ChainWatcher{
		"a node that needs a second and more for each block": func(w *world) invoice.ChainWatcher {
			f, err := chain.NewFollower(chain.FollowConfig{Node: slowNode{w.chain, 1500 * time.Millisecond}})
			require.NoError(t, err)
			return f
		},
		"steps of a minute": func(w *world) invoice.ChainWatcher { return wholeSteps{w.watcher(w.chain)} },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				inv := w.create()
				w.stop()
				w.pay(inv, "SIM", "10")
				for range 70 {
					w.chain.MineAt(time.Now())
					time.Sleep(time.Second)
				}
				ctx, cancel := context.WithCancel(w.t.Context())
				done := make(chan error, 2)
				for i := range 2 {
					cfg := w.cfg
					cfg.Holder = fmt.Sprint("process-", i)
					cfg.Chains = append([]invoice.ChainConfig(nil), w.cfg.Chains...)
					cfg.Chains[0].Watcher = watch(w)
					svc, err := invoice.New(cfg)
					require.NoError(t, err)
					go func() { done <- svc.Run(ctx) }()
				}
				time.Sleep(40 * time.Minute)
				require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
				cancel()
				require.NoError(t, <-done)
				require.NoError(t, <-done)
			})
		})
	}
}

// stuckAfter is a watcher whose node says that there is more, and never gives it.
type stuckAfter struct{ invoice.ChainWatcher }

func (w stuckAfter) Next(ctx context.Context, _ chain.Cursor) (chain.Step, error) {
	<-ctx.Done()
	return chain.Step{}, ctx.Err()
}

func TestANetworkThatDoesNotComeFurtherIsNotHealthy(t *testing.T) {
	inWorld(t, func(w *world) {
		require.True(t, w.health().OK(time.Now(), 3*time.Minute, 3))
		time.Sleep(10 * time.Minute)
		require.True(t, w.health().OK(time.Now(), 3*time.Minute, 3), "a chain that stands still is seen to")
		w.stop()
		w.cfg.Chains[0].Watcher = stuckAfter{w.watcher(w.chain)}
		w.start()
		time.Sleep(10 * time.Minute)
		h := w.health()
		require.False(t, h.OK(time.Now(), 3*time.Minute, 3))
		require.Greater(t, time.Since(h.Advanced), 5*time.Minute)

		other, err := invoice.New(w.cfg) // a process that follows nothing sees it as well
		require.NoError(t, err)
		health, err := other.Health(w.t.Context())
		require.NoError(t, err)
		require.False(t, health[0].OK(time.Now(), 3*time.Minute, 3))
	})
}

func TestHealthSaysSinceWhenAStepCannotBeStored(t *testing.T) {
	flaky := &failing{backend: newStore()}
	inWorld(t, func(w *world) {
		flaky.fail(fmt.Errorf("disk full"))
		began := time.Now()
		w.mine(1)
		time.Sleep(10 * time.Minute)
		h := w.health()
		require.ErrorContains(t, h.Err, "disk full")
		require.Less(t, h.Since.Sub(began).Abs(), time.Minute)
		flaky.fail(nil)
		time.Sleep(2 * time.Minute)
		require.NoError(t, w.health().Err)
		require.Zero(t, w.health().Since)
	}, func(c *invoice.Config) { c.Store = flaky })
}

func TestAStoreThatCannotTakeALargeStepIsGivenSmallerOnes(t *testing.T) {
	small := &smallSteps{backend: newStore(), most: 3}
	inWorld(t, func(w *world) {
		w.stop()
		invs := []invoice.Invoice{w.create(), w.create(), w.create(), w.create()}
		for _, inv := range invs {
			w.pay(inv, "SIM", "10")
			w.chain.MineAt(time.Now())
		}
		w.restart()
		time.Sleep(10 * time.Minute)
		w.mine(3)
		for _, inv := range invs {
			w.wants(inv, invoice.StatusCompleted, exact)
		}
		require.Empty(t, w.health().Aside)
	}, func(c *invoice.Config) { c.Store = small })
}

// smallSteps is a store that refuses batches with more than so many invoices.
type smallSteps struct {
	backend
	most int
}

func (s *smallSteps) Commit(ctx context.Context, b invoice.Batch) error {
	if len(b.Update) > s.most {
		return fmt.Errorf("statement of %d rows is too large", len(b.Update))
	}
	return s.backend.Commit(ctx, b)
}
