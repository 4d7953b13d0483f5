package kv_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/cointill/cointill/store/kv"
)

// sorted is a database in memory that does all that the contract allows: it runs everything twice, overwrites
// the bytes that it has returned, and accepts nothing that the contract forbids.
type sorted struct {
	write sync.Mutex   // held by an update: one after the other
	mu    sync.RWMutex // guards pairs
	pairs []pair       // by key; replaced as a whole, so that who has it has a snapshot

	fail func(call string, n int) error // asked at call n of each transaction; nil: nothing fails
	late []string                       // calls of a transaction that came after one had failed
}

type pair struct{ key, value []byte }

func (db *sorted) begin(writes bool) *sortedTx {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return &sortedTx{db: db, pairs: slices.Clone(db.pairs), writes: writes}
}

func (db *sorted) View(_ context.Context, f func(kv.Tx) error) error {
	_ = db.begin(false).run(f)
	return db.begin(false).run(f)
}

func (db *sorted) Update(_ context.Context, f func(kv.Tx) error) error {
	db.write.Lock()
	defer db.write.Unlock()
	_ = db.begin(true).run(f)
	tx := db.begin(true)
	if err := tx.run(f); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	db.pairs = tx.pairs
	return nil
}

type sortedTx struct {
	db     *sorted
	pairs  []pair
	writes bool
	busy   bool // ended, or in a scan
	calls  int
	failed bool
	lent   []byte
}

var errContract = errors.New("a call that the contract forbids")

func (tx *sortedTx) run(f func(kv.Tx) error) error {
	defer func() { tx.busy = true }()
	return f(tx)
}

// enter begins a call. Bytes that were returned before are no longer valid.
func (tx *sortedTx) enter(call string, writes, ok bool) error {
	tx.calls++
	if tx.failed {
		tx.db.late = append(tx.db.late, call)
	}
	copy(tx.lent, bytes.Repeat([]byte{0xee}, len(tx.lent)))
	if tx.busy || writes && !tx.writes || !ok {
		return errContract
	}
	if tx.db.fail == nil {
		return nil
	}
	err := tx.db.fail(call, tx.calls)
	tx.failed = tx.failed || err != nil
	return err
}

func goodKey(key []byte) bool { return len(key) > 0 && len(key) <= 500 }

func (tx *sortedTx) at(key []byte) (int, bool) {
	return slices.BinarySearchFunc(tx.pairs, key, func(p pair, key []byte) int { return bytes.Compare(p.key, key) })
}

func (tx *sortedTx) lend(b []byte) []byte {
	tx.lent = bytes.Clone(b)
	return tx.lent
}

func (tx *sortedTx) Get(key []byte) ([]byte, error) {
	if err := tx.enter("get", false, goodKey(key)); err != nil {
		return nil, err
	}
	if i, found := tx.at(key); found {
		return tx.lend(tx.pairs[i].value), nil
	}
	return nil, nil
}

func (tx *sortedTx) Put(key, value []byte) error {
	if err := tx.enter("put", true, goodKey(key) && len(value) > 0); err != nil {
		return err
	}
	p := pair{bytes.Clone(key), bytes.Clone(value)}
	i, found := tx.at(key)
	if found {
		tx.pairs[i] = p
	} else {
		tx.pairs = slices.Insert(tx.pairs, i, p)
	}
	return nil
}

func (tx *sortedTx) Delete(key []byte) error {
	if err := tx.enter("delete", true, goodKey(key)); err != nil {
		return err
	}
	if i, found := tx.at(key); found {
		tx.pairs = slices.Delete(tx.pairs, i, i+1)
	}
	return nil
}

func (tx *sortedTx) Scan(from, to []byte, visit func(key, value []byte) bool) error {
	if err := tx.enter("scan", false, bytes.Compare(from, to) < 0); err != nil {
		return err
	}
	tx.busy = true
	defer func() { tx.busy = false }()
	for i, _ := tx.at(from); i < len(tx.pairs) && bytes.Compare(tx.pairs[i].key, to) < 0; i++ {
		key, value := bytes.Clone(tx.pairs[i].key), bytes.Clone(tx.pairs[i].value)
		more := visit(key, value)
		clear(key)
		clear(value)
		if !more {
			break
		}
	}
	return nil
}
