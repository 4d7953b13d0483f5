package httpapi

import (
	"bytes"
	"container/list"
	"context"
	"sync"
	"time"
)

// MemoryReplies are [Replies] in the memory of one process. They are gone when it ends, and a request that is repeated
// after that is done again.
type MemoryReplies struct {
	max int

	mu       sync.Mutex // guards what follows
	held     map[[2]string]*memoryReply
	finished list.List // of [2]string, in the order in which they finished
}

var _ Replies = (*MemoryReplies)(nil)

type memoryReply struct {
	entry []byte
	until time.Time
	place *list.Element // in finished; nil: it is running
}

// NewReplies makes room for so many entries; for 10000 when max is not positive. A new one takes the place of the one
// that finished first. Those that are running never make room: when all are, Begin refuses with [ErrRepliesFull]. Each
// takes as much memory as the answer in it, for as long as it is kept, so that max and the size of the answers bound
// it.
func NewReplies(max int) *MemoryReplies {
	if max <= 0 {
		max = 10_000
	}
	return &MemoryReplies{max: max, held: map[[2]string]*memoryReply{}}
}

// Begin implements [Replies]. It does not block.
func (m *MemoryReplies) Begin(_ context.Context, scope, key string, running []byte, now, until time.Time) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for first := m.finished.Front(); first != nil; first = m.finished.Front() {
		if id, _ := first.Value.([2]string); m.held[id].until.After(now) {
			break
		}
		m.drop(first)
	}
	id := [2]string{scope, key}
	if old := m.held[id]; old != nil {
		if old.until.After(now) {
			return bytes.Clone(old.entry), nil
		}
		if old.place != nil {
			m.finished.Remove(old.place)
		}
		delete(m.held, id)
	}
	if len(m.held) >= m.max {
		first := m.finished.Front()
		if first == nil {
			return nil, ErrRepliesFull
		}
		m.drop(first)
	}
	m.held[id] = &memoryReply{entry: bytes.Clone(running), until: until}
	return nil, nil
}

func (m *MemoryReplies) drop(finished *list.Element) {
	id, _ := m.finished.Remove(finished).([2]string)
	delete(m.held, id)
}

// Finish implements [Replies]. It does not block.
func (m *MemoryReplies) Finish(_ context.Context, scope, key string, running, reply []byte, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := [2]string{scope, key}
	if old := m.held[id]; old != nil && old.place == nil && bytes.Equal(old.entry, running) {
		old.entry, old.until, old.place = bytes.Clone(reply), until, m.finished.PushBack(id)
	}
	return nil
}

// Abandon implements [Replies]. It does not block.
func (m *MemoryReplies) Abandon(_ context.Context, scope, key string, running []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := [2]string{scope, key}
	if old := m.held[id]; old != nil && old.place == nil && bytes.Equal(old.entry, running) {
		delete(m.held, id)
	}
	return nil
}
