package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/listing"
	"github.com/cointill/cointill/store/internal/record"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// reader implements [invoice.Reader], and reads payouts, on a pool or a transaction.
type reader struct {
	q        querier
	listings *listing.Cache
	payouts
}

func newReader(q querier, listings *listing.Cache) reader { return reader{q, listings, booksIn(q)} }

// within returns the reader in a transaction.
func (r reader) within(tx pgx.Tx) reader { return newReader(tx, r.listings) }

// again repeats what reads, as the function of this name does. Within a transaction only the transaction can be repeated.
func (r reader) again(ctx context.Context, read func() error) error {
	if _, own := r.q.(*pgxpool.Pool); !own {
		return read()
	}
	return again(ctx, read)
}

// Invoice implements [invoice.Reader].
func (r reader) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	return r.one(ctx, "invoice "+id, qInvoice, id)
}

// InvoiceByOrder implements [invoice.Reader].
func (r reader) InvoiceByOrder(ctx context.Context, project, orderID string) (invoice.Invoice, error) {
	return r.one(ctx, fmt.Sprintf("invoice with order id %q", orderID), qInvoiceByOrder, project, orderID)
}

func (r reader) one(ctx context.Context, what, query string, args ...any) (invoice.Invoice, error) {
	found, err := r.many(ctx, query, args...)
	if err != nil {
		return invoice.Invoice{}, fmt.Errorf("postgres: read %s: %w", what, err)
	}
	if len(found) == 0 {
		return invoice.Invoice{}, fmt.Errorf("postgres: read %s: %w", what, invoice.ErrNotFound)
	}
	return found[0], nil
}

func (r reader) many(ctx context.Context, query string, args ...any) (out []invoice.Invoice, err error) {
	err = r.again(ctx, func() error {
		found, err := r.q.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer found.Close()
		out, err = record.ScanInvoices[[]byte](found)
		return err
	})
	return out, err
}

// InvoicesAt implements [invoice.Reader].
func (r reader) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	if len(places) == 0 {
		return nil, nil
	}
	// Sorted, because neighbours in the index are on the same page.
	places = slices.SortedFunc(slices.Values(places), func(a, b invoice.Place) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Slot, b.Slot))
	})
	places = slices.Compact(places)
	addresses, slots := make([]string, len(places)), make([]string, len(places))
	for i, p := range places {
		addresses[i], slots[i] = string(p.Address), p.Slot
	}
	found, err := r.many(ctx, qAt, addresses, slots)
	if err != nil {
		return found, fmt.Errorf("postgres: read invoices at places: %w", err)
	}
	return found, nil
}

// InvoicesPaid implements [invoice.Reader].
func (r reader) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	found, err := r.paid(ctx, q)
	if err != nil {
		return found, fmt.Errorf("postgres: read invoices by payment: %w", err)
	}
	return found, nil
}

func (r reader) paid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	query, args, err := record.PaidQueries{In: qPaidIn, Above: qAbove, By: qPaidBy, Args: columnsOf}.Of(q)
	if err != nil || query == "" {
		return nil, err
	}
	return r.many(ctx, query, args...)
}

// columnsOf returns the columns of a table of keys.
func columnsOf(keys []chain.Key) ([]any, error) {
	var networks, txs, indexes []string
	for _, k := range keys {
		networks, txs, indexes = append(networks, string(k.Network)), append(txs, k.TxID), append(indexes, k.Index)
	}
	return []any{networks, txs, indexes}, nil
}

// Payments implements [invoice.Reader].
func (r reader) Payments(ctx context.Context, id string, after chain.Key, limit int) ([]invoice.Payment, error) {
	var out []invoice.Payment
	err := r.again(ctx, func() error {
		found, err := r.q.Query(ctx, qPayments, id, string(after.Network), after.TxID, after.Index, int64(max(limit, 0)))
		if err != nil {
			return err
		}
		defer found.Close()
		out, err = record.ScanPayments[[]byte](found, id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read payments of invoice %s: %w", id, err)
	}
	return out, nil
}

// HeldSlots implements [invoice.SlotLister].
func (r reader) HeldSlots(ctx context.Context, network chain.Network, address chain.Address, first, last string, limit int) ([]string, error) {
	var slots []string
	err := r.again(ctx, func() (err error) {
		slots, err = collect(ctx, r.q, pgx.RowTo[string], qHeldSlots, string(network), string(address), first, last, int64(max(limit, 0)))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read held slots of %s: %w", address, err)
	}
	return slots, nil
}

// collect returns all rows of a query.
func collect[T any](ctx context.Context, q querier, row pgx.RowToFunc[T], query string, args ...any) ([]T, error) {
	found, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, row)
}

// PaidInvoices implements [invoice.PaidLister].
func (r reader) PaidInvoices(ctx context.Context, after string, limit int) ([]invoice.Invoice, error) {
	found, err := r.many(ctx, qPaidAfter, after, int64(max(limit, 0)))
	if err != nil {
		return found, fmt.Errorf("postgres: read paid invoices: %w", err)
	}
	return found, nil
}

// InvoicesWaking implements [invoice.Reader].
func (r reader) InvoicesWaking(ctx context.Context, network chain.Network, head chain.Head, limit int) ([]invoice.Invoice, error) {
	found, err := r.many(ctx, qWaking, string(network),
		record.Signed(head.Height), record.Signed(head.Safe), record.Signed(head.Finalized), listing.Nanos(head.Time), int64(max(limit, 0)))
	if err != nil {
		return found, fmt.Errorf("postgres: read invoices waking on %q: %w", network, err)
	}
	return found, nil
}

// Network implements [invoice.Reader].
func (r reader) Network(ctx context.Context, network chain.Network) (invoice.Progress, error) {
	p := invoice.Progress{Network: network}
	err := r.again(ctx, func() error { return record.ScanProgress(r.q.QueryRow(ctx, qNetwork, string(network)), &p) })
	if errors.Is(err, pgx.ErrNoRows) {
		return invoice.Progress{}, nil
	} else if err != nil {
		return invoice.Progress{}, fmt.Errorf("postgres: read progress of %s: %w", network, err)
	}
	return p, nil
}
