package payout_test

import (
	"context"
	"math/big"
	"testing"

	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

// unleased is a store without leases, such as the one on keys and values: several processes plan at once.
type unleased struct{ payout.Store }

// interrupted is a sweepSpender with something that happens once after it has planned: what another process does meanwhile.
type interrupted struct {
	*sweepSpender
	meanwhile func()
}

func (i *interrupted) happen() {
	if do := i.meanwhile; do != nil {
		i.meanwhile = nil
		do()
	}
}

func (i *interrupted) Plan(ctx context.Context, w payout.Wallet, queued []payout.Payout) (payout.Plan, error) {
	plan, err := i.sweepSpender.Plan(ctx, w, queued)
	if err == nil && i.free(ctx, w, coin).Sign() <= 0 { // nothing is left for the fee
		plan, err = payout.Plan{}, payout.ErrNoCoins
	}
	i.happen()
	return plan, err
}

func (i *interrupted) Sweep(ctx context.Context, w payout.Wallet, h payout.Holding, o payout.SweepOrder) (payout.Plan, payout.Purpose, error) {
	plan, purpose, err := i.sweepSpender.Sweep(ctx, w, h, o)
	i.happen()
	return plan, purpose, err
}

// laneFree returns what the lane has that no open transaction takes.
func (s *shop) laneFree() string {
	s.t.Helper()
	h, err := s.store.Holding(s.t.Context(), network, laneHolding(coin).Name)
	require.NoError(s.t, err)
	left := new(big.Int).Set(h.Units)
	open, err := s.store.OpenTransactions(s.t.Context(), network)
	require.NoError(s.t, err)
	for _, t := range open {
		for _, m := range t.Last().Moves {
			if m.Holding.Name == h.Name && m.Units.Sign() < 0 {
				left.Add(left, m.Units)
			}
		}
	}
	return left.String()
}

// Not every network has something that two transactions of a lane cannot both take. What two processes plan at once, each from
// what it has read before, must not be more than there is, whatever they plan.
func TestTwoProcessesThatPlanAtOnceNeverTakeMoreThanThereIs(t *testing.T) {
	coinOnly := func(c *payout.Config) { c.Networks[0].Assets = c.Networks[0].Assets[:1] }
	for name, sweeps := range map[string]bool{"a payout and a payout": false, "a top-up and a payout": true} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, s *shop) {
				w := spread(t, s, 60, 60, 60)
				w.topUp["addr of inv0"] = true
				s.fund("shop", token, 100)
				busy := &interrupted{sweepSpender: w}
				s.open(func(c *payout.Config) {
					c.Store = unleased{s.store}
					c.Networks[0].Spender = busy
					c.Networks[0].Assets[0].MinSweep = nil
				})
				cfg := s.cfg
				cfg.Holder = "two"
				cfg.Networks = append([]payout.NetworkConfig(nil), cfg.Networks...)
				coinOnly(&cfg)
				cfg.Networks[0].Spender = w
				other, err := payout.New(cfg)
				require.NoError(t, err)
				if sweeps {
					_, err := s.SweepNow(t.Context(), coin, false, "ben")
					require.NoError(t, err)
				} else {
					r := s.request("fee", "0.5")
					r.Asset = token
					_, err := s.Request(t.Context(), r)
					require.NoError(t, err)
				}
				var p payout.Payout
				busy.meanwhile = func() {
					p = s.ask("nearly all", "0.98")
					s.spender.with(func() { w.busy["addr of inv0"] = payout.ErrNoCoins })
					require.NoError(t, other.Look(t.Context(), network))
					s.spender.with(func() { delete(w.busy, "addr of inv0") })
				}
				s.look()
				require.Equal(t, "sent", s.status(p))
				require.Equal(t, "0", s.laneFree())
				s.mine(p)
				s.look()
				s.fund("", coin, 50)
				s.look()
				s.look()
				open, err := s.store.OpenTransactions(t.Context(), network)
				require.NoError(t, err)
				require.NotEmpty(t, open, "what had to wait is begun")
				s.sound()
			})
		})
	}
}

// A list of what is worth a sweep is read before the first of it is begun.
func TestWhatAnotherProcessHasSweptMeanwhileIsNotSweptAgain(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		w := spread(t, s, 60, 60)
		busy := &interrupted{sweepSpender: w}
		s.open(func(c *payout.Config) {
			c.Store = unleased{s.store}
			c.Networks[0].Spender = w
			c.Networks[0].Assets[0].MinSweep = big.NewInt(1)
		})
		other := s.Service
		s.open(func(c *payout.Config) { c.Networks[0].Spender = busy })
		busy.meanwhile = func() {
			require.NoError(t, other.Look(t.Context(), network))
			require.Equal(t, []string{"sweep addr of inv0", "sweep addr of inv1"}, s.underWay())
			open, err := s.store.OpenTransactions(t.Context(), network)
			require.NoError(t, err)
			s.spender.with(func() {
				for _, tx := range open {
					s.spender.mined[tx.Last().TxID] = payout.Sighting{Height: 7, Final: true, Buried: true, Fee: big.NewInt(2)}
				}
			})
			require.NoError(t, other.Look(t.Context(), network))
			require.NoError(t, other.Look(t.Context(), network))
			require.Empty(t, s.underWay())
		}
		s.look()
		require.Nil(t, busy.meanwhile)
		require.Empty(t, s.underWay())
		s.sound()
	})
}
