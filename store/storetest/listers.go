package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
)

// WithListers requires that the backend is an [invoice.SlotLister] and an [invoice.PaidLister]. Without this option,
// the suite skips the cases of the one that the backend lacks.
func WithListers() Option { return func(s *suite) { s.listers = true } }

// listerCases prove the optional interfaces that find what InvoicesAt and listings find as well, but more slowly.
func (s *suite) listerCases() []testCase {
	return []testCase{
		{
			"held slots in order", "HeldSlots returns, in order, up to limit slots from the first to the last that are held",
			needing(s, hasSlots, heldSlots),
		},
		{
			"paid invoices in pages", "PaidInvoices returns the invoices that have a payment, a withdrawn one too, in the order of their ids",
			needing(s, hasPaid, paidPages),
		},
		{
			"an invoice whose payments are all settled is a paid one", "PaidInvoices returns the invoices that have any payment, settled ones too",
			needing(s, hasPaid, settledPaid),
		},
	}
}

// needing returns the run of a case that needs an optional interface.
func needing[L any](s *suite, has func(context.Context, L) error, run func(*testing.T, store.Backend, L)) func(*testing.T, store.Backend) {
	return func(t *testing.T, b store.Backend) {
		l, lists := lister(b, has)
		switch {
		case lists:
			run(t, b, l)
		case s.listers:
			t.Fatalf("the backend is no %T, which WithListers requires", &l)
		default:
			t.Skipf("the backend is no %T", &l)
		}
	}
}

// lister returns the optional interface, and reports whether the backend, and the one that it wraps, has it.
func lister[L any](b store.Backend, has func(context.Context, L) error) (L, bool) {
	l, is := b.(L)
	return l, is && !errors.Is(has(context.Background(), l), errors.ErrUnsupported)
}

func hasSlots(ctx context.Context, l invoice.SlotLister) error {
	_, err := l.HeldSlots(ctx, mainnet, address(0), "", "", 1)
	return err
}

func hasPaid(ctx context.Context, l invoice.PaidLister) error {
	_, err := l.PaidInvoices(ctx, "", 1)
	return err
}

// slotOf returns the longest slot that occurs: an asset and an amount of 78 digits.
func slotOf(amount string) string {
	asset := "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/token:EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v:"
	return asset + strings.Repeat("0", 78-len(amount)) + amount
}

func heldSlots(t *testing.T, b store.Backend, l invoice.SlotLister) {
	slots := []string{"", "*", "B", "a", "ab", "b", "é", slotOf("9"), slotOf("10"), slotOf("11"), slotOf("12"), slotOf("100")}
	for n, i := range []int{7, 0, 10, 3, 11, 1, 9, 5, 2, 8, 6, 4} {
		insert(t, b, inSlot(n, slots[i]))
	}
	other, elsewhere := inSlot(20, "ac"), inSlot(21, "ac")
	other.Quote.Address = address(1)
	elsewhere.Quote.Asset = pol
	gone, back := inSlot(22, slotOf("105")), inSlot(23, "aa")
	insert(t, b, other, elsewhere, gone, back)
	giveUp(t, b, claimOf(gone), claimOf(back))
	insert(t, b, inSlot(24, "aa"))
	slots = append(slots, "aa")
	slices.Sort(slots)
	for _, c := range []struct {
		first, last string
		limit       int
	}{
		{"", "\U0010ffff", 100}, {"", "\U0010ffff", 5}, {"", "\U0010ffff", 0}, {"", "", 100}, {"*", "*", 100}, {"a", "b", 100}, {"a", "az", 100},
		{"ab", "aa", 100}, {"c", "d", 100}, {"", "B", 100}, {"b", "\U0010ffff", 2},
		{slotOf("9"), slotOf("11"), 100}, {slotOf("10"), slotOf("200"), 100}, {slotOf("10"), slotOf("200"), 2}, {slotOf("13"), slotOf("99"), 2},
	} {
		want := []string{}
		for _, slot := range slots {
			if slot >= c.first && slot <= c.last && len(want) < c.limit {
				want = append(want, slot)
			}
		}
		got := must[[]string](t)(l.HeldSlots(t.Context(), mainnet, address(0), c.first, c.last, c.limit))
		same(t, fmt.Sprintf("%+v", c), append([]string{}, got...), want)
	}
	got := must[[]string](t)(l.HeldSlots(t.Context(), polygon, address(0), "", "\U0010ffff", 9))
	same(t, "on another network", got, []string{"ac"})
}

func paidPages(t *testing.T, b store.Backend, l invoice.PaidLister) {
	var want []string
	for n := range 12 {
		inv := newInvoice(n)
		insert(t, b, inv)
		if n%3 > 0 {
			continue
		}
		want = append(want, inv.ID)
		for i := range 1 + n%2 {
			commit(t, b, invoice.Batch{Payments: []invoice.Payment{newPayment(10*n+i, inv, 100)}})
		}
	}
	withdrawn := newPayment(99, newInvoice(1), 100)
	withdrawn.Withdrawn = true
	commit(t, b, invoice.Batch{Payments: []invoice.Payment{withdrawn}})
	want = append(want, newInvoice(1).ID)
	slices.Sort(want)
	for _, limit := range []int{1, 2, 1000} {
		var got []string
		for after := ""; ; {
			page := must[[]invoice.Invoice](t)(l.PaidInvoices(t.Context(), after, limit))
			for _, inv := range page {
				got = append(got, inv.ID)
				if len(inv.Payments) == 0 {
					t.Errorf("invoice %s comes without its payments", inv.ID)
				}
				after = inv.ID
			}
			if len(page) < limit || len(got) > len(want) {
				break
			}
		}
		sameList(t, fmt.Sprintf("pages of %d", limit), got, want)
	}
	if page := must[[]invoice.Invoice](t)(l.PaidInvoices(t.Context(), "", 0)); len(page) > 0 {
		t.Errorf("a page of none has %d invoices", len(page))
	}
}

func settledPaid(t *testing.T, b store.Backend, l invoice.PaidLister) {
	var want []string
	for n := range 6 {
		inv := newInvoice(n)
		insert(t, b, inv)
		for i := range 3 * (n % 2) {
			pay(t, b, settledPayment(10*n+i, inv, 100))
		}
		if n%2 == 1 {
			want = append(want, inv.ID)
		}
	}
	sameList(t, "all", ids(byID(t)(l.PaidInvoices(t.Context(), "", 100))), want)
	sameList(t, "the second", ids(byID(t)(l.PaidInvoices(t.Context(), want[0], 1))), want[1:2])
	sameList(t, "none", ids(byID(t)(l.PaidInvoices(t.Context(), want[2], 1))), nil)
}
