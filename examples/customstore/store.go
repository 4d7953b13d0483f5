package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/cointill/cointill/store/kv"
	bolt "go.etcd.io/bbolt"
)

var _ kv.DB = boltDB{}

// boltDB keeps everything in one bucket of a file, for one process.
type boltDB struct{ *bolt.DB }

func openDB(path string) (boltDB, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		return boltDB{}, fmt.Errorf("customstore: open %s: %w", path, err)
	}
	db.MaxBatchDelay = time.Millisecond // how long a single write waits for others
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists([]byte("cointill"))
		return err
	})
	return boltDB{db}, err
}

// View reads a snapshot. It does not block, so it ignores the context.
func (db boltDB) View(_ context.Context, f func(kv.Tx) error) error {
	return db.DB.View(func(tx *bolt.Tx) error { return f(transaction{tx.Bucket([]byte("cointill"))}) })
}

// Update stores concurrent writes with one sync. If one of them fails, each is run again separately.
func (db boltDB) Update(_ context.Context, f func(kv.Tx) error) error {
	return db.Batch(func(tx *bolt.Tx) error { return f(transaction{tx.Bucket([]byte("cointill"))}) })
}

// transaction inherits Put and Delete from the bucket.
type transaction struct{ *bolt.Bucket }

func (t transaction) Get(key []byte) ([]byte, error) { return t.Bucket.Get(key), nil }

func (t transaction) Scan(from, to []byte, visit func(key, value []byte) bool) error {
	c := t.Cursor()
	for k, v := c.Seek(from); k != nil && bytes.Compare(k, to) < 0 && visit(k, v); k, v = c.Next() {
	}
	return nil
}
