package storetest

import (
	"testing"

	"github.com/cointill/cointill/store"
)

// Option tells the suite about a power that not every backend has.
type Option func(*suite)

// WithReopen adds the cases about durability. The function gives up the backend as the end of a
// process would, and answers another one on the same data.
func WithReopen(reopen func(t *testing.T, old store.Backend) store.Backend) Option {
	return func(s *suite) { s.reopen = reopen }
}

type suite struct {
	open   func(t *testing.T) store.Backend
	reopen func(t *testing.T, old store.Backend) store.Backend
}

// testCase is one rule and what shows whether it is kept.
type testCase struct {
	name string
	rule string
	run  func(t *testing.T, b store.Backend)
}

// Run proves the backends that open answers: each time a new, empty one, which it also closes, with
// t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) store.Backend, opts ...Option) {
	s := &suite{open: open}
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
		{"concurrency", concurrencyCases},
		{"leases", s.leaseCases()},
	}
	if s.reopen != nil {
		topics = append(topics, struct {
			name  string
			cases []testCase
		}{"durability", s.durabilityCases()})
	}
	for _, topic := range topics {
		t.Run(topic.name, func(t *testing.T) {
			for _, c := range topic.cases {
				t.Run(c.name, func(t *testing.T) {
					t.Cleanup(func() {
						if t.Failed() {
							t.Logf("the rule: %s", c.rule)
						}
					})
					c.run(t, s.open(t))
				})
			}
		})
	}
}
