// Package spy records the calls that an API makes to its store, returns the store's contents, and makes the store fail.
package spy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
)

// Backend is the store that is observed, such as a *store.Memory.
type Backend interface {
	invoice.Store
	invoice.ProjectStore
	invoice.Leaser
	webhook.Outbox
	payout.Store
}

// Store records the calls of the methods that requests use. Its methods may be called concurrently.
type Store struct {
	Backend

	mu       sync.Mutex // guards what follows
	calls    []string
	projects int   // number of writes of projects
	broken   error // error of every recorded call
}

// On returns a Store that observes b.
func On(b Backend) *Store { return &Store{Backend: b} }

// Calls returns the names of the methods called since its last call, in order.
func (s *Store) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// Break makes every recorded call fail with err. nil ends that.
func (s *Store) Break(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// Rows returns all invoices, payouts, events, messages and entries of the ledger, and the number of writes of projects, as
// text.
func (s *Store) Rows() (string, error) {
	ctx := context.Background()
	var all []any
	for _, standing := range []bool{false, true} {
		page, err := s.Backend.Invoices(ctx, invoice.Query{Standing: standing, Limit: invoice.MaxPage, Sort: invoice.SortCreated})
		if err != nil {
			return "", err
		}
		for _, inv := range page.Invoices {
			records, err := s.Backend.History(ctx, inv.ID, 0)
			if err != nil {
				return "", err
			}
			all = append(all, inv, records)
		}
	}
	events, err := s.Backend.Events(ctx, 0, invoice.MaxPage)
	if err != nil {
		return "", err
	}
	payouts, err := s.Backend.Payouts(ctx, payout.Query{Limit: 1000})
	if err != nil {
		return "", err
	}
	entries, err := s.Backend.Entries(ctx, 0, 1000)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := json.Marshal(append(all, events, payouts.Payouts, entries, s.projects))
	if err != nil {
		return "", fmt.Errorf("spy: write rows: %w", err)
	}
	return string(text), nil
}

// note records a call, and returns the error that it must fail with.
func (s *Store) note(method string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, method)
	return s.broken
}

// noted records and makes a call with one result besides its error.
func noted[T any](s *Store, method string, call func() (T, error)) (T, error) {
	if err := s.note(method); err != nil {
		var none T
		return none, err
	}
	return call()
}

func (s *Store) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	return noted(s, "Invoice", func() (invoice.Invoice, error) { return s.Backend.Invoice(ctx, id) })
}

func (s *Store) InvoiceByOrder(ctx context.Context, project, orderID string) (invoice.Invoice, error) {
	return noted(s, "InvoiceByOrder", func() (invoice.Invoice, error) { return s.Backend.InvoiceByOrder(ctx, project, orderID) })
}

func (s *Store) Invoices(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	return noted(s, "Invoices", func() (invoice.Page, error) { return s.Backend.Invoices(ctx, q) })
}

func (s *Store) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	return noted(s, "InvoicesAt", func() ([]invoice.Invoice, error) { return s.Backend.InvoicesAt(ctx, places) })
}

func (s *Store) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	return noted(s, "InvoicesPaid", func() ([]invoice.Invoice, error) { return s.Backend.InvoicesPaid(ctx, q) })
}

func (s *Store) Network(ctx context.Context, network chain.Network) (invoice.Progress, error) {
	return noted(s, "Network", func() (invoice.Progress, error) { return s.Backend.Network(ctx, network) })
}

func (s *Store) Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error) {
	return noted(s, "Events", func() ([]invoice.Event, error) { return s.Backend.Events(ctx, after, limit) })
}

func (s *Store) InvoiceEvents(ctx context.Context, id string, after int64) ([]invoice.Event, error) {
	return noted(s, "InvoiceEvents", func() ([]invoice.Event, error) { return s.Backend.InvoiceEvents(ctx, id, after) })
}

func (s *Store) Commit(ctx context.Context, b invoice.Batch) error {
	if err := s.note("Commit"); err != nil {
		return err
	}
	return s.Backend.Commit(ctx, b)
}

func (s *Store) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	return noted(s, "ReserveIndexes", func() (uint32, error) { return s.Backend.ReserveIndexes(ctx, wallet, n) })
}

func (s *Store) TakeIndex(ctx context.Context, wallet string) (uint32, error) {
	return noted(s, "TakeIndex", func() (uint32, error) { return s.Backend.TakeIndex(ctx, wallet) })
}

func (s *Store) Project(ctx context.Context, id string) (invoice.Project, error) {
	return noted(s, "Project", func() (invoice.Project, error) { return s.Backend.Project(ctx, id) })
}

func (s *Store) ProjectByKey(ctx context.Context, keyHash string) (invoice.Project, error) {
	return noted(s, "ProjectByKey", func() (invoice.Project, error) { return s.Backend.ProjectByKey(ctx, keyHash) })
}

func (s *Store) ProjectsByOwner(ctx context.Context, text string) ([]string, error) {
	return noted(s, "ProjectsByOwner", func() ([]string, error) { return s.Backend.ProjectsByOwner(ctx, text) })
}

func (s *Store) InsertProject(ctx context.Context, p invoice.Project) error {
	return s.write("InsertProject", func() error { return s.Backend.InsertProject(ctx, p) })
}

func (s *Store) UpdateProject(ctx context.Context, p invoice.Project) error {
	return s.write("UpdateProject", func() error { return s.Backend.UpdateProject(ctx, p) })
}

// write records and makes a call that writes a project.
func (s *Store) write(method string, call func() error) error {
	if err := s.note(method); err != nil {
		return err
	}
	err := call()
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.projects++
	}
	return err
}

func (s *Store) History(ctx context.Context, id string, after int64) ([]webhook.Record, error) {
	return noted(s, "History", func() ([]webhook.Record, error) { return s.Backend.History(ctx, id, after) })
}

func (s *Store) Resend(ctx context.Context, id, receiver string) (invoice.Message, error) {
	return noted(s, "Resend", func() (invoice.Message, error) { return s.Backend.Resend(ctx, id, receiver) })
}

func (s *Store) Payout(ctx context.Context, id string) (payout.Payout, error) {
	return noted(s, "Payout", func() (payout.Payout, error) { return s.Backend.Payout(ctx, id) })
}

func (s *Store) PayoutBy(ctx context.Context, r payout.Reference) (payout.Payout, error) {
	return noted(s, "PayoutBy", func() (payout.Payout, error) { return s.Backend.PayoutBy(ctx, r) })
}

func (s *Store) Payouts(ctx context.Context, q payout.Query) (payout.Page, error) {
	return noted(s, "Payouts", func() (payout.Page, error) { return s.Backend.Payouts(ctx, q) })
}

func (s *Store) Balances(ctx context.Context, project string) ([]payout.Balance, error) {
	return noted(s, "Balances", func() ([]payout.Balance, error) { return s.Backend.Balances(ctx, project) })
}

func (s *Store) Credit(ctx context.Context, invoiceID string) (payout.Credit, error) {
	return noted(s, "Credit", func() (payout.Credit, error) { return s.Backend.Credit(ctx, invoiceID) })
}

func (s *Store) CommitPayouts(ctx context.Context, b payout.Batch) error {
	if err := s.note("CommitPayouts"); err != nil {
		return err
	}
	return s.Backend.CommitPayouts(ctx, b)
}

// Log is a buffer for logs that may be read while it is written. The zero value is empty.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns the text that was written.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
