package chain

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

var _ Stepper = (*Follower)(nil)

// Limit implements [Stepper].
func (f *Follower) Limit(blocks int) {
	f.limit.Store(int64(max(blocks, 0)))
	f.note(func(l *Lag) { l.Batch = f.batch() })
}

// batch returns the current largest number of blocks in a step.
func (f *Follower) batch() int {
	batch := int(f.bears.Load())
	if limit := int(f.limit.Load()); limit > 0 {
		batch = min(batch, limit)
	}
	return batch
}

// adapt sets, after a step was read, how large the next one may be and how long one block may take. A failure may be
// due to the number of blocks read at once, so the next step is smaller, unless the chain only moved.
func (f *Follower) adapt(blocks int, took time.Duration, whole bool, failure error) {
	bears := int(f.bears.Load())
	switch {
	case errors.Is(failure, ErrMoved):
	case failure != nil:
		bears = max(min(bears, 2*blocks)/2, 1)
	case !whole || took > f.cfg.Patience:
		bears = max(blocks, 1)
	case took < f.cfg.Patience/2 && blocks >= bears:
		bears = min(2*bears, f.cfg.Batch)
	}
	f.bears.Store(int64(bears))
	f.note(func(l *Lag) { l.Batch = f.batch() })
	switch {
	case errors.Is(failure, context.DeadlineExceeded):
		f.late = min(f.late+1, maxLate)
	case blocks > 0 && took < f.cfg.Timeout/2:
		f.late = 0
	}
}

const maxLate = 3 // how often the time for a block is doubled

// unreadError is the failure to read one block.
type unreadError struct {
	height uint64
	err    error
}

func (e *unreadError) Error() string { return fmt.Sprintf("read block %d: %v", e.height, e.err) }

func (e *unreadError) Unwrap() error { return e.err }

// block returns the block at a height, with an empty hash if the chain passed over that height.
func (f *Follower) block(ctx context.Context, height uint64) (Block, error) {
	limit := f.cfg.Timeout << f.late
	b, err := ask(ctx, limit, func(ctx context.Context) (Block, error) { return f.node.Block(ctx, height) })
	if errors.Is(err, ErrNoBlock) {
		return Block{Header: Header{Height: height}}, nil
	}
	if err == nil {
		err = b.usable(height)
	}
	if err == nil {
		err = checkTransfers(f.node.Network(), b.Transfers)
	}
	if err == nil {
		err = b.complete()
	}
	if err != nil {
		return Block{}, &unreadError{height, err}
	}
	return b, nil
}

// headerUpTo returns the last block that is not above height and not below least, with an empty hash if there is none.
func (f *Follower) headerUpTo(ctx context.Context, height, least uint64) (Header, error) {
	for h := height; height-h < MaxGap; h-- {
		header, err := f.header(ctx, h)
		if !errors.Is(err, ErrNoBlock) {
			return header, err
		}
		if h == least {
			return Header{}, nil
		}
	}
	return Header{}, fmt.Errorf("%w: no block for %d heights below %d", ErrIncomplete, MaxGap, height)
}

// read reads the blocks of a plan up to the first failure, and reports whether it reached the end of the plan. It
// skips heights without a block, and continues at least until there is a block.
func (f *Follower) read(ctx context.Context, p plan) (blocks []Block, whole bool, err error) {
	until := time.Now().Add(f.cfg.Patience)
	from, to := p.from(), p.last
	for from <= to {
		r := reading{f: f, from: from, enough: max(p.least, from), until: until, read: make([]Block, to-from+1)}
		err = r.run(ctx)
		for _, b := range r.read[:r.done()] {
			if b.Hash != "" {
				blocks = append(blocks, b)
			}
		}
		from += uint64(r.done())
		if err != nil || len(blocks) > 0 {
			break
		}
		// Nothing but heights without a block. The tip is a block.
		if from-p.from() >= MaxGap {
			return nil, false, &unreadError{p.from(), fmt.Errorf("%w: no block for %d heights", ErrIncomplete, MaxGap)}
		}
		to = min(p.tip.Height, max(to, from-1+uint64(f.cfg.Parallel)))
	}
	if size := int(p.last + 1 - p.from()); len(blocks) > size {
		blocks, err = blocks[:size], nil // found above the gap, and more than a step may have
	}
	if err == nil && len(blocks) == 0 && p.from() <= p.last {
		err = &unreadError{p.tip.Height, ErrMoved} // not even the tip is there
	}
	return blocks, from > to, err
}

// reading reads the blocks of a range of heights, several at a time.
type reading struct {
	f      *Follower
	from   uint64
	enough uint64    // reads up to this height even after until
	until  time.Time // starts nothing after that
	read   []Block

	next    atomic.Int64
	stopped atomic.Bool
	mu      sync.Mutex
	errs    map[int]error
	has     []bool
}

// run returns the failure of the lowest block that failed. It starts nothing more once a block has failed, or after
// until.
func (r *reading) run(ctx context.Context) error {
	r.has, r.errs = make([]bool, len(r.read)), map[int]error{}
	var wg sync.WaitGroup
	for range min(r.f.cfg.Parallel, len(r.read)) {
		wg.Go(func() { r.work(ctx) })
	}
	wg.Wait()
	return r.errs[r.done()]
}

func (r *reading) work(ctx context.Context) {
	for !r.stopped.Load() {
		i := int(r.next.Add(1)) - 1
		if i >= len(r.read) || r.from+uint64(i) > r.enough && !time.Now().Before(r.until) {
			return
		}
		b, err := r.f.block(ctx, r.from+uint64(i))
		r.mu.Lock()
		r.read[i], r.has[i] = b, err == nil
		if err != nil {
			r.errs[i] = err
			r.stopped.Store(true)
		}
		r.mu.Unlock()
	}
}

// done returns how many blocks were read before the first that was not.
func (r *reading) done() int {
	for i, has := range r.has {
		if !has {
			return i
		}
	}
	return len(r.has)
}
