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
	ofScope  map[string]int // how many of held each scope has
	finished list.List      // of [2]string, in the order in which they finished
}

var _ Replies = (*MemoryReplies)(nil)

type memoryReply struct {
	entry []byte
	until time.Time
	place *list.Element // in finished; nil: it is running
}

// NewReplies makes room for so many entries; for 10000 when max is not positive. A new one takes the place of the one
// that finished first in the scope that has the most, so that a busy client pushes out only its own.
// Those that are running never make room: when there are no others, Begin refuses with [ErrRepliesFull]. Each takes as
// much memory as the answer in it, for as long as it is kept, so that max and the size of the answers bound it.
func NewReplies(max int) *MemoryReplies {
	if max <= 0 {
		max = 10_000
	}
	return &MemoryReplies{max: max, held: map[[2]string]*memoryReply{}, ofScope: map[string]int{}}
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
		m.forget(id)
	}
	if len(m.held) >= m.max && !m.makeRoom() {
		return nil, ErrRepliesFull
	}
	m.held[id] = &memoryReply{entry: bytes.Clone(running), until: until}
	m.ofScope[scope]++
	return nil, nil
}

// makeRoom drops what finished first of the scope that has the most, among those of which something has finished, and
// reports whether there was any.
func (m *MemoryReplies) makeRoom() bool {
	var first *list.Element
	most := 0
	for e := m.finished.Front(); e != nil; e = e.Next() {
		if id, _ := e.Value.([2]string); m.ofScope[id[0]] > most {
			first, most = e, m.ofScope[id[0]]
		}
	}
	if first != nil {
		m.drop(first)
	}
	return first != nil
}

func (m *MemoryReplies) drop(finished *list.Element) {
	id, _ := m.finished.Remove(finished).([2]string)
	m.forget(id)
}

func (m *MemoryReplies) forget(id [2]string) {
	delete(m.held, id)
	if m.ofScope[id[0]]--; m.ofScope[id[0]] == 0 {
		delete(m.ofScope, id[0])
	}
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
		m.forget(id)
	}
	return nil
}
