package store

import (
	"cmp"
	"context"
	"fmt"

	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store/internal/books"
)

// reads implements the methods of [payout.Store] that read.
type reads = books.Reads

// ledger keeps keys and values in order.
type ledger struct {
	keys   ordered[string]
	values map[string][]byte
}

func newLedger() ledger {
	return ledger{ordered[string]{compare: cmp.Compare[string]}, map[string][]byte{}}
}

// viewBooks implements [books.View].
func (m *Memory) viewBooks(ctx context.Context, what string, f func(books.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := f(&m.books); err != nil {
		return fmt.Errorf("store: read %s: %w", what, err)
	}
	return nil
}

// Get implements [books.Reader].
func (l *ledger) Get(keys []string) (map[string][]byte, error) {
	out := make(map[string][]byte, len(keys))
	for _, k := range keys {
		if v, has := l.values[k]; has {
			out[k] = v
		}
	}
	return out, nil
}

// Scan implements [books.Reader].
func (l *ledger) Scan(from, to string, limit int, reverse bool) (out []books.Item, err error) {
	found := l.keys.from(from)
	if reverse {
		found = l.keys.before(to)
	}
	for k := range found {
		if k < from || k >= to || len(out) >= limit {
			break
		}
		out = append(out, books.Item{Key: k, Value: l.values[k]})
	}
	return out, nil
}

// put changes the value of a key; nil deletes it.
func (l *ledger) put(u *undo, k string, v []byte) {
	before := l.values[k]
	l.set(k, v)
	u.add(func() { l.set(k, before) })
}

func (l *ledger) set(k string, v []byte) {
	if v == nil {
		delete(l.values, k)
		l.keys.remove(k)
		return
	}
	l.values[k] = v
	l.keys.add(k)
}

// CommitPayouts implements [payout.Store].
func (m *Memory) CommitPayouts(ctx context.Context, b payout.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	prepared, err := books.Prepare(b)
	if err != nil {
		return fmt.Errorf("store: commit payouts: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var u undo
	if err := m.applyPayouts(&u, prepared); err != nil {
		u.run()
		return fmt.Errorf("store: commit payouts: %w", err)
	}
	return nil
}

func (m *Memory) applyPayouts(u *undo, b books.Batch) error {
	if err := m.checkFence(b.Fence); err != nil {
		return err
	}
	writes, err := b.Apply(func(k string) []byte { return m.books.values[k] })
	if err != nil {
		return err
	}
	for k, v := range writes {
		m.books.put(u, k, v)
	}
	return m.tell(u, b.Events, b.Messages)
}
