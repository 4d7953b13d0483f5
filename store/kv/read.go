package kv

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

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
	return t.withPayments(d.Invoice, nil)
}

// at yields the values under the keys of the spans.
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

// invoices reads the invoices with the ids, each once, with their open payments and some of the settled ones. It passes
// over those that cannot be read, and fails with their ids at the end.
func (t *txn) invoices(ids iter.Seq[string], settled map[string][]chain.Key) iter.Seq[invoice.Invoice] {
	return t.each(ids, func(id string) (inv invoice.Invoice, ok bool) {
		d := t.read(id)
		if d == nil {
			return inv, false
		}
		inv = t.withPayments(d.Invoice, settled[id])
		return inv, t.err == nil
	})
}

// each reads the invoices with the ids, each once, passing over those that cannot be read.
func (t *txn) each(ids iter.Seq[string], read func(id string) (invoice.Invoice, bool)) iter.Seq[invoice.Invoice] {
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
			inv, ok := read(id)
			if !ok {
				damaged = t.passOver(id, damaged)
			}
			if t.err != nil || ok && !yield(inv) {
				return
			}
		}
	}
}

// passOver adds an invoice that cannot be read to the damaged ones. Any other error stays.
func (t *txn) passOver(id string, damaged *invoice.DamagedError) *invoice.DamagedError {
	t.require(t.err != nil, &invoice.DamagedError{Invoices: []string{id}, Err: errors.New("its document is missing")})
	return join(damaged, t.takeDamage())
}

// takeDamage returns the damaged invoices if they are the error of the transaction, and clears that error.
func (t *txn) takeDamage() *invoice.DamagedError {
	var damaged *invoice.DamagedError
	if errors.As(t.err, &damaged) {
		t.err = nil
	}
	return damaged
}

func join(damaged, more *invoice.DamagedError) *invoice.DamagedError {
	if damaged == nil || more == nil {
		return cmp.Or(damaged, more)
	}
	return &invoice.DamagedError{Invoices: append(damaged.Invoices, more.Invoices...), Err: damaged.Err}
}

func (s *Store) find(ctx context.Context, limit int, ids func(*txn) iter.Seq[string]) ([]invoice.Invoice, error) {
	return view(ctx, s, "read invoices", func(t *txn) (out []invoice.Invoice) {
		if limit <= 0 {
			return nil
		}
		for inv := range t.invoices(ids(t), nil) {
			if out = append(out, inv); len(out) == limit {
				break
			}
		}
		return out
	})
}

// InvoicesWaking implements [invoice.Reader].
func (s *Store) InvoicesWaking(ctx context.Context, network chain.Network, head chain.Head, limit int) ([]invoice.Invoice, error) {
	upTo := func(tag chain.Finality, height uint64) span {
		kind, on := "wake at height", string(network)
		return span{key(kind, on, string(tag)), key(kind, on, string(tag), min(height, invoice.Unconfirmed)+1)}
	}
	inTime := span{key("wake at time", string(network)), key("wake at time", string(network), head.Time)}
	return s.find(ctx, limit, func(t *txn) iter.Seq[string] {
		return t.at(upTo(chain.FinalityDepth, head.Height), upTo(chain.FinalitySafe, head.Safe),
			upTo(chain.FinalityFinalized, head.Finalized), inTime)
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
			last = &d.Invoice
		}
		var found []invoice.Invoice
		for inv := range t.each(t.at(listed), t.withoutPayments) {
			if q.Selects(inv) {
				found = append(found, inv)
			}
		}
		damaged := t.takeDamage()
		page := q.Page(found, last)
		ids := make([]string, len(page.Invoices))
		for i, inv := range page.Invoices {
			ids[i] = inv.ID
		}
		page.Invoices = slices.Collect(t.invoices(slices.Values(ids), nil))
		if damaged = join(damaged, t.takeDamage()); damaged != nil {
			t.fail(damaged)
		}
		return page
	})
}

func (t *txn) withoutPayments(id string) (invoice.Invoice, bool) {
	if d := t.read(id); d != nil {
		return d.Invoice, true
	}
	return invoice.Invoice{}, false
}

// Network implements [invoice.Reader].
func (s *Store) Network(ctx context.Context, network chain.Network) (invoice.Progress, error) {
	return view(ctx, s, "read progress", func(t *txn) (p invoice.Progress) {
		t.load(key("progress", string(network)), &p)
		return p
	})
}

// Project implements [invoice.ProjectStore].
func (s *Store) Project(ctx context.Context, id string) (invoice.Project, error) {
	return view(ctx, s, "read project", func(t *txn) invoice.Project { return t.project(id) })
}

// ProjectByKey implements [invoice.ProjectStore].
func (s *Store) ProjectByKey(ctx context.Context, keyHash string) (invoice.Project, error) {
	return view(ctx, s, "read project by key", func(t *txn) invoice.Project {
		id := t.get(key("project key", keyHash))
		if id == "" {
			id = t.get(key("former project key", keyHash))
		}
		return t.project(id)
	})
}

// Projects implements [invoice.ProjectStore]. It reads all projects.
func (s *Store) Projects(ctx context.Context, after string, limit int) ([]invoice.Project, error) {
	return view(ctx, s, "read projects", func(t *txn) []invoice.Project {
		out := t.projects(func(p invoice.Project) bool { return p.ID > after })
		return out[:min(len(out), max(limit, 0))]
	})
}

// ProjectsByOwner implements [invoice.ProjectStore]. It reads all projects.
func (s *Store) ProjectsByOwner(ctx context.Context, text string) ([]string, error) {
	return view(ctx, s, "read projects by owner", func(t *txn) (ids []string) {
		for _, p := range t.projects(func(p invoice.Project) bool { return p.OwnerHas(text) }) {
			ids = append(ids, p.ID)
		}
		return ids
	})
}

// projects returns the projects that are wanted, in the order of their ids.
func (t *txn) projects(wanted func(invoice.Project) bool) (out []invoice.Project) {
	for k, record := range t.scan(under("project")) {
		var p invoice.Project
		if err := json.Unmarshal([]byte(record), &p); err != nil {
			t.fail(fmt.Errorf("the project under %q is damaged: %w", k, err))
		}
		if wanted(p) {
			out = append(out, p)
		}
	}
	// Keys are in no particular order when ids are long.
	slices.SortFunc(out, func(a, b invoice.Project) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func (t *txn) project(id string) (p invoice.Project) {
	t.require(t.load(key("project", id), &p), invoice.ErrNotFound)
	return p
}
