package kv_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"maps"
	"slices"
	"sync"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/kv"
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

// An adapter for a database of keys and values is two methods of the database and four of its transaction.
func Example() {
	ctx := context.Background()
	backend := kv.New(&Database{})
	inv := invoice.Invoice{ID: "inv-1", Project: "shop", OrderID: "7", Version: 1}
	if err := backend.Commit(ctx, invoice.Batch{Insert: []invoice.Invoice{inv}}); err != nil {
		log.Fatal(err)
	}
	found, err := backend.InvoiceByOrder(ctx, "shop", "7")
	fmt.Println(found.ID, err)

	inv.ID = "inv-2"
	err = backend.Commit(ctx, invoice.Batch{Insert: []invoice.Invoice{inv}})
	fmt.Println(err)
	// Output:
	// inv-1 <nil>
	// kv: commit: order id "7" is taken by invoice inv-1
}
