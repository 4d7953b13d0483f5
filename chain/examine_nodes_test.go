package chain_test

import (
	"context"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

// bomb pays twice in one transaction and once in another, and mines them.
func (r *cluster) bomb() (txid string) {
	out := chaintest.Output{To: r.shop, Asset: r.coin, Units: big.NewInt(5)}
	txid = r.Send(out, out)
	r.pay(11)
	r.Mine(1)
	return txid
}

func (r *cluster) block(height uint64) chain.Block {
	r.Helper()
	b, err := r.nodes.Block(r.Context(), height)
	require.NoError(r, err)
	return b
}

func TestTransactionThatOneMemberCannotExamineIsExaminedByAnother(t *testing.T) {
	for k, members := range map[int]int{1: 2, 2: 3, 3: 4} {
		inBubble(t, func(t *testing.T) {
			r := newCluster(t, members, agree(k))
			txid := r.bomb()
			r.peers[0].Obscure(txid, 1)
			r.tip()
			b := r.block(1)
			require.Empty(t, b.Unexamined)
			require.ElementsMatch(t, r.Canonical(), b.Transfers)
			require.NoError(t, r.health("a").Err, "it is no failure")
			r.follow()
		})
	}
}

func TestTransactionThatTooFewMembersExaminedStaysUnexamined(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 3, agree(2))
		txid := r.bomb()
		r.peers[0].Obscure(txid, 1)
		r.peers[2].Obscure(txid, 0)
		r.tip()
		b := r.block(1)
		require.Len(t, b.Unexamined, 1)
		require.Equal(t, txid, b.Unexamined[0].TxID)
		require.Equal(t, b.Hash, b.Unexamined[0].Block)
		require.Len(t, b.Transfers, 2, "what two of them saw: the other transaction, and the first transfer of this one")

		_, err := r.nodes.Examine(t.Context(), b.Unexamined[0])
		require.ErrorContains(t, err, "obscured")
		for _, name := range []string{"a", "b", "c"} {
			require.Zero(t, r.health(name).Failures)
		}
		r.peers[2].Reveal(txid)
		found, err := r.nodes.Examine(t.Context(), b.Unexamined[0])
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Equal(t, b.Transfers[0], found[0])
	})
}

func TestLiarHidesAndInventsNothingBehindAnUnexaminedTransaction(t *testing.T) {
	for _, lie := range []chaintest.Lie{chaintest.Inflated, chaintest.Omitted, chaintest.Invented} {
		inBubble(t, func(t *testing.T) {
			r := newCluster(t, 3, agree(2))
			txid := r.bomb()
			r.peers[0].Obscure(txid, 0)
			r.peers[1].Lie(lie)
			r.tip()
			b := r.block(1)
			for _, got := range b.Transfers {
				require.Contains(t, r.Canonical(), got)
			}
			require.True(t, len(b.Unexamined) == 1 || len(b.Transfers) == 3, "nothing is missing without a word")
			u := chain.Unexamined{TxID: txid, Height: 1, Block: b.Hash}
			r.peers[0].Reveal(txid)
			found, err := r.nodes.Examine(t.Context(), u)
			require.NoError(t, err)
			require.Equal(t, r.Canonical()[:2], found)
		})
	}
}

func TestExaminationByTooFewMembersIsNotReturned(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2, agree(2))
		txid := r.bomb()
		r.tip()
		u := chain.Unexamined{TxID: txid, Height: 1, Block: r.Head().Hash}
		r.peers[1].Lie(chaintest.Inflated)
		_, err := r.nodes.Examine(t.Context(), u)
		require.ErrorIs(t, err, chain.ErrDisagree)
		r.peers[1].Lie(chaintest.Honest)
		r.peers[1].Down(errDown)
		_, err = r.nodes.Examine(t.Context(), u)
		require.ErrorIs(t, err, errDown)
		r.peers[1].Down(nil)
		r.Reorganise(1, 1, chaintest.Lost)
		_, err = r.nodes.Examine(t.Context(), u)
		require.ErrorIs(t, err, chain.ErrGone, "both say so")
		r.peers[0].Down(errDown)
		_, err = r.nodes.Examine(t.Context(), u)
		require.Error(t, err)
		require.NotErrorIs(t, err, chain.ErrGone, "one alone does not make it so")
	})
}

func TestNodesPassOverHeightsWithoutABlock(t *testing.T) {
	for _, k := range []int{1, 2, 3} {
		inBubble(t, func(t *testing.T) {
			c := chaintest.NewChain(chaintest.Config{Skip: func(h uint64) bool { return h%4 == 2 || h%4 == 3 }})
			cfg := chain.NodesConfig{Agree: k}
			for _, name := range []string{"a", "b", "c"} {
				cfg.Members = append(cfg.Members, chain.Member{Name: name, Node: c.NewPeer()})
			}
			n, err := chain.NewNodes(cfg)
			require.NoError(t, err)
			r := newRig(t, func(f *chain.FollowConfig) { f.Node = n })
			r.Chain = c
			c.Pay(c.Address("shop"), c.Asset("SIM"), big.NewInt(5))
			c.Mine(20)
			r.follow()
			c.Reorganise(6, 1, chaintest.Remined)
			r.follow()
			for _, h := range n.Health() {
				require.NoError(t, h.Err)
			}
			_, err = n.Header(t.Context(), 2)
			require.ErrorIs(t, err, chain.ErrNoBlock)
			_, err = n.Block(t.Context(), 3)
			require.ErrorIs(t, err, chain.ErrNoBlock)
		})
	}
}

func TestTipIsNotAHeightWithoutABlock(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := chaintest.NewChain(chaintest.Config{Skip: func(h uint64) bool { return h == 5 || h == 6 }})
		peers := []*chaintest.Peer{c.NewPeer(), c.NewPeer(), c.NewPeer()}
		n, err := chain.NewNodes(chain.NodesConfig{Agree: 2, Members: []chain.Member{
			{Name: "a", Node: peers[0]}, {Name: "b", Node: peers[1]}, {Name: "c", Node: peers[2]},
		}})
		require.NoError(t, err)
		c.Mine(4)
		for _, p := range peers[1:] {
			p.Stall()
		}
		c.Mine(3)
		tip, err := n.Tip(t.Context())
		require.NoError(t, err)
		require.Equal(t, uint64(4), tip.Height)
	})
}

func TestAgreementIsFoundBelowAGapThatIsLongerThanMaxLag(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := chaintest.NewChain(chaintest.Config{})
		a, b := c.NewPeer(), c.NewPeer()
		n, err := chain.NewNodes(chain.NodesConfig{Agree: 2, MaxLag: 1, Members: []chain.Member{{Name: "a", Node: a}, {Name: "b", Node: b}}})
		require.NoError(t, err)
		c.Mine(4)
		c.Skip(10)
		c.Mine(1)
		a.Stall() // with a block of height 15 that the other does not have
		c.Reorganise(1, -1, chaintest.Lost)
		c.Skip(11)
		require.Equal(t, uint64(16), c.Mine(1).Height)
		tip, err := n.Tip(t.Context())
		require.NoError(t, err)
		require.Equal(t, uint64(4), tip.Height)
	})
}

// slowest takes too long for every block at first.
type slowest struct {
	chain.Node
	per time.Duration
}

func (n slowest) Block(ctx context.Context, height uint64) (chain.Block, error) {
	select {
	case <-time.After(n.per):
		return n.Node.Block(ctx, height)
	case <-ctx.Done():
		return chain.Block{}, ctx.Err()
	}
}

func TestLargeBlockGetsMoreTimeOfSeveralNodes(t *testing.T) {
	for _, k := range []int{1, 2} {
		inBubble(t, func(t *testing.T) {
			r := newCluster(t, 3, agree(k), func(c *chain.NodesConfig) {
				for i := range c.Members {
					c.Members[i].Node = slowest{c.Members[i].Node, 30 * time.Second}
				}
			})
			r.pay(5)
			r.Mine(1)
			r.follow()
		})
	}
}
