package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/books"
)

var (
	_ Backend            = (*Memory)(nil)
	_ invoice.SlotLister = (*Memory)(nil)
	_ invoice.PaidLister = (*Memory)(nil)
)

// Memory is the reference implementation of [Backend]: its behavior defines what the ports mean. It keeps everything in
// maps, which are lost when the process ends. Its methods may be called concurrently.
type Memory struct {
	mu sync.Mutex // guards everything below

	invoices map[string]invoice.Invoice // by id, without their payments
	orders   map[orderKey]string        // the invoice with the order id
	places   map[invoice.Place]map[chain.Network]holders
	free     map[string][]uint32 // numbers of a wallet that may be handed out again, first freed first
	payments payments
	feed     []invoice.Event          // by position
	last     int64                    // position of the last event, or what was skipped if that is more
	eventsOf map[string]map[int64]int // index in the feed by subject and seq
	networks map[chain.Network]invoice.Progress
	indexes  map[string]uint32 // the next number of a wallet
	leases   map[string]lease  // the newest of each duty

	projects map[string]invoice.Project

	reads // of the books
	books ledger

	messages    map[string]*message // by id
	messagesOf  map[string][]*message
	undelivered map[goneKey]map[string]*message // those in state due, by id
	ready       map[string]*queue               // by endpoint
	inserted    int64                           // messages so far
	gone        map[goneKey]bool

	records *MemoryRecords // with a mutex of their own
}

type orderKey struct{ project, orderID string }

// holders lists the invoices that a place was given to.
type holders struct {
	claims []invoice.Claim // all there ever were, in their order
	held   bool            // the last of them holds it; else it was the last to release it
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	m := &Memory{
		invoices:    map[string]invoice.Invoice{},
		orders:      map[orderKey]string{},
		places:      map[invoice.Place]map[chain.Network]holders{},
		free:        map[string][]uint32{},
		payments:    newPayments(),
		eventsOf:    map[string]map[int64]int{},
		networks:    map[chain.Network]invoice.Progress{},
		indexes:     map[string]uint32{},
		leases:      map[string]lease{},
		projects:    map[string]invoice.Project{},
		messages:    map[string]*message{},
		messagesOf:  map[string][]*message{},
		undelivered: map[goneKey]map[string]*message{},
		ready:       map[string]*queue{},
		gone:        map[goneKey]bool{},
		books:       newLedger(),
		records:     newRecords(),
	}
	m.reads = books.NewReads(m.viewBooks, m.viewBooks)
	return m
}

// Commit implements [invoice.Store].
func (m *Memory) Commit(ctx context.Context, b invoice.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var u undo
	if err := m.apply(&u, b); err != nil {
		u.run()
		return fmt.Errorf("store: commit: %w", err)
	}
	return nil
}

// undo collects the functions that take back what was applied of a batch.
type undo []func()

func (u *undo) add(f func()) { *u = append(*u, f) }

func (u undo) run() {
	for _, f := range slices.Backward(u) {
		f()
	}
}

// set puts a value into a map and records how to take it back.
func set[K comparable, V any](u *undo, m map[K]V, k K, v V) {
	old, had := m[k]
	m[k] = v
	u.add(func() {
		if had {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
}

// apply applies the parts of the batch in order, up to the first one that is refused.
func (m *Memory) apply(u *undo, b invoice.Batch) error {
	if err := m.checkFence(b.Fence); err != nil {
		return err
	}
	for _, inv := range b.Insert {
		if err := m.insert(u, inv); err != nil {
			return err
		}
	}
	for _, inv := range b.Update {
		if err := m.update(u, inv); err != nil {
			return err
		}
	}
	for _, r := range b.Releases {
		if err := m.release(u, r); err != nil {
			return err
		}
	}
	for _, c := range b.Claims {
		if err := m.claim(u, c); err != nil {
			return err
		}
	}
	for _, p := range b.Payments {
		if err := m.putPayment(u, p); err != nil {
			return err
		}
	}
	if b.Skip > m.last {
		m.moveTo(u, b.Skip)
	}
	if err := m.tell(u, b.Events, b.Messages); err != nil {
		return err
	}
	for _, p := range b.Progress {
		if p.Version != m.networks[p.Network].Version+1 {
			return fmt.Errorf("progress of %s: %w", p.Network, invoice.ErrConflict)
		}
		set(u, m.networks, p.Network, cloneProgress(p))
	}
	return nil
}

// tell appends events to the feed, and puts messages into the outbox.
func (m *Memory) tell(u *undo, events []invoice.Event, messages []invoice.Message) error {
	for _, ev := range events {
		if err := m.appendEvent(u, ev); err != nil {
			return err
		}
	}
	for _, msg := range slices.SortedStableFunc(slices.Values(messages), func(x, y invoice.Message) int { return cmp.Compare(x.Seq, y.Seq) }) {
		if err := m.insertMessage(u, msg); err != nil {
			return err
		}
	}
	return nil
}

// conflict returns the refusal of an invoice's part of a batch.
func conflict(id, format string, args ...any) error {
	return &invoice.ConflictError{Invoice: id, Err: fmt.Errorf(format, args...)}
}

// insert checks the id before the order id: if a batch is committed again because its outcome is unknown, the refusal
// must show that it was stored.
func (m *Memory) insert(u *undo, inv invoice.Invoice) error {
	if _, taken := m.invoices[inv.ID]; taken || inv.Version != 1 {
		return conflict(inv.ID, "the id is taken, or version %d is not 1", inv.Version)
	}
	if key := (orderKey{inv.Project, inv.OrderID}); inv.OrderID != "" {
		if first, taken := m.orders[key]; taken {
			return &invoice.DuplicateOrderError{OrderID: inv.OrderID, Invoice: first}
		}
		set(u, m.orders, key, inv.ID)
	}
	m.putInvoice(u, inv)
	return nil
}

func (m *Memory) update(u *undo, inv invoice.Invoice) error {
	old, ok := m.invoices[inv.ID]
	if !ok || inv.Version != old.Version+1 {
		return conflict(inv.ID, "version %d does not follow version %d", inv.Version, old.Version)
	}
	m.putInvoice(u, inv)
	return nil
}

func (m *Memory) putInvoice(u *undo, inv invoice.Invoice) {
	inv = cloneInvoice(inv)
	inv.Payments = nil
	set(u, m.invoices, inv.ID, inv)
}

func (m *Memory) claim(u *undo, c invoice.Claim) error {
	before := m.places[c.Place][c.Network]
	if before.held {
		return conflict(c.Invoice, "claim of %s, which invoice %s holds", c.Address, before.claims[len(before.claims)-1].Invoice)
	}
	if m.places[c.Place] == nil {
		set(u, m.places, c.Place, map[chain.Network]holders{})
	}
	set(u, m.places[c.Place], c.Network, holders{append(slices.Clone(before.claims), c), true})
	return nil
}

func (m *Memory) release(u *undo, r invoice.Release) error {
	before := m.places[r.Place][r.Network]
	if !before.held || before.claims[len(before.claims)-1].Invoice != r.Invoice {
		return conflict(r.Invoice, "release of %s, which it does not hold", r.Address)
	}
	set(u, m.places[r.Place], r.Network, holders{claims: before.claims})
	if r.Reuse {
		set(u, m.free, r.Wallet, append(slices.Clone(m.free[r.Wallet]), r.Index))
	}
	return nil
}

func (m *Memory) appendEvent(u *undo, ev invoice.Event) error {
	if _, taken := m.eventsOf[ev.Subject()][ev.Seq]; taken {
		return conflict(ev.Subject(), "event %d is taken", ev.Seq)
	}
	if m.eventsOf[ev.Subject()] == nil {
		m.eventsOf[ev.Subject()] = map[int64]int{}
	}
	set(u, m.eventsOf[ev.Subject()], ev.Seq, len(m.feed))
	ev = cloneEvent(ev)
	m.moveTo(u, m.last+1)
	ev.Position = m.last
	m.feed = append(m.feed, ev)
	u.add(func() { m.feed = m.feed[:len(m.feed)-1] })
	return nil
}

// moveTo moves the end of the feed to the position.
func (m *Memory) moveTo(u *undo, position int64) {
	before := m.last
	m.last = position
	u.add(func() { m.last = before })
}

// ReserveIndexes implements [invoice.Store].
func (m *Memory) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	first := m.indexes[wallet]
	if n > math.MaxUint32-first {
		return 0, fmt.Errorf("store: reserve indexes: wallet %q has fewer than %d indexes left: %w", wallet, n, invoice.ErrNoAddress)
	}
	m.indexes[wallet] = first + n
	return first, nil
}

// TakeIndex implements [invoice.Store].
func (m *Memory) TakeIndex(ctx context.Context, wallet string) (uint32, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.free[wallet]) == 0 {
		return 0, fmt.Errorf("store: take index of wallet %q: %w", wallet, invoice.ErrNotFound)
	}
	index := m.free[wallet][0]
	m.free[wallet] = m.free[wallet][1:]
	return index, nil
}

// InsertProject implements [invoice.ProjectStore].
func (m *Memory) InsertProject(ctx context.Context, p invoice.Project) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.projects[p.ID]; taken || p.Version != 1 {
		return fmt.Errorf("store: insert project: %w", invoice.ErrConflict)
	}
	return m.putProject(p)
}

// UpdateProject implements [invoice.ProjectStore].
func (m *Memory) UpdateProject(ctx context.Context, p invoice.Project) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.projects[p.ID]; !ok || p.Version != old.Version+1 {
		return fmt.Errorf("store: update project: %w", invoice.ErrConflict)
	}
	return m.putProject(p)
}

// putProject checks the name before the key, so that the error is always the same.
func (m *Memory) putProject(p invoice.Project) error {
	for _, refusal := range []struct {
		taken func(other invoice.Project) bool
		err   error
	}{
		{func(other invoice.Project) bool { return other.Owner == p.Owner && other.Name == p.Name }, invoice.ErrDuplicateProject},
		{func(other invoice.Project) bool { return other.KeyHash == p.KeyHash }, invoice.ErrConflict},
	} {
		for _, other := range m.projects {
			if other.ID != p.ID && refusal.taken(other) {
				return fmt.Errorf("store: project %s: %w", p.ID, refusal.err)
			}
		}
	}
	m.projects[p.ID] = cloneProject(p)
	return nil
}

// Project implements [invoice.ProjectStore].
func (m *Memory) Project(ctx context.Context, id string) (invoice.Project, error) {
	return m.findProject(ctx, func(p invoice.Project) bool { return p.ID == id })
}

// ProjectByKey implements [invoice.ProjectStore].
func (m *Memory) ProjectByKey(ctx context.Context, keyHash string) (invoice.Project, error) {
	p, err := m.findProject(ctx, func(p invoice.Project) bool { return p.KeyHash == keyHash })
	if errors.Is(err, invoice.ErrNotFound) && keyHash != "" {
		return m.findProject(ctx, func(p invoice.Project) bool { return p.FormerKeyHash == keyHash })
	}
	return p, err
}

// Projects implements [invoice.ProjectStore].
func (m *Memory) Projects(ctx context.Context, after string, limit int) ([]invoice.Project, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []invoice.Project
	for _, id := range slices.Sorted(maps.Keys(m.projects)) {
		if id > after && len(out) < limit {
			out = append(out, cloneProject(m.projects[id]))
		}
	}
	return out, nil
}

// ProjectsByOwner implements [invoice.ProjectStore].
func (m *Memory) ProjectsByOwner(ctx context.Context, text string) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []string
	for id, p := range m.projects {
		if p.OwnerHas(text) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

func (m *Memory) findProject(ctx context.Context, match func(invoice.Project) bool) (invoice.Project, error) {
	if err := ctx.Err(); err != nil {
		return invoice.Project{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.projects {
		if match(p) {
			return cloneProject(p), nil
		}
	}
	return invoice.Project{}, fmt.Errorf("store: project: %w", invoice.ErrNotFound)
}
