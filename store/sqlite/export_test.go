package sqlite

import (
	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
)

// FileURL is the name of a file for the driver.
func FileURL(path string) string { return fileURL(path, nil) }

// Commits is how many transactions of writes there were.
func (s *Store) Commits() int64 {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	return s.writer.commits
}

// Queries are the prepared statements.
func Queries() []string { return queries() }

// The statements that find the invoices of a transaction, a page of an invoice's payments, and the next paid invoices.
var (
	PaidInQuery    = qPaidIn
	PaymentsQuery  = qPayments
	PaidAfterQuery = qPaidAfter
)

// WalkQuery is the statement of a listing along the index.
func WalkQuery(q invoice.Query) string {
	query, _ := walkQuery(q)
	return query
}

// Waiting is how many writes wait for their turn.
func (s *Store) Waiting() int {
	waiting, _ := s.writer.jobs.Len()
	return waiting
}

// Picked is the size of the group that was begun last.
func (s *Store) Picked() int {
	_, taken := s.writer.jobs.Len()
	return taken
}

// KeyOf is what an address is looked up by, and KeyOfPlace one that has a slot.
func KeyOf(a chain.Address) int64      { return keyOf(invoice.Place{Address: a}) }
func KeyOfPlace(p invoice.Place) int64 { return keyOf(p) }

// Roomy is a document as a new invoice has it.
func Roomy(doc []byte) string { return roomy(doc, 1) }

// DueOfEachQuery is the statement that finds what to claim endpoint by endpoint, and ReleaseQuery the one that finds
// the next message of an invoice.
var (
	DueOfEachQuery = qDueOfEach
	ReleaseQuery   = qRelease
)

// BookCommits is how many transactions of payouts there were.
func (s *Store) BookCommits() int64 {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	return s.writer.commits
}

// SetKnownSlice changes how many places are read at once for the filter of places.
func (s *Store) SetKnownSlice(n int) { s.known.slice = n }

// SetLeastPart changes how many items of a list are worth a connection.
func (s *Store) SetLeastPart(n int) { s.leastPart = n }

// CrowdKnown makes the filter of places count as full.
func (s *Store) CrowdKnown() {
	if f := s.known.filter.Load(); f != nil {
		f.room = 0
	}
}

// LooksUp returns how many of the addresses are looked up in the database.
func (s *Store) LooksUp(addresses []chain.Address) int {
	var keys []int64
	for _, a := range addresses {
		keys = append(keys, KeyOf(a))
	}
	ours, _ := s.known.filter.Load().pick(keys)
	return len(ours)
}

// Wrote is the driver's connection that wrote last.
func (s *Store) Wrote() any { return s.writer.last }

// Knows reports whether there is a filter of places.
func (s *Store) Knows() bool { return s.known.filter.Load() != nil }
