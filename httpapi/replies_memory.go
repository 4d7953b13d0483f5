package httpapi

import (
	"bytes"
	"container/heap"
	"context"
	"sync"
	"time"
)

// MemoryReplies implements [Replies] in the memory of one process. The entries are lost when the process ends; a request
// that is repeated after that is served again.
type MemoryReplies struct {
	perScope int

	mu     sync.Mutex // guards what follows
	scopes map[string]map[string]*memoryReply
	ends   replyEnds // all entries, the one that ends first in front
}

var _ Replies = (*MemoryReplies)(nil)

type memoryReply struct {
	scope, key string
	entry      []byte
	until      time.Time
	finished   bool
	at         int // in the heap
}

// NewReplies returns replies with room for perScope entries in each scope, or for 10,000 if perScope is not positive.
// When a scope is full, Begin refuses with a [RepliesFullError] until one of the scope's entries ends; other scopes are
// not affected. No entry is dropped before its time, because a key that is forgotten too early lets a request be served
// twice. An entry takes as much memory as the response that it holds, so the number of scopes, perScope and the size of
// the responses bound the memory.
func NewReplies(perScope int) *MemoryReplies {
	if perScope <= 0 {
		perScope = 10_000
	}
	return &MemoryReplies{perScope: perScope, scopes: map[string]map[string]*memoryReply{}}
}

// Begin implements [Replies]. It does not block.
func (m *MemoryReplies) Begin(_ context.Context, scope, key string, running []byte, now, until time.Time) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.ends) > 0 && !m.ends[0].until.After(now) {
		m.remove(m.ends[0])
	}
	of := m.scopes[scope]
	if old := of[key]; old != nil {
		return bytes.Clone(old.entry), nil
	}
	if len(of) >= m.perScope {
		return nil, &RepliesFullError{Room: firstEnd(of)}
	}
	if of == nil {
		of = map[string]*memoryReply{}
		m.scopes[scope] = of
	}
	of[key] = &memoryReply{scope: scope, key: key, entry: bytes.Clone(running), until: until}
	heap.Push(&m.ends, of[key])
	return nil, nil
}

// firstEnd returns when the first of the entries ends.
func firstEnd(entries map[string]*memoryReply) (first time.Time) {
	for _, e := range entries {
		if first.IsZero() || e.until.Before(first) {
			first = e.until
		}
	}
	return first
}

// remove forgets an entry.
func (m *MemoryReplies) remove(e *memoryReply) {
	heap.Remove(&m.ends, e.at)
	delete(m.scopes[e.scope], e.key)
	if len(m.scopes[e.scope]) == 0 {
		delete(m.scopes, e.scope)
	}
}

// running returns the entry if it is the given one, or nil.
func (m *MemoryReplies) running(scope, key string, running []byte) *memoryReply {
	if e := m.scopes[scope][key]; e != nil && !e.finished && bytes.Equal(e.entry, running) {
		return e
	}
	return nil
}

// Finish implements [Replies]. It does not block.
func (m *MemoryReplies) Finish(_ context.Context, scope, key string, running, reply []byte, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.running(scope, key, running); e != nil {
		e.entry, e.until, e.finished = bytes.Clone(reply), until, true
		heap.Fix(&m.ends, e.at)
	}
	return nil
}

// Abandon implements [Replies]. It does not block.
func (m *MemoryReplies) Abandon(_ context.Context, scope, key string, running []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e := m.running(scope, key, running); e != nil {
		m.remove(e)
	}
	return nil
}

// replyEnds is a heap of entries, for container/heap.
type replyEnds []*memoryReply

func (h replyEnds) Len() int           { return len(h) }
func (h replyEnds) Less(i, j int) bool { return h[i].until.Before(h[j].until) }
func (h replyEnds) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

// Push implements heap.Interface.
func (h *replyEnds) Push(x any) {
	e, _ := x.(*memoryReply)
	e.at = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *replyEnds) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
