package postgres

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/listing"
	"github.com/cointill/cointill/store/internal/record"
)

// row is one row of a statement that writes many.
type row struct {
	job     *job   // that the row belongs to
	key     string // as the statement returns it after it has written the row; also for errors
	invoice string // whose part of the batch it is; empty for none
	args    []any  // the columns
}

// rows holds the rows of batches for each table.
type rows struct {
	progress, newProgress, inserts, updates, releases, freed, claims, payments, messages, events []row
	fence                                                                                        invoice.Lease
	skip                                                                                         int64
}

// encode turns a batch into rows. It refuses what is wrong whatever the database contains.
func encode(b invoice.Batch) (rows, error) {
	r := tell(b.Events, b.Messages, b.Fence)
	r.skip = b.Skip
	for _, p := range b.Progress {
		args, err := record.Progress(p)
		if err != nil {
			return r, err
		}
		encoded := row{key: string(p.Network), args: args}
		if p.Version == 1 {
			r.newProgress = append(r.newProgress, encoded)
		} else {
			r.progress = append(r.progress, encoded)
		}
	}
	for _, inv := range b.Insert {
		if inv.Version != 1 {
			return r, &invoice.ConflictError{Invoice: inv.ID, Err: fmt.Errorf("an insert has version 1, not %d", inv.Version)}
		}
		encoded, err := encodeInvoice(inv)
		if err != nil {
			return r, err
		}
		var orderID *string
		if inv.OrderID != "" {
			orderID = &inv.OrderID
		}
		encoded.args = append(encoded.args, inv.Project, inv.Terms.Standing, orderID, listing.Nanos(inv.CreatedAt))
		r.inserts = append(r.inserts, encoded)
	}
	for _, inv := range b.Update {
		encoded, err := encodeInvoice(inv)
		if err != nil {
			return r, err
		}
		r.updates = append(r.updates, encoded)
	}
	r.places(b)
	for _, p := range b.Payments {
		args, err := record.Payment(p)
		if err != nil {
			return r, err
		}
		key := string(p.Key.Network) + " " + p.Key.TxID + " " + p.Key.Index
		r.payments = append(r.payments, row{key: key, invoice: p.Invoice, args: args})
	}
	return r, nil
}

// tell returns the rows of events and messages.
func tell(events []invoice.Event, messages []invoice.Message, fence invoice.Lease) rows {
	r := rows{fence: fence}
	for _, ev := range events {
		r.events = append(r.events, row{key: ev.Subject() + " " + strconv.FormatInt(ev.Seq, 10), invoice: ev.Invoice, args: record.Event(ev)})
	}
	for _, m := range messages {
		r.messages = append(r.messages, row{key: m.ID, invoice: m.Invoice, args: record.Message(m)})
	}
	return r
}

func (r *rows) places(b invoice.Batch) {
	encoded := func(c invoice.Claim) row {
		return row{
			key:     string(c.Network) + " " + string(c.Address) + " " + c.Slot,
			invoice: c.Invoice,
			args:    []any{string(c.Network), string(c.Address), c.Slot, c.Invoice},
		}
	}
	for _, rel := range b.Releases {
		r.releases = append(r.releases, encoded(rel.Claim))
		if rel.Reuse {
			r.freed = append(r.freed, row{args: []any{rel.Wallet, int64(rel.Index)}})
		}
	}
	for _, c := range b.Claims {
		r.claims = append(r.claims, encoded(c))
	}
}

// encodeInvoice returns the columns that an update may change.
func encodeInvoice(inv invoice.Invoice) (row, error) {
	doc, err := json.Marshal(&inv)
	if err != nil {
		return row{}, fmt.Errorf("encode invoice %s: %w", inv.ID, err)
	}
	var wakeHeight, wakeTime *int64
	wake := inv.State.Wake
	if wake.Height != 0 {
		wakeHeight = new(record.Signed(wake.Height))
	}
	if !wake.Time.IsZero() {
		wakeTime = new(listing.Nanos(wake.Time))
	}
	return row{key: inv.ID, invoice: inv.ID, args: []any{
		inv.ID, inv.Version, string(inv.Network()), string(wake.Tag), wakeHeight, wakeTime, string(doc), listing.RowOf(inv).Encode(),
	}}, nil
}

// columns turns rows into one array for each column.
func columns(rows []row) []any {
	out := make([]any, len(rows[0].args))
	for i, first := range rows[0].args {
		switch first.(type) {
		case string:
			out[i] = column[string](rows, i)
		case *string:
			out[i] = column[*string](rows, i)
		case int64:
			out[i] = column[int64](rows, i)
		case *int64:
			out[i] = column[*int64](rows, i)
		case bool:
			out[i] = column[bool](rows, i)
		default:
			out[i] = column[[]byte](rows, i)
		}
	}
	return out
}

func column[T any](rows []row, i int) []T {
	out := make([]T, len(rows))
	for n, row := range rows {
		out[n] = row.args[i].(T)
	}
	return out
}

// layers splits rows so that no layer has a key twice, in their order: a statement can write a row only once.
func layers(rows []row) [][]row {
	var out [][]row
	depth := make(map[string]int, len(rows))
	for _, row := range rows {
		n := depth[row.key]
		depth[row.key]++
		if n == len(out) {
			out = append(out, nil)
		}
		out[n] = append(out[n], row)
	}
	return out
}
