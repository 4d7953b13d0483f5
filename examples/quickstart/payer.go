package main

import (
	"context"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// payer has more play money than it can spend. It stores nothing: before a payment it reads from the chain what has arrived,
// so that it pays nothing twice after a crash.
type payer struct {
	net      devnet
	invoices *invoice.Service
	mu       sync.Mutex // one payment at a time
}

// pay sends the parts of the order's plan that the chain does not have yet. Each part is a transaction, sent when the shop
// has seen the previous one.
func (p *payer) pay(ctx context.Context, o *order) error {
	i := slices.IndexFunc(p.invoices.Assets(), func(a invoice.AssetConfig) bool { return a.Code == o.Currency })
	if i < 0 {
		return fmt.Errorf("pay order %s: there is no %s", o.ID, o.Currency)
	}
	asset, target := p.invoices.Assets()[i].Asset, new(big.Int)
	for _, percent := range o.parts {
		part := new(big.Int).Mul(asset.UnitsUp(o.Amount), big.NewInt(percent))
		target.Add(target, part.Div(part, big.NewInt(100)))
		if err := p.reach(ctx, asset, chain.Address(o.Address), target); err != nil {
			return fmt.Errorf("pay order %s: %w", o.ID, err)
		}
		if err := p.seen(ctx, o, target); err != nil {
			return fmt.Errorf("wait until order %s shows its payment: %w", o.ID, err)
		}
	}
	return nil
}

// seen waits until the shop has seen the given amount.
func (p *payer) seen(ctx context.Context, o *order, target *big.Int) error {
	for {
		inv, err := p.invoices.Invoice(ctx, "", o.Invoice)
		if err != nil || inv.State.Received != nil && inv.State.Received.Cmp(target) >= 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollTime):
		}
	}
}

// reach pays until the address has received the given amount in blocks.
func (p *payer) reach(ctx context.Context, asset chain.Asset, to chain.Address, target *big.Int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	have, err := p.net.received(ctx, asset, to)
	if err != nil || have.Cmp(target) >= 0 {
		return err
	}
	if _, err := p.net.pay(ctx, asset, to, new(big.Int).Sub(target, have)); err != nil {
		return err
	}
	for have.Cmp(target) < 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(blockTime / 4):
		}
		if have, err = p.net.received(ctx, asset, to); err != nil {
			return err
		}
	}
	return nil
}

// serve handles requests to pay an invoice of the project in full, by its id, order id or name.
func (p *payer) serve(project string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.FormValue("order")
		page, err := p.invoices.List(r.Context(), invoice.Query{Project: project, Search: name, Limit: invoice.MaxPage})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		i := slices.IndexFunc(page.Invoices, func(inv invoice.Invoice) bool {
			return name != "" && inv.Quote != nil && slices.Contains([]string{inv.ID, inv.OrderID, inv.Name}, name)
		})
		if i < 0 {
			http.Error(w, "there is no such invoice, or nobody has chosen what to pay it in", http.StatusNotFound)
			return
		}
		q := page.Invoices[i].Quote
		if err := p.reach(r.Context(), q.Asset, q.Address, q.Due); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		if back := r.FormValue("back"); strings.HasPrefix(back, pagePath+"/") {
			http.Redirect(w, r, back, http.StatusSeeOther)
			return
		}
		fmt.Fprintf(w, "paid %s %s to %s\n", q.Asset.Decimal(q.Due), q.Asset.Code, q.Address)
	}
}
