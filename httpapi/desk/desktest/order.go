package desktest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
)

func emptyLog(k *keeper) {
	k.reads("log", 0, false, 10, 1)
	k.reads("log", 0, true, 10, 1)
	k.reads("log", 7, false, 10, 1)
	k.reads("log", 7, true, 10, 1)
}

func positions(k *keeper) {
	k.append("log", "one", 1)
	k.append("log", "two", 2)
	k.append("log", "one", 3)
	k.reads("log", 0, false, 10, 1, "one", "two", "one")
}

// five are the records of a log that is read in pages.
func five(k *keeper) {
	for i := range int64(5) {
		k.append("log", fmt.Sprint(i+1), i+1)
	}
}

func pages(k *keeper) {
	five(k)
	k.reads("log", 0, false, 2, 1, "1", "2")
	k.reads("log", 2, false, 2, 3, "3", "4")
	k.reads("log", 4, false, 2, 5, "5")
	k.reads("log", 5, false, 2, 6)
}

func pagesBack(k *keeper) {
	five(k)
	k.reads("log", 0, true, 2, 5, "5", "4")
	k.reads("log", 4, true, 2, 3, "3", "2")
	k.reads("log", 2, true, 2, 1, "1")
	k.reads("log", 1, true, 2, 0)
}

func bounds(k *keeper) {
	five(k)
	for _, descending := range []bool{false, true} {
		for _, limit := range []int{0, -1, math.MinInt} {
			k.reads("log", 0, descending, limit, 0)
		}
	}
	k.reads("log", -3, false, 1, 1, "1")
	k.reads("log", math.MinInt64, true, 1, 5, "5")
	k.reads("log", math.MaxInt64, false, 1, 0)
	k.reads("log", math.MaxInt64, true, 1, 5, "5")
	k.reads("log", 0, false, math.MaxInt, 1, "1", "2", "3", "4", "5")
	k.puts("kind", "name", 0, "body", true)
	for _, limit := range []int{0, -1, math.MinInt} {
		k.lists("kind", "", limit)
	}
	k.lists("kind", "", math.MaxInt, [2]string{"name", "body"})
}

func logsApart(k *keeper) {
	logs := []string{"a", "A", "ab", "a ", "b", strings.Repeat("a", 128), strings.Repeat("a", 127)}
	for i, log := range logs {
		k.append(log, fmt.Sprint(i), 1)
	}
	for i, log := range logs {
		k.reads(log, 0, false, 10, 1, fmt.Sprint(i))
		k.reads(log, 0, true, 10, 1, fmt.Sprint(i))
	}
}

// Writers and records of each, where many append at once: enough to meet, also on a store that is slow.
const (
	writers = 8
	each    = 12
)

// crowd runs the writers at once.
func crowd(write func(writer int)) {
	var wait sync.WaitGroup
	for w := range writers {
		wait.Go(func() { write(w) })
	}
	wait.Wait()
}

func manyAtOnce(k *keeper) {
	var mu sync.Mutex
	at := map[int64]string{}
	crowd(func(w int) {
		for n := range each {
			body := fmt.Sprintf("%d of writer %d", n, w)
			position, err := k.r.AppendRecord(k.Context(), "log", []byte(body))
			mu.Lock()
			if other, twice := at[position]; err != nil || twice {
				k.Errorf("AppendRecord of %q returns %d, %v; the position is that of %q", body, position, err, other)
			}
			at[position] = body
			mu.Unlock()
		}
	})
	found, bodies, err := k.r.ReadRecords(k.Context(), "log", 0, false, writers*each+1)
	if err != nil || len(found) != writers*each {
		k.Fatalf("%d records, %v; want %d", len(found), err, writers*each)
	}
	for i, position := range found {
		if position != int64(i+1) || at[position] != string(bodies[i]) {
			k.Fatalf("record %d has position %d and body %q; it was appended as %q", i+1, position, bodies[i], at[int64(i+1)])
		}
	}
}

func follows(k *keeper) {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		crowd(func(w int) {
			for n := range each {
				if _, err := k.r.AppendRecord(k.Context(), "log", fmt.Append(nil, w, " ", n)); err != nil {
					k.Errorf("AppendRecord: %v", err)
				}
			}
		})
	}()
	var last int64
	seen := map[string]bool{}
	for end := false; ; {
		found, bodies, err := k.r.ReadRecords(k.Context(), "log", last, false, 3)
		if err != nil {
			k.Fatalf("ReadRecords: %v", err)
		}
		for i, position := range found {
			if position != last+1 {
				k.Fatalf("after position %d the reader sees %d", last, position)
			}
			last, seen[string(bodies[i])] = position, true
		}
		if len(found) == 0 && end {
			break
		}
		select {
		case <-finished:
			end = true // and what there still is
		default:
		}
	}
	if len(seen) != writers*each {
		k.Fatalf("a reader that follows has seen %d records, want %d", len(seen), writers*each)
	}
}

// endsWithin ends contexts at any moment of a call: whatever the calls report, positions have no gap, and what is reported as
// stored is stored.
func endsWithin(k *keeper) {
	var mu sync.Mutex
	var done []string
	crowd(func(w int) {
		for n := range each {
			ctx, cancel := context.WithCancel(k.Context())
			go cancel()
			body := fmt.Sprint(w, " ", n)
			_, err := k.r.AppendRecord(ctx, "log", []byte(body))
			stored, putErr := k.r.PutDocument(ctx, "kind", fmt.Sprintf("%d %02d", w, n), 0, []byte(body))
			cancel()
			mu.Lock()
			if err == nil {
				done = append(done, body)
			}
			mu.Unlock()
			if version, kept, err := k.r.Document(k.Context(), "kind", fmt.Sprintf("%d %02d", w, n)); err != nil ||
				putErr == nil && (!stored || version != 1) || version > 1 || version == 1 && string(kept) != body {
				k.Errorf("PutDocument reports %v, %v; then the version is %d, the body %q, %v", stored, putErr, version, kept, err)
			}
		}
	})
	found, bodies, err := k.r.ReadRecords(k.Context(), "log", 0, false, writers*each)
	if err != nil {
		k.Fatal(err)
	}
	all := texts(bodies)
	for i, position := range found {
		if position != int64(i+1) {
			k.Fatalf("record %d has position %d", i+1, position)
		}
	}
	for _, body := range done {
		if !slices.Contains(all, body) {
			k.Errorf("record %q was reported as appended, and is missing", body)
		}
	}
	k.append("log", "next", int64(len(found))+1)
}
