package chain_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

// cluster is a rig whose follower reads through several nodes, named a, b, c and so on.
type cluster struct {
	*rig
	nodes *chain.Nodes
	peers []*chaintest.Peer
	logs  bytes.Buffer
}

func newCluster(t *testing.T, size int, configure ...func(*chain.NodesConfig)) *cluster {
	t.Helper()
	r := &cluster{rig: newRig(t)}
	cfg := chain.NodesConfig{Logger: slog.New(slog.NewTextHandler(&r.logs, nil))}
	for i := range size {
		p := r.NewPeer()
		r.peers = append(r.peers, p)
		cfg.Members = append(cfg.Members, chain.Member{Name: string(rune('a' + i)), Node: p})
	}
	for _, f := range configure {
		f(&cfg)
	}
	r.use(cfg)
	return r
}

// use makes new nodes and a new follower: nothing survives but the cursor.
func (r *cluster) use(cfg chain.NodesConfig) {
	r.Helper()
	var err error
	r.nodes, err = chain.NewNodes(cfg)
	require.NoError(r, err)
	r.cfg.Node = r.nodes
	r.restart()
}

// tally counts what a node is asked, which happens from several goroutines.
type tally struct {
	mu    sync.Mutex
	calls map[string]int
}

// call is for [chaintest.Chain.OnCall].
func (t *tally) call(c chaintest.Call) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = map[string]int{}
	}
	t.calls[c.Method]++
	return nil
}

func (t *tally) of(method string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls[method]
}

func (t *tally) all() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := 0
	for _, n := range t.calls {
		sum += n
	}
	return sum
}

func agree(n int) func(*chain.NodesConfig) { return func(c *chain.NodesConfig) { c.Agree = n } }

func (r *cluster) health(name string) chain.NodeHealth {
	r.Helper()
	for _, h := range r.nodes.Health() {
		if h.Name == name {
			return h
		}
	}
	r.Fatalf("no member %s", name)
	return chain.NodeHealth{}
}

func (r *cluster) tip() chain.Tip {
	r.Helper()
	tip, err := r.nodes.Tip(r.Context())
	require.NoError(r, err)
	return tip
}

func (r *cluster) pooled() []string {
	r.Helper()
	pool, err := r.nodes.Pool(r.Context())
	require.NoError(r, err)
	var ids []string
	for _, t := range pool {
		ids = append(ids, t.TxID)
	}
	return ids
}

func TestNewNodesNamesTheWrongField(t *testing.T) {
	c := chaintest.NewChain(chaintest.Config{})
	one := chain.Member{Name: "one", Node: c}
	for field, cfg := range map[string]chain.NodesConfig{
		"Members is required":     {},
		"Members: more than 64":   {Members: make([]chain.Member, 65)},
		"Members[0].Node":         {Members: []chain.Member{{Name: "one"}}},
		"Members[0].Name":         {Members: []chain.Member{{Node: c}}},
		"Members[1].Name":         {Members: []chain.Member{one, one}},
		"Members[1] (two) is for": {Members: []chain.Member{one, {Name: "two", Node: chaintest.NewChain(chaintest.Config{Network: "sim:2"})}}},
		"Agree must be 1 to":      {Members: []chain.Member{one}, Agree: 2},
		"Agree must":              {Members: []chain.Member{one}, Agree: -1},
		"MaxAge":                  {Members: []chain.Member{one}, MaxAge: -1},
		"Timeout":                 {Members: []chain.Member{one}, Timeout: -1},
		"Check":                   {Members: []chain.Member{one}, Check: -1},
		"PoolKeep":                {Members: []chain.Member{one}, PoolKeep: -1},
		"MinBackoff is negative":  {Members: []chain.Member{one}, MinBackoff: -1},
		"MaxBackoff":              {Members: []chain.Member{one}, MinBackoff: 2, MaxBackoff: 1},
	} {
		_, err := chain.NewNodes(cfg)
		require.ErrorContains(t, err, "NodesConfig."+field)
	}
	n, err := chain.NewNodes(chain.NodesConfig{Members: []chain.Member{one}})
	require.NoError(t, err)
	require.Zero(t, c.Calls(), "nothing is asked before there is a question")
	require.Equal(t, c.Network(), n.Network())
	require.Equal(t, []chain.NodeHealth{{Name: "one"}}, n.Health())
}

// nodesWorld is the simulated chain, read through three nodes.
type nodesWorld struct {
	*chaintest.Chain
	agree int
	names int
}

func (w *nodesWorld) over(t *testing.T, lie chaintest.Lie) chain.Node {
	cfg := chain.NodesConfig{Agree: w.agree}
	for i := range 3 {
		p := w.NewPeer()
		p.Lie(lie)
		cfg.Members = append(cfg.Members, chain.Member{Name: fmt.Sprint(i), Node: p})
	}
	n, err := chain.NewNodes(cfg)
	require.NoError(t, err)
	return n
}

func (w *nodesWorld) Node(t *testing.T) chain.Node     { return w.over(t, chaintest.Honest) }
func (w *nodesWorld) Impostor(t *testing.T) chain.Node { return w.over(t, chaintest.WrongNetwork) }
func (w *nodesWorld) Address(t *testing.T) chain.Address {
	w.names++
	return w.Chain.Address(fmt.Sprint(t.Name(), w.names))
}
func (w *nodesWorld) Pay(_ *testing.T, asset chain.Asset, to chain.Address, units *big.Int) string {
	return w.Chain.Pay(to, asset, units)
}
func (w *nodesWorld) Mine(_ *testing.T, n int) { w.Chain.Mine(n) }
func (w *nodesWorld) Reorganise(_ *testing.T, depth int) {
	w.Chain.Reorganise(depth, 1, chaintest.Pooled)
}
func (w *nodesWorld) Paid(_ *testing.T, txid string) bool { return w.Chain.Paid(txid) }

func TestNodesConform(t *testing.T) {
	for agree := range 4 {
		t.Run(fmt.Sprint("Agree", agree), func(t *testing.T) {
			chaintest.Run(t, func(*testing.T) chaintest.World {
				return &nodesWorld{Chain: chaintest.NewChain(chaintest.Config{}), agree: agree}
			})
		})
	}
}

func TestA7_FailOverInTheMiddleOfAStep(t *testing.T) {
	for _, method := range []string{"Tip", "Header", "Block"} {
		t.Run(method, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newCluster(t, 3)
				for range 30 {
					r.pay(1)
					r.Mine(1)
				}
				r.tip()
				require.True(t, r.health("a").InUse)
				var asked tally
				r.peers[0].OnCall(func(c chaintest.Call) error {
					if _ = asked.call(c); c.Method == method && asked.all() > 3 {
						r.peers[0].Down(errDown) // from now on
					}
					return nil
				})
				began := time.Now()
				r.follow()
				r.Mine(1)
				r.follow()
				r.Mine(1)
				r.follow()
				require.Zero(t, r.f.Lag().Failures, "the follower notices nothing")
				require.LessOrEqual(t, time.Since(began), 6*time.Second)
				require.ErrorIs(t, r.health("a").Err, errDown)
				require.True(t, r.health("b").InUse)
				require.False(t, r.health("a").InUse)
				require.NoError(t, r.health("b").Err)

				r.peers[0].OnCall(nil)
				r.peers[0].Down(nil)
				time.Sleep(2 * time.Minute)
				r.Mine(1)
				r.follow()
				require.True(t, r.health("a").InUse, "the preferred one is used again")
				require.NoError(t, r.health("a").Err)
				require.Contains(t, r.logs.String(), "level=WARN msg=\"node in trouble\" network=sim:1 node=a")
				require.Contains(t, r.logs.String(), "level=INFO msg=\"node is back\" network=sim:1 node=a")
			})
		})
	}
}

func TestA4_DeadMemberIsNotAskedEachTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2)
		r.peers[0].Down(errDown)
		for range 300 { // ten minutes
			r.Mine(1)
			r.follow()
		}
		require.Less(t, r.peers[0].Calls(), 30)
		require.Zero(t, r.f.Lag().Failures)
		require.GreaterOrEqual(t, r.health("a").Failures, 10)
		require.Equal(t, 1, strings.Count(r.logs.String(), "node in trouble"))
	})
}

func TestMembersThatStandByAreRarelyAsked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2)
		var asked tally
		r.peers[1].OnCall(asked.call)
		for range 300 { // ten minutes
			r.Mine(1)
			r.follow()
		}
		require.Zero(t, asked.of("Header")+asked.of("Block"))
		require.LessOrEqual(t, asked.of("Tip"), 600/15+1, "one each Check")
		require.NoError(t, r.health("b").Err)
	})
}

// slowNode hangs until ctx ends.
type slowNode struct{ chain.Node }

func (slowNode) Tip(ctx context.Context) (chain.Tip, error) {
	<-ctx.Done()
	return chain.Tip{}, ctx.Err()
}

func TestHangingMemberDelaysNoOther(t *testing.T) {
	for _, k := range []int{1, 2} {
		inBubble(t, func(t *testing.T) {
			r := newCluster(t, 3, agree(k), func(c *chain.NodesConfig) { c.Members[0].Node = slowNode{c.Members[0].Node} })
			r.Mine(1)
			began := time.Now()
			r.follow()
			require.Equal(t, 8*time.Second, time.Since(began), "once it is waited for")
			for range 100 {
				r.Mine(1)
				began := time.Now()
				r.follow()
				require.LessOrEqual(t, time.Since(began), 2*time.Second+8*time.Second/4, "and then a little, now and then")
			}
			require.Zero(t, r.f.Lag().Failures)
			require.ErrorIs(t, r.health("a").Err, context.DeadlineExceeded)
		})
	}
}

func TestEachAttemptGetsItsShareOfTheDeadline(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := chaintest.NewChain(chaintest.Config{})
		n, err := chain.NewNodes(chain.NodesConfig{Check: time.Hour, Members: []chain.Member{
			{Name: "slow", Node: slowNode{c}}, {Name: "well", Node: c},
		}})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		began := time.Now()
		_, err = n.Tip(ctx)
		require.NoError(t, err)
		require.Equal(t, time.Second, time.Since(began))

		// A caller that gives up is no failure of the member.
		n, err = chain.NewNodes(chain.NodesConfig{Members: []chain.Member{{Name: "slow", Node: slowNode{c}}}})
		require.NoError(t, err)
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = n.Tip(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.Zero(t, n.Health()[0].Failures)
	})
}

func TestIncident26_MemberOfAnotherNetworkIsRefusedByName(t *testing.T) {
	for _, k := range []int{1, 2} {
		inBubble(t, func(t *testing.T) {
			r := newCluster(t, 3, agree(k))
			r.peers[0].Lie(chaintest.WrongNetwork)
			var asked tally
			r.peers[0].OnCall(asked.call)
			for range 20 {
				r.pay(1)
				r.Mine(1)
				r.follow()
			}
			require.Zero(t, r.f.Lag().Failures, "it takes nobody down")
			h := r.health("a")
			require.True(t, h.Refused)
			require.False(t, h.InUse)
			require.ErrorIs(t, h.Err, chain.ErrWrongNetwork)
			require.Contains(t, r.logs.String(), "level=ERROR msg=\"node refused\" network=sim:1 node=a")
			require.Equal(t, asked.all(), asked.of("Tip"), "nothing but its tip")
			require.Less(t, asked.of("Tip"), 10, "and that with back-off")

			// It is refused until a check finds otherwise, whatever happens to the others meanwhile.
			for _, p := range r.peers[1:] {
				p.Down(errDown)
			}
			_, err := r.nodes.Block(t.Context(), 3)
			require.Error(t, err)
			before := r.peers[0].Calls()
			for range 5 {
				_, err = r.nodes.Tip(t.Context())
				require.ErrorIs(t, err, errDown)
			}
			require.LessOrEqual(t, r.peers[0].Calls(), before+1, "it keeps its rest")
			r.peers[0].Down(errDown)
			time.Sleep(2 * time.Minute)
			_, err = r.nodes.Tip(t.Context())
			require.ErrorIs(t, err, errDown)
			require.True(t, r.health("a").Refused)
			for _, p := range r.peers {
				p.Down(nil)
			}
			r.peers[0].Lie(chaintest.Honest)
			time.Sleep(2 * time.Minute)
			r.Mine(1)
			r.follow()
			require.False(t, r.health("a").Refused)
			require.True(t, r.health("a").InUse)
		})
	}
}

func TestIncident26_NothingIsReadFromAMemberThatWasNeverChecked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2)
		r.Mine(3)
		r.peers[1].Down(errDown)
		r.tip()
		r.peers[1].Down(nil)
		r.peers[1].Lie(chaintest.WrongNetwork)
		r.peers[0].Down(errDown)
		var asked tally
		r.peers[1].OnCall(asked.call)
		_, err := r.nodes.Header(t.Context(), 2)
		require.ErrorIs(t, err, chain.ErrWrongNetwork)
		require.ErrorIs(t, err, errDown)
		require.Equal(t, 1, asked.of("Tip"))
		require.Equal(t, 1, asked.all())
	})
}

func TestA8_TroubleOfOneNetworkIsNotTheOthers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		bad, good := newCluster(t, 2), newCluster(t, 2)
		for _, p := range bad.peers {
			p.OnCall(func(chaintest.Call) error { time.Sleep(time.Hour); return errDown })
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = bad.f.Next(ctx, bad.cursor)
		}()
		began := time.Now()
		good.Mine(10)
		good.follow()
		require.Equal(t, began, time.Now())
		require.Len(t, bad.nodes.Health(), 2, "health does not wait for answers")
		cancel()
		<-done
	})
}

func TestIncident31_MemberThatLagsIsNotAskedWhileOthersAreWell(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 3)
		r.Mine(10)
		r.follow()
		r.peers[0].Stall()
		for range 4 {
			r.pay(1)
			r.Mine(1)
		}
		time.Sleep(time.Minute) // until those that stand by are asked
		r.follow()
		h := r.health("a")
		require.True(t, h.Lagging)
		require.False(t, h.InUse)
		require.Equal(t, uint64(10), h.Height)
		var asked tally
		r.peers[0].OnCall(asked.call)
		for range 20 {
			r.pay(1)
			r.Mine(1)
			r.follow()
		}
		require.Equal(t, asked.of("Tip"), asked.all())

		// All of them lag: the best is used, and the truth is late.
		r.peers[1].Stall()
		r.peers[2].Down(errDown)
		r.Mine(20)
		require.Equal(t, uint64(34), r.tip().Height)
		r.step()
		for _, p := range r.peers {
			p.Resume()
			p.Down(nil)
		}
		time.Sleep(2 * time.Minute)
		r.follow()
		require.True(t, r.health("a").InUse)
	})
}

func TestMemberWithAnOldTipIsNotAskedWhileOthersAreWell(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		clock := time.Time{}
		r := newCluster(t, 2, func(c *chain.NodesConfig) {
			c.MaxAge, c.MaxLag, c.Now = 10*time.Minute, 1000, func() time.Time { return clock }
		})
		r.SetInterval(time.Minute)
		clock = r.Mine(10).Time
		require.True(t, r.tip().Height == 10 && r.health("a").InUse)
		r.peers[0].Stall()
		clock = r.Mine(11).Time
		require.Equal(t, uint64(21), r.tip().Height)
		require.True(t, r.health("a").Lagging && r.health("b").InUse)
		clock = clock.Add(time.Hour)
		require.Equal(t, uint64(21), r.tip().Height, "all are old: the best is used")
	})
}

func TestMemberThatSyncsIsNotAskedWhileOthersAreWell(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2)
		r.peers[0].Down(fmt.Errorf("sync: %w", chain.ErrBehind))
		for range 10 {
			r.pay(1)
			r.Mine(1)
			r.follow()
		}
		require.Zero(t, r.f.Lag().Failures)
		require.ErrorIs(t, r.health("a").Err, chain.ErrBehind)
		r.peers[1].Down(errDown)
		time.Sleep(time.Minute)
		r.refuse(chain.ErrBehind)
		r.refuse(errDown)
	})
}

func TestAllMembersDownIsOneErrorThatNamesThem(t *testing.T) {
	for _, k := range []int{1, 2} {
		inBubble(t, func(t *testing.T) {
			r := newCluster(t, 2, agree(k))
			r.Mine(3)
			r.follow()
			for _, p := range r.peers {
				p.Down(errDown)
			}
			_, err := r.nodes.Tip(t.Context())
			require.ErrorIs(t, err, errDown)
			require.ErrorContains(t, err, "a: node is down")
			require.ErrorContains(t, err, "b: node is down")
			// They are called although they pause, as there are no others.
			for _, p := range r.peers {
				p.Down(nil)
			}
			r.Mine(1)
			require.Equal(t, uint64(4), r.tip().Height)
			_, err = r.nodes.Block(t.Context(), 4)
			require.NoError(t, err)
		})
	}
}

func TestUnknownHeightIsNotRequestedFromFailedMembers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 3)
		r.Mine(3)
		r.peers[2].Down(errDown)
		r.tip()
		dead := r.peers[2].Calls()
		_, err := r.nodes.Header(t.Context(), 99)
		require.ErrorIs(t, err, chain.ErrNotFound)
		require.Equal(t, dead, r.peers[2].Calls())
		require.NoError(t, r.health("a").Err, "not to have a block is no failure")

		// Who is a block behind is asked, and then the next.
		r.peers[0].Stall()
		r.Mine(1)
		b, err := r.nodes.Block(t.Context(), 4)
		require.NoError(t, err)
		require.Equal(t, r.Head().Hash, b.Hash)
	})
}

func TestIncident25_SplitWithoutAMajorityCreditsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2, agree(2))
		r.Mine(10)
		r.follow()
		r.peers[1].Stall()
		r.Reorganise(5, 0, chaintest.Lost) // a is on another branch than b
		stalled := r.cursor
		for range 3 {
			r.refuse(chain.ErrDisagree)
		}
		require.Equal(t, stalled, r.cursor)
		err := r.f.Lag().Err
		require.ErrorContains(t, err, `block 10 is "0x`)
		require.ErrorContains(t, err, `by a and "0x`)
		require.ErrorContains(t, err, `by b`)
		for _, h := range r.nodes.Health() {
			require.ErrorIs(t, h.Err, chain.ErrDisagree)
			require.False(t, h.InUse)
		}
		require.Equal(t, 1, strings.Count(r.logs.String(), `msg="nodes disagree"`))
		r.peers[1].Resume()
		r.follow()
		require.NoError(t, r.health("a").Err)
		require.NoError(t, r.health("b").Err)
		require.Equal(t, 1, strings.Count(r.logs.String(), `msg="nodes agree"`))
	})
}

func TestIncident25_EvenSplitOfFourHasNoWinner(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 4, agree(2))
		r.Mine(10)
		r.follow()
		r.peers[0].Stall()
		r.peers[2].Stall()
		r.Reorganise(6, 0, chaintest.Lost)
		r.refuse(chain.ErrDisagree)
		r.peers[2].Resume()
		r.follow() // three against one
		require.ErrorIs(t, r.health("a").Err, chain.ErrDisagree)
		require.NoError(t, r.health("b").Err)
	})
}

// The highest blocks often differ for a moment.
func TestTipIsClippedToWhatIsAgreedOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2, agree(2))
		r.Mine(10)
		r.peers[1].Stall()
		r.Reorganise(2, 1, chaintest.Remined)
		require.Equal(t, uint64(8), r.tip().Height)
		r.pay(1)
		r.peers[1].Resume()
		r.peers[1].Stall()
		r.Mine(3)
		require.Equal(t, uint64(11), r.tip().Height, "no higher than the second has seen")
		// Blocks above are not to be had.
		_, err := r.nodes.Block(t.Context(), 12)
		require.ErrorIs(t, err, chain.ErrNotFound)
	})
}

func TestIncident31_TransfersUnderTheRightHashMustAgreeToo(t *testing.T) {
	for _, lie := range []chaintest.Lie{chaintest.Invented, chaintest.Omitted, chaintest.WrongTime} {
		t.Run(fmt.Sprint(lie), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newCluster(t, 2, agree(2))
				r.pay(1)
				r.Mine(5)
				r.peers[0].Lie(lie)
				r.refuse(chain.ErrDisagree)
				require.ErrorIs(t, r.health("a").Err, chain.ErrDisagree)
				require.ErrorIs(t, r.health("b").Err, chain.ErrDisagree)
				r.peers[0].Lie(chaintest.Honest)
				r.follow()
				require.NoError(t, r.health("b").Err)
			})
		})
	}
}

func TestOneLiarOfThreeChangesNothing(t *testing.T) {
	for _, lie := range chaintest.Lies() {
		for liar := range 3 {
			t.Run(fmt.Sprint(lie, " by ", liar), func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					r := newCluster(t, 3, agree(2))
					r.SetFinality(3, 6)
					r.Mine(3)
					r.follow()
					r.peers[liar].Lie(lie)
					for range 30 {
						r.pay(1)
						r.Mine(1)
						r.follow()
					}
					s := r.step()
					require.Equal(t, r.Head().Time, s.Head.Time)
					require.Equal(t, s.Head.Height-3, s.Head.Safe)
					require.Equal(t, s.Head.Height-6, s.Head.Finalized)
					require.Zero(t, r.f.Lag().Failures)
					require.Zero(t, r.f.Lag().ForkDepth)
				})
			})
		}
	}
}

func TestMemberThatIsOutvotedIsAskedLessAndLess(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 3, agree(2))
		r.peers[0].Lie(chaintest.Invented)
		var asked tally
		r.peers[0].OnCall(asked.call)
		for range 300 { // ten minutes
			r.Mine(1)
			r.follow()
		}
		require.Less(t, asked.of("Block"), 40)
		require.ErrorIs(t, r.health("a").Err, chain.ErrDisagree)
	})
}

func TestCallsThatFailTogetherAreOneFailure(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2)
		r.Mine(20)
		r.peers[0].OnCall(func(c chaintest.Call) error {
			if c.Method == "Block" {
				time.Sleep(time.Second)
				return errDown
			}
			return nil
		})
		r.follow()
		require.Equal(t, 1, r.health("a").Failures)
	})
}

// An arbitrary liar, nodes that fail, fall behind and hang, restarts and reorganisations: what two of three
// agree on is the honest chain.
func TestIncident25_LedgerIsTheHonestChainWhateverOneLiarSays(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 25))
				r := newCluster(t, 3, agree(2))
				r.cfg.Batch, r.cfg.Window, r.cfg.Parallel = 5, 16, 1
				r.SetFinality(2, 4)
				liar := r.peers[random.IntN(3)]
				lies := append(chaintest.Lies(), chaintest.Honest, chaintest.Honest)
				var mu sync.Mutex // calls come from several goroutines
				whim := rand.New(rand.NewPCG(seed, 26))
				liar.OnCall(func(chaintest.Call) error {
					mu.Lock()
					defer mu.Unlock()
					liar.Lie(lies[whim.IntN(len(lies))])
					return nil
				})
				for range 150 {
					misfortune(r, liar, random)
					s, err := r.f.Next(t.Context(), r.cursor)
					if err != nil {
						continue
					}
					if random.IntN(10) > 0 { // else it stops before that is stored
						r.apply(s)
					}
					honest(t, r, s)
				}
				for _, p := range r.peers {
					p.Resume()
					p.Down(nil)
					p.Lag(0)
				}
				r.Mine(2)
				r.follow()
			})
		})
	}
}

// misfortune does something to the chain, or to a node that does not lie.
func misfortune(r *cluster, liar *chaintest.Peer, random *rand.Rand) {
	p := r.peers[random.IntN(len(r.peers))]
	switch random.IntN(12) {
	case 0, 1, 2, 3:
		r.pay(1 + random.Int64N(100))
		r.Mine(1 + random.IntN(4))
	case 4:
		if depth := 1 + random.IntN(6); uint64(depth) <= r.Head().Height {
			r.Reorganise(depth, random.IntN(2), chaintest.Fate(random.IntN(3)))
		}
	case 5:
		r.restart()
	case 6:
		p.Stall()
	case 7, 8:
		p.Resume()
		p.Down(nil)
	case 9:
		p.Lag(random.IntN(3))
	case 10:
		if p != liar {
			p.Down(errDown)
		}
	case 11:
		time.Sleep(time.Duration(random.IntN(90)) * time.Second)
	}
}

// honest proves that nothing of a step was made up by the liar.
func honest(t *testing.T, r *cluster, s chain.Step) {
	t.Helper()
	for _, b := range s.Joined {
		for _, transfer := range b.Transfers {
			require.NotContains(t, transfer.TxID, "0xf00d")
		}
		require.NotContains(t, b.Hash, "0xdead")
		require.NotContains(t, b.Hash, "0xf0f0")
	}
	for _, transfer := range s.Pool {
		require.NotContains(t, transfer.TxID, "0xf00d")
	}
	require.Less(t, s.Head.Time, r.Head().Time.Add(time.Hour))
}

func TestNodesFailAndRecoverAtRandomWithoutALoss(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 7))
				r := newCluster(t, 3)
				for range 150 {
					misfortune(r, nil, random)
					if s, err := r.f.Next(t.Context(), r.cursor); err == nil {
						r.apply(s)
					}
				}
				for _, p := range r.peers {
					p.Resume()
					p.Down(nil)
					p.Lag(0)
				}
				time.Sleep(2 * time.Minute)
				r.Mine(2)
				r.follow()
			})
		})
	}
}

func TestPoolIsTheUnionOfThePools(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2)
		r.tip()
		x, y, z := r.pay(1), r.pay(2), r.pay(3)
		r.peers[0].Forget(x)
		r.peers[1].Forget(y)
		require.ElementsMatch(t, []string{x, y, z}, r.pooled())
		r.Evict(z)
		require.ElementsMatch(t, []string{x, y}, r.pooled(), "what nobody has is gone")
		r.peers[0].Forget(y)
		require.ElementsMatch(t, []string{x}, r.pooled())
	})
}

func TestIncident24_TransferOfAMemberThatFailsIsNotGoneAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2, func(c *chain.NodesConfig) { c.PoolKeep = 5 * time.Minute })
		r.tip()
		x := r.pay(1)
		r.peers[1].Forget(x)
		require.Equal(t, []string{x}, r.pooled())
		r.peers[0].Down(errDown)
		y := r.pay(2)
		require.ElementsMatch(t, []string{x, y}, r.pooled(), "and new ones are seen")
		time.Sleep(4 * time.Minute)
		require.ElementsMatch(t, []string{x, y}, r.pooled())
		time.Sleep(time.Minute)
		require.Equal(t, []string{y}, r.pooled(), "nobody knows of it any more")
		r.peers[0].Down(nil)
		time.Sleep(time.Minute)
		require.ElementsMatch(t, []string{x, y}, r.pooled())
		r.peers[1].Down(errDown)
		r.peers[0].Down(errDown)
		_, err := r.nodes.Pool(t.Context())
		require.ErrorIs(t, err, errDown, "and no empty pool")
	})
}

func TestPoolOfAMemberOfAnotherNetworkIsForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2)
		r.tip()
		x := r.pay(1)
		r.peers[1].Forget(x)
		require.Equal(t, []string{x}, r.pooled())
		r.peers[0].Lie(chaintest.WrongNetwork)
		r.tip()
		require.Empty(t, r.pooled())
	})
}

// behind returns two members and a transfer of which one has heard. Its block has come, and the other has not seen that.
func behind(t *testing.T) (r *cluster, txid string) {
	r = newCluster(t, 2)
	txid = r.pay(1)
	r.peers[0].Forget(txid)
	r.tip()
	require.Equal(t, []string{txid}, r.pooled())
	r.peers[0].Stall()
	r.Mine(1)
	return r, txid
}

// stays requires that a transfer is in the pool, and that the tip is the first block.
func (r *cluster) stays(txid string) {
	r.Helper()
	for range 3 {
		require.Equal(r, []string{txid}, r.pooled())
		require.Equal(r, uint64(0), r.tip().Height)
	}
}

// The member that had a transfer has seen its block, and the tip is still said by one that has not.
func TestTransferIsNotGoneBeforeItsBlockIsReturned(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, x := behind(t)
		r.stays(x)
		r.peers[0].Resume()
		require.Equal(t, []string{x}, r.pooled(), "the tip comes after the pool")
		require.Equal(t, uint64(1), r.tip().Height)
		require.Empty(t, r.pooled())
	})
}

// The member that has seen the block of a transfer is gone before it could say how high it is.
func TestTransferIsNotGoneBeforeItsHeightIsKnown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r, x := behind(t)
		r.peers[1].OnCall(func(c chaintest.Call) error {
			if c.Method == "Tip" {
				r.peers[1].Down(errDown)
			}
			return nil
		})
		r.stays(x)
		time.Sleep(10 * time.Minute)
		require.Empty(t, r.pooled(), "and not for ever")
	})
}

func TestOneMemberCannotInventAnUnconfirmedTransfer(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 3, agree(2))
		r.tip()
		r.peers[0].Lie(chaintest.Invented)
		x := r.pay(1)
		r.peers[1].Forget(x)
		r.peers[2].Forget(x)
		require.Empty(t, r.pooled(), "one has it")
		r.peers[1].Remember(x)
		require.Equal(t, []string{x}, r.pooled(), "two have it")
		r.peers[1].Forget(x)
		require.Equal(t, []string{x}, r.pooled(), "one still has it")
		r.peers[0].Forget(x)
		require.Empty(t, r.pooled())
		r.peers[0].Down(errDown)
		r.peers[1].Down(errDown)
		_, err := r.nodes.Pool(t.Context())
		require.ErrorIs(t, err, errDown, "one alone cannot say what is gone")
	})
}

func TestPaymentIsNeverInNeitherPoolNorBlockOfSeveralNodes(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 3))
				r := newCluster(t, 3, agree(1+int(seed%2)), func(c *chain.NodesConfig) { c.PoolKeep = time.Hour })
				r.Mine(3)
				r.follow()
				r.step()
				txid := r.pay(1)
				r.MineEmpty(1)
				seen := false
				var told, down atomic.Bool
				r.peers[0].OnCall(func(c chaintest.Call) error {
					if c.Method == "Pool" && !down.Load() {
						told.Store(true)
					}
					return nil
				})
				for range 60 {
					switch p := r.peers[random.IntN(3)]; random.IntN(7) {
					case 0:
						p.Stall()
					case 1, 2:
						p.Resume()
						p.Down(nil)
						if p == r.peers[0] {
							down.Store(false)
						}
					case 3:
						p.Down(errDown)
						if p == r.peers[0] {
							down.Store(true)
						}
					case 4:
						if seen && random.IntN(3) == 0 {
							r.Mine(1)
						} else {
							r.MineEmpty(1)
						}
					case 5:
						if seen && told.Load() && p != r.peers[0] {
							p.Forget(txid) // the first has said that it has it, and does as long as it is in no block
						}
					}
					s, err := r.f.Next(t.Context(), r.cursor)
					if err != nil {
						continue
					}
					r.apply(s)
					if !s.PoolKnown {
						continue
					}
					here := r.shows(s, txid)
					require.True(t, here || !seen, "%+v", s)
					seen = seen || here
				}
				require.True(t, seen)
			})
		})
	}
}

// bare is a node without further powers.
type bare struct{ chain.Node }

func TestNodesWithoutPoolsAreFollowedLikeOneWithout(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		for _, members := range [][]chain.Member{
			{{Name: "a", Node: bare{r.Chain}}, {Name: "b", Node: bare{r.Chain}}},
			{{Name: "a", Node: r.Chain}, {Name: "b", Node: bare{r.Chain}}}, // too few that would have to agree
		} {
			n, err := chain.NewNodes(chain.NodesConfig{Members: members, Agree: len(members)})
			require.NoError(t, err)
			_, err = n.Pool(t.Context())
			require.ErrorIs(t, err, errors.ErrUnsupported)
			r.cfg.Node = n
			r.restart()
			r.Mine(3)
			r.follow()
			r.step()
			began := time.Now()
			require.False(t, r.step().PoolKnown)
			require.Equal(t, 2*time.Second, time.Since(began))
			require.NoError(t, r.f.Lag().Err)
		}
	})
}

func TestHealthIsReadWhileEverythingIsAsked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 3, agree(2))
		r.Mine(100)
		r.followBeside(func() { _ = r.nodes.Health() })
		for _, h := range r.nodes.Health() {
			require.Equal(t, uint64(100), h.Height)
			require.True(t, h.InUse)
			require.False(t, h.Answered.IsZero())
			require.False(t, h.Asked.Before(h.Answered))
		}
	})
}
