package kv

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store/internal/books"
)

// payouts implements the methods of [payout.Store] that read.
type payouts = books.Reads

// inBooks is in front of the keys of the books.
const inBooks = "\xfe"

// CommitPayouts implements [payout.Store].
func (s *Store) CommitPayouts(ctx context.Context, b payout.Batch) error {
	prepared, err := books.Prepare(b)
	if err != nil {
		return fmt.Errorf("kv: commit payouts: %w", err)
	}
	return s.change(ctx, "commit payouts", func(t *txn) {
		values := make(map[string][]byte, len(prepared.Keys))
		for _, k := range prepared.Keys {
			if v := t.get(inBooks + k); v != "" {
				values[k] = []byte(v)
			}
		}
		if t.err != nil {
			return
		}
		writes, err := prepared.Apply(func(k string) []byte { return values[k] })
		t.fail(err)
		for k, v := range writes {
			if v == nil {
				t.delete(inBooks + k)
			} else {
				t.put(inBooks+k, string(v))
			}
		}
		for _, ev := range b.Events {
			t.addEvent(ev)
		}
		for _, m := range b.Messages {
			t.addMessage(m)
		}
	})
}

// viewBooks implements [books.View].
func (s *Store) viewBooks(ctx context.Context, what string, f func(books.Reader) error) error {
	_, err := view(ctx, s, "read "+what, func(t *txn) struct{} {
		err := f(readerOfBooks{t})
		t.fail(err)
		return struct{}{}
	})
	return err
}

// readerOfBooks implements [books.Reader]. Its errors are those of the transaction.
type readerOfBooks struct{ *txn }

// Get implements [books.Reader].
func (r readerOfBooks) Get(keys []string) (map[string][]byte, error) {
	out := make(map[string][]byte, len(keys))
	for _, k := range keys {
		if v := r.get(inBooks + k); v != "" {
			out[k] = []byte(v)
		}
	}
	return out, r.err
}

// Scan implements [books.Reader]. With reverse it reads the whole range, because a [Tx] cannot scan backwards.
func (r readerOfBooks) Scan(from, to string, limit int, reverse bool) (out []books.Item, err error) {
	most := limit
	if reverse {
		most = math.MaxInt
	}
	for k, v := range r.scan(span{inBooks + from, inBooks + to}) {
		if len(out) >= most {
			break
		}
		out = append(out, books.Item{Key: k[len(inBooks):], Value: []byte(v)})
	}
	if reverse {
		slices.Reverse(out)
		out = out[:min(limit, len(out))]
	}
	return out, r.err
}
