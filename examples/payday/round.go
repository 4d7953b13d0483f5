package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// play plays a round. Everything in it has a name, so that what was done in a former life is not done again.
func (t *till) play(ctx context.Context, round int) error {
	if open, err := t.store.OpenTransactions(ctx, t.network); err != nil || len(open) > 0 {
		if err != nil {
			return err
		}
		t.say("comes back", "%d transactions are under way", len(open))
	}
	invoices, err := t.sell(ctx, round)
	if err != nil {
		return fmt.Errorf("sell: %w", err)
	}
	if err := t.fund(ctx); err != nil {
		return fmt.Errorf("fund: %w", err)
	}
	all := t.payments(round)
	if err := t.refund(ctx, all[0], invoices); err != nil {
		return fmt.Errorf("refund: %w", err)
	}
	if err := t.request(ctx, all[1:]); err != nil {
		return fmt.Errorf("request payouts: %w", err)
	}
	return t.settle(ctx)
}

// sell creates the invoices of the round, and tells the payers where to pay.
func (t *till) sell(ctx context.Context, round int) (ids map[string]string, err error) {
	ids = map[string]string{}
	where := places{Orders: map[string]chain.Address{}}
	for _, o := range t.orders(round) {
		inv, err := t.invoices.Create(ctx, invoice.Request{
			Project: project, OrderID: o.id, Asset: string(o.asset.ID), Price: invoice.Price{Currency: o.asset.Code, Amount: o.price},
		})
		var taken *invoice.DuplicateOrderError
		if errors.As(err, &taken) {
			inv, err = t.invoices.Invoice(ctx, project, taken.Invoice)
		}
		if err != nil {
			return nil, err
		}
		ids[o.id], where.Orders[o.id] = inv.ID, inv.Quote.Address
	}
	where.Float = t.lanes
	return ids, writeJSON(placesFile(t.dir, round), where)
}

// fund books the coins that the operator sent for network fees, as soon as they are final.
func (t *till) fund(ctx context.Context) error {
	var txs []string
	for {
		there, err := readJSON(fundsFile(t.dir), &txs)
		if err != nil {
			return err
		}
		if there {
			break
		}
		if !pause(ctx, pollTime) {
			return ctx.Err()
		}
	}
	for _, id := range txs {
		for {
			err := t.payouts.Fund(ctx, t.network, id, "", "operator")
			if err == nil {
				break
			}
			if !errors.Is(err, payout.ErrNotFound) {
				return err
			}
			if !pause(ctx, pollTime) {
				return ctx.Err()
			}
		}
	}
	return nil
}

// refund gives back what an order was paid too much, once it is booked.
func (t *till) refund(ctx context.Context, p payment, invoices map[string]string) error {
	for {
		_, _, err := t.payouts.Refund(ctx, payout.RefundRequest{
			Project: project, Key: p.key, Invoice: invoices[p.of], Over: true, To: string(p.to),
		})
		if !t.early(err) {
			return err
		}
		if !pause(ctx, pollTime) {
			return ctx.Err()
		}
	}
}

// early reports whether an error says that the money is not there yet.
func (*till) early(err error) bool {
	var short *payout.InsufficientError
	return errors.Is(err, payout.ErrNothingLeft) || errors.As(err, &short)
}

// request asks for all payouts of the round in one transaction of the shop's own: all of them exist, or none.
func (t *till) request(ctx context.Context, all []payment) error {
	for {
		err := t.requestOnce(ctx, all)
		if !t.early(err) {
			return err
		}
		if !pause(ctx, pollTime) {
			return ctx.Err()
		}
	}
}

func (t *till) requestOnce(ctx context.Context, all []payment) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	for _, p := range all {
		_, err := t.payouts.RequestTx(ctx, tx, payout.Request{
			Project: project, Key: p.key, Asset: p.asset.ID, To: string(p.to), Units: p.units,
		})
		if err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	t.payouts.Hint()
	return nil
}

// settle waits until every payout is paid, nothing is under way, and nothing is left to be swept.
func (t *till) settle(ctx context.Context) error {
	for {
		done, err := t.settled(ctx)
		if err != nil || done {
			return err
		}
		if !pause(ctx, pollTime) {
			return ctx.Err()
		}
	}
}

func (t *till) settled(ctx context.Context) (bool, error) {
	page, err := t.payouts.Payouts(ctx, payout.Query{Project: project, Limit: 1000})
	if err != nil {
		return false, err
	}
	for _, p := range page.Payouts {
		if p.State.Status.Ended() && p.State.Status != payout.StatusPaid {
			return false, fmt.Errorf("payout %s is %s: %s %s", p.Key, p.State.Status, p.State.Reason, p.State.Detail)
		}
		if !p.State.Status.Ended() {
			return false, nil
		}
	}
	open, err := t.store.OpenTransactions(ctx, t.network)
	if err != nil {
		return false, err
	}
	for _, x := range open {
		if x.Stage != payout.StageFinal {
			return false, nil
		}
	}
	holdings, err := t.store.Holdings(ctx, t.network, "", 1000)
	if err != nil {
		return false, err
	}
	for _, h := range holdings {
		least := minEther
		if h.Asset == t.Token.ID {
			least = minToken
		}
		if t.Chain == "eth" && h.Branch == 0 && h.Units.Cmp(least) >= 0 {
			return false, nil
		}
	}
	return true, nil
}

// carry exports what is to be signed into one folder, and imports what is signed from another, until ctx ends. This
// process has no key: neither of the account, nor of the signer.
func (t *till) carry(ctx context.Context) error {
	for pause(ctx, pollTime) {
		open, err := t.store.OpenTransactions(ctx, t.network)
		if err != nil {
			return err
		}
		for _, x := range open {
			if err := t.export(ctx, x); err != nil {
				return fmt.Errorf("export: %w", err)
			}
			if err := t.imports(ctx, x); err != nil {
				return fmt.Errorf("import: %w", err)
			}
		}
	}
	return nil
}

func (t *till) export(ctx context.Context, x payout.Transaction) error {
	n := len(x.Versions) - 1
	if x.Stage == payout.StageFinal || x.Last().Signed() {
		return nil
	}
	if _, err := os.Stat(filepath.Join(unsignedDir(t.dir), fileOf(x.ID, n))); err == nil {
		return nil
	}
	r, err := t.payouts.Export(ctx, x.ID)
	if errors.Is(err, payout.ErrNotFound) || errors.Is(err, payout.ErrConflict) {
		return nil // it has changed meanwhile
	}
	if err != nil {
		return err
	}
	t.say("exported", "%s, to be signed elsewhere", fileOf(r.Transaction, r.N))
	return replaceFile(filepath.Join(unsignedDir(t.dir), fileOf(r.Transaction, r.N)), r.Unsigned)
}

func (t *till) imports(ctx context.Context, x payout.Transaction) error {
	for n, v := range x.Versions {
		if v.Signed() || !v.Offered {
			continue
		}
		signed, err := os.ReadFile(filepath.Join(signedDir(t.dir), fileOf(x.ID, n)))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if _, err := t.payouts.Import(ctx, x.ID, n, signed); errors.Is(err, payout.ErrConflict) {
			continue
		} else if err != nil {
			return err
		}
		t.say("imported", "%s, checked against its plan", fileOf(x.ID, n))
	}
	return nil
}

// tellEvents prints the feed, and keeps its position in a file: after a death, a line may come twice.
func (t *till) tellEvents(ctx context.Context) error {
	file := filepath.Join(t.dir, "told")
	position := int64(0)
	if text, err := os.ReadFile(file); err == nil {
		if position, err = strconv.ParseInt(string(text), 10, 64); err != nil {
			return err
		}
	}
	reading := context.WithoutCancel(ctx) // what happened last is told as well
	for {
		on := pause(ctx, pollTime)
		page, err := t.invoices.Events(reading, position, 100)
		if err != nil {
			return err
		}
		for _, ev := range page {
			position = ev.Position
			if err := t.event(ev); err != nil {
				return err
			}
		}
		if len(page) > 0 {
			if err := replaceFile(file, strconv.AppendInt(nil, position, 10)); err != nil {
				return err
			}
		}
		if !on && len(page) == 0 {
			return nil
		}
	}
}

func (t *till) event(ev invoice.Event) error {
	if ev.Payout != "" {
		var p payout.Payload
		err := json.Unmarshal(ev.Body, &p)
		o := p.Data.Payout
		t.say(string(o.Status), "%s of %s %s to %s %s", o.Key, o.Amount, o.Asset.Code, short(o.To), short(o.TxID))
		return err
	}
	var p invoice.Payload
	err := json.Unmarshal(ev.Body, &p)
	inv := p.Data.Invoice
	switch {
	case ev.Type == invoice.EventCreated && inv.Asset != nil:
		t.say("invoice", "%s of %s %s", inv.OrderID, inv.Due, inv.Asset.Code)
	case ev.Type == invoice.EventCompleted:
		t.say("completed", "%s with %s %s", inv.OrderID, inv.Received, inv.Asset.Code)
	}
	return err
}
