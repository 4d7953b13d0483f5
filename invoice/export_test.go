package invoice

// Within returns a copy of s that works through the store, as WithTx does through the store of a transaction.
func (s *Service) Within(store Store) *Service { return s.within(store) }
