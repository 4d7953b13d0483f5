package chain_test

import (
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

func TestMemberThatIsDownIsNoneThatCan(t *testing.T) {
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
	for k := 1; k <= 2; k++ {
		for _, what := range []chain.Ability{chain.ProofOfLogs, chain.ProofOfTransactions, chain.TransferLogs} {
			inBubble(t, func(t *testing.T) {
				r := newCluster(t, 2, agree(k))
				for _, p := range r.peers {
					p.Lose(what, "")
				}
				r.tip()
				makesUp := k == 2 && what != chain.TransferLogs
				require.Equal(t, makesUp, len(r.nodes.Lacks()) == 0)
				require.Len(t, r.health("b").Lacks, 1)
			})
		}
	}
}
