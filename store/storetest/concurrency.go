package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/callers"
	"github.com/cointill/cointill/webhook"
)

var concurrencyCases = []testCase{
	{"A42 two hundred creations of one order", "an order has one invoice, and all other callers learn which", sameOrder},
	{"A11 one address for many", "a place is held by one invoice at a time", samePlace},
	{"a place is given up once", "a release of a place that is not held by its invoice is ErrConflict", sameRelease},
	{"a place goes from hand to hand", "Claims come after Releases, and a place is held by one invoice at a time", handedOn},
	{"a number is taken by one", "TakeIndex hands out a number to one caller only, until it is freed again", takeConcurrently},
	{"updates of one invoice take turns", "of the updates with one version exactly one is stored", sameVersion},
	{"a refused batch does not spoil its neighbours", "Commit refuses a batch for what is in it alone", neighbours},
	{"indexes are handed out once", "ReserveIndexes never hands out a number twice", reserveConcurrently},
	{"progress has one owner", "of the steps with one version exactly one is stored", sameProgress},
	{"A50 a message is handed out once", "a claim hides the message from other claims", claimConcurrently},
	{"catching up beside commits", "a listing is right at every moment, also while the backend catches up", tidyBesideCommits},
	{"a reader sees whole batches", "what a batch changes is seen together or not at all", wholeBatches},
}

// winner returns the index of the only call that succeeded; all others must have failed with the target.
func winner(t *testing.T, errs []error, target error) int {
	t.Helper()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			t.Fatalf("calls %d and %d both went well", won, i)
		case err == nil:
			won = i
		default:
			wantErr(t, err, target)
		}
	}
	if won < 0 {
		t.Fatal("no call went well")
	}
	return won
}

func sameOrder(t *testing.T, b store.Backend) {
	errs := callers.Together(200, func(i int) error {
		inv := newInvoice(i, withOrder("A-1"))
		batch := created(inv)
		batch.Events = []invoice.Event{newEvent(inv, 1)}
		return b.Commit(t.Context(), batch)
	})
	id := newInvoice(winner(t, errs, invoice.ErrDuplicateOrder)).ID
	for _, err := range errs {
		var dup *invoice.DuplicateOrderError
		if errors.As(err, &dup) && dup.Invoice != id {
			t.Fatalf("got the order of invoice %s, want %s", dup.Invoice, id)
		}
	}
	page := must[invoice.Page](t)(b.Invoices(t.Context(), invoice.Query{Limit: 3}))
	if page.Total != 1 || page.Invoices[0].ID != id {
		t.Fatalf("got %d invoices, %v, want %s", page.Total, ids(page.Invoices), id)
	}
	same(t, "the feed", len(follow(t, b, 0)), 1)
}

func samePlace(t *testing.T, b store.Backend) {
	errs := callers.Together(50, func(i int) error {
		inv := newInvoice(i)
		inv.Quote = newQuote(7, eth)
		return b.Commit(t.Context(), created(inv))
	})
	won := newInvoice(winner(t, errs, invoice.ErrConflict))
	sameIDs(t, "the place", at(t, b, place(7)), won.ID)
	page := must[invoice.Page](t)(b.Invoices(t.Context(), invoice.Query{Limit: 3}))
	sameIDs(t, "all invoices", page.Invoices, won.ID)
}

func sameRelease(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	insert(t, b, inv)
	errs := callers.Together(20, func(int) error { return b.Commit(t.Context(), freeing(inv)) })
	winner(t, errs, invoice.ErrConflict)
	takes(t, b, "hot", inv.Quote.Index)
	noneFreed(t, b, "hot")
}

// handedOn lets all callers take over the place again and again.
func handedOn(t *testing.T, b store.Backend) {
	var all []invoice.Invoice
	for i := range 10 {
		inv := newInvoice(i)
		inv.Quote = newQuote(7, eth)
		all = append(all, inv)
	}
	insert(t, b, all[0])
	commit(t, b, invoice.Batch{Insert: all[1:]})
	holder := 0
	for range 5 {
		errs := callers.Together(len(all), func(i int) error {
			return b.Commit(t.Context(), invoice.Batch{
				Releases: []invoice.Release{{Claim: claimOf(all[holder])}}, Claims: []invoice.Claim{claimOf(all[i])},
			})
		})
		won := -1
		for i, err := range errs {
			switch {
			case err == nil && i == holder: // it gave the place to itself, and then the next took it
			case err == nil && won >= 0:
				t.Fatalf("invoices %d and %d both got the place of %d", won, i, holder)
			case err == nil:
				won = i
			default:
				wantErr(t, err, invoice.ErrConflict)
			}
		}
		if won < 0 {
			won = holder
		}
		sameIDs(t, "the place", at(t, b, place(7)), slices.Compact([]string{all[holder].ID, all[won].ID})...)
		holder = won
	}
}

func takeConcurrently(t *testing.T, b store.Backend) {
	const freed = 30
	for n := range freed {
		inv := newInvoice(n)
		insert(t, b, inv)
		commit(t, b, freeing(inv))
	}
	var mu sync.Mutex // guards got
	got := map[uint32]int{}
	for _, err := range callers.Together(8, func(int) error {
		for {
			index, err := b.TakeIndex(t.Context(), "hot")
			if errors.Is(err, invoice.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			mu.Lock()
			got[index]++
			times := got[index]
			mu.Unlock()
			if times > 1 || index >= freed {
				return fmt.Errorf("number %d was handed out %d times", index, times)
			}
		}
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	same(t, "numbers handed out", len(got), freed)
}

func sameVersion(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	insert(t, b, inv)
	for version := range 3 {
		errs := callers.Together(20, func(i int) error {
			next := revise(inv, func(x *invoice.Invoice) { x.Name = fmt.Sprint(version, i) })
			return b.Commit(t.Context(), invoice.Batch{Update: []invoice.Invoice{next}, Events: []invoice.Event{newEvent(inv, next.Version)}})
		})
		won := winner(t, errs, invoice.ErrConflict)
		inv = get(t, b, inv.ID)
		same(t, "the stored name", inv.Name, fmt.Sprint(version, won))
	}
	same(t, "the events", len(follow(t, b, 0)), 3)
}

func neighbours(t *testing.T, b store.Backend) {
	stored := newInvoice(1000)
	insert(t, b, stored)
	commit(t, b, invoice.Batch{Events: []invoice.Event{newEvent(stored, 1)}})
	errs := callers.Together(120, func(i int) error {
		inv := newInvoice(i)
		batch := created(inv)
		batch.Events = []invoice.Event{newEvent(inv, 1)}
		switch i % 6 { // something of every third batch is bad
		case 1:
			batch.Events = append(batch.Events, newEvent(stored, 1))
		case 4:
			batch.Claims = append(batch.Claims, claimOf(stored))
		}
		return b.Commit(t.Context(), batch)
	})
	var want []string
	for i, err := range errs {
		if i%3 == 1 {
			wantErr(t, err, invoice.ErrConflict)
			continue
		}
		if err != nil {
			t.Fatalf("a good batch: %v", err)
		}
		want = append(want, newInvoice(i).ID)
	}
	page := must[invoice.Page](t)(b.Invoices(t.Context(), invoice.Query{Limit: 1000}))
	sameIDs(t, "the invoices", page.Invoices, append(want, stored.ID)...)
	same(t, "the events", len(follow(t, b, 0)), 81)
	var places []invoice.Place
	for i := range 120 {
		places = append(places, claimOf(newInvoice(i)).Place)
	}
	sameIDs(t, "those with a place", must[[]invoice.Invoice](t)(b.InvoicesAt(t.Context(), places)), want...)
}

func reserveConcurrently(t *testing.T, b store.Backend) {
	firsts := make([]uint32, 60)
	for _, err := range callers.Together(len(firsts), func(i int) (err error) {
		firsts[i], err = b.ReserveIndexes(t.Context(), "hot", uint32(i%3)+1)
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	var all []int
	for i, first := range firsts {
		for n := range i%3 + 1 {
			all = append(all, int(first)+n)
		}
	}
	slices.Sort(all)
	for i, index := range all {
		if index != i {
			t.Fatalf("got the indexes %v, want 0 to %d, each once", all, len(all)-1)
		}
	}
}

func sameProgress(t *testing.T, b store.Backend) {
	for version := int64(1); version <= 3; version++ {
		errs := callers.Together(20, func(i int) error {
			return b.Commit(t.Context(), invoice.Batch{Progress: []invoice.Progress{{
				Network: mainnet, Version: version, Head: chain.Head{Height: uint64(i)},
			}}})
		})
		won := winner(t, errs, invoice.ErrConflict)
		got := must[invoice.Progress](t)(b.Network(t.Context(), mainnet))
		same(t, "the head", got.Head.Height, uint64(won))
	}
}

func claimConcurrently(t *testing.T, b store.Backend) {
	const messages = 60
	var batch invoice.Batch
	for n := range messages {
		inv := newInvoice(n)
		batch.Insert = append(batch.Insert, inv)
		batch.Messages = append(batch.Messages, newMessage(inv, 1, "https://shop.example/callback"))
	}
	commit(t, b, batch)
	var mu sync.Mutex // guards told
	told := map[string]int{}
	for _, err := range callers.Together(8, func(int) error {
		for range messages + 1 {
			got, err := b.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 3})
			if err != nil || len(got) == 0 {
				return err
			}
			mu.Lock()
			again := false
			for _, d := range got {
				told[d.Message.ID]++
				again = again || told[d.Message.ID] > 1
			}
			mu.Unlock()
			if again {
				return nil // which is told below
			}
		}
		return errors.New("there is always something to claim")
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for id, times := range told {
		if times != 1 {
			t.Fatalf("message %s was handed out %d times", id, times)
		}
	}
	same(t, "messages handed out", len(told), messages)
}

// wholeBatches changes an invoice and a payment together, and reads both meanwhile.
func wholeBatches(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	insert(t, b, inv)
	const steps = 40
	errs := callers.Together(3, func(i int) error {
		for n := range steps {
			if i == 0 {
				inv = revise(inv)
				p := newPayment(1, inv, uint64(inv.Version))
				if err := b.Commit(t.Context(), invoice.Batch{Update: []invoice.Invoice{inv}, Payments: []invoice.Payment{p}}); err != nil {
					return fmt.Errorf("step %d: %w", n, err)
				}
				continue
			}
			got, err := b.Invoice(t.Context(), newInvoice(1).ID)
			if err != nil {
				return err
			}
			if len(got.Payments) == 0 && got.Version != 1 || len(got.Payments) == 1 && got.Payments[0].Block.Height != uint64(got.Version) {
				return fmt.Errorf("version %d came with the payments %+v", got.Version, got.Payments)
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// tidyBesideCommits revises and creates invoices, while others catch up, some of them not to the end, and list.
func tidyBesideCommits(t *testing.T, b store.Backend) {
	const revisers, each, revisions = 4, 8, 12
	var all []invoice.Invoice
	for n := range revisers * each {
		all = append(all, newInvoice(n))
	}
	insert(t, b, all...)
	ctx, end := context.WithCancel(t.Context())
	var others sync.WaitGroup
	tidier, able := b.(invoice.Tidier)
	if able {
		others.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				short, stop := context.WithTimeout(ctx, time.Duration(n%40)*200*time.Microsecond)
				if err := tidier.Tidy(short, 0); err != nil && short.Err() == nil {
					t.Errorf("Tidy: %v", err)
				}
				stop()
			}
		})
	}
	for keep := range 2 {
		if able {
			others.Go(func() {
				for ctx.Err() == nil {
					if err := tidier.Tidy(ctx, 3*keep); err != nil && ctx.Err() == nil {
						t.Errorf("Tidy: %v", err)
					}
				}
			})
		}
		others.Go(func() {
			for ctx.Err() == nil {
				page, err := b.Invoices(ctx, invoice.Query{CreatedBefore: all[len(all)-1].CreatedAt, Sort: invoice.SortUpdated, Limit: 1000})
				if ctx.Err() == nil && (err != nil || page.Total != len(all) || len(slices.Compact(slices.Sorted(slices.Values(ids(page.Invoices))))) != len(all)) {
					t.Errorf("got %d invoices of a total of %d, error %v; want %d", len(page.Invoices), page.Total, err, len(all))
				}
			}
		})
	}
	revised := make([][]invoice.Invoice, revisers)
	errs := callers.Together(revisers, func(i int) error {
		own := slices.Clone(all[i*each : (i+1)*each])
		for n := range revisions {
			one := &own[n%each]
			*one = revise(*one, func(inv *invoice.Invoice) {
				inv.State.Status = invoice.Statuses()[(i+n)%3]
				inv.UpdatedAt = inv.UpdatedAt.Add(time.Duration(i*revisions+n) * time.Hour)
			})
			added := newInvoice(1000 + i*revisions + n)
			batch := created(added)
			batch.Update = []invoice.Invoice{*one}
			if err := b.Commit(t.Context(), batch); err != nil {
				return err
			}
			revised[i] = append(revised[i], added)
		}
		revised[i] = append(revised[i], own...)
		return nil
	})
	end()
	others.Wait()
	same(t, "the commits", errors.Join(errs...), nil)
	now := slices.Concat(revised...)
	for range 2 {
		for _, q := range []invoice.Query{
			{}, {Sort: invoice.SortUpdated}, {Status: invoice.Statuses()[1]}, {Search: "order-0101", Ascending: true}, {Status: invoice.Statuses()[2], Sort: invoice.SortUpdated},
		} {
			same(t, fmt.Sprintf("%+v", q), list(t, b, q), listed(now, q))
		}
		if able {
			same(t, "Tidy", tidier.Tidy(t.Context(), 0), nil)
		}
	}
}
