package invoice_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

func TestAfterARestoreAPoolGivesOutNothingThatMayBeHeld(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pass(2 * time.Hour)
		require.NotZero(t, w.get(inv).State.ReleasedAt)
		require.NoError(t, w.svc.Restored(w.t.Context(), 1))
		require.NotEqual(t, inv.Quote.Address, w.create().Quote.Address)
	}, pooled(5))
}

// standby is a store that another one takes the place of.
type standby struct {
	backend
	mu  sync.Mutex
	now backend
}

func (s *standby) Commit(ctx context.Context, b invoice.Batch) error { return s.is().Commit(ctx, b) }

func (s *standby) is() backend {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *standby) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	return s.is().ReserveIndexes(ctx, wallet, n)
}

func (s *standby) takesOver(other backend) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = other
}

func (s *standby) Network(ctx context.Context, id chain.Network) (invoice.Progress, error) {
	return s.is().Network(ctx, id)
}

func (s *standby) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	return s.is().Invoice(ctx, id)
}

func (s *standby) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	return s.is().InvoicesAt(ctx, places)
}

func (s *standby) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	return s.is().InvoicesPaid(ctx, q)
}

// A standby that lacks the last steps counts its versions up again as others go on: one of them is the version that a
// process which has not looked since still stands at.
func TestAStandbyThatCountsUpToTheSameVersionIsNotTakenForTheStoreThatWas(t *testing.T) {
	old := store.NewMemory()
	s := &standby{backend: old, now: old}
	inWorld(t, func(w *world) {
		inv := w.create()
		w.mine(2)
		first, err := old.Network(w.t.Context(), w.chain.Network())
		require.NoError(t, err)
		events := w.events(inv)
		w.pay(inv, "SIM", "10")
		w.mine(1)
		require.Len(t, w.get(inv).Payments, 1)
		last, err := old.Network(w.t.Context(), w.chain.Network())
		require.NoError(t, err)

		lacking := store.NewMemory()
		require.NoError(t, lacking.Commit(w.t.Context(), invoice.Batch{
			Insert: []invoice.Invoice{inv}, Claims: []invoice.Claim{{Network: w.chain.Network(), Place: invoice.Place{Address: inv.Quote.Address}, Invoice: inv.ID}},
			Events: events,
		}))
		for first.Version = 1; first.Version <= last.Version; first.Version++ {
			first.At = time.Now().UTC()
			require.NoError(t, lacking.Commit(w.t.Context(), invoice.Batch{Progress: []invoice.Progress{first}}))
		}
		s.takesOver(lacking)
		w.mine(1)
		w.settle()
		got, err := lacking.Invoice(w.t.Context(), inv.ID)
		require.NoError(t, err)
		require.Len(t, got.Payments, 1, "blocks that the standby has not seen are read again")
		health, err := w.svc.Health(w.t.Context())
		require.NoError(t, err)
		require.NotZero(t, health[0].LostEnd)
		before, err := old.Events(w.t.Context(), 0, 100)
		require.NoError(t, err)
		after, err := lacking.Events(w.t.Context(), before[len(before)-1].Position, 100)
		require.NoError(t, err)
		require.NotEmpty(t, after, "who has seen what is lost sees what comes")
		all, err := lacking.Events(w.t.Context(), 0, 100)
		require.NoError(t, err)
		require.Equal(t, all[len(events):], after)
	}, func(c *invoice.Config) { c.Store = s })
}

// Others have handed out far more addresses than there were when this process began, and the last of them are lost.
func TestAProcessWhoseStoreFallsBackLooksBeyondTheNumbersOfThatOne(t *testing.T) {
	old, lacking := store.NewMemory(), store.NewMemory()
	s := &standby{backend: old, now: old}
	inWorld(t, func(w *world) {
		w.create()
		w.mine(2)
		first, err := old.Network(w.t.Context(), w.chain.Network())
		require.NoError(t, err)
		for _, b := range []backend{old, lacking} {
			_, err := b.ReserveIndexes(w.t.Context(), "sim:wallet", 1000)
			require.NoError(t, err)
		}
		paid, err := wallet{w.chain}.Address(w.t.Context(), 1040)
		require.NoError(t, err)
		w.chain.Pay(paid, w.chain.Asset("SIM"), w.units("SIM", "1"))
		w.mine(1)
		first.Version = 1
		require.NoError(t, lacking.Commit(w.t.Context(), invoice.Batch{Progress: []invoice.Progress{first}}))
		s.takesOver(lacking)
		w.mine(1)
		w.settle()
		next, err := lacking.ReserveIndexes(w.t.Context(), "sim:wallet", 0)
		require.NoError(t, err)
		require.Greater(t, next, uint32(1040))
	}, func(c *invoice.Config) { c.Store = s })
}

func TestAWalletThatWasNotSharedIsNotSharedLater(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create()
		w.stop()
		shared(10)(&w.cfg)
		w.restart()
		_, err := w.svc.Create(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "SIM"})
		require.ErrorIs(t, err, invoice.ErrNoAddress)
	})
}

func TestANetworkIsWatchedFromItsFirstAddressOn(t *testing.T) {
	inWorld(t, func(w *world) {
		fresh := w.cfg
		fresh.Store = store.NewMemory()
		svc, err := invoice.New(fresh) // and nobody runs it
		require.NoError(t, err)
		_, err = svc.Create(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "SIM"})
		require.NoError(t, err)
		p, err := fresh.Store.Network(w.t.Context(), w.chain.Network())
		require.NoError(t, err)
		since, ok := p.Cursor.Since()
		require.True(t, ok)
		require.Equal(t, time.Now().UTC(), since.UTC())
	})
}
