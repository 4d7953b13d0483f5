package etcd

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/store/kv"
)

// job is an Update. Only the goroutine of its caller runs f.
type job struct {
	ctx     context.Context
	f       func(kv.Tx) error
	begun   time.Time
	first   *updating // what f did before it was its turn; nil once it is used
	turns   chan *updating
	left    chan struct{} // closed: the caller is gone
	outcome chan error    // takes the only one
}

func newJob(ctx context.Context, f func(kv.Tx) error) *job {
	return &job{
		ctx: ctx, f: f, begun: time.Now(), turns: make(chan *updating), left: make(chan struct{}), outcome: make(chan error, 1),
	}
}

// run runs f. If f does not return, because of a panic, the job is over as well.
func (j *job) run(t *updating) {
	defer close(t.done)
	t.out = j.f(t)
	t.returned = true
	if t.out == nil {
		t.out = t.err
	}
}

// offer has the caller run f, and reports whether it did.
func (j *job) offer(t *updating) bool {
	select {
	case j.turns <- t:
		<-t.done
		return t.returned
	case <-j.left:
		return false
	}
}

func (j *job) gone() bool {
	select {
	case <-j.left:
		return true
	default:
		return false
	}
}

// writes are the last values of keys; nil is of one that is deleted.
type writes struct {
	pairs map[string][]byte
	size  int
}

func newWrites() writes { return writes{pairs: map[string][]byte{}} }

func (w *writes) set(key string, value []byte) {
	if old, is := w.pairs[key]; is {
		w.size -= len(key) + len(old)
	}
	w.pairs[key] = value
	w.size += len(key) + len(value)
}

func (w *writes) add(more writes) {
	for key, value := range more.pairs {
		w.set(key, value)
	}
}

// updating is the transaction of an Update: a state, what the updates in front of it have written, and what it writes itself.
type updating struct {
	reader
	state    *state
	before   *writes // nil: there is none in front
	own      writes
	out      error // of f
	returned bool
	done     chan struct{}
}

// begin returns a transaction on a state.
func (db *DB) begin(ctx context.Context, s *state, before *writes) *updating {
	return &updating{
		reader: reader{db: db, ctx: ctx, revision: s.at}, state: s, before: before, own: newWrites(), done: make(chan struct{}),
	}
}

// written returns what the transaction or one in front of it wrote.
func (t *updating) written(key string) (value []byte, is bool) {
	if value, is = t.own.pairs[key]; !is && t.before != nil {
		value, is = t.before.pairs[key]
	}
	return value, is
}

// Get implements [kv.Tx].
func (t *updating) Get(key []byte) ([]byte, error) {
	if value, is := t.written(string(key)); is {
		return value, nil
	}
	if value, known := t.state.cache.get(string(key), t.state.revision); known {
		return value, nil
	}
	value, err := t.get(key)
	if err == nil {
		t.state.cache.add(string(key), value, t.state.revision)
	}
	return value, err
}

// Put implements [kv.Tx].
func (t *updating) Put(key, value []byte) error {
	t.own.set(string(key), value)
	return nil
}

// Delete implements [kv.Tx].
func (t *updating) Delete(key []byte) error {
	t.own.set(string(key), nil)
	return nil
}

// Scan implements [kv.Tx]: it merges what is stored with what was written since.
func (t *updating) Scan(from, to []byte, visit func(key, value []byte) bool) error {
	pending := t.writtenIn(string(from), string(to))
	more := true
	pass := func(before string, all bool) { // visits what was written, up to a key
		for more && len(pending) > 0 && (all || pending[0] < before) {
			if value, _ := t.written(pending[0]); value != nil {
				more = visit([]byte(pending[0]), value)
			}
			pending = pending[1:]
		}
	}
	err := t.scan(from, to, func(key, value []byte) bool {
		pass(string(key), false)
		if more && (len(pending) == 0 || pending[0] != string(key)) {
			more = visit(key, value)
		}
		return more
	})
	if err == nil {
		pass("", true)
	}
	return err
}

// writtenIn returns the keys of a range that were written, in order.
func (t *updating) writtenIn(from, to string) []string {
	keys := slices.Collect(maps.Keys(t.own.pairs))
	if t.before != nil {
		keys = slices.AppendSeq(keys, maps.Keys(t.before.pairs))
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return key < from || key >= to })
	slices.SortFunc(keys, strings.Compare)
	return slices.Compact(keys)
}
