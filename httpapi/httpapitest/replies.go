// Package httpapitest proves implementations of the ports of package httpapi. A store shows in one call that it keeps
// the contract of [httpapi.Replies]:
//
//	func TestReplies(t *testing.T) {
//		httpapitest.Replies(t, func(t *testing.T) httpapi.Replies { return open(t) })
//	}
package httpapitest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// day is how long what is finished is kept here, and lease how long what is running.
const (
	day   = 24 * time.Hour
	lease = time.Minute
)

// Replies proves an implementation. Open answers an empty one, which has room for 100 entries at least; it is called
// for every case.
func Replies(t *testing.T, open func(t *testing.T) httpapi.Replies) {
	t.Helper()
	for _, c := range []struct {
		name, rule string
		test       func(*keeper)
	}{
		{"the first begins", "Begin keeps the entry and answers nil", first},
		{"what runs is answered", "Begin answers an entry whose time has not come, and changes nothing", runs},
		{"what finished is answered", "Finish puts the reply in the place of what is running, byte for byte", finishes},
		{"a finished one ends", "an entry counts until its time, and no longer", ends},
		{"a running one ends", "an entry counts until its time, also when it is running", leaseEnds},
		{"an abandoned one is free", "Abandon removes the entry", abandons},
		{"only its own", "Finish and Abandon do nothing to another entry", foreign},
		{"twice is once", "Finish and Abandon are idempotent", twice},
		{"apart", "scope and key together name an entry", apart},
		{"one of many", "of calls at once for one key, one answers nil", races},
		{"one of many after an end", "of calls at once for one key, one answers nil, also when an entry has ended", racesAfter},
		{"many keys at once", "calls for other keys do not disturb each other, also when entries end", crowd},
		{"the others stay", "what begins when others have ended changes nothing that counts", stays},
		{"bytes stay the caller's", "what is kept of a slice is copied", copies},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			t.Log("rule: " + c.rule)
			c.test(&keeper{t, open(t)})
		})
	}
}

type keeper struct {
	*testing.T
	r httpapi.Replies
}

func (k *keeper) begin(key, running string, now time.Time) string {
	k.Helper()
	held, err := k.r.Begin(k.Context(), "scope", key, []byte(running), now, now.Add(lease))
	if err != nil {
		k.Fatalf("Begin: %v", err)
	}
	if held != nil && len(held) == 0 {
		k.Fatal("Begin answers an empty entry")
	}
	return string(held)
}

// wants begins at a time, and expects what is held; nothing when want is empty.
func (k *keeper) wants(key, running string, now time.Time, want string) {
	k.Helper()
	if got := k.begin(key, running, now); got != want {
		k.Fatalf("Begin of %s at %v answers %q, want %q", running, now.Sub(start), got, want)
	}
}

func (k *keeper) finish(key, running, reply string, now time.Time) {
	k.Helper()
	if err := k.r.Finish(k.Context(), "scope", key, []byte(running), []byte(reply), now.Add(day)); err != nil {
		k.Fatalf("Finish: %v", err)
	}
}

func (k *keeper) abandon(key, running string) {
	k.Helper()
	if err := k.r.Abandon(k.Context(), "scope", key, []byte(running)); err != nil {
		k.Fatalf("Abandon: %v", err)
	}
}

func first(k *keeper) { k.wants("k", "one", start, "") }

func runs(k *keeper) {
	k.wants("k", "one", start, "")
	k.wants("k", "two", start.Add(lease/2), "one")
	k.wants("k", "three", start.Add(lease-time.Millisecond), "one")
}

func finishes(k *keeper) {
	k.wants("k", "one", start, "")
	reply := "\x00\xff\"'\\ü\n" + strings.Repeat("reply ", 20_000)
	k.finish("k", "one", reply, start)
	k.wants("k", "two", start.Add(2*lease), reply)
	running := "\x00\xff\"'\\ü\n"
	k.wants("odd", running, start, "")
	k.wants("odd", "two", start, running)
	k.finish("odd", running, "reply", start)
	k.wants("odd", "two", start, "reply")
}

func ends(k *keeper) {
	k.wants("k", "one", start, "")
	k.finish("k", "one", "reply", start)
	k.wants("k", "two", start.Add(day-time.Nanosecond), "reply")
	k.wants("k", "two", start.Add(day), "")
	k.wants("k", "three", start.Add(day), "two")
}

func leaseEnds(k *keeper) {
	k.wants("k", "one", start, "")
	k.wants("k", "two", start.Add(lease), "")
	k.finish("k", "one", "late", start.Add(lease))
	k.wants("k", "three", start.Add(lease), "two")
	k.finish("k", "two", "reply", start.Add(lease))
	k.wants("k", "three", start.Add(3*lease), "reply")
}

func abandons(k *keeper) {
	k.wants("k", "one", start, "")
	k.abandon("k", "one")
	k.wants("k", "two", start, "")
	k.wants("k", "three", start, "two")
}

func foreign(k *keeper) {
	k.finish("k", "one", "reply", start)
	k.abandon("k", "one")
	k.wants("k", "one", start, "")
	k.finish("k", "two", "reply of two", start)
	k.abandon("k", "two")
	k.wants("k", "three", start, "one")
	k.finish("k", "one", "reply", start)
	k.abandon("k", "one")
	k.finish("k", "three", "reply of three", start)
	k.wants("k", "four", start, "reply")
}

func twice(k *keeper) {
	k.wants("k", "one", start, "")
	k.finish("k", "one", "reply", start)
	k.finish("k", "one", "reply", start)
	k.wants("k", "two", start, "reply")
	k.wants("other", "one", start, "")
	k.abandon("other", "one")
	k.abandon("other", "one")
	k.wants("other", "two", start, "")
}

func apart(k *keeper) {
	long, longer := strings.Repeat("~", 255), strings.Repeat("scope ", 1000)
	for i, id := range [][2]string{
		{"a", "b"}, {"a b", "b"}, {"a", "B"}, {"A", "b"}, {`"a"`, "b"}, {"a", long}, {"a", long[1:]}, {"a%", "_"}, {"ab", "c"}, {"a", "bc"},
		{"a ", "b"}, {longer, "b"}, {longer + "a", "b"},
	} {
		held, err := k.r.Begin(k.Context(), id[0], id[1], fmt.Append(nil, i), start, start.Add(lease))
		if err != nil || held != nil {
			k.Fatalf("Begin of %q answers %q, %v", id, held, err)
		}
	}
}

func races(k *keeper) { k.race("k", start) }

func racesAfter(k *keeper) {
	k.wants("running", "one", start, "")
	k.wants("finished", "one", start, "")
	k.finish("finished", "one", "reply", start)
	k.race("running", start.Add(lease))
	k.race("finished", start.Add(day))
}

// race begins several times at once, and expects that one has begun and is answered to the others.
func (k *keeper) race(key string, now time.Time) {
	k.Helper()
	const callers = 8
	var wg sync.WaitGroup
	held := make([][]byte, callers)
	errs := make([]error, callers)
	for i := range callers {
		wg.Go(func() {
			held[i], errs[i] = k.r.Begin(context.WithoutCancel(k.Context()), "scope", key, fmt.Append(nil, "run ", i), now, now.Add(lease))
		})
	}
	wg.Wait()
	winner := ""
	for i := range callers {
		switch {
		case errs[i] != nil:
			k.Fatalf("Begin: %v", errs[i])
		case held[i] == nil && winner != "":
			k.Fatal("two calls answer nil")
		case held[i] == nil:
			winner = fmt.Sprint("run ", i)
		}
	}
	for i := range callers {
		if held[i] != nil && string(held[i]) != winner {
			k.Fatalf("Begin answers %q, and %q has begun", held[i], winner)
		}
	}
}

// crowd has callers take over, all at once, what others have left to end.
func crowd(k *keeper) {
	const callers, rounds = 8, 6
	for n := range rounds {
		var wg sync.WaitGroup
		now := start.Add(time.Duration(n) * day)
		for i := range callers {
			wg.Go(func() {
				ctx, running := context.WithoutCancel(k.Context()), fmt.Append(nil, "run ", i, " ", n)
				key := fmt.Sprint("key ", (i+n)%callers, " ", n%2)
				held, err := k.r.Begin(ctx, "scope", key, running, now, now.Add(lease))
				if err == nil && i%2 == 0 {
					err = k.r.Finish(ctx, "scope", key, running, []byte("reply"), now.Add(lease))
				}
				if err != nil || held != nil {
					k.Errorf("Begin of %s answers %q, %v", key, held, err)
				}
			})
		}
		wg.Wait()
	}
}

func stays(k *keeper) {
	const entries = 40
	name := func(i int) string { return fmt.Sprint("key ", i) }
	for i := range entries {
		k.wants(name(i), "one", start, "")
		if i%2 == 0 { // the others end with their lease
			k.finish(name(i), "one", "reply of "+name(i), start)
		}
	}
	for i := range entries {
		k.wants("new "+name(i), "two", start.Add(day-time.Nanosecond), "")
	}
	for i := 0; i < entries; i += 2 {
		k.wants(name(i), "three", start.Add(day-time.Nanosecond), "reply of "+name(i))
	}
	for i := range entries {
		k.wants("new "+name(i), "three", start.Add(day), "two")
	}
}

func copies(k *keeper) {
	running, reply := []byte("one"), []byte("reply")
	if _, err := k.r.Begin(k.Context(), "scope", "k", running, start, start.Add(lease)); err != nil {
		k.Fatal(err)
	}
	copy(running, "xxx")
	if err := k.r.Finish(k.Context(), "scope", "k", []byte("one"), reply, start.Add(day)); err != nil {
		k.Fatal(err)
	}
	copy(reply, "xxxxx")
	for range 2 {
		held, err := k.r.Begin(k.Context(), "scope", "k", []byte("two"), start, start.Add(lease))
		if err != nil || string(held) != "reply" {
			k.Fatalf("Begin answers %q, %v", held, err)
		}
		copy(held, "xxxxx")
	}
}
