package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

var placeCases = []testCase{
	{"a place is held by one invoice", "a (network, place) that is claimed must not be held, else ErrConflict", heldByOne},
	{"a quote is no claim", "an invoice has the places that it claims, whatever its quotes say", quoteIsNoClaim},
	{"a later choice claims its place", "an update claims under the same rule as an insert", claimedByUpdate},
	{"only the holder gives up a place", "a place that is released is held by its invoice, else ErrConflict, and nothing of the batch is stored", releasedByHolder},
	{"a place is handed over in one batch", "Claims come after Releases", handedOver},
	{"a place finds who has it and who had it last", "InvoicesAt returns the invoice that holds a place, and the last to release it, on each network", atPlaces},
	{"an invoice with several places comes once", "InvoicesAt returns each invoice once", atSeveralPlaces},
	{"a place finds the whole invoice", "InvoicesAt returns invoices as they are, with their payments", atPlaceWhole},
	{"thousands of places may be asked for", "InvoicesAt takes the places of a whole block", atManyPlaces},
	{"slots of one address are apart", "a place is an address and a slot", slotsApart},
	{"freed numbers are handed out again", "TakeIndex returns the number that was freed first, to one caller only, until it is freed again", takeFreed},
	{"a place that is given up may be kept from others", "a release frees the number only with Reuse", releasedForGood},
}

func place(n int) invoice.Place { return invoice.Place{Address: address(n)} }

// at reads the invoices of the places, in the order of their ids.
func at(t *testing.T, b store.Backend, places ...invoice.Place) []invoice.Invoice {
	t.Helper()
	got := must[[]invoice.Invoice](t)(b.InvoicesAt(t.Context(), places))
	slices.SortFunc(got, func(x, y invoice.Invoice) int { return cmp.Compare(x.ID, y.ID) })
	return got
}

// freeing is a batch in which the invoice gives up the place of its quote, so that its number can be used again.
func freeing(inv invoice.Invoice) invoice.Batch {
	return invoice.Batch{Releases: []invoice.Release{{Claim: claimOf(inv), Reuse: true}}}
}

func giveUp(t *testing.T, b store.Backend, claims ...invoice.Claim) {
	t.Helper()
	var batch invoice.Batch
	for _, c := range claims {
		batch.Releases = append(batch.Releases, invoice.Release{Claim: c})
	}
	commit(t, b, batch)
}

// takes checks that TakeIndex hands out these numbers of the wallet.
func takes(t *testing.T, b store.Backend, wallet string, want ...uint32) {
	t.Helper()
	for _, want := range want {
		if got := must[uint32](t)(b.TakeIndex(t.Context(), wallet)); got != want {
			t.Fatalf("got number %d, want %d", got, want)
		}
	}
}

// noneFreed checks that there is no number to take.
func noneFreed(t *testing.T, b store.Backend, wallet string) {
	t.Helper()
	got, err := b.TakeIndex(t.Context(), wallet)
	if err == nil {
		t.Fatalf("got number %d, want none", got)
	}
	wantErr(t, err, invoice.ErrNotFound)
}

// quoted returns invoice n with the quote of number at in the asset.
func quoted(n, at int, asset chain.Asset) invoice.Invoice {
	return newInvoice(n, func(inv *invoice.Invoice) { inv.Quote = newQuote(at, asset) })
}

// inSlot returns invoice n at address 0, which is shared.
func inSlot(n int, slot string) invoice.Invoice {
	return newInvoice(n, func(inv *invoice.Invoice) {
		inv.Quote = newQuote(0, eth)
		inv.Quote.Slot = slot
	})
}

func heldByOne(t *testing.T, b store.Backend) {
	first := newInvoice(1)
	insert(t, b, first)
	refused(t, b, created(quoted(2, 1, eth)), invoice.ErrConflict)
	refused(t, b, invoice.Batch{Claims: []invoice.Claim{claimOf(first)}}, invoice.ErrConflict)
	refused(t, b, created(quoted(2, 3, eth), quoted(3, 3, eth)), invoice.ErrConflict)
	sameIDs(t, "the invoices", must[invoice.Page](t)(b.Invoices(t.Context(), invoice.Query{Limit: 9})).Invoices, first.ID)
	insert(t, b, quoted(2, 1, pol)) // the same address on another network
	otherSlot := quoted(3, 1, eth)
	otherSlot.Quote.Slot = "x"
	insert(t, b, otherSlot)
	refused(t, b, created(quoted(4, 1, pol)), invoice.ErrConflict)
	sameIDs(t, "the address", at(t, b, place(1)), first.ID, "inv-00002")
}

func quoteIsNoClaim(t *testing.T, b store.Backend) {
	holder, copied := newInvoice(1), quoted(2, 1, eth)
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{holder, copied, quoted(3, 3, eth)}, Claims: []invoice.Claim{claimOf(holder)}})
	sameIDs(t, "two with one address", at(t, b, place(1)), holder.ID)
	sameIDs(t, "an address that was not claimed", at(t, b, place(3)))
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{revise(copied)}})
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{revise(holder, func(inv *invoice.Invoice) { inv.Quote = newQuote(9, eth) })}})
	sameIDs(t, "after updates", at(t, b, place(1), place(9)), holder.ID)
}

func claimedByUpdate(t *testing.T, b store.Backend) {
	open := newInvoice(2, unquoted)
	insert(t, b, newInvoice(1), open)
	chosen := revise(open, func(inv *invoice.Invoice) { inv.Quote = newQuote(1, eth) })
	batch := invoice.Batch{Update: []invoice.Invoice{chosen}, Claims: []invoice.Claim{claimOf(chosen)}}
	refused(t, b, batch, invoice.ErrConflict)
	same(t, "the invoice", get(t, b, open.ID), open)
	chosen.Quote = newQuote(2, eth)
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{chosen}, Claims: []invoice.Claim{claimOf(chosen)}})
	same(t, "the invoice", get(t, b, chosen.ID), chosen)
	sameIDs(t, "the place", at(t, b, place(2)), chosen.ID)
	refused(t, b, created(quoted(3, 2, eth)), invoice.ErrConflict)
	commit(t, b, invoice.Batch{Update: []invoice.Invoice{revise(chosen)}}) // its own place is no obstacle
}

func releasedByHolder(t *testing.T, b store.Backend) {
	mine, other := newInvoice(1), newInvoice(2)
	insert(t, b, mine, other)
	before := dump(t, b)
	alter := func(change func(*invoice.Claim)) invoice.Release {
		c := claimOf(mine)
		change(&c)
		return invoice.Release{Claim: c, Reuse: true}
	}
	for what, releases := range map[string][]invoice.Release{
		"by another":           {alter(func(c *invoice.Claim) { c.Invoice = other.ID })},
		"by nobody":            {alter(func(c *invoice.Claim) { c.Invoice = "nobody" })},
		"on another network":   {alter(func(c *invoice.Claim) { c.Network = polygon })},
		"of another slot":      {alter(func(c *invoice.Claim) { c.Slot = "x" })},
		"of another address":   {alter(func(c *invoice.Claim) { c.Address = address(9) })},
		"twice in one batch":   {alter(func(*invoice.Claim) {}), alter(func(*invoice.Claim) {})},
		"after a good release": {{Claim: claimOf(other), Reuse: true}, alter(func(c *invoice.Claim) { c.Slot = "x" })},
	} {
		refused(t, b, invoice.Batch{
			Update: []invoice.Invoice{revise(mine)}, Releases: releases, Claims: []invoice.Claim{claimOf(newInvoice(7))},
			Events: []invoice.Event{newEvent(mine, 1)},
		}, invoice.ErrConflict)
		same(t, "everything, after a release "+what, dump(t, b), before)
		noneFreed(t, b, "hot")
	}
	commit(t, b, freeing(mine))
	refused(t, b, freeing(mine), invoice.ErrConflict)
	takes(t, b, "hot", 1)
	noneFreed(t, b, "hot")
	insert(t, b, quoted(3, 1, eth))
	refused(t, b, freeing(mine), invoice.ErrConflict)
}

func handedOver(t *testing.T, b store.Backend) {
	first, second := newInvoice(1), quoted(2, 1, eth)
	insert(t, b, first)
	batch := created(second)
	batch.Releases = []invoice.Release{{Claim: claimOf(first)}}
	commit(t, b, batch)
	sameIDs(t, "the place", at(t, b, place(1)), first.ID, second.ID)
	refused(t, b, freeing(first), invoice.ErrConflict)
	// Who gives it up may take it again at once.
	commit(t, b, invoice.Batch{Releases: []invoice.Release{{Claim: claimOf(second)}}, Claims: []invoice.Claim{claimOf(second)}})
	sameIDs(t, "the place", at(t, b, place(1)), second.ID)
	refused(t, b, created(quoted(3, 1, eth)), invoice.ErrConflict)
	giveUp(t, b, claimOf(second))
	insert(t, b, quoted(3, 1, eth))
}

func atPlaces(t *testing.T, b store.Backend) {
	a, c, d := newInvoice(1), quoted(2, 1, eth), quoted(3, 1, eth)
	there, next := quoted(4, 1, pol), quoted(5, 1, pol)
	insert(t, b, a, newInvoice(6), newInvoice(7, unquoted))
	is := func(when string, want ...string) {
		t.Helper()
		sameIDs(t, when, at(t, b, place(1)), want...)
	}
	is("held by the first", a.ID)
	giveUp(t, b, claimOf(a))
	is("released by the first", a.ID)
	insert(t, b, c)
	is("held by the second", a.ID, c.ID)
	insert(t, b, there)
	is("held on another network too", a.ID, c.ID, there.ID)
	giveUp(t, b, claimOf(c))
	is("released by the second", c.ID, there.ID)
	insert(t, b, d)
	is("held by the third", c.ID, d.ID, there.ID)
	giveUp(t, b, claimOf(there))
	insert(t, b, next)
	is("changed hands on the other network", c.ID, d.ID, there.ID, next.ID)
	giveUp(t, b, claimOf(d), claimOf(next))
	is("held by nobody", d.ID, next.ID)
	commit(t, b, invoice.Batch{Claims: []invoice.Claim{claimOf(a)}})
	is("held by the first again", a.ID, d.ID, next.ID)
	giveUp(t, b, claimOf(a))
	is("released by the first again", a.ID, next.ID)
	for n := 10; n < 30; n++ { // the last is not the one with the last digit
		insert(t, b, quoted(n, 1, eth))
		giveUp(t, b, claimOf(quoted(n, 1, eth)))
		is("after many", quoted(n, 1, eth).ID, next.ID)
	}
	sameIDs(t, "places asked for twice", at(t, b, place(1), place(6), place(1)), "inv-00006", "inv-00029", next.ID)
	sameIDs(t, "unknown places", at(t, b, place(99), invoice.Place{}, invoice.Place{Address: address(1), Slot: "x"}))
	sameIDs(t, "no places", at(t, b))
}

func atSeveralPlaces(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	elsewhere := claimOf(quoted(1, 1, pol))
	another, slot := claimOf(newInvoice(2)), claimOf(newInvoice(1))
	another.Invoice, slot.Slot = inv.ID, "x"
	batch := created(inv)
	batch.Claims = append(batch.Claims, elsewhere, another, slot)
	commit(t, b, batch)
	all := []invoice.Place{place(1), place(2), slot.Place}
	sameIDs(t, "all held", at(t, b, all...), inv.ID)
	giveUp(t, b, elsewhere, another)
	sameIDs(t, "some released", at(t, b, all...), inv.ID)
	giveUp(t, b, claimOf(inv), slot)
	sameIDs(t, "all released", at(t, b, all...), inv.ID)
	for _, p := range all {
		sameIDs(t, "one of the places", at(t, b, p), inv.ID)
	}
}

func atPlaceWhole(t *testing.T, b store.Backend) {
	inv, payments := elaborate()
	before := quoted(2, int(inv.Quote.Index), eth)
	before.Quote.Address = inv.Quote.Address
	insert(t, b, before)
	batch := created(inv)
	batch.Payments = payments
	batch.Releases = []invoice.Release{{Claim: claimOf(before)}}
	batch.Claims[0].Slot, batch.Releases[0].Slot = "", ""
	commit(t, b, batch)
	p := newPayment(3, before, 5)
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{p}})
	inv.Payments, before.Payments = payments, []invoice.Payment{p}
	sameList(t, "the invoices", at(t, b, invoice.Place{Address: inv.Quote.Address}), []invoice.Invoice{inv, before})
}

func atManyPlaces(t *testing.T, b store.Backend) {
	var asked []invoice.Place
	for n := range 40_000 {
		asked = append(asked, invoice.Place{Address: chain.Address(fmt.Sprintf("0xother%d", n))})
	}
	var want []string
	for n := range 10 {
		insert(t, b, newInvoice(n))
		asked = append(asked, place(n))
		want = append(want, newInvoice(n).ID)
	}
	sameIDs(t, "ten hits", at(t, b, asked...), want...)
}

func slotsApart(t *testing.T, b store.Backend) {
	one, two, whole, long := inSlot(1, "1"), inSlot(2, "10"), inSlot(3, ""), inSlot(4, slotOf("1"))
	insert(t, b, one, two, whole, long)
	asked := func(slots ...string) (out []invoice.Place) {
		for _, slot := range slots {
			out = append(out, invoice.Place{Address: address(0), Slot: slot})
		}
		return out
	}
	sameIDs(t, "one slot", at(t, b, asked("1")...), one.ID)
	sameIDs(t, "the address itself", at(t, b, asked("")...), whole.ID)
	sameIDs(t, "a long slot", at(t, b, asked(slotOf("1"))...), long.ID)
	sameIDs(t, "several", at(t, b, asked("1", "10", "100", slotOf("2"), "1")...), one.ID, two.ID)
	refused(t, b, created(inSlot(5, "10")), invoice.ErrConflict)
	giveUp(t, b, claimOf(two))
	insert(t, b, inSlot(5, "10"))
	sameIDs(t, "a slot that changed hands", at(t, b, asked("10")...), two.ID, "inv-00005")
	sameIDs(t, "its neighbour", at(t, b, asked("1")...), one.ID)
}

func takeFreed(t *testing.T, b store.Backend) {
	noneFreed(t, b, "hot")
	const most = 1<<32 - 1
	numbers := []uint32{3, 1, most, 0, 7}
	var invs []invoice.Invoice
	for n, index := range numbers {
		inv := newInvoice(n)
		inv.Quote.Index = index
		invs = append(invs, inv)
	}
	cold := newInvoice(8, func(inv *invoice.Invoice) { inv.Quote.Wallet = "cold" })
	insert(t, b, append(invs, cold)...)
	noneFreed(t, b, "hot")
	commit(t, b, freeing(invs[0]))
	commit(t, b, freeing(cold))
	batch := freeing(invs[1])
	batch.Releases = append(batch.Releases, freeing(invs[2]).Releases...)
	commit(t, b, batch)
	takes(t, b, "hot", 3, 1)
	commit(t, b, freeing(invs[3]))
	takes(t, b, "hot", most, 0)
	noneFreed(t, b, "hot")
	again := quoted(9, 0, eth)
	again.Quote.Index = 3
	insert(t, b, again)
	commit(t, b, freeing(invs[4]))
	commit(t, b, freeing(again))
	takes(t, b, "hot", 7, 3)
	noneFreed(t, b, "hot")
	takes(t, b, "cold", 8)
	noneFreed(t, b, "cold")
	noneFreed(t, b, "")
	same(t, "numbers reserved", must[uint32](t)(b.ReserveIndexes(t.Context(), "hot", 0)), 0)
}

func releasedForGood(t *testing.T, b store.Backend) {
	inv := newInvoice(1)
	insert(t, b, inv)
	giveUp(t, b, claimOf(inv))
	noneFreed(t, b, "hot")
	insert(t, b, quoted(2, 1, eth)) // its place is free all the same
}
