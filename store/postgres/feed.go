package postgres

import (
	"context"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/record"
)

// Events implements [invoice.Reader].
func (r reader) Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error) {
	page, err := record.Feed{
		After: func(position int64, limit int) (record.EventPage, error) {
			return r.events(ctx, qEvents, position, int64(limit))
		},
		End: func() (end int64, err error) {
			err = r.again(ctx, func() error { return r.q.QueryRow(ctx, qFeedEnd).Scan(&end) })
			return end, err
		},
	}.Read(after, limit)
	if err != nil {
		return nil, fmt.Errorf("postgres: read events: %w", err)
	}
	return page.Events, damaged("read events", page)
}

// InvoiceEvents implements [invoice.Reader].
func (r reader) InvoiceEvents(ctx context.Context, id string, after int64) ([]invoice.Event, error) {
	page, err := r.events(ctx, qInvoiceEvents, id, after)
	if err != nil {
		return nil, fmt.Errorf("postgres: read events of invoice %s: %w", id, err)
	}
	return page.Events, damaged("read events of invoice "+id, page)
}

// damaged returns the error for events that cannot be read, or nil if there are none.
func damaged(what string, page record.EventPage) error {
	if err := page.Err(); err != nil {
		return fmt.Errorf("postgres: %s: %w", what, err)
	}
	return nil
}

func (r reader) events(ctx context.Context, query string, args ...any) (page record.EventPage, err error) {
	err = r.again(ctx, func() error {
		found, err := r.q.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer found.Close()
		page, err = record.ScanEvents(found)
		return err
	})
	return page, err
}
