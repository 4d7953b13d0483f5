package sqlite

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/bits-and-blooms/bloom/v3"
)

// known tells the addresses of strangers without the database, so that a block costs what is ours of it. At first there is
// no filter, and all places are looked up.
type known struct {
	filter atomic.Pointer[filter]
	slice  int // how many places are read at once

	tidying sync.Mutex // guards what follows
	next    *filter    // the one that is being built, nil if there is none
	read    int64      // the place up to which next has all that next.through covers
}

// filter has every place of the rows of cointill_places up to a number, and perhaps more. Whoever looks places up reads the
// rows after that number in the same statement, so that nothing is missed. This relies on numbers that grow from commit to
// commit: one transaction writes at a time, and the last row, whose number alone could be given again, is never removed,
// because the row that a release removes is older than the one that it releases.
type filter struct {
	mu      sync.RWMutex // guards what follows
	places  *bloom.BloomFilter
	through int64

	room int64 // how many places it was made for
}

const (
	// wrong is the share of strangers that are looked up in vain, at most. Each place takes ten bits then.
	wrong = 0.01
	// leastRoom takes 300 KB.
	leastRoom = 1 << 18
	// knownSlice takes some hundredths of a second of one core.
	knownSlice = 100_000
)

// newFilter returns an empty filter for the places of the rows up to a number, and for an eighth as many that are still to
// come: what is kept free takes memory, while building a larger filter is cheap.
func newFilter(through int64) *filter {
	room := max(leastRoom, through+through/8)
	return &filter{places: bloom.NewWithEstimates(uint(room), wrong), through: through, room: room}
}

// pick returns those of the places, by their keys, that may be ours as far as the filter goes, and how far that is.
func (f *filter) pick(keys []int64) (ours []int64, through int64) {
	if f == nil {
		return keys, math.MaxInt64
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	ours = make([]int64, 0, len(keys)/8)
	var text [8]byte
	for _, key := range keys {
		if f.places.Test(hashable(&text, key)) {
			ours = append(ours, key)
		}
	}
	return ours, f.through
}

// learn adds the places of all rows from the one after a number that pick or end returned up to the last one.
func (f *filter) learn(keys []int64, last int64) {
	if len(keys) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var text [8]byte
	for _, key := range keys {
		f.places.Add(hashable(&text, key))
	}
	f.through = max(f.through, last)
}

func (f *filter) end() int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.through
}

// hashable returns the key as a text, in the array.
func hashable(text *[8]byte, key int64) []byte {
	binary.BigEndian.PutUint64(text[:], uint64(key))
	return text[:]
}

// tidyKnown builds the filter, a slice with each call, and a larger one beside it when it is full. Once there is a filter, it
// also learns what is new, so that little of that is left for those who look places up.
func (s *Store) tidyKnown(ctx context.Context) error {
	s.known.tidying.Lock()
	defer s.known.tidying.Unlock()
	f := s.known.filter.Load()
	if f != nil {
		keys, last, err := s.placesAfter(ctx, qPlacesSince, f.end())
		if err != nil {
			return err
		}
		f.learn(keys, last)
	}
	if f == nil || f.end() > f.room {
		return s.buildKnown(ctx)
	}
	return nil
}

// buildKnown is called with tidying locked.
func (s *Store) buildKnown(ctx context.Context) error {
	k := s.known
	if k.next == nil {
		var last int64
		if err := s.stmt(ctx, qLastPlace).QueryRowContext(ctx).Scan(&last); err != nil {
			return fmt.Errorf("read the last place: %w", err)
		}
		k.next, k.read = newFilter(last), math.MinInt64
	}
	keys, last, err := s.placesAfter(ctx, qPlaceKeys, k.read)
	if err != nil {
		return err
	}
	k.next.learn(keys, 0)
	if k.read = last; len(keys) < k.slice {
		k.filter.Store(k.next)
		k.next = nil
	}
	return nil
}

// placesAfter reads a slice of places, with one of the queries that go on after a number, and returns the number to go on
// after.
func (s *Store) placesAfter(ctx context.Context, query string, after int64) (keys []int64, last int64, err error) {
	last = after
	found, err := s.stmt(ctx, query).QueryContext(ctx, after, s.known.slice)
	if err != nil {
		return nil, 0, fmt.Errorf("read places: %w", err)
	}
	defer found.Close()
	for found.Next() {
		var key int64
		if err := found.Scan(&last, &key); err != nil {
			return nil, 0, fmt.Errorf("read places: %w", err)
		}
		keys = append(keys, key)
	}
	if err := found.Err(); err != nil {
		return nil, 0, fmt.Errorf("read places: %w", err)
	}
	return keys, last, nil
}
