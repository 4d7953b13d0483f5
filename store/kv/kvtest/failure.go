package kvtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/kv"
)

var failureCases = []testCase{
	{"a call that fails stores nothing", "after a method of a transaction has failed it is not called any more, and nothing of it is stored", failures},
}

var errBroken = errors.New("the database has ended the transaction")

// breaking is a database in which one call of every transaction fails, once.
type breaking struct {
	kv.DB
	at     int // the how-manyth
	failed bool
	late   []string // calls that came after it
}

func (b *breaking) View(ctx context.Context, f func(kv.Tx) error) error {
	return b.DB.View(ctx, func(tx kv.Tx) error { return f(&breakingTx{Tx: tx, db: b}) })
}

func (b *breaking) Update(ctx context.Context, f func(kv.Tx) error) error {
	return b.DB.Update(ctx, func(tx kv.Tx) error { return f(&breakingTx{Tx: tx, db: b}) })
}

type breakingTx struct {
	kv.Tx
	db    *breaking
	calls int
}

func (tx *breakingTx) next(call string) error {
	tx.calls++
	switch {
	case tx.calls == tx.db.at:
		tx.db.failed = true
		return errBroken
	case tx.calls > tx.db.at:
		tx.db.late = append(tx.db.late, call)
	}
	return nil
}

func (tx *breakingTx) Get(key []byte) ([]byte, error) {
	if err := tx.next("Get"); err != nil {
		return nil, err
	}
	return tx.Tx.Get(key)
}

func (tx *breakingTx) Put(key, value []byte) error {
	if err := tx.next("Put"); err != nil {
		return err
	}
	return tx.Tx.Put(key, value)
}

func (tx *breakingTx) Delete(key []byte) error {
	if err := tx.next("Delete"); err != nil {
		return err
	}
	return tx.Tx.Delete(key)
}

func (tx *breakingTx) Scan(from, to []byte, visit func(key, value []byte) bool) error {
	if err := tx.next("Scan"); err != nil {
		return err
	}
	return tx.Tx.Scan(from, to, visit)
}

// failures commits a batch while each call of its transaction fails in turn.
func failures(t *testing.T, db kv.DB) {
	old := invoice.Invoice{ID: "old", Project: "shop", OrderID: "1", Version: 1}
	place := invoice.Claim{Network: "sim:1", Place: invoice.Place{Address: "address"}, Invoice: "old"}
	paid := func(id string) invoice.Payment {
		return invoice.Payment{Key: chain.Key{Network: "sim:1", TxID: "paid " + id}, Invoice: id}
	}
	if err := kv.New(db).Commit(t.Context(), invoice.Batch{
		Insert: []invoice.Invoice{old}, Claims: []invoice.Claim{place}, Payments: []invoice.Payment{paid("old")},
	}); err != nil {
		t.Fatal(err)
	}
	settled := paid("old")
	settled.Settled = true
	old.Version = 2
	batch := invoice.Batch{
		Insert: []invoice.Invoice{{ID: "new", Project: "shop", OrderID: "2", Version: 1}}, Update: []invoice.Invoice{old},
		Releases: []invoice.Release{{Claim: place, Reuse: true}}, Claims: []invoice.Claim{{Network: place.Network, Place: place.Place, Invoice: "new"}},
		Payments: []invoice.Payment{settled, paid("new")}, Events: []invoice.Event{{ID: "event", Invoice: "new", Seq: 1}},
		Messages: []invoice.Message{{ID: "message", Invoice: "new", Seq: 1}}, Progress: []invoice.Progress{{Network: "sim:1", Version: 1}},
	}
	before := dump(t, db)
	for at := 1; ; at++ {
		b := &breaking{DB: db, at: at}
		err := kv.New(b).Commit(t.Context(), batch)
		if !b.failed {
			if err != nil {
				t.Fatalf("Commit: %v", err)
			}
			return
		}
		if !errors.Is(err, errBroken) {
			t.Fatalf("call %d failed: got error %v, want %v", at, err, errBroken)
		}
		if len(b.late) > 0 {
			t.Fatalf("after call %d had failed, there came %v", at, b.late)
		}
		equal(t, fmt.Sprintf("stored after call %d had failed", at), slices.Clone(dump(t, db)), before)
	}
}
