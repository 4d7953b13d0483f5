package payouttest

import (
	"context"
	"errors"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// errStore is a database that did not answer: what was to be stored may be stored or not.
var errStore = errors.New("store does not answer")

// shaky is the store as a process sees it: it fails before and after it has stored, and its processes end there.
type shaky struct {
	payout.Store
	w *world
}

// leased is a shaky store whose leases end at once, so that every process takes them over from the other, in the middle
// of its work.
type leased struct {
	shaky
	leaser invoice.Leaser
}

func (w *world) shaky() payout.Store {
	s := shaky{w.inner, w}
	if leaser, several := w.inner.(invoice.Leaser); several && w.rand.IntN(2) == 0 { // it is safe without leases
		return leased{s, leaser}
	}
	return s
}

// CommitPayouts implements [payout.Store].
func (s shaky) CommitPayouts(ctx context.Context, b payout.Batch) error {
	s.w.pause("a commit")
	if s.w.chance(s.w.cfg.store) {
		s.w.note("the store fails before it has stored")
		return errStore
	}
	if err := s.Store.CommitPayouts(ctx, b); err != nil {
		return err
	}
	s.w.committed(b)
	s.w.pause("the end of a commit")
	if s.w.chance(s.w.cfg.store) {
		s.w.note("the store fails after it has stored")
		return errStore
	}
	return nil
}

// Lease implements [invoice.Leaser].
func (s leased) Lease(ctx context.Context, duty, holder string, _ time.Duration) (invoice.Lease, error) {
	return s.leaser.Lease(ctx, duty, holder, time.Nanosecond)
}

// Release implements [invoice.Leaser].
func (s leased) Release(ctx context.Context, l invoice.Lease) error { return s.leaser.Release(ctx, l) }
