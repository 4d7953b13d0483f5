package storetest

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

var commitCases = []testCase{
	{"a refused batch leaves nothing", "Commit stores all of the batch or nothing", refusedBatch},
	{"an empty batch is fine", "Commit stores all of the batch or nothing", emptyBatch},
	{"a stale version is a conflict", "an update carries one more than the stored version, else ErrConflict", staleVersion},
	{"a taken id is a conflict", "an inserted invoice's id must be free, else ErrConflict", takenID},
	{"a batch committed twice is a conflict", "committing a stored batch again returns ErrConflict, also when it has an order id", committedTwice},
	{"A42 an order id names its first invoice", "a taken (project, order id) is a DuplicateOrderError with the first invoice", duplicateOrder},
	{"an empty order id is never taken", "an empty order id is not unique and never found", emptyOrder},
	{"a taken order id comes before a taken place", "of the refusals that apply to an invoice, the id and the version come first, then the order id, then the place", refusalsInOrder},
	{"Incident20 a payment seen twice is one", "payments are inserted, or replace the one with the same natural key", paymentTwice},
	{"Incident21 transfers of one transaction are apart", "the natural key is network, transaction and index", paymentsOfOneTx},
	{"A23 a payment stays with its invoice", "a natural key that belongs to another invoice is ErrConflict", foreignPayment},
	{"a payment needs its invoice", "a payment of an invoice that is neither stored nor in the batch is ErrConflict", paymentOfNobody},
	{"A23 an event is stored once", "(invoice, seq) of an event must be free, else ErrConflict", eventTwice},
	{"a message is stored once", "the id of a message must be free, else ErrConflict", messageTwice},
	{"progress comes back as it was", "what is stored comes back as it was", progressRoundTrip},
	{"progress moves by one version", "progress carries one more than the stored version, 1 at first, else ErrConflict", progressCAS},
	{"indexes are consecutive", "ReserveIndexes hands out consecutive numbers of a wallet from 0", reserveIndexes},
	{"no indexes are none", "ReserveIndexes with 0 returns how many were handed out and changes nothing", reserveNone},
	{"indexes end before they repeat", "the last number is 2^32-2: ErrNoAddress, and nothing changed, when fewer than n are left", reserveTooMany},
	{"all indexes at once", "the last number is 2^32-2: ErrNoAddress, and nothing changed, when fewer than n are left", reserveAll},
}

// full is a batch with every part, on the stored invoice old.
func full(old invoice.Invoice, n int) invoice.Batch {
	fresh := newInvoice(n)
	moved, there := claimOf(old), claimOf(old)
	moved.Slot, moved.Index, there.Network = "moved", uint32(n), polygon
	return invoice.Batch{
		Insert:   []invoice.Invoice{fresh},
		Update:   []invoice.Invoice{revise(old)},
		Releases: []invoice.Release{{Claim: claimOf(old), Reuse: true}},
		Claims:   []invoice.Claim{claimOf(fresh), moved, there},
		Payments: []invoice.Payment{newPayment(n, old, 100)},
		Events:   []invoice.Event{newEvent(fresh, 1), newEvent(old, int64(n))},
		Messages: []invoice.Message{newMessage(fresh, 1, "https://shop.example/callback")},
		Progress: []invoice.Progress{{Network: mainnet, Cursor: chain.Cursor("c"), Head: chain.Head{Height: 9}, Version: 1}},
	}
}

func refusedBatch(t *testing.T, b store.Backend) {
	stored := newInvoice(1)
	insert(t, b, stored, newInvoice(2))
	commit(t, b, invoice.Batch{
		Payments: []invoice.Payment{newPayment(1, stored, 100)},
		Events:   []invoice.Event{newEvent(stored, 1)},
		Messages: []invoice.Message{newMessage(stored, 1, "https://shop.example/callback")},
	})
	before := dump(t, b)
	spoil := map[string]func(*invoice.Batch){
		"insert": func(x *invoice.Batch) { x.Insert = append(x.Insert, newInvoice(1)) },
		"order":  func(x *invoice.Batch) { x.Insert = append(x.Insert, newInvoice(11, withOrder("order-00001"))) },
		"claim":  func(x *invoice.Batch) { x.Claims = append(x.Claims, claimOf(newInvoice(2))) },
		"release": func(x *invoice.Batch) {
			x.Releases = append(x.Releases, invoice.Release{Claim: claimOf(newInvoice(9))})
		},
		"release of another's": func(x *invoice.Batch) {
			theirs := claimOf(newInvoice(2))
			theirs.Invoice = stored.ID
			x.Releases = append(x.Releases, invoice.Release{Claim: theirs, Reuse: true})
		},
		"update":  func(x *invoice.Batch) { x.Update = append(x.Update, newInvoice(2)) },
		"payment": func(x *invoice.Batch) { x.Payments = append(x.Payments, newPayment(1, newInvoice(2), 100)) },
		"event":   func(x *invoice.Batch) { x.Events = append(x.Events, newEvent(stored, 1)) },
		"message": func(x *invoice.Batch) { x.Messages = append(x.Messages, newMessage(stored, 1, "https://b.example/")) },
		"progress": func(x *invoice.Batch) {
			x.Progress = append(x.Progress, invoice.Progress{Network: polygon, Version: 2})
		},
	}
	for part, f := range spoil {
		batch := full(stored, 10)
		f(&batch)
		if err := b.Commit(t.Context(), batch); err == nil {
			t.Fatalf("a batch with a bad %s was stored", part)
		}
		same(t, "everything stored, after a batch with a bad "+part, dump(t, b), before)
	}
	_, err := b.TakeIndex(t.Context(), "hot")
	wantErr(t, err, invoice.ErrNotFound)
	commit(t, b, full(stored, 10))
	if dump(t, b) == before {
		t.Fatal("the good batch changed nothing")
	}
}

// dump returns everything that the fixtures of a batch can change.
func dump(t *testing.T, b store.Backend) string {
	t.Helper()
	ctx := t.Context()
	out := ""
	for _, standing := range []bool{false, true} {
		page := must[invoice.Page](t)(b.Invoices(ctx, invoice.Query{Standing: standing, Limit: 100}))
		out += fmt.Sprintln("total", page.Total)
		for _, inv := range page.Invoices {
			out += text(t, inv)
			for _, p := range must[[]invoice.Payment](t)(b.Payments(ctx, inv.ID, chain.Key{}, 100)) {
				out += text(t, p)
			}
			for _, record := range must[[]record](t)(b.History(ctx, inv.ID, 0)) {
				out += text(t, record.Message) + string(record.State)
			}
		}
	}
	for n := range 30 {
		at := ids(must[[]invoice.Invoice](t)(b.InvoicesAt(ctx, []invoice.Place{{Address: address(n)}})))
		slices.Sort(at)
		out += fmt.Sprintln(n, at)
		if l, lists := lister(b, hasSlots); lists {
			out += fmt.Sprintln(len(must[[]string](t)(l.HeldSlots(ctx, mainnet, address(n), "", "", 2))))
		}
	}
	for _, ev := range must[[]invoice.Event](t)(b.Events(ctx, 0, 100)) {
		ev.Position = 0
		out += text(t, ev)
	}
	for _, network := range []chain.Network{mainnet, polygon} {
		out += text(t, must[invoice.Progress](t)(b.Network(ctx, network)))
	}
	return out
}

func emptyBatch(t *testing.T, b store.Backend) { commit(t, b, invoice.Batch{}) }

func staleVersion(t *testing.T, b store.Backend) {
	first := newInvoice(1)
	insert(t, b, first)
	second := revise(first, func(inv *invoice.Invoice) { inv.Name = "second" })
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{second}})
	for what, stale := range map[string]invoice.Invoice{
		"the version before": first, "the same version": second, "a version ahead": revise(revise(second)),
		"an unknown invoice": revise(newInvoice(7)), "an unknown invoice, in its first version": newInvoice(7),
	} {
		t.Run(what, func(t *testing.T) {
			refused(t, b, invoice.Batch{Update: []invoice.Invoice{stale}}, invoice.ErrConflict)
			same(t, "the invoice", get(t, b, first.ID), second)
		})
	}
}

func takenID(t *testing.T, b store.Backend) {
	insert(t, b, newInvoice(1))
	other := newInvoice(2)
	other.ID = newInvoice(1).ID
	refused(t, b, invoice.Batch{Insert: []invoice.Invoice{other}}, invoice.ErrConflict)
	same(t, "the invoice", get(t, b, other.ID), newInvoice(1))
}

func committedTwice(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	batch := created(inv)
	batch.Events = []invoice.Event{newEvent(inv, 1)}
	commit(t, b, batch)
	refused(t, b, batch, invoice.ErrConflict)
	if events := must[[]invoice.Event](t)(b.InvoiceEvents(t.Context(), inv.ID, 0)); len(events) != 1 {
		t.Fatalf("got %d events, want 1", len(events))
	}
}

func duplicateOrder(t *testing.T, b store.Backend) {
	insert(t, b, newInvoice(1, withOrder("A-1")))
	err := b.Commit(t.Context(), created(newInvoice(2, withOrder("A-1"))))
	wantErr(t, err, invoice.ErrDuplicateOrder)
	var dup *invoice.DuplicateOrderError
	if !errors.As(err, &dup) || dup.Invoice != "inv-00001" || dup.OrderID != "A-1" {
		t.Fatalf("got %#v, want order A-1 of invoice inv-00001", err)
	}
	insert(t, b, newInvoice(3, withOrder("A-1"), func(inv *invoice.Invoice) { inv.Project = "other shop" }))
	insert(t, b, newInvoice(4, withOrder("a-1")))
	got := must[invoice.Invoice](t)(b.InvoiceByOrder(t.Context(), "other shop", "A-1"))
	same(t, "the other project's invoice", got.ID, "inv-00003")
}

func emptyOrder(t *testing.T, b store.Backend) {
	insert(t, b, newInvoice(1, withOrder("")), newInvoice(2, withOrder("")))
	_, err := b.InvoiceByOrder(t.Context(), "shop", "")
	wantErr(t, err, invoice.ErrNotFound)
}

func refusalsInOrder(t *testing.T, b store.Backend) {
	first, second, third := newInvoice(1), newInvoice(2), newInvoice(3)
	insert(t, b, first, second, third)
	twin := newInvoice(4, withOrder(first.OrderID))
	twin.Quote.Address = second.Quote.Address
	batch := created(twin)
	batch.Releases = []invoice.Release{{Claim: claimOf(newInvoice(9))}} // held by nobody
	batch.Releases[0].Invoice = twin.ID
	refused(t, b, batch, invoice.ErrDuplicateOrder)
	twin.ID = third.ID
	refused(t, b, created(twin), invoice.ErrConflict)
	fresh := newInvoice(5, withOrder(first.OrderID))
	fresh.Version = 2
	refused(t, b, created(fresh), invoice.ErrConflict)
	stale := invoice.Batch{Update: []invoice.Invoice{third}, Claims: []invoice.Claim{claimOf(second)}}
	refused(t, b, stale, invoice.ErrConflict)
}

func paymentOfNobody(t *testing.T, b store.Backend) {
	refused(t, b, invoice.Batch{Payments: []invoice.Payment{newPayment(1, newInvoice(1), 100)}}, invoice.ErrConflict)
	inv := newInvoice(1)
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Payments: []invoice.Payment{newPayment(1, inv, 100)}})
	same(t, "payments", len(get(t, b, inv.ID).Payments), 1)
}

func paymentTwice(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	insert(t, b, inv)
	p := newPayment(1, inv, invoice.Unconfirmed)
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{p}})
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{p}})
	p = newPayment(1, inv, 100)
	p.Units, p.Rerated = big.NewInt(5), big.NewInt(0)
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{p}})
	sameList(t, "payments", get(t, b, inv.ID).Payments, []invoice.Payment{p})
}

func paymentsOfOneTx(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	insert(t, b, inv)
	var want []invoice.Payment
	for i, index := range []string{"0", "1", "10", "log:2"} {
		p := newPayment(1, inv, 100)
		p.Key.Index = index
		p.Units = big.NewInt(int64(i))
		want = append(want, p)
	}
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{want[2], want[0], want[3], want[1]}})
	sameList(t, "payments in the order of their keys", get(t, b, inv.ID).Payments, want)
	elsewhere := want[0]
	elsewhere.Key.Network = polygon
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{elsewhere}})
	sameList(t, "payments of both networks", get(t, b, inv.ID).Payments, append(want, elsewhere))
}

func foreignPayment(t *testing.T, b store.Backend) {
	mine, other := newInvoice(1), newInvoice(2)
	insert(t, b, mine, other)
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{newPayment(1, mine, 100)}})
	refused(t, b, invoice.Batch{Payments: []invoice.Payment{newPayment(1, other, 101)}}, invoice.ErrConflict)
	sameList(t, "payments of the first", get(t, b, mine.ID).Payments, []invoice.Payment{newPayment(1, mine, 100)})
	sameList(t, "payments of the other", get(t, b, other.ID).Payments, nil)
	refused(t, b, invoice.Batch{Payments: []invoice.Payment{newPayment(2, mine, 100), newPayment(2, other, 100)}}, invoice.ErrConflict)
	sameList(t, "payments of the first", get(t, b, mine.ID).Payments, []invoice.Payment{newPayment(1, mine, 100)})
}

func eventTwice(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	insert(t, b, inv)
	commit(t, b, invoice.Batch{Events: []invoice.Event{newEvent(inv, 1), newEvent(inv, 2)}})
	refused(t, b, invoice.Batch{Events: []invoice.Event{newEvent(inv, 3), newEvent(inv, 2)}}, invoice.ErrConflict)
	if events := must[[]invoice.Event](t)(b.InvoiceEvents(t.Context(), inv.ID, 0)); len(events) != 2 {
		t.Fatalf("got %d events, want 2", len(events))
	}
}

func messageTwice(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	insert(t, b, inv)
	msg := newMessage(inv, 1, "https://shop.example/callback")
	commit(t, b, invoice.Batch{Messages: []invoice.Message{msg}})
	refused(t, b, invoice.Batch{Messages: []invoice.Message{msg}}, invoice.ErrConflict)
}

func progressCAS(t *testing.T, b store.Backend) {
	ctx := t.Context()
	same(t, "progress of an unknown network", must[invoice.Progress](t)(b.Network(ctx, mainnet)), invoice.Progress{})
	step := func(version int64) invoice.Batch {
		return invoice.Batch{Progress: []invoice.Progress{{
			Network: mainnet, Version: version, Cursor: chain.Cursor{0, byte(version), 255},
			Head: chain.Head{Height: 1<<63 - 1, Hash: "0xabc", Time: start, Safe: 5, Finalized: uint64(version)},
		}}}
	}
	refused(t, b, step(0), invoice.ErrConflict)
	refused(t, b, step(2), invoice.ErrConflict)
	commit(t, b, step(1))
	refused(t, b, step(1), invoice.ErrConflict)
	commit(t, b, step(2))
	refused(t, b, step(1), invoice.ErrConflict)
	same(t, "progress", must[invoice.Progress](t)(b.Network(ctx, mainnet)), step(2).Progress[0])
	same(t, "progress of another network", must[invoice.Progress](t)(b.Network(ctx, polygon)), invoice.Progress{})
}

func reserveIndexes(t *testing.T, b store.Backend) {
	for _, step := range []struct {
		wallet   string
		n, first uint32
	}{{"hot", 1, 0}, {"hot", 5, 1}, {"cold", 3, 0}, {"hot", 1, 6}, {"cold", 1, 3}} {
		if got := must[uint32](t)(b.ReserveIndexes(t.Context(), step.wallet, step.n)); got != step.first {
			t.Fatalf("%d indexes of %s: got %d, want %d", step.n, step.wallet, got, step.first)
		}
	}
}

func reserveNone(t *testing.T, b store.Backend) {
	reserve := func(n, want uint32) {
		t.Helper()
		if got := must[uint32](t)(b.ReserveIndexes(t.Context(), "hot", n)); got != want {
			t.Fatalf("%d indexes: got %d, want %d", n, got, want)
		}
	}
	reserve(0, 0)
	reserve(0, 0)
	reserve(7, 0)
	reserve(0, 7)
	reserve(0, 7)
	reserve(1, 7)
}

// mostIndexes is how many numbers a wallet has.
const mostIndexes uint32 = 1<<32 - 1

// noneLeft asks for numbers when fewer are left.
func noneLeft(t *testing.T, b store.Backend, n, handedOut uint32) {
	t.Helper()
	first, err := b.ReserveIndexes(t.Context(), "hot", n)
	if err == nil {
		t.Fatalf("got %d, want an error: fewer than %d indexes are left", first, n)
	}
	wantErr(t, err, invoice.ErrNoAddress)
	if got := must[uint32](t)(b.ReserveIndexes(t.Context(), "hot", 0)); got != handedOut {
		t.Fatalf("got %d handed out, want %d", got, handedOut)
	}
}

func reserveTooMany(t *testing.T, b store.Backend) {
	must[uint32](t)(b.ReserveIndexes(t.Context(), "hot", 1))
	noneLeft(t, b, mostIndexes, 1)
	must[uint32](t)(b.ReserveIndexes(t.Context(), "hot", mostIndexes-2))
	noneLeft(t, b, 2, mostIndexes-1)
	noneLeft(t, b, mostIndexes, mostIndexes-1)
	if got := must[uint32](t)(b.ReserveIndexes(t.Context(), "hot", 1)); got != mostIndexes-1 {
		t.Fatalf("got %d, want %d", got, mostIndexes-1)
	}
	noneLeft(t, b, 1, mostIndexes)
	noneLeft(t, b, mostIndexes, mostIndexes)
	if got := must[uint32](t)(b.ReserveIndexes(t.Context(), "cold", 1)); got != 0 {
		t.Fatalf("got %d of another wallet, want 0", got)
	}
}

func reserveAll(t *testing.T, b store.Backend) {
	if got := must[uint32](t)(b.ReserveIndexes(t.Context(), "hot", mostIndexes)); got != 0 {
		t.Fatalf("got %d, want 0", got)
	}
	noneLeft(t, b, 1, mostIndexes)
}

// aside is progress in which every field is set, to values that are hard to keep.
func aside(version int64) invoice.Progress {
	at := time.Date(2024, 2, 29, 23, 59, 59, 999999999, time.UTC)
	huge := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	return invoice.Progress{
		Network: mainnet, Version: version, Cursor: chain.Cursor{0, byte(version), 255}, At: at.Add(time.Duration(version)),
		Head: chain.Head{Height: 1<<63 - 1, Hash: "0xabc", Time: start, Safe: 5, Finalized: uint64(version), Tip: 1<<64 - 1},
		Aside: []invoice.Aside{
			{
				Since: at.AddDate(400, 0, 0), Cause: "\"two\" <&>\n\u2028", Invoice: "inv-00001", Rewound: true, Fork: 1<<63 - 1,
				Seen: []invoice.Seen{
					{
						Transfer: chain.Transfer{TxID: "0x1é", Index: "log:2", Asset: eth.ID, From: "0xFrom", To: "0xTo", Units: huge, Replaceable: true},
						Block:    invoice.BlockRef{Height: 1<<63 - 1, Hash: "0xb", Time: at},
						For:      "inv-00001",
					},
					{Transfer: chain.Transfer{Units: new(big.Int)}},
				},
			},
			{
				Cause:      "could not be examined",
				Unexamined: &chain.Unexamined{TxID: "0x2", Height: 1<<63 - 1, Block: "0xc", Time: at, Reason: "too large"},
			},
			{Since: at, Cause: "in portions", Portions: true, Fork: 7},
		},
	}
}

func tooLarge(t *testing.T, b store.Backend, payments int) {
	inv := newInvoice(1)
	insert(t, b, inv)
	next := inv
	next.Version++
	batch := invoice.Batch{Update: []invoice.Invoice{next}, Progress: []invoice.Progress{{Network: mainnet, Version: 1}}}
	for n := range payments {
		batch.Payments = append(batch.Payments, newPayment(n+1, inv, 100))
		batch.Events = append(batch.Events, newEvent(inv, int64(n)+2))
	}
	if err := b.Commit(t.Context(), batch); !errors.Is(err, invoice.ErrTooLarge) || errors.Is(err, invoice.ErrConflict) {
		t.Fatalf("got %v, want ErrTooLarge alone", err)
	}
	same(t, "the invoice", get(t, b, inv.ID), inv)
	if p := must[invoice.Progress](t)(b.Network(t.Context(), mainnet)); p.Version != 0 {
		t.Fatalf("got version %d of the progress, want none", p.Version)
	}
	batch.Payments, batch.Events = batch.Payments[:1], batch.Events[:1]
	commit(t, b, batch)
	same(t, "the invoice with a portion", get(t, b, inv.ID), with(next, batch.Payments...))
}

func progressRoundTrip(t *testing.T, b store.Backend) {
	commit(t, b, invoice.Batch{Progress: []invoice.Progress{aside(1)}})
	same(t, "progress", must[invoice.Progress](t)(b.Network(t.Context(), mainnet)), aside(1))
	next := aside(2)
	next.Aside = next.Aside[1:]
	commit(t, b, invoice.Batch{Progress: []invoice.Progress{next}})
	same(t, "progress after a step", must[invoice.Progress](t)(b.Network(t.Context(), mainnet)), next)
	bare := invoice.Progress{Network: mainnet, Version: 3}
	commit(t, b, invoice.Batch{Progress: []invoice.Progress{bare}})
	got := must[invoice.Progress](t)(b.Network(t.Context(), mainnet))
	if !got.At.IsZero() || len(got.Aside) != 0 {
		t.Fatalf("got %+v, want neither a time nor anything set aside", got)
	}
}
