package invoice

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/cointill/cointill/chain"
)

const (
	requestTime = 10 * time.Second // timeout of Requester.Request
	closeTime   = 5 * time.Second  // timeout of Requester.Close
)

// Bounds of what a source may make.
const (
	maxAlso  = 8
	maxPlace = 190
	maxText  = 2048
)

// requested returns the quote with a place that its source made for it. Its number is used up even if the invoice is
// not stored.
func (s *Service) requested(ctx context.Context, n *network, r Requester, inv Invoice) (Quote, func(surely bool), error) {
	quote := *inv.Quote
	own, err := n.indexes.next(ctx, n.id)
	if err != nil {
		return Quote{}, nil, fmt.Errorf("invoice: address: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	ask := PaymentRequest{Invoice: inv.ID, Number: own.index, Asset: quote.Asset, Units: new(big.Int).Set(quote.Due), Name: inv.Name}
	if !inv.Terms.Standing {
		ask.Deadline = inv.EffectiveDeadline()
	}
	got, err := r.Request(ctx, ask)
	if err == nil {
		err = got.check()
	}
	if err != nil {
		return Quote{}, nil, fmt.Errorf("invoice: request %d of %s: %w", own.index, n.Addresses.Name(), err)
	}
	quote.Address, quote.Also, quote.Text = got.Address, got.Also, got.Text
	quote.Wallet, quote.Index, quote.Quarantine = n.Addresses.Name(), own.index, atOnce
	return quote, func(bool) {}, nil
}

func (p Payable) check() error {
	seen := map[chain.Address]bool{}
	for _, a := range append([]chain.Address{p.Address}, p.Also...) {
		if a == "" || len(a) > maxPlace || !cleanText(string(a)) || seen[a] {
			return fmt.Errorf("Payable has an address that is empty, not clean, repeated, or longer than %d bytes: %.40q", maxPlace, a)
		}
		seen[a] = true
	}
	switch {
	case len(p.Also) > maxAlso:
		return fmt.Errorf("Payable.Also has %d addresses, more than %d", len(p.Also), maxAlso)
	case len(p.Text) > maxText || !cleanText(p.Text):
		return fmt.Errorf("Payable.Text is not clean, or longer than %d bytes", maxText)
	}
	return nil
}

// tellSources tells the sources that made places which of their requests are over. It precedes the commit that gives
// the places up, so that it is repeated after a crash.
func (s *Service) tellSources(ctx context.Context, list []Release) {
	type request struct {
		wallet string
		number uint32
	}
	told := map[request]bool{}
	for _, r := range list {
		n := s.chains[r.Network]
		if n == nil || n.requester() == nil || n.Addresses.Name() != r.Wallet || s.outer != nil || told[request{r.Wallet, r.Index}] {
			continue
		}
		told[request{r.Wallet, r.Index}] = true
		s.tellSource(ctx, n, ClosedRequest{Invoice: r.Invoice, Number: r.Index, Address: r.Address})
	}
}

func (s *Service) tellSource(ctx context.Context, n *network, r ClosedRequest) {
	ctx, cancel := context.WithTimeout(ctx, closeTime)
	defer cancel()
	if err := n.requester().Close(ctx, r); err != nil {
		s.log.Warn("closing a payment request failed", "network", n.id, "invoice", r.Invoice, "error", err)
	}
}
