package record

import (
	"cmp"

	"github.com/cointill/cointill/invoice"
)

// Feed reads the events of one database.
type Feed struct {
	// After finds up to limit events after a position, in order; see [ScanEvents].
	After func(position int64, limit int) (EventPage, error)
	// End returns the position of the last event, or what was skipped if that is more.
	End func() (int64, error)
}

// EventPage is the result of a query for events.
type EventPage struct {
	Events  []invoice.Event
	Damaged invoice.DamagedEventsError
	rows    int   // with those that are damaged
	last    int64 // position
}

// Err returns the damaged events as an error, or nil if there are none.
func (p *EventPage) Err() error {
	if len(p.Damaged.Positions) == 0 {
		return nil
	}
	return &p.Damaged
}

// Read returns up to limit events after the position, as [invoice.Reader] defines it: damaged events do not count
// towards the limit.
func (f Feed) Read(after int64, limit int) (EventPage, error) {
	var all EventPage
	last, left, more := after, max(limit, 0), true
	for more { // until the damaged ones are made up for
		page, err := f.After(last, left)
		if err != nil {
			return all, err
		}
		more = page.rows == left && len(page.Events) < left
		left -= len(page.Events)
		last = max(last, page.last)
		all.Events = append(all.Events, page.Events...)
		all.Damaged.Positions = append(all.Damaged.Positions, page.Damaged.Positions...)
		all.Damaged.Err = cmp.Or(all.Damaged.Err, page.Damaged.Err)
	}
	if last > after {
		return all, nil
	}
	end, err := f.End()
	if err == nil && after > end {
		err = &invoice.PositionError{Position: after, Last: end}
	}
	return all, err
}

// ScanEvents reads rows with the columns position, invoice, seq, id, project, type, from_status, to_status, at,
// comment, actor, body. The position can always be read, because its column holds only integers; a row in which another
// column cannot be read is damaged. A driver that ends the rows instead reports that as their error.
func ScanEvents(found Rows) (EventPage, error) {
	var p EventPage
	for found.Next() {
		ev, err := scanEvent(found)
		p.rows, p.last = p.rows+1, ev.Position
		if err != nil {
			p.Damaged.Positions = append(p.Damaged.Positions, ev.Position)
			p.Damaged.Err = cmp.Or(p.Damaged.Err, err)
			continue
		}
		p.Events = append(p.Events, ev)
	}
	return p, found.Err()
}

func scanEvent(from Row) (ev invoice.Event, err error) {
	var at string
	err = from.Scan(&ev.Position, &ev.Invoice, &ev.Seq, &ev.ID, &ev.Project, &ev.Type, &ev.From, &ev.To,
		&at, &ev.Comment, &ev.Actor, (*[]byte)(&ev.Body))
	if err == nil {
		ev.At, err = parseStamp(at)
		ev.Invoice, ev.Payout = subject(ev.Type, ev.Invoice)
	}
	return ev, err
}
