package payout_test

import (
	"context"
	"math/big"
	"testing"
	"time"

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

// Replace makes no version that costs more than there is, as a balance allows.
func (i *interrupted) Replace(ctx context.Context, w payout.Wallet, t payout.Transaction, greatest *big.Int) (payout.Version, error) {
	v, err := i.sweepSpender.Replace(ctx, w, t, greatest)
	if err == nil && i.free(ctx, w, coin).Cmp(new(big.Int).Sub(v.Fee, t.Last().Fee)) < 0 {
		err = payout.ErrNoCoins
	}
	if err != nil {
		return payout.Version{}, err
	}
	i.happen()
	return v, nil
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

// A replacement takes more of a balance than what it replaces. Here the lane has what it takes, or what a payout takes.
func TestAReplacementAndAPlanOfAnotherProcessNeverTakeMoreThanThereIs(t *testing.T) {
	for name, replaced := range map[string]bool{"a replacement, and a plan meanwhile": true, "a plan, and a replacement meanwhile": false} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, s *shop) {
				w := spread(t, s, 200) // the lane has 100
				busy := &interrupted{sweepSpender: w}
				s.open(func(c *payout.Config) {
					c.Store = unleased{s.store}
					c.Networks[0].Spender = busy
				})
				cfg := s.cfg
				cfg.Holder = "two"
				cfg.Networks = append([]payout.NetworkConfig(nil), cfg.Networks...)
				cfg.Networks[0].Spender = w
				if !replaced {
					cfg.Networks[0].BatchWait = time.Hour
				}
				other, err := payout.New(cfg)
				require.NoError(t, err)
				first := s.ask("first", "0.5")
				s.look()
				require.Equal(t, "sent", s.status(first))
				s.wait(31 * time.Minute)
				second := s.ask("nearly all", "0.35")
				replace := func(err error) { s.spender.with(func() { s.spender.rate, s.spender.replaceErr = 8, err }) } // 10 are reserved
				mine, others, left := error(nil), payout.ErrNoReplacement, "5"
				if !replaced {
					mine, others, left = others, mine, "42"
				}
				replace(mine)
				busy.meanwhile = func() {
					replace(others)
					require.NoError(t, other.Look(t.Context(), network))
					require.Equal(t, left, s.laneFree())
					replace(nil)
				}
				if err := s.Look(t.Context(), network); err != nil {
					require.ErrorIs(t, err, payout.ErrConflict, "the next round decides again")
				}
				require.Nil(t, busy.meanwhile)
				require.Equal(t, left, s.laneFree())
				s.look()
				require.NotContains(t, s.laneFree(), "-", "there is too little for both")
				s.spender.with(func() { s.spender.rate = 2 }) // what the first one costs
				s.mine(first)
				s.look()
				s.look()
				s.mine(second)
				s.look()
				require.Equal(t, "paid, paid", s.status(first)+", "+s.status(second))
				s.sound()
			})
		})
	}
}
