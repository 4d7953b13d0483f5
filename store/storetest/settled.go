package storetest

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/callers"
)

var settledCases = []testCase{
	{"invoices come without their settled payments", "Reader returns invoices with the payments that are not Settled", openOnly},
	{"a settled payment that is asked for comes too", "InvoicesPaid returns invoices also with the settled payments of the keys, each once", settledBy},
	{"settled payments of a transaction come too", "InvoicesPaid returns invoices also with the settled payments of the transaction", settledIn},
	{"settled payments above a height come too", "InvoicesPaid returns invoices also with the settled payments of the network from the height on", settledAbove},
	{"a payment is settled and opened again", "a payment replaces the one with its natural key, whether that is settled or not", settledAndBack},
	{"a settled payment stays with its invoice", "a natural key that belongs to another invoice is ErrConflict", settledForeign},
	{"payments in pages", "Payments returns up to limit payments above the key, settled ones included, in the order of their natural keys", paymentPages},
	{"settled payments come back as they were", "what is stored comes back as it was", settledRoundTrip},
	{"a reader sees a payment either open or summed up", "what a batch changes is seen together or not at all", settledWhole},
}

// settledPayment returns payment number n as one that is in the sums of its invoice.
func settledPayment(n int, inv invoice.Invoice, height uint64) invoice.Payment {
	p := newPayment(n, inv, height)
	p.Settled = true
	return p
}

func pay(t *testing.T, b store.Backend, payments ...invoice.Payment) {
	t.Helper()
	commit(t, b, invoice.Batch{Payments: payments})
}

// with returns the invoice with the payments, in the order of their keys.
func with(inv invoice.Invoice, payments ...invoice.Payment) invoice.Invoice {
	inv.Payments = slices.SortedFunc(slices.Values(payments), func(x, y invoice.Payment) int {
		return cmp.Or(cmp.Compare(x.Key.Network, y.Key.Network), cmp.Compare(x.Key.TxID, y.Key.TxID), cmp.Compare(x.Key.Index, y.Key.Index))
	})
	return inv
}

func byID(t *testing.T) func([]invoice.Invoice, error) []invoice.Invoice {
	return func(got []invoice.Invoice, err error) []invoice.Invoice {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return slices.SortedFunc(slices.Values(got), func(x, y invoice.Invoice) int { return cmp.Compare(x.ID, y.ID) })
	}
}

func openOnly(t *testing.T, b store.Backend) {
	one, two := newInvoice(1), newInvoice(2)
	insert(t, b, one, two)
	first, last := newPayment(2, one, 100), newPayment(5, one, invoice.Unconfirmed)
	pay(t, b, settledPayment(1, one, 90), first, settledPayment(3, one, 101), last, settledPayment(4, two, 100))
	ctx, head := t.Context(), chain.Head{Height: 1, Time: start.AddDate(1, 0, 0)}
	one = with(one, first, last)
	want := []invoice.Invoice{one, two}
	same(t, "Invoice", get(t, b, one.ID), one)
	same(t, "Invoice, all settled", get(t, b, two.ID), two)
	same(t, "InvoiceByOrder", must[invoice.Invoice](t)(b.InvoiceByOrder(ctx, "shop", one.OrderID)), one)
	sameList(t, "Invoices", must[invoice.Page](t)(b.Invoices(ctx, invoice.Query{Ascending: true, Limit: 9})).Invoices, want)
	sameList(t, "InvoicesAt", at(t, b, place(1), place(2)), want)
	if l, lists := lister(b, hasPaid); lists {
		sameList(t, "PaidInvoices", byID(t)(l.PaidInvoices(ctx, "", 9)), want)
	}
	sameList(t, "InvoicesWaking", byID(t)(b.InvoicesWaking(ctx, mainnet, head, 9)), want)
	sameList(t, "InvoicesPaid by an open one", byID(t)(b.InvoicesPaid(ctx, invoice.PaymentQuery{Keys: []chain.Key{last.Key}})), want[:1])
	sameList(t, "InvoicesPaid in an open one's", byID(t)(b.InvoicesPaid(ctx, invoice.PaymentQuery{Network: mainnet, TxID: first.Key.TxID})), want[:1])
	sameList(t, "InvoicesPaid above all but an open one", byID(t)(b.InvoicesPaid(ctx, invoice.PaymentQuery{Network: mainnet, From: 102})), want[:1])
}

func settledBy(t *testing.T, b store.Backend) {
	one, two := newInvoice(1), newInvoice(2)
	insert(t, b, one, two, newInvoice(3))
	open, s1, s3, other := newPayment(2, one, 100), settledPayment(1, one, 90), settledPayment(3, one, 90), settledPayment(4, two, 90)
	pay(t, b, open, s1, s3, settledPayment(5, one, 95), other, settledPayment(6, two, 95))
	ask := func(payments ...invoice.Payment) []invoice.Invoice {
		var keys []chain.Key
		for _, p := range payments {
			keys = append(keys, p.Key)
		}
		return byID(t)(b.InvoicesPaid(t.Context(), invoice.PaymentQuery{Keys: keys}))
	}
	sameList(t, "one", ask(s1), []invoice.Invoice{with(one, open, s1)})
	sameList(t, "one, twice", ask(s1, s1), []invoice.Invoice{with(one, open, s1)})
	sameList(t, "one and an open one", ask(s3, open), []invoice.Invoice{with(one, open, s3)})
	sameList(t, "of two invoices", ask(other, s3, s1), []invoice.Invoice{with(one, open, s1, s3), with(two, other)})
	sameList(t, "an open one", ask(open), []invoice.Invoice{with(one, open)})
}

func settledIn(t *testing.T, b store.Backend) {
	one, two := newInvoice(1), newInvoice(2)
	insert(t, b, one, two)
	in := func(p invoice.Payment, network chain.Network, txID, index string) invoice.Payment {
		p.Key = chain.Key{Network: network, TxID: txID, Index: index}
		return p
	}
	mine, both := in(newPayment(1, one, 100), mainnet, "0xboth", "1"), in(settledPayment(2, one, 100), mainnet, "0xboth", "2")
	theirs := in(settledPayment(3, two, 100), mainnet, "0xboth", "3")
	gone := in(settledPayment(4, two, 100), mainnet, "0xgone", "1")
	gone.Withdrawn = true
	pay(t, b, mine, both, theirs, gone, in(settledPayment(5, one, 100), polygon, "0xboth", "1"), in(settledPayment(6, one, 100), mainnet, "0xbot", "1"))
	ask := func(txID string) []invoice.Invoice {
		return byID(t)(b.InvoicesPaid(t.Context(), invoice.PaymentQuery{Network: mainnet, TxID: txID}))
	}
	sameList(t, "of two invoices", ask("0xboth"), []invoice.Invoice{with(one, mine, both), with(two, theirs)})
	sameList(t, "withdrawn", ask("0xgone"), []invoice.Invoice{with(two, gone)})
	sameList(t, "unknown", ask("0x"), nil)
}

func settledAbove(t *testing.T, b store.Backend) {
	one, two, three := newInvoice(1), newInvoice(2), newInvoice(3)
	insert(t, b, one, two, three)
	low, open := settledPayment(1, one, 90), newPayment(2, one, 80)
	high, only := settledPayment(3, one, 95), settledPayment(4, two, 95)
	gone, elsewhere := settledPayment(5, three, 95), settledPayment(6, three, 95)
	gone.Withdrawn = true
	elsewhere.Key.Network = polygon
	pay(t, b, low, open, high, only, gone, elsewhere)
	ask := func(network chain.Network, height uint64) []invoice.Invoice {
		return byID(t)(b.InvoicesPaid(t.Context(), invoice.PaymentQuery{Network: network, From: height + 1}))
	}
	sameList(t, "above one of two", ask(mainnet, 90), []invoice.Invoice{with(one, open, high), with(two, only)})
	sameList(t, "above none", ask(mainnet, 89), []invoice.Invoice{with(one, open, low, high), with(two, only)})
	sameList(t, "above all", ask(mainnet, 95), nil)
	sameList(t, "elsewhere", ask(polygon, 94), []invoice.Invoice{with(three, elsewhere)})
	high.Block.Height = 97 // another block of a fork
	pay(t, b, high)
	sameList(t, "after it moved", ask(mainnet, 96), []invoice.Invoice{with(one, open, high)})
}

func settledAndBack(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	insert(t, b, inv)
	p, other := newPayment(1, inv, invoice.Unconfirmed), newPayment(2, inv, 100)
	pay(t, b, p, other)
	for n := range 3 {
		p = settledPayment(1, inv, uint64(101+n))
		pay(t, b, p)
		same(t, "settled", get(t, b, inv.ID), with(inv, other))
		pay(t, b, p) // again
		same(t, "settled, found by its height", byID(t)(b.InvoicesPaid(t.Context(), invoice.PaymentQuery{Network: mainnet, From: 101}))[0], with(inv, p, other))
		sameList(t, "all payments", pages(t, b, inv.ID, 1), []invoice.Payment{p, other})
		p.Settled, p.Withdrawn = false, n%2 == 1
		pay(t, b, p)
		same(t, "open again", get(t, b, inv.ID), with(inv, p, other))
		sameList(t, "all payments", pages(t, b, inv.ID, 1), []invoice.Payment{p, other})
	}
}

func settledForeign(t *testing.T, b store.Backend) {
	mine, other := newInvoice(1), newInvoice(2)
	insert(t, b, mine, other)
	p := settledPayment(1, mine, 100)
	pay(t, b, p)
	refused(t, b, invoice.Batch{Payments: []invoice.Payment{newPayment(1, other, 100)}}, invoice.ErrConflict)
	refused(t, b, invoice.Batch{Payments: []invoice.Payment{settledPayment(1, other, 100)}}, invoice.ErrConflict)
	sameList(t, "payments of the first", pages(t, b, mine.ID, 9), []invoice.Payment{p})
	sameList(t, "payments of the other", pages(t, b, other.ID, 9), nil)
}

// pages reads all payments of an invoice, page by page.
func pages(t *testing.T, b store.Backend, id string, limit int) []invoice.Payment {
	t.Helper()
	var out []invoice.Payment
	for after := (chain.Key{}); ; {
		page := must[[]invoice.Payment](t)(b.Payments(t.Context(), id, after, limit))
		if len(page) > limit {
			t.Fatalf("got %d payments, want at most %d", len(page), limit)
		}
		if len(page) == 0 || len(out) > 10_000 {
			return out
		}
		after = page[len(page)-1].Key
		out = append(out, page...)
	}
}

func paymentPages(t *testing.T, b store.Backend) {
	inv, other := newInvoice(1), newInvoice(2)
	insert(t, b, inv, other, newInvoice(3))
	var all []invoice.Payment
	for i, k := range []chain.Key{
		{Network: mainnet, TxID: "0x1", Index: ""}, {Network: mainnet, TxID: "0x1", Index: "1"}, {Network: mainnet, TxID: "0x1", Index: "10"},
		{Network: mainnet, TxID: "0x1", Index: "9"}, {Network: mainnet, TxID: "0x1", Index: "log:2"}, {Network: mainnet, TxID: "0x10", Index: "0"},
		{Network: mainnet, TxID: "0xA", Index: "0"}, {Network: mainnet, TxID: "0xa", Index: "0"}, {Network: mainnet, TxID: "0xaé", Index: "0"},
		{Network: polygon, TxID: "0x1", Index: "1"}, {Network: "eip155:1370", TxID: "", Index: "1"}, {Network: "tron:mainnet", TxID: "0", Index: "0"},
	} {
		p := newPayment(i, inv, 100)
		p.Key, p.Settled, p.Withdrawn = k, i%3 > 0, i == 4
		all = append(all, p)
	}
	for _, i := range []int{7, 0, 11, 3, 10, 1, 9, 5, 2, 8, 6, 4} {
		pay(t, b, all[i])
	}
	foreign := newPayment(99, other, 100)
	foreign.Key = chain.Key{Network: mainnet, TxID: "0x1", Index: "11"}
	pay(t, b, foreign)
	for _, limit := range []int{1, 2, 3, 1000} {
		sameList(t, fmt.Sprintf("pages of %d", limit), pages(t, b, inv.ID, limit), all)
	}
	read := func(id string, after chain.Key, limit int) []invoice.Payment {
		return must[[]invoice.Payment](t)(b.Payments(t.Context(), id, after, limit))
	}
	sameList(t, "above a key that is not there", read(inv.ID, chain.Key{Network: mainnet, TxID: "0x1", Index: "11"}, 2), all[3:5])
	sameList(t, "above a network", read(inv.ID, chain.Key{Network: polygon}, 1), all[9:10])
	sameList(t, "above the last", read(inv.ID, all[11].Key, 9), nil)
	sameList(t, "a page of none", read(inv.ID, chain.Key{}, 0), nil)
	sameList(t, "of an invoice without any", read(newInvoice(3).ID, chain.Key{}, 9), nil)
	sameList(t, "of an unknown invoice", read("nobody", chain.Key{}, 9), nil)
	sameList(t, "of another invoice", read(other.ID, chain.Key{}, 9), []invoice.Payment{foreign})
}

func settledRoundTrip(t *testing.T, b store.Backend) {
	inv, payments := elaborate()
	payments[0].Settled = true
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{inv}, Payments: payments})
	sameList(t, "all payments", pages(t, b, inv.ID, 1), payments)
	same(t, "the invoice", get(t, b, inv.ID), with(inv, payments[1]))
	same(t, "by its payment", byID(t)(b.InvoicesPaid(t.Context(), invoice.PaymentQuery{Keys: []chain.Key{payments[0].Key}}))[0], with(inv, payments...))
	next := revise(inv, func(inv *invoice.Invoice) { inv.Settled = &invoice.Settled{Count: 1, Received: big.NewInt(1)} })
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{next}})
	same(t, "the sums", get(t, b, inv.ID).Settled, next.Settled)
}

// settledWhole sums up payments, one after the other, and takes some out of the sums again.
func settledWhole(t *testing.T, b store.Backend) {
	const payments, steps = 8, 40
	first := newInvoice(1)
	insert(t, b, first)
	for n := range payments {
		pay(t, b, newPayment(n, first, 100))
	}
	errs := callers.Together(3, func(i int) error {
		inv := first
		for n := range steps {
			if i == 0 {
				p := newPayment(n%payments, first, 100)
				p.Settled = n/payments%2 == 0
				count := int64(n%payments + 1)
				if !p.Settled {
					count = payments - count
				}
				inv = revise(inv, func(inv *invoice.Invoice) { inv.Settled = &invoice.Settled{Count: count} })
				if err := b.Commit(t.Context(), invoice.Batch{Update: []invoice.Invoice{inv}, Payments: []invoice.Payment{p}}); err != nil {
					return fmt.Errorf("step %d: %w", n, err)
				}
				continue
			}
			got, err := b.Invoice(t.Context(), first.ID)
			if err != nil {
				return err
			}
			count := int64(0)
			if got.Settled != nil {
				count = got.Settled.Count
			}
			if count+int64(len(got.Payments)) != payments {
				return fmt.Errorf("version %d came with %d open payments beside %d in its sums, want %d in all", got.Version, len(got.Payments), count, payments)
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	sameList(t, "all payments", ids([]invoice.Invoice{get(t, b, first.ID)}), []string{first.ID})
	if all := pages(t, b, first.ID, 3); len(all) != payments {
		t.Fatalf("got %d payments, want %d", len(all), payments)
	}
}
