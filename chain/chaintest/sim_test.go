package chaintest_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
)

// simWorld drives the simulated chain for the suite.
type simWorld struct {
	*chaintest.Chain
	fate  chaintest.Fate
	names int
}

func (w *simWorld) Node(*testing.T) chain.Node { return w.Chain }

func (w *simWorld) Impostor(*testing.T) chain.Node {
	other := chaintest.NewChain(chaintest.Config{Network: "sim:2"})
	other.Lie(chaintest.WrongNetwork)
	return other
}

func (w *simWorld) Address(t *testing.T) chain.Address {
	w.names++
	return w.Chain.Address(t.Name() + string(rune('a'+w.names)))
}

func (w *simWorld) Pay(_ *testing.T, asset chain.Asset, to chain.Address, units *big.Int) string {
	return w.Chain.Pay(to, asset, units)
}
func (w *simWorld) Mine(_ *testing.T, n int)            { w.Chain.Mine(n) }
func (w *simWorld) Skip(_ *testing.T, n int)            { w.Chain.Skip(n) }
func (w *simWorld) Reorganise(_ *testing.T, depth int)  { w.Chain.Reorganise(depth, 1, w.fate) }
func (w *simWorld) Paid(_ *testing.T, txid string) bool { return w.Chain.Paid(txid) }

// skips holds functions for Config.Skip.
var skips = map[string]func(uint64) bool{
	"Dense":      nil,
	"EveryThird": func(h uint64) bool { return h%3 == 2 },
	"InRuns":     func(h uint64) bool { return h%16 >= 4 },
}

func TestSimulatedChainConforms(t *testing.T) {
	for name, fate := range map[string]chaintest.Fate{
		"Remined": chaintest.Remined, "Pooled": chaintest.Pooled, "Lost": chaintest.Lost,
	} {
		for skipped, skip := range skips {
			t.Run(name+skipped, func(t *testing.T) {
				chaintest.Run(t, func(*testing.T) chaintest.World {
					return &simWorld{Chain: chaintest.NewChain(chaintest.Config{Skip: skip}), fate: fate}
				})
			})
		}
	}
}

func units(n int64) *big.Int { return big.NewInt(n) }

func TestSameCallsMakeTheSameChain(t *testing.T) {
	build := func(seed string) string {
		c := chaintest.NewChain(chaintest.Config{Seed: seed})
		c.Pay(c.Address("shop"), c.Asset("SIM"), units(5))
		c.Mine(3)
		return c.Reorganise(2, 1, chaintest.Pooled).Hash
	}
	require.Equal(t, build("a"), build("a"))
	require.NotEqual(t, build("a"), build("b"))
}

func TestChainKnowsTheTruthAboutReplacedEvictedAndLostMoney(t *testing.T) {
	c := chaintest.NewChain(chaintest.Config{})
	shop, coin := c.Address("shop"), c.Asset("SIM")
	gone := c.Pay(shop, coin, units(1))
	c.Evict(gone)
	first := c.SendReplaceable(chaintest.Output{To: shop, Asset: coin, Units: units(10)})
	pool, err := c.Pool(t.Context())
	require.NoError(t, err)
	require.Len(t, pool, 1)
	require.True(t, pool[0].Replaceable)
	second := c.Replace(first, chaintest.Output{To: shop, Asset: coin, Units: units(100)})
	c.MineEmpty(1)
	require.False(t, c.Paid(second))
	c.Mine(1)
	require.True(t, c.Paid(second))
	require.False(t, c.Paid(first))
	require.Equal(t, "100", c.Balance(shop, coin).String())
	require.Equal(t, "0", c.Balance(shop, c.Asset("TOK")).String())

	c.Stall()
	c.Reorganise(1, 1, chaintest.Lost)
	b, err := c.Block(t.Context(), 2)
	require.NoError(t, err)
	require.Len(t, b.Transfers, 1, "a stalled node shows the old chain")
	require.Equal(t, "0", c.Balance(shop, coin).String())
	c.Resume()
	b, err = c.Block(t.Context(), 2)
	require.NoError(t, err)
	require.Empty(t, b.Transfers)
}

func TestBlockStampsAreSettable(t *testing.T) {
	c := chaintest.NewChain(chaintest.Config{})
	start := c.Head().Time
	c.AdjustTime(-time.Hour)
	require.Equal(t, start.Add(10*time.Second-time.Hour), c.Mine(1).Time)
	require.Equal(t, start.Add(20*time.Second-time.Hour), c.Mine(1).Time)
	require.Equal(t, start, c.MineAt(start).Time)
	c.SetInterval(time.Second)
	require.Equal(t, start.Add(5*time.Second), c.Mine(5).Time)
}

func TestSkipMakesAGapBeforeTheNextBlock(t *testing.T) {
	c := chaintest.NewChain(chaintest.Config{})
	parent := c.Mine(1)
	c.Skip(2)
	c.Skip(1)
	next := c.Mine(1)
	require.Equal(t, uint64(5), next.Height)
	require.Equal(t, parent.Hash, next.Parent)
	require.Equal(t, uint64(6), c.Mine(1).Height)
	_, err := c.Block(t.Context(), 3)
	require.ErrorIs(t, err, chain.ErrNoBlock)
	require.Panics(t, func() { c.Skip(-1) })
	require.Panics(t, func() { c.Skip(chain.MaxGap) })
	c.Skip(chain.MaxGap - 1)
	require.Panics(t, func() { c.Skip(1) })
}

func TestTheWorldOfTheExampleIsOne(t *testing.T) { testConformance(t) }
