package main

import (
	"context"
	"fmt"
	"io"
	"math/big"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/ethclient"
)

// check compares what was created, paid, credited and reported to the shop.
func (c *cluster) check(ctx context.Context, out io.Writer) error {
	client, err := ethclient.DialContext(ctx, c.node.URL())
	if err != nil {
		return err
	}
	defer client.Close()
	c.shop.mu.Lock()
	defer c.shop.mu.Unlock()
	wrong := c.shop.wrong
	note := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }

	created, err := c.created(ctx)
	if err != nil {
		return err
	}
	addresses := c.lost(created)
	if (len(c.shop.lost) > 0) != c.o.lossy {
		note("the database lost %d invoices", len(c.shop.lost))
	}
	ids := map[string]bool{}
	for _, orders := range []map[string]*order{c.shop.orders, c.shop.lost} {
		for _, o := range orders {
			ids[o.id] = true
		}
	}
	if len(created) != len(c.shop.orders) || len(ids) != c.o.orders() {
		note("%d invoices were made for %d orders, and %d lost, of %d", len(created), len(c.shop.orders), len(c.shop.lost), c.o.orders())
	}
	paid, credited := new(big.Int), new(big.Int)
	for _, inv := range created {
		o := c.shop.orders[inv.ID]
		if o == nil {
			note("invoice %s is of no order", inv.ID)
			continue
		}
		onChain, err := client.BalanceAt(ctx, common.HexToAddress(string(inv.Quote.Address)), nil)
		if err != nil {
			return err
		}
		paid.Add(paid, onChain)
		credited.Add(credited, inv.State.Confirmed)
		if inv.State.Status != invoice.StatusCompleted || inv.State.Received.Cmp(onChain) != 0 || o.sent.Cmp(onChain) != 0 {
			note("invoice %s is %s with %s, on the chain are %s, sent were %s", inv.ID, inv.State.Status, inv.State.Received, onChain, o.sent)
		}
		if address := string(inv.Quote.Address); addresses[address] {
			note("address %s was issued twice", address)
		} else {
			addresses[address] = true
		}
		if n := c.shop.completed[inv.ID]; n < 1 || n > 1 && !c.o.lossy {
			note("the shop was told %d different times that invoice %s is completed", n, inv.ID)
		}
		if err := c.checkTold(ctx, inv, note); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "created   %d invoices for %d orders (%d tries came to nothing and were made again)\n", len(created), len(c.shop.orders), c.shop.retried)
	if c.o.lossy {
		fmt.Fprintf(out, "lost      %d invoices, whose %d addresses have no other\n", len(c.shop.lost), len(c.shop.lost))
	}
	fmt.Fprintf(out, "paid      %s wei\ncredited  %s wei confirmed so far\n", paid, credited)
	fmt.Fprintf(out, "told      %d messages, %d of them that an invoice is completed\n", len(c.shop.seen), len(c.shop.completed))
	fmt.Fprintf(out, "repeated  %d messages, with the same id and the same bytes\n", c.shop.repeated)
	if len(wrong) > 0 {
		return fmt.Errorf("%d things are wrong, such as: %s", len(wrong), wrong[0])
	}
	if c.o.lossy {
		fmt.Fprintln(out, "what was lost was told, and nothing was given, invented or counted twice")
		return nil
	}
	fmt.Fprintln(out, "nothing was lost, invented, or told in two ways")
	return nil
}

// lost sets the orders aside whose invoices are no longer stored although they were reported as completed, and returns the
// addresses of all lost invoices. The shop's lock is held.
func (c *cluster) lost(created []invoice.Invoice) map[string]bool {
	stored, addresses := map[string]bool{}, map[string]bool{}
	for _, inv := range created {
		stored[inv.ID] = true
	}
	for id, o := range c.shop.orders {
		if c.o.lossy && !stored[id] && c.shop.completed[id] > 0 {
			c.shop.lost[id] = o
			delete(c.shop.orders, id)
		}
	}
	for _, o := range c.shop.lost {
		addresses[string(o.address)] = true
	}
	return addresses
}

// created returns all invoices of the shop.
func (c *cluster) created(ctx context.Context) ([]invoice.Invoice, error) {
	var all []invoice.Invoice
	q := invoice.Query{Project: c.shop.project, Limit: 500, Ascending: true, Uncounted: true}
	for {
		page, err := c.store.Invoices(ctx, q)
		if err != nil || len(page.Invoices) == 0 {
			return all, err
		}
		all = append(all, page.Invoices...)
		q.After = all[len(all)-1].ID
	}
}

// checkTold compares the webhooks about an invoice with its events in the store.
func (c *cluster) checkTold(ctx context.Context, inv invoice.Invoice, note func(string, ...any)) error {
	events, err := c.store.InvoiceEvents(ctx, inv.ID, 0)
	if err != nil {
		return err
	}
	completed := 0
	for i, ev := range events {
		if ev.Seq != int64(i+1) {
			note("event %s is number %d", ev.ID, i+1)
		}
		if ev.Type == invoice.EventCompleted {
			completed++
		}
	}
	if completed != 1 {
		note("invoice %s has %d events of completion", inv.ID, completed)
	}
	records, err := c.store.History(ctx, inv.ID, 0)
	if err != nil {
		return err
	}
	for _, r := range records {
		body, heard := c.shop.seen[r.Message.ID]
		switch {
		case r.State == webhook.StateDelivered && !heard:
			note("message %s was delivered and never heard", r.Message.ID)
		case heard && body != string(r.Message.Body):
			note("message %s was heard otherwise than it is stored", r.Message.ID)
		case r.State == webhook.StateDead:
			note("message %s was given up", r.Message.ID)
		}
	}
	return nil
}
