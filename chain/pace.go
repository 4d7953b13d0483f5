package chain

var _ Stepper = (*Follower)(nil)

// Limit implements [Stepper].
func (f *Follower) Limit(blocks int) {
	f.limit.Store(int64(max(blocks, 0)))
	f.note(func(l *Lag) { l.Batch = f.batch() })
}

// batch is how many blocks a step has at most at present.
func (f *Follower) batch() int {
	batch := f.cfg.Batch
	if limit := int(f.limit.Load()); limit > 0 {
		batch = min(batch, limit)
	}
	return batch
}
