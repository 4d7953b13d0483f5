package chain_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

// slow takes a while for each block.
type slow struct {
	*chaintest.Chain
	per    time.Duration
	atOnce atomic.Int64
	most   atomic.Int64
}

func (n *slow) Block(ctx context.Context, height uint64) (chain.Block, error) {
	n.most.Store(max(n.most.Load(), n.atOnce.Add(1)))
	defer n.atOnce.Add(-1)
	select {
	case <-time.After(n.per):
		return n.Chain.Block(ctx, height)
	case <-ctx.Done():
		return chain.Block{}, ctx.Err()
	}
}

func slowRig(t *testing.T, per time.Duration, configure ...func(*chain.FollowConfig)) (*rig, *slow) {
	var node *slow
	r := newRig(t, append(configure, func(c *chain.FollowConfig) {
		node = &slow{Chain: c.Node.(*chaintest.Chain), per: per}
		c.Node = node
	})...)
	return r, node
}

func TestStepsOfASlowNodeAreNotLong(t *testing.T) {
	for _, per := range []time.Duration{20 * time.Millisecond, 300 * time.Millisecond, 1200 * time.Millisecond, 4 * time.Second, 20 * time.Second} {
		t.Run(per.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r, _ := slowRig(t, per)
				r.pay(5)
				r.Mine(300)
				for r.ledger.Blocks() == nil || r.step().Head.Height < 300 {
					began := time.Now()
					s := r.step()
					require.LessOrEqual(t, time.Since(began), 5*time.Second+per, "the patience and one block")
					require.NotEmpty(t, s.Joined)
				}
				require.Equal(t, r.Canonical(), r.ledger.Transfers())
			})
		})
	}
}

func TestStepsGrowAgainWhenTheNodeIsQuick(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, node := slowRig(t, 10*time.Second)
		r.Mine(400)
		require.Len(t, r.step().Joined, 4, "what was begun at once")
		require.Equal(t, 4, r.f.Lag().Batch)
		node.per = 0
		for _, want := range []int{4, 8, 16, 32, 64, 64} {
			require.Len(t, r.step().Joined, want)
		}
		require.Equal(t, 64, r.f.Lag().Batch)
	})
}

func TestStepIsSmallerAfterAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.Mine(400)
		r.OnCall(func(c chaintest.Call) error {
			if c.Method == "Block" && c.Height == 20 {
				return errDown
			}
			return nil
		})
		require.Len(t, r.step().Joined, 19, "what was read before is kept, but for its last block, which nothing confirms")
		require.Equal(t, uint64(20), r.f.Lag().At, "and what is waited for is known")
		require.Equal(t, 19, r.f.Lag().Batch)
		r.refuse(errDown)
		require.Len(t, r.step().Joined, 1, "block 19 alone")
		for range 3 {
			r.refuse(errDown)
		}
		lag := r.f.Lag()
		require.Equal(t, 1, lag.Batch, "one block alone is the least")
		require.Equal(t, uint64(20), lag.At)
		since := lag.Since
		require.False(t, since.IsZero())
		r.refuse(errDown)
		require.Equal(t, since, r.f.Lag().Since, "when the first of them happened")
		r.OnCall(nil)
		require.Len(t, r.step().Joined, 1)
		lag = r.f.Lag()
		require.Zero(t, lag.At)
		require.Zero(t, lag.Since)
		require.Equal(t, 2, lag.Batch)
	})
}

func TestFailureOfTheTipNamesNoBlock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.Mine(3)
		r.Down(errDown)
		r.refuse(errDown)
		require.Zero(t, r.f.Lag().At)
		require.Equal(t, 64, r.f.Lag().Batch, "which says nothing of steps")
		require.Equal(t, time.Now(), r.f.Lag().Since)
	})
}

func TestCallerLimitsSteps(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.Mine(100)
		r.f.Limit(3)
		require.Equal(t, 3, r.f.Lag().Batch)
		for range 4 {
			require.Len(t, r.step().Joined, 3)
		}
		r.f.Limit(1000)
		require.Len(t, r.step().Joined, 64, "never more than the configuration allows")
		r.f.Limit(1)
		require.Len(t, r.step().Joined, 1)
		r.f.Limit(0)
		require.Equal(t, 64, r.f.Lag().Batch)
		r.follow()
		r.f.Limit(1)
		r.Reorganise(20, 2, chaintest.Remined)
		s := r.step()
		require.True(t, s.Rewound)
		require.Len(t, s.Joined, 20, "a reorganisation comes in one piece")
	})
}

func TestReorganisationOfASlowChainComesInOneStep(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, node := slowRig(t, 0)
		paid := r.pay(5)
		r.Mine(40)
		r.follow()
		node.per = 3 * time.Second
		r.Reorganise(40, 5, chaintest.Remined)
		s := r.step()
		require.True(t, s.Rewound)
		require.Len(t, s.Joined, 40)
		require.Equal(t, paid, r.ledger.Transfers()[0].TxID)
	})
}

func TestLargeBlockGetsMoreTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, node := slowRig(t, 100*time.Second)
		r.Mine(3)
		r.refuse(context.DeadlineExceeded)
		r.refuse(context.DeadlineExceeded)
		require.NotEmpty(t, r.step().Joined, "120 s are enough")
		node.per = 1000 * time.Second
		for range 6 {
			began := time.Now()
			r.refuse(context.DeadlineExceeded)
			require.LessOrEqual(t, time.Since(began), 240*time.Second+time.Minute, "but there is an end")
		}
	})
}

// sometimes are heights without a block, by chance.
func sometimes(seed uint64, share int) func(uint64) bool {
	return func(h uint64) bool {
		return rand.New(rand.NewPCG(seed, h)).IntN(100) < share
	}
}

func gapRig(t *testing.T, skip func(uint64) bool, configure ...func(*chain.FollowConfig)) *rig {
	c := chaintest.NewChain(chaintest.Config{Skip: skip})
	r := newRig(t, append(configure, func(f *chain.FollowConfig) { f.Node = c })...)
	r.Chain, r.shop, r.coin = c, c.Address("shop"), c.Asset("SIM")
	return r
}

func TestHeightsWithoutABlockArePassedOver(t *testing.T) {
	for seed := range uint64(40) {
		inBubble(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			batch, window := 1+random.IntN(6), 20+random.IntN(40)
			r := gapRig(t, sometimes(seed, 10+random.IntN(80)), func(c *chain.FollowConfig) {
				c.Batch, c.Window, c.Margin = batch, window, -1
			})
			for range 30 {
				r.pay(1 + random.Int64N(100))
				r.Mine(1)
			}
			for range 30 {
				switch random.IntN(4) {
				case 0:
					r.pay(1 + random.Int64N(100))
					r.Mine(1 + random.IntN(4))
				case 1:
					r.Reorganise(1+random.IntN(8), random.IntN(3), chaintest.Fate(random.IntN(3)))
				case 2:
					r.restart()
				}
				r.follow()
			}
			blocks := r.ledger.Blocks()
			since := blocks[len(blocks)/2]
			r.cursor, r.ledger = chain.CursorSince(since.Time), chaintest.Ledger{}
			r.restart()
			s := r.step()
			require.Equal(t, since.Hash, s.Joined[0].Hash, "the first block since then")
		})
	}
}

func TestReorganisationAcrossGapsComesInOneStep(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := gapRig(t, func(h uint64) bool { return h%5 > 1 }, func(c *chain.FollowConfig) { c.Batch = 4 })
		r.Mine(60)
		r.follow()
		old := r.Head()
		fork := r.ledger.Blocks()[60-30]
		r.Reorganise(30, 1, chaintest.Remined)
		s := r.step()
		require.True(t, s.Rewound)
		require.Equal(t, fork.Height, s.Fork)
		require.GreaterOrEqual(t, s.Head.Height, old.Height)
		require.Equal(t, old.Height-fork.Height, r.f.Lag().ForkDepth)
	})
}

func TestLongGapIsPassedOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := gapRig(t, func(h uint64) bool { return h > 10 && h < 2000 })
		r.f.Limit(1)
		r.Mine(12)
		for i := range 13 {
			require.Len(t, r.step().Joined, 1, "step %d", i)
		}
		require.Equal(t, uint64(2001), r.ledger.Blocks()[12].Height)
	})
}

// denying returns ErrNoBlock for some heights.
type denying struct {
	*chaintest.Chain
	from, to uint64
}

func (n *denying) deny(height uint64) error {
	if height >= n.from && height <= n.to {
		return fmt.Errorf("%w: %d", chain.ErrNoBlock, height)
	}
	return nil
}

func (n *denying) Header(ctx context.Context, height uint64) (chain.Header, error) {
	if err := n.deny(height); err != nil {
		return chain.Header{}, err
	}
	return n.Chain.Header(ctx, height)
}

func (n *denying) Block(ctx context.Context, height uint64) (chain.Block, error) {
	if err := n.deny(height); err != nil {
		return chain.Block{}, err
	}
	return n.Chain.Block(ctx, height)
}

func TestBlockThatIsDeniedIsNotPassedOver(t *testing.T) {
	for name, d := range map[string]denying{
		"in between": {from: 5, to: 5}, "several": {from: 5, to: 9}, "the tip": {from: 20, to: 20},
		"to the tip": {from: 5, to: 20}, "far above too": {from: 5, to: 1 << 40},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				node := d
				r := newRig(t, func(c *chain.FollowConfig) {
					node.Chain = c.Node.(*chaintest.Chain)
					c.Node = &node
				})
				r.Mine(20)
				for range 5 {
					if s, err := r.f.Next(t.Context(), r.cursor); err == nil {
						r.apply(s)
					}
				}
				require.Less(t, r.f.Lag().Height, d.from)
				require.Positive(t, r.f.Lag().Failures)
				node.from = 1 << 41
				r.follow()
			})
		})
	}
}
