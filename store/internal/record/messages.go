package record

import (
	"fmt"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// ScanMessage reads the columns n, id, event, invoice, seq, project, url, endpoint, at, body, format, secret, receiver,
// and more columns of the query.
func ScanMessage(from Row, more ...any) (n int64, m invoice.Message, err error) {
	var at string
	dest := []any{&n, &m.ID, &m.Event, &m.Invoice, &m.Seq, &m.Project, &m.URL, &m.Endpoint, &at, &m.Body, &m.Format, &m.Secret, &m.Receiver}
	if err := from.Scan(append(dest, more...)...); err != nil {
		return 0, m, err
	}
	m.Invoice, m.Payout = subject(m.Event, m.Invoice)
	if m.At, err = parseStamp(at); err != nil {
		return 0, m, fmt.Errorf("stored message %s is damaged: %w", m.ID, err)
	}
	return n, m, nil
}

// ScanHistory reads messages with the columns state, due, and at, duration, status, excerpt, error of one of their
// attempts, or null. A message comes once for each of its attempts, in consecutive rows.
func ScanHistory(found Rows) ([]webhook.Record, error) {
	var out []webhook.Record
	var last int64
	for found.Next() {
		var r webhook.Record
		var due int64
		var at, excerpt, failure *string
		var duration, status *int64
		n, m, err := ScanMessage(found, &r.State, &due, &at, &duration, &status, &excerpt, &failure)
		if err != nil {
			return nil, err
		}
		if len(out) == 0 || n != last {
			last = n
			r.Message = m
			if r.State == webhook.StateDue {
				r.Due = time.Unix(0, due).UTC()
			}
			out = append(out, r)
		}
		if at == nil {
			continue
		}
		attempt := webhook.Attempt{Duration: time.Duration(*duration), Status: int(*status), Excerpt: *excerpt, Error: *failure}
		if attempt.At, err = parseStamp(*at); err != nil {
			return nil, fmt.Errorf("stored attempt of message %s is damaged: %w", m.ID, err)
		}
		attempts := &out[len(out)-1].Attempts
		*attempts = append(*attempts, attempt)
	}
	return out, found.Err()
}
