// Package record contains what the SQL stores write into rows, and read from them, in the same way: the columns of each
// kind of row, in the order of the statements of both stores, and the conversion of rows into values.
//
// Tables and statements belong to each store. So does a column that only one of them has.
package record

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// Row is one row of either driver.
type Row interface{ Scan(dest ...any) error }

// Rows is the result of a query with either driver. The caller closes it.
type Rows interface {
	Row
	Next() bool
	Err() error
}

// Stamp formats a time in UTC, to the nanosecond.
func Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// parseStamp parses the format of [Stamp].
func parseStamp(text string) (time.Time, error) { return time.Parse(time.RFC3339Nano, text) }

// Signed clips a height to the range of the integers in the databases.
func Signed(height uint64) int64 { return int64(min(height, math.MaxInt64)) }

// PaidQueries are the queries of a store for invoices by their payments.
type PaidQueries struct {
	In, Above, By string // in a transaction, above a height, by their keys
	// Args returns the arguments of By.
	Args func(keys []chain.Key) ([]any, error)
}

// Of returns the query that answers q, with its arguments. It returns "" if no payment is asked for.
func (p PaidQueries) Of(q invoice.PaymentQuery) (query string, args []any, err error) {
	if err := q.Validate(); err != nil {
		return "", nil, err
	}
	switch {
	case q.TxID != "":
		return p.In, []any{string(q.Network), q.TxID}, nil
	case q.From > 0:
		return p.Above, []any{string(q.Network), Signed(q.From - 1)}, nil
	case len(q.Keys) == 0:
		return "", nil, nil
	}
	keys := make([]chain.Key, 0, len(q.Keys))
	asked := make(map[chain.Key]bool, len(q.Keys))
	for _, k := range q.Keys {
		if !asked[k] { // otherwise a payment would come twice
			asked[k] = true
			keys = append(keys, k)
		}
	}
	args, err = p.Args(keys)
	return p.By, args, err
}

// Payment returns the columns network, txid, idx, invoice, height, withdrawn, settled, doc.
func Payment(p invoice.Payment) ([]any, error) {
	doc, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode payment of invoice %s: %w", p.Invoice, err)
	}
	return []any{
		string(p.Key.Network), p.Key.TxID, p.Key.Index, p.Invoice, Signed(p.Height()), p.Withdrawn, p.Settled, string(doc),
	}, nil
}

// Event returns the columns invoice, seq, id, project, type, from_status, to_status, at, comment, actor, body. The column
// invoice has the id of the payout for an event of a payout, which its type tells from an invoice's.
func Event(ev invoice.Event) []any {
	return []any{
		ev.Subject(), ev.Seq, ev.ID, ev.Project, string(ev.Type), string(ev.From), string(ev.To), Stamp(ev.At),
		ev.Comment, ev.Actor, []byte(ev.Body),
	}
}

// Message returns the columns id, event, invoice, seq, project, url, endpoint, at, body, format, secret, receiver. The
// column invoice
// is that of [Event].
func Message(m invoice.Message) []any {
	return []any{
		m.ID, string(m.Event), m.Subject(), m.Seq, m.Project, m.URL, m.Endpoint, Stamp(m.At), m.Body, m.Format, m.Secret, m.Receiver,
	}
}

// subject returns the id of the invoice, or of the payout, that an event of the type is about.
func subject(t invoice.EventType, id string) (ofInvoice, ofPayout string) {
	if strings.HasPrefix(string(t), "payout.") {
		return "", id
	}
	return id, ""
}

// Progress returns the columns network, version, cursor, head, at, aside.
func Progress(p invoice.Progress) ([]any, error) {
	head, err := json.Marshal(p.Head)
	if err != nil {
		return nil, fmt.Errorf("encode head of %s: %w", p.Network, err)
	}
	aside, err := json.Marshal(p.Aside)
	if err != nil {
		return nil, fmt.Errorf("encode what was set aside of %s: %w", p.Network, err)
	}
	return []any{string(p.Network), p.Version, []byte(p.Cursor), string(head), Stamp(p.At), string(aside)}, nil
}

// ScanProgress reads the columns version, cursor, head, at, aside of the network.
func ScanProgress(from Row, p *invoice.Progress) error {
	var head, aside []byte
	var at string
	err := from.Scan(&p.Version, (*[]byte)(&p.Cursor), &head, &at, &aside)
	if err == nil {
		err = json.Unmarshal(head, &p.Head)
	}
	if err == nil {
		err = json.Unmarshal(aside, &p.Aside)
	}
	if err == nil {
		p.At, err = parseStamp(at)
	}
	return err
}

// Project returns the columns id, owner, name, key_hash, former_key_hash, version, doc.
func Project(p invoice.Project) ([]any, error) {
	doc, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode project %s: %w", p.ID, err)
	}
	return []any{p.ID, p.Owner, p.Name, p.KeyHash, p.FormerKeyHash, p.Version, string(doc)}, nil
}

// ScanProject reads the columns id, doc.
func ScanProject(from Row) (p invoice.Project, err error) {
	var id string
	var doc []byte
	if err := from.Scan(&id, &doc); err != nil {
		return invoice.Project{}, err
	}
	if err := json.Unmarshal(doc, &p); err != nil {
		return invoice.Project{}, fmt.Errorf("stored project %s is damaged: %w", id, err)
	}
	return p, nil
}
