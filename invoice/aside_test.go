package invoice_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
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

// stubborn is a store that refuses whatever touches one invoice.
type stubborn struct {
	backend
	mu      sync.Mutex
	invoice string
	err     error
	named   bool
}

func (s *stubborn) refuse(id string, err error, named bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.invoice, s.err, s.named = id, err, named
}

func (s *stubborn) Commit(ctx context.Context, b invoice.Batch) error {
	s.mu.Lock()
	id, err, named := s.invoice, s.err, s.named
	s.mu.Unlock()
	if id != "" && slices.ContainsFunc(b.Update, func(inv invoice.Invoice) bool { return inv.ID == id }) {
		if named {
			return &invoice.ConflictError{Invoice: id, Err: err}
		}
		return err
	}
	return s.backend.Commit(ctx, b)
}

// onStubborn runs a test in a world with such a store, for each way in which it refuses.
func onStubborn(t *testing.T, f func(w *world, s *stubborn, refuse func(id string))) {
	for name, refuse := range map[string]func(s *stubborn, id string){
		"by name":           func(s *stubborn, id string) { s.refuse(id, errors.New("taken"), true) },
		"without a name":    func(s *stubborn, id string) { s.refuse(id, invoice.ErrConflict, false) },
		"as too large":      func(s *stubborn, id string) { s.refuse(id, fmt.Errorf("disk: %w", invoice.ErrTooLarge), false) },
		"with its own word": func(s *stubborn, id string) { s.refuse(id, errors.New("value too long"), false) },
	} {
		t.Run(name, func(t *testing.T) {
			s := &stubborn{backend: store.NewMemory()}
			inWorld(t, func(w *world) { f(w, s, func(id string) { refuse(s, id) }) }, func(c *invoice.Config) { c.Store = s })
		})
	}
}

func (w *world) health() invoice.NetworkHealth {
	health, err := w.svc.Health(w.t.Context())
	require.NoError(w.t, err)
	return health[0]
}

func TestWhatIsSetAsideIsMeasured(t *testing.T) {
	s := &stubborn{backend: store.NewMemory()}
	m := &levels{Meter: invoice.NoMeter(), of: map[string]int64{}}
	inWorld(t, func(w *world) {
		bad := w.create()
		s.refuse(bad.ID, errors.New("taken"), true)
		w.pay(bad, "SIM", "10")
		w.mine(4)
		time.Sleep(3 * time.Minute)
		w.mine(1)
		m.mu.Lock()
		defer m.mu.Unlock()
		require.Equal(t, map[string]int64{"invoice": 1, "transaction": 0}, m.of)
	}, func(c *invoice.Config) { c.Store, c.Meter = s, m })
}

// levels is a meter that keeps how much is set aside.
type levels struct {
	invoice.Meter
	mu sync.Mutex
	of map[string]int64
}

func (l *levels) Level(_ context.Context, name string, n int64, labels ...invoice.Label) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if name == invoice.MeterAside {
		l.of[labels[1].Value] = n
	}
}

// journal is what is logged as an error.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

// lines are how many lines have the text.
func (j *journal) lines(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), text)
}

// logged has errors be logged to the journal, and the time go on whenever it is asked for, as it does outside of tests.
func logged(j *journal) func(*invoice.Config) {
	var asked atomic.Int64
	return func(c *invoice.Config) {
		c.Logger = slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelError}))
		c.Now = func() time.Time { return time.Now().Add(time.Duration(asked.Add(1))) }
	}
}

func TestWhatIsSetAsideIsLoggedOnce(t *testing.T) {
	j := &journal{}
	inWorld(t, func(w *world) {
		v := &veiled{Chain: w.chain}
		w.stop()
		w.cfg.Chains[0].Watcher = w.watcher(v)
		w.start()
		inv := w.create()
		w.hold("TOK")
		v.veil(w.pay(inv, "TOK", "1"))
		w.mine(3)
		require.Equal(t, 1, j.lines("set aside"))
		v.veil("")
		time.Sleep(2 * time.Minute)
		w.mine(3)
		require.Len(t, w.health().Aside, 1)
		require.Equal(t, 2, j.lines("set aside"))
		require.Equal(t, 1, j.lines("asset is held back"))
	}, logged(j))
}

func TestWhatThereIsNoRoomForIsLogged(t *testing.T) {
	j := &journal{}
	inWorld(t, func(w *world) {
		inv := w.create()
		w.hold("TOK")
		w.pay(inv, "TOK", "1")
		w.mine(1)
		require.Zero(t, j.lines("have to be read again"))
		for range 3 {
			w.chain.Send(slices.Repeat([]chaintest.Output{{To: inv.Quote.Address, Asset: w.chain.Asset("TOK"), Units: big.NewInt(1)}}, 50)...)
			w.mine(1)
			require.Equal(t, 1, j.lines("have to be read again"), "once")
		}
		require.Len(t, w.health().Aside, 1)
		require.Len(t, w.health().Aside[0].Seen, 50)
	}, logged(j))
}

func TestATransactionIsExaminedOnceThereIsRoomForWhatIsHeldBackOfIt(t *testing.T) {
	inVeiledWorld(t, func(w *world, v *veiled) {
		inv := w.create()
		w.hold("TOK")
		v.veil(w.pay(inv, "TOK", "1"))
		w.chain.Send(slices.Repeat([]chaintest.Output{{To: inv.Quote.Address, Asset: w.chain.Asset("TOK"), Units: big.NewInt(1)}}, 50)...)
		w.mine(1)
		v.veil("")
		time.Sleep(2 * time.Minute)
		w.mine(1)
		require.Len(t, w.health().Aside, 2)
		require.NotNil(t, w.health().Aside[0].Unexamined)
		w.chain.Regain()
		time.Sleep(3 * time.Minute)
		w.mine(1)
		require.Empty(t, w.health().Aside)
		require.Len(t, w.get(inv).Payments, 51)
	})
}

func TestWhatTheStoreRefusesIsSetAsideAndTheRestGoesOn(t *testing.T) {
	onStubborn(t, func(w *world, s *stubborn, refuse func(string)) {
		bad, good := w.create(), w.create()
		refuse(bad.ID)
		w.pay(bad, "SIM", "10")
		w.pay(good, "SIM", "10")
		w.mine(4)
		time.Sleep(3 * time.Minute)
		w.mine(1)
		w.wants(good, invoice.StatusCompleted, exact)
		require.Equal(t, invoice.StatusNew, w.get(bad).State.Status)
		h := w.health()
		require.NoError(t, h.Err)
		require.Len(t, h.Aside, 1)
		require.Equal(t, bad.ID, h.Aside[0].Invoice)
		require.NotEmpty(t, h.Aside[0].Cause)

		// What is mended is taken into account without anybody's help, also by another process.
		refuse("")
		w.restart()
		time.Sleep(3 * time.Minute)
		w.mine(1)
		w.wants(bad, invoice.StatusCompleted, exact)
		require.Empty(t, w.health().Aside)
	})
}

func TestAReorganisationOfWhatIsSetAsideIsNotForgotten(t *testing.T) {
	onStubborn(t, func(w *world, s *stubborn, refuse func(string)) {
		bad := w.create()
		w.pay(bad, "SIM", "4")
		w.mine(1)
		require.Len(t, w.get(bad).Payments, 1)
		refuse(bad.ID)
		w.chain.Reorganise(1, 2, chaintest.Lost) // takes the payment back
		w.settle()
		time.Sleep(3 * time.Minute)
		w.pay(bad, "SIM", "10")
		w.mine(1)
		require.Len(t, w.get(bad).Payments, 1)
		require.False(t, w.get(bad).Payments[0].Withdrawn)
		refuse("")
		time.Sleep(3 * time.Minute)
		w.mine(3)
		got := w.get(bad)
		require.Len(t, got.Payments, 2)
		w.wants(bad, invoice.StatusCompleted, exact)
	})
}

func TestMoneyThatWasSetAsideAndLeftTheChainIsNotCounted(t *testing.T) {
	onStubborn(t, func(w *world, s *stubborn, refuse func(string)) {
		inv := w.create()
		refuse(inv.ID)
		w.pay(inv, "SIM", "10")
		w.mine(1)
		time.Sleep(3 * time.Minute)
		require.Len(t, w.health().Aside, 1)
		w.chain.Reorganise(1, 3, chaintest.Lost)
		w.settle()
		refuse("")
		time.Sleep(3 * time.Minute)
		w.mine(3)
		require.Empty(t, w.health().Aside)
		require.Equal(t, []invoice.EventType{invoice.EventCreated}, w.told(inv), "not even for a moment")
	})
}

// once is a store that cannot take what touches an invoice so many times.
type once struct {
	*failing
	mu      sync.Mutex
	invoice string
	times   int
}

func (o *once) refuse(id string, times int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.invoice, o.times = id, times
}

func (o *once) Commit(ctx context.Context, b invoice.Batch) error {
	o.mu.Lock()
	refused := o.times > 0 && slices.ContainsFunc(b.Update, func(inv invoice.Invoice) bool { return inv.ID == o.invoice })
	if refused {
		o.times--
	}
	o.mu.Unlock()
	if refused {
		return &invoice.ConflictError{Invoice: o.invoice, Err: errors.New("taken")}
	}
	return o.failing.Commit(ctx, b)
}

func TestOneReorganisationThatWasSetAsideIsTakenIntoAccountAfterTheOther(t *testing.T) {
	s := &once{failing: &failing{backend: newStore()}}
	inWorld(t, func(w *world) {
		inv := w.create()
		w.pay(inv, "SIM", "4")
		w.mine(1)
		require.Len(t, w.get(inv).Payments, 1)
		s.refuse(inv.ID, 1000)
		w.chain.Reorganise(1, 2, chaintest.Lost)
		w.settle()
		w.chain.Reorganise(1, 1, chaintest.Lost)
		w.pay(inv, "SIM", "10")
		w.mine(1)
		require.Len(t, w.health().Aside, 2)
		s.refuse(inv.ID, 1) // the first of them once more
		time.Sleep(5 * time.Minute)
		w.mine(3)
		require.Empty(t, w.health().Aside)
		w.wants(inv, invoice.StatusCompleted, exact)
	}, func(c *invoice.Config) { c.Store = s })
}

func TestAnInvoiceThatCannotBeReadGetsItsMoneyOnceItCan(t *testing.T) {
	flaky := &failing{backend: newStore()}
	inWorld(t, func(w *world) {
		inv := w.create()
		flaky.damage(inv.ID)
		w.pay(inv, "SIM", "10")
		w.mine(4)
		require.Equal(t, []string{inv.ID}, w.health().Damaged)
		require.Len(t, w.health().Aside, 1)
		flaky.damage()
		time.Sleep(2 * time.Minute)
		w.mine(1)
		w.wants(inv, invoice.StatusCompleted, exact)
		require.Empty(t, w.health().Aside)
		time.Sleep(15 * time.Minute)
		require.Empty(t, w.health().Damaged, "what is in order again is not named for ever")
	}, func(c *invoice.Config) { c.Store = flaky })
}

func TestMoneyOfAnInvoiceThatCannotBeReadIsNotCountedOnceItLeftTheChain(t *testing.T) {
	flaky := &failing{backend: newStore()}
	inWorld(t, func(w *world) {
		inv := w.create()
		flaky.damage(inv.ID)
		w.pay(inv, "SIM", "10")
		w.mine(1)
		require.Len(t, w.health().Aside, 1)
		w.chain.Reorganise(1, 3, chaintest.Lost)
		w.settle()
		flaky.damage()
		time.Sleep(3 * time.Minute)
		w.mine(3)
		require.Empty(t, w.health().Aside)
		require.Equal(t, []invoice.EventType{invoice.EventCreated}, w.told(inv))
	}, func(c *invoice.Config) { c.Store = flaky })
}

func TestAPaymentThatMovesWhileItsInvoiceCannotBeReadIsNotLost(t *testing.T) {
	for name, refused := range map[string]int{"both at once": 0, "one after the other": 1} {
		t.Run(name, func(t *testing.T) {
			s := &once{failing: &failing{backend: newStore()}}
			inWorld(t, func(w *world) {
				inv := w.create()
				w.pay(inv, "SIM", "9")
				w.mine(1)
				require.Len(t, w.get(inv).Payments, 1)
				s.damage(inv.ID)
				w.pay(inv, "SIM", "1")
				w.mine(1)
				w.chain.Reorganise(2, 3, chaintest.Remined)
				w.settle()
				require.NotEmpty(t, w.health().Aside)
				s.damage()
				s.refuse(inv.ID, refused)
				time.Sleep(5 * time.Minute)
				w.mine(3)
				require.Empty(t, w.health().Aside)
				require.NotContains(t, w.told(inv), invoice.EventPaymentLost)
				w.wants(inv, invoice.StatusCompleted, exact)
			}, func(c *invoice.Config) { c.Store = s })
		})
	}
}

func TestAPaymentThatMovedDoesNotWaitForOtherInvoicesThatCannotBeRead(t *testing.T) {
	flaky := &failing{backend: newStore()}
	inWorld(t, func(w *world) {
		inv, other := w.create(), w.create()
		w.pay(inv, "SIM", "10")
		w.mine(1)
		flaky.damage(inv.ID, other.ID)
		w.pay(other, "SIM", "10")
		w.mine(1)
		w.chain.Reorganise(2, 3, chaintest.Remined)
		w.settle()
		flaky.damage(other.ID)
		time.Sleep(5 * time.Minute)
		w.mine(3)
		w.wants(inv, invoice.StatusCompleted, exact)
		require.Equal(t, invoice.StatusNew, w.get(other).State.Status)
		flaky.damage()
		time.Sleep(3 * time.Minute)
		w.wants(other, invoice.StatusCompleted, exact)
		require.Empty(t, w.health().Aside)
	}, func(c *invoice.Config) { c.Store = flaky })
}

func TestAnInvoiceThatCannotBeWokenKeepsNoOtherAsleep(t *testing.T) {
	onStubborn(t, func(w *world, s *stubborn, refuse func(string)) {
		bad, good := w.create(), w.create()
		refuse(bad.ID)
		time.Sleep(31 * time.Minute)
		w.mine(1)
		w.mine(1)
		require.Equal(t, invoice.StatusExpired, w.get(good).State.Status)
		require.Equal(t, invoice.StatusNew, w.get(bad).State.Status)
		require.Equal(t, []string{bad.ID}, w.health().Damaged)
		paid := w.create()
		w.pay(paid, "SIM", "10")
		w.mine(3)
		w.wants(paid, invoice.StatusCompleted, exact)
		refuse("")
		w.mine(1)
		require.Equal(t, invoice.StatusExpired, w.get(bad).State.Status)
	})
}

// veiled is a node with transactions that it cannot examine until it is lifted.
type veiled struct {
	*chaintest.Chain
	mu   sync.Mutex
	txid string
}

func (v *veiled) veil(txid string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.txid = txid
}

func (v *veiled) Block(ctx context.Context, height uint64) (chain.Block, error) {
	b, err := v.Chain.Block(ctx, height)
	v.mu.Lock()
	defer v.mu.Unlock()
	hidden := func(t chain.Transfer) bool { return t.TxID == v.txid }
	if slices.ContainsFunc(b.Transfers, hidden) {
		b.Transfers = slices.DeleteFunc(slices.Clone(b.Transfers), hidden)
		b.Unexamined = []chain.Unexamined{{TxID: v.txid, Reason: "its trace is too large"}}
	}
	return b, err
}

func (v *veiled) Examine(ctx context.Context, u chain.Unexamined) ([]chain.Transfer, error) {
	v.mu.Lock()
	txid := v.txid
	v.mu.Unlock()
	if u.TxID == txid {
		return nil, errors.New("its trace is too large")
	}
	b, err := v.Chain.Block(ctx, u.Height)
	if err == nil && b.Hash != u.Block {
		err = chain.ErrGone
	}
	return slices.DeleteFunc(slices.Clone(b.Transfers), func(t chain.Transfer) bool { return t.TxID != u.TxID }), err
}

func inVeiledWorld(t *testing.T, f func(w *world, v *veiled)) {
	inWorld(t, func(w *world) {
		v := &veiled{Chain: w.chain}
		w.stop()
		w.cfg.Chains[0].Watcher = w.watcher(v)
		w.start()
		f(w, v)
	})
}

func TestATransactionThatCannotBeExaminedIsSetAsideAlone(t *testing.T) {
	inVeiledWorld(t, func(w *world, v *veiled) {
		hidden, plain := w.create(), w.create()
		v.veil(w.pay(hidden, "SIM", "10"))
		w.pay(plain, "SIM", "10")
		w.mine(4)
		w.wants(plain, invoice.StatusCompleted, exact)
		require.Empty(t, w.get(hidden).Payments)
		h := w.health()
		require.Len(t, h.Aside, 1)
		require.Equal(t, "its trace is too large", h.Aside[0].Cause)
		require.True(t, h.OK(time.Now(), 2*time.Minute, 3), "whoever sends such a transaction stops nothing")

		v.veil("")
		time.Sleep(2 * time.Minute)
		w.mine(1)
		w.wants(hidden, invoice.StatusCompleted, exact)
		require.Empty(t, w.health().Aside)
	})
}

func TestATransactionIsNoInvoicesThatWasMadeAfterIt(t *testing.T) {
	for name, others := range map[string]int{"of two holders in turn": 1, "of three": 2} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				v := &veiled{Chain: w.chain}
				w.stop()
				w.cfg.Chains[0].Watcher = w.watcher(v)
				w.start()
				first := w.create()
				v.veil(w.pay(first, "SIM", "10"))
				w.mine(1)
				require.Len(t, w.health().Aside, 1)
				var later []invoice.Invoice
				for range others {
					w.pass(2 * time.Hour)
					later = append(later, w.create())
					require.Equal(t, first.Quote.Address, later[len(later)-1].Quote.Address)
				}
				w.pass(2 * time.Hour)
				v.veil("")
				time.Sleep(2 * time.Minute)
				w.mine(4)
				for _, inv := range later {
					require.Empty(t, w.get(inv).Payments)
				}
				require.Len(t, w.health().Aside, 1, "the store does not know any more who had the address then")
				require.NotNil(t, w.health().Aside[0].Unexamined)
			}, pooled(1))
		})
	}
}

func TestAnUnexaminedTransactionThatLeftTheChainIsNotAwaited(t *testing.T) {
	inVeiledWorld(t, func(w *world, v *veiled) {
		inv := w.create()
		v.veil(w.pay(inv, "SIM", "10"))
		w.mine(1)
		require.Len(t, w.health().Aside, 1)
		w.chain.Reorganise(1, 2, chaintest.Lost)
		w.mine(1)
		require.Empty(t, w.health().Aside)
		require.Empty(t, w.get(inv).Payments)
	})
}

func TestAPaymentOfThePoolThatIsMinedUnexaminedIsNotToldAsLost(t *testing.T) {
	inVeiledWorld(t, func(w *world, v *veiled) {
		inv := w.create()
		txid := w.pay(inv, "SIM", "10")
		w.settle() // it is seen in the pool
		require.Len(t, w.get(inv).Payments, 1)
		v.veil(txid)
		w.mine(3)
		require.NotContains(t, w.told(inv), invoice.EventPaymentLost)
		v.veil("")
		time.Sleep(2 * time.Minute)
		w.mine(1)
		w.wants(inv, invoice.StatusCompleted, exact)
		require.NotContains(t, w.told(inv), invoice.EventPaymentLost)
	})
}

func TestALaterStampCountsForATransactionThatIsExaminedLater(t *testing.T) {
	for name, steps := range map[string]int{"in one step": 1, "in a later step": 4} { // a step has four blocks
		t.Run(name, func(t *testing.T) {
			inVeiledWorld(t, func(w *world, v *veiled) {
				inv := w.create()
				w.stop()
				v.veil(w.pay(inv, "SIM", "10"))
				for range steps {
					w.chain.MineAt(time.Now().Add(90 * time.Minute)) // by a clock that is ahead
				}
				time.Sleep(time.Minute)
				w.chain.MineAt(time.Now())
				time.Sleep(2 * time.Hour)
				w.cfg.Chains[0].Watcher = w.watcher(v)
				w.start()
				w.mine(1)
				v.veil("")
				time.Sleep(3 * time.Minute)
				w.mine(3)
				w.mine(1)
				got := w.get(inv)
				require.Equal(t, invoice.StatusCompleted, got.State.Status)
				require.Equal(t, "exact", got.State.Outcome.String())
			})
		})
	}
}

func TestAFloodOfUnexaminedTransactionsIsBounded(t *testing.T) {
	inWorld(t, func(w *world) {
		w.stop()
		inv := w.create()
		w.pay(inv, "SIM", "10")
		w.cfg.Chains[0].Watcher = w.watcher(&bombs{w.chain})
		w.start()
		w.mine(4)
		w.wants(inv, invoice.StatusCompleted, exact)
		require.LessOrEqual(t, len(w.health().Aside), 200)
	})
}

// bombs is a node whose blocks have hundreds of transactions that nobody can examine.
type bombs struct{ *chaintest.Chain }

func (n *bombs) Block(ctx context.Context, height uint64) (chain.Block, error) {
	b, err := n.Chain.Block(ctx, height)
	for i := range 500 {
		b.Unexamined = append(b.Unexamined, chain.Unexamined{TxID: b.Hash + string(rune('a'+i%26)) + time.Duration(i).String()})
	}
	return b, err
}
