package invoice_test

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// deposits pays one unit n times, in one block.
func (w *world) deposits(inv invoice.Invoice, n int, each int64) {
	for range n {
		w.chain.Pay(inv.Quote.Address, w.chain.Asset("SIM"), big.NewInt(each))
	}
	w.mine(1)
}

func (w *world) all(inv invoice.Invoice) []invoice.Payment {
	var out []invoice.Payment
	for after := (chain.Key{}); ; {
		page, err := w.svc.Payments(w.t.Context(), "", inv.ID, after, 100)
		require.NoError(w.t, err)
		if out = append(out, page...); len(page) < 100 {
			return out
		}
		after = page[99].Key
	}
}

func (w *world) standing() invoice.Invoice {
	inv, err := w.svc.CreateStanding(w.t.Context(), invoice.Deposit{Project: "shop", Asset: "SIM"})
	require.NoError(w.t, err)
	return inv
}

func TestALongHistoryIsSettledAndAddsUp(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.standing()
		for range 10 {
			w.deposits(inv, 60, 7)
		}
		w.mine(4)
		got := w.get(inv)
		require.Less(t, len(got.Payments), 200)
		require.GreaterOrEqual(t, len(got.Payments), 50)
		require.Equal(t, 600, got.PaymentCount())
		require.Equal(t, "4200", got.State.Received.String())
		seen, mature := got.Deposits()
		require.Equal(t, "4200", seen[got.Quote.Asset.ID].String())
		require.Equal(t, "4200", mature[got.Quote.Asset.ID].String())
		all := w.all(inv)
		require.Len(t, all, 600)
		settled := 0
		for _, p := range all {
			require.False(t, p.MaturedAt.IsZero())
			if p.Settled {
				settled++
			}
		}
		require.Equal(t, got.Settled.Count, int64(settled))
		deposits := 0
		for _, typ := range w.told(inv) {
			if typ == invoice.EventDeposit {
				deposits++
			}
		}
		require.Equal(t, 600, deposits, "each is told once")
		events := w.events(inv)
		last := w.payload(events[len(events)-1])
		require.Len(t, last.Data.Invoice.Payments, 10)
		require.Equal(t, 600, last.Data.Invoice.PaymentCount)
	})
}

func TestASettledPaymentThatTheChainTakesBackIsLost(t *testing.T) {
	for _, fate := range []chaintest.Fate{chaintest.Lost, chaintest.Remined, chaintest.Pooled} {
		t.Run(fmt.Sprint(fate), func(t *testing.T) {
			inWorld(t, func(w *world) {
				inv := w.standing()
				w.deposits(inv, 150, 7)
				w.mine(5)
				require.NotNil(t, w.get(inv).Settled)
				w.chain.Reorganise(7, 8, fate)
				w.settle()
				w.mine(5)
				got := w.get(inv)
				require.Equal(t, 150, got.PaymentCount())
				want := "0"
				if fate != chaintest.Lost {
					want = "1050"
				}
				require.Equal(t, want, got.State.Received.String())
				require.Equal(t, want, got.State.Confirmed.String())
			})
		})
	}
}

func TestASettledPaymentThatIsSeenAgainIsNoSecondOne(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.standing()
		before, err := w.store.Network(t.Context(), w.chain.Network())
		require.NoError(t, err)
		w.deposits(inv, 150, 7)
		w.mine(5)
		require.NotNil(t, w.get(inv).Settled)
		seq := w.get(inv).Seq
		w.stop()
		now, err := w.store.Network(t.Context(), w.chain.Network())
		require.NoError(t, err)
		before.Version = now.Version + 1
		require.NoError(t, w.store.Commit(t.Context(), invoice.Batch{Progress: []invoice.Progress{before}}))
		w.restart() // reads all blocks again
		w.mine(2)
		got := w.get(inv)
		require.Equal(t, seq, got.Seq)
		require.Equal(t, "1050", got.State.Received.String())
		require.Equal(t, 150, got.PaymentCount())
	})
}

func TestAnOperatorDecidesAboutSettledPaymentsToo(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		time.Sleep(31 * time.Minute)
		w.mine(1)
		tenth := new(big.Int).Div(inv.Quote.Due, big.NewInt(150))
		for range 151 { // late, and enough together
			w.chain.Pay(inv.Quote.Address, w.chain.Asset("SIM"), tenth)
		}
		w.mine(5)
		w.deposits(inv, 1, 1)
		got := w.get(inv)
		require.NotNil(t, got.Settled)
		require.Equal(t, invoice.StatusExpired, got.State.Status)
		require.True(t, got.State.Outcome.Has(invoice.OutcomeLate))
		_, err := w.svc.AcceptLate(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID})
		require.NoError(t, err)
		got = w.get(inv)
		require.Equal(t, invoice.StatusCompleted, got.State.Status)
		require.Equal(t, 152, got.PaymentCount())
		require.Equal(t, got.State.Received.String(), got.State.Counted.String())
		require.Len(t, w.all(inv), 152)
	})
}

func TestRecoveryKnowsSettledPayments(t *testing.T) {
	listing(t, func(t *testing.T, on func(*invoice.Config)) {
		inWorld(t, func(w *world) {
			inv := w.standing()
			w.deposits(inv, 200, 7)
			w.mine(5)
			w.mine(1)
			require.NotNil(t, w.get(inv).Settled)
			r, err := w.svc.Recovery(t.Context(), w.chain.Network())
			require.NoError(t, err)
			require.Equal(t, [][2]uint32{{inv.Quote.Index, inv.Quote.Index}}, r.Used)
		}, on)
	})
}
