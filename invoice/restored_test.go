package invoice_test

import (
	"testing"
	"time"

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
