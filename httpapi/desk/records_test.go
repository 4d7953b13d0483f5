package desk_test

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// records keeps in memory what the desk remembers.
type records struct {
	mu        sync.Mutex // guards what follows
	logs      map[string][][]byte
	documents map[[2]string]document
	refuse    func(log string, body []byte) error // called before an append; nil: nothing is refused
}

type document struct {
	version int64
	body    []byte
}

func newRecords() *records {
	return &records{logs: map[string][][]byte{}, documents: map[[2]string]document{}}
}

func (r *records) AppendRecord(_ context.Context, log string, body []byte) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		if err := r.refuse(log, body); err != nil {
			return 0, err
		}
	}
	r.logs[log] = append(r.logs[log], slices.Clone(body))
	return int64(len(r.logs[log])), nil
}

func (r *records) ReadRecords(_ context.Context, log string, position int64, descending bool, limit int) (positions []int64, bodies [][]byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.logs[log]
	step, at := int64(1), position+1
	if descending {
		step, at = -1, position-1
		if position == 0 {
			at = int64(len(all))
		}
	}
	for ; at >= 1 && at <= int64(len(all)) && len(positions) < limit; at += step {
		positions, bodies = append(positions, at), append(bodies, slices.Clone(all[at-1]))
	}
	return positions, bodies, nil
}

func (r *records) Document(_ context.Context, kind, name string) (int64, []byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.documents[[2]string{kind, name}]
	return d.version, slices.Clone(d.body), nil
}

func (r *records) PutDocument(_ context.Context, kind, name string, version int64, body []byte) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := [2]string{kind, name}
	if r.documents[key].version != version {
		return false, nil
	}
	if body == nil {
		delete(r.documents, key)
		return true, nil
	}
	r.documents[key] = document{version + 1, slices.Clone(body)}
	return true, nil
}

func (r *records) Documents(_ context.Context, kind, after string, limit int) (names []string, bodies [][]byte, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range slices.SortedFunc(maps.Keys(r.documents), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		if key[0] == kind && key[1] > after && len(names) < limit {
			names, bodies = append(names, key[1]), append(bodies, slices.Clone(r.documents[key].body))
		}
	}
	return names, bodies, nil
}
