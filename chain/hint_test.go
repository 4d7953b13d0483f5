package chain_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
)

// hinting is a node that hints on command.
type hinting struct {
	chain.Node
	news  chan error
	waits atomic.Int64
}

func newHinting(n chain.Node) *hinting { return &hinting{Node: n, news: make(chan error, 1)} }

func (h *hinting) Wait(ctx context.Context) error {
	h.waits.Add(1)
	select {
	case err := <-h.news:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func newHintRig(t *testing.T) (*rig, *hinting) {
	r := newRig(t, func(c *chain.FollowConfig) {
		c.Poll, c.MinPoll, c.MinBackoff = 30*time.Second, time.Second, 4*time.Second
	})
	h := newHinting(r.Chain)
	r.cfg.Node = h
	r.restart()
	r.follow()
	return r, h
}

func TestHintCutsTheRestShort(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, h := newHintRig(t)
		began := time.Now()
		time.AfterFunc(5*time.Second, func() { r.Mine(1); h.news <- nil })
		require.Len(t, r.step().Joined, 1)
		require.Equal(t, 5*time.Second, time.Since(began))
		require.Empty(t, r.step().Joined, "a hint that is lost costs nothing but time")
		require.Equal(t, 35*time.Second, time.Since(began))
	})
}

func TestHintsWithoutEndMakeNoBusyLoop(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, h := newHintRig(t)
		close(h.news)
		began := time.Now()
		for range 10 {
			require.Empty(t, r.step().Joined)
		}
		require.Equal(t, 10*time.Second, time.Since(began))
		// The first news after a quiet time are heard at once.
		time.Sleep(20 * time.Second)
		began = time.Now()
		r.step()
		require.Equal(t, began, time.Now())
	})
}

func TestHintsDoNotCutTheBackoffShort(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, h := newHintRig(t)
		close(h.news)
		r.Down(errDown)
		r.refuse(errDown)
		began, waits := time.Now(), h.waits.Load()
		r.refuse(errDown)
		require.GreaterOrEqual(t, time.Since(began), 2*time.Second)
		require.Equal(t, waits, h.waits.Load())
	})
}

func TestHinterThatFailsIsLeftAloneAndPollingGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, h := newHintRig(t)
		h.news <- errDown
		began := time.Now()
		r.step()
		require.Equal(t, 30*time.Second, time.Since(began), "the rest goes on")
		require.NoError(t, r.f.Lag().Err)
		stop := make(chan struct{})
		go func() { // it fails from now on
			for {
				select {
				case h.news <- errDown:
				case <-stop:
					return
				}
			}
		}()
		waits := h.waits.Load()
		for range 100 {
			r.step()
		}
		require.Less(t, h.waits.Load()-waits, int64(60))
		close(stop)
		synctest.Wait()
		for len(h.news) > 0 {
			<-h.news
		}
		time.Sleep(2 * time.Minute)
		r.step()
		time.AfterFunc(5*time.Second, func() { r.Mine(1); h.news <- nil })
		began = time.Now()
		require.Len(t, r.step().Joined, 1)
		require.Equal(t, 5*time.Second, time.Since(began), "it is heard again")
	})
}

func TestNextReturnsWhenTheContextEndsWhileItWaitsForAHint(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, _ := newHintRig(t)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := r.f.Next(ctx, r.cursor)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Zero(t, r.f.Lag().Failures)
	})
}

func TestNodesPassOnTheHintsOfTheirMembers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(c *chain.FollowConfig) { c.Poll = 30 * time.Second })
		one, two := newHinting(r.Chain), newHinting(r.Chain)
		n, err := chain.NewNodes(chain.NodesConfig{Members: []chain.Member{
			{Name: "mute", Node: r.Chain}, {Name: "one", Node: one}, {Name: "two", Node: two},
		}})
		require.NoError(t, err)
		r.cfg.Node = n
		r.restart()
		r.follow()
		r.step()
		for _, h := range []*hinting{one, two} {
			began := time.Now()
			time.AfterFunc(5*time.Second, func() { r.Mine(1); h.news <- nil })
			require.Len(t, r.step().Joined, 1)
			require.Equal(t, 5*time.Second, time.Since(began))
		}
		// One whose hints fail does not silence the other, and is left alone for a while.
		one.news <- errDown
		began := time.Now()
		time.AfterFunc(5*time.Second, func() { two.news <- nil })
		r.step()
		require.Equal(t, 5*time.Second, time.Since(began))
		require.ErrorIs(t, n.Health()[1].Err, errDown)
		// All fail: the rest is as without hints.
		time.Sleep(2 * time.Minute)
		r.step()
		one.news <- errDown
		two.news <- errDown
		began = time.Now()
		r.step()
		require.Equal(t, 30*time.Second, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		time.Sleep(2 * time.Minute)
		require.ErrorIs(t, n.Wait(ctx), context.DeadlineExceeded)
	})
}
