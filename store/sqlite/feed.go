package sqlite

import (
	"cmp"
	"context"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/record"
)

// Events implements [invoice.Reader].
func (r *reader) Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error) {
	page, err := record.Feed{
		After: func(position int64, limit int) (record.EventPage, error) {
			return r.events(ctx, qEvents, position, limit)
		},
		End: func() (end int64, err error) {
			return end, r.stmt(ctx, qFeedEnd).QueryRowContext(ctx).Scan(&end)
		},
	}.Read(after, limit)
	if err != nil {
		return nil, fmt.Errorf("sqlite: read events: %w", err)
	}
	return page.Events, failed("read events", page.Err())
}

// InvoiceEvents implements [invoice.Reader].
func (r *reader) InvoiceEvents(ctx context.Context, id string, after int64) ([]invoice.Event, error) {
	page, err := r.events(ctx, qInvoiceEvents, id, after)
	if err != nil {
		return nil, fmt.Errorf("sqlite: read events of invoice %s: %w", id, err)
	}
	return page.Events, failed("read events of invoice "+id, page.Err())
}

func (r *reader) events(ctx context.Context, query string, args ...any) (record.EventPage, error) {
	found, err := r.stmt(ctx, query).QueryContext(ctx, args...)
	if err != nil {
		return record.EventPage{}, err
	}
	defer found.Close()
	page, err := record.ScanEvents(found)
	return page, cmp.Or(err, found.Err())
}
