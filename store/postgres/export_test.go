package postgres

// Commits is how many transactions of batches there were.
func (s *Store) Commits() int64 {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	return s.writer.commits
}

// Waiting is how many batches wait for their turn.
func (s *Store) Waiting() int {
	s.writer.mu.Lock()
	defer s.writer.mu.Unlock()
	return len(s.writer.waiting)
}

// BookCommits is how many transactions of payouts there were.
func (s *Store) BookCommits() int64 {
	s.books.mu.Lock()
	defer s.books.mu.Unlock()
	return s.books.commits
}
