package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// timeline prints what happens, in the order in which it becomes known.
type timeline struct {
	out       io.Writer
	house     *house
	position  int64             // of the last event that was printed
	confirmed map[string]uint64 // confirmations that were last printed, by invoice
}

func (t *timeline) say(order, what, format string, args ...any) {
	fmt.Fprintf(t.out, "%s  %-8s %-13s %s\n", time.Now().Format("15:04:05.000"), order, what, fmt.Sprintf(format, args...))
}

// follow prints what happens until the shop knows that all orders are paid.
func (t *timeline) follow(ctx context.Context, orders []*order) error {
	t.confirmed = map[string]uint64{}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := t.events(ctx); err != nil {
			return err
		}
		open := 0
		for _, o := range orders {
			if err := t.confirming(ctx, o); err != nil {
				return err
			}
			paid, err := t.house.shop.paid(ctx, o.ID)
			if err != nil {
				return err
			}
			told, err := t.house.delivered(ctx, o.Invoice)
			if err != nil {
				return err
			}
			if !paid || !told {
				open++
			}
		}
		t.webhooks()
		if open == 0 {
			return t.events(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d orders are not paid: %w", open, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// events prints new events of the feed.
func (t *timeline) events(ctx context.Context) error {
	for {
		page, err := t.house.invoices.Events(ctx, t.position, 100)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, ev := range page {
			if t.position = ev.Position; ev.Invoice == "" || ev.Project == t.house.gallery.project {
				continue // of a payout, or only to look at
			}
			var p invoice.Payload
			if err := json.Unmarshal(ev.Body, &p); err != nil {
				return err
			}
			t.event(p)
		}
	}
}

func (t *timeline) event(p invoice.Payload) {
	inv := p.Data.Invoice
	order := cmp.Or(inv.OrderID, inv.Name)
	switch p.Type {
	case invoice.EventCreated:
		t.say(order, "created", "%s %s, invoice %s", inv.Price.Amount.StringFixed(2), inv.Price.Currency, inv.ID)
		if inv.Asset != nil {
			t.say(order, "quoted", "%s %s to %s until %s", inv.Due, inv.Asset.Code, inv.Address, inv.Deadline.Local().Format(time.TimeOnly))
		}
	case invoice.EventPaymentReceived:
		units, _ := new(big.Int).SetString(p.Data.Payment.Units, 10)
		where := "unconfirmed"
		if p.Data.Payment.Height > 0 {
			where = fmt.Sprint("in block ", p.Data.Payment.Height)
		}
		t.say(order, "seen", "%s %s %s, with it %s, transaction %.10s...", decimal.NewFromBigInt(units, -int32(inv.Asset.Decimals)),
			inv.Asset.Code, where, p.Data.Payment.Class, p.Data.Payment.TxID)
	default:
		t.say(order, string(inv.Status), "received %s, confirmed %s of %s (%s)", inv.Received, inv.Confirmed, inv.Due, inv.Outcome)
	}
}

// confirming prints the confirmations of the latest payment of an order when they have changed.
func (t *timeline) confirming(ctx context.Context, o *order) error {
	inv, err := t.house.invoices.Invoice(ctx, "", o.Invoice)
	if err != nil {
		return err
	}
	if inv.State.Status != invoice.StatusPending {
		return nil
	}
	depths, err := t.house.invoices.Depths(ctx, inv)
	if err != nil || len(depths) == 0 {
		return err
	}
	youngest := slices.MinFunc(depths, func(a, b invoice.Depth) int { return cmp.Compare(a.Have, b.Have) })
	if youngest.Have != t.confirmed[inv.ID] {
		t.confirmed[inv.ID] = youngest.Have
		t.say(inv.OrderID, "confirming", "%d/%d", min(youngest.Have, youngest.Need), youngest.Need)
	}
	return nil
}

// webhooks prints the webhooks that the shop received.
func (t *timeline) webhooks() {
	for {
		select {
		case told := <-t.house.shop.told:
			t.say(told.Order, "webhook", "%q delivered and its signature verified, id %.24s...", told.Status, told.ID)
		default:
			return
		}
	}
}

// watch prints what requests with curl cause, until ctx ends.
func (t *timeline) watch(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := t.events(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		t.webhooks()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
