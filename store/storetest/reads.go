package storetest

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store"
	"github.com/shopspring/decimal"
)

var readCases = []testCase{
	{"what is not there is not found", "a read of one thing that is not there is ErrNotFound", notFound},
	{"everything comes back as it was", "amounts, times to the nanosecond, text and absent fields come back unchanged", roundTrip},
	{"an invoice without anything optional", "amounts, times to the nanosecond, text and absent fields come back unchanged", bareRoundTrip},
	{"an event comes back as it was", "an event and the bytes of its body are frozen", eventRoundTrip},
	{"payments are not stored with the invoice", "Payments of inserted and updated invoices are not stored", paymentsApart},
	{"answers belong to the caller", "changing what was given or answered changes nothing in the store", answersAreCopies},
	{"an order finds its invoice", "InvoiceByOrder answers the project's invoice with its payments", byOrder},
	{"an address finds its invoices on every network", "InvoicesByAddress answers each invoice once, on whichever network", byAddress},
	{"thousands of addresses may be asked for", "InvoicesByAddress takes the addresses of a whole block", byManyAddresses},
	{"above a height", "InvoicesAbove answers each invoice with a payment above the height that is not withdrawn", above},
}

func notFound(t *testing.T, b store.Backend) {
	ctx := t.Context()
	insert(t, b, newInvoice(1))
	_, err := b.Invoice(ctx, "nobody")
	wantErr(t, err, invoice.ErrNotFound)
	_, err = b.Invoice(ctx, "")
	wantErr(t, err, invoice.ErrNotFound)
	_, err = b.InvoiceByOrder(ctx, "shop", "nothing")
	wantErr(t, err, invoice.ErrNotFound)
	_, err = b.InvoiceByOrder(ctx, "another shop", newInvoice(1).OrderID)
	wantErr(t, err, invoice.ErrNotFound)
	if events := must[[]invoice.Event](t)(b.InvoiceEvents(ctx, "nobody")); len(events) != 0 {
		t.Fatalf("got events of an unknown invoice: %v", events)
	}
}

// elaborate is an invoice in which everything is set, to something hard to keep.
func elaborate() (invoice.Invoice, []invoice.Payment) {
	huge := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	at := time.Date(2024, 2, 29, 23, 59, 59, 999999999, time.UTC)
	inv := newInvoice(1)
	inv.OrderID = "Æble/🍎 \"x\" \\ \u2028 <&> %_'"
	inv.Name = "café und cafe\u0301; ünïcödé 漢字 🧾"
	inv.Format = "standard"
	inv.Price.Amount = decimal.RequireFromString("1000000000000000.00000001")
	inv.Quote.Due = huge
	inv.Quote.Rate = rates.Rate{
		Pair: rates.Pair{Base: "ETH", Quote: "EUR"}, Value: decimal.RequireFromString("0.000000000000000000123456789"),
		Time: at, Source: "median(a,b)",
	}
	inv.Quote.Fiat.Amount = decimal.RequireFromString("0.00000001")
	inv.Quote.Index = 1<<31 - 1
	inv.Terms.ToleranceUnits = new(big.Int)
	inv.Terms.Confirm = invoice.Confirmations{Tag: invoice.FinalityFinalized, Depth: 1<<63 - 1}
	inv.CreatedAt, inv.UpdatedAt, inv.Deadline = at, at.Add(1), at.AddDate(400, 0, 0)
	inv.Actions = []invoice.Action{
		{N: 1, Kind: invoice.ActionCancel, At: at, Actor: "ann", Comment: "no\tlonger"},
		{N: 2, Kind: invoice.ActionReopen, At: at.Add(1), Until: at.Add(2)},
	}
	inv.State = invoice.State{
		Status: invoice.StatusPaidPartial, Outcome: invoice.OutcomeUnder | invoice.OutcomeLate, Closed: true,
		Received: huge, Counted: new(big.Int), Confirmed: nil, CompletedAt: at.Add(3),
		Wake: invoice.Wake{Tag: invoice.FinalitySafe, Height: 1<<63 - 1, Time: at.AddDate(500, 0, 0)},
	}
	inv.Seq = 1 << 40
	first, second := newPayment(1, inv, 1<<62), newPayment(2, inv, invoice.Unconfirmed)
	first.Units, first.Credit, first.Rerated = huge, nil, new(big.Int)
	second.Replaceable, second.Withdrawn = true, true
	return inv, []invoice.Payment{first, second}
}

func roundTrip(t *testing.T, b store.Backend) {
	inv, payments := elaborate()
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Payments: payments})
	inv.Payments = payments
	same(t, "the invoice", get(t, b, inv.ID), inv)
	same(t, "the invoice by its order", must[invoice.Invoice](t)(b.InvoiceByOrder(t.Context(), inv.Project, inv.OrderID)), inv)
	same(t, "the invoice in a listing", must[invoice.Page](t)(b.Invoices(t.Context(), invoice.Query{Limit: 1})).Invoices[0], inv)
}

func bareRoundTrip(t *testing.T, b store.Backend) {
	inv := invoice.Invoice{
		ID: "bare", Project: "shop", CreatedAt: start, UpdatedAt: start, Version: 1,
		State: invoice.State{Status: invoice.StatusArchived},
	}
	insert(t, b, inv)
	same(t, "the invoice", get(t, b, inv.ID), inv)
	p := invoice.Payment{Key: chain.Key{Network: mainnet, TxID: "0x1"}, Invoice: inv.ID, Units: big.NewInt(1), FirstSeen: start}
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{p}})
	sameList(t, "payments", get(t, b, inv.ID).Payments, []invoice.Payment{p})
}

func eventRoundTrip(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	first, bare := newEvent(inv, 1), invoice.Event{ID: "evt_bare", Invoice: inv.ID, Seq: 2, Type: invoice.EventCreated, At: start}
	first.Body = json.RawMessage("{ \"b\":1.50,\n\t\"a\": \"<\\u00e9🍎\" }")
	first.Comment = "naïve\nlines"
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Events: []invoice.Event{first, bare}})
	got := must[[]invoice.Event](t)(b.InvoiceEvents(t.Context(), inv.ID))
	for i := range got {
		got[i].Position = 0
	}
	sameList(t, "events", got, []invoice.Event{first, bare})
}

func paymentsApart(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	inv.Payments = []invoice.Payment{newPayment(1, inv, 100)}
	insert(t, b, inv)
	sameList(t, "payments after the insert", get(t, b, inv.ID).Payments, nil)
	p := newPayment(2, inv, 100)
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{revise(inv)}, Payments: []invoice.Payment{p}})
	sameList(t, "payments after the update", get(t, b, inv.ID).Payments, []invoice.Payment{p})
}

func answersAreCopies(t *testing.T, b store.Backend) {
	inv, payments := elaborate()
	ev, msg := newEvent(inv, 1), newMessage(inv, 1, "https://shop.example/callback")
	progress := invoice.Progress{Network: mainnet, Cursor: chain.Cursor("abc"), Version: 1}
	commit(t, b, invoice.Batch{
		Insert: []invoice.Invoice{inv}, Payments: payments, Events: []invoice.Event{ev},
		Messages: []invoice.Message{msg}, Progress: []invoice.Progress{progress},
	})
	spoil := func(inv invoice.Invoice, payments []invoice.Payment, ev invoice.Event, msg invoice.Message, p invoice.Progress) {
		inv.Quote.Due.SetInt64(1)
		inv.Quote.Address = "elsewhere"
		inv.Terms.Minimum.SetInt64(1)
		inv.Terms.ToleranceUnits.SetInt64(1)
		inv.Actions[0].Comment = "changed"
		inv.State.Received.SetInt64(1)
		inv.State.Counted.SetInt64(1)
		payments[0].Units.SetInt64(1)
		payments[0].Rerated.SetInt64(1)
		payments[1].Credit.SetInt64(1)
		payments[1].Invoice = "elsewhere"
		ev.Body[0], msg.Body[0], p.Cursor[0] = 'X', 'X', 'X'
	}
	spoil(inv, payments, ev, msg, progress)
	ctx := t.Context()
	wantInv, wantPayments := elaborate()
	wantInv.Payments = wantPayments
	for range 2 { // the second time after what was answered has been changed
		got := get(t, b, wantInv.ID)
		same(t, "the invoice", got, wantInv)
		events := must[[]invoice.Event](t)(b.InvoiceEvents(ctx, inv.ID))
		same(t, "the event's body", string(events[0].Body), string(newEvent(wantInv, 1).Body))
		history := must[[]record](t)(b.History(ctx, inv.ID))
		same(t, "the message", history[0].Message, newMessage(wantInv, 1, "https://shop.example/callback"))
		gotProgress := must[invoice.Progress](t)(b.Network(ctx, mainnet))
		same(t, "the cursor", string(gotProgress.Cursor), "abc")
		spoil(got, got.Payments, events[0], history[0].Message, gotProgress)
	}
}

func byOrder(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	insert(t, b, inv, newInvoice(2))
	p := newPayment(1, inv, 5)
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{p}})
	inv.Payments = []invoice.Payment{p}
	same(t, "the invoice", must[invoice.Invoice](t)(b.InvoiceByOrder(t.Context(), "shop", inv.OrderID)), inv)
}

func byAddress(t *testing.T, b store.Backend) {
	here, there := newInvoice(1), newInvoice(2, func(inv *invoice.Invoice) { inv.Quote = newQuote(1, pol) })
	insert(t, b, here, there, newInvoice(3), newInvoice(4, unquoted))
	p := newPayment(1, here, 5)
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{p}})
	here.Payments = []invoice.Payment{p}
	ask := func(addresses ...chain.Address) []invoice.Invoice {
		return must[[]invoice.Invoice](t)(b.InvoicesByAddress(t.Context(), addresses))
	}
	sameIDs(t, "one address on two networks", ask(address(1)), here.ID, there.ID)
	sameIDs(t, "an address asked for twice", ask(address(3), address(1), "0xunknown", address(3), address(1)), here.ID, there.ID, "inv-00003")
	sameIDs(t, "unknown addresses", ask("0xunknown", ""))
	sameIDs(t, "no addresses", ask())
	for _, inv := range ask(address(1)) {
		if inv.ID == here.ID {
			same(t, "the invoice", inv, here)
		}
	}
	chosen := revise(newInvoice(4, unquoted), func(inv *invoice.Invoice) { inv.Quote = newQuote(4, eth) })
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{chosen}})
	sameIDs(t, "an address chosen later", ask(address(4)), chosen.ID)
}

func byManyAddresses(t *testing.T, b store.Backend) {
	var asked []chain.Address
	for n := range 40_000 {
		asked = append(asked, chain.Address(fmt.Sprintf("0xother%d", n)))
	}
	var want []string
	for n := range 10 {
		insert(t, b, newInvoice(n))
		asked = append(asked, address(n))
		want = append(want, newInvoice(n).ID)
	}
	sameIDs(t, "ten hits", must[[]invoice.Invoice](t)(b.InvoicesByAddress(t.Context(), asked)), want...)
}

func above(t *testing.T, b store.Backend) {
	var invs []invoice.Invoice
	for n := range 7 {
		invs = append(invs, newInvoice(n))
	}
	insert(t, b, invs...)
	withdrawn, elsewhere := newPayment(5, invs[3], 105), newPayment(6, invs[4], 105)
	withdrawn.Withdrawn = true
	elsewhere.Key.Network = polygon
	twice := []invoice.Payment{newPayment(1, invs[0], 100), newPayment(2, invs[0], 102)}
	commit(t, b, invoice.Batch{Payments: append(twice,
		newPayment(3, invs[1], 101), newPayment(4, invs[2], invoice.Unconfirmed), withdrawn, elsewhere, newPayment(7, invs[6], 99))})
	for _, c := range []struct {
		network chain.Network
		height  uint64
		want    []string
	}{
		{mainnet, 0, []string{"inv-00000", "inv-00001", "inv-00002", "inv-00006"}},
		{mainnet, 99, []string{"inv-00000", "inv-00001", "inv-00002"}},
		{mainnet, 100, []string{"inv-00000", "inv-00001", "inv-00002"}},
		{mainnet, 101, []string{"inv-00000", "inv-00002"}},
		{mainnet, 102, []string{"inv-00002"}},
		{mainnet, invoice.Unconfirmed - 1, []string{"inv-00002"}},
		{mainnet, invoice.Unconfirmed, nil},
		{mainnet, 1<<64 - 1, nil},
		{polygon, 100, []string{"inv-00004"}},
		{"eip155:10", 0, nil},
	} {
		got := must[[]invoice.Invoice](t)(b.InvoicesAbove(t.Context(), c.network, c.height))
		sameIDs(t, fmt.Sprintf("above %d on %s", c.height, c.network), got, c.want...)
		for _, inv := range got {
			if len(inv.Payments) == 0 {
				t.Fatalf("invoice %s came without its payments", inv.ID)
			}
		}
	}
	back := withdrawn
	back.Withdrawn = false
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{back, newPayment(4, invs[2], 101)}})
	got := must[[]invoice.Invoice](t)(b.InvoicesAbove(t.Context(), mainnet, 102))
	sameIDs(t, "after one came back and one was confirmed", got, "inv-00003")
}
