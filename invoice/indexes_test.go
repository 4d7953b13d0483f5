package invoice_test

import (
	"context"
	"errors"
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

// unsure is a store whose answers to commits of new invoices are lost, whether the batch was stored or not.
type unsure struct {
	backend
	mu     sync.Mutex
	times  int  // how many answers are lost yet
	stores bool // what is lost is the answer alone
	chosen bool // answers to choices of an asset are lost too
	hangUp func()
}

func (u *unsure) lose(times int, stores bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.times, u.stores = times, stores
}

func (u *unsure) Commit(ctx context.Context, b invoice.Batch) error {
	u.mu.Lock()
	lost := u.times > 0 && (len(b.Insert) > 0 || u.chosen && len(b.Claims) > 0)
	stores := !lost || u.stores
	if lost {
		u.times--
	}
	u.mu.Unlock()
	if stores {
		if err := u.backend.Commit(ctx, b); err != nil {
			return err
		}
	}
	if lost {
		if u.hangUp != nil {
			u.hangUp()
		}
		return errors.New("connection lost")
	}
	return nil
}

// inTwoNetworks runs a test in a world whose wallet has the same addresses on two networks, SIM's and SIM2's.
func inTwoNetworks(t *testing.T, f func(w *world, u *unsure, other *chaintest.Chain), change ...func(*invoice.Config)) {
	u := &unsure{backend: store.NewMemory()}
	var other *chaintest.Chain
	second := func(c *invoice.Config) {
		other = chaintest.NewChain(chaintest.Config{
			Network: "sim:2", Seed: "other", Start: time.Now().Add(-time.Hour), Interval: 10 * time.Second,
			Assets: []chain.Asset{{ID: "sim:2/slip44:1", Code: "SIM2", Decimals: 8}},
		})
		follower, err := chain.NewFollower(chain.FollowConfig{Node: other, Poll: time.Second, Batch: 4})
		require.NoError(t, err)
		c.Store = u
		c.Chains = append(c.Chains, invoice.ChainConfig{
			Watcher: follower, Addresses: c.Chains[0].Addresses, Pool: c.Chains[0].Pool,
			Assets: []invoice.AssetConfig{{Asset: other.Asset("SIM2"), Confirm: []chain.Tier{{Need: chain.Confirmations{Depth: 3}}}}},
		})
	}
	inWorld(t, func(w *world) {
		w.rates.set("SIM2", "EUR", "2")
		f(w, u, other)
	}, append(change, second)...)
}

func onSIM2(r *invoice.Request) { r.Asset = "SIM2" }

func TestACreationWhoseAnswerIsLostIsAnsweredAllTheSame(t *testing.T) {
	for _, stores := range []bool{true, false} {
		inTwoNetworks(t, func(w *world, u *unsure, _ *chaintest.Chain) {
			u.lose(1, stores)
			inv := w.create()
			require.Equal(t, int64(1), w.get(inv).Version)
		})
	}
}

func TestAnAddressWhoseInvoiceMayBeStoredIsGivenToNobodyOnAnotherNetwork(t *testing.T) {
	for n := range 4 {
		stores, pool := n%2 == 0, n >= 2
		inTwoNetworks(t, func(w *world, u *unsure, _ *chaintest.Chain) {
			ctx, cancel := context.WithCancel(w.t.Context())
			u.hangUp = cancel
			u.lose(1, stores)
			_, err := w.svc.Create(ctx, invoice.Request{Project: "shop", OrderID: "A", Price: price("20", "EUR"), Asset: "SIM"})
			require.Error(t, err)
			// The shop asks for the order again, whose number is the doubtful one.
			_, err = w.svc.Create(w.t.Context(), invoice.Request{Project: "shop", OrderID: "A", Price: price("20", "EUR"), Asset: "SIM"})
			if stores {
				require.ErrorIs(t, err, invoice.ErrDuplicateOrder)
			} else {
				require.NoError(t, err)
			}
			open, err := w.svc.List(w.t.Context(), invoice.Query{Project: "shop", Limit: 10})
			require.NoError(t, err)
			taken := map[chain.Address]string{}
			for _, inv := range open.Invoices {
				taken[inv.Quote.Address] = inv.ID
			}
			for range 20 {
				inv := w.create(onSIM2)
				require.Empty(t, taken[inv.Quote.Address])
				taken[inv.Quote.Address] = inv.ID
			}
			for range 20 { // where its own claim guards the number of a pool, none is wasted
				inv := w.create()
				require.Empty(t, taken[inv.Quote.Address])
				taken[inv.Quote.Address] = inv.ID
			}
			next, err := u.ReserveIndexes(w.t.Context(), "sim:wallet", 0)
			require.NoError(t, err)
			for i := range next {
				address, err := wallet{w.chain}.Address(w.t.Context(), i)
				require.NoError(t, err)
				if pool && taken[address] == "" {
					require.GreaterOrEqual(t, i, uint32(40), "only the range that was taken last has numbers left")
				}
			}
		}, func(c *invoice.Config) {
			if pool {
				c.Chains[0].Pool = &invoice.Pool{}
			}
		})
	}
}

// The number in doubt was an invoice's after all, which has given it up by now: the pool hands it out again, to one.
func TestANumberOfAPoolThatWasInDoubtIsHandedOutOnce(t *testing.T) {
	inTwoNetworks(t, func(w *world, u *unsure, other *chaintest.Chain) {
		ctx, cancel := context.WithCancel(w.t.Context())
		u.hangUp = cancel
		u.lose(1, true)
		_, err := w.svc.Create(ctx, invoice.Request{Project: "shop", OrderID: "A", Price: price("20", "EUR"), Asset: "SIM"})
		require.Error(t, err)
		time.Sleep(time.Hour)
		w.mine(2)
		other.MineAt(time.Now())
		time.Sleep(5 * time.Minute)
		w.mine(2)
		other.MineAt(time.Now())
		w.settle()
		had := map[chain.Address]string{}
		for n := range 6 {
			inv := w.create(func(r *invoice.Request) {
				if n%2 == 0 {
					onSIM2(r)
				}
			})
			require.Empty(t, had[inv.Quote.Address], "number %d", inv.Quote.Index)
			had[inv.Quote.Address] = inv.ID
		}
		a, err := u.InvoiceByOrder(w.t.Context(), "shop", "A")
		require.NoError(t, err)
		require.NotEmpty(t, had[a.Quote.Address], "and handed out it is")
	}, func(c *invoice.Config) { c.Chains[0].Pool = &invoice.Pool{Quarantine: time.Minute} })
}

func TestAnAddressThatAChoiceWouldHaveKeptIsGivenToNobodyOnTheOtherNetwork(t *testing.T) {
	for _, stores := range []bool{true, false} {
		inTwoNetworks(t, func(w *world, u *unsure, _ *chaintest.Chain) {
			inv := w.create()
			u.chosen = true
			u.lose(1, stores)
			_, err := w.svc.Choose(w.t.Context(), "shop", inv.ID, "SIM2")
			require.ErrorContains(t, err, "connection lost")
			for range 10 {
				require.NotEqual(t, inv.Quote.Address, w.create(onSIM2).Quote.Address)
			}
		})
	}
}

func TestAPoolLosesNoAddressByLostAnswers(t *testing.T) {
	inTwoNetworks(t, func(w *world, u *unsure, _ *chaintest.Chain) {
		for range 20 {
			u.lose(2, false) // it is asked once more
			_, err := w.svc.Create(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "SIM"})
			require.Error(t, err)
		}
		w.create()
		w.create()
	}, pooled(2))
}

// host is a database whose transactions can be rolled back, with what they reserved: as much of one as matters here.
type host struct {
	backend
	mu   sync.Mutex
	back uint32
}

// rollBack takes back all that was reserved.
func (h *host) rollBack() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.back = 0
}

func (h *host) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next, err := h.backend.ReserveIndexes(ctx, wallet, 0)
	if n == 0 {
		return next + h.back, err
	}
	h.back += n
	return next + h.back - n, err
}

func TestANumberOfARolledBackTransactionIsNotGivenTwice(t *testing.T) {
	inTwoNetworks(t, func(w *world, u *unsure, _ *chaintest.Chain) {
		first := w.create(func(r *invoice.Request) { r.OrderID = "1" })
		tx := w.svc.Within(&host{backend: u})
		_, err := tx.Create(w.t.Context(), invoice.Request{Project: "shop", OrderID: "1", Price: price("20", "EUR"), Asset: "SIM"})
		require.ErrorIs(t, err, invoice.ErrDuplicateOrder)
		// It is rolled back: the numbers of the store are what they were.
		had := map[chain.Address]bool{first.Quote.Address: true}
		for range 20 {
			in, err := w.svc.Within(u).Create(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "SIM2"})
			require.NoError(t, err)
			for _, inv := range []invoice.Invoice{in, w.create()} {
				require.False(t, had[inv.Quote.Address], inv.Quote.Address)
				had[inv.Quote.Address] = true
			}
		}
	})
}

// floors is a record outside of the database.
type floors struct {
	mu   sync.Mutex
	next map[string]uint32
	err  error
}

func (f *floors) Floor(_ context.Context, wallet string) (uint32, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.next[wallet], f.err
}

func (f *floors) Raise(_ context.Context, wallet string, next uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.next[wallet] = max(f.next[wallet], next)
	}
	return f.err
}

// restore has the world go on with a store as it was before the service did anything with it.
func (w *world) restore() {
	w.stop()
	w.store = store.NewMemory()
	w.cfg.Store = w.store
	w.cfg.Chains[0].Watcher = w.watcher(w.chain)
	w.start()
}

// lastPosition is the position of the last event.
func (w *world) lastPosition() int64 {
	events, err := w.store.Events(w.t.Context(), 0, 1000)
	require.NoError(w.t, err)
	return events[len(events)-1].Position
}

func TestEveryRestoreHasPositionsOfItsOwn(t *testing.T) {
	inWorld(t, func(w *world) {
		last := int64(0)
		for range 4 { // each time the same backup, which knows nothing of the others
			for range 3 {
				w.create()
			}
			position := w.lastPosition()
			require.Greater(t, position, last+2)
			last = position
			w.restore()
			w.settle()
		}
	}, withFloors(&floors{next: map[string]uint32{}}))
}

func TestAClockThatIsCenturiesAheadTakesNoPositionsFromTheFeed(t *testing.T) {
	inWorld(t, func(w *world) {
		w.stop()
		w.cfg.Now = func() time.Time { return time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC) }
		w.start()
		require.NoError(t, w.svc.Restored(w.t.Context(), 1))
		w.create(func(r *invoice.Request) { r.Asset = "" })
		require.Less(t, w.lastPosition(), int64(1)<<53)
	})
}

// unanswered is a record that answers nothing while it is away.
type unanswered struct {
	floors
	away atomic.Bool
}

func (u *unanswered) Floor(ctx context.Context, wallet string) (uint32, error) {
	if u.away.Load() {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return u.floors.Floor(ctx, wallet)
}

func (u *unanswered) Raise(ctx context.Context, wallet string, next uint32) error {
	if u.away.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return u.floors.Raise(ctx, wallet, next)
}

func TestPaymentsAreSeenThoughTheFloorIsNotAnswered(t *testing.T) {
	f := &unanswered{floors: floors{next: map[string]uint32{}}}
	inWorld(t, func(w *world) {
		inv := w.create()
		f.away.Store(true)
		w.restart()
		w.pay(inv, "SIM", "10")
		w.mine(3)
		time.Sleep(time.Minute)
		w.settle()
		w.wants(inv, invoice.StatusCompleted, exact)
		for range 10 { // more than the range that was taken before
			_, err := w.svc.Create(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "SIM"})
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		f.away.Store(false)
		w.create()
	}, func(c *invoice.Config) { c.Floors = f })
}

func TestWhatNeedsNoNumberIsToldBeyondALostEndToo(t *testing.T) {
	inWorld(t, func(w *world) {
		for range 3 {
			w.create()
		}
		last := w.lastPosition()
		w.restore()
		w.create(func(r *invoice.Request) { r.Asset = "" })
		require.Greater(t, w.lastPosition(), last)
	}, withFloors(&floors{next: map[string]uint32{}}))
}

func TestATransactionTellsBeyondALostEndToo(t *testing.T) {
	inWorld(t, func(w *world) {
		for range 3 {
			w.create()
		}
		last := w.lastPosition()
		w.stop()
		w.store = store.NewMemory()
		w.cfg.Store = w.store
		svc, err := invoice.New(w.cfg) // and nobody runs it
		require.NoError(t, err)
		_, err = svc.Within(w.store).Create(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR")})
		require.NoError(t, err)
		require.Greater(t, w.lastPosition(), last)
		health, err := svc.Health(w.t.Context())
		require.NoError(t, err)
		require.NotZero(t, health[0].LostEnd)
	}, withFloors(&floors{next: map[string]uint32{}}))
}

// unskipping is a store that fails when positions are to be passed over, some times.
type unskipping struct {
	backend
	mu    sync.Mutex
	times int
}

func (u *unskipping) Commit(ctx context.Context, b invoice.Batch) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if b.Skip > 0 && u.times > 0 {
		u.times--
		return errors.New("connection lost")
	}
	return u.backend.Commit(ctx, b)
}

// loseAll starts anew on an empty store that fails so often to pass over positions, and answers the last that was given.
func (w *world) loseAll(times int) (last int64) {
	for range 3 {
		w.create()
	}
	last = w.lastPosition()
	w.stop()
	w.store = store.NewMemory()
	w.cfg.Store = &unskipping{backend: w.store, times: times}
	w.restart()
	return last
}

func TestNothingIsToldWhileALostEndCannotBePassedOver(t *testing.T) {
	f := &floors{next: map[string]uint32{}}
	inWorld(t, func(w *world) {
		last := w.loseAll(3)
		unnumbered := invoice.Request{Project: "shop", Price: price("20", "EUR")}
		_, err := w.svc.Create(w.t.Context(), unnumbered)
		require.ErrorContains(t, err, "connection lost")
		w.settle()
		w.create(func(r *invoice.Request) { r.Asset = "" })
		require.Greater(t, w.lastPosition(), last)
	}, withFloors(f))
}

func TestALostEndThatCouldNotBePassedOverIsNoticedAgain(t *testing.T) {
	f := &floors{next: map[string]uint32{}}
	inWorld(t, func(w *world) {
		last := w.loseAll(3)
		w.settle()
		require.Eventually(t, func() bool {
			_, err := w.svc.Create(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "SIM"})
			return err == nil
		}, time.Minute, time.Second)
		require.Greater(t, w.lastPosition(), last)
	}, withFloors(f))
}

func withFloors(f *floors) func(*invoice.Config) { return func(c *invoice.Config) { c.Floors = f } }

func TestARestoredStoreGivesNoAddressASecondTime(t *testing.T) {
	f := &floors{next: map[string]uint32{}}
	inWorld(t, func(w *world) {
		had := map[chain.Address]bool{}
		for range 30 {
			had[w.create().Quote.Address] = true
		}
		before, err := w.svc.Events(w.t.Context(), 0, 1000)
		require.NoError(t, err)
		w.restore()
		w.settle()
		health, err := w.svc.Health(w.t.Context())
		require.NoError(t, err)
		require.NotZero(t, health[0].LostEnd)
		for range 30 {
			require.False(t, had[w.create().Quote.Address])
		}
		after, err := w.svc.Events(w.t.Context(), before[len(before)-1].Position, 1000)
		require.NoError(t, err)
		require.Len(t, after, 30, "who was ahead of the restored feed misses nothing of what comes")
	}, withFloors(f))
}

func TestAStandbyWithoutItsTailIsNoticedByARunningProcess(t *testing.T) {
	inWorld(t, func(w *world) {
		tail := &host{backend: w.store} // whose end is lost later
		w.stop()
		w.cfg.Store = tail
		w.restart()
		had := map[chain.Address]bool{}
		for range 50 {
			had[w.create().Quote.Address] = true
		}
		tail.rollBack()
		for range 50 {
			inv := w.create()
			require.False(t, had[inv.Quote.Address])
			had[inv.Quote.Address] = true
		}
	})
}

func TestNobodyIsShownAnAddressThatTheFloorDoesNotKnowOf(t *testing.T) {
	f := &floors{next: map[string]uint32{}}
	inWorld(t, func(w *world) {
		w.settle()
		f.mu.Lock()
		f.err = errors.New("no disk")
		f.mu.Unlock()
		for range 100 {
			_, err := w.svc.Create(w.t.Context(), invoice.Request{Project: "shop", Price: price("20", "EUR"), Asset: "SIM"})
			require.ErrorContains(t, err, "no disk")
		}
		f.mu.Lock()
		f.err = nil
		f.mu.Unlock()
		require.Less(t, w.create().Quote.Index, uint32(10), "nor is a number lost by that")
	}, withFloors(f))
}

func TestMoneyAtAnAddressThatNobodyHasTellsOfALostEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		shown := w.create()
		w.stop()
		w.pay(shown, "SIM", "10")
		paidLater, err := wallet{w.chain}.Address(w.t.Context(), 40)
		require.NoError(t, err)
		w.chain.Pay(paidLater, w.chain.Asset("SIM"), w.units("SIM", "1"))
		w.restore()
		w.create() // so that the network is watched
		w.mine(2)
		w.settle()
		next, err := w.store.ReserveIndexes(w.t.Context(), "sim:wallet", 0)
		require.NoError(t, err)
		require.Greater(t, next, uint32(40))
		health, err := w.svc.Health(w.t.Context())
		require.NoError(t, err)
		require.NotZero(t, health[0].LostEnd)
	})
}

func TestRestoredPassesOverWhatMayHaveBeenHandedOut(t *testing.T) {
	inWorld(t, func(w *world) {
		for range 3 {
			w.create()
		}
		events, err := w.svc.Events(w.t.Context(), 0, 100)
		require.NoError(t, err)
		last := events[len(events)-1].Position
		_, err = w.svc.Events(w.t.Context(), last+5, 100)
		var beyond *invoice.PositionError
		require.ErrorAs(t, err, &beyond)
		require.Equal(t, last, beyond.Last)

		require.NoError(t, w.svc.Restored(w.t.Context(), 1000))
		_, err = w.svc.Events(w.t.Context(), last+5, 100)
		require.NoError(t, err, "positions up to those that come next are behind them")
		inv := w.create()
		events, err = w.svc.Events(w.t.Context(), last+5, 100)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, inv.ID, events[0].Invoice)
		next, err := w.store.ReserveIndexes(w.t.Context(), "sim:wallet", 0)
		require.NoError(t, err)
		require.Greater(t, next, uint32(1000))
	})
}

func TestAnEventOfTheSameNumberWithOtherContentsHasAnotherID(t *testing.T) {
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.mine(1)
		before := map[int64]invoice.Event{}
		for _, ev := range w.events(inv) {
			before[ev.Seq] = ev
		}
		w.restore() // of the time when the invoice had just been made
		require.NoError(t, w.store.Commit(w.t.Context(), invoice.Batch{
			Insert: []invoice.Invoice{inv}, Claims: []invoice.Claim{{Network: w.chain.Network(), Place: invoice.Place{Address: inv.Quote.Address}, Invoice: inv.ID}},
			Events: []invoice.Event{before[1]},
		}))
		w.mine(4)
		w.settle()
		for _, ev := range w.events(inv) {
			if was, known := before[ev.Seq]; known && string(was.Body) != string(ev.Body) {
				require.NotEqual(t, was.ID, ev.ID)
			}
		}
	})
}

// speechless is an unsure store that reads no single invoice either.
type speechless struct{ *unsure }

func (speechless) Invoice(context.Context, string) (invoice.Invoice, error) {
	return invoice.Invoice{}, errors.New("connection lost")
}

func TestAConflictThatNobodyCanExplainIsNotTheCallers(t *testing.T) {
	u := &unsure{backend: store.NewMemory()}
	inWorld(t, func(w *world) {
		u.lose(1, true)
		_, err := w.svc.Create(w.t.Context(), invoice.Request{Project: "shop", OrderID: "A", Price: price("20", "EUR"), Asset: "SIM"})
		require.ErrorContains(t, err, "connection lost")
		require.NotErrorIs(t, err, invoice.ErrConflict, "it is stored, and nothing of it is stale")
	}, func(c *invoice.Config) { c.Store = speechless{u} })
}
