package chain_test

import (
	"context"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

func TestWhatCannotBeExaminedIsNamedAndTheRestGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		r := newRig(t)
		bomb := r.Send(
			chaintest.Output{To: r.shop, Asset: r.coin, Units: big.NewInt(5)},
			chaintest.Output{To: r.shop, Asset: r.coin, Units: big.NewInt(7)},
		)
		r.pay(11)
		r.Obscure(bomb, 1)
		mined := r.Mine(1)
		r.Mine(2)
		var joined []chain.Block
		for len(joined) < 4 {
			joined = append(joined, r.step().Joined...)
		}
		require.Equal(t, []chain.Unexamined{{
			TxID: bomb, Height: 1, Block: mined.Hash, Time: mined.Time, Reason: "not supported by the simulated node",
		}}, joined[1].Unexamined)
		require.Equal(t, "16", r.ledger.Balance(r.shop, r.coin).String(), "what could be seen is there")

		u := joined[1].Unexamined[0]
		_, err := r.f.Examine(t.Context(), u)
		require.ErrorContains(t, err, "obscured")
		require.Zero(t, r.f.Lag().Failures, "it is no failure of the network")
		r.Reveal(bomb)
		found, err := r.f.Examine(t.Context(), u)
		require.NoError(t, err)
		require.Len(t, found, 2)
		require.Equal(t, joined[1].Transfers[0], found[0], "what was seen before has the same key")
		r.Reorganise(3, 1, chaintest.Remined)
		_, err = r.f.Examine(t.Context(), u)
		require.ErrorIs(t, err, chain.ErrGone)
	})
}

// mute is a node without optional powers.
type mute struct{ chain.Node }

func TestExamineNeedsANodeThatCan(t *testing.T) {
	c := chaintest.NewChain(chaintest.Config{})
	f, err := chain.NewFollower(chain.FollowConfig{Node: mute{c}})
	require.NoError(t, err)
	_, err = f.Examine(t.Context(), chain.Unexamined{TxID: "0x1"})
	require.ErrorIs(t, err, errors.ErrUnsupported)
	n, err := chain.NewNodes(chain.NodesConfig{Members: []chain.Member{{Name: "a", Node: mute{c}}, {Name: "b", Node: c}}, Agree: 2})
	require.NoError(t, err)
	_, err = n.Examine(t.Context(), chain.Unexamined{TxID: "0x1"})
	require.ErrorIs(t, err, errors.ErrUnsupported, "one of two cannot agree with itself")
}

// examining answers Examine and names unexamined transactions as a test wants.
type examining struct {
	*chaintest.Chain
	named []chain.Unexamined
	found func(ctx context.Context) ([]chain.Transfer, error)
}

func (e *examining) Block(ctx context.Context, height uint64) (chain.Block, error) {
	b, err := e.Chain.Block(ctx, height)
	b.Unexamined = e.named
	return b, err
}

func (e *examining) Examine(ctx context.Context, _ chain.Unexamined) ([]chain.Transfer, error) {
	return e.found(ctx)
}

func TestUnexaminedTransactionsMustBeOfTheirBlock(t *testing.T) {
	for name, u := range map[string]chain.Unexamined{
		"no id": {}, "other height": {TxID: "0x1", Height: 7}, "other block": {TxID: "0x1", Block: "0x7"},
		"other stamp": {TxID: "0x1", Time: time.Unix(1, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				r := newRig(t, func(c *chain.FollowConfig) {
					c.Node = &examining{Chain: c.Node.(*chaintest.Chain), named: []chain.Unexamined{u}}
				})
				r.refuse(chain.ErrIncomplete)
			})
		})
	}
}

func TestReasonsAreBoundedAndClean(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		for given, want := range map[string]string{
			"bad \xff byte":                   "bad  byte",
			strings.Repeat("ä", 101):          strings.Repeat("ä", 100),
			"x" + strings.Repeat("ä", 150):    "x" + strings.Repeat("ä", 99),
			strings.Repeat("x", 200) + "\xc3": strings.Repeat("x", 200),
		} {
			r := newRig(t, func(c *chain.FollowConfig) {
				c.Node = &examining{Chain: c.Node.(*chaintest.Chain), named: []chain.Unexamined{{TxID: "0x1", Reason: given}}}
			})
			require.Equal(t, want, r.step().Joined[0].Unexamined[0].Reason)
		}
	})
}

func TestWhatIsFoundIsChecked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		c := chaintest.NewChain(chaintest.Config{})
		good := chain.Transfer{TxID: "0x1", Asset: c.Asset("SIM").ID, To: "a", Units: big.NewInt(1)}
		other, foreign, negative, nothing, nowhere := good, good, good, good, good
		other.TxID, foreign.Asset, negative.Units = "0x2", "sim:2/slip44:1", big.NewInt(-1)
		nothing.Units, nowhere.To = new(big.Int), ""
		for want, found := range map[error]chain.Transfer{chain.ErrIncomplete: other, chain.ErrWrongNetwork: foreign} {
			requireFound(t, c, []chain.Transfer{good, found}, want)
		}
		for _, incomplete := range []chain.Transfer{negative, nothing, nowhere} {
			requireFound(t, c, []chain.Transfer{incomplete}, chain.ErrIncomplete)
		}
		requireFound(t, c, []chain.Transfer{good}, nil)
		requireFound(t, c, nil, nil)
	})
}

func requireFound(t *testing.T, c *chaintest.Chain, found []chain.Transfer, want error) {
	t.Helper()
	node := &examining{Chain: c, found: func(context.Context) ([]chain.Transfer, error) { return found, nil }}
	f, err := chain.NewFollower(chain.FollowConfig{Node: node})
	require.NoError(t, err)
	n, err := chain.NewNodes(chain.NodesConfig{Members: []chain.Member{{Name: "a", Node: node}}})
	require.NoError(t, err)
	for _, e := range []chain.Examiner{f, n} {
		got, err := e.Examine(t.Context(), chain.Unexamined{TxID: "0x1"})
		if want != nil {
			require.ErrorIs(t, err, want)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, found, got)
	}
}

func TestExamineIsBoundedByTheTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		node := &examining{Chain: chaintest.NewChain(chaintest.Config{}), found: func(ctx context.Context) ([]chain.Transfer, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		f, err := chain.NewFollower(chain.FollowConfig{Node: node})
		require.NoError(t, err)
		_, err = f.Examine(t.Context(), chain.Unexamined{TxID: "0x1"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, t.Context().Err())
	})
}
