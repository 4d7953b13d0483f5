package kv

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// A payment is a document of its own, under the invoice and either "open" or "settled", so that an invoice is read
// without its settled payments. The key "transfer" holds where the payment is; the keys "height" and "paid" lead to its
// invoice.

// transfer is the value that states where a payment is.
type transfer struct {
	Key     chain.Key
	Invoice string
	Settled bool `json:",omitempty"`
}

func transferKey(k chain.Key) string { return key("transfer", string(k.Network), k.TxID, k.Index) }

// payment returns the key of the payment itself.
func (at transfer) payment() string {
	kind := "open"
	if at.Settled {
		kind = "settled"
	}
	return key(kind, at.Invoice, string(at.Key.Network), at.Key.TxID, at.Key.Index)
}

// heightKey returns the key that leads to a payment by its height. It is empty for a withdrawn payment, and for none.
func heightKey(p invoice.Payment) string {
	if p.Withdrawn || p.Invoice == "" {
		return ""
	}
	return key("height", string(p.Key.Network), p.Height(), p.Key.TxID, p.Key.Index)
}

// putPayment stores a payment, in place of the one with its key.
func (t *txn) putPayment(p invoice.Payment) {
	var old transfer
	var was invoice.Payment
	now := transfer{p.Key, p.Invoice, p.Settled}
	if t.load(transferKey(p.Key), &old) {
		t.require(old.Invoice == p.Invoice, conflict(p.Invoice, "payment %v belongs to invoice %s", p.Key, old.Invoice))
		t.require(t.load(old.payment(), &was), fmt.Errorf("payment %v is missing", p.Key))
	} else if t.get(key("paid", p.Invoice)) == "" {
		t.require(t.exists(p.Invoice), conflict(p.Invoice, "payment %v of an unknown invoice", p.Key)) // the money would never be seen
		t.put(key("paid", p.Invoice), p.Invoice)
	}
	if now != old {
		t.store(transferKey(p.Key), now)
		t.delete(old.payment())
	}
	t.store(now.payment(), p)
	if before, after := heightKey(was), heightKey(p); before != after {
		if before != "" {
			t.delete(before)
		}
		if after != "" {
			t.store(after, p.Key)
		}
	}
}

// exists reports whether the invoice exists, or will when the transaction is stored.
func (t *txn) exists(id string) bool {
	if d := t.docs[id]; d != nil {
		return d.Invoice.Version > 0
	}
	return t.get(key("invoice", id)) != ""
}

// withPayments returns the invoice with its open payments, and with those of the keys that are settled.
func (t *txn) withPayments(inv invoice.Invoice, settled []chain.Key) invoice.Invoice {
	for k, record := range t.scan(under("open", inv.ID)) {
		var p invoice.Payment
		t.decodePayment(inv.ID, k, record, &p)
		inv.Payments = append(inv.Payments, p)
	}
	for _, k := range settled {
		var p invoice.Payment
		at := transfer{k, inv.ID, true}.payment()
		t.decodePayment(inv.ID, at, t.get(at), &p)
		inv.Payments = append(inv.Payments, p)
	}
	slices.SortFunc(inv.Payments, byKey)
	return inv
}

// decodePayment fails with an [invoice.DamagedError]: an invoice is not usable without all of its payments.
func (t *txn) decodePayment(id, k, record string, into *invoice.Payment) {
	if err := json.Unmarshal([]byte(record), into); err != nil && t.err == nil {
		t.fail(&invoice.DamagedError{Invoices: []string{id}, Err: fmt.Errorf("the payment under %q: %w", k, err)})
	}
}

func byKey(a, b invoice.Payment) int {
	return cmp.Or(cmp.Compare(a.Key.Network, b.Key.Network), cmp.Compare(a.Key.TxID, b.Key.TxID), cmp.Compare(a.Key.Index, b.Key.Index))
}

// InvoicesPaid implements [invoice.Reader].
func (s *Store) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	if err := q.Validate(); err != nil {
		return nil, fmt.Errorf("kv: read invoices by payment: %w", err)
	}
	return view(ctx, s, "read invoices by payment", func(t *txn) (out []invoice.Invoice) {
		var ids []string
		settled, seen := map[string][]chain.Key{}, map[chain.Key]bool{}
		for at := range t.selected(q) {
			if at.Settled && !seen[at.Key] {
				settled[at.Invoice] = append(settled[at.Invoice], at.Key)
			}
			seen[at.Key] = true
			ids = append(ids, at.Invoice)
		}
		for inv := range t.invoices(slices.Values(ids), settled) {
			out = append(out, inv)
		}
		return out
	})
}

// selected yields the payments that the query selects, some perhaps more than once.
func (t *txn) selected(q invoice.PaymentQuery) iter.Seq[transfer] {
	switch {
	case q.TxID != "":
		return t.paidIn(q.Network, q.TxID)
	case q.From > 0:
		return t.paidFrom(q.Network, q.From)
	}
	return t.paidBy(slices.Values(q.Keys))
}

func (t *txn) paidBy(keys iter.Seq[chain.Key]) iter.Seq[transfer] {
	return func(yield func(transfer) bool) {
		for k := range keys {
			var at transfer
			if t.load(transferKey(k), &at) && !yield(at) {
				return
			}
		}
	}
}

func (t *txn) paidIn(network chain.Network, txID string) iter.Seq[transfer] {
	return func(yield func(transfer) bool) {
		for k, record := range t.scan(under("transfer", string(network), txID)) {
			var at transfer
			if t.decode(k, record, &at); !yield(at) {
				return
			}
		}
	}
}

func (t *txn) paidFrom(network chain.Network, height uint64) iter.Seq[transfer] {
	above := under("height", string(network))
	above.from = key("height", string(network), min(height, invoice.Unconfirmed+1))
	return t.paidBy(func(yield func(chain.Key) bool) {
		for k, record := range t.scan(above) {
			var paid chain.Key
			if t.decode(k, record, &paid); !yield(paid) {
				return
			}
		}
	})
}

// PaidInvoices implements [invoice.PaidLister].
func (s *Store) PaidInvoices(ctx context.Context, after string, limit int) ([]invoice.Invoice, error) {
	return s.find(ctx, limit, func(t *txn) iter.Seq[string] {
		return t.at(span{key("paid", after) + "\xff", under("paid").to})
	})
}

// Payments implements [invoice.Reader].
func (s *Store) Payments(ctx context.Context, id string, after chain.Key, limit int) ([]invoice.Payment, error) {
	return view(ctx, s, "read payments", func(t *txn) (out []invoice.Payment) {
		type found struct{ order, record string }
		var page []found
		for _, kind := range []string{"open", "settled"} {
			of := under(kind, id)
			beginning, left := len(of.from), max(limit, 0)
			of.from = key(kind, id, string(after.Network), after.TxID, after.Index) + "\x00"
			for k, record := range t.scan(of) {
				if left--; left < 0 {
					break
				}
				page = append(page, found{k[beginning:], record})
			}
		}
		slices.SortFunc(page, func(a, b found) int { return cmp.Compare(a.order, b.order) })
		for _, f := range page[:min(max(limit, 0), len(page))] {
			var p invoice.Payment
			t.decodePayment(id, f.order, f.record, &p)
			out = append(out, p)
		}
		if t.err != nil {
			return nil
		}
		return out
	})
}
