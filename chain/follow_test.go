package chain_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

var errDown = errors.New("node is down")

// rig is a chain, a follower of it, and a ledger that applies and stores its steps. Its tests run in a bubble of
// synctest, where pauses take no time.
type rig struct {
	*testing.T
	*chaintest.Chain
	f      *chain.Follower
	cfg    chain.FollowConfig
	ledger chaintest.Ledger
	cursor chain.Cursor
	shop   chain.Address
	coin   chain.Asset
}

func newRig(t *testing.T, configure ...func(*chain.FollowConfig)) *rig {
	c := chaintest.NewChain(chaintest.Config{})
	r := &rig{T: t, Chain: c, shop: c.Address("shop"), coin: c.Asset("SIM"), cursor: chain.CursorSince(time.Time{})}
	r.cfg.Node = c
	for _, f := range configure {
		f(&r.cfg)
	}
	r.restart()
	return r
}

// restart forgets everything but what was stored.
func (r *rig) restart() {
	r.Helper()
	var err error
	r.f, err = chain.NewFollower(r.cfg)
	require.NoError(r, err)
}

func (r *rig) pay(units int64) string { return r.Pay(r.shop, r.coin, big.NewInt(units)) }

// step is one step that has to succeed, applied.
func (r *rig) step() chain.Step {
	r.Helper()
	s, err := r.f.Next(r.Context(), r.cursor)
	require.NoError(r, err)
	r.apply(s)
	return s
}

func (r *rig) apply(s chain.Step) {
	r.Helper()
	require.NoError(r, r.ledger.Apply(s))
	r.cursor = s.Cursor
}

// refuse is one step that has to fail and to change nothing.
func (r *rig) refuse(want error) {
	r.Helper()
	s, err := r.f.Next(r.Context(), r.cursor)
	require.ErrorIs(r, err, want)
	require.Equal(r, chain.Step{}, s)
}

// shows reports whether a payment is in a block that was read, or in the pool of a step that knows it.
func (r *rig) shows(s chain.Step, txid string) bool {
	return len(r.ledger.Transfers()) > 0 || slices.ContainsFunc(s.Pool, func(p chain.Transfer) bool { return p.TxID == txid })
}

// followBeside follows while something else runs again and again.
func (r *rig) followBeside(read func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			read()
		}
	}()
	r.follow()
	<-done
}

// follow goes to the tip, through whatever errors, and proves that credited equals canonical.
func (r *rig) follow() {
	r.Helper()
	for range 1000 {
		s, err := r.f.Next(r.Context(), r.cursor)
		if err != nil {
			continue
		}
		r.apply(s)
		if s.Head.Hash == r.Head().Hash {
			require.Equal(r, r.Canonical(), r.ledger.Transfers(), "credited equals canonical")
			return
		}
	}
	r.Fatalf("never at the tip: %+v", r.f.Lag())
}

func inBubble(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }

func TestNewFollowerNamesTheWrongField(t *testing.T) {
	node := chaintest.NewChain(chaintest.Config{})
	for field, cfg := range map[string]chain.FollowConfig{
		"Node":       {},
		"Poll":       {Node: node, Poll: -1},
		"MinBackoff": {Node: node, MinBackoff: -1},
		"MaxBackoff": {Node: node, MinBackoff: 2, MaxBackoff: 1},
		"Timeout":    {Node: node, Timeout: -1},
		"Batch":      {Node: node, Batch: -1},
		"Parallel":   {Node: node, Parallel: 1000},
		"Window":     {Node: node, Window: chain.MaxWindow + 1},
	} {
		_, err := chain.NewFollower(cfg)
		require.ErrorContains(t, err, "FollowConfig."+field)
	}
	f, err := chain.NewFollower(chain.FollowConfig{Node: node})
	require.NoError(t, err)
	require.Zero(t, node.Calls(), "nothing is asked before Next")
	require.Equal(t, node.Network(), f.Network())
	require.Equal(t, chain.Lag{Network: node.Network(), Batch: 64}, f.Lag())
}

func TestCatchUpGoesInBatchesWithoutRest(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(c *chain.FollowConfig) { c.Batch = 10 })
		for range 34 {
			r.pay(1)
			r.Mine(1)
		}
		began := time.Now()
		for _, want := range []int{10, 10, 10, 5} {
			require.Len(t, r.step().Joined, want)
		}
		require.Equal(t, began, time.Now())
		require.Equal(t, r.Canonical(), r.ledger.Transfers())
		require.Zero(t, r.f.Lag().Blocks())
	})
}

func TestBlocksAreReadInParallelWithinTheLimit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(c *chain.FollowConfig) { c.Parallel = 5 })
		r.Mine(20)
		var flying, most atomic.Int64
		r.OnCall(func(c chaintest.Call) error {
			if c.Method == "Block" {
				most.Store(max(most.Load(), flying.Add(1)))
				time.Sleep(time.Second) // in the bubble: until all others wait too
				flying.Add(-1)
			}
			return nil
		})
		began := time.Now()
		require.Len(t, r.step().Joined, 21)
		require.EqualValues(t, 5, most.Load())
		require.Equal(t, 5*time.Second, time.Since(began), "21 blocks, 5 at a time")
	})
}

func TestOneNewBlockCostsTwoCalls(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Node = struct{ chain.Node }{r.Chain} // without the pool
		r.restart()
		r.Mine(10)
		r.follow()
		r.Mine(1)
		before := r.Calls()
		require.Len(t, r.step().Joined, 1)
		require.Equal(t, 2, r.Calls()-before)
	})
}

func TestNextRestsForPollWhenCaughtUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(c *chain.FollowConfig) { c.Poll = 7 * time.Second })
		r.follow()
		began := time.Now()
		require.True(t, r.step().PoolKnown)
		require.Equal(t, began, time.Now(), "the pool is read for the first time at once")
		for range 3 {
			began := time.Now()
			s := r.step()
			require.Equal(t, 7*time.Second, time.Since(began))
			require.Empty(t, s.Joined)
			require.Equal(t, r.cursor, s.Cursor, "the same position")
		}
		// A caller that was busy in between does not rest again.
		time.Sleep(time.Minute)
		began = time.Now()
		r.step()
		require.Equal(t, began, time.Now())
	})
}

func TestNextReturnsWhenTheContextEndsWhileItRests(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(c *chain.FollowConfig) { c.Poll = time.Hour })
		r.follow()
		r.step()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := r.f.Next(ctx, r.cursor)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(began))
		require.Zero(t, r.f.Lag().Failures, "the caller's wish is no failure of the node")
	})
}

func TestNextReturnsWhenTheContextEndsWhileItReads(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.Mine(10)
		ctx, cancel := context.WithCancel(t.Context())
		r.OnCall(func(c chaintest.Call) error {
			if c.Height == 5 {
				cancel()
			}
			return nil
		})
		_, err := r.f.Next(ctx, r.cursor)
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, r.f.Lag().Failures)
		r.OnCall(nil)
		r.follow()
	})
}

func TestA4_BackoffGrowsToACeilingAndEndsWithSuccess(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(c *chain.FollowConfig) { c.MinBackoff, c.MaxBackoff = time.Second, 10*time.Second })
		r.Mine(1)
		r.follow()
		r.step()
		r.Down(errDown)
		r.refuse(errDown)
		for i, ceiling := range []time.Duration{1, 2, 4, 8, 10, 10, 10} {
			ceiling *= time.Second
			began := time.Now()
			before := r.Calls()
			r.refuse(errDown)
			require.Equal(t, 1, r.Calls()-before, "one call an attempt")
			require.GreaterOrEqual(t, time.Since(began), ceiling/2, "failure %d", i+1)
			require.LessOrEqual(t, time.Since(began), ceiling, "failure %d", i+1)
		}
		lag := r.f.Lag()
		require.Equal(t, 8, lag.Failures)
		require.ErrorIs(t, lag.Err, errDown)
		require.True(t, lag.Answered.Before(lag.Asked))
		require.WithinDuration(t, time.Now(), lag.Asked, 0)

		r.Down(nil)
		r.step()
		lag = r.f.Lag()
		require.Zero(t, lag.Failures)
		require.NoError(t, lag.Err)
		r.Down(errDown)
		r.refuse(errDown)
		began := time.Now()
		r.refuse(errDown)
		require.LessOrEqual(t, time.Since(began), time.Second, "it begins anew")
	})
}

func TestA4_NodeThatFailsInTheMiddleGetsARestToo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(c *chain.FollowConfig) { c.MinBackoff, c.Parallel = time.Second, 3 })
		r.Mine(60)
		r.OnCall(func(c chaintest.Call) error {
			if c.Method == "Block" && c.Height == 5 {
				return errDown
			}
			time.Sleep(time.Millisecond) // a failure is quicker than an answer
			return nil
		})
		require.Len(t, r.step().Joined, 4, "what was read and has a block after it is not read again")
		require.Less(t, r.Calls(), 15, "after the failure nothing more is asked for")
		require.ErrorIs(t, r.f.Lag().Err, errDown)
		began := time.Now()
		r.refuse(errDown)
		require.GreaterOrEqual(t, time.Since(began), time.Second/2)
		r.OnCall(nil)
		r.follow()
	})
}

func TestNodeThatHangsIsTimedOut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.cfg.Node = hanging{r.Chain}
		r.cfg.Timeout = 5 * time.Second
		r.restart()
		began := time.Now()
		r.refuse(context.DeadlineExceeded)
		require.Equal(t, 5*time.Second, time.Since(began))
		require.Equal(t, 1, r.f.Lag().Failures)
	})
}

type hanging struct{ chain.Node }

func (hanging) Tip(ctx context.Context) (chain.Tip, error) {
	<-ctx.Done()
	return chain.Tip{}, ctx.Err()
}

func TestCursorSinceBeginsWithTheFirstBlockStampedThen(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		start := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		for seconds, want := range map[int]uint64{-1: 0, 0: 0, 1: 1, 10: 1, 11: 2, 4999: 500, 9990: 999, 10000: 1000} {
			r := newRig(t, func(c *chain.FollowConfig) { c.Margin, c.Batch = -1, 1 })
			r.Mine(1000)
			before := r.Calls()
			r.cursor = chain.CursorSince(start.Add(time.Duration(seconds) * time.Second))
			require.Equal(t, want, r.step().Joined[0].Height, "since %d s", seconds)
			require.Less(t, r.Calls()-before, 40, "a search, not a walk")
		}
	})
}

func TestCursorSinceTheFutureBeginsAfterTheTip(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.pay(1)
		r.Mine(20)
		r.cursor = chain.CursorSince(r.Head().Time.Add(3 * time.Hour))
		s := r.step()
		require.Empty(t, s.Joined)
		require.Equal(t, r.Head().Hash, s.Head.Hash)
		// That block leaves the chain, although none before it was ever handed out.
		paid := r.pay(2)
		r.Reorganise(3, 1, chaintest.Lost)
		r.Mine(1)
		s = r.step()
		require.True(t, s.Rewound)
		require.Equal(t, uint64(16), s.Fork, "of what was before, few blocks are known")
		require.Equal(t, paid, r.ledger.Transfers()[0].TxID)
	})
}

func TestCursorSinceHasAMarginForTheDriftOfStamps(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.SetInterval(10 * time.Minute)
		r.Mine(100)
		r.cursor = chain.CursorSince(r.Head().Time)
		require.Equal(t, uint64(100-12), r.step().Joined[0].Height)
	})
}

func TestStampsThatRunBackwardsHideNoBlock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.SetInterval(10 * time.Minute)
		r.Mine(100)
		since := r.Head().Time
		random := rand.New(rand.NewPCG(1, 2))
		for i := range 30 {
			r.pay(1)
			r.MineAt(since.Add(time.Duration(10*i-random.IntN(120)) * time.Minute))
		}
		r.cursor = chain.CursorSince(since)
		r.follow()
	})
}

func TestBadCursorIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		for _, c := range []chain.Cursor{nil, {}, chain.Cursor("nonsense")} {
			r.cursor = c
			r.refuse(chain.ErrBadCursor)
		}
	})
}

// Stops before a step is stored, after it, and in the middle of a catch-up, on a chain that grows and
// reorganises meanwhile.
func TestA5_EachTransferIsThereOnceWhereverItStops(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 5))
				r := newRig(t, func(c *chain.FollowConfig) { c.Batch, c.Parallel, c.Window = 3, 2, 16 })
				for range 300 {
					switch random.IntN(10) {
					case 0, 1, 2:
						r.pay(1 + random.Int64N(100))
						r.Mine(1 + random.IntN(5))
					case 3:
						if depth := 1 + random.IntN(12); uint64(depth) <= r.Head().Height {
							r.Reorganise(depth, random.IntN(3)-1, chaintest.Fate(random.IntN(3)))
						}
					case 4:
						r.restart()
					case 5:
						_, _ = r.f.Next(t.Context(), r.cursor) // and stops before it is stored
						r.restart()
					case 6:
						r.Lag(random.IntN(4))
					default:
						if s, err := r.f.Next(t.Context(), r.cursor); err == nil {
							r.apply(s)
							require.NoError(t, r.ledger.Apply(s), "the same step again")
						}
					}
				}
				r.Lag(0)
				r.Mine(2) // what is shorter than before is only seen once it has grown
				r.follow()
			})
		})
	}
}

func TestA6_GapIsBackFilledAfterDowntime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.pay(1)
		r.Mine(1)
		r.follow()
		r.Down(errDown)
		for range 500 {
			r.pay(1)
			r.Mine(1)
		}
		r.refuse(errDown)
		r.refuse(errDown)
		r.restart()
		r.Down(nil)
		r.follow()
		require.Equal(t, "501", r.ledger.Balance(r.shop, r.coin).String())
	})
}

func TestA46_LagReportsHowFarBehindAndWhy(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(c *chain.FollowConfig) { c.Batch = 10 })
		r.Mine(99)
		r.step()
		lag := r.f.Lag()
		require.Equal(t, uint64(9), lag.Height)
		require.Equal(t, uint64(99), lag.Tip)
		require.Equal(t, uint64(90), lag.Blocks())
		require.Equal(t, r.Head().Time, lag.TipTime)
		r.restart()
		r.OnCall(func(c chaintest.Call) error {
			if c.Method == "Block" {
				return chain.ErrNotFound // pruned
			}
			return nil
		})
		r.refuse(chain.ErrNotFound)
		require.Equal(t, uint64(90), r.f.Lag().Blocks(), "also before anything was handed out")
		require.Equal(t, 1, r.f.Lag().Failures)
	})
}

func TestNodeThatIsBehindChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.Mine(605)
		r.follow()
		behind := chaintest.NewChain(chaintest.Config{})
		behind.Mine(8) // the same calls make the same blocks
		r.cfg.Node = behind
		r.restart()
		r.refuse(chain.ErrBehind)
		behind.Mine(320)
		r.refuse(chain.ErrBehind)
		behind.Mine(400)
		require.Len(t, r.step().Joined, 64)
	})
}

func TestIncident31_LoadBalancerWithALaggingBackendLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.Mine(20)
		r.follow()
		r.Lag(3)
		for range 30 {
			r.pay(1)
			r.Mine(1)
			if s, err := r.f.Next(t.Context(), r.cursor); err == nil {
				require.False(t, s.Rewound, "a backend that is behind is no reorganisation")
				r.apply(s)
			}
		}
		require.Zero(t, r.f.Lag().ForkDepth)
		r.Lag(0)
		r.follow()
	})
}

func TestReorganisationComesInOneStep(t *testing.T) {
	for _, depth := range []int{1, 2, 13, 100, 255} {
		t.Run(fmt.Sprint(depth), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				var logs bytes.Buffer
				r := newRig(t, func(c *chain.FollowConfig) {
					c.Batch = 5
					c.Logger = slog.New(slog.NewTextHandler(&logs, nil))
				})
				r.Mine(300)
				paid := r.pay(7)
				r.Mine(1)
				r.follow()
				r.Reorganise(depth, 20, chaintest.Pooled)
				s := r.step()
				require.True(t, s.Rewound)
				require.Equal(t, uint64(301-depth), s.Fork)
				require.GreaterOrEqual(t, s.Head.Height, uint64(301), "as high as it was")
				r.follow()
				require.Zero(t, r.ledger.Balance(r.shop, r.coin).Sign())
				r.Mine(1)
				r.follow()
				require.Equal(t, paid, r.ledger.Transfers()[0].TxID)
				require.Equal(t, uint64(depth), r.f.Lag().ForkDepth)
				require.Contains(t, logs.String(), fmt.Sprintf("level=WARN msg=\"chain reorganised\" network=sim:1 depth=%d fork=%d", depth, 301-depth))
			})
		})
	}
}

func TestReorganisationToAShorterChain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.Mine(20)
		r.pay(7)
		r.Mine(5)
		r.follow()
		r.Reorganise(10, -3, chaintest.Remined)
		s := r.step()
		require.True(t, s.Rewound)
		require.Equal(t, uint64(15), s.Fork)
		require.Equal(t, uint64(22), s.Head.Height)
		r.follow()
		// Blocks that are only taken away leave a node that is behind, until others come.
		r.Reorganise(4, -4, chaintest.Remined)
		r.refuse(chain.ErrBehind)
		r.Mine(1)
		require.Equal(t, uint64(18), r.step().Fork)
		r.follow()
	})
}

// Block 666 833 of Bitcoin: one block was replaced, and the payment in it by another one.
func TestIncident30_PaymentOfOneConfirmationVanishes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		gone := r.pay(7)
		r.Mine(1)
		r.follow()
		require.Equal(t, gone, r.ledger.Transfers()[0].TxID)
		r.Reorganise(1, 0, chaintest.Lost) // of the same height: only the hash differs
		conflicting := r.Pay(r.Address("payer"), r.coin, big.NewInt(7))
		r.Mine(1)
		r.follow()
		require.Len(t, r.ledger.Transfers(), 1)
		require.Equal(t, conflicting, r.ledger.Transfers()[0].TxID)
	})
}

func TestIncident28_DeepReorganisationBeyondTheWindow(t *testing.T) {
	for _, depth := range []int{17, 60, 300, 999} {
		t.Run(fmt.Sprint(depth), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t, func(c *chain.FollowConfig) { c.Window, c.Batch = 16, 50 })
				for range 100 {
					r.pay(1)
					r.Mine(10)
				}
				r.follow()
				r.Reorganise(depth, 1, chaintest.Remined)
				s := r.step()
				require.True(t, s.Rewound)
				require.LessOrEqual(t, s.Fork, uint64(1000-depth))
				require.LessOrEqual(t, 1000-s.Fork, uint64(3*depth), "not much further than it must")
				require.LessOrEqual(t, len(s.Joined), 50)
				r.follow()
			})
		})
	}
}

func TestIncident26_ChainThatSharesNothingIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.Mine(30)
		r.follow()
		for _, blocks := range []int{10, 20, 10} { // shorter, as long, longer
			other := chaintest.NewChain(chaintest.Config{Seed: fmt.Sprint("other", blocks)})
			other.Mine(blocks + 10)
			r.cfg.Node = other
			r.restart()
			r.refuse(chain.ErrUnrelated)
		}
	})
}

func TestIncident26_WrongNetworkIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.pay(1)
		r.Mine(1)
		r.Lie(chaintest.WrongNetwork)
		r.refuse(chain.ErrWrongNetwork)
		r.Lie(chaintest.Honest)
		r.follow()
	})
}

func TestIncident31_LiesCreditNothing(t *testing.T) {
	for name, c := range map[string]struct {
		lie  chaintest.Lie
		want error
	}{
		"transfers are missing":        {chaintest.Incomplete, chain.ErrIncomplete},
		"blocks do not link":           {chaintest.Unlinked, chain.ErrMoved},
		"hash of block and header":     {chaintest.WrongHash, chain.ErrMoved},
		"another height":               {chaintest.WrongHeight, chain.ErrIncomplete},
		"transfers of another network": {chaintest.Foreign, chain.ErrWrongNetwork},
		"negative amounts":             {chaintest.Negative, chain.ErrIncomplete},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t)
				r.Mine(5)
				r.follow()
				r.pay(1)
				r.Mine(1)
				r.Lie(c.lie)
				r.refuse(c.want)
				r.refuse(c.want)
				require.Equal(t, 2, r.f.Lag().Failures)
				r.Reorganise(2, 1, chaintest.Remined)
				_, err := r.f.Next(t.Context(), r.cursor)
				require.ErrorIs(t, err, c.want, "also with a reorganisation")
				r.Lie(chaintest.Honest)
				r.follow()
			})
		})
	}
}

func TestIncident31_LastBlockOfABatchIsConfirmedToo(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(c *chain.FollowConfig) { c.Batch = 1 })
		r.pay(1)
		r.Mine(5)
		r.Lie(chaintest.WrongHash) // and no block after it, nor the tip, shows that it is wrong
		r.refuse(chain.ErrMoved)
		r.Lie(chaintest.Honest)
		r.follow()
	})
}

// splitNode returns blocks of a backend whose last ones differ.
type splitNode struct {
	chain.Node
	blocks chain.Node
}

func (n splitNode) Block(ctx context.Context, height uint64) (chain.Block, error) {
	return n.blocks.Block(ctx, height)
}

func TestIncident31_BackendsThatDisagreeAreNoReorganisation(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.Mine(20)
		r.follow()
		other := chaintest.NewChain(chaintest.Config{})
		other.Mine(20)
		other.Reorganise(5, 3, chaintest.Remined)
		r.cfg.Node = splitNode{other, r.Chain}
		r.Mine(5)
		r.restart()
		r.refuse(chain.ErrMoved)
	})
}

// The chain changes right before the block at a height is read.
func moveAt(r *rig, height uint64, move func()) {
	var once atomic.Bool
	r.OnCall(func(c chaintest.Call) error {
		if c.Method == "Block" && c.Height == height && once.CompareAndSwap(false, true) {
			move()
		}
		return nil
	})
}

func TestChainThatMovesWhileItIsRead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(c *chain.FollowConfig) { c.Parallel = 1 })
		r.Mine(20)
		r.follow()
		for range 10 {
			r.pay(1)
			r.Mine(1)
		}
		moveAt(r, 25, func() { r.Reorganise(7, 1, chaintest.Remined) }) // leaves 24..30
		s := r.step()
		require.Len(t, s.Joined, 3, "the step ends before the blocks no longer link")
		require.NotEqual(t, r.Head().Hash, s.Head.Hash)
		r.follow()

		r.Mine(1)
		moveAt(r, r.Head().Height, func() { r.Reorganise(1, 1, chaintest.Remined) })
		r.refuse(chain.ErrMoved)
		r.follow()

		// With a rewind nothing is handed out halfway.
		r.Reorganise(10, 1, chaintest.Remined)
		moveAt(r, r.Head().Height-5, func() { r.Reorganise(8, 1, chaintest.Remined) })
		r.refuse(chain.ErrMoved)
		r.follow()
	})
}

func TestFinalityIsClippedToTheHead(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(c *chain.FollowConfig) { c.Batch = 10 })
		r.Mine(30)
		head := r.step().Head
		require.Zero(t, head.Safe+head.Finalized, "the chain does not say")
		r.SetFinality(5, 8)
		head = r.step().Head
		require.Equal(t, chain.Head{Height: 19, Hash: head.Hash, Time: head.Time, Safe: 19, Finalized: 19, Tip: 30}, head)
		r.follow()
		r.SetFinality(2, 3)
		s := r.step()
		require.Empty(t, s.Joined)
		require.Equal(t, chain.Head{Height: 30, Hash: r.Head().Hash, Time: r.Head().Time, Safe: 28, Finalized: 27, Tip: 30}, s.Head)
	})
}

func TestPoolIsKnownOnlyAtTheTip(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t, func(c *chain.FollowConfig) { c.Batch = 10 })
		r.Mine(14)
		waiting := r.pay(1)
		require.False(t, r.step().PoolKnown)
		require.False(t, r.step().PoolKnown)
		s := r.step()
		require.True(t, s.PoolKnown)
		require.Len(t, s.Pool, 1)
		require.Equal(t, waiting, s.Pool[0].TxID)
		r.Evict(waiting)
		s = r.step()
		require.True(t, s.PoolKnown)
		require.Empty(t, s.Pool)
		r.pay(2)
		r.MineEmpty(30)
		require.False(t, r.step().PoolKnown)
	})
}

// A block comes, or leaves, between the reading of the pool and of the tip.
func TestPaymentIsNeverInNeitherPoolNorBlock(t *testing.T) {
	for _, method := range []string{"Pool", "Tip", "Header", "Block"} {
		for name, move := range map[string]func(*rig){
			"a block comes":  func(r *rig) { r.Mine(1) },
			"a block leaves": func(r *rig) { r.Reorganise(1, 1, chaintest.Pooled) },
		} {
			t.Run(method+", "+name, func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					r := newRig(t)
					r.Mine(5)
					txid := r.pay(1)
					if name == "a block leaves" {
						r.Mine(1)
					}
					r.follow()
					r.step()
					var once atomic.Bool
					r.OnCall(func(c chaintest.Call) error {
						if c.Method == method && once.CompareAndSwap(false, true) {
							move(r)
						}
						return nil
					})
					for range 5 {
						s, err := r.f.Next(t.Context(), r.cursor)
						if err != nil {
							continue
						}
						r.apply(s)
						if !s.PoolKnown {
							continue
						}
						require.True(t, r.shows(s, txid), "%+v", s)
					}
				})
			})
		}
	}
}

func TestPoolThatFailsHindersNothingElse(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var logs bytes.Buffer
		r := newRig(t, func(c *chain.FollowConfig) { c.Logger = slog.New(slog.NewTextHandler(&logs, nil)) })
		r.follow()
		var asked tally
		r.OnCall(func(c chaintest.Call) error {
			if c.Method == "Pool" {
				_ = asked.call(c)
				return errDown
			}
			return nil
		})
		for range 100 {
			r.pay(1)
			r.Mine(1)
			s := r.step()
			require.Len(t, s.Joined, 1)
			require.False(t, s.PoolKnown)
		}
		require.ErrorIs(t, r.f.Lag().Err, errDown)
		require.Zero(t, r.f.Lag().Failures)
		require.Less(t, asked.all(), 20, "its back-off is its own")
		require.Equal(t, 1, bytes.Count(logs.Bytes(), []byte("pool not readable")))
		r.OnCall(nil)
		time.Sleep(time.Minute)
		require.True(t, r.step().PoolKnown)
		require.NoError(t, r.f.Lag().Err)
	})
}

func TestLagMayBeReadWhileNextRuns(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		r.Mine(100)
		r.followBeside(func() { _ = r.f.Lag() })
	})
}
