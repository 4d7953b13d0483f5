package postgres

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/cointill/cointill/invoice"
)

// Events implements [invoice.Reader].
func (r reader) Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error) {
	var out []invoice.Event
	var damaged invoice.DamagedEventsError
	last, left, more := after, max(limit, 0), true
	for more { // until the damaged ones are made up for
		page, err := r.events(ctx, &damaged, qEvents, last, int64(left))
		if err != nil {
			return nil, fmt.Errorf("postgres: read events: %w", err)
		}
		out = append(out, page.events...)
		more = page.rows == left && len(page.events) < left
		left -= len(page.events)
		last = max(last, page.last)
	}
	if last == after {
		if err := r.checkPosition(ctx, after); err != nil {
			return nil, fmt.Errorf("postgres: read events: %w", err)
		}
	}
	return out, ifDamaged(&damaged)
}

// InvoiceEvents implements [invoice.Reader].
func (r reader) InvoiceEvents(ctx context.Context, id string) ([]invoice.Event, error) {
	var damaged invoice.DamagedEventsError
	page, err := r.events(ctx, &damaged, qInvoiceEvents, id)
	if err != nil {
		return nil, fmt.Errorf("postgres: read events of invoice %s: %w", id, err)
	}
	return page.events, ifDamaged(&damaged)
}

func ifDamaged(damaged *invoice.DamagedEventsError) error {
	if len(damaged.Positions) == 0 {
		return nil
	}
	return fmt.Errorf("postgres: read events: %w", damaged)
}

// checkPosition refuses a position that is beyond the end of the feed.
func (r reader) checkPosition(ctx context.Context, position int64) error {
	var end int64
	if err := r.q.QueryRow(ctx, qFeedEnd).Scan(&end); err != nil {
		return err
	}
	if position > end {
		return &invoice.PositionError{Position: position, Last: end}
	}
	return nil
}

// page is what a query for events has found.
type page struct {
	events []invoice.Event
	rows   int   // with those that are damaged
	last   int64 // position
}

func (r reader) events(ctx context.Context, damaged *invoice.DamagedEventsError, query string, args ...any) (page, error) {
	var p page
	found, err := r.q.Query(ctx, query, args...)
	if err != nil {
		return p, err
	}
	defer found.Close()
	for found.Next() {
		var ev invoice.Event
		var at string
		if err := found.Scan(&ev.Position, &ev.Invoice, &ev.Seq, &ev.ID, &ev.Project, &ev.Type, &ev.From, &ev.To,
			&at, &ev.Comment, &ev.Actor, (*[]byte)(&ev.Body)); err != nil {
			return p, err
		}
		p.rows, p.last = p.rows+1, ev.Position
		// The types of all other columns leave nothing to be wrong.
		if ev.At, err = time.Parse(time.RFC3339Nano, at); err != nil {
			damaged.Positions = append(damaged.Positions, ev.Position)
			damaged.Err = cmp.Or(damaged.Err, err)
			continue
		}
		p.events = append(p.events, ev)
	}
	return p, found.Err()
}
