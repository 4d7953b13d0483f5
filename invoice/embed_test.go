package invoice_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
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
		require.ErrorContains(t, w.svc.Within(w.store).Run(w.t.Context()), "WithTx")
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

func TestTheDispatcherIsHintedSoonAfterATransactionOfTheHost(t *testing.T) {
	var mu sync.Mutex
	woken := 0
	inWorld(t, func(w *world) {
		hints := func(after time.Duration) int {
			time.Sleep(after)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			n := woken
			woken = 0
			return n
		}
		create := func() {
			_, err := w.svc.Within(w.store).Create(w.t.Context(), invoice.Request{
				Project: "shop", Price: price("20", "EUR"), Asset: "SIM", CallbackURL: "https://shop.example/hook",
			})
			require.NoError(t, err)
		}
		hints(3 * time.Second)
		create()
		require.Zero(t, hints(49*time.Millisecond), "the host has not committed yet")
		require.Equal(t, 1, hints(time.Millisecond))
		require.Equal(t, 1, hints(200*time.Millisecond), "the host may have taken its time")
		require.Zero(t, hints(500*time.Millisecond))
		for range 10 {
			create()
			require.LessOrEqual(t, hints(40*time.Millisecond), 1, "a hint is for all who wait")
		}
		require.Positive(t, hints(50*time.Millisecond), "nobody waits longer because of others")
		hints(time.Second)
		w.create()
		require.Equal(t, 1, hints(0), "without a transaction it is hinted at once")
	}, func(c *invoice.Config) {
		c.Dispatcher = hinted(func() {
			mu.Lock()
			defer mu.Unlock()
			woken++
		})
	})
}

// hosted is a store that works in transactions, which are stores here.
type hosted struct{ backend }

func (hosted) WithTx(tx any) (invoice.Store, error) {
	within, is := tx.(invoice.Store)
	if !is {
		return nil, &invoice.InvalidError{Field: "tx", Value: fmt.Sprintf("%T", tx), Reason: "is no store"}
	}
	return within, nil
}

func TestAnInvoiceIsCreatedInTheTransactionThatIsGiven(t *testing.T) {
	inWorld(t, func(w *world) {
		tx := store.NewMemory()
		request := invoice.Request{Project: "shop", Price: price("20", "EUR")}
		inv, err := w.svc.CreateTx(t.Context(), tx, request)
		require.NoError(t, err)
		_, err = tx.Invoice(t.Context(), inv.ID)
		require.NoError(t, err)
		_, err = w.svc.Invoice(t.Context(), "", inv.ID)
		require.ErrorIs(t, err, invoice.ErrNotFound)
		within, err := w.svc.WithTx(tx)
		require.NoError(t, err)
		_, err = within.SetStatus(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, invoice.StatusCancelled)
		require.NoError(t, err)
		_, err = w.svc.CreateTx(t.Context(), 7, request)
		require.ErrorContains(t, err, `tx "int" is no store`)
		_, err = within.CreateTx(t.Context(), tx, request)
		require.ErrorIs(t, err, errors.ErrUnsupported, "a transaction within a transaction")
	}, func(c *invoice.Config) { c.Store = hosted{c.Store.(backend)} })
	inWorld(t, func(w *world) {
		_, err := w.svc.CreateTx(t.Context(), store.NewMemory(), invoice.Request{Project: "shop", Price: price("20", "EUR")})
		require.ErrorIs(t, err, errors.ErrUnsupported)
		require.ErrorContains(t, err, "Config.Store, a *store.Memory")
	})
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
