package kv

import (
	"cmp"
	"context"
	"encoding/binary"

	"github.com/cointill/cointill/invoice"
)

// end is the key of the last position that was used or skipped.
func end() string { return key("last position") }

func (t *txn) addEvent(ev invoice.Event) {
	var last uint64
	t.load(end(), &last)
	history, feed := key("history", ev.Subject(), uint64(ev.Seq)), key("feed", last+1)
	t.require(t.get(history) == "", conflict(ev.Subject(), "event %d is taken", ev.Seq))
	ev.Position = int64(last + 1)
	t.store(end(), last+1)
	t.putEvent(feed, ev)
	t.put(history, feed)
	about := ownerOf(invoice.Message{Invoice: ev.Invoice, Payout: ev.Payout})
	t.wrote(body{about, ev.Seq, string(ev.Body)}, bodySite{Position: last + 1, Size: len(ev.Body)})
}

// skip makes sure that no event gets a position up to this one any more.
func (t *txn) skip(position int64) {
	var last uint64
	if position <= 0 {
		return
	}
	if t.load(end(), &last); uint64(position) > last {
		t.store(end(), uint64(position))
	}
}

// events collects the events that can be read, and the positions of the others.
type events struct {
	found   []invoice.Event
	damaged invoice.DamagedEventsError
}

// add reads the event under the key.
func (e *events) add(k, record string) {
	position := int64(binary.BigEndian.Uint64([]byte(k[len(k)-8:])))
	ev, err := decodeEvent(record, position)
	if err != nil {
		e.damaged.Positions = append(e.damaged.Positions, position)
		e.damaged.Err = cmp.Or(e.damaged.Err, err)
		return
	}
	e.found = append(e.found, ev)
}

// all returns the events, with an error if any could not be read.
func (e *events) all(t *txn) []invoice.Event {
	if len(e.damaged.Positions) > 0 {
		t.fail(&e.damaged)
	}
	return e.found
}

// Events implements [invoice.Reader].
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error) {
	after = max(after, 0)
	return view(ctx, s, "read events", func(t *txn) []invoice.Event {
		var last uint64
		t.load(end(), &last)
		t.require(uint64(after) <= last, &invoice.PositionError{Position: after, Last: int64(last)})
		var out events
		for k, record := range t.scan(span{key("feed", uint64(after)+1), under("feed").to}) {
			if len(out.found) >= limit {
				break
			}
			out.add(k, record)
		}
		return out.all(t)
	})
}

// InvoiceEvents implements [invoice.Reader].
func (s *Store) InvoiceEvents(ctx context.Context, id string, after int64) ([]invoice.Event, error) {
	return view(ctx, s, "read events of invoice", func(t *txn) []invoice.Event {
		var out events
		for _, feed := range t.scan(since(after, "history", id)) {
			record := t.get(feed)
			if t.err != nil {
				break
			}
			out.add(feed, record)
		}
		return out.all(t)
	})
}
