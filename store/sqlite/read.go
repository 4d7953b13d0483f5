package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/listing"
	"github.com/cointill/cointill/store/internal/record"
)

// reader reads what is committed, or what a transaction sees.
type reader struct {
	db    *sql.DB
	stmts map[string]*sql.Stmt
	tx    *sql.Tx // nil: each query reads what is committed

	listings *listing.Cache
	known    *known
	payouts

	leastPart int // see inParts
}

// within returns the reader in a transaction.
func (r *reader) within(tx *sql.Tx) *reader {
	at := *r
	at.tx = tx
	at.openBooks()
	return &at
}

// stmt returns a prepared statement for where the reader reads.
func (r *reader) stmt(ctx context.Context, query string) *sql.Stmt {
	if r.tx == nil {
		return r.stmts[query]
	}
	return r.tx.StmtContext(ctx, r.stmts[query])
}

// Invoice implements [invoice.Reader].
func (r *reader) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	return r.one(ctx, "invoice "+id, qInvoice, id)
}

// InvoiceByOrder implements [invoice.Reader].
func (r *reader) InvoiceByOrder(ctx context.Context, project, orderID string) (invoice.Invoice, error) {
	return r.one(ctx, fmt.Sprintf("invoice with order id %q", orderID), qInvoiceByOrder, project, orderID)
}

func (r *reader) one(ctx context.Context, what, query string, args ...any) (invoice.Invoice, error) {
	found, err := r.many(ctx, query, args...)
	if err != nil {
		return invoice.Invoice{}, fmt.Errorf("sqlite: read %s: %w", what, err)
	}
	if len(found) == 0 {
		return invoice.Invoice{}, fmt.Errorf("sqlite: read %s: %w", what, invoice.ErrNotFound)
	}
	return found[0], nil
}

func (r *reader) many(ctx context.Context, query string, args ...any) ([]invoice.Invoice, error) {
	found, err := r.stmt(ctx, query).QueryContext(ctx, args...) //nolint:rowserrcheck // ScanInvoices checks it
	if err != nil {
		return nil, err
	}
	defer found.Close()
	return record.ScanInvoices[sql.RawBytes](found)
}

// InvoicesAt implements [invoice.Reader].
func (r *reader) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	ids, err := r.at(ctx, places)
	if err != nil {
		return nil, fmt.Errorf("sqlite: read places: %w", err)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	parts, err := inParts(r, ids, func(_ int, part []string) (foundInvoices, error) {
		list, err := json.Marshal(part)
		if err != nil {
			return foundInvoices{}, err
		}
		return readable(r.many(ctx, qInvoices, string(list)))
	})
	var all []invoice.Invoice
	if err == nil {
		all, err = together(parts)
	}
	if err != nil {
		return all, fmt.Errorf("sqlite: read invoices at places: %w", err)
	}
	return all, nil
}

// at returns the ids of the invoices that hold the places, or released them last, each once.
func (r *reader) at(ctx context.Context, places []invoice.Place) ([]string, error) {
	if len(places) == 0 {
		return nil, nil
	}
	asked := make(map[invoice.Place]bool, len(places))
	keys := make([]int64, len(places))
	for i, p := range places {
		asked[p], keys[i] = true, keyOf(p)
	}
	slices.Sort(keys) // neighbours in the index are on the same page
	keys = slices.Compact(keys)
	var f *filter // what a transaction sees may be undone, so nothing is learned of it
	if r.tx == nil {
		f = r.known.filter.Load()
	}
	keys, through := f.pick(keys)
	parts, err := inParts(r, keys, func(i int, part []int64) (foundPlaces, error) {
		if i == 0 {
			return r.places(ctx, part, through, asked)
		}
		return r.places(ctx, part, math.MaxInt64, asked)
	})
	if err != nil {
		return nil, err
	}
	f.learn(parts[0].fresh, parts[0].last)
	var ids []string
	for _, part := range parts {
		ids = append(ids, part.ids...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// foundPlaces is what one statement finds: the invoices that hold the places or released them last, and the numbers of the
// places after a row, with the last row.
type foundPlaces struct {
	ids   []string
	fresh []int64
	last  int64
}

// places looks for the places that are asked for among those with one of the numbers, and those of all rows after one.
func (r *reader) places(ctx context.Context, keys []int64, through int64, asked map[invoice.Place]bool) (foundPlaces, error) {
	list, err := json.Marshal(keys)
	if err != nil {
		return foundPlaces{}, err
	}
	rows, err := r.stmt(ctx, qPlaces).QueryContext(ctx, string(list), through)
	if err != nil {
		return foundPlaces{}, err
	}
	defer rows.Close()
	out := foundPlaces{last: through}
	for rows.Next() {
		var n, key int64
		var p invoice.Place
		var id string
		if err := rows.Scan(&n, &key, &p.Address, &p.Slot, &id); err != nil {
			return foundPlaces{}, err
		}
		if asked[p] {
			out.ids = append(out.ids, id)
		}
		if n > through {
			out.fresh, out.last = append(out.fresh, key), max(out.last, n)
		}
	}
	return out, rows.Err()
}

// InvoicesPaid implements [invoice.Reader].
func (r *reader) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	found, err := r.paid(ctx, q)
	if err != nil {
		return found, fmt.Errorf("sqlite: read invoices by payment: %w", err)
	}
	return found, nil
}

func (r *reader) paid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	query, args, err := record.PaidQueries{In: qPaidIn, Above: qAbove, By: qPaidBy, Args: listOf}.Of(q)
	if err != nil || query == "" {
		return nil, err
	}
	return r.many(ctx, query, args...)
}

// listOf returns keys as a JSON array of triples.
func listOf(keys []chain.Key) ([]any, error) {
	triples := make([][3]string, len(keys))
	for i, k := range keys {
		triples[i] = [3]string{string(k.Network), k.TxID, k.Index}
	}
	list, err := json.Marshal(triples)
	return []any{string(list)}, err
}

// PaidInvoices implements [invoice.PaidLister].
func (r *reader) PaidInvoices(ctx context.Context, after string, limit int) ([]invoice.Invoice, error) {
	found, err := r.many(ctx, qPaidAfter, after, max(limit, 0))
	if err != nil {
		return found, fmt.Errorf("sqlite: read paid invoices: %w", err)
	}
	return found, nil
}

// Payments implements [invoice.Reader].
func (r *reader) Payments(ctx context.Context, id string, after chain.Key, limit int) ([]invoice.Payment, error) {
	out, err := r.payments(ctx, id, string(after.Network), after.TxID, after.Index, max(limit, 0))
	if err != nil {
		return nil, fmt.Errorf("sqlite: read payments of invoice %s: %w", id, err)
	}
	return out, nil
}

func (r *reader) payments(ctx context.Context, id string, args ...any) ([]invoice.Payment, error) {
	found, err := r.stmt(ctx, qPayments).QueryContext(ctx, append([]any{id}, args...)...) //nolint:rowserrcheck // ScanPayments checks it
	if err != nil {
		return nil, err
	}
	defer found.Close()
	return record.ScanPayments[sql.RawBytes](found, id)
}

// HeldSlots implements [invoice.SlotLister].
func (r *reader) HeldSlots(ctx context.Context, network chain.Network, address chain.Address, first, last string, limit int) ([]string, error) {
	var out []string
	if first == "" { // the empty slot, of an address that is not shared, is not in the index of slots
		var held bool
		err := r.stmt(ctx, qHeld).QueryRowContext(ctx, keyOf(invoice.Place{Address: address}), string(network), string(address)).Scan(&held)
		if err != nil {
			return nil, fmt.Errorf("sqlite: read held slots: %w", err)
		}
		if held && limit > 0 {
			out = append(out, "")
		}
	}
	found, err := r.stmt(ctx, qHeldSlots).QueryContext(ctx, string(network), string(address), first, last, max(limit-len(out), 0))
	if err != nil {
		return nil, fmt.Errorf("sqlite: read held slots: %w", err)
	}
	slots, err := collect(found, scanText)
	if err != nil {
		return nil, fmt.Errorf("sqlite: read held slots: %w", err)
	}
	return append(out, slots...), nil
}

// InvoicesWaking implements [invoice.Reader].
func (r *reader) InvoicesWaking(ctx context.Context, network chain.Network, head chain.Head, limit int) ([]invoice.Invoice, error) {
	found, err := r.many(ctx, qWaking, string(network),
		record.Signed(head.Height), record.Signed(head.Safe), record.Signed(head.Finalized), listing.Nanos(head.Time), max(limit, 0))
	if err != nil {
		return found, fmt.Errorf("sqlite: read invoices waking on %q: %w", network, err)
	}
	return found, nil
}

// Network implements [invoice.Reader].
func (r *reader) Network(ctx context.Context, network chain.Network) (invoice.Progress, error) {
	p := invoice.Progress{Network: network}
	err := record.ScanProgress(r.stmt(ctx, qNetwork).QueryRowContext(ctx, string(network)), &p)
	if errors.Is(err, sql.ErrNoRows) {
		return invoice.Progress{}, nil
	} else if err != nil {
		return invoice.Progress{}, fmt.Errorf("sqlite: read progress of %s: %w", network, err)
	}
	return p, nil
}

// collect reads all rows of a result and closes it.
func collect[T any](found *sql.Rows, scan func(record.Row) (T, error)) (out []T, err error) {
	defer found.Close()
	for found.Next() {
		row, err := scan(found)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, found.Err()
}

func scanText(row record.Row) (text string, err error) {
	err = row.Scan(&text)
	return text, err
}
