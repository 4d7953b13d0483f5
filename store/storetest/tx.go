package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

// Host is a program that keeps its own rows in the database of a backend, for [RunTx].
type Host struct {
	Backend store.Backend
	// Begin begins a transaction of the host.
	Begin func(t *testing.T) HostTx
	// Rows returns the committed rows of the host.
	Rows func(t *testing.T) []string
}

// HostTx is a transaction of the host. While one is open, the suite writes nothing outside of it, because a database
// may make other writers wait.
type HostTx struct {
	Store    invoice.Store          // the store within the transaction, which is a payout.Store as well if Backend is
	Insert   func(row string) error // adds a row of the host
	Commit   func() error
	Rollback func() error
}

// txCase is a rule for transactions of the host.
type txCase struct {
	name string
	rule string
	run  func(t *testing.T, h Host)
}

var txCases = []txCase{
	{"what is committed is there", "what is committed within the host's transaction is there, with the host's own rows, when that is committed", txCommitted},
	{"what is rolled back is not", "a transaction that is rolled back leaves nothing", txRolledBack},
	{"nobody sees it before", "readers outside see nothing of a transaction before it is committed; within it everything is seen", txUnseen},
	{"a refusal leaves the transaction usable", "a refused batch leaves no trace in the transaction, which can go on", txRefused},
	{"what was committed before counts", "versions, order ids and places are those of the transaction's own view", txConflicts},
	{"a number is handed out once", "a number that was shown in a transaction that is committed is not handed out again", txNumbers},
	{"a freed number is taken once", "TakeIndex hands out a number once, unless the transaction is rolled back", txTakes},
	{"the feed goes on", "positions grow in the order of the commits, whichever transactions are rolled back", txFeed},
	{"what was skipped and is rolled back is not", "a transaction that is rolled back leaves nothing", txSkip},
	{"payouts are part of the transaction", "what is committed of payouts is there when the host's transaction is committed, and leaves nothing when it is rolled back", txPayouts},
}

// RunTx proves a store within transactions of its host. It calls open for each case; open returns a new, empty
// database, which it closes with t.Cleanup. Of the options, only [WithPatience] has an effect.
func RunTx(t *testing.T, open func(t *testing.T) Host, opts ...Option) {
	s := &suite{patience: patience}
	for _, opt := range opts {
		opt(s)
	}
	for _, c := range txCases {
		t.Run(c.name, func(t *testing.T) {
			ruled(t, c.rule)
			h := open(t)
			within(t, s.patience, func() { c.run(t, h) })
		})
	}
}

// do runs f in a transaction, with a row of the host, and commits or rolls back.
func (h Host) do(t *testing.T, row string, keep bool, f func(tx HostTx)) {
	t.Helper()
	tx := h.Begin(t)
	ended := false
	defer func() {
		if !ended { // f has failed the test
			_ = tx.Rollback()
		}
	}()
	if err := tx.Insert(row); err != nil {
		t.Fatalf("insert the host's row: %v", err)
	}
	f(tx)
	ended = true
	end := tx.Rollback
	if keep {
		end = tx.Commit
	}
	if err := end(); err != nil {
		t.Fatalf("end the transaction: %v", err)
	}
}

func (h Host) rows(t *testing.T, want ...string) {
	t.Helper()
	sameList(t, "the host's own rows", slices.Sorted(slices.Values(h.Rows(t))), want)
}

func commitIn(t *testing.T, tx HostTx, batch invoice.Batch) {
	t.Helper()
	if err := tx.Store.Commit(t.Context(), batch); err != nil {
		t.Fatalf("Commit within the transaction: %v", err)
	}
}

// whole is a batch with every part, on invoice 7, which is stored.
func whole(t *testing.T, h Host) invoice.Batch {
	t.Helper()
	old := newInvoice(7)
	insert(t, h.Backend, old)
	batch := full(old, 8)
	batch.Payments = append(batch.Payments, settledPayment(9, old, 90))
	return batch
}

func txCommitted(t *testing.T, h Host) {
	batch := whole(t, h)
	h.do(t, "row", true, func(tx HostTx) { commitIn(t, tx, batch) })
	h.rows(t, "row")
	same(t, "the new invoice", get(t, h.Backend, batch.Insert[0].ID), batch.Insert[0])
	same(t, "the changed invoice", get(t, h.Backend, batch.Update[0].ID), with(batch.Update[0], batch.Payments[0]))
	sameList(t, "its payments", pages(t, h.Backend, batch.Update[0].ID, 9), with(batch.Update[0], batch.Payments...).Payments)
	sameIDs(t, "its new place", at(t, h.Backend, batch.Claims[1].Place), batch.Update[0].ID)
	same(t, "the feed", eventIDs(follow(t, h.Backend, 0)), eventIDs(batch.Events))
	same(t, "the message", len(must[[]record](t)(h.Backend.History(t.Context(), batch.Insert[0].ID, 0))), 1)
	same(t, "the progress", must[invoice.Progress](t)(h.Backend.Network(t.Context(), mainnet)), batch.Progress[0])
	takes(t, h.Backend, "hot", batch.Releases[0].Index)
	refused(t, h.Backend, batch, invoice.ErrConflict)
}

func txRolledBack(t *testing.T, h Host) {
	batch := whole(t, h)
	before := dump(t, h.Backend)
	h.do(t, "row", false, func(tx HostTx) { commitIn(t, tx, batch) })
	h.rows(t)
	same(t, "everything", dump(t, h.Backend), before)
	noneFreed(t, h.Backend, "hot")
	commit(t, h.Backend, batch) // nothing is in its way
}

func txUnseen(t *testing.T, h Host) {
	batch := whole(t, h)
	fresh := batch.Insert[0]
	before := dump(t, h.Backend)
	ctx := t.Context()
	h.do(t, "row", true, func(tx HostTx) {
		commitIn(t, tx, batch)
		h.rows(t)
		same(t, "everything, from outside", dump(t, h.Backend), before)
		_, err := h.Backend.Invoice(ctx, fresh.ID)
		wantErr(t, err, invoice.ErrNotFound)
		same(t, "the invoice within", must[invoice.Invoice](t)(tx.Store.Invoice(ctx, fresh.ID)), fresh)
		same(t, "by its order within", must[invoice.Invoice](t)(tx.Store.InvoiceByOrder(ctx, fresh.Project, fresh.OrderID)), fresh)
		sameIDs(t, "at its place within", byID(t)(tx.Store.InvoicesAt(ctx, []invoice.Place{claimOf(fresh).Place})), fresh.ID)
		sameList(t, "payments within", must[[]invoice.Payment](t)(tx.Store.Payments(ctx, batch.Update[0].ID, chain.Key{}, 9)),
			with(fresh, batch.Payments...).Payments)
		same(t, "events within", eventIDs(must[[]invoice.Event](t)(tx.Store.Events(ctx, 0, 9))), eventIDs(batch.Events))
		same(t, "progress within", must[invoice.Progress](t)(tx.Store.Network(ctx, mainnet)), batch.Progress[0])
	})
	h.rows(t, "row")
	same(t, "the invoice", get(t, h.Backend, fresh.ID), fresh)
}

func txRefused(t *testing.T, h Host) {
	stored := newInvoice(1)
	insert(t, h.Backend, stored)
	first, bad, last := newInvoice(2), newInvoice(3), newInvoice(4)
	h.do(t, "row", true, func(tx HostTx) {
		commitIn(t, tx, created(first))
		spoilt := created(bad)
		spoilt.Update = []invoice.Invoice{revise(stored)}
		spoilt.Events = []invoice.Event{newEvent(bad, 1), newEvent(bad, 1)}
		wantConflict(t, "a taken event", tx.Store.Commit(t.Context(), spoilt), bad.ID)
		twin := newInvoice(5, withOrder(stored.OrderID))
		err := tx.Store.Commit(t.Context(), created(twin))
		wantErr(t, err, invoice.ErrDuplicateOrder)
		var taken *invoice.DuplicateOrderError
		if !errors.As(err, &taken) || taken.Invoice != stored.ID {
			t.Fatalf("got %v, want the order of invoice %s", err, stored.ID)
		}
		commitIn(t, tx, created(last))
	})
	h.rows(t, "row")
	page := must[invoice.Page](t)(h.Backend.Invoices(t.Context(), invoice.Query{Limit: 9}))
	sameIDs(t, "the invoices", page.Invoices, stored.ID, first.ID, last.ID)
	same(t, "the invoice that was not changed", get(t, h.Backend, stored.ID), stored)
	same(t, "the feed", len(follow(t, h.Backend, 0)), 0)
	insert(t, h.Backend, bad) // its id, order and place are free
}

func txConflicts(t *testing.T, h Host) {
	stored := newInvoice(1)
	insert(t, h.Backend, stored)
	next := revise(stored)
	h.do(t, "a", true, func(tx HostTx) {
		commitIn(t, tx, invoice.Batch{Update: []invoice.Invoice{next}})
		wantConflict(t, "the same version", tx.Store.Commit(t.Context(), invoice.Batch{Update: []invoice.Invoice{next}}), stored.ID)
	})
	refused(t, h.Backend, invoice.Batch{Update: []invoice.Invoice{next}}, invoice.ErrConflict)
	commit(t, h.Backend, invoice.Batch{Update: []invoice.Invoice{revise(next)}})
	h.do(t, "b", false, func(tx HostTx) {
		wantConflict(t, "a stale version", tx.Store.Commit(t.Context(), invoice.Batch{Update: []invoice.Invoice{revise(next)}}), stored.ID)
		wantConflict(t, "a taken place", tx.Store.Commit(t.Context(), created(quoted(2, 1, eth))), "inv-00002")
		commitIn(t, tx, invoice.Batch{Update: []invoice.Invoice{revise(revise(next))}})
	})
	same(t, "the invoice", get(t, h.Backend, stored.ID), revise(next))
	h.rows(t, "a")
}

func txNumbers(t *testing.T, h Host) {
	used := map[uint32]bool{}
	use := func(first, n uint32) {
		t.Helper()
		for i := range n {
			if used[first+i] {
				t.Fatalf("number %d was handed out again after its transaction was committed", first+i)
			}
			used[first+i] = true
		}
	}
	for i := range 6 {
		h.do(t, "row", i%2 == 0, func(tx HostTx) {
			shown := map[uint32]bool{}
			for n := range uint32(3) {
				first := must[uint32](t)(tx.Store.ReserveIndexes(t.Context(), "hot", n+1))
				for k := range n + 1 {
					if shown[first+k] {
						t.Fatalf("number %d was handed out twice in one transaction", first+k)
					}
					shown[first+k] = true
				}
				if i%2 == 0 {
					use(first, n+1)
				}
			}
			if handedOut := must[uint32](t)(tx.Store.ReserveIndexes(t.Context(), "hot", 0)); int(handedOut) < len(shown) {
				t.Fatalf("got %d handed out after %d", handedOut, len(shown))
			}
		})
		use(must[uint32](t)(h.Backend.ReserveIndexes(t.Context(), "hot", 2)), 2)
	}
}

func txTakes(t *testing.T, h Host) {
	for n := range 3 {
		insert(t, h.Backend, newInvoice(n))
		commit(t, h.Backend, freeing(newInvoice(n)))
	}
	h.do(t, "a", false, func(tx HostTx) {
		same(t, "the first, rolled back", must[uint32](t)(tx.Store.TakeIndex(t.Context(), "hot")), 0)
	})
	h.do(t, "b", true, func(tx HostTx) {
		same(t, "the first, committed", must[uint32](t)(tx.Store.TakeIndex(t.Context(), "hot")), 0)
		same(t, "the second, committed", must[uint32](t)(tx.Store.TakeIndex(t.Context(), "hot")), 1)
	})
	takes(t, h.Backend, "hot", 2)
	noneFreed(t, h.Backend, "hot")
	h.do(t, "c", false, func(tx HostTx) {
		_, err := tx.Store.TakeIndex(t.Context(), "hot")
		wantErr(t, err, invoice.ErrNotFound)
	})
}

func txFeed(t *testing.T, h Host) {
	inv := newInvoice(1)
	insert(t, h.Backend, inv)
	var seen, want []string
	last := int64(0)
	for seq := int64(1); seq <= 12; seq++ {
		batch := invoice.Batch{Events: []invoice.Event{newEvent(inv, seq)}}
		switch seq % 3 {
		case 0:
			commit(t, h.Backend, batch)
		default:
			h.do(t, "row", seq%3 == 1, func(tx HostTx) { commitIn(t, tx, batch) })
		}
		if seq%3 != 2 {
			want = append(want, batch.Events[0].ID)
		}
		for _, ev := range follow(t, h.Backend, last) {
			seen, last = append(seen, ev.ID), ev.Position
		}
		pastEnd(t, h.Backend, last+1, last)
	}
	same(t, "what a reader saw", seen, want)
}

func txSkip(t *testing.T, h Host) {
	inv := newInvoice(1)
	h.do(t, "a", false, func(tx HostTx) {
		commitIn(t, tx, invoice.Batch{Skip: 1000, Insert: []invoice.Invoice{inv}, Events: []invoice.Event{newEvent(inv, 1)}})
	})
	pastEnd(t, h.Backend, 1, 0)
	h.do(t, "b", true, func(tx HostTx) { commitIn(t, tx, invoice.Batch{Skip: 1000}) })
	pastEnd(t, h.Backend, 1001, 1000)
}
