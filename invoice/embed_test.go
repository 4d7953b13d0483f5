package invoice_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

func TestAShopThatPricesInCoinsNeedsNoRates(t *testing.T) {
	for name, change := range map[string]func(*invoice.Config){
		"no source":   func(c *invoice.Config) { c.Rates = nil },
		"and no fiat": func(c *invoice.Config) { c.Rates, c.Fiat = nil, map[string]int32{} },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				inv := w.create(func(r *invoice.Request) { r.Price = price("3", "SIM") })
				require.Zero(t, inv.Quote.Fiat)
				w.pay(inv, "SIM", "3")
				w.mine(3)
				w.wants(inv, invoice.StatusCompleted, exact)
				require.Empty(t, w.svc.Rates(w.t.Context()))

				other := w.create(func(r *invoice.Request) { r.Price = price("3", "SIM") })
				w.pay(other, "TOK", "3") // worth nothing, as nobody says what
				w.mine(4)
				got := w.get(other)
				require.Equal(t, invoice.StatusNew, got.State.Status)
				version := got.Version
				w.mine(5)
				require.Equal(t, version, w.get(other).Version, "and nobody is asked again with every block")
			}, change)
		})
	}
}

func TestAServiceOfATransactionDoesNotRun(t *testing.T) {
	inWorld(t, func(w *world) {
		require.ErrorContains(t, w.svc.WithStore(w.store).Run(w.t.Context()), "WithStore")
	})
}

// hinted is a dispatcher that sends nothing.
type hinted func()

func (h hinted) Hint() { h() }
func (hinted) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// broken is a dispatcher that does not run.
type broken struct{ hinted }

func (broken) Run(context.Context) error { return errBroken }

var errBroken = errors.New("already running")

func TestRunRunsTheDispatcherAndGoesOnWithoutOne(t *testing.T) {
	inWorld(t, func(w *world) {
		ctx, cancel := context.WithCancel(w.t.Context())
		cfg := w.cfg
		cfg.Dispatcher = broken{hinted(func() {})}
		svc, err := invoice.New(cfg)
		require.NoError(t, err)
		ended := make(chan error)
		go func() { ended <- svc.Run(ctx) }()
		inv := w.create()
		w.chain.Pay(inv.Quote.Address, w.chain.Asset("SIM"), inv.Quote.Due)
		w.stop()
		w.stop = func() {}
		w.mine(4)
		require.Equal(t, invoice.StatusCompleted, w.get(inv).State.Status, "the networks are followed")
		cancel()
		require.ErrorIs(t, <-ended, errBroken)
	})
}

// picky is a notifier that refuses callbacks.
type picky struct{ tellAll }

func (picky) CheckCallback(string) error { return errors.New("must be in Iceland") }

func TestTheNotifierChecksCallbacksUnlessTheConfigurationDoes(t *testing.T) {
	inWorld(t, func(w *world) {
		require.EqualError(t, w.svc.CheckCallback("https://shop.example/hook"), `CallbackURL "https://shop.example/hook" must be in Iceland`)
	}, func(c *invoice.Config) { c.Notifier = picky{} })
	inWorld(t, func(w *world) {
		require.NoError(t, w.svc.CheckCallback("https://shop.example/hook"))
	}, func(c *invoice.Config) { c.Notifier, c.CheckCallback = picky{}, func(string) error { return nil } })
}

func TestTheDispatcherIsWokenAfterTheHostsCommit(t *testing.T) {
	woken := 0
	inWorld(t, func(w *world) {
		w.settle()
		woken = 0
		tx := w.svc.WithStore(w.store)
		_, err := tx.Create(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "SIM", CallbackURL: "https://shop.example/hook"})
		require.NoError(t, err)
		require.Zero(t, woken, "the host has not committed yet")
		tx.Committed()
		require.Equal(t, 1, woken)
		w.svc.Committed()
		require.Equal(t, 2, woken)
		w.create()
		require.Equal(t, 3, woken)
	}, func(c *invoice.Config) { c.Dispatcher = hinted(func() { woken++ }) })
}

func TestNoOrderIDHidesWhatArrivesAtASharedAddress(t *testing.T) {
	inWorld(t, func(w *world) {
		address, err := wallet{w.chain}.Address(w.t.Context(), 0)
		require.NoError(t, err)
		for _, id := range []string{"remainder:" + string(w.chain.Network()) + ":" + string(address), "remainder"} {
			_, err = w.svc.Create(w.t.Context(), invoice.Request{Project: "till", OrderID: id, Price: price("5", "EUR")})
			require.NoError(t, err)
		}
		inv := w.create()
		w.chain.Pay(inv.Quote.Address, w.chain.Asset("SIM"), inv.Quote.Due)
		w.mine(4)
		w.wants(inv, invoice.StatusCompleted, exact)
		time.Sleep(time.Second)
		remainder, err := w.svc.List(w.t.Context(), invoice.Query{Project: "till", Standing: true, Limit: 5})
		require.NoError(t, err)
		require.Len(t, remainder.Invoices, 1)
		require.Empty(t, remainder.Invoices[0].OrderID)
	}, shared(10))
}
