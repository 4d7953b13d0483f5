package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/stretchr/testify/require"
)

// heap is what is in use once everything that can be collected was.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

const mebibyte = 1 << 20

// A service that has closed invoice after invoice is as large as one that has closed the first few.
func TestA44_MemoryDoesNotGrowWithHistory(t *testing.T) {
	s, _ := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	watcher := &benchWatcher{give: make(chan chain.Step), asked: make(chan struct{})}
	till := tillOn(t, s, watcher)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- till.Run(ctx) }()
	live := func(from, to int) {
		for n := from; n < to; n++ {
			inv, err := till.Create(ctx, order(fmt.Sprint(n)))
			require.NoError(t, err)
			header := chain.Header{Height: uint64(n + 1), Hash: fmt.Sprint("0x", n), Time: time.Now()}
			watcher.give <- chain.Step{
				Cursor: chain.Cursor("test"), Head: chain.Head{Height: header.Height, Hash: header.Hash, Time: header.Time},
				Joined: []chain.Block{{Header: header, Transfers: []chain.Transfer{{
					TxID: fmt.Sprint("0x", n), Index: "value", Asset: inv.Quote.Asset.ID, To: inv.Quote.Address, Units: inv.Quote.Due,
				}}}},
			}
			<-watcher.asked
		}
	}
	live(0, 200)
	before := heap()
	live(200, 1500)
	grown := heap() - before
	cancel()
	require.NoError(t, <-done)
	require.Less(t, grown, int64(4*mebibyte), "1300 invoices came and went")
}

// Watching addresses takes no memory for each: they are looked up, not held. The figure for a million is a
// benchmark's.
func TestA45_WatchedAddressesTakeNoMemory(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	load(t, db, n)
	watcher := &benchWatcher{give: make(chan chain.Step), asked: make(chan struct{})}
	before := heap()
	till := tillOn(t, s, watcher)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- till.Run(ctx) }()
	for height := range 3 {
		watcher.give <- benchBlock(height+1, n)
		<-watcher.asked
	}
	grown := heap() - before
	cancel()
	require.NoError(t, <-done)
	require.Less(t, grown, int64(24*mebibyte), "%d addresses are watched", n)
}
