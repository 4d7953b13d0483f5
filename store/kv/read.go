package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// Invoice implements [invoice.Reader].
func (s *Store) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	return view(ctx, s, "read invoice", func(t *txn) invoice.Invoice { return t.invoice(id) })
}

// InvoiceByOrder implements [invoice.Reader].
func (s *Store) InvoiceByOrder(ctx context.Context, project, orderID string) (invoice.Invoice, error) {
	return view(ctx, s, "read invoice by order", func(t *txn) invoice.Invoice {
		return t.invoice(t.get(key("order", project, orderID)))
	})
}

func (t *txn) invoice(id string) invoice.Invoice {
	d := t.read(id)
	if d == nil {
		t.fail(invoice.ErrNotFound)
		return invoice.Invoice{}
	}
	return d.invoice()
}

// at yields the values that the spans lead to.
func (t *txn) at(spans ...span) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, span := range spans {
			for _, value := range t.scan(span) {
				if !yield(value) {
					return
				}
			}
		}
	}
}

// invoices reads the invoices of the ids, each once. It passes over those that cannot be read, and fails with
// their names at the end.
func (t *txn) invoices(ids iter.Seq[string]) iter.Seq[invoice.Invoice] {
	return func(yield func(invoice.Invoice) bool) {
		var damaged *invoice.DamagedError
		defer func() {
			if damaged != nil {
				t.fail(damaged)
			}
		}()
		seen := map[string]bool{}
		for id := range ids {
			if seen[id] {
				continue
			}
			seen[id] = true
			if d := t.read(id); d == nil {
				damaged = t.passOver(id, damaged)
			} else if !yield(d.invoice()) {
				return
			}
		}
	}
}

// passOver adds an invoice that could not be read to the damaged ones. Any other error stays.
func (t *txn) passOver(id string, damaged *invoice.DamagedError) *invoice.DamagedError {
	t.require(t.err != nil, &invoice.DamagedError{Invoices: []string{id}, Err: errors.New("its document is missing")})
	var one *invoice.DamagedError
	if !errors.As(t.err, &one) {
		return damaged
	}
	t.err = nil
	if damaged == nil {
		return one
	}
	damaged.Invoices = append(damaged.Invoices, id)
	return damaged
}

func (s *Store) find(ctx context.Context, limit int, ids func(*txn) iter.Seq[string]) ([]invoice.Invoice, error) {
	return view(ctx, s, "read invoices", func(t *txn) (out []invoice.Invoice) {
		if limit <= 0 {
			return nil
		}
		for inv := range t.invoices(ids(t)) {
			if out = append(out, inv); len(out) == limit {
				break
			}
		}
		return out
	})
}

// InvoicesPaidBy implements [invoice.Reader].
func (s *Store) InvoicesPaidBy(ctx context.Context, keys []chain.Key) ([]invoice.Invoice, error) {
	return s.find(ctx, math.MaxInt, func(t *txn) iter.Seq[string] {
		return func(yield func(string) bool) {
			for _, k := range keys {
				if id := t.get(key("transfer", string(k.Network), k.TxID, k.Index)); id != "" && !yield(id) {
					return
				}
			}
		}
	})
}

// InvoicesPaidIn implements [invoice.Reader].
func (s *Store) InvoicesPaidIn(ctx context.Context, network chain.Network, txID string) ([]invoice.Invoice, error) {
	return s.find(ctx, math.MaxInt, func(t *txn) iter.Seq[string] { return t.at(under("transfer", string(network), txID)) })
}

// InvoicesAbove implements [invoice.Reader].
func (s *Store) InvoicesAbove(ctx context.Context, network chain.Network, height uint64) ([]invoice.Invoice, error) {
	above := under("height", string(network))
	above.from = key("height", string(network), min(height, invoice.Unconfirmed)+1)
	return s.find(ctx, math.MaxInt, func(t *txn) iter.Seq[string] { return t.at(above) })
}

// InvoicesWaking implements [invoice.Reader].
func (s *Store) InvoicesWaking(ctx context.Context, network chain.Network, head chain.Head, limit int) ([]invoice.Invoice, error) {
	upTo := func(tag invoice.Finality, height uint64) span {
		kind, on := "wake at height", string(network)
		return span{key(kind, on, string(tag)), key(kind, on, string(tag), min(height, invoice.Unconfirmed)+1)}
	}
	inTime := span{key("wake at time", string(network)), key("wake at time", string(network), head.Time)}
	return s.find(ctx, limit, func(t *txn) iter.Seq[string] {
		return t.at(upTo(invoice.FinalityDepth, head.Height), upTo(invoice.FinalitySafe, head.Safe),
			upTo(invoice.FinalityFinalized, head.Finalized), inTime)
	})
}

// Invoices implements [invoice.Reader]. It reads all invoices of the project, or of all projects.
func (s *Store) Invoices(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	listed := under("listed")
	if q.Project != "" {
		listed = under("listed", q.Project)
	}
	return view(ctx, s, "list invoices", func(t *txn) invoice.Page {
		var last *invoice.Invoice
		if d := t.read(q.After); d != nil {
			inv := d.invoice()
			last = &inv
		}
		var found []invoice.Invoice
		for inv := range t.invoices(t.at(listed)) {
			if q.Selects(inv) {
				found = append(found, inv)
			}
		}
		return q.Page(found, last)
	})
}

// Network implements [invoice.Reader].
func (s *Store) Network(ctx context.Context, network chain.Network) (invoice.Progress, error) {
	return view(ctx, s, "read progress", func(t *txn) (p invoice.Progress) {
		t.load(key("progress", string(network)), &p)
		return p
	})
}

// Events implements [invoice.Reader].
func (s *Store) Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error) {
	return view(ctx, s, "read events", func(t *txn) (out []invoice.Event) {
		for k, record := range t.scan(span{key("feed", uint64(max(after, 0))+1), under("feed").to}) {
			if len(out) >= limit {
				break
			}
			out = append(out, t.event(k, record))
		}
		return out
	})
}

// InvoiceEvents implements [invoice.Reader].
func (s *Store) InvoiceEvents(ctx context.Context, id string) ([]invoice.Event, error) {
	return view(ctx, s, "read events of invoice", func(t *txn) (out []invoice.Event) {
		for _, feed := range t.scan(under("history", id)) {
			out = append(out, t.event(feed, t.get(feed)))
		}
		return out
	})
}

func (t *txn) event(k, record string) invoice.Event {
	var ev event
	if err := json.Unmarshal([]byte(record), &ev); err != nil {
		t.fail(fmt.Errorf("the event under %q is damaged: %w", k, err))
	}
	ev.Event.Body = ev.Body
	return ev.Event
}

// Project implements [invoice.ProjectStore].
func (s *Store) Project(ctx context.Context, id string) (invoice.Project, error) {
	return view(ctx, s, "read project", func(t *txn) invoice.Project { return t.project(id) })
}

// ProjectByKey implements [invoice.ProjectStore].
func (s *Store) ProjectByKey(ctx context.Context, keyHash string) (invoice.Project, error) {
	return view(ctx, s, "read project by key", func(t *txn) invoice.Project {
		return t.project(t.get(key("project key", keyHash)))
	})
}

// ProjectsByOwner implements [invoice.ProjectStore]. It reads all projects.
func (s *Store) ProjectsByOwner(ctx context.Context, text string) ([]string, error) {
	return view(ctx, s, "read projects by owner", func(t *txn) (ids []string) {
		for k, record := range t.scan(under("project")) {
			var p invoice.Project
			if err := json.Unmarshal([]byte(record), &p); err != nil {
				t.fail(fmt.Errorf("the project under %q is damaged: %w", k, err))
			}
			if p.OwnerHas(text) {
				ids = append(ids, p.ID)
			}
		}
		slices.Sort(ids) // keys are in no particular order when ids are long
		return ids
	})
}

func (t *txn) project(id string) (p invoice.Project) {
	t.require(t.load(key("project", id), &p), invoice.ErrNotFound)
	return p
}
