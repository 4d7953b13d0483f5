package storetest

import (
	"errors"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/callers"
)

var conflictCases = []testCase{
	{"a conflict names its invoice", "a conflict is a ConflictError that names the invoice whose part of the batch is refused", conflictsNamed},
	{"a conflict of several names its own", "a conflict names the invoice of its own batch, whatever is committed at the same time", conflictsApart},
	{"a conflict of a network's progress names none", "a stale version of a Progress is a conflict that names no invoice", conflictOfProgress},
}

// wantConflict checks that the error is a conflict that names the invoice.
func wantConflict(t *testing.T, what string, err error, id string) {
	t.Helper()
	wantErr(t, err, invoice.ErrConflict)
	var conflict *invoice.ConflictError
	if !errors.As(err, &conflict) {
		t.Fatalf("%s: got error %v, want a ConflictError", what, err)
	}
	if conflict.Invoice != id || conflict.Err == nil {
		t.Fatalf("%s: got a conflict of invoice %q because of %v, want one of %q", what, conflict.Invoice, conflict.Err, id)
	}
}

func conflictsNamed(t *testing.T, b store.Backend) {
	one, two, three := newInvoice(1), newInvoice(2), newInvoice(3)
	insert(t, b, one, two, three)
	msg := newMessage(two, 1, "https://shop.example/callback")
	commit(t, b, invoice.Batch{
		Payments: []invoice.Payment{newPayment(1, one, 100)}, Events: []invoice.Event{newEvent(two, 1)}, Messages: []invoice.Message{msg},
	})
	fresh, second := newInvoice(9), newInvoice(9, func(inv *invoice.Invoice) { inv.Version = 2 })
	stolen, theirs := claimOf(one), claimOf(one)
	stolen.Invoice, theirs.Invoice = two.ID, three.ID
	taken := newInvoice(8)
	taken.ID = two.ID
	for what, c := range map[string]struct {
		spoil func(*invoice.Batch)
		id    string
	}{
		"a stale version":                 {func(x *invoice.Batch) { x.Update = append(x.Update, two) }, two.ID},
		"an update of nobody":             {func(x *invoice.Batch) { x.Update = append(x.Update, revise(newInvoice(7))) }, "inv-00007"},
		"a taken id":                      {func(x *invoice.Batch) { x.Insert = append(x.Insert, taken) }, two.ID},
		"an insert of a second version":   {func(x *invoice.Batch) { x.Insert = append(x.Insert, second) }, second.ID},
		"a taken place":                   {func(x *invoice.Batch) { x.Claims = append(x.Claims, stolen) }, two.ID},
		"a release of another's place":    {func(x *invoice.Batch) { x.Releases = append(x.Releases, invoice.Release{Claim: theirs}) }, three.ID},
		"a payment of another's":          {func(x *invoice.Batch) { x.Payments = append(x.Payments, newPayment(1, two, 100)) }, two.ID},
		"a payment of an unknown invoice": {func(x *invoice.Batch) { x.Payments = append(x.Payments, newPayment(2, newInvoice(7), 100)) }, "inv-00007"},
		"a taken event":                   {func(x *invoice.Batch) { x.Events = append(x.Events, newEvent(two, 1)) }, two.ID},
		"a taken message":                 {func(x *invoice.Batch) { x.Messages = append(x.Messages, msg) }, two.ID},
	} {
		batch := invoice.Batch{
			Update: []invoice.Invoice{revise(one)}, Payments: []invoice.Payment{newPayment(3, one, 100)}, Events: []invoice.Event{newEvent(one, 1)},
		}
		if what != "an insert of a second version" {
			batch.Insert = []invoice.Invoice{fresh}
		}
		c.spoil(&batch)
		wantConflict(t, what, b.Commit(t.Context(), batch), c.id)
	}
	same(t, "the invoice after all that was refused", get(t, b, one.ID), with(one, newPayment(1, one, 100)))
}

func conflictsApart(t *testing.T, b store.Backend) {
	stored := newInvoice(1000)
	insert(t, b, stored)
	pay(t, b, newPayment(1, stored, 100))
	errs := callers.Together(60, func(i int) error {
		inv := newInvoice(i)
		batch := created(inv)
		switch i % 6 {
		case 1:
			batch.Payments = []invoice.Payment{newPayment(1, inv, 100)}
		case 3:
			place := claimOf(stored)
			place.Invoice = inv.ID
			batch.Claims = append(batch.Claims, place)
		case 5:
			batch.Events = []invoice.Event{newEvent(inv, 1), newEvent(inv, 1)}
		}
		return b.Commit(t.Context(), batch)
	})
	for i, err := range errs {
		if i%2 == 1 {
			wantConflict(t, "a bad batch", err, newInvoice(i).ID)
		} else if err != nil {
			t.Fatalf("a good batch: %v", err)
		}
	}
}

func conflictOfProgress(t *testing.T, b store.Backend) {
	err := b.Commit(t.Context(), invoice.Batch{
		Insert: []invoice.Invoice{newInvoice(1)}, Progress: []invoice.Progress{{Network: mainnet, Version: 7}},
	})
	wantErr(t, err, invoice.ErrConflict)
	var conflict *invoice.ConflictError
	if errors.As(err, &conflict) {
		t.Fatalf("got %v, want a conflict that names no invoice", err)
	}
}
