package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

var wakingCases = []testCase{
	{"by height, tag and time", "an invoice wakes when the height of its tag has come or its time has passed", wakesByHead},
	{"on its own network", "the head of a network wakes that network's invoices; the empty one those without an asset", wakesOnNetwork},
	{"no more than asked for", "InvoicesWaking returns up to limit invoices, each once", wakesUpToLimit},
	{"until it is looked at", "an updated invoice wakes at its new Wake", wakesNoMore},
}

func waking(t *testing.T, b store.Backend, network chain.Network, head chain.Head) []invoice.Invoice {
	t.Helper()
	return must[[]invoice.Invoice](t)(b.InvoicesWaking(t.Context(), network, head, 100))
}

func wakesByHead(t *testing.T, b store.Backend) {
	wakes := []invoice.Wake{
		{},
		{Height: 100},
		{Tag: chain.FinalitySafe, Height: 90},
		{Tag: chain.FinalityFinalized, Height: 80},
		{Time: start},
		{Height: 100, Time: start.Add(time.Hour)},
		{Tag: chain.FinalitySafe, Time: start.Add(1)},
	}
	for n, w := range wakes {
		insert(t, b, newInvoice(n, withWake(w)))
	}
	for _, c := range []struct {
		head chain.Head
		want []int
	}{
		{chain.Head{}, nil},
		{chain.Head{Height: 99, Safe: 89, Finalized: 79, Time: start}, nil},
		{chain.Head{Height: 100, Time: start}, []int{1, 5}},
		{chain.Head{Height: 101, Safe: 89, Finalized: 79, Time: start}, []int{1, 5}},
		{chain.Head{Height: 99, Safe: 90, Time: start}, []int{2}},
		{chain.Head{Height: 99, Safe: 79, Finalized: 80, Time: start}, []int{3}},
		{chain.Head{Height: 99, Time: start.Add(1)}, []int{4}},
		{chain.Head{Height: 99, Time: start.Add(2)}, []int{4, 6}},
		{chain.Head{Height: 99, Time: start.Add(time.Hour + 1)}, []int{4, 5, 6}},
		{chain.Head{Height: 1000, Safe: 1000, Finalized: 1000, Time: start.AddDate(1, 0, 0)}, []int{1, 2, 3, 4, 5, 6}},
	} {
		var want []string
		for _, n := range c.want {
			want = append(want, newInvoice(n).ID)
		}
		sameIDs(t, fmt.Sprintf("waking at %+v", c.head), waking(t, b, mainnet, c.head), want...)
	}
}

func wakesOnNetwork(t *testing.T, b store.Backend) {
	quoted := newInvoice(1)
	insert(t, b, quoted, newInvoice(2, func(inv *invoice.Invoice) { inv.Quote = newQuote(2, pol) }), newInvoice(3, unquoted))
	p := newPayment(1, quoted, 5)
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{p}})
	quoted.Payments = []invoice.Payment{p}
	head := chain.Head{Time: start.AddDate(1, 0, 0)}
	sameIDs(t, "mainnet", waking(t, b, mainnet, head), "inv-00001")
	same(t, "the invoice", waking(t, b, mainnet, head)[0], quoted)
	sameIDs(t, "polygon", waking(t, b, polygon, head), "inv-00002")
	sameIDs(t, "no asset chosen", waking(t, b, "", head), "inv-00003")
	sameIDs(t, "another network", waking(t, b, "eip155:10", head))
	chosen := revise(newInvoice(3, unquoted), func(inv *invoice.Invoice) { inv.Quote = newQuote(3, pol) })
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{chosen}})
	sameIDs(t, "no asset chosen, after the choice", waking(t, b, "", head))
	sameIDs(t, "polygon, after the choice", waking(t, b, polygon, head), "inv-00002", "inv-00003")
}

func wakesUpToLimit(t *testing.T, b store.Backend) {
	want := map[string]bool{}
	for n := range 7 {
		// awake by height and by time: still one invoice
		insert(t, b, newInvoice(n, withWake(invoice.Wake{Height: uint64(n + 1), Time: start})))
		want[newInvoice(n).ID] = true
	}
	head := chain.Head{Height: 50, Time: start.Add(time.Hour)}
	for len(want) > 0 {
		got := must[[]invoice.Invoice](t)(b.InvoicesWaking(t.Context(), mainnet, head, 3))
		if len(got) != min(3, len(want)) {
			t.Fatalf("got %d invoices, want %d", len(got), min(3, len(want)))
		}
		for _, inv := range got {
			if !want[inv.ID] {
				t.Fatalf("invoice %s was returned twice", inv.ID)
			}
			delete(want, inv.ID)
			commit(t, b, invoice.Batch{Update: []invoice.Invoice{revise(inv, withWake(invoice.Wake{}))}})
		}
	}
	sameIDs(t, "after all were seen to", waking(t, b, mainnet, head))
}

func wakesNoMore(t *testing.T, b store.Backend) {
	inv := newInvoice(1, withWake(invoice.Wake{Time: start}))
	insert(t, b, inv)
	head := chain.Head{Height: 50, Time: start.Add(time.Hour)}
	sameIDs(t, "by time", waking(t, b, mainnet, head), inv.ID)
	inv = revise(inv, withWake(invoice.Wake{Tag: chain.FinalityFinalized, Height: 40}))
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{inv}})
	sameIDs(t, "not finalized yet", waking(t, b, mainnet, head))
	head.Finalized = 40
	sameIDs(t, "finalized", waking(t, b, mainnet, head), inv.ID)
	inv = revise(inv, withWake(invoice.Wake{}))
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{inv}})
	sameIDs(t, "never", waking(t, b, mainnet, head))
}
