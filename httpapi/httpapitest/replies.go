// Package httpapitest proves implementations of the ports of package httpapi. A store proves in one call that it keeps the
// contract of [httpapi.Replies]:
//
//	func TestReplies(t *testing.T) {
//		httpapitest.Replies(t, func(t *testing.T, perScope int) httpapi.Replies { return open(t, perScope) })
//	}
package httpapitest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A finished entry is kept for a day here, and a running one for lease.
const (
	day   = 24 * time.Hour
	lease = time.Minute
)

// Replies proves an implementation. Open is called for every case, and returns an empty implementation with room for
// perScope entries in each scope.
func Replies(t *testing.T, open func(t *testing.T, perScope int) httpapi.Replies) {
	t.Helper()
	type rule struct {
		name, rule string
		test       func(*keeper)
	}
	run := func(perScope int, rules ...rule) {
		for _, c := range rules {
			t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
				t.Log("rule: " + c.rule)
				c.test(&keeper{t, open(t, perScope)})
			})
		}
	}
	run(100, []rule{
		{"the first begins", "Begin stores the entry and returns nil", first},
		{"what runs is returned", "Begin returns an entry whose time has not come, and changes nothing", runs},
		{"what finished is returned", "Finish puts the reply in the place of what is running, byte for byte", finishes},
		{"a finished one ends", "an entry counts until its time, and no longer", ends},
		{"a running one ends", "an entry counts until its time, also when it is running", leaseEnds},
		{"an abandoned one is free", "Abandon removes the entry", abandons},
		{"only its own", "Finish and Abandon do nothing to another entry", foreign},
		{"twice is once", "Finish and Abandon are idempotent", twice},
		{"apart", "scope and key together name an entry", apart},
		{"one of many", "of calls at once for one key, exactly one returns nil", races},
		{"one of many after an end", "of calls at once for one key, exactly one returns nil, also when an entry has ended", racesAfter},
		{"many keys at once", "calls for other keys do not disturb each other, also when entries end", crowd},
		{"the others stay", "what begins when others have ended changes nothing that counts", stays},
		{"bytes stay the caller's", "what is kept of a slice is copied", copies},
	}...)
	run(share, []rule{
		{"a full scope", "a full scope refuses new keys, drops none and says when there is room", fills},
		{"a full scope and others", "other scopes notice nothing of a full one", fillsOne},
		{"room again", "what is abandoned or has ended makes room", room},
		{"a full scope at once", "calls that begin at once exceed the room by no more than themselves", fillsAtOnce},
	}...)
}

// share is how many entries a scope has room for where that matters.
const share = 5

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
		k.Fatal("Begin returns an empty entry")
	}
	return string(held)
}

// wants begins a key and checks the entry that is returned, or that none is if want is empty.
func (k *keeper) wants(key, running string, now time.Time, want string) {
	k.Helper()
	if got := k.begin(key, running, now); got != want {
		k.Fatalf("Begin of %s at %v returns %q, want %q", running, now.Sub(start), got, want)
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
			k.Fatalf("Begin of %q returns %q, %v", id, held, err)
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

// race begins several times at once, and expects that one begins and the others get its entry.
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
			k.Fatal("two calls return nil")
		case held[i] == nil:
			winner = fmt.Sprint("run ", i)
		}
	}
	for i := range callers {
		if held[i] != nil && string(held[i]) != winner {
			k.Fatalf("Begin returns %q, and %q has begun", held[i], winner)
		}
	}
}

// crowd lets callers take over expired entries of each other concurrently.
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
					k.Errorf("Begin of %s returns %q, %v", key, held, err)
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
			k.Fatalf("Begin returns %q, %v", held, err)
		}
		copy(held, "xxxxx")
	}
}

// refused begins a new key in a full scope, in which there is room again at the given time.
func (k *keeper) refused(key string, now, want time.Time) {
	k.Helper()
	held, err := k.r.Begin(k.Context(), "scope", key, []byte("run"), now, now.Add(lease))
	full, is := errors.AsType[interface {
		error
		RepliesFull() time.Time
	}](err)
	if !is || held != nil {
		k.Fatalf("Begin in a full scope returns %q, %v", held, err)
	}
	if got := full.RepliesFull(); !got.Equal(want) {
		k.Fatalf("there is room again at %v, want %v", got.Sub(start), want.Sub(start))
	}
}

// fill begins as many keys as a scope has room for, and finishes all but the first.
func (k *keeper) fill() {
	k.Helper()
	for i := range share {
		key := fmt.Sprint("key ", i)
		k.wants(key, "run", start, "")
		if i > 0 {
			k.finish(key, "run", "reply of "+key, start.Add(time.Duration(i)))
		}
	}
}

// holds expects what fill has left, until the lease of the first key ends.
func (k *keeper) holds(now time.Time) {
	k.Helper()
	for i := range share {
		key := fmt.Sprint("key ", i)
		want := "reply of " + key
		if i == 0 {
			want = "run"
		}
		k.wants(key, "again", now, want)
	}
}

func fills(k *keeper) {
	k.fill()
	for range 3 {
		k.refused("new", start, start.Add(lease))
		k.holds(start.Add(lease - 1))
	}
}

func fillsOne(k *keeper) {
	k.fill()
	for _, scope := range []string{"another", "scop", "scope ", "scope key"} {
		for i := range share {
			held, err := k.r.Begin(k.Context(), scope, fmt.Sprint("key ", i), []byte("run"), start, start.Add(lease))
			if err != nil || held != nil {
				k.Fatalf("Begin in scope %q returns %q, %v", scope, held, err)
			}
		}
	}
	k.refused("new", start, start.Add(lease))
	k.holds(start)
}

func room(k *keeper) {
	k.fill()
	k.abandon("key 0", "run")
	k.wants("new", "run", start, "")
	k.refused("newer", start, start.Add(lease))
	k.finish("new", "run", "reply", start)
	k.refused("newer", start, start.Add(day))
	k.wants("key 1", "run", start.Add(day), "reply of key 1")
	k.wants("newer", "run", start.Add(day), "") // in the place of new, which has ended
	k.refused("newest", start.Add(day), start.Add(day+1))
	k.wants("key 1", "run", start.Add(day+1), "") // in its own place
	k.refused("newest", start.Add(day+1), start.Add(day+2))
	for i := range share {
		k.wants(fmt.Sprint("next ", i), "run", start.Add(2*day), "")
	}
	k.refused("newest", start.Add(2*day), start.Add(2*day+lease))
}

func fillsAtOnce(k *keeper) {
	const callers = 4
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			ctx := context.WithoutCancel(k.Context())
			for n := range share {
				running := fmt.Append(nil, "run ", i, " ", n)
				held, err := k.r.Begin(ctx, "scope", string(running), running, start, start.Add(lease))
				_, full := errors.AsType[interface {
					RepliesFull() time.Time
					error
				}](err)
				if held != nil || err != nil && !full {
					k.Errorf("Begin returns %q, %v", held, err)
				}
			}
		})
	}
	wg.Wait()
	k.refused("new", start, start.Add(lease))
	begun := 0
	for i := range callers {
		for n := range share {
			held, err := k.r.Begin(k.Context(), "scope", fmt.Sprint("run ", i, " ", n), []byte("again"), start, start.Add(lease))
			if err == nil && string(held) == fmt.Sprint("run ", i, " ", n) {
				begun++
			}
		}
	}
	if begun < share || begun >= share+callers {
		k.Fatalf("%d have begun at once, where there is room for %d", begun, share)
	}
}
