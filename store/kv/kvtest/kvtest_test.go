package kvtest_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cointill/cointill/store/internal/defect"
	"github.com/cointill/cointill/store/kv"
	"github.com/cointill/cointill/store/kv/kvtest"
	"github.com/stretchr/testify/require"
)

// db is a map under a mutex, with what may be wrong with one.
type db struct {
	mu    sync.RWMutex
	pairs map[string][]byte

	autocommit bool // what is written is stored at once
	snapshots  bool // updates run beside each other, and the last to end counts for what it wrote
	dirty      bool // views are of no one state
	toIncluded bool // a scan comes to its end
}

func (d *db) View(_ context.Context, f func(kv.Tx) error) error {
	if d.dirty {
		return f(&tx{d: d, pairs: nil})
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return f(&tx{d: d, pairs: d.pairs})
}

func (d *db) Update(_ context.Context, f func(kv.Tx) error) error {
	if d.snapshots {
		return d.apart(f)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	t := &tx{d: d, pairs: maps.Clone(d.pairs), written: map[string][]byte{}}
	err := f(t)
	if err == nil || d.autocommit {
		d.pairs = t.pairs
	}
	return err
}

func (d *db) apart(f func(kv.Tx) error) error {
	d.mu.Lock()
	t := &tx{d: d, pairs: maps.Clone(d.pairs), written: map[string][]byte{}}
	d.mu.Unlock()
	err := f(t)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	pairs := maps.Clone(d.pairs)
	for k, v := range t.written {
		if v == nil {
			delete(pairs, k)
		} else {
			pairs[k] = v
		}
	}
	d.pairs = pairs
	return nil
}

type tx struct {
	d       *db
	pairs   map[string][]byte
	written map[string][]byte // nil for what was deleted
}

// state is what the transaction sees.
func (t *tx) state() map[string][]byte {
	if t.pairs != nil {
		return t.pairs
	}
	t.d.mu.RLock()
	defer t.d.mu.RUnlock()
	return maps.Clone(t.d.pairs)
}

func (t *tx) Get(key []byte) ([]byte, error) { return t.state()[string(key)], nil }

func (t *tx) Put(key, value []byte) error {
	t.pairs[string(key)], t.written[string(key)] = value, value
	return nil
}

func (t *tx) Delete(key []byte) error {
	delete(t.pairs, string(key))
	t.written[string(key)] = nil
	return nil
}

func (t *tx) Scan(from, to []byte, visit func(key, value []byte) bool) error {
	pairs := t.state()
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		if k >= string(from) && (k < string(to) || t.d.toIncluded && k == string(to)) && !visit([]byte(k), pairs[k]) {
			break
		}
	}
	return nil
}

func opening(broken *db) func(*testing.T) kv.DB {
	return func(*testing.T) kv.DB {
		return &db{
			pairs: map[string][]byte{}, autocommit: broken.autocommit, snapshots: broken.snapshots, dirty: broken.dirty,
			toIncluded: broken.toIncluded,
		}
	}
}

func TestADatabaseThatKeepsItsPromisesPasses(t *testing.T) {
	kvtest.Run(t, opening(&db{}))
}

var defects = map[string]struct {
	db    *db
	cases []string
}{
	"autocommit":  {&db{autocommit: true}, []string{"an error stores nothing", "a call that fails stores nothing"}},
	"to included": {&db{toIncluded: true}, []string{"keys are in the order of their bytes"}},
	"snapshots":   {&db{snapshots: true}, []string{"no update is lost", "what was read stays so", "what was not there stays so"}},
	"dirty":       {&db{dirty: true}, []string{"a view is of one state"}},
}

func TestSuiteOnDefects(t *testing.T) {
	defect.Only(t)
	for name, d := range defects {
		t.Run(name, func(t *testing.T) { kvtest.Run(t, opening(d.db)) })
	}
}

func TestDefectsFailByName(t *testing.T) {
	if testing.Short() {
		t.Skip("plays many defects: not with -short")
	}
	failed, _ := defect.Failed(t)
	for name, d := range defects {
		for _, c := range d.cases {
			require.True(t, failed[strings.ReplaceAll(name+"/"+c, " ", "_")], "%s must fail when %s; these do: %v", c, name, failed)
		}
	}
}

func TestTheDatabaseOfTheExampleKeepsItsPromises(t *testing.T) { testDatabase(t) }
