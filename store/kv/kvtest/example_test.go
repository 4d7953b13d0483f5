package kvtest_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/cointill/cointill/store/kv"
	"github.com/cointill/cointill/store/kv/kvtest"
)

// Database is the least that can be a database: a map, which an update replaces as a whole.
type Database struct {
	mu    sync.Mutex
	pairs map[string][]byte
}

// View implements [kv.DB].
func (db *Database) View(_ context.Context, f func(kv.Tx) error) error {
	db.mu.Lock()
	tx := Transaction{db.pairs} // which is never written to again
	db.mu.Unlock()
	return f(tx)
}

// Update implements [kv.DB].
func (db *Database) Update(_ context.Context, f func(kv.Tx) error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	tx := Transaction{map[string][]byte{}}
	maps.Copy(tx.pairs, db.pairs)
	if err := f(tx); err != nil {
		return err
	}
	db.pairs = tx.pairs
	return nil
}

// Transaction works on a map of its own.
type Transaction struct{ pairs map[string][]byte }

// Get implements [kv.Tx].
func (tx Transaction) Get(key []byte) ([]byte, error) { return tx.pairs[string(key)], nil }

// Put implements [kv.Tx].
func (tx Transaction) Put(key, value []byte) error {
	tx.pairs[string(key)] = value
	return nil
}

// Delete implements [kv.Tx].
func (tx Transaction) Delete(key []byte) error {
	delete(tx.pairs, string(key))
	return nil
}

// Scan implements [kv.Tx].
func (tx Transaction) Scan(from, to []byte, visit func(key, value []byte) bool) error {
	for _, key := range slices.Sorted(maps.Keys(tx.pairs)) {
		k := []byte(key)
		if bytes.Compare(k, from) >= 0 && bytes.Compare(k, to) < 0 && !visit(k, tx.pairs[key]) {
			break
		}
	}
	return nil
}

// testDatabase is the test of the adapter.
func testDatabase(t *testing.T) {
	kvtest.Run(t, func(t *testing.T) kv.DB { return &Database{} })
}

// A database proves itself in one call, in a test of its adapter. It also proves what package kv makes of it, with
// storetest.Run.
func ExampleRun() {
	// The adapter has, in a file whose name ends with _test.go:
	//
	//	func TestDatabase(t *testing.T) { testDatabase(t) }
	fmt.Printf("%T\n", testDatabase)
	// Output: func(*testing.T)
}
