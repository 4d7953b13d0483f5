package payout_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

// sweepSpender is a fakeSpender whose deposits stay where they came to.
type sweepSpender struct {
	*fakeSpender
	cost  int64            // of a sweep
	busy  map[string]error // by address
	topUp map[string]bool  // addresses that need coins for the fee first
}

func (s *sweepSpender) Holding(d payout.Deposit) payout.Holding {
	return payout.Holding{Network: network, Name: string(d.To) + "/" + d.Asset.Reference(), Asset: d.Asset, Address: d.To, Wallet: "w"}
}

func (s *sweepSpender) Sweep(ctx context.Context, w payout.Wallet, h payout.Holding, o payout.SweepOrder) (payout.Plan, payout.Purpose, error) {
	locked, err := w.Locked(ctx, []string{"sweep of " + string(h.Address)})
	if err == nil && len(locked) > 0 {
		err = payout.ErrNoCoins
	}
	switch err = cmp.Or(err, s.busy[string(h.Address)]); {
	case err != nil:
		return payout.Plan{}, "", err
	case !o.Now && h.Units.Int64() < 50:
		return payout.Plan{}, "", payout.ErrNoCoins
	case !o.Dear && h.Units.Int64() < 3*s.cost:
		return payout.Plan{}, "", payout.ErrTooDear
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nonce++
	v := payout.Version{
		Fee: big.NewInt(s.cost), Spends: []string{fmt.Sprintf("nonce:%s:%d", h.Address, s.nonce), "sweep of " + string(h.Address)},
		Unsigned: fmt.Appendf(nil, "sweep %d", s.nonce), At: noon,
	}
	if s.topUp[string(h.Address)] {
		v.Moves = []payout.Move{{Holding: laneHolding(coin), Units: big.NewInt(-s.cost), Fee: true}}
		return payout.Plan{Lane: "lane", Anchor: v.Spends[0], Version: v}, payout.PurposeTopUp, nil
	}
	v.Moves = []payout.Move{
		{Holding: h, Units: new(big.Int).Neg(h.Units), Fee: true},
		{Holding: laneHolding(coin), Units: new(big.Int).Sub(h.Units, v.Fee)},
	}
	return payout.Plan{Lane: string(h.Address), Anchor: v.Spends[0], Version: v}, payout.PurposeSweep, nil
}

// spread opens a shop with coins at deposit addresses, of which nothing is swept by itself.
func spread(t *testing.T, s *shop, units ...int64) *sweepSpender {
	t.Helper()
	w := &sweepSpender{fakeSpender: s.spender, cost: 2, busy: map[string]error{}, topUp: map[string]bool{}}
	s.open(func(c *payout.Config) { c.Networks[0].Spender = w })
	s.fund("", coin, 100)
	for i, n := range units {
		id := fmt.Sprintf("inv%d", i)
		s.sell(id, n, 0)
		s.pay(id, 1, coin, n, 5, invoice.StatusCompleted)
	}
	s.head(20)
	s.book()
	return w
}

// underWay returns the open transactions, as "purpose lane".
func (s *shop) underWay() []string {
	s.t.Helper()
	all, err := s.store.OpenTransactions(s.t.Context(), network)
	require.NoError(s.t, err)
	var out []string
	for _, t := range all {
		out = append(out, string(t.Purpose)+" "+t.Lane)
	}
	slices.Sort(out)
	return out
}

func TestSweepNow_BringsWhatIsThere(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		spread(t, s, 30, 5, 40)
		s.look()
		require.Empty(t, s.underWay(), "it is not swept by itself")
		terms, err := s.SweepTerms(t.Context(), coin)
		require.NoError(t, err)
		require.Len(t, terms.Holdings, 3)
		require.Equal(t, "40 75 4 2 1 0 0", fmt.Sprint(terms.Holdings[0].Units, terms.Units, terms.Fee, terms.DearFee, terms.TooDear, terms.Waiting, terms.TopUps))
		require.Equal(t, coin, terms.FeeAsset)

		for range 2 { // the same again changes nothing
			_, err = s.SweepNow(t.Context(), coin, false, "ben")
			require.NoError(t, err)
		}
		require.Empty(t, s.underWay(), "the process that has the duty does it")
		s.look()
		require.Equal(t, []string{"sweep addr of inv0", "sweep addr of inv2"}, s.underWay(), "what costs too much stays")
		s.look()
		require.Len(t, s.underWay(), 2)
		doc, err := s.store.Document(t.Context(), "sweep/"+string(coin))
		require.NoError(t, err)
		require.Empty(t, doc, "the order is followed")

		terms, err = s.SweepNow(t.Context(), coin, true, "ben")
		require.NoError(t, err)
		require.Equal(t, "2 1", fmt.Sprint(terms.Waiting, terms.TooDear), "two are under way")
		s.look()
		require.Equal(t, []string{"sweep addr of inv0", "sweep addr of inv1", "sweep addr of inv2"}, s.underWay())
		s.sound()
	})
}

func TestSweepNow_WaitsForCoinsForTheFee(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		w := spread(t, s, 30)
		w.topUp["addr of inv0"] = true
		terms, err := s.SweepNow(t.Context(), coin, false, "ben")
		require.NoError(t, err)
		require.Equal(t, 1, terms.TopUps)
		s.look()
		require.Equal(t, []string{"top_up lane"}, s.underWay())
		w.topUp["addr of inv0"], w.busy["addr of inv0"] = false, payout.ErrNoCoins
		s.look()
		require.Equal(t, []string{"top_up lane"}, s.underWay())
		terms, err = s.SweepTerms(t.Context(), coin)
		require.NoError(t, err)
		require.Equal(t, 1, terms.Waiting)
		all, err := s.store.OpenTransactions(t.Context(), network)
		require.NoError(t, err)
		s.spender.with(func() {
			s.spender.mined[all[0].Last().TxID] = payout.Sighting{Height: 7, Final: true, Buried: true, Fee: big.NewInt(2)}
		})
		w.busy = map[string]error{}
		s.look()
		s.look()
		require.Equal(t, []string{"sweep addr of inv0"}, s.underWay())
	})
}

func TestSweepNow_CostsNoMoreThanIsConfigured(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		w := spread(t, s, 60)
		w.cost = 11 // MaxFee is 10
		_, err := s.SweepNow(t.Context(), coin, false, "ben")
		require.ErrorIs(t, err, payout.ErrTooDear)
		w.cost = 10
		_, err = s.SweepNow(t.Context(), coin, false, "ben")
		require.NoError(t, err)
		w.cost = 11 // meanwhile
		s.look()
		w.cost = 10
		s.look()
		require.Empty(t, s.underWay(), "it was struck from the order")
		_, err = s.SweepNow(t.Context(), coin, true, "ben")
		require.NoError(t, err)
		s.look()
		require.Len(t, s.underWay(), 1)
	})
}

func TestSweepNow_LapsesAfterADay(t *testing.T) {
	on(t, func(t *testing.T, s *shop) {
		w := spread(t, s, 30)
		w.busy["addr of inv0"] = payout.ErrNoCoins
		_, err := s.SweepNow(t.Context(), coin, false, "ben")
		require.NoError(t, err)
		s.look()
		s.wait(24 * time.Hour)
		s.look()
		w.busy = map[string]error{}
		s.look()
		require.Empty(t, s.underWay())
	})
}

func TestSweepNow_IsRefused(t *testing.T) {
	s := newMemoryShop(t)
	_, err := s.SweepNow(t.Context(), coin, false, "ben")
	var bad *payout.InvalidError
	require.ErrorAs(t, err, &bad, "deposits are in the lane")
	spread(t, s)
	for asset, is := range map[chain.AssetID]error{coin: payout.ErrNothingToSweep, "eip155:9/slip44:60": payout.ErrNetwork} {
		_, err = s.SweepNow(t.Context(), asset, false, "ben")
		require.ErrorIs(t, err, is)
	}
	_, err = s.SweepNow(t.Context(), coin+"0", false, "ben")
	require.ErrorAs(t, err, &bad)
	_, err = s.SweepNow(t.Context(), coin, false, "a\nb")
	require.ErrorAs(t, err, &bad)
	s = newMemoryShop(t)
	spread(t, s, 30)
	s.stop()
	_, err = s.SweepNow(t.Context(), coin, false, "ben")
	require.ErrorIs(t, err, payout.ErrStopped)
}

// No payout says that the top-up of an address cannot be cancelled, and those after it wait for its number.
func TestATransactionWithoutPayoutsThatCannotBeCancelledSaysSo(t *testing.T) {
	for _, why := range []error{payout.ErrFeeTooHigh, payout.ErrNoCoins} {
		on(t, func(t *testing.T, s *shop) {
			var log bytes.Buffer
			w := spread(t, s, 60, 60)
			w.topUp["addr of inv0"], w.topUp["addr of inv1"] = true, true
			s.open(func(c *payout.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
			s.signer.set(payout.ErrLater)
			_, err := s.SweepNow(t.Context(), coin, false, "ben")
			require.NoError(t, err)
			s.look()
			require.Equal(t, []string{"top_up lane", "top_up lane"}, s.underWay())
			all, err := s.store.OpenTransactions(t.Context(), network)
			require.NoError(t, err)
			_, err = s.CancelTransaction(t.Context(), all[0].ID, "ben")
			require.NoError(t, err)
			s.replaceFails(fmt.Errorf("%w: 11 is the least", why))
			s.look()
			s.replaceFails(fmt.Errorf("%w: 12 is the least", why))
			s.look()
			got, err := s.Transaction(t.Context(), all[0].ID)
			require.NoError(t, err)
			require.Equal(t, "it cannot be cancelled: "+why.Error(), got.Detail)
			require.Equal(t, 1, strings.Count(log.String(), "money out needs a person"), log.String())
			require.Contains(t, log.String(), got.ID)

			r, err := s.Export(t.Context(), all[0].ID) // what is signed after all is sent, so that those after it go on
			require.NoError(t, err)
			_, err = s.Import(t.Context(), all[0].ID, r.N, signedForm(r.Unsigned))
			require.NoError(t, err)
			s.look()
			got, err = s.Transaction(t.Context(), all[0].ID)
			require.NoError(t, err)
			require.Contains(t, s.spender.sent, got.Last().TxID)
			require.Empty(t, got.Detail)
			s.sound()
		})
	}
}

// What a person signs by hand waits for him, and sweeps have no payouts that say so.
func TestATransactionWithoutPayoutsThatWaitsForItsSignatureSaysSo(t *testing.T) {
	later := func(s *shop, _ *payout.Config) { s.signer.set(payout.ErrLater) }
	for name, c := range map[string]struct {
		signer func(*shop, *payout.Config)
		topUp  bool
		end    func(*testing.T, *shop, payout.Transaction)
		says   string // at the end
	}{
		"a sweep":  {signer: later},
		"a top-up": {signer: later, topUp: true},
		"without a signer": {signer: func(_ *shop, c *payout.Config) {
			c.Networks[0].Signer = nil
		}},
		"sent by the signer itself": {signer: later, end: func(_ *testing.T, s *shop, tx payout.Transaction) {
			s.spender.with(func() {
				s.spender.mined[tx.Last().TxID] = payout.Sighting{Height: 7, Final: true, Fee: big.NewInt(2), TxID: "0xother"}
			})
		}},
		"somebody else used its number": {signer: later, end: func(_ *testing.T, s *shop, _ payout.Transaction) {
			s.spender.with(func() { s.spender.taken = true })
		}},
		"refused": {signer: later, says: "address_stopped: too much", end: func(_ *testing.T, s *shop, _ payout.Transaction) {
			s.signer.set(&payout.RefusedError{Code: payout.RefusedStopped, Reason: "too much"})
		}},
		"dead before it was signed": {signer: later, end: func(_ *testing.T, s *shop, _ payout.Transaction) {
			s.spender.with(func() { s.spender.dead = true })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, s *shop) {
				var log bytes.Buffer
				w := spread(t, s, 60)
				w.topUp["addr of inv0"] = c.topUp
				s.open(func(conf *payout.Config) {
					conf.Logger = slog.New(slog.NewTextHandler(&log, nil))
					c.signer(s, conf)
				})
				_, err := s.SweepNow(t.Context(), coin, false, "ben")
				require.NoError(t, err)
				s.look()
				s.look()
				all, err := s.store.OpenTransactions(t.Context(), network)
				require.NoError(t, err)
				require.Len(t, all, 1)
				tx := all[0]
				require.Equal(t, "it waits for its signature", tx.Detail)
				require.Equal(t, 1, strings.Count(log.String(), "waits for its signature"), log.String())
				require.Contains(t, log.String(), tx.ID)
				s.look()
				again, err := s.Transaction(t.Context(), tx.ID)
				require.NoError(t, err)
				require.Equal(t, tx, again, "nothing is new")
				if c.end == nil {
					r, err := s.Export(t.Context(), tx.ID)
					require.NoError(t, err)
					_, err = s.Import(t.Context(), tx.ID, r.N, signedForm(r.Unsigned))
					require.NoError(t, err)
				} else {
					c.end(t, s, tx)
				}
				s.look()
				tx, err = s.Transaction(t.Context(), tx.ID)
				require.NoError(t, err)
				require.NotEqual(t, payout.StageOffered, tx.Stage)
				require.Equal(t, c.says, tx.Detail)
				s.sound()
			})
		})
	}
}
