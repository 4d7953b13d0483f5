package chain_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
)

// heldOf is which of the transfers of a block are held back, by asset.
func heldOf(b chain.Block) map[chain.AssetID]bool {
	held := map[chain.AssetID]bool{}
	for _, t := range b.Transfers {
		held[t.Asset] = held[t.Asset] || t.Held
	}
	return held
}

func TestAssetIsHeldBackWhileTooFewMembersCanConfirmIt(t *testing.T) {
	for name, c := range map[string]struct {
		members, agree, lacking int
		held                    bool
	}{
		"the only one":              {1, 1, 1, true},
		"another can":               {2, 1, 1, false},
		"none can":                  {2, 1, 2, true},
		"enough others can":         {3, 2, 1, false},
		"one other can":             {3, 2, 2, true},
		"all must, and one cannot":  {3, 3, 1, true},
		"all must, and all of them": {3, 3, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newCluster(t, c.members, agree(c.agree))
				r.pay(5)
				r.Mine(1)
				for _, p := range r.peers[:c.lacking] {
					p.Lose(chain.Decimals, r.coin.ID)
				}
				r.tip()
				require.Equal(t, map[chain.AssetID]bool{r.coin.ID: c.held}, heldOf(r.block(1)))
				lacks := r.nodes.Lacks()
				require.Equal(t, c.held, len(lacks) == 1, lacks)
				if c.held {
					require.Equal(t, r.coin.ID, lacks[0].Asset)
					require.Equal(t, chain.Decimals, lacks[0].What)
					require.Contains(t, lacks[0].Reason, "a: ")
				}
				require.Equal(t, c.lacking > 0, len(r.health("a").Lacks) > 0)
				require.NoError(t, r.health("a").Err, "it is no failure")
				require.Equal(t, lacks, r.f.Lag().Lacks)
				for _, p := range r.peers {
					p.Regain()
				}
				require.Empty(t, r.f.Lag().Lacks)
				require.Equal(t, map[chain.AssetID]bool{r.coin.ID: false}, heldOf(r.block(1)))
			})
		})
	}
}

func TestAssetIsHeldBackWhileAMemberContradictsItWhateverOthersSay(t *testing.T) {
	for k, members := range map[int]int{1: 2, 2: 3} {
		for contradicting := range members {
			inBubble(t, func(t *testing.T) {
				r := newCluster(t, members, agree(k))
				txid := r.pay(5)
				r.Mine(1)
				r.tip()
				require.Equal(t, map[chain.AssetID]bool{r.coin.ID: false}, heldOf(r.block(1)))
				p := r.peers[contradicting]
				p.Contradict(r.coin.ID)
				for range 2 {
					b := r.block(1)
					require.Equal(t, map[chain.AssetID]bool{r.coin.ID: true}, heldOf(b))
					found, err := r.nodes.Examine(t.Context(), chain.Unexamined{TxID: txid, Height: 1, Block: b.Hash})
					require.NoError(t, err)
					require.True(t, found[0].Held)
					lacks := r.nodes.Lacks()
					require.Len(t, lacks, 1)
					require.True(t, lacks[0].Contradicted)
					p.Down(errDown) // which settles nothing
				}
				p.Down(nil)
				p.Regain()
				require.Empty(t, r.nodes.Lacks())
				require.Equal(t, map[chain.AssetID]bool{r.coin.ID: false}, heldOf(r.block(1)))
			})
		}
	}
}

func TestContradictionIsReportedBeforeOtherFailures(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2)
		r.peers[0].Lose(chain.Decimals, r.coin.ID)
		r.peers[1].Contradict(r.coin.ID)
		r.tip()
		lacks := r.nodes.Lacks()
		require.Len(t, lacks, 1)
		require.True(t, lacks[0].Contradicted)
		require.Contains(t, lacks[0].Reason, "b: ")
	})
}

func TestMemberThatIsDownDoesNotCountAsAble(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2)
		r.pay(5)
		r.Mine(1)
		r.peers[0].Lose(chain.Decimals, r.coin.ID)
		r.peers[1].Down(errDown)
		r.tip()
		require.Equal(t, map[chain.AssetID]bool{r.coin.ID: true}, heldOf(r.block(1)))
		require.Len(t, r.nodes.Lacks(), 1)
	})
}

func TestMembersThatAgreeNeedNoProof(t *testing.T) {
	for _, c := range []struct {
		agree int
		who   string // of a, which is preferred, and b
		what  chain.Ability
		want  bool
	}{
		{1, "a", chain.ProofOfLogs, true},
		{1, "a", chain.ProofOfTransactions, true},
		{1, "b", chain.ProofOfLogs, false}, // it only stands by
		{1, "ab", chain.ProofOfLogs, true},
		{2, "a", chain.ProofOfLogs, false},
		{2, "ab", chain.ProofOfLogs, false},
		{2, "ab", chain.ProofOfTransactions, false},
		{1, "a", chain.TransferLogs, true},
		{1, "b", chain.TransferLogs, true}, // it is the contract's
		{2, "b", chain.TransferLogs, true},
		{2, "ab", chain.TransferLogs, true},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newCluster(t, 2, agree(c.agree))
				r.Mine(1)
				for _, name := range c.who {
					r.peers[name-'a'].Lose(c.what, "")
				}
				r.tip()
				r.block(1)
				require.Equal(t, c.want, len(r.nodes.Lacks()) == 1)
				require.Equal(t, strings.Contains(c.who, "b"), len(r.health("b").Lacks) == 1)
			})
		})
	}
}

func TestProofIsLackingAfterAFailoverToAMemberWithout(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newCluster(t, 2)
		r.peers[1].Lose(chain.ProofOfLogs, "")
		r.tip()
		require.Empty(t, r.nodes.Lacks())
		r.peers[0].Down(errDown)
		r.tip()
		require.Len(t, r.nodes.Lacks(), 1)
		require.Contains(t, r.nodes.Lacks()[0].Reason, "b: ")
	})
}
