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

// telling is a node whose blocks have one transfer more.
type telling struct {
	*chaintest.Chain
	transfer chain.Transfer
}

func (n telling) Block(ctx context.Context, height uint64) (chain.Block, error) {
	b, err := n.Chain.Block(ctx, height)
	b.Transfers = append(b.Transfers, n.transfer)
	return b, err
}

func TestIncompleteTransferIsRejected(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := chaintest.NewChain(chaintest.Config{})
		whole := chain.Transfer{TxID: "0x1", Asset: c.Asset("SIM").ID, To: "a", Units: big.NewInt(1)}
		for name, change := range map[string]func(*chain.Transfer){
			"no id":       func(t *chain.Transfer) { t.TxID = "" },
			"no receiver": func(t *chain.Transfer) { t.To = "" },
			"no amount":   func(t *chain.Transfer) { t.Units = nil },
			"of nothing":  func(t *chain.Transfer) { t.Units = new(big.Int) },
		} {
			bad := whole
			change(&bad)
			f, err := chain.NewFollower(chain.FollowConfig{Node: telling{c, bad}})
			require.NoError(t, err)
			_, err = f.Next(t.Context(), chain.CursorSince(time.Now()))
			require.ErrorIs(t, err, chain.ErrIncomplete, name)
		}
		f, err := chain.NewFollower(chain.FollowConfig{Node: telling{c, whole}})
		require.NoError(t, err)
		_, err = f.Next(t.Context(), chain.CursorSince(time.Now()))
		require.NoError(t, err)
	})
}
