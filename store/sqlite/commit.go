package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// Commit implements [invoice.Store].
func (s *Store) Commit(ctx context.Context, b invoice.Batch) error {
	// Encoded here, beside the other callers, and not while they wait for the writer.
	rows, err := encode(b)
	if err == nil {
		err = s.writer.do(ctx, rows.apply)
	}
	if err != nil {
		return fmt.Errorf("sqlite: commit: %w", err)
	}
	return nil
}

// rows is a batch as statements take it: each row a list of arguments.
type rows struct {
	progress, inserts, updates, payments, events, messages []row
}

type row struct {
	what string // for errors
	args []any
}

func encode(b invoice.Batch) (rows, error) {
	var r rows
	for _, inv := range b.Insert {
		encoded, err := encodeInvoice(inv)
		if err != nil {
			return r, err
		}
		if inv.Version != 1 {
			return r, fmt.Errorf("insert invoice %s with version %d: %w", inv.ID, inv.Version, invoice.ErrConflict)
		}
		r.inserts = append(r.inserts, encoded)
	}
	for _, inv := range b.Update {
		encoded, err := encodeInvoice(inv)
		if err != nil {
			return r, err
		}
		r.updates = append(r.updates, encoded)
	}
	for _, p := range b.Payments {
		doc, err := json.Marshal(p)
		if err != nil {
			return r, fmt.Errorf("encode payment of invoice %s: %w", p.Invoice, err)
		}
		r.payments = append(r.payments, row{fmt.Sprintf("payment %v of invoice %s", p.Key, p.Invoice), []any{
			string(p.Key.Network), p.Key.TxID, p.Key.Index, p.Invoice, signed(p.Height()), p.Withdrawn, string(doc),
		}})
	}
	for _, ev := range b.Events {
		r.events = append(r.events, row{ev.ID, []any{
			ev.Invoice, ev.Seq, ev.ID, ev.Project, string(ev.Type), string(ev.From), string(ev.To), stamp(ev.At),
			ev.Comment, ev.Actor, []byte(ev.Body),
		}})
	}
	for _, m := range b.Messages {
		r.messages = append(r.messages, row{m.ID, []any{
			m.ID, string(m.Event), m.Invoice, m.Seq, m.Project, m.URL, m.Endpoint, stamp(m.At), m.Body, nanos(m.At),
		}})
	}
	for _, p := range b.Progress {
		head, err := json.Marshal(p.Head)
		if err != nil {
			return r, fmt.Errorf("encode head of %s: %w", p.Network, err)
		}
		r.progress = append(r.progress, row{string(p.Network), []any{string(p.Network), p.Version, []byte(p.Cursor), string(head)}})
	}
	return r, nil
}

// encodeInvoice answers the arguments of qInsertInvoice and qUpdateInvoice.
func encodeInvoice(inv invoice.Invoice) (row, error) {
	doc, err := json.Marshal(&inv)
	if err != nil {
		return row{}, fmt.Errorf("encode invoice %s: %w", inv.ID, err)
	}
	fiat, due, asset := inv.Price.Amount, decimal.Zero, ""
	var orderID, address, wakeHeight, wakeTime any
	if inv.OrderID != "" {
		orderID = inv.OrderID
	}
	if q := inv.Quote; q != nil {
		fiat, due, asset = q.Fiat.Amount, q.Asset.Decimal(q.Due), q.Asset.Code
		if q.Address != "" {
			address = string(q.Address)
		}
	}
	wake := inv.State.Wake
	if wake.Height != 0 {
		wakeHeight = signed(wake.Height)
	}
	if !wake.Time.IsZero() {
		wakeTime = nanos(wake.Time)
	}
	return row{inv.ID, []any{
		inv.ID, inv.Version, inv.Project, orderID, string(inv.State.Status), asset, nanos(inv.CreatedAt), nanos(inv.UpdatedAt),
		invoice.SortKey(fiat), invoice.SortKey(due), string(inv.Network()), address,
		string(wake.Tag), wakeHeight, wakeTime, string(doc),
	}}, nil
}

// apply writes what is refused most often first: a refusal of the first statement leaves the transaction to
// the others as it was.
func (r rows) apply(t *txn) error {
	for _, p := range r.progress {
		query := qUpdateProgress
		if p.args[1] == int64(1) {
			query = qInsertProgress
		}
		if err := t.put(query, "progress of", p); err != nil {
			return err
		}
	}
	for _, inv := range r.inserts {
		if err := t.putInvoice(qInsertInvoice, inv); err != nil {
			return fmt.Errorf("insert invoice %s: %w", inv.what, err)
		}
	}
	for _, inv := range r.updates {
		if err := t.putInvoice(qUpdateInvoice, inv); err != nil {
			return fmt.Errorf("update invoice %s: %w", inv.what, err)
		}
	}
	for _, p := range r.payments {
		if err := t.put(qPutPayment, "store", p); err != nil {
			return err
		}
	}
	for _, ev := range r.events {
		if err := t.put(qInsertEvent, "append event", ev); err != nil {
			return err
		}
	}
	for _, m := range r.messages {
		if err := t.put(qInsertMessage, "put message", m); err != nil {
			return err
		}
		if _, err := t.exec(qRelease, m.args[2], m.args[5]); err != nil {
			return fmt.Errorf("put message %s: %w", m.what, err)
		}
	}
	return nil
}

// put writes one row, and takes it for a conflict when the statement left it out.
func (t *txn) put(query, verb string, r row) error {
	n, err := t.exec(query, r.args...)
	if err == nil && n == 0 {
		err = invoice.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, r.what, err)
	}
	return nil
}

// putInvoice inserts or updates. When the statement left the row out it finds out why: the id and the
// version come first, so that a batch that is committed again learns that it was stored.
func (t *txn) putInvoice(query string, r row) error {
	n, err := t.exec(query, r.args...)
	if err != nil || n > 0 {
		return err
	}
	id, version, project, orderID := r.args[0], r.args[1].(int64), r.args[2], r.args[3]
	var stored int64 // 0 if there is none, which is what an insert builds on
	if err := t.row(qVersionOf, []any{id}, &stored); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if stored != version-1 {
		return invoice.ErrConflict
	}
	if orderID == nil {
		return invoice.ErrConflict // the address
	}
	var first string
	switch err := t.row(qIDByOrder, []any{project, orderID}, &first); {
	case errors.Is(err, sql.ErrNoRows) || err == nil && first == id:
		return invoice.ErrConflict // the address
	case err != nil:
		return err
	}
	return &invoice.DuplicateOrderError{OrderID: orderID.(string), Invoice: first}
}

// ReserveIndexes implements [invoice.Store].
func (s *Store) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	var first uint32
	err := s.writer.do(ctx, func(t *txn) error {
		err := t.row(qReserve, []any{wallet, int64(n)}, &first)
		t.changed = t.changed || err == nil
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("sqlite: reserve indexes: wallet %q has no %d left", wallet, n)
	} else if err != nil {
		return 0, fmt.Errorf("sqlite: reserve indexes: %w", err)
	}
	return first, nil
}

// nanos is the time as queries compare it, clipped to the years 1678 to 2262 that 64 bits hold. What is
// answered comes from a text and is not clipped.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// stamp writes a time to be read again, exactly.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// signed clips a height to what SQLite has integers for.
func signed(height uint64) int64 { return int64(min(height, math.MaxInt64)) }
