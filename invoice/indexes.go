package invoice

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// indexes hands out the numbers of one wallet. It takes them from the store in ranges, because a
// durable write for each would halve the rate of creation, and the ranges follow the demand,
// because what is left of one when the process ends is lost as a gap that a wallet must search over.
type indexes struct {
	store  Store
	wallet string
	now    func() time.Time
	single bool     // take numbers one by one
	parent *indexes // of the service that this one is of a transaction of; what is given back is for it
	pool   *Pool    // numbers may be handed out again; nil: never

	mu       sync.Mutex // guards what follows
	free     []uint32   // numbers that nobody was ever shown
	size     uint32     // of the last range
	reserved time.Time  // when the last range was taken
	fetching bool       // somebody is taking one
	ready    chan struct{}
}

const (
	minRange = 4
	maxRange = 512
)

// next answers a number that nobody else gets.
func (x *indexes) next(ctx context.Context) (uint32, error) {
	if x.pool != nil {
		return x.pooled(ctx)
	}
	return x.fresh(ctx)
}

// pooled answers a number that has rested, or a new one while the pool is not full.
func (x *indexes) pooled(ctx context.Context) (uint32, error) {
	if index, ok := x.kept(); ok {
		return index, nil
	}
	index, err := x.store.TakeIndex(ctx, x.wallet)
	if err == nil {
		return index, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return 0, fmt.Errorf("take a number that has rested: %w", err)
	}
	if x.pool.Size > 0 {
		used, err := x.store.ReserveIndexes(ctx, x.wallet, 0)
		if err != nil {
			return 0, fmt.Errorf("look how many addresses are in use: %w", err)
		}
		if used >= x.pool.Size {
			return 0, fmt.Errorf("all %d of %s are in use: %w", x.pool.Size, x.wallet, ErrNoAddress)
		}
	}
	index, err = x.store.ReserveIndexes(ctx, x.wallet, 1)
	switch {
	case err != nil:
		return 0, fmt.Errorf("reserve an address number: %w", err)
	case x.pool.Size > 0 && index >= x.pool.Size: // others were quicker
		return 0, fmt.Errorf("all %d of %s are in use: %w", x.pool.Size, x.wallet, ErrNoAddress)
	}
	return index, nil
}

// kept answers a number that was given back.
func (x *indexes) kept() (uint32, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.free) == 0 {
		return 0, false
	}
	index := x.free[0]
	x.free = x.free[1:]
	return index, true
}

// fresh answers a number that nobody ever got. When half of a range is gone, the caller that notices
// takes the next one while the others go on with the rest.
func (x *indexes) fresh(ctx context.Context) (uint32, error) {
	for {
		x.mu.Lock()
		if len(x.free) > int(x.size/2) || len(x.free) > 0 && x.fetching {
			index := x.free[0]
			x.free = x.free[1:]
			x.mu.Unlock()
			return index, nil
		}
		if !x.fetching {
			break
		}
		ready := x.ready
		x.mu.Unlock()
		select {
		case <-ready:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	x.fetching, x.ready = true, make(chan struct{})
	size := x.grow()
	x.mu.Unlock()

	first, err := x.store.ReserveIndexes(ctx, x.wallet, size)

	x.mu.Lock()
	defer x.mu.Unlock()
	x.fetching = false
	close(x.ready)
	if err == nil {
		for i := range size {
			x.free = append(x.free, first+i)
		}
	}
	if len(x.free) == 0 {
		return 0, fmt.Errorf("reserve address numbers: %w", err)
	}
	index := x.free[0]
	x.free = x.free[1:]
	return index, nil
}

// grow doubles the range while ranges last less than a second, and falls back when they last longer.
func (x *indexes) grow() uint32 {
	now := x.now()
	switch {
	case x.single:
		x.size = 1
	case x.size == 0 || now.Sub(x.reserved) > time.Minute:
		x.size = minRange
	case now.Sub(x.reserved) < time.Second:
		x.size = min(2*x.size, maxRange)
	}
	x.reserved = now
	return x.size
}

// giveBack takes a number again that certainly nobody was shown.
func (x *indexes) giveBack(index uint32) {
	if x.parent != nil {
		x.parent.giveBack(index)
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.free = append(x.free, index)
}
