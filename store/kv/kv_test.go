package kv_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/kv"
	"github.com/cointill/cointill/store/kv/kvtest"
	"github.com/cointill/cointill/store/storetest"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// kept remembers its database, to be opened again.
type kept struct {
	*kv.Store
	db *sorted
}

func TestADatabaseOfKeysAndValuesKeepsThePromisesOfABackend(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Backend {
		db := &sorted{}
		return kept{kv.New(db), db}
	}, storetest.WithListers(), storetest.WithReopen(func(_ *testing.T, old store.Backend) store.Backend {
		db := old.(kept).db
		return kept{kv.New(db), db}
	}), storetest.WithBound(func(*testing.T) (store.Backend, int) {
		return kv.New(&bounded{DB: &sorted{}, keys: 50, bytes: 1 << 20}), 50
	}))
}

func TestTheDatabaseOfTheTestsKeepsItsPromises(t *testing.T) {
	kvtest.Run(t, func(*testing.T) kv.DB { return &sorted{} })
}

var at = time.Date(2031, 2, 3, 4, 5, 6, 789, time.UTC)

// newInvoice has an address, a deadline and an order id that are its own.
func newInvoice(id string) invoice.Invoice {
	return invoice.Invoice{
		ID: id, Project: "shop", OrderID: "order " + id, Version: 1, CreatedAt: at,
		Quote: &invoice.Quote{Asset: chain.Asset{ID: "sim:1/slip44:1", Code: "SIM", Decimals: 18}, Address: chain.Address("address " + id)},
		State: invoice.State{Status: invoice.StatusNew, Wake: invoice.Wake{Time: at}},
	}
}

func newMessage(inv invoice.Invoice, seq int64) invoice.Message {
	return invoice.Message{
		ID: fmt.Sprint("evt_", inv.ID, "_", seq), Invoice: inv.ID, Seq: seq, Project: inv.Project,
		URL: "https://shop.example/" + inv.ID, Endpoint: "https://shop.example:443", At: at,
	}
}

func insert(t *testing.T, s *kv.Store, ids ...string) {
	for _, id := range ids {
		inv := newInvoice(id)
		require.NoError(t, s.Commit(t.Context(), invoice.Batch{
			Insert: []invoice.Invoice{inv}, Claims: []invoice.Claim{claimOf(inv)}, Messages: []invoice.Message{newMessage(inv, 1)},
		}))
	}
}

func claimOf(inv invoice.Invoice) invoice.Claim {
	return invoice.Claim{
		Network: inv.Network(), Place: invoice.Place{Address: inv.Quote.Address}, Invoice: inv.ID, Wallet: "hot",
	}
}

// damage cuts the document of the invoice short.
func damage(t *testing.T, db *sorted, id string) {
	damaged := 0
	for i, p := range db.pairs {
		if bytes.HasPrefix(p.value, []byte(`{"Invoice":{"id":"`+id+`"`)) {
			db.pairs[i].value = p.value[:len(p.value)-1]
			damaged++
		}
	}
	require.Equal(t, 1, damaged)
}

func TestDamagedInvoicesAreNamedAndTheOthersAreReturned(t *testing.T) {
	db := &sorted{}
	s := kv.New(db)
	insert(t, s, "a", "b", "c", "d")
	damage(t, db, "b")
	damage(t, db, "c")
	var all []invoice.Place
	for _, id := range []string{"a", "b", "c", "d"} {
		all = append(all, claimOf(newInvoice(id)).Place)
	}
	page, listErr := s.Invoices(t.Context(), invoice.Query{Project: "shop", Limit: 10, Ascending: true})
	byAddress, addressErr := s.InvoicesAt(t.Context(), all)
	waking, wakingErr := s.InvoicesWaking(t.Context(), "sim:1", chain.Head{Time: at.Add(1)}, 2)
	for what, got := range map[string]struct {
		found []invoice.Invoice
		err   error
	}{"listing": {page.Invoices, listErr}, "addresses": {byAddress, addressErr}, "waking": {waking, wakingErr}} {
		var damaged *invoice.DamagedError
		require.ErrorAs(t, got.err, &damaged, what)
		require.Equal(t, []string{"b", "c"}, damaged.Invoices, what)
		require.Error(t, damaged.Err, what)
		require.Len(t, got.found, 2, what)
		require.Equal(t, "a d", got.found[0].ID+" "+got.found[1].ID, "damaged invoices must not use up the limit: %s", what)
	}
	var damaged *invoice.DamagedError
	_, err := s.Invoice(t.Context(), "b")
	require.ErrorAs(t, err, &damaged)
	_, err = s.History(t.Context(), "b", 0)
	require.ErrorAs(t, err, &damaged)
	_, err = s.InvoiceByOrder(t.Context(), "shop", "order d")
	require.NoError(t, err)
	next := newInvoice("b")
	next.Version = 2
	require.ErrorAs(t, s.Commit(t.Context(), invoice.Batch{Update: []invoice.Invoice{next}}), &damaged, "it is not replaced")
}

// calls are all methods of a store, on what a filled one has.
func calls() map[string]func(context.Context, *kv.Store) error {
	inv, old := newInvoice("new"), newInvoice("a")
	old.Version = 2
	settled := payment("b", "paid")
	settled.Settled = true
	all := map[string]func(context.Context, *kv.Store) error{
		"Commit": func(ctx context.Context, s *kv.Store) error {
			return s.Commit(ctx, invoice.Batch{
				Insert: []invoice.Invoice{inv}, Update: []invoice.Invoice{old}, Messages: []invoice.Message{newMessage(inv, 1)},
				Releases: []invoice.Release{{Claim: claimOf(newInvoice("a")), Reuse: true}}, Claims: []invoice.Claim{claimOf(inv)},
				Payments: []invoice.Payment{payment("new", "another"), settled}, Skip: 9,
				Events: []invoice.Event{{ID: "e", Invoice: "new", Seq: 1}}, Progress: []invoice.Progress{{Network: "sim:1", Version: 1}},
			})
		},
		"ReserveIndexes": func(ctx context.Context, s *kv.Store) error { _, err := s.ReserveIndexes(ctx, "hot", 3); return err },
		"TakeIndex":      func(ctx context.Context, s *kv.Store) error { _, err := s.TakeIndex(ctx, "hot"); return err },
		"Invoice":        func(ctx context.Context, s *kv.Store) error { _, err := s.Invoice(ctx, "b"); return err },
		"InvoiceByOrder": func(ctx context.Context, s *kv.Store) error {
			_, err := s.InvoiceByOrder(ctx, "shop", "order a")
			return err
		},
		"Invoices": func(ctx context.Context, s *kv.Store) error {
			_, err := s.Invoices(ctx, invoice.Query{Limit: 9})
			return err
		},
		"InvoicesAt": func(ctx context.Context, s *kv.Store) error {
			_, err := s.InvoicesAt(ctx, []invoice.Place{claimOf(newInvoice("a")).Place})
			return err
		},
		"InvoicesPaid by keys": func(ctx context.Context, s *kv.Store) error {
			_, err := s.InvoicesPaid(ctx, invoice.PaymentQuery{Keys: []chain.Key{settled.Key}})
			return err
		},
		"InvoicesPaid in a transaction": func(ctx context.Context, s *kv.Store) error {
			_, err := s.InvoicesPaid(ctx, invoice.PaymentQuery{Network: "sim:1", TxID: "paid"})
			return err
		},
		"InvoicesPaid from a height": func(ctx context.Context, s *kv.Store) error {
			_, err := s.InvoicesPaid(ctx, invoice.PaymentQuery{Network: "sim:1", From: 1})
			return err
		},
		"HeldSlots": func(ctx context.Context, s *kv.Store) error {
			_, err := s.HeldSlots(ctx, "sim:1", "address a", "", "x", 9)
			return err
		},
		"PaidInvoices": func(ctx context.Context, s *kv.Store) error { _, err := s.PaidInvoices(ctx, "", 9); return err },
		"Payments": func(ctx context.Context, s *kv.Store) error {
			_, err := s.Payments(ctx, "b", chain.Key{}, 9)
			return err
		},
		"InvoicesWaking": func(ctx context.Context, s *kv.Store) error {
			_, err := s.InvoicesWaking(ctx, "sim:1", chain.Head{Time: at.Add(1)}, 9)
			return err
		},
		"Network":       func(ctx context.Context, s *kv.Store) error { _, err := s.Network(ctx, "sim:1"); return err },
		"Events":        func(ctx context.Context, s *kv.Store) error { _, err := s.Events(ctx, 0, 9); return err },
		"InvoiceEvents": func(ctx context.Context, s *kv.Store) error { _, err := s.InvoiceEvents(ctx, "a", 0); return err },
		"InsertProject": func(ctx context.Context, s *kv.Store) error {
			return s.InsertProject(ctx, invoice.Project{ID: "new", Name: "new", KeyHash: "new", Version: 1})
		},
		"UpdateProject": func(ctx context.Context, s *kv.Store) error {
			return s.UpdateProject(ctx, invoice.Project{ID: "p", Name: "renamed", KeyHash: "another", Version: 2})
		},
		"Project":         func(ctx context.Context, s *kv.Store) error { _, err := s.Project(ctx, "p"); return err },
		"ProjectByKey":    func(ctx context.Context, s *kv.Store) error { _, err := s.ProjectByKey(ctx, "k"); return err },
		"Projects":        func(ctx context.Context, s *kv.Store) error { _, err := s.Projects(ctx, "", 10); return err },
		"ProjectsByOwner": func(ctx context.Context, s *kv.Store) error { _, err := s.ProjectsByOwner(ctx, ""); return err },
		"Claim": func(ctx context.Context, s *kv.Store) error {
			_, err := s.Claim(ctx, webhook.ClaimQuery{Lease: time.Hour, Limit: 9})
			return err
		},
		"Record": func(ctx context.Context, s *kv.Store) error {
			return s.Record(ctx, webhook.Claim{Message: "evt_d_1", Token: 1}, webhook.Attempt{At: at}, webhook.Next{State: webhook.StateDead, Gone: true})
		},
		"GiveUp": func(ctx context.Context, s *kv.Store) error {
			_, err := s.GiveUp(ctx, webhook.GiveUpQuery{Limit: 9})
			return err
		},
		"NextDue": func(ctx context.Context, s *kv.Store) error { _, _, err := s.NextDue(ctx); return err },
		"History": func(ctx context.Context, s *kv.Store) error { _, err := s.History(ctx, "a", 0); return err },
		"Resend":  func(ctx context.Context, s *kv.Store) error { _, err := s.Resend(ctx, "a", ""); return err },
	}
	maps.Copy(all, callsOfBooks())
	return all
}

// filled is a store with everything that the calls ask for.
func filled(t *testing.T) (*sorted, *kv.Store) {
	t.Helper()
	db := &sorted{}
	s := kv.New(db)
	insert(t, s, "d")
	claimed, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 9})
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	insert(t, s, "a", "b", "c")
	commitFunded(t, s)
	require.NoError(t, s.InsertProject(t.Context(), invoice.Project{ID: "p", Name: "name", KeyHash: "k", Version: 1}))
	require.NoError(t, s.Commit(t.Context(), invoice.Batch{
		Releases: []invoice.Release{{Claim: claimOf(newInvoice("c")), Reuse: true}},
		Payments: []invoice.Payment{payment("a", "paid by a"), payment("b", "paid"), payment("b", "paid too")},
		Events:   []invoice.Event{{ID: "e", Invoice: "a", Seq: 1, At: at}},
	}))
	return db, s
}

func TestEveryCallIsAsked(t *testing.T) {
	all := calls()
	type port interface {
		store.Backend
		invoice.SlotLister
		invoice.PaidLister
	}
	called := map[string]bool{}
	for name, call := range all {
		method, _, _ := strings.Cut(name, " ")
		_, exists := reflect.TypeFor[port]().MethodByName(method)
		require.True(t, exists, name)
		called[method] = true
		_, s := filled(t)
		require.NoError(t, call(t.Context(), s), name)
	}
	require.Len(t, called, reflect.TypeFor[port]().NumMethod())
}

func TestAFailureOfTheDatabaseIsNoDamageAndStoresNothing(t *testing.T) {
	broken := errors.New("disk on fire")
	for name, call := range calls() {
		t.Run(name, func(t *testing.T) {
			for at := 1; ; at++ {
				db, s := filled(t)
				before, failed := fmt.Sprint(db.pairs), false
				db.fail = func(_ string, n int) error { // call n of every transaction fails, once
					if n == at {
						failed = true
						return broken
					}
					return nil
				}
				err := call(t.Context(), s)
				require.Empty(t, db.late, "after a failure the transaction is left alone")
				if !failed {
					require.NoError(t, err)
					require.Greater(t, at, 1)
					return // it needs fewer calls
				}
				require.ErrorIs(t, err, broken)
				var damaged *invoice.DamagedError
				require.NotErrorAs(t, err, &damaged)
				var events *invoice.DamagedEventsError
				require.NotErrorAs(t, err, &events)
				require.Equal(t, before, fmt.Sprint(db.pairs))
			}
		})
	}
}

func TestNothingIsDoneForACallerThatHasLeft(t *testing.T) {
	s := kv.New(&sorted{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Commit(ctx, invoice.Batch{Insert: []invoice.Invoice{newInvoice("a")}}), context.Canceled)
	_, err := s.Invoice(t.Context(), "a")
	require.ErrorIs(t, err, invoice.ErrNotFound)
}

func TestADamagedMessageWaitsWhileOthersAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &sorted{}
		s := kv.New(db)
		insert(t, s, "a", "b", "c")
		claim := func() (told []string) {
			for {
				got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 2})
				require.NoError(t, err)
				for _, d := range got {
					told = append(told, d.Message.Invoice)
					require.NoError(t, s.Record(t.Context(), d.Claim, webhook.Attempt{At: at}, webhook.Next{State: webhook.StateDelivered}))
				}
				if wait, some, err := s.NextDue(t.Context()); err != nil || !some || wait > 0 {
					require.NoError(t, err)
					return told
				}
			}
		}
		message := func(change func(value []byte) []byte) {
			changed := 0
			for i, p := range db.pairs {
				if bytes.HasPrefix(p.value, []byte(`{"Message":{"ID":"evt_a_1"`)) {
					db.pairs[i].value = change(p.value)
					changed++
				}
			}
			require.Equal(t, 1, changed)
		}
		message(func(value []byte) []byte { return value[:len(value)-1] })
		damage(t, db, "c") // whose message can be read
		require.Equal(t, []string{"b", "c"}, claim())
		time.Sleep(time.Hour)
		require.Empty(t, claim())
		_, err := s.History(t.Context(), "a", 0)
		require.ErrorAs(t, err, new(*invoice.DamagedError))
		message(func(value []byte) []byte { return append(value, '}') }) // repaired, as from a backup
		time.Sleep(time.Hour)
		require.Equal(t, []string{"a"}, claim())
		time.Sleep(100 * time.Hour)
		require.Empty(t, claim())
		records, err := s.History(t.Context(), "a", 0)
		require.NoError(t, err)
		require.Len(t, records[0].Attempts, 1)
	})
}

// backThen is a clock that was ahead and is right again.
func backThen(t *testing.T, ahead, now func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(2 * time.Hour)
		ahead(t)
	})
	synctest.Test(t, now)
}

func TestAClockThatWasAheadDelaysNothing(t *testing.T) {
	s := kv.New(&sorted{})
	claim := func(t *testing.T) (told []string) {
		got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Minute, Limit: 10})
		require.NoError(t, err)
		for _, d := range got {
			told = append(told, d.Message.Invoice)
		}
		return told
	}
	backThen(t, func(t *testing.T) {
		insert(t, s, "claimed", "tried")
		got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Minute, Limit: 10})
		require.NoError(t, err)
		require.Len(t, got, 2)
		require.NoError(t, s.Record(t.Context(), got[1].Claim, webhook.Attempt{At: at}, webhook.Next{State: webhook.StateDue, Wait: time.Second}))
		insert(t, s, "new")
	}, func(t *testing.T) {
		require.Equal(t, []string{"new"}, claim(t))
		time.Sleep(time.Second)
		require.Equal(t, []string{"tried"}, claim(t))
		time.Sleep(59 * time.Second)
		require.ElementsMatch(t, []string{"new", "claimed"}, claim(t))
	})
}

// A claim that hides nothing and is never recorded: the message is not lost.
func TestAClaimWithoutALeaseIsHandedOutAgain(t *testing.T) {
	s := kv.New(&sorted{})
	insert(t, s, "a")
	for token := range int64(3) {
		got, err := s.Claim(t.Context(), webhook.ClaimQuery{Limit: 1})
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.Equal(t, token+1, got[0].Claim.Token)
	}
}

// More than is read from the database at once.
func TestLongScansMissNothing(t *testing.T) {
	s := kv.New(&sorted{})
	var batch invoice.Batch
	for n := range 100 {
		inv := newInvoice(fmt.Sprintf("%03d", n))
		batch.Insert = append(batch.Insert, inv)
		batch.Messages = append(batch.Messages, newMessage(inv, 1))
	}
	for n := range 200 {
		batch.Events = append(batch.Events, invoice.Event{ID: fmt.Sprint("e", n), Invoice: "000", Seq: int64(n + 1)})
	}
	require.NoError(t, s.Commit(t.Context(), batch))
	insert(t, s, "100")
	page, err := s.Invoices(t.Context(), invoice.Query{Limit: 1000})
	require.NoError(t, err)
	require.Len(t, page.Invoices, 101)
	events, err := s.Events(t.Context(), 0, 1000)
	require.NoError(t, err)
	require.Len(t, events, 200)
	require.Equal(t, "e199", events[199].ID)
	claimed, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 1000})
	require.NoError(t, err)
	require.Len(t, claimed, 101)
	require.Equal(t, "100", claimed[100].Message.Invoice, "those due at once come in the order of their commits")
}

func TestMessagesOfAURLThatIsGoneAreNotDue(t *testing.T) {
	s := kv.New(&sorted{})
	inv := newInvoice("a")
	require.NoError(t, s.Commit(t.Context(), invoice.Batch{
		Insert: []invoice.Invoice{inv}, Messages: []invoice.Message{newMessage(inv, 1), newMessage(inv, 2)},
	}))
	claimed, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 9})
	require.NoError(t, err)
	require.Error(t, s.Record(t.Context(), claimed[0].Claim, webhook.Attempt{}, webhook.Next{State: "unheard of"}))
	require.NoError(t, s.Record(t.Context(), claimed[0].Claim, webhook.Attempt{}, webhook.Next{State: webhook.StateDead, Gone: true}))
	records, err := s.History(t.Context(), "a", 0)
	require.NoError(t, err)
	for _, r := range records {
		require.Equal(t, webhook.StateDead, r.State)
		require.Zero(t, r.Due)
	}
}

// Texts that begin or continue one another, with marks of keys in them, and longer than a key.
func TestTextsThatLookAlikeAreKeptApart(t *testing.T) {
	s := kv.New(&sorted{})
	long := strings.Repeat("é", 255)
	orders := []string{"a", "ab", "a\x00", "a\x00\x01", "\x00\xff", "\x00\x02", "address", long, long[:len(long)-2], long + "x"}
	for i, order := range orders {
		for _, project := range []string{"p", "p\x00\x01a", long} {
			inv := newInvoice(fmt.Sprint(i, " of ", len(project)))
			inv.Project, inv.OrderID = project, order
			require.NoError(t, s.Commit(t.Context(), invoice.Batch{Insert: []invoice.Invoice{inv}}), "%q %q", project, order)
			got, err := s.InvoiceByOrder(t.Context(), project, order)
			require.NoError(t, err)
			require.Equal(t, inv.ID, got.ID)
		}
	}
	page, err := s.Invoices(t.Context(), invoice.Query{Project: "p", Limit: 100})
	require.NoError(t, err)
	require.Equal(t, len(orders), page.Total)
}

func TestTextsThatDoNotFitInAKeyAreNoPlace(t *testing.T) {
	s := kv.New(&sorted{})
	most := strings.Repeat("é", 95)
	inv := newInvoice("a")
	c := claimOf(inv)
	c.Address, c.Slot, c.Network = chain.Address(most), most, chain.Network(most)
	require.NoError(t, s.Commit(t.Context(), invoice.Batch{Insert: []invoice.Invoice{inv}, Claims: []invoice.Claim{c}}))
	for _, change := range []func(*invoice.Claim){
		func(c *invoice.Claim) { c.Address += "x" }, func(c *invoice.Claim) { c.Slot += "x" },
	} {
		longer := c
		change(&longer)
		err := s.Commit(t.Context(), invoice.Batch{Claims: []invoice.Claim{longer}})
		require.Error(t, err)
		require.NotErrorIs(t, err, invoice.ErrConflict, "it is not there, and never will be")
	}
	found, err := s.InvoicesAt(t.Context(), []invoice.Place{c.Place})
	require.NoError(t, err)
	require.Len(t, found, 1)
	for first, want := range map[string]int{most: 1, most + "x": 0, most[:10]: 1} {
		held, err := s.HeldSlots(t.Context(), c.Network, c.Address, first, most+"z", 9)
		require.NoError(t, err)
		require.Len(t, held, want)
	}
	require.NoError(t, s.Commit(t.Context(), invoice.Batch{Releases: []invoice.Release{{Claim: c}}}))
}

// The times that the port promises, by the deadline of an invoice and the due time of a message.
func TestTimesOfAnyYearAreInOrder(t *testing.T) {
	s := kv.New(&sorted{})
	times := []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999999999, time.UTC),
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), at, at.Add(1), time.Date(2262, 4, 12, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
	}
	for i := len(times) - 1; i >= 0; i-- {
		inv := newInvoice(fmt.Sprint(i))
		inv.State.Wake.Time = times[i]
		require.NoError(t, s.Commit(t.Context(), invoice.Batch{Insert: []invoice.Invoice{inv}}))
	}
	for i, end := range times {
		waking, err := s.InvoicesWaking(t.Context(), "sim:1", chain.Head{Time: end}, 100)
		require.NoError(t, err)
		require.Len(t, waking, i)
	}
}

// payment is one to the invoice.
func payment(id, txID string) invoice.Payment {
	return invoice.Payment{Key: chain.Key{Network: "sim:1", TxID: txID, Index: "0"}, Invoice: id, Units: big.NewInt(1), FirstSeen: at}
}
