package storetest

import (
	"runtime"
	"testing"
	"time"

	"github.com/cointill/cointill/store"
)

// Option configures the suite.
type Option func(*suite)

// WithReopen adds the cases about durability. The function abandons the backend as the end of a process would, and
// returns another one on the same data.
func WithReopen(reopen func(t *testing.T, old store.Backend) store.Backend) Option {
	return func(s *suite) { s.reopen = reopen }
}

// WithPatience sets how long a case may take; the default is two minutes. A case that takes longer fails by its name,
// with the stacks of its goroutines.
func WithPatience(d time.Duration) Option {
	return func(s *suite) { s.patience = d }
}

// WithBound adds the cases about what is more than the backend takes at once. The function returns a new, empty backend
// that takes a batch with one payment and its event, but not one with as many as it says.
func WithBound(open func(t *testing.T) (b store.Backend, payments int)) Option {
	return func(s *suite) { s.bounded = open }
}

type suite struct {
	open     func(t *testing.T) store.Backend
	reopen   func(t *testing.T, old store.Backend) store.Backend
	bounded  func(t *testing.T) (store.Backend, int)
	patience time.Duration
	listers  bool // whether the backend must have them
}

// testCase is a rule and the test of it.
type testCase struct {
	name string
	rule string
	run  func(t *testing.T, b store.Backend)
}

// Run proves the backends that open returns. It calls open for each case; open returns a new, empty backend, which it
// closes with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) store.Backend, opts ...Option) {
	s := &suite{open: open, patience: patience}
	for _, opt := range opts {
		opt(s)
	}
	topics := []struct {
		name  string
		cases []testCase
	}{
		{"commit", commitCases},
		{"conflicts", conflictCases},
		{"places", placeCases},
		{"reads", readCases},
		{"settled payments", settledCases},
		{"listing", listingCases},
		{"listing, caught up", caughtUp(listingCases)},
		{"waking", wakingCases},
		{"feed", feedCases},
		{"outbox", outboxCases},
		{"projects", projectCases},
		{"secrets", secretCases()},
		{"concurrency", concurrencyCases},
		{"leases", s.leaseCases()},
		{"payouts", payoutCases},
		{"listers", s.listerCases()},
	}
	if s.reopen != nil {
		topics = append(topics, struct {
			name  string
			cases []testCase
		}{"durability", s.durabilityCases()})
	}
	if s.bounded != nil {
		t.Run("bound", func(t *testing.T) {
			ruled(t, "a batch that is more than the store takes at once is ErrTooLarge, and nothing of it is stored")
			b, payments := s.bounded(t)
			within(t, s.patience, func() { tooLarge(t, b, payments) })
		})
	}
	for _, topic := range topics {
		t.Run(topic.name, func(t *testing.T) {
			for _, c := range topic.cases {
				t.Run(c.name, func(t *testing.T) {
					ruled(t, c.rule)
					b := s.open(t)
					within(t, s.patience, func() { c.run(t, b) })
				})
			}
		})
	}
}

const patience = 2 * time.Minute

// ruled logs the rule of a case if the case fails.
func ruled(t *testing.T, rule string) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the rule: %s", rule)
		}
	})
}

// within runs a case, and fails it if it does not end in time, because a call to the backend does not return or
// something that the case waits for does not happen.
func within(t *testing.T, patience time.Duration, run func()) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		t.Cleanup(func() { // the test's context has ended now, and with it what heeds it
			select {
			case <-ended:
			case <-time.After(patience):
			}
		})
		stacks := make([]byte, 1<<16)
		t.Fatalf("it has not ended after %v; this is what is waited for:\n%s", patience, stacks[:runtime.Stack(stacks, true)])
	}
}
