package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/callers"
)

// leaseCases prove leases. A backend without them passes.
func (s *suite) leaseCases() []testCase {
	cases := []struct {
		name string
		rule string
		run  func(t *testing.T, b store.Backend, l invoice.Leaser)
	}{
		{"a duty has one holder", "ErrLeased while another holder has the lease; who has it renews it and keeps the token", oneHolder},
		{"duties are apart", "a lease is for one duty", dutiesApart},
		{"a lease that runs out is free", "after its time a lease goes to the next caller, with a higher token, and to no former holder with the old one", leaseRunsOut},
		{"a released lease is free", "Release ends a lease early", releaseFrees},
		{"a stale release does nothing", "Release does nothing when the lease is no longer the newest", staleRelease},
		{"a frozen holder cannot write", "a batch under a lease is refused with ErrFenced, as a whole, when a higher token was given away", fenced},
		{"a lease that nobody took over still counts", "only a higher token fences a batch off", unfenced},
		{"one of many gets the lease", "of those who ask at once one gets the lease", leaseRace},
		{"a commit cannot slip past a takeover", "once a higher token was given away no batch under a lower one is stored", takeover},
		{"a frozen holder cannot pay out", "a batch of payouts under a lease is refused with ErrFenced when a higher token was given away", payoutFenced},
	}
	var out []testCase
	for _, c := range cases {
		out = append(out, testCase{c.name, c.rule, func(t *testing.T, b store.Backend) {
			if l, ok := b.(invoice.Leaser); ok {
				c.run(t, b, l)
			}
		}})
	}
	if s.reopen != nil {
		out = append(out, testCase{"tokens go on where they ended", "a token is higher than any before, also after a restart", s.tokensGoOn})
	}
	return out
}

const duty = "follow eip155:1"

// take leases a duty that must be free.
func take(t *testing.T, l invoice.Leaser, duty, holder string) invoice.Lease {
	t.Helper()
	got := must[invoice.Lease](t)(l.Lease(t.Context(), duty, holder, time.Hour))
	if got.Duty != duty || got.Holder != holder || got.Token < 1 {
		t.Fatalf("got %+v, want a lease of %q for %q", got, duty, holder)
	}
	return got
}

func release(t *testing.T, l invoice.Leaser, lease invoice.Lease) {
	t.Helper()
	if err := l.Release(t.Context(), lease); err != nil {
		t.Fatalf("Release: %v", err)
	}
}

func leased(t *testing.T, l invoice.Leaser, duty, holder string) {
	t.Helper()
	_, err := l.Lease(t.Context(), duty, holder, time.Hour)
	wantErr(t, err, invoice.ErrLeased)
}

func higher(t *testing.T, got, before invoice.Lease) {
	t.Helper()
	if got.Token <= before.Token {
		t.Fatalf("got token %d after token %d", got.Token, before.Token)
	}
}

func oneHolder(t *testing.T, _ store.Backend, l invoice.Leaser) {
	first := take(t, l, duty, "a")
	leased(t, l, duty, "b")
	same(t, "the renewed lease", take(t, l, duty, "a"), first)
	leased(t, l, duty, "b")
}

func dutiesApart(t *testing.T, _ store.Backend, l invoice.Leaser) {
	take(t, l, duty, "a")
	take(t, l, "expire", "b")
	leased(t, l, "expire", "a")
	leased(t, l, duty, "b")
}

// await asks until the lease is granted: time must pass, but it does not matter how much.
func await(t *testing.T, l invoice.Leaser, holder string) invoice.Lease {
	t.Helper()
	for {
		got, err := l.Lease(t.Context(), duty, holder, time.Millisecond)
		if err == nil {
			return got
		}
		wantErr(t, err, invoice.ErrLeased)
	}
}

func leaseRunsOut(t *testing.T, _ store.Backend, l invoice.Leaser) {
	first := await(t, l, "a")
	second := await(t, l, "b")
	higher(t, second, first)
	third := await(t, l, "a")
	higher(t, third, second)
	release(t, l, third)
	higher(t, take(t, l, duty, "c"), third)
}

func releaseFrees(t *testing.T, _ store.Backend, l invoice.Leaser) {
	first := take(t, l, duty, "a")
	release(t, l, first)
	second := take(t, l, duty, "b")
	higher(t, second, first)
	release(t, l, second)
	higher(t, take(t, l, duty, "b"), second)
}

func staleRelease(t *testing.T, _ store.Backend, l invoice.Leaser) {
	first := take(t, l, duty, "a")
	release(t, l, first)
	second := take(t, l, duty, "b")
	release(t, l, first)
	release(t, l, invoice.Lease{Duty: "unheard of", Holder: "a", Token: 1})
	leased(t, l, duty, "a")
	same(t, "the lease", take(t, l, duty, "b"), second)
}

func fenced(t *testing.T, b store.Backend, l invoice.Leaser) {
	stored := newInvoice(1)
	insert(t, b, stored)
	old := take(t, l, duty, "a")
	release(t, l, old)
	newest := take(t, l, duty, "b")
	before := dump(t, b)
	batch := full(stored, 10)
	batch.Fence = old
	refused(t, b, batch, invoice.ErrFenced)
	same(t, "everything stored", dump(t, b), before)
	batch.Fence = newest
	commit(t, b, batch)
	refused(t, b, invoice.Batch{Fence: old}, invoice.ErrFenced)
}

func unfenced(t *testing.T, b store.Backend, l invoice.Leaser) {
	first := take(t, l, duty, "a")
	commit(t, b, invoice.Batch{Fence: first, Insert: []invoice.Invoice{newInvoice(1)}})
	take(t, l, duty, "a") // renewed
	take(t, l, "expire", "b")
	commit(t, b, invoice.Batch{Fence: first, Insert: []invoice.Invoice{newInvoice(2)}})
	release(t, l, first)
	commit(t, b, invoice.Batch{Fence: first, Insert: []invoice.Invoice{newInvoice(3)}})
	commit(t, b, invoice.Batch{Insert: []invoice.Invoice{newInvoice(4)}})
}

func leaseRace(t *testing.T, _ store.Backend, l invoice.Leaser) {
	var last invoice.Lease
	for range 5 {
		var mu sync.Mutex // guards won
		var won []invoice.Lease
		errs := callers.Together(16, func(i int) error {
			got, err := l.Lease(t.Context(), duty, fmt.Sprint("holder ", i), time.Hour)
			if err == nil {
				mu.Lock()
				won = append(won, got)
				mu.Unlock()
			}
			return err
		})
		winner(t, errs, invoice.ErrLeased)
		higher(t, won[0], last)
		last = won[0]
		release(t, l, last)
	}
}

// takeover lets one holder write as fast as it can while others take over its duty, and counts what it wrote after each
// takeover.
func takeover(t *testing.T, b store.Backend, l invoice.Leaser) {
	insert(t, b, newInvoice(1))
	for round := range int64(5) {
		mine := take(t, l, duty, "a")
		begun, ended := make(chan struct{}), make(chan error, 1)
		var over atomic.Bool
		go func() {
			for n := int64(0); ; n++ {
				late := over.Load()
				err := b.Commit(t.Context(), invoice.Batch{
					Fence: mine, Events: []invoice.Event{newEvent(newInvoice(1), round*1_000_000+n+1)},
				})
				if n == 0 {
					close(begun)
				}
				if err == nil && late {
					err = errors.New("a batch under the lower token was stored, and begun only after the higher one was given away")
				}
				if err != nil {
					ended <- err
					return
				}
			}
		}()
		<-begun
		release(t, l, mine)
		theirs := take(t, l, duty, "b")
		over.Store(true)
		seen := len(must[[]invoice.Event](t)(b.InvoiceEvents(t.Context(), newInvoice(1).ID, 0)))
		wantErr(t, <-ended, invoice.ErrFenced)
		same(t, "events after the takeover", len(must[[]invoice.Event](t)(b.InvoiceEvents(t.Context(), newInvoice(1).ID, 0))), seen)
		release(t, l, theirs)
	}
}

func (s *suite) tokensGoOn(t *testing.T, b store.Backend) {
	l, ok := b.(invoice.Leaser)
	if !ok {
		return
	}
	first := take(t, l, duty, "a")
	second, ok := s.reopen(t, b).(invoice.Leaser)
	if !ok {
		t.Fatal("the reopened backend does not lease")
	}
	leased(t, second, duty, "b")
	release(t, second, first)
	higher(t, take(t, second, duty, "b"), first)
}
