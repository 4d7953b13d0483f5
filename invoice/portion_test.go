package invoice_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

// small is a store that takes only so many payments at once. It can be made to fail after so many more batches.
type small struct {
	backend
	mu      sync.Mutex
	most    int
	left    int // batches until it fails; not if negative
	refused int
	stored  []invoice.Batch
}

var errDown = errors.New("the store is down")

func (s *small) Commit(ctx context.Context, b invoice.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.left == 0:
		return errDown
	case len(b.Payments) > s.most:
		s.refused++
		return fmt.Errorf("%d payments: %w", len(b.Payments), invoice.ErrTooLarge)
	}
	err := s.backend.Commit(ctx, b)
	if err == nil {
		s.stored = append(s.stored, b)
	}
	if err == nil && len(b.Payments) > 0 {
		s.left--
	}
	return err
}

// takes sets how many payments the store takes at once, and after how many batches with payments it is down; -1 for none.
func (s *small) takes(most, batches int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most, s.left = most, batches
}

// onSmall runs a test in a world on a store that takes ten payments at once.
func onSmall(t *testing.T, f func(w *world, s *small), change ...func(*invoice.Config)) {
	s := &small{backend: store.NewMemory(), most: 10, left: -1}
	inWorld(t, func(w *world) { f(w, s) }, append(change, func(c *invoice.Config) { c.Store = s })...)
}

// flood pays an invoice by many outputs of one transaction, each a tenth of what is due.
func (w *world) flood(inv invoice.Invoice, payments int) {
	outputs := make([]chaintest.Output, payments)
	for i := range outputs {
		outputs[i] = chaintest.Output{To: inv.Quote.Address, Asset: w.chain.Asset("SIM"), Units: w.units("SIM", "1")}
	}
	w.chain.Send(outputs...)
}

// tells checks that every payment was received and lost as often as it says, and nothing twice.
func (w *world) tells(inv invoice.Invoice, received, lost int) {
	w.t.Helper()
	got := map[invoice.EventType]int{}
	for _, typ := range w.told(inv) {
		got[typ]++
	}
	require.Equal(w.t, []int{received, lost}, []int{got[invoice.EventPaymentReceived], got[invoice.EventPaymentLost]})
}

// isWell checks that nothing failed and nothing waits.
func (w *world) isWell() {
	w.t.Helper()
	h := w.health()
	require.NoError(w.t, h.Err)
	require.Empty(w.t, h.Aside)
	require.Empty(w.t, h.Damaged)
}

func TestABlockThatIsMoreThanTheStoreTakesIsStoredInPortions(t *testing.T) {
	onSmall(t, func(w *world, s *small) {
		inv, other := w.create(), w.create()
		w.flood(inv, 45)
		w.pay(other, "SIM", "10")
		w.mine(1)
		require.Equal(t, 45, w.get(inv).PaymentCount())
		require.Equal(t, invoice.StatusPending, w.get(other).State.Status)
		w.isWell()
		w.mine(3)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
		require.Equal(t, invoice.StatusCompleted, w.get(other).State.Status)
		w.consistent(w.get(inv))
		w.tells(inv, 45, 0)
		w.isWell()
	})
}

// dark is a project whose endpoints cannot be read while it says so.
type dark struct {
	project string
	is      atomic.Bool
}

func (d *dark) Receivers(_ context.Context, project string) ([]invoice.Endpoint, error) {
	if d.is.Load() && project == d.project {
		return nil, errDown
	}
	return nil, nil
}

func TestAFloodThatCannotBeToldKeepsNoOtherFromBeingStoredInPortions(t *testing.T) {
	d := &dark{project: "dark"}
	onSmall(t, func(w *world, s *small) {
		untold := w.create(func(r *invoice.Request) { r.Project = "dark" })
		time.Sleep(time.Second) // it is looked at first
		inv := w.create()
		d.is.Store(true)
		w.flood(untold, 45)
		w.flood(inv, 45)
		w.mine(1)
		w.pass(10 * time.Minute)
		require.Equal(t, 45, w.get(inv).PaymentCount())
		d.is.Store(false)
		w.pass(10 * time.Minute)
		stored, err := s.Invoice(t.Context(), untold.ID)
		require.NoError(t, err)
		require.Equal(t, 45, stored.PaymentCount())
		w.isWell()
	}, func(c *invoice.Config) { c.Receivers = d })
}

func TestABatchThatIsTooLargeIsNoFailure(t *testing.T) {
	onSmall(t, func(w *world, s *small) {
		inv := w.create()
		w.flood(inv, 15)
		w.chain.MineAt(time.Now())
		time.Sleep(1100 * time.Millisecond) // one poll: a failure would wait for longer
		require.Equal(t, 15, w.get(inv).PaymentCount())
		w.isWell()
	})
}

func TestASmallerStepIsTriedFirst(t *testing.T) {
	onSmall(t, func(w *world, s *small) {
		w.stop()
		var all []invoice.Invoice
		w.start()
		for range 4 {
			all = append(all, w.create())
		}
		w.stop()
		for _, inv := range all { // each block alone is not too much
			w.flood(inv, 6)
			w.chain.MineAt(time.Now())
		}
		w.restart()
		w.settle()
		for _, inv := range all {
			require.Equal(t, 6, w.get(inv).PaymentCount())
		}
		for _, b := range s.stored {
			for _, p := range b.Progress {
				require.False(t, slices.ContainsFunc(p.Aside, func(a invoice.Aside) bool { return a.Portions }))
			}
		}
		require.NotZero(t, s.refused)
	})
}

// interrupted stops the process after three portions of a flood.
func interrupted(w *world, s *small) invoice.Invoice {
	inv := w.create()
	s.takes(10, 3)
	w.flood(inv, 45)
	w.mine(1)
	before := w.get(inv)
	require.NotZero(w.t, before.PaymentCount())
	require.Less(w.t, before.PaymentCount(), 45)
	require.Zero(w.t, before.State.Confirmed.Sign(), "nothing is deep enough before all of it counts")
	aside := w.health().Aside
	require.Len(w.t, aside, 1)
	require.True(w.t, aside[0].Portions)
	w.stop()
	s.takes(10, -1)
	return inv
}

func TestWhatWasNotStoredWhenAProcessDiedBetweenPortionsIsStoredByTheNext(t *testing.T) {
	onSmall(t, func(w *world, s *small) {
		inv := interrupted(w, s)
		w.restart()
		w.mine(3)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
		w.consistent(w.get(inv))
		w.tells(inv, 45, 0)
		w.isWell()
	})
}

func TestPortionsOfABlockThatLeftTheChainAreTakenBack(t *testing.T) {
	for _, fate := range []chaintest.Fate{chaintest.Lost, chaintest.Remined} {
		onSmall(t, func(w *world, s *small) {
			inv := interrupted(w, s)
			stored := w.get(inv).PaymentCount()
			w.chain.Reorganise(1, 2, fate)
			w.restart()
			w.mine(3)
			got := w.get(inv)
			w.consistent(got)
			w.isWell()
			if fate == chaintest.Remined {
				w.tells(inv, 45, 0)
				require.Equal(t, invoice.StatusCompleted, got.State.Status)
				return
			}
			w.tells(inv, stored, stored)
			require.Equal(t, invoice.StatusNew, got.State.Status)
		})
	}
}

func TestPortionsOfABlockThatLeftForNoOtherAreTakenBackAfterAWhile(t *testing.T) {
	onSmall(t, func(w *world, s *small) {
		inv := interrupted(w, s)
		stored := w.get(inv).PaymentCount()
		w.chain.Reorganise(1, -1, chaintest.Lost)
		w.restart()
		time.Sleep(5 * time.Minute)
		w.tells(inv, stored, 0)
		time.Sleep(10 * time.Minute)
		w.tells(inv, stored, stored)
		w.consistent(w.get(inv))
		w.isWell()
	})
}

func TestAReorganisationThatIsMoreThanTheStoreTakesIsStoredInPortions(t *testing.T) {
	for _, fate := range []chaintest.Fate{chaintest.Lost, chaintest.Remined} {
		onSmall(t, func(w *world, s *small) {
			inv, other := w.create(), w.create()
			w.flood(inv, 45)
			w.mine(1)
			w.pay(other, "SIM", "10")
			w.chain.Reorganise(1, 2, fate)
			w.mine(4)
			w.consistent(w.get(inv))
			w.isWell()
			require.Equal(t, invoice.StatusCompleted, w.get(other).State.Status)
			if fate == chaintest.Lost {
				w.tells(inv, 45, 45)
				require.NotContains(t, w.told(inv), invoice.EventCompleted)
			} else {
				w.tells(inv, 45, 0)
				require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
			}
		})
	}
}

func TestDepositsThatRipenTogetherAreToldInPortions(t *testing.T) {
	onSmall(t, func(w *world, s *small) {
		inv := must(t)(w.svc.CreateStanding(t.Context(), invoice.Deposit{Project: "shop", Asset: "SIM"}))
		w.flood(inv, 45)
		w.mine(4)
		deposits := 0
		for _, typ := range w.told(inv) {
			if typ == invoice.EventDeposit {
				deposits++
			}
		}
		require.Equal(t, 45, deposits)
		w.tells(inv, 45, 0)
		w.isWell()
	})
}

func TestAnOperatorCanActOnAnInvoiceThatIsTooLargeToSettleAtOnce(t *testing.T) {
	onSmall(t, func(w *world, s *small) {
		inv := w.create()
		s.takes(1000, -1)
		w.flood(inv, 250)
		w.mine(1)
		s.takes(0, -1)
		w.mine(2)
		require.Nil(t, w.get(inv).Settled)
		s.takes(10, -1)
		_, err := w.svc.SetLabel(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, "flooded")
		require.NoError(t, err)
		require.Equal(t, "flooded", w.get(inv).Label())
		require.NotNil(t, w.get(inv).Settled)
	})
}

func TestAnInvoiceThatIsTooLargeIsNotTriedTwice(t *testing.T) {
	onSmall(t, func(w *world, s *small) {
		s.takes(-1, -1)
		_, err := w.svc.Create(t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "SIM"})
		require.ErrorIs(t, err, invoice.ErrTooLarge)
		require.NotContains(t, err.Error(), "may have been stored")
	})
}

func TestMoneyInTimeThatIsStoredInPortionsAfterTheDeadlineClosesNothing(t *testing.T) {
	onSmall(t, func(w *world, s *small) {
		inv := w.create()
		s.takes(0, -1)
		w.flood(inv, 10)
		w.mine(1)
		require.Len(t, w.health().Aside, 1)
		w.pass(40 * time.Minute)
		s.takes(4, -1)
		w.pass(2 * time.Minute)
		w.mine(1)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
		require.NotContains(t, w.told(inv), invoice.EventClosed)
		for _, ev := range w.events(inv) {
			require.False(t, ev.Type == invoice.EventPaidPartial && w.payload(ev).Data.Invoice.Closed)
		}
		w.tells(inv, 10, 0)
	})
}

func TestWhatIsTakenBackInPortionsIsDecidedAboutWithoutAnotherBlock(t *testing.T) {
	onSmall(t, func(w *world, s *small) {
		inv := w.create()
		w.mine(1)
		w.flood(inv, 45)
		w.mine(2)
		require.Equal(t, invoice.StatusPending, w.get(inv).State.Status)
		time.Sleep(time.Minute)                     // the new blocks are not stamped ahead of the clock
		w.chain.Reorganise(3, 0, chaintest.Remined) // it moves to the first of the three, and is deep enough
		w.settle()
		w.settle()
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
		w.tells(inv, 45, 0)
		w.isWell()
	})
}

func TestAllThatIsDeepEnoughIsSettledInPortions(t *testing.T) {
	onSmall(t, func(w *world, s *small) {
		inv := w.create()
		s.takes(1000, -1)
		w.flood(inv, 250)
		w.mine(1)
		s.takes(10, -1)
		w.mine(2)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
		require.Equal(t, int64(150), w.get(inv).Settled.Count)
	})
}

func TestWhatIsStillToBeTakenBackCompletesNothing(t *testing.T) {
	final := chain.Confirmations{Tag: chain.FinalityFinalized}
	onSmall(t, func(w *world, s *small) {
		inv := w.create()
		w.chain.SetFinality(5, 5)
		w.flood(inv, 45)
		w.mine(1)
		require.Equal(t, invoice.StatusPending, w.get(inv).State.Status)
		w.chain.Reorganise(1, 0, chaintest.Lost)
		w.chain.SetFinality(0, 0)
		w.settle()
		w.mine(1)
		w.tells(inv, 45, 45)
		require.NotContains(t, w.told(inv), invoice.EventCompleted)
	}, func(c *invoice.Config) { c.Chains[0].Assets[0].Confirm = []chain.Tier{{Need: final}} })
}

func TestAReorganisationThatIsReadInOnePieceIsStoredInPortions(t *testing.T) {
	onSmall(t, func(w *world, s *small) {
		inv := w.create()
		w.flood(inv, 45)
		w.mine(1)
		w.chain.Reorganise(1, 1, chaintest.Remined)
		w.settle()
		for range 2 {
			w.chain.Reorganise(2, 1, chaintest.Remined)
			w.settle()
		}
		w.mine(3)
		w.tells(inv, 45, 0)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status)
		w.isWell()
	})
}

func TestAFloodToAnInvoiceThatCannotBeStoredStopsNothingElse(t *testing.T) {
	s := &stubborn{backend: store.NewMemory()}
	inWorld(t, func(w *world) {
		bad, good := w.create(), w.create()
		s.refuse(bad.ID, errors.New("taken"), true)
		w.flood(bad, 6000)
		w.pay(good, "SIM", "10")
		w.mine(4)
		w.wants(good, invoice.StatusCompleted, exact)
		aside := w.health().Aside
		require.Len(t, aside, 1)
		require.Len(t, aside[0].Seen, 5000)
		require.Contains(t, aside[0].Cause, "have to be read again")
		s.refuse("", nil, false)
		w.pass(2 * time.Minute)
		require.Equal(t, 5000, w.get(bad).PaymentCount())
	}, func(c *invoice.Config) { c.Store = s })
}

func must(t *testing.T) func(invoice.Invoice, error) invoice.Invoice {
	return func(inv invoice.Invoice, err error) invoice.Invoice {
		t.Helper()
		require.NoError(t, err)
		return inv
	}
}
