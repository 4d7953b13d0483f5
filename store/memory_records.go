package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/cointill/cointill/store/internal/records"
)

var _ Records = (*MemoryRecords)(nil)

// MemoryRecords implements [Records] in memory. Its methods may be called concurrently.
type MemoryRecords struct {
	mu        sync.Mutex                     // guards what follows
	logs      map[string][][]byte            // the record of position n is at n-1
	documents map[string]map[string]document // by kind and name
}

type document struct {
	version int64
	body    []byte
}

func newRecords() *MemoryRecords {
	return &MemoryRecords{logs: map[string][][]byte{}, documents: map[string]map[string]document{}}
}

// Records returns the records in the store. All calls return the same ones.
func (m *Memory) Records() *MemoryRecords { return m.records }

// AppendRecord implements [Records].
func (m *MemoryRecords) AppendRecord(ctx context.Context, log string, body []byte) (position int64, err error) {
	if err := cmp.Or(ctx.Err(), records.CheckRecord(log, body)); err != nil {
		return 0, fmt.Errorf("store: append record: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logs[log] = append(m.logs[log], bytes.Clone(body))
	return int64(len(m.logs[log])), nil
}

// ReadRecords implements [Records].
func (m *MemoryRecords) ReadRecords(ctx context.Context, log string, position int64, descending bool, limit int) (positions []int64, bodies [][]byte, err error) {
	if err := cmp.Or(ctx.Err(), records.CheckNames(log)); err != nil {
		return nil, nil, fmt.Errorf("store: read records: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	of := m.logs[log]
	for at := range records.Positions(int64(len(of)), position, descending, limit) {
		positions = append(positions, at)
		bodies = append(bodies, bytes.Clone(of[at-1]))
	}
	return positions, bodies, nil
}

// Document implements [Records].
func (m *MemoryRecords) Document(ctx context.Context, kind, name string) (version int64, body []byte, err error) {
	if err := cmp.Or(ctx.Err(), records.CheckNames(kind, name)); err != nil {
		return 0, nil, fmt.Errorf("store: document: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.documents[kind][name]
	return d.version, bytes.Clone(d.body), nil
}

// PutDocument implements [Records].
func (m *MemoryRecords) PutDocument(ctx context.Context, kind, name string, version int64, body []byte) (stored bool, err error) {
	if err := cmp.Or(ctx.Err(), records.CheckDocument(kind, name, body)); err != nil {
		return false, fmt.Errorf("store: put document: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	of := m.documents[kind]
	if of[name].version != version {
		return false, nil
	}
	if len(body) == 0 {
		delete(of, name)
		return true, nil
	}
	if of == nil {
		of = map[string]document{}
		m.documents[kind] = of
	}
	of[name] = document{version + 1, bytes.Clone(body)}
	return true, nil
}

// Documents implements [Records].
func (m *MemoryRecords) Documents(ctx context.Context, kind, after string, limit int) (names []string, bodies [][]byte, err error) {
	if err := cmp.Or(ctx.Err(), records.CheckNames(kind)); err != nil {
		return nil, nil, fmt.Errorf("store: documents: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	of := m.documents[kind]
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if name > after && len(names) < limit {
			names = append(names, name)
			bodies = append(bodies, bytes.Clone(of[name].body))
		}
	}
	return names, bodies, nil
}
