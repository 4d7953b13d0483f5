package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/listing"
	"github.com/cointill/cointill/store/internal/record"
)

// Commit implements [invoice.Store].
func (s *Store) Commit(ctx context.Context, b invoice.Batch) error {
	// Encoding runs concurrently with other callers, and not while they wait for the writer.
	rows, err := encode(b)
	if err == nil {
		err = s.writer.do(ctx, rows.apply)
	}
	if err != nil {
		return fmt.Errorf("sqlite: commit: %w", err)
	}
	return nil
}

// rows is a batch in the form of the statements: each row is a list of arguments.
type rows struct {
	progress, inserts, updates, releases, freed, claims, payments, events, messages []row
	skip                                                                            int64
}

type row struct {
	what    string // for errors
	invoice string // whose part of the batch it is; empty for none
	args    []any
}

// conflict returns the refusal of a part of a batch.
func (r row) conflict(why string) error {
	if r.invoice == "" {
		return fmt.Errorf("%s %s: %w", why, r.what, invoice.ErrConflict)
	}
	return &invoice.ConflictError{Invoice: r.invoice, Err: errors.New(why + " " + r.what)}
}

func encode(b invoice.Batch) (rows, error) {
	r := rows{skip: b.Skip}
	for _, inv := range b.Insert {
		encoded, err := encodeInvoice(inv)
		if err != nil {
			return r, err
		}
		if inv.Version != 1 {
			return r, encoded.conflict("an insert does not begin with version 1:")
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
	for _, c := range b.Releases {
		r.releases = append(r.releases, encodeClaim(c.Claim))
		if c.Reuse {
			r.freed = append(r.freed, row{what: c.Wallet, args: []any{c.Wallet, int64(c.Index)}})
		}
	}
	for _, c := range b.Claims {
		r.claims = append(r.claims, encodeClaim(c))
	}
	for _, p := range b.Payments {
		args, err := record.Payment(p)
		if err != nil {
			return r, err
		}
		r.payments = append(r.payments, row{fmt.Sprintf("payment %v", p.Key), p.Invoice, args})
	}
	told := tell(b.Events, b.Messages)
	r.events, r.messages = told.events, told.messages
	for _, p := range b.Progress {
		args, err := record.Progress(p)
		if err != nil {
			return r, err
		}
		r.progress = append(r.progress, row{what: string(p.Network), args: args})
	}
	return r, nil
}

// tell returns the rows of events and messages.
func tell(events []invoice.Event, messages []invoice.Message) (r rows) {
	for _, ev := range events {
		r.events = append(r.events, row{ev.ID, ev.Invoice, record.Event(ev)})
	}
	for _, m := range slices.SortedStableFunc(slices.Values(messages), func(x, y invoice.Message) int { return cmp.Compare(x.Seq, y.Seq) }) {
		r.messages = append(r.messages, row{m.ID, m.Invoice, record.Message(m)})
	}
	return r
}

func encodeClaim(c invoice.Claim) row {
	return row{string(c.Address), c.Invoice, []any{keyOf(c.Place), string(c.Network), string(c.Address), c.Slot, c.Invoice}}
}

// An invoice has the arguments of qInsertInvoice, which begin with those of qUpdateInvoice, followed by its row in
// listings.
const (
	updated  = 7
	inserted = 11
)

func encodeInvoice(inv invoice.Invoice) (row, error) {
	doc, err := json.Marshal(&inv)
	if err != nil {
		return row{}, fmt.Errorf("encode invoice %s: %w", inv.ID, err)
	}
	var orderID, wakeHeight, wakeTime any
	if inv.OrderID != "" {
		orderID = inv.OrderID
	}
	wake := inv.State.Wake
	if wake.Height != 0 {
		wakeHeight = record.Signed(wake.Height)
	}
	if !wake.Time.IsZero() {
		wakeTime = listing.Nanos(wake.Time)
	}
	return row{"invoice", inv.ID, []any{
		inv.ID, inv.Version, string(inv.Network()), string(wake.Tag), wakeHeight, wakeTime, roomy(doc, inv.Version),
		inv.Project, inv.Terms.Standing, orderID, listing.Nanos(inv.CreatedAt), listing.RowOf(inv).Encode(),
	}}, nil
}

// keyOf returns the number that a place is looked up by: 32 bits of its hash. A block finds few places that only share
// the number.
func keyOf(p invoice.Place) int64 {
	text := string(p.Address)
	if p.Slot != "" {
		text += "\x00" + p.Slot
	}
	sum := sha256.Sum256([]byte(text))
	return int64(int32(binary.BigEndian.Uint32(sum[:])))
}

// roomy pads a document with spaces. The pages of old invoices are full: a document that grew would have to be moved,
// and its neighbours with it. A new document gets room for a usual life.
func roomy(doc []byte, version int64) string {
	const life, step = 256, 128
	size := len(doc)
	if version == 1 {
		size += life
	}
	size = (size + step - 1) / step * step
	return string(append(doc, bytes.Repeat([]byte(" "), size-len(doc))...))
}

// apply writes what is refused most often first: if the first statement is refused, the transaction is unchanged for
// the others.
func (r rows) apply(t *txn) error {
	for _, p := range r.progress {
		query := qUpdateProgress
		if p.args[1] == int64(1) {
			query = qInsertProgress
		}
		if err := t.put(query, "store progress of", p); err != nil {
			return err
		}
	}
	for _, inv := range r.inserts {
		if err := t.insertInvoice(inv); err != nil {
			return fmt.Errorf("insert: %w", err)
		}
	}
	for _, inv := range r.updates {
		if err := t.updateInvoice(inv); err != nil {
			return fmt.Errorf("update: %w", err)
		}
	}
	if err := r.applyPlaces(t); err != nil {
		return err
	}
	for _, p := range r.payments {
		if err := t.put(qPutPayment, "store", p); err != nil {
			return err
		}
	}
	if r.skip > 0 {
		if _, err := t.exec(qSkip, r.skip); err != nil {
			return fmt.Errorf("skip positions: %w", err)
		}
	}
	return r.tell(t)
}

// tell appends events to the feed, and puts messages into the outbox.
func (r rows) tell(t *txn) error {
	for _, ev := range r.events {
		if err := t.put(qInsertEvent, "append event", ev); err != nil {
			return err
		}
	}
	for _, m := range r.messages {
		m.args = append(m.args[:len(m.args):len(m.args)], listing.Nanos(time.Now()))
		if err := t.put(qInsertMessage, "put message", m); err != nil {
			return err
		}
	}
	return nil
}

func (r rows) applyPlaces(t *txn) error {
	for _, c := range r.releases {
		// If the release is refused, this is undone with the rest of the batch.
		if _, err := t.exec(qForgetPlace, c.args[:4]...); err != nil {
			return fmt.Errorf("release %s: %w", c.what, err)
		}
		if err := t.put(qReleasePlace, "release", c); err != nil {
			return err
		}
	}
	for _, f := range r.freed {
		if err := t.put(qFreeIndex, "free a number of", f); err != nil {
			return err
		}
	}
	for _, c := range r.claims {
		if err := t.put(qClaimPlace, "claim", c); err != nil {
			return err
		}
	}
	return nil
}

// put writes one row. If the statement has skipped it, that is a conflict.
func (t *txn) put(query, verb string, r row) error {
	n, err := t.exec(query, r.args...)
	if err != nil {
		return fmt.Errorf("%s %s: %w", verb, r.what, err)
	}
	if n == 0 {
		return r.conflict("cannot " + verb)
	}
	return nil
}

// insertInvoice inserts an invoice, or finds out why the row was skipped. It checks the id first, so that the error for
// a batch that is committed again shows that it was stored.
func (t *txn) insertInvoice(r row) error {
	n, err := t.exec(qInsertInvoice, r.args[:inserted]...)
	if err == nil && n > 0 {
		_, err = t.exec(qListInserted, r.args[1], r.args[inserted])
	}
	if err != nil || n > 0 {
		return err
	}
	id, project, orderID := r.args[0], r.args[updated], r.args[updated+2]
	var stored bool
	if err := t.row(qInvoiceExists, []any{id}, &stored); err != nil {
		return err
	}
	if stored || orderID == nil {
		return r.conflict("its id is taken, cannot insert")
	}
	var first string
	if err := t.row(qIDByOrder, []any{project, orderID}, &first); err != nil {
		return err
	}
	return &invoice.DuplicateOrderError{OrderID: orderID.(string), Invoice: first}
}

func (t *txn) updateInvoice(r row) error {
	n, err := t.exec(qUpdateInvoice, r.args[:updated]...)
	if err != nil {
		return err
	}
	if n == 0 {
		return r.conflict(fmt.Sprintf("version %d is not the next, cannot update", r.args[1]))
	}
	_, err = t.exec(qListUpdated, r.args[0], r.args[1], r.args[inserted])
	return err
}

// ReserveIndexes implements [invoice.Store].
func (s *Store) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	if n == 0 {
		return s.reserved(ctx, wallet)
	}
	var first uint32
	err := s.writer.do(ctx, func(t *txn) (err error) {
		first, err = t.reserve(wallet, n)
		return err
	})
	return first, err
}

func (t *txn) reserve(wallet string, n uint32) (first uint32, err error) {
	err = t.row(qReserve, []any{wallet, int64(n)}, &first)
	t.changed = t.changed || err == nil
	if errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("sqlite: reserve indexes: wallet %q has fewer than %d indexes left: %w", wallet, n, invoice.ErrNoAddress)
	} else if err != nil {
		return 0, fmt.Errorf("sqlite: reserve indexes: %w", err)
	}
	return first, nil
}

// reserved returns how many numbers were handed out.
func (r *reader) reserved(ctx context.Context, wallet string) (n uint32, err error) {
	if err := r.stmt(ctx, qReserved).QueryRowContext(ctx, wallet).Scan(&n); err != nil {
		return 0, fmt.Errorf("sqlite: read reserved indexes: %w", err)
	}
	return n, nil
}

// TakeIndex implements [invoice.Store].
func (s *Store) TakeIndex(ctx context.Context, wallet string) (index uint32, err error) {
	err = s.writer.do(ctx, func(t *txn) (err error) {
		index, err = t.take(wallet)
		return err
	})
	return index, err
}

func (t *txn) take(wallet string) (index uint32, err error) {
	err = t.row(qTakeIndex, []any{wallet}, &index)
	t.changed = t.changed || err == nil
	if errors.Is(err, sql.ErrNoRows) {
		err = invoice.ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("sqlite: take index of wallet %q: %w", wallet, err)
	}
	return index, nil
}
