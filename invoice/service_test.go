package invoice_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

const (
	exact      = invoice.OutcomeExact
	under      = invoice.OutcomeUnder
	over       = invoice.OutcomeOver
	late       = invoice.OutcomeLate
	otherAsset = invoice.OutcomeOtherAsset
	reverted   = invoice.OutcomeReverted
)

func TestAnInvoiceIsPaidEndToEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		require.Equal(t, w.units("SIM", "10").String(), inv.Quote.Due.String())
		require.Equal(t, w.chain.Address("0"), inv.Quote.Address)
		w.pay(inv, "SIM", "10")
		w.settle()
		w.wants(inv, invoice.StatusPending, exact) // from the pool
		w.mine(2)
		w.wants(inv, invoice.StatusPending, exact)
		w.mine(1)
		w.wants(inv, invoice.StatusCompleted, exact)
		require.Equal(t, []invoice.EventType{
			invoice.EventCreated, invoice.EventPaymentReceived, invoice.EventPending, invoice.EventCompleted,
		}, w.told(inv))
	})
}

// isPaidUnseen pays while nothing runs, and requires that the next process finds it.
func (w *world) isPaidUnseen(inv invoice.Invoice) {
	w.t.Helper()
	w.pay(inv, "SIM", "10")
	for range 6 {
		w.chain.MineAt(time.Now())
	}
	w.restart()
	w.settle()
	w.wants(inv, invoice.StatusCompleted, exact)
}

func TestA1_RestartReexaminesWhatWasPaidMeanwhile(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.stop()
		w.isPaidUnseen(inv)
	})
}

func TestA1_PaidBeforeTheWatcherEverRan(t *testing.T) {
	inWorld(t, func(w *world) {
		w.stop()
		w.cfg.Store = newStore()
		w.store = w.cfg.Store.(backend)
		svc, err := invoice.New(w.cfg)
		require.NoError(t, err)
		w.svc = svc
		inv := w.create()
		w.isPaidUnseen(inv)
	})
}

func TestA2_ExpiryWaitsWhileTheChainViewLags(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.chain.Stall()
		w.pay(inv, "SIM", "10")
		w.mine(1)
		time.Sleep(2 * time.Hour)
		w.mine(3)
		w.wants2(inv, invoice.StatusNew, "nothing expires while the node stands still")
		w.chain.Resume()
		time.Sleep(2 * time.Minute) // longer than the longest back-off
		w.settle()
		w.wants(inv, invoice.StatusCompleted, exact)
	})
}

// wants2 checks the status alone, where the node does not show the true chain.
func (w *world) wants2(inv invoice.Invoice, status invoice.Status, why string) {
	w.t.Helper()
	require.Equal(w.t, status, w.get(inv).State.Status, why)
}

func TestA2_ExpiryWaitsWhileTheNodeIsDown(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.chain.Down(errors.New("connection refused"))
		time.Sleep(3 * time.Hour)
		w.wants2(inv, invoice.StatusNew, "nothing expires unseen")
		health, err := w.svc.Health(w.t.Context())
		require.NoError(t, err)
		require.ErrorContains(t, health[0].Lag.Err, "connection refused")
		require.False(t, health[0].OK(time.Now(), time.Minute, 2))
		w.chain.Down(nil)
		w.chain.MineAt(time.Now())
		time.Sleep(2 * time.Minute)
		w.settle()
		w.wants(inv, invoice.StatusExpired, 0)
		health, err = w.svc.Health(w.t.Context())
		require.NoError(t, err)
		require.True(t, health[0].OK(time.Now(), time.Minute, 2), "it heals by itself")
	})
}

// A commit that fails leaves the cursor where it was, so the block is read again.
func TestA5_CursorMovesOnlyWithTheStoredResult(t *testing.T) {
	flaky := &failing{backend: newStore()}
	inWorld(t, func(w *world) {
		inv := w.create()
		before, err := flaky.Network(w.t.Context(), w.chain.Network())
		require.NoError(t, err)
		flaky.fail(errors.New("disk full"))
		w.pay(inv, "SIM", "10")
		w.mine(4)
		after, err := flaky.Network(w.t.Context(), w.chain.Network())
		require.NoError(t, err)
		require.Equal(t, before.Cursor, after.Cursor)
		require.Empty(t, w.get(inv).Payments)
		flaky.fail(nil)
		time.Sleep(time.Minute)
		w.settle()
		w.wants(inv, invoice.StatusCompleted, exact)
	}, func(c *invoice.Config) { c.Store = flaky })
}

func TestA9_MatchedByAddressAndAssetWhoeverPays(t *testing.T) {
	inWorld(t, func(w *world) {
		first, second := w.create(), w.create()
		w.pay(second, "SIM", "10")
		w.mine(3)
		w.wants(first, invoice.StatusNew, 0)
		w.wants(second, invoice.StatusCompleted, exact)
	})
}

func TestA15_EveryEndIsToldExactlyOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		overpaid, expired, cancelled, partial := w.create(), w.create(), w.create(), w.create()
		w.pay(overpaid, "SIM", "11")
		w.pay(partial, "SIM", "4")
		_, err := w.svc.SetStatus(w.t.Context(), invoice.Act{Project: "shop", Invoice: cancelled.ID, Comment: "changed their mind"}, invoice.StatusCancelled)
		require.NoError(t, err)
		w.mine(3)
		time.Sleep(time.Hour)
		w.mine(2)
		for inv, end := range map[*invoice.Invoice]invoice.EventType{
			&overpaid: invoice.EventCompleted, &expired: invoice.EventExpired, &cancelled: invoice.EventCancelled, &partial: invoice.EventClosed,
		} {
			count := 0
			for _, typ := range w.told(*inv) {
				if typ == end {
					count++
				}
			}
			require.Equal(t, 1, count, "%s in %v", end, w.told(*inv))
		}
		w.wants(overpaid, invoice.StatusCompleted, over)
		w.wants(partial, invoice.StatusPaidPartial, under)
	})
}

func TestA16_LateMoneyIsRecordedAndAnOperatorMayAcceptIt(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		time.Sleep(31 * time.Minute)
		w.mine(1)
		w.wants(inv, invoice.StatusExpired, 0)
		w.pay(inv, "SIM", "10")
		w.mine(3)
		w.wants(inv, invoice.StatusExpired, exact|late)
		events := w.events(inv)
		require.Equal(t, invoice.ClassLate, w.payload(events[len(events)-1]).Data.Payment.Class)
		_, err := w.svc.AcceptLate(w.t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID, Actor: "ann", Comment: "goods are here"})
		require.NoError(t, err)
		w.wants(inv, invoice.StatusCompleted, exact|late)
		events = w.events(inv)
		require.Equal(t, "ann", events[len(events)-1].Actor)
		require.Equal(t, "goods are here", events[len(events)-1].Comment)
	})
}

func TestA16_LateMoneyByPolicy(t *testing.T) {
	inWorld(t, func(w *world) {
		accepted := w.create(func(r *invoice.Request) { r.Late = invoice.LateAccept })
		valued := w.create(func(r *invoice.Request) { r.Late = invoice.LateRerate })
		time.Sleep(31 * time.Minute)
		w.mine(1)
		w.rates.set("SIM", "EUR", "1") // half of what it was when quoted
		w.pay(accepted, "SIM", "10")
		w.pay(valued, "SIM", "10")
		w.mine(3)
		w.wants(accepted, invoice.StatusCompleted, exact|late)
		w.wants(valued, invoice.StatusPaidPartial, exact|late)
		require.Equal(t, w.units("SIM", "5").String(), w.get(valued).State.Counted.String())
	})
}

func TestA17_ExpiryIsRightAfterAnyDowntime(t *testing.T) {
	inWorld(t, func(w *world) {
		inv, unchosen := w.create(), w.create(func(r *invoice.Request) { r.Asset = "" })
		w.stop()
		time.Sleep(72 * time.Hour)
		w.chain.MineAt(time.Now())
		w.restart()
		w.settle()
		w.wants(inv, invoice.StatusExpired, 0)
		require.Equal(t, invoice.StatusExpired, w.get(unchosen).State.Status)
	})
}

func TestA18_PaidInTimeIsJudgedOnFirstSight(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		time.Sleep(29 * time.Minute)
		w.pay(inv, "SIM", "10")
		w.settle() // seen in the pool
		time.Sleep(2 * time.Hour)
		w.mine(1)
		w.wants(inv, invoice.StatusPending, exact)
		w.mine(2)
		w.wants(inv, invoice.StatusCompleted, exact)
	})
}

func TestA19_ASecondPaymentOnACompletedInvoiceIsFollowedToo(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
		w.pay(inv, "SIM", "10")
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, over)
		got := w.get(inv)
		require.Equal(t, w.units("SIM", "20").String(), got.State.Confirmed.String())
		events := w.events(inv)
		require.Equal(t, invoice.ClassDuplicate, w.payload(events[len(events)-1]).Data.Payment.Class)
	})
}

func TestA20_ToleranceAndWhatRemainsToBePaid(t *testing.T) {
	inWorld(t, func(w *world) {
		fee := w.create(func(r *invoice.Request) { r.ToleranceAmount = decimal.RequireFromString("0.2") })
		percent := decimal.NewFromInt(3)
		lenient := w.create(func(r *invoice.Request) { r.Tolerance = &percent })
		topped := w.create(func(r *invoice.Request) { r.Asset = "TOK" })
		w.pay(fee, "SIM", "9.8")
		w.pay(lenient, "SIM", "9.7")
		w.pay(topped, "TOK", "19.9")
		w.mine(3)
		w.wants(fee, invoice.StatusCompleted, exact)
		w.wants(lenient, invoice.StatusCompleted, exact)
		w.wants(topped, invoice.StatusPaidPartial, under)
		require.Equal(t, w.units("TOK", "0.5").String(), w.get(topped).Remaining().String(), "never less than can be sent")
		w.pay(topped, "TOK", "0.5")
		w.mine(3)
		w.wants(topped, invoice.StatusCompleted, over)
		require.Zero(t, w.get(topped).Remaining().Sign())
	})
}

func TestA23_AnEventHasOneIDForEverAndEachStateItsOwn(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(3)
		seen := map[string]bool{}
		for _, ev := range w.events(inv) {
			require.False(t, seen[ev.ID])
			seen[ev.ID] = true
		}
		before := w.events(inv)
		w.restart()
		w.mine(2)
		require.Equal(t, before, w.events(inv))
	})
}

func TestA24_EventsAreNumberedAndTheFeedIsInOrder(t *testing.T) {
	inWorld(t, func(w *world) {
		for range 4 {
			w.pay(w.create(), "SIM", "10")
		}
		w.mine(3)
		var position int64
		seq := map[string]int64{}
		for {
			page, err := w.svc.Events(w.t.Context(), position, 3)
			require.NoError(t, err)
			if len(page) == 0 {
				break
			}
			for _, ev := range page {
				require.Greater(t, ev.Position, position)
				position = ev.Position
				require.Equal(t, seq[ev.Invoice]+1, ev.Seq)
				seq[ev.Invoice] = ev.Seq
			}
		}
		require.Len(t, seq, 4)
	})
}

func TestA33_NoInvoiceWithoutATrustworthyRate(t *testing.T) {
	inWorld(t, func(w *world) {
		_, err := w.svc.Create(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "USD"), Asset: "SIM"})
		require.ErrorIs(t, err, rates.ErrNoRate)
		w.rates.set("SIM", "USD", "0")
		_, err = w.svc.Create(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "USD"), Asset: "SIM"})
		require.ErrorIs(t, err, rates.ErrNoRate)
		page, err := w.svc.List(w.t.Context(), invoice.Query{Limit: 10})
		require.NoError(t, err)
		require.Zero(t, page.Total)
	})
}

func TestA36_FullToleranceNeedsAnExplicitWord(t *testing.T) {
	inWorld(t, func(w *world) {
		all := decimal.NewFromInt(100)
		r := invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "SIM", Tolerance: &all}
		_, err := w.svc.Create(w.t.Context(), r)
		var invalid *invoice.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, "Tolerance", invalid.Field)
		r.AllowFullTolerance = true
		inv, err := w.svc.Create(w.t.Context(), r)
		require.NoError(t, err)
		w.mine(3)
		w.wants(inv, invoice.StatusNew, 0)
		w.pay(inv, "SIM", "0.01")
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
	})
}

func TestA38_ConfirmationsGoByAssetAndAmount(t *testing.T) {
	tiers := func(c *invoice.Config) {
		c.Chains[0].Assets[0].Confirm = []chain.Tier{
			{UpTo: decimal.NewFromInt(10), Need: chain.Confirmations{Depth: 1}},
			{UpTo: decimal.NewFromInt(100), Need: chain.Confirmations{Depth: 4}},
			{Need: chain.Confirmations{Tag: chain.FinalityFinalized}},
		}
	}
	inWorld(t, func(w *world) {
		w.chain.SetFinality(-1, 5)
		small := w.create()
		large := w.create(func(r *invoice.Request) { r.Price = price("22", "EUR") })
		huge := w.create(func(r *invoice.Request) { r.Price = price("2000", "EUR") })
		w.pay(small, "SIM", "10")
		w.pay(large, "SIM", "11")
		w.pay(huge, "SIM", "1000")
		w.settle()
		w.wants(small, invoice.StatusPending, exact)
		w.mine(1)
		w.wants(small, invoice.StatusCompleted, exact)
		w.wants(large, invoice.StatusPending, exact)
		w.mine(3)
		w.wants(large, invoice.StatusCompleted, exact)
		w.wants(huge, invoice.StatusPending, exact)
		w.mine(2)
		w.wants(huge, invoice.StatusCompleted, exact)
	}, tiers)
}

func TestA39_AReorganisedPaymentReopensTheInvoice(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(2)
		w.wants(inv, invoice.StatusPending, exact)
		w.chain.Reorganise(2, 1, chaintest.Lost)
		w.settle()
		w.wants(inv, invoice.StatusNew, 0)
		require.Equal(t, []invoice.EventType{
			invoice.EventCreated, invoice.EventPaymentReceived, invoice.EventPending, invoice.EventPaymentLost, invoice.EventReopened,
		}, w.told(inv))
	})
}

func TestIncident28_ADeepReorganisationOfACompletedInvoiceIsAnAlarm(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
		w.chain.Reorganise(3, 1, chaintest.Pooled)
		w.chain.Evict(w.get(inv).Payments[0].Key.TxID)
		w.settle()
		w.wants(inv, invoice.StatusCompleted, reverted)
		events := w.events(inv)
		require.Equal(t, invoice.EventReverted, events[len(events)-1].Type)
		w.pay(inv, "SIM", "10")
		w.mine(1)
		w.wants(inv, invoice.StatusCompleted, exact)
		events = w.events(inv)
		require.Equal(t, invoice.EventRestored, events[len(events)-1].Type, "the all-clear")
	})
}

func TestIncident30_APaymentThatMovesToAnotherBlockIsOnePayment(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(2)
		told := w.told(inv)
		w.chain.Reorganise(2, 1, chaintest.Remined)
		w.settle()
		got := w.get(inv)
		require.Len(t, got.Payments, 1)
		require.Equal(t, w.units("SIM", "10").String(), got.State.Received.String())
		require.Subset(t, append(told, invoice.EventCompleted), w.told(inv))
		w.mine(2)
		w.wants(inv, invoice.StatusCompleted, exact)
	})
}

func TestA40_CreationAsksNoNode(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create()
		w.stop()
		calls := w.chain.Calls()
		w.chain.Down(errors.New("gone"))
		for range 50 {
			w.create()
		}
		require.Equal(t, calls, w.chain.Calls())
	})
}

func TestA42_Incident46_OneOrderMakesOneInvoiceHoweverManyAsk(t *testing.T) {
	inWorld(t, func(w *world) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		made := map[string]int{}
		for range 200 {
			wg.Go(func() {
				inv, err := w.svc.Create(context.Background(), invoice.Request{
					Project: "shop", OrderID: "42", Price: price("20", "EUR"), Asset: "SIM",
				})
				var dup *invoice.DuplicateOrderError
				if errors.As(err, &dup) {
					inv.ID = dup.Invoice
				} else if err != nil {
					inv.ID = err.Error()
				}
				mu.Lock()
				defer mu.Unlock()
				made[inv.ID]++
			})
		}
		wg.Wait()
		require.Len(t, made, 1, "%v", made)
		page, err := w.svc.List(w.t.Context(), invoice.Query{Limit: 10})
		require.NoError(t, err)
		require.Equal(t, 1, page.Total)
	})
}

func TestNoAddressIsEverUsedTwice(t *testing.T) {
	inWorld(t, func(w *world) {
		used := map[chain.Address]bool{}
		for round := range 3 {
			var wg sync.WaitGroup
			var mu sync.Mutex
			for i := range 100 {
				wg.Go(func() {
					inv, err := w.svc.Create(context.Background(), invoice.Request{
						Project: "shop", OrderID: fmt.Sprintf("%d-%d", round, i), Price: price("20", "EUR"), Asset: "TOK",
					})
					mu.Lock()
					defer mu.Unlock()
					if err != nil || used[inv.Quote.Address] {
						t.Errorf("address %v used twice, or %v", inv.Quote, err)
						return
					}
					used[inv.Quote.Address] = true
				})
			}
			wg.Wait()
			w.restart()
		}
	})
}

func TestIncident7_SeenIsNotPaid(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.settle()
		for _, ev := range w.events(inv) {
			require.NotEqual(t, invoice.StatusCompleted, w.payload(ev).Data.Invoice.Status)
		}
		require.Zero(t, w.get(inv).State.Confirmed.Sign())
	})
}

func TestIncident15_MoneyOnTheWrongNetworkIsOnRecordAndNotCredited(t *testing.T) {
	other := chaintest.NewChain(chaintest.Config{Network: "sim:2", Seed: "other", Assets: []chain.Asset{{ID: "sim:2/slip44:1", Code: "SIM2", Decimals: 18}}})
	second := func(c *invoice.Config) {
		f, err := chain.NewFollower(chain.FollowConfig{Node: other, Poll: time.Second})
		if err != nil {
			panic(err)
		}
		c.Chains = append(c.Chains, invoice.ChainConfig{
			Watcher: f, Addresses: c.Chains[0].Addresses, Assets: []invoice.AssetConfig{{Asset: other.Asset("SIM2")}},
		})
	}
	inWorld(t, func(w *world) {
		inv := w.create()
		other.MineAt(time.Now())
		other.Pay(inv.Quote.Address, other.Asset("SIM2"), w.units("SIM", "10"))
		other.MineAt(time.Now())
		w.mine(1)
		got := w.get(inv)
		require.Len(t, got.Payments, 1)
		require.Equal(t, invoice.StatusNew, got.State.Status)
		require.Zero(t, got.State.Received.Sign())
		events := w.events(inv)
		require.Equal(t, invoice.ClassOtherNetwork, w.payload(events[len(events)-1]).Data.Payment.Class)
		w.pay(inv, "SIM", "10")
		w.mine(3)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
	}, second)
}

func TestIncident16_AReplacedTransactionAndItsReplacementCountOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		output := chaintest.Output{To: inv.Quote.Address, Asset: w.chain.Asset("SIM"), Units: w.units("SIM", "10")}
		first := w.chain.SendReplaceable(output)
		w.settle()
		w.chain.Replace(first, output)
		w.settle()
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
		require.Equal(t, w.units("SIM", "10").String(), w.get(inv).State.Received.String())
	})
}

func TestA37_AReplacementThatPaysSomebodyElseWithdrawsThePayment(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		first := w.chain.SendReplaceable(chaintest.Output{To: inv.Quote.Address, Asset: w.chain.Asset("SIM"), Units: w.units("SIM", "10")})
		w.settle()
		w.wants(inv, invoice.StatusPending, exact)
		w.chain.Replace(first, chaintest.Output{To: w.chain.Address("thief"), Asset: w.chain.Asset("SIM"), Units: w.units("SIM", "10")})
		w.settle()
		w.wants(inv, invoice.StatusNew, 0)
		w.mine(3)
		w.wants(inv, invoice.StatusNew, 0)
	})
}

// The pool showed one id, the block has another: only what is in blocks is paid.
func TestIncident17_AnUnconfirmedIDIsProvisional(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		output := chaintest.Output{To: inv.Quote.Address, Asset: w.chain.Asset("SIM"), Units: w.units("SIM", "10")}
		malleable := w.chain.Send(output)
		w.settle()
		w.chain.Evict(malleable)
		mined := w.chain.Send(output)
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
		for _, p := range w.get(inv).Payments {
			require.Equal(t, p.Key.TxID != mined, p.Withdrawn)
		}
	})
}

func TestIncident20_ABlockThatIsReadAgainChangesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		p, err := w.store.Network(w.t.Context(), w.chain.Network())
		require.NoError(t, err)
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(3)
		before, told := w.get(inv), w.told(inv)
		w.stop()
		now, err := w.store.Network(w.t.Context(), w.chain.Network())
		require.NoError(t, err)
		p.Version = now.Version + 1 // as if an old cursor had been restored
		require.NoError(t, w.store.Commit(w.t.Context(), invoice.Batch{Progress: []invoice.Progress{p}}))
		w.restart()
		w.settle()
		require.Equal(t, before, w.get(inv))
		require.Equal(t, told, w.told(inv))
	})
}

func TestIncident21_SeveralTransfersInOneTransactionAllCount(t *testing.T) {
	inWorld(t, func(w *world) {
		inv, second := w.create(), w.create()
		out := func(inv invoice.Invoice, amount string) chaintest.Output {
			return chaintest.Output{To: inv.Quote.Address, Asset: w.chain.Asset("SIM"), Units: w.units("SIM", amount)}
		}
		w.chain.Send(out(inv, "4"), out(inv, "6"), out(second, "10"), out(second, "0"))
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
		w.wants(second, invoice.StatusCompleted, exact)
		require.Len(t, w.get(inv).Payments, 2)
		require.Len(t, w.get(second).Payments, 1)
	})
}

func TestIncident33_ALaterRateNeverMakesAPaidInvoicePartial(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.rates.set("SIM", "EUR", "0.5")
		w.pay(inv, "SIM", "10")
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
	})
}

func TestAnotherAssetIsValuedAtTheRateOfTheMoment(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.rates.set("TOK", "EUR", "1.25")
		w.pay(inv, "TOK", "16")
		w.mine(1)
		w.rates.set("TOK", "EUR", "0.01") // it stays at what it was worth when it came
		w.mine(2)
		w.wants(inv, invoice.StatusCompleted, exact|otherAsset)
		require.Equal(t, w.chain.Asset("TOK").ID, w.get(inv).PaidAsset())
	})
}

func TestAnotherAssetWaitsForARate(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		delete(w.rates.price, rates.Pair{Base: "TOK", Quote: "EUR"})
		w.pay(inv, "TOK", "20")
		w.mine(3)
		w.wants(inv, invoice.StatusNew, otherAsset)
		w.rates.set("TOK", "EUR", "1")
		w.mine(1)
		w.wants(inv, invoice.StatusCompleted, exact|otherAsset)
	})
}

func TestAClosedInvoiceNeverChangesSilently(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
		inTime := time.Now()
		time.Sleep(31 * time.Minute)
		w.pay(inv, "SIM", "5")
		w.settle()
		w.wants(inv, invoice.StatusCompleted, over|late)
		w.chain.MineAt(inTime) // the block says that it was in time after all
		w.settle()
		w.wants(inv, invoice.StatusCompleted, over)
		told := w.told(inv)
		require.Equal(t, invoice.EventRevalued, told[len(told)-1])

		unvalued := w.create(func(r *invoice.Request) { r.Other = invoice.OtherHold })
		time.Sleep(31 * time.Minute)
		w.mine(1)
		delete(w.rates.price, rates.Pair{Base: "TOK", Quote: "EUR"})
		w.pay(unvalued, "TOK", "20")
		w.mine(1)
		w.rates.set("TOK", "EUR", "1")
		w.mine(1)
		w.wants(unvalued, invoice.StatusExpired, exact|late|otherAsset)
		told = w.told(unvalued)
		require.Equal(t, invoice.EventRevalued, told[len(told)-1])
	})
}

func TestAPriceMayBeInTheAssetItself(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create(func(r *invoice.Request) { r.Price = price("1.000000000000000001", "SIM") })
		require.Equal(t, "1000000010000000000", inv.Quote.Due.String(), "no wallet takes eighteen decimals")
		require.Equal(t, "2.01 EUR", inv.Quote.Fiat.Amount.StringFixed(2)+" "+inv.Quote.Fiat.Currency)
		w.chain.Pay(inv.Quote.Address, w.chain.Asset("SIM"), inv.Quote.Due)
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
	})
}

func TestAnAssetMayBeChosenLater(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create(func(r *invoice.Request) { r.Asset = "" })
		require.Nil(t, inv.Quote)
		_, err := w.svc.Choose(w.t.Context(), "else", inv.ID, "TOK")
		require.ErrorIs(t, err, invoice.ErrNotFound)
		inv, err = w.svc.Choose(w.t.Context(), "shop", inv.ID, "TOK")
		require.NoError(t, err)
		w.pay(inv, "TOK", "20")
		w.mine(1)
		_, err = w.svc.Choose(w.t.Context(), "shop", inv.ID, "SIM")
		var invalid *invoice.InvalidError
		require.ErrorAs(t, err, &invalid, "what was paid locks the choice")
		w.mine(2)
		w.wants(inv, invoice.StatusCompleted, exact)
		require.Equal(t, invoice.EventAssetChosen, w.told(inv)[1])
	})
}

func TestAnAssetIsChosenOnceHoweverManyAsk(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create(func(r *invoice.Request) { r.Asset = "" })
		var wg sync.WaitGroup
		var mu sync.Mutex
		addresses := map[chain.Address]bool{}
		for range 20 {
			wg.Go(func() {
				chosen, err := w.svc.Choose(context.Background(), "shop", inv.ID, "TOK")
				mu.Lock()
				defer mu.Unlock()
				require.NoError(t, err)
				addresses[chosen.Quote.Address] = true
			})
		}
		wg.Wait()
		require.Len(t, addresses, 1)
		require.Equal(t, []invoice.EventType{invoice.EventCreated, invoice.EventAssetChosen}, w.told(inv))
	})
}

func TestOperatorsMaySetOnlyWhatIsAMatterOfWill(t *testing.T) {
	inWorld(t, func(w *world) {
		set := func(inv invoice.Invoice, to invoice.Status) error {
			_, err := w.svc.SetStatus(w.t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID, Actor: "ann", Comment: "why"}, to)
			return err
		}
		refused := func(inv invoice.Invoice, to ...invoice.Status) {
			t.Helper()
			for _, status := range to {
				before := w.get(inv)
				var transition *invoice.TransitionError
				require.ErrorAs(t, set(inv, status), &transition, "to %s", status)
				require.Equal(t, before, w.get(inv), "a refusal changes nothing")
			}
		}
		inv := w.create()
		refused(inv, invoice.StatusPending, invoice.StatusPaidPartial, invoice.StatusArchived)
		require.NoError(t, set(inv, invoice.StatusNew), "what it is already")
		require.NoError(t, set(inv, invoice.StatusCancelled))
		refused(inv, invoice.StatusExpired, invoice.StatusCompleted)
		require.NoError(t, set(inv, invoice.StatusNew))
		require.NoError(t, set(inv, invoice.StatusExpired))
		require.NoError(t, set(inv, invoice.StatusCompleted))
		refused(inv, invoice.StatusNew, invoice.StatusCancelled, invoice.StatusExpired)
		require.NoError(t, set(inv, invoice.StatusArchived))
		refused(inv, invoice.StatusNew, invoice.StatusCompleted)
		require.ErrorIs(t, func() error {
			_, err := w.svc.SetStatus(w.t.Context(), invoice.Act{Project: "else", Invoice: inv.ID}, invoice.StatusNew)
			return err
		}(), invoice.ErrNotFound)
		require.Len(t, w.told(inv), 6)
		w.consistent(w.get(inv))

		paid := w.create()
		w.pay(paid, "SIM", "10")
		w.mine(1)
		refused(paid, invoice.StatusCancelled, invoice.StatusExpired)
	})
}

func TestMoneyAfterCancellationIsRecordedAndReported(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		_, err := w.svc.SetStatus(w.t.Context(), invoice.Act{Invoice: inv.ID}, invoice.StatusCancelled)
		require.NoError(t, err)
		w.pay(inv, "SIM", "10")
		w.mine(3)
		w.wants(inv, invoice.StatusCancelled, exact)
		events := w.events(inv)
		require.Equal(t, invoice.ClassAfterCancel, w.payload(events[len(events)-1]).Data.Payment.Class)
	})
}

func TestAnArchivedInvoiceIsARecord(t *testing.T) {
	inWorld(t, func(w *world) {
		r := invoice.Request{Project: "shop", OrderID: "old", Price: price("20", "EUR"), Asset: "SIM"}
		_, err := w.svc.CreateArchived(w.t.Context(), r, time.Now().Add(time.Minute))
		require.Error(t, err)
		inv, err := w.svc.CreateArchived(w.t.Context(), r, time.Now().AddDate(-1, 0, 0))
		require.NoError(t, err)
		require.Equal(t, invoice.StatusArchived, inv.State.Status)
		require.Empty(t, inv.Quote.Address)
		require.Equal(t, inv.CreatedAt, inv.EffectiveDeadline())
		w.mine(3)
		require.Equal(t, []invoice.EventType{invoice.EventCreated}, w.told(inv))
		_, err = w.svc.Create(w.t.Context(), r)
		require.ErrorIs(t, err, invoice.ErrDuplicateOrder)
	})
}

// Whatever became of an invoice, its address is watched for ever and never issued again: money can only
// ever reach the invoice that its address was shown for.
func TestA12_WhatIsReservedIsWhatIsMatched(t *testing.T) {
	inWorld(t, func(w *world) {
		var all []invoice.Invoice
		for i := range 30 {
			inv := w.create()
			all = append(all, inv)
			switch i % 5 {
			case 0:
				w.pay(inv, "SIM", "10")
			case 1:
				w.pay(inv, "SIM", "1")
			case 2:
				_, err := w.svc.SetStatus(w.t.Context(), invoice.Act{Invoice: inv.ID}, invoice.StatusCancelled)
				require.NoError(t, err)
			case 3:
				_, err := w.svc.SetStatus(w.t.Context(), invoice.Act{Invoice: inv.ID}, invoice.StatusExpired)
				require.NoError(t, err)
				_, err = w.svc.SetStatus(w.t.Context(), invoice.Act{Invoice: inv.ID}, invoice.StatusArchived)
				require.NoError(t, err)
			}
		}
		w.mine(3)
		time.Sleep(time.Hour)
		w.mine(1)
		w.restart()
		used := map[chain.Address]bool{}
		for _, inv := range all {
			require.False(t, used[inv.Quote.Address])
			used[inv.Quote.Address] = true
		}
		for range 30 {
			require.False(t, used[w.create().Quote.Address], "issued again")
		}
		for _, inv := range all {
			before := zero(w.get(inv).State.Received)
			w.pay(inv, "SIM", "3")
			w.mine(1)
			want := new(big.Int).Add(before, w.units("SIM", "3"))
			require.Equal(t, want.String(), w.get(inv).State.Received.String(), "matched to the invoice it was reserved for")
		}
	})
}

func TestA8_WhatCannotWorkIsRefusedAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		refused := func(want string, change func(*invoice.Config)) {
			t.Helper()
			cfg := w.cfg
			cfg.Chains = append([]invoice.ChainConfig(nil), cfg.Chains...)
			cfg.Chains[0].Assets = append([]invoice.AssetConfig(nil), cfg.Chains[0].Assets...)
			change(&cfg)
			_, err := invoice.New(cfg)
			require.ErrorContains(t, err, want)
		}
		refused("Store is required", func(c *invoice.Config) { c.Store = nil })
		refused("at least one network", func(c *invoice.Config) { c.Chains = nil })
		refused("Watcher is required", func(c *invoice.Config) { c.Chains[0].Watcher = nil })
		refused("Addresses is required", func(c *invoice.Config) { c.Chains[0].Addresses = nil })
		refused("configured twice", func(c *invoice.Config) { c.Chains = append(c.Chains, c.Chains[0]) })
		refused("configured twice", func(c *invoice.Config) { c.Chains[0].Assets[1] = c.Chains[0].Assets[0] })
		refused("is not on", func(c *invoice.Config) { c.Chains[0].Assets[0].ID = "eip155:1/slip44:60" })
		refused("is a fiat code", func(c *invoice.Config) { c.Chains[0].Assets[0].Code = "EUR" })
		refused("decimals", func(c *invoice.Config) { c.Chains[0].Assets[0].Decimals = 99 })
		refused("finality tag", func(c *invoice.Config) {
			c.Chains[0].Assets[0].Confirm = []chain.Tier{{Need: chain.Confirmations{Tag: "soon"}}}
		})
		refused("Tolerance", func(c *invoice.Config) { c.Tolerance = decimal.NewFromInt(100) })
		refused("Reference", func(c *invoice.Config) { c.Reference = "XAU" })
		refused("Late", func(c *invoice.Config) { c.Late = "never" })
	})
}

func TestALyingNodeIsNeverCredited(t *testing.T) {
	for _, lie := range []chaintest.Lie{
		chaintest.WrongNetwork, chaintest.Incomplete, chaintest.Unlinked, chaintest.WrongHash, chaintest.WrongHeight,
		chaintest.Foreign, chaintest.Negative,
	} {
		t.Run(fmt.Sprint(lie), func(t *testing.T) {
			inWorld(t, func(w *world) {
				inv := w.create()
				w.chain.Lie(lie)
				w.pay(inv, "SIM", "10")
				w.mine(4)
				require.Zero(t, confirmed(w.get(inv)).Cmp(new(big.Int)), "credited on a lie")
				w.chain.Lie(chaintest.Honest)
				time.Sleep(2 * time.Minute)
				w.settle()
				w.wants(inv, invoice.StatusCompleted, exact)
			})
		})
	}
}

func confirmed(inv invoice.Invoice) *big.Int { return zero(inv.State.Confirmed) }

func TestAConflictThatStaysIsShownAndNotRetriedWithoutPause(t *testing.T) {
	flaky := &failing{backend: newStore()}
	inWorld(t, func(w *world) {
		inv := w.create()
		flaky.fail(invoice.ErrConflict)
		w.pay(inv, "SIM", "10")
		w.mine(3)
		health, err := w.svc.Health(w.t.Context())
		require.NoError(t, err)
		require.ErrorIs(t, health[0].Err, invoice.ErrConflict)
		flaky.fail(nil)
		time.Sleep(time.Minute)
		w.settle()
		w.wants(inv, invoice.StatusCompleted, exact)
	}, func(c *invoice.Config) { c.Store = flaky })
}

func TestADamagedInvoiceStopsNothingButItself(t *testing.T) {
	flaky := &failing{backend: newStore()}
	inWorld(t, func(w *world) {
		broken, whole := w.create(), w.create()
		flaky.damage(broken.ID)
		w.pay(broken, "SIM", "10")
		w.pay(whole, "SIM", "10")
		before, err := flaky.Network(w.t.Context(), w.chain.Network())
		require.NoError(t, err)
		w.mine(3)
		w.wants(whole, invoice.StatusCompleted, exact)
		health, err := w.svc.Health(w.t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{broken.ID}, health[0].Damaged)

		// Repaired, it gets its money by reading the blocks again.
		flaky.damage()
		w.stop()
		now, err := flaky.Network(w.t.Context(), w.chain.Network())
		require.NoError(t, err)
		before.Version = now.Version + 1
		require.NoError(t, flaky.Commit(w.t.Context(), invoice.Batch{Progress: []invoice.Progress{before}}))
		w.restart()
		w.settle()
		w.wants(broken, invoice.StatusCompleted, exact)
		w.wants(whole, invoice.StatusCompleted, exact)
	}, func(c *invoice.Config) { c.Store = flaky })
}

func TestA8_OneBadNetworkLeavesTheOthersAlone(t *testing.T) {
	other := chaintest.NewChain(chaintest.Config{Network: "sim:2", Seed: "other", Assets: []chain.Asset{{ID: "sim:2/slip44:1", Code: "SIM2", Decimals: 18}}})
	other.Down(errors.New("down"))
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
		health, err := w.svc.Health(w.t.Context())
		require.NoError(t, err)
		require.True(t, health[0].OK(time.Now(), time.Minute, 2))
		require.False(t, health[1].OK(time.Now(), time.Minute, 2))
	}, func(c *invoice.Config) {
		f, err := chain.NewFollower(chain.FollowConfig{Node: other})
		require.NoError(t, err)
		c.Chains = append(c.Chains, invoice.ChainConfig{
			Watcher: f, Addresses: c.Chains[0].Addresses, Assets: []invoice.AssetConfig{{Asset: other.Asset("SIM2")}},
		})
	})
}

// Two processes on one store follow the same network: everything is counted and told once.
func TestIncident18_ProcessesThatRaceCreditOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		cfg := w.cfg
		cfg.Chains = append([]invoice.ChainConfig(nil), w.cfg.Chains...)
		cfg.Chains[0].Watcher = w.watcher(w.chain)
		second, err := invoice.New(cfg)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(w.t.Context())
		done := make(chan error, 1)
		go func() { done <- second.Run(ctx) }()
		for range 5 {
			inv := w.create()
			w.pay(inv, "SIM", "10")
			w.mine(2)
			w.chain.Reorganise(1, 1, chaintest.Remined)
			w.mine(3)
			w.wants(inv, invoice.StatusCompleted, exact)
		}
		cancel()
		require.NoError(t, <-done)
	})
}

func TestAnAssetCannotBeChosenWhenTheChainSaysThatTheTimeIsOver(t *testing.T) {
	var behind time.Duration
	inWorld(t, func(w *world) {
		w.mine(1)
		behind = 59 * time.Minute
		inv := w.create(func(r *invoice.Request) { r.Asset = "" })
		_, err := w.svc.Choose(t.Context(), "shop", inv.ID, "SIM")
		var refused *invoice.InvalidError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "asset", refused.Field)
	}, func(cfg *invoice.Config) {
		cfg.Now = func() time.Time { return time.Now().Add(-behind) }
		cfg.Chains[0].Pool = &invoice.Pool{Quarantine: time.Minute}
	})
}

// oldPool is a node whose pool goes on listing what was mined long ago.
type oldPool struct {
	*chaintest.Chain
	pool atomic.Pointer[[]chain.Transfer]
}

func (o *oldPool) Pool(context.Context) ([]chain.Transfer, error) {
	if list := o.pool.Load(); list != nil {
		return *list, nil
	}
	return nil, nil
}

func TestALaterStampCountsWhateverThePoolStillLists(t *testing.T) {
	inWorld(t, func(w *world) {
		w.stop()
		node := &oldPool{Chain: w.chain}
		w.cfg.Chains[0].Watcher = w.watcher(node)
		w.start()
		inv := w.create()
		w.pay(inv, "SIM", "10")
		list, err := w.chain.Pool(t.Context())
		require.NoError(t, err)
		node.pool.Store(&list)
		w.chain.MineAt(time.Now().Add(2 * time.Hour))
		w.settle()
		require.Len(t, w.get(inv).Payments, 1)
		later := w.chain.MineAt(time.Now())
		w.settle()
		require.Equal(t, later.Time.UTC(), w.get(inv).Payments[0].Block.Time)
	})
}

func TestALaterStampCountsWhicheverProcessSawTheBlocksBefore(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		first := w.svc
		w.mine(20)
		w.restart() // another process goes on
		w.pay(inv, "SIM", "10")
		w.chain.MineAt(time.Now().Add(2 * time.Hour))
		w.settle()
		require.Len(t, w.get(inv).Payments, 1)
		w.stop()
		ctx, cancel := context.WithCancel(w.t.Context())
		done := make(chan error, 1)
		go func() { done <- first.Run(ctx) }()
		later := w.chain.MineAt(time.Now())
		w.settle()
		require.Equal(t, later.Time.UTC(), w.get(inv).Payments[0].Block.Time)
		cancel()
		require.NoError(t, <-done)
	})
}

func TestCreateRefusesWhatCannotBeAnInvoice(t *testing.T) {
	inWorld(t, func(w *world) {
		percent := func(s string) *decimal.Decimal { d := decimal.RequireFromString(s); return &d }
		bomb := decimal.New(1, 1<<30)
		tests := map[string]struct {
			field  string
			change func(*invoice.Request)
		}{
			"no project":                        {"Project", func(r *invoice.Request) { r.Project = "" }},
			"a project that is no text":         {"Project", func(r *invoice.Request) { r.Project = "a\x00" }},
			"Incident35: zero":                  {"Price.Amount", func(r *invoice.Request) { r.Price = price("0", "EUR") }},
			"Incident35: negative":              {"Price.Amount", func(r *invoice.Request) { r.Price = price("-1", "EUR") }},
			"Incident32: too many decimals":     {"Price.Amount", func(r *invoice.Request) { r.Price = price("1.001", "EUR") }},
			"too many decimals of the asset":    {"Price.Amount", func(r *invoice.Request) { r.Price, r.Asset = price("1.0000001", "TOK"), "TOK" }},
			"too large":                         {"Price.Amount", func(r *invoice.Request) { r.Price = price("1000000000000000001", "EUR") }},
			"exponent bomb":                     {"Price.Amount", func(r *invoice.Request) { r.Price.Amount = bomb }},
			"tiny exponent bomb":                {"Price.Amount", func(r *invoice.Request) { r.Price.Amount = decimal.New(1, -1<<30) }},
			"tolerance bomb":                    {"Tolerance", func(r *invoice.Request) { r.Tolerance = &bomb }},
			"unknown currency":                  {"Price.Currency", func(r *invoice.Request) { r.Price.Currency = "XXX" }},
			"unknown asset":                     {"Asset", func(r *invoice.Request) { r.Asset = "XXX" }},
			"Incident38: below the minimum":     {"Price.Amount", func(r *invoice.Request) { r.Price, r.Asset = price("0.49", "EUR"), "TOK" }},
			"Incident38: rounds to less than 1": {"Price.Amount", func(r *invoice.Request) { r.Price, r.Asset = price("0.000001", "TOK"), "TOK" }},
			"negative tolerance":                {"Tolerance", func(r *invoice.Request) { r.Tolerance = percent("-1") }},
			"tolerance above 100":               {"Tolerance", func(r *invoice.Request) { r.Tolerance = percent("101") }},
			"tolerance of everything":           {"ToleranceAmount", func(r *invoice.Request) { r.ToleranceAmount = decimal.NewFromInt(10) }},
			"negative window":                   {"Window", func(r *invoice.Request) { r.Window = -time.Minute }},
			"endless window":                    {"Window", func(r *invoice.Request) { r.Window = 1000 * 24 * time.Hour }},
			"bad UTF-8":                         {"OrderID", func(r *invoice.Request) { r.OrderID = "\xff" }},
			"control characters":                {"Name", func(r *invoice.Request) { r.Name = "a\x00b" }},
			"no URL":                            {"CallbackURL", func(r *invoice.Request) { r.CallbackURL = "shop.example/hook" }},
			"other scheme":                      {"CallbackURL", func(r *invoice.Request) { r.CallbackURL = "file:///etc/passwd" }},
			"unknown format":                    {"Format", func(r *invoice.Request) { r.Format = "xml" }},
			"unknown policy":                    {"Late", func(r *invoice.Request) { r.Late = "maybe" }},
		}
		for name, tt := range tests {
			r := invoice.Request{Project: "shop", OrderID: "1", Price: price("20", "EUR"), Asset: "SIM"}
			tt.change(&r)
			_, err := w.svc.Create(w.t.Context(), r)
			var invalid *invoice.InvalidError
			require.ErrorAs(t, err, &invalid, name)
			require.Equal(t, tt.field, invalid.Field, name)
		}
		page, err := w.svc.List(w.t.Context(), invoice.Query{Limit: 10})
		require.NoError(t, err)
		require.Zero(t, page.Total, "a refusal stores nothing")
		synctest.Wait()
	})
}

// readings is a meter that keeps what it was told.
type readings struct {
	mu     sync.Mutex
	counts map[string]int64
	levels map[string]int64
	times  map[string]int
}

func (r *readings) Count(_ context.Context, name string, n int64, labels ...invoice.Label) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[name+" "+labels[0].Value] += n
}

func (r *readings) Time(_ context.Context, name string, _ time.Duration, labels ...invoice.Label) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times[name+" "+labels[0].Value]++
}

func (r *readings) Level(_ context.Context, name string, n int64, labels ...invoice.Label) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.levels[name+" "+labels[0].Value] = n
}

func TestTheServiceMeasuresWhatItDoes(t *testing.T) {
	m := &readings{counts: map[string]int64{}, levels: map[string]int64{}, times: map[string]int{}}
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(3)
		w.chain.Reorganise(1, 1, chaintest.Remined)
		w.settle()
		m.mu.Lock()
		defer m.mu.Unlock()
		require.Equal(t, int64(1), m.counts["cointill.events invoice.completed"])
		require.Equal(t, int64(1), m.counts["cointill.forks sim:1"])
		require.Equal(t, int64(w.chain.Head().Height), m.levels["cointill.height sim:1"])
		require.NotZero(t, m.times["cointill.step sim:1"])
		require.Zero(t, m.levels["cointill.behind sim:1"])
	}, func(cfg *invoice.Config) { cfg.Meter = m })
}
