package postgres

// Commits is how many transactions of batches there were.
func (s *Store) Commits() int64 {
	return s.writer.commits.Load()
}

// Waiting is how many batches wait for their turn.
func (s *Store) Waiting() int {
	waiting, _ := s.writer.jobs.Len()
	return waiting
}

// BookCommits is how many transactions of payouts there were.
func (s *Store) BookCommits() int64 {
	return s.books.commits.Load()
}
