package invoice

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/cointill/cointill/chain"
)

// Recovery holds what the shop's own wallet needs to find all money that ever came to one wallet's addresses.
type Recovery struct {
	Wallet   string
	Networks []chain.Network // networks that issue addresses of the wallet
	// Descriptor describes all addresses for other wallets (BIP-380), if the source has one. It contains the extended
	// public key: anyone who reads it can see all payments, past and future.
	Descriptor string
	// Next is the number after the highest that was ever handed out: a wallet must check all numbers below it.
	Next uint32
	// Used holds the numbers that invoices were paid at, in order, as ranges: first and last of each.
	Used [][2]uint32
	// Gap is the longest run of unpaid numbers below the last used one. A wallet stops searching after as many as its
	// gap limit, 20 by default (BIP-44): its limit must be above Gap.
	Gap uint32
	// Tail is how many numbers come after the last used one.
	Tail uint32
}

// Recovery reports on the wallet of a network's addresses. It reads every invoice that was ever paid, in pages, so it
// takes a while with millions of them. It returns ErrNotFound when the network is not configured, and a [DamagedError]
// when an invoice cannot be read, since the report must not leave anything out.
func (s *Service) Recovery(ctx context.Context, network chain.Network) (Recovery, error) {
	n := s.chains[network]
	if n == nil {
		return Recovery{}, fmt.Errorf("invoice: recovery of %s: %w", network, ErrNotFound)
	}
	r := Recovery{Wallet: n.Addresses.Name()}
	for _, c := range s.cfg.Chains {
		if c.Addresses.Name() == r.Wallet {
			r.Networks = append(r.Networks, c.Watcher.Network())
		}
	}
	if d, ok := n.Addresses.(interface{ Descriptor() string }); ok {
		r.Descriptor = d.Descriptor()
	}
	used, err := s.usedIndexes(ctx, r.Wallet)
	if err != nil {
		return Recovery{}, fmt.Errorf("invoice: recovery of %s: %w", network, err)
	}
	// Read last: what is handed out meanwhile is below it.
	if r.Next, err = s.cfg.Store.ReserveIndexes(ctx, r.Wallet, 0); err != nil {
		return Recovery{}, fmt.Errorf("invoice: recovery of %s: %w", network, err)
	}
	r.summarise(used)
	return r, nil
}

// bitmap is a set of numbers: ten million of them take little more than a megabyte.
type bitmap []uint64

func (b *bitmap) add(i uint32) {
	for int(i/64) >= len(*b) {
		*b = append(*b, 0)
	}
	(*b)[i/64] |= 1 << (i % 64)
}

// all yields the numbers in order.
func (b bitmap) all(yield func(uint32) bool) {
	for at, word := range b {
		for word != 0 {
			if !yield(uint32(at*64 + bits.TrailingZeros64(word))) {
				return
			}
			word &= word - 1
		}
	}
}

// paidPage is how many invoices are read at a time.
const paidPage = 500

// usedIndexes returns the numbers of the wallet that were ever paid.
func (s *Service) usedIndexes(ctx context.Context, wallet string) (bitmap, error) {
	var used bitmap
	err := s.eachPaid(ctx, func(inv Invoice) {
		for _, q := range inv.quotes() {
			if q.Wallet == wallet && inv.paidAt(q.Address) {
				used.add(q.Index)
			}
		}
	})
	return used, err
}

// eachPaid visits all invoices that have a payment, and on a store that is no [PaidLister] all others too.
func (s *Service) eachPaid(ctx context.Context, visit func(Invoice)) error {
	if lister, lists := s.cfg.Store.(PaidLister); lists {
		err := eachPage(visit, func(after string) ([]Invoice, error) { return lister.PaidInvoices(ctx, after, paidPage) })
		if !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	for _, standing := range []bool{false, true} {
		// Nothing moves within this order, so that no invoice is passed over.
		err := eachPage(visit, func(after string) ([]Invoice, error) {
			page, err := s.cfg.Store.Invoices(ctx, Query{
				Standing: standing, Sort: SortCreated, Ascending: true, After: after, Limit: paidPage, Uncounted: true,
			})
			return page.Invoices, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// eachPage visits the invoices of all pages.
func eachPage(visit func(Invoice), next func(after string) ([]Invoice, error)) error {
	for after := ""; ; {
		page, err := next(after)
		if err != nil {
			return err
		}
		for _, inv := range page {
			after = inv.ID
			visit(inv)
		}
		if len(page) < paidPage {
			return nil
		}
	}
}

func (r *Recovery) summarise(used bitmap) {
	next := uint32(0) // after the last used number so far
	for i := range used.all {
		if last := len(r.Used) - 1; last >= 0 && i == next {
			r.Used[last][1] = i
		} else {
			r.Used = append(r.Used, [2]uint32{i, i})
			r.Gap = max(r.Gap, i-next)
		}
		next = i + 1
	}
	r.Next = max(r.Next, next)
	r.Tail = r.Next - next
}
