package storetest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
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
	{"results belong to the caller", "changing what was passed or returned changes nothing in the store", answersAreCopies},
	{"an order finds its invoice", "InvoiceByOrder returns the project's invoice with its payments", byOrder},
	{"a transfer finds the invoice that it paid", "InvoicesPaid returns the invoices of the payments, with all their payments, each once", paidBy},
	{"a transaction finds the invoices that it paid", "InvoicesPaid returns the invoices of its payments, with all their payments, each once", paidIn},
	{"an ambiguous question is refused", "InvoicesPaid refuses a PaymentQuery that Validate refuses with its error; the zero value selects nothing", ambiguous},
	{"above a height", "InvoicesPaid returns each invoice with a payment above the height that is not withdrawn", above},
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
	if events := must[[]invoice.Event](t)(b.InvoiceEvents(ctx, "nobody", 0)); len(events) != 0 {
		t.Fatalf("got events of an unknown invoice: %v", events)
	}
}

// elaborate returns an invoice in which every field is set, to values that are hard to keep.
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
	inv.Quote.Index = 1<<32 - 1
	inv.Quote.Since, inv.Quote.Unseen = 1<<63-1, true
	inv.Quote.Slot, inv.Quote.Fee, inv.Quote.Quarantine, inv.Quote.Released = "a \"slot\"", huge, 1<<63-1, true
	earlier, bare := *newQuote(8, pol), invoice.Quote{}
	earlier.Slot, earlier.Fee, earlier.Quarantine, earlier.Released = "é", new(big.Int), 1, true
	inv.Earlier = []invoice.Quote{earlier, bare}
	inv.Data = map[string]string{"": "empty", "é <&>": "ü\n\u2028", "a\"b": ""}
	inv.Terms.ToleranceUnits = new(big.Int)
	inv.Terms.Standing, inv.Terms.Single = true, true
	inv.Terms.Assets = []chain.AssetID{pol.ID, "eip155:1/erc20:0xAbC", eth.ID}
	inv.Terms.DiscountPercent = decimal.RequireFromString("-0.000000000000000001")
	inv.Terms.CommissionPercent = decimal.RequireFromString("1.50")
	inv.Terms.PayerPercent = decimal.RequireFromString("33.333333333333333333")
	inv.Terms.RateSource = "a source"
	inv.Terms.Confirm = chain.Confirmations{Tag: chain.FinalityFinalized, Depth: 1<<63 - 1}
	inv.CreatedAt, inv.UpdatedAt, inv.Deadline = at, at.Add(1), at.AddDate(400, 0, 0)
	inv.Actions = []invoice.Action{
		{N: 1, Kind: invoice.ActionCancel, At: at, Actor: "ann", Comment: "no\tlonger"},
		{N: 2, Kind: invoice.ActionReopen, At: at.Add(1), Until: at.Add(2)},
		{N: 3, Kind: invoice.ActionLabel, At: at.Add(1), Label: "for \"Öl\""},
	}
	inv.State = invoice.State{
		Status: invoice.StatusPaidPartial, Outcome: invoice.OutcomeUnder | invoice.OutcomeLate, Closed: true,
		Received: huge, Counted: new(big.Int), Confirmed: nil, CompletedAt: at.Add(3), ReleasedAt: at.Add(4),
		Wake: invoice.Wake{Tag: chain.FinalitySafe, Height: 1<<63 - 1, Time: at.AddDate(500, 0, 0)},
	}
	inv.Settled = &invoice.Settled{
		Count: 1 << 40, Received: huge, Counted: new(big.Int), Late: 3, Other: 1<<63 - 1, LastSeen: at.Add(6),
		Paid: []chain.Address{"0xé", "0xFrom"}, Assets: map[chain.AssetID]invoice.SettledSum{
			pol.ID: {Units: huge, Mature: big.NewInt(7), Credit: new(big.Int)}, "eip155:1/erc20:0xAbC": {Units: big.NewInt(1)},
		},
	}
	inv.Seq = 1 << 40
	first, second := newPayment(1, inv, 1<<62), newPayment(2, inv, invoice.Unconfirmed)
	first.Units, first.Credit, first.Rerated = huge, nil, new(big.Int)
	first.MaturedAt, first.Dust = at.Add(5), true
	second.Replaceable, second.Withdrawn = true, true
	return inv, []invoice.Payment{first, second}
}

func roundTrip(t *testing.T, b store.Backend) {
	inv, payments := elaborate()
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Payments: payments})
	inv.Payments = payments
	same(t, "the invoice", get(t, b, inv.ID), inv)
	same(t, "the invoice by its order", must[invoice.Invoice](t)(b.InvoiceByOrder(t.Context(), inv.Project, inv.OrderID)), inv)
	same(t, "the invoice in a listing", must[invoice.Page](t)(b.Invoices(t.Context(), invoice.Query{Standing: true, Limit: 1})).Invoices[0], inv)
	same(t, "the invoice by its payment", must[[]invoice.Invoice](t)(b.InvoicesPaid(t.Context(), invoice.PaymentQuery{Keys: []chain.Key{payments[1].Key}}))[0], inv)
	next := revise(inv)
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{next}})
	same(t, "the invoice after an update", get(t, b, inv.ID), next)
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
	got := must[[]invoice.Event](t)(b.InvoiceEvents(t.Context(), inv.ID, 0))
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
	progress := aside(1)
	progress.Cursor = chain.Cursor("abc")
	commit(t, b, invoice.Batch{
		Insert: []invoice.Invoice{inv}, Payments: payments, Events: []invoice.Event{ev},
		Messages: []invoice.Message{msg}, Progress: []invoice.Progress{progress},
	})
	spoil := func(inv invoice.Invoice, payments []invoice.Payment, ev invoice.Event, msg invoice.Message, p invoice.Progress) {
		inv.Quote.Due.SetInt64(1)
		inv.Quote.Fee.SetInt64(1)
		inv.Earlier[0].Due.SetInt64(1)
		inv.Earlier[0].Fee.SetInt64(1)
		inv.Earlier[1].Address = "elsewhere"
		inv.Terms.Assets[0] = "another"
		inv.Data["new"] = "x"
		inv.Quote.Address = "elsewhere"
		inv.Terms.Minimum.SetInt64(1)
		inv.Terms.Step.SetInt64(1)
		inv.Terms.ToleranceUnits.SetInt64(1)
		inv.Actions[0].Comment = "changed"
		inv.State.Received.SetInt64(1)
		inv.State.Counted.SetInt64(1)
		inv.Settled.Received.SetInt64(1)
		inv.Settled.Counted.SetInt64(1)
		inv.Settled.Paid[0] = "elsewhere"
		inv.Settled.Assets[pol.ID].Units.SetInt64(1)
		inv.Settled.Assets[pol.ID].Mature.SetInt64(1)
		inv.Settled.Assets[pol.ID].Credit.SetInt64(1)
		delete(inv.Settled.Assets, "eip155:1/erc20:0xAbC")
		payments[0].Units.SetInt64(1)
		payments[0].Rerated.SetInt64(1)
		payments[1].Credit.SetInt64(1)
		payments[1].Invoice = "elsewhere"
		ev.Body[0], msg.Body[0], p.Cursor[0] = 'X', 'X', 'X'
		p.Aside[0].Seen[0].Transfer.Units.SetInt64(1)
		p.Aside[0].Seen[0].Transfer.TxID = "elsewhere"
		p.Aside[1].Cause = "changed"
		p.Aside[1].Unexamined.TxID = "elsewhere"
	}
	spoil(inv, payments, ev, msg, progress)
	ctx := t.Context()
	wantInv, wantPayments := elaborate()
	wantInv.Payments = wantPayments
	for range 2 { // the second time after the first result was changed
		got := get(t, b, wantInv.ID)
		same(t, "the invoice", got, wantInv)
		events := must[[]invoice.Event](t)(b.InvoiceEvents(ctx, inv.ID, 0))
		same(t, "the event's body", string(events[0].Body), string(newEvent(wantInv, 1).Body))
		history := must[[]record](t)(b.History(ctx, inv.ID, 0))
		same(t, "the message", history[0].Message, newMessage(wantInv, 1, "https://shop.example/callback"))
		gotProgress := must[invoice.Progress](t)(b.Network(ctx, mainnet))
		same(t, "the cursor", string(gotProgress.Cursor), "abc")
		same(t, "what was set aside", gotProgress.Aside, aside(1).Aside)
		all := must[[]invoice.Payment](t)(b.Payments(ctx, inv.ID, chain.Key{}, 9))
		sameList(t, "the payments", all, wantPayments)
		all[0].Units.SetInt64(1)
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

func paidBy(t *testing.T, b store.Backend) {
	one, two := newInvoice(1), newInvoice(2)
	insert(t, b, one, two, newInvoice(3))
	withdrawn, sibling, foreign := newPayment(3, two, 101), newPayment(1, two, 100), newPayment(1, two, 100)
	withdrawn.Withdrawn = true
	sibling.Key.Index, foreign.Key.Network = "8", polygon
	one.Payments = []invoice.Payment{newPayment(1, one, 100), newPayment(2, one, invoice.Unconfirmed)}
	two.Payments = []invoice.Payment{sibling, withdrawn, foreign}
	commit(t, b, invoice.Batch{Payments: append(slices.Clone(one.Payments), two.Payments...)})
	ask := func(keys ...chain.Key) []invoice.Invoice {
		t.Helper()
		got := must[[]invoice.Invoice](t)(b.InvoicesPaid(t.Context(), invoice.PaymentQuery{Keys: keys}))
		slices.SortFunc(got, func(x, y invoice.Invoice) int { return cmp.Compare(x.ID, y.ID) })
		return got
	}
	first, unknown := one.Payments[0].Key, chain.Key{Network: mainnet, TxID: "0xunknown", Index: "7"}
	sameList(t, "one payment", ask(first), []invoice.Invoice{one})
	sameList(t, "both payments", ask(first, one.Payments[1].Key, first), []invoice.Invoice{one})
	sameList(t, "withdrawn", ask(withdrawn.Key), []invoice.Invoice{two})
	sameList(t, "another transfer of the transaction", ask(sibling.Key), []invoice.Invoice{two})
	sameList(t, "the same transaction elsewhere", ask(foreign.Key), []invoice.Invoice{two})
	sameList(t, "payments of both", ask(foreign.Key, unknown, first, sibling.Key), []invoice.Invoice{one, two})
	sameList(t, "unknown", ask(unknown, chain.Key{}), nil)
	sameList(t, "none", ask(), nil)
	many := []chain.Key{first}
	for n := range 5000 {
		many = append(many, newPayment(n+10, one, 0).Key)
	}
	sameList(t, "thousands", ask(many...), []invoice.Invoice{one})
}

func paidIn(t *testing.T, b store.Backend) {
	one, two := newInvoice(1), newInvoice(2)
	insert(t, b, one, two, newInvoice(3))
	at := func(n int, of invoice.Invoice, network chain.Network, txID, index string) invoice.Payment {
		p := newPayment(n, of, uint64(100+n))
		p.Key = chain.Key{Network: network, TxID: txID, Index: index}
		return p
	}
	long := strings.Repeat("f", 256)
	withdrawn := at(5, two, mainnet, "0xgone", "1")
	withdrawn.Withdrawn = true
	one.Payments = []invoice.Payment{
		at(3, one, mainnet, "0xbot", ""), at(1, one, mainnet, "0xboth", "1"), at(2, one, mainnet, "0xboth", "3"), at(4, one, mainnet, "0xone", "h1"),
	}
	two.Payments = []invoice.Payment{at(6, two, mainnet, "0xboth", "2"), withdrawn, at(7, two, mainnet, long, "0"), at(8, two, polygon, "0xone", "1")}
	commit(t, b, invoice.Batch{Payments: append(slices.Clone(one.Payments), two.Payments...)})
	for _, c := range []struct {
		network chain.Network
		txID    string
		want    []invoice.Invoice
	}{
		{mainnet, "0xboth", []invoice.Invoice{one, two}},
		{mainnet, "0xbot", []invoice.Invoice{one}},
		{mainnet, "0xone", []invoice.Invoice{one}},
		{polygon, "0xone", []invoice.Invoice{two}},
		{mainnet, "0xgone", []invoice.Invoice{two}},
		{mainnet, long, []invoice.Invoice{two}},
		{mainnet, long[1:], nil},
		{polygon, "0xboth", nil},
		{mainnet, "0xBOTH", nil},
		{mainnet, "0x%", nil},
		{mainnet, "", nil},
	} {
		got := must[[]invoice.Invoice](t)(b.InvoicesPaid(t.Context(), invoice.PaymentQuery{Network: c.network, TxID: c.txID}))
		slices.SortFunc(got, func(x, y invoice.Invoice) int { return cmp.Compare(x.ID, y.ID) })
		sameList(t, fmt.Sprintf("paid in %.20q on %q", c.txID, c.network), got, c.want)
	}
}

func ambiguous(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	insert(t, b, inv)
	p := newPayment(1, inv, 100)
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{p}})
	keys := []chain.Key{p.Key}
	for _, q := range []invoice.PaymentQuery{
		{Keys: keys, Network: mainnet}, {Keys: keys, TxID: p.Key.TxID}, {Keys: keys, From: 1}, {Keys: keys, Network: mainnet, TxID: p.Key.TxID},
		{Network: mainnet, TxID: p.Key.TxID, From: 1}, {TxID: p.Key.TxID}, {From: 1},
	} {
		got, err := b.InvoicesPaid(t.Context(), q)
		if _, invalid := errors.AsType[*invoice.InvalidError](err); !invalid || len(got) > 0 {
			t.Errorf("%+v: got %d invoices and error %v, want an InvalidError", q, len(got), err)
		}
	}
	for _, q := range []invoice.PaymentQuery{{}, {Keys: []chain.Key{}}, {Network: mainnet}} {
		sameIDs(t, fmt.Sprintf("%+v", q), must[[]invoice.Invoice](t)(b.InvoicesPaid(t.Context(), q)))
	}
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
		{mainnet, 1<<64 - 2, nil},
		{polygon, 100, []string{"inv-00004"}},
		{"eip155:10", 0, nil},
	} {
		got := must[[]invoice.Invoice](t)(b.InvoicesPaid(t.Context(), invoice.PaymentQuery{Network: c.network, From: c.height + 1}))
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
	got := must[[]invoice.Invoice](t)(b.InvoicesPaid(t.Context(), invoice.PaymentQuery{Network: mainnet, From: 103}))
	sameIDs(t, "after one came back and one was confirmed", got, "inv-00003")
}
