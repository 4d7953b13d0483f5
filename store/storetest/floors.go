package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/cointill/cointill/invoice"
)

// Floors proves an implementation of [invoice.Floors]. Each call of open opens the same record, which is empty at
// first, as a restarted process would.
func Floors(t *testing.T, open func(t *testing.T) invoice.Floors) {
	t.Helper()
	const wallet, other = "eip155:xpub-1", "bip122:xpub 2"
	floor := func(t *testing.T, f invoice.Floors, wallet string, want uint32) {
		t.Helper()
		got, err := f.Floor(t.Context(), wallet)
		if err != nil || got != want {
			t.Fatalf("floor of %s is %d (%v), want %d", wallet, got, err, want)
		}
	}
	raise := func(t *testing.T, f invoice.Floors, wallet string, next uint32) {
		t.Helper()
		if err := f.Raise(t.Context(), wallet, next); err != nil {
			t.Fatalf("raise the floor of %s to %d: %v", wallet, next, err)
		}
	}
	f := open(t)
	t.Run("a wallet that is not known has the floor 0", func(t *testing.T) { floor(t, f, wallet, 0) })
	t.Run("a floor is never lowered", func(t *testing.T) {
		raise(t, f, wallet, 7)
		raise(t, f, wallet, 7)
		raise(t, f, wallet, 5)
		floor(t, f, wallet, 7)
	})
	t.Run("wallets are apart", func(t *testing.T) {
		raise(t, f, other, 1<<32-1)
		floor(t, f, wallet, 7)
		floor(t, f, other, 1<<32-1)
	})
	t.Run("what was raised is there in the next life", func(t *testing.T) {
		again := open(t)
		floor(t, again, wallet, 7)
		floor(t, again, other, 1<<32-1)
	})
	t.Run("it may be raised concurrently", func(t *testing.T) {
		var wg sync.WaitGroup
		errs := make(chan error, 40)
		for i := range uint32(40) {
			wg.Go(func() { errs <- f.Raise(context.Background(), wallet, 100+i) })
		}
		wg.Wait()
		for range 40 {
			if err := <-errs; err != nil {
				t.Fatal(fmt.Errorf("raise: %w", err))
			}
		}
		floor(t, f, wallet, 139)
		floor(t, open(t), wallet, 139)
	})
}
