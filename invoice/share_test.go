package invoice_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// perProject bounds what a project holds of whatever the chain has.
func perProject(most int) func(*invoice.Config) {
	return func(cfg *invoice.Config) {
		if c := &cfg.Chains[0]; c.Pool != nil {
			c.Pool.PerProject = most
		} else {
			c.Shared.PerProject = most
		}
	}
}

func (w *world) createFor(project string) (invoice.Invoice, error) {
	inv, err := w.svc.Create(w.t.Context(), invoice.Request{Project: project, Price: price("20", "EUR"), Asset: "SIM"})
	time.Sleep(time.Millisecond)
	return inv, err
}

// listing has a test run on a store with the optional interfaces that list, on one without them, and on one that wraps
// such a store.
func listing(t *testing.T, run func(t *testing.T, on func(*invoice.Config))) {
	for name, wrap := range map[string]func(backend) backend{
		"with lists":             func(b backend) backend { return b },
		"without lists":          func(b backend) backend { return struct{ backend }{b} },
		"wrapped, without lists": func(b backend) backend { return unlisted{b} },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(cfg *invoice.Config) { cfg.Store = wrap(cfg.Store.(backend)) })
		})
	}
}

// unlisted has the optional interfaces by name only, as a wrapper around a store without them has.
type unlisted struct{ backend }

func (unlisted) HeldSlots(context.Context, chain.Network, chain.Address, string, string, int) ([]string, error) {
	return nil, fmt.Errorf("wrapper: %w", errors.ErrUnsupported)
}

func (unlisted) PaidInvoices(context.Context, string, int) ([]invoice.Invoice, error) {
	return nil, fmt.Errorf("wrapper: %w", errors.ErrUnsupported)
}

func TestAFreeAmountIsFoundBeyondManyThatAreTaken(t *testing.T) {
	listing(t, func(t *testing.T, on func(*invoice.Config)) {
		inWorld(t, func(w *world) {
			due := map[string]bool{}
			var first invoice.Invoice
			for n := range 70 {
				inv, err := w.createFor("shop")
				require.NoError(t, err)
				if n == 0 {
					first = inv
				}
				due[inv.Quote.Due.String()] = true
			}
			require.Len(t, due, 70)
			_, err := w.createFor("shop")
			require.ErrorIs(t, err, invoice.ErrNoAddress)
			w.pass(93 * time.Minute)
			require.NotZero(t, w.get(first).State.ReleasedAt)
			again, err := w.createFor("shop")
			require.NoError(t, err)
			require.Equal(t, first.Quote.Due, again.Quote.Due, "the least amount that is free")
		}, shared(70), on)
	})
}

func TestAnAmountOfAnInvoiceThatCannotBeReadIsTaken(t *testing.T) {
	f := &failing{backend: store.NewMemory()} // it does not list
	inWorld(t, func(w *world) {
		first, err := w.createFor("shop")
		require.NoError(t, err)
		f.damage(first.ID)
		second, err := w.createFor("shop")
		require.NoError(t, err)
		require.NotEqual(t, first.Quote.Due, second.Quote.Due)
		f.damage(first.ID, second.ID)
		third, err := w.createFor("shop")
		require.NoError(t, err)
		require.Equal(t, 1, third.Quote.Due.Cmp(second.Quote.Due))
	}, shared(5), func(cfg *invoice.Config) { cfg.Store = f })
}

func TestAProjectHasItsShareOfThePlacesAndNoMore(t *testing.T) {
	for name, places := range map[string]func(*invoice.Config){"pool": pooled(5), "shared address": shared(5)} {
		listing(t, func(t *testing.T, on func(*invoice.Config)) {
			t.Log(name)
			inWorld(t, func(w *world) {
				first, err := w.createFor("shop")
				require.NoError(t, err)
				_, err = w.createFor("shop")
				require.NoError(t, err)
				for range 3 {
					_, err = w.createFor("shop")
					require.ErrorIs(t, err, invoice.ErrNoAddress)
					require.ErrorContains(t, err, `project shop holds its 2 places`)
				}
				for range 2 {
					_, err := w.createFor("other")
					require.NoError(t, err, "another project feels nothing")
				}
				w.pass(31 * time.Minute)
				_, err = w.createFor("shop")
				require.ErrorIs(t, err, invoice.ErrNoAddress, "the places rest, and are held")
				w.pass(62 * time.Minute)
				require.NotZero(t, w.get(first).State.ReleasedAt)
				for range 2 {
					_, err := w.createFor("shop")
					require.NoError(t, err, "what is given up counts no more")
				}
				_, err = w.createFor("shop")
				require.ErrorIs(t, err, invoice.ErrNoAddress)
			}, places, perProject(2), on)
		})
	}
}

func TestAShareHoldsWhoeverCreatesAtTheSameMoment(t *testing.T) {
	inWorld(t, func(w *world) {
		var all sync.WaitGroup
		var mu sync.Mutex
		made := 0
		for range 40 {
			all.Go(func() {
				_, err := w.svc.Create(t.Context(), invoice.Request{Project: "greedy", Price: price("20", "EUR"), Asset: "SIM"})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					made++
					return
				}
				assert.ErrorIs(t, err, invoice.ErrNoAddress)
			})
		}
		all.Wait()
		require.Equal(t, 5, made)
		for range 5 {
			_, err := w.createFor("shop")
			require.NoError(t, err, "no number was lost to those that were refused")
		}
		_, err := w.createFor("other")
		require.ErrorIs(t, err, invoice.ErrNoAddress)
	}, pooled(10), perProject(5))
}

// raced has somebody else take the ticket, or the address, that an invoice is about to get, so many times.
type raced struct {
	*store.Memory
	tickets, addresses int
	held               []string // what is said to be held
}

func (r *raced) HeldSlots(ctx context.Context, network chain.Network, address chain.Address, first, last string, limit int) ([]string, error) {
	if r.tickets--; r.tickets >= 0 {
		return r.held, nil
	}
	return r.Memory.HeldSlots(ctx, network, address, first, last, limit)
}

func (r *raced) TakeIndex(ctx context.Context, wallet string) (uint32, error) {
	if r.addresses--; r.addresses >= 0 {
		return 0, nil
	}
	return r.Memory.TakeIndex(ctx, wallet)
}

func TestATicketThatSomebodyWasQuickerToTakeCostsNoNumber(t *testing.T) {
	r := &raced{Memory: store.NewMemory(), held: []string{"00001", "00002"}}
	inWorld(t, func(w *world) {
		r.tickets = 1
		_, err := w.createFor("shop")
		require.NoError(t, err)
		r.tickets = 5 // all say that the one which is held is the only one that is not
		_, err = w.createFor("shop")
		require.NoError(t, err)
		_, err = w.createFor("shop")
		require.NoError(t, err, "there is a number for each")
	}, pooled(3), perProject(3), func(cfg *invoice.Config) { cfg.Store = r })
}

func TestANumberWhoseAddressIsTakenIsPassedOverWhereThereAreShares(t *testing.T) {
	r := &raced{Memory: store.NewMemory()}
	inWorld(t, func(w *world) {
		first, err := w.createFor("shop")
		require.NoError(t, err)
		require.Zero(t, first.Quote.Index)
		r.addresses = 1
		second, err := w.createFor("shop")
		require.NoError(t, err)
		require.NotEqual(t, first.Quote.Address, second.Quote.Address)
	}, pooled(3), perProject(3), func(cfg *invoice.Config) { cfg.Store = r })
}

func TestDepositsAndOtherChoicesCountTowardsTheShare(t *testing.T) {
	inWorld(t, func(w *world) {
		_, err := w.svc.CreateStanding(t.Context(), invoice.Deposit{Project: "shop", Asset: "SIM"})
		require.NoError(t, err)
		inv, err := w.createFor("shop")
		require.NoError(t, err)
		_, err = w.svc.CreateStanding(t.Context(), invoice.Deposit{Project: "shop", Asset: "SIM"})
		require.ErrorIs(t, err, invoice.ErrNoAddress)
		for i := range 3 { // the address is the same, and so is its part of the share
			inv, err = w.svc.Choose(t.Context(), "shop", inv.ID, []string{"TOK", "SIM"}[i%2])
			require.NoError(t, err)
		}
		w.pass(2 * time.Hour)
		require.NotZero(t, w.get(inv).State.ReleasedAt)
		fresh, err := w.svc.Refresh(t.Context(), invoice.Act{Project: "shop", Invoice: inv.ID}, time.Hour)
		require.NoError(t, err)
		require.Equal(t, invoice.StatusNew, fresh.State.Status)
		_, err = w.createFor("shop")
		require.ErrorIs(t, err, invoice.ErrNoAddress, "an invoice that is new again counts again")
	}, pooled(9), perProject(2))
	inWorld(t, func(w *world) {
		inv, err := w.createFor("shop")
		require.NoError(t, err)
		inv, err = w.svc.Choose(t.Context(), "shop", inv.ID, "TOK")
		require.NoError(t, err, "an amount of its own")
		for i := range 4 {
			inv, err = w.svc.Choose(t.Context(), "shop", inv.ID, []string{"SIM", "TOK"}[i%2])
			require.NoError(t, err, "and each back again")
		}
		_, err = w.createFor("shop")
		require.ErrorIs(t, err, invoice.ErrNoAddress)
	}, shared(9), perProject(2))
}

func TestAShareThatIsNoneIsRefusedByName(t *testing.T) {
	inWorld(t, func(w *world) {
		for _, bad := range []int{-1, 10001} {
			for name, c := range map[string]func(*invoice.ChainConfig){
				"Pool.PerProject":   func(c *invoice.ChainConfig) { c.Pool = &invoice.Pool{PerProject: bad} },
				"Shared.PerProject": func(c *invoice.ChainConfig) { c.Shared = &invoice.Shared{Project: "till", PerProject: bad} },
			} {
				cfg := w.cfg
				cfg.Chains = append([]invoice.ChainConfig{}, cfg.Chains...)
				c(&cfg.Chains[0])
				_, err := invoice.New(cfg)
				require.ErrorContains(t, err, name, fmt.Sprint(bad))
			}
		}
	})
}

func TestDepositsOfAProjectHaveABound(t *testing.T) {
	inWorld(t, func(w *world) {
		deposit := func(project, order string) (invoice.Invoice, error) {
			return w.svc.CreateStanding(t.Context(), invoice.Deposit{Project: project, OrderID: order, Asset: "SIM", MaxOpen: 2})
		}
		first, err := deposit("shop", "a")
		require.NoError(t, err)
		w.create() // which is no deposit
		_, err = deposit("shop", "b")
		require.NoError(t, err)
		_, err = deposit("shop", "c")
		require.ErrorIs(t, err, invoice.ErrTooManyNew)
		_, err = deposit("shop", "a")
		require.ErrorIs(t, err, invoice.ErrDuplicateOrder, "who repeats an order learns of its invoice")
		_, err = deposit("other", "a")
		require.NoError(t, err)
		_, err = w.svc.SetStatus(t.Context(), invoice.Act{Project: "shop", Invoice: first.ID}, invoice.StatusArchived)
		require.Error(t, err, "it is not closed")
		_, err = w.svc.SetStatus(t.Context(), invoice.Act{Project: "shop", Invoice: first.ID}, invoice.StatusCancelled)
		require.NoError(t, err)
		_, err = deposit("shop", "c")
		require.NoError(t, err)
	})
}
