package bitcointest

import (
	"runtime"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
)

const backlog = 10_000 // blocks

// BenchmarkCatchUp follows a chain of 10,000 small blocks on btcd from its beginning. What it does beside asking shows
// in the ratio to the bare questions for the same blocks, one after the other, whose answers nobody looks at. The
// heap is the most that was live or not yet collected after a step; the budget is 50 MB. Measured on two busy processors:
// 1,000 blocks a second, 0.93 times the bare questions, 4 MB.
//
//	COINTILL_BTCD=btcd go test -run '^$' -bench CatchUp -benchtime 1x ./chain/bitcoin/bitcointest
func BenchmarkCatchUp(b *testing.B) {
	w := newBtcd(b)
	for last := w.height(b); last < backlog; last = w.height(b) {
		w.mine(b, min(500, backlog-last))
	}
	last := w.height(b)
	var bare, ours time.Duration
	var peak uint64
	for b.Loop() {
		start := time.Now()
		for h := range last {
			var text string
			w.call(b, &text, "getblock", w.hashAt(b, h+1), 0)
		}
		bare += time.Since(start)
		runtime.GC()

		start = time.Now()
		peak = max(peak, followAll(b, w))
		ours += time.Since(start)
	}
	b.ReportMetric(float64(b.N*last)/ours.Seconds(), "blocks/s")
	b.ReportMetric(float64(ours)/float64(bare), "x-bare")
	b.ReportMetric(float64(peak)/1e6, "heap-MB")
	b.ReportMetric(0, "ns/op")
}

// followAll follows the chain to its end, and returns the largest heap.
func followAll(b *testing.B, w *btcd) (peak uint64) {
	b.Helper()
	n, err := bitcoin.New(bitcoin.Config{Params: w.params, RPC: w.client})
	if err != nil {
		b.Fatal(err)
	}
	f, err := chain.NewFollower(chain.FollowConfig{Node: n, Parallel: 8, Batch: 256})
	if err != nil {
		b.Fatal(err)
	}
	cursor := chain.CursorSince(time.Unix(0, 0))
	for height := 0; height < w.height(b); {
		step, err := f.Next(b.Context(), cursor)
		if err != nil {
			b.Fatal(err)
		}
		cursor, height = step.Cursor, int(step.Head.Height)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		peak = max(peak, m.HeapAlloc)
	}
	return peak
}
