// Package desktest proves implementations of the ports of package httpapi/desk. A store proves in one call that it keeps the
// contract of [desk.Records]:
//
//	func TestRecords(t *testing.T) {
//		desktest.Records(t, func(t *testing.T) desk.Records { return open(t) })
//	}
package desktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi/desk"
)

// Option says more about an implementation.
type Option func(*options)

type options struct {
	reopen func(t *testing.T, old desk.Records) desk.Records
}

// WithReopen also proves that what was stored is there after a restart. Reopen ends the implementation and opens another
// one on the same data.
func WithReopen(reopen func(t *testing.T, old desk.Records) desk.Records) Option {
	return func(o *options) { o.reopen = reopen }
}

// Records proves an implementation. Open is called for every case, and returns an empty one.
func Records(t *testing.T, open func(t *testing.T) desk.Records, with ...Option) {
	t.Helper()
	var o options
	for _, option := range with {
		option(&o)
	}
	rules := []struct {
		name, rule string
		test       func(*keeper)
	}{
		{"an empty log", "a log that nothing was appended to has no records", emptyLog},
		{"positions", "AppendRecord returns 1, 2, 3 ... and ReadRecords what was appended", positions},
		{"pages", "ReadRecords begins after the position, and returns up to limit records in order", pages},
		{"pages back", "with descending, ReadRecords returns those before the position, newest first, and 0 is the end", pagesBack},
		{"bounds of pages", "a limit that is not positive returns none, a negative position is 0, and no position is too high", bounds},
		{"logs apart", "a log has only its own records", logsApart},
		{"many at once", "records that are appended at once get positions without gaps, each its own", manyAtOnce},
		{"a reader that follows", "positions become visible in their order, so that a reader that follows a log misses nothing", follows},
		{"no document", "a document that is not there has the version 0", noDocument},
		{"versions", "PutDocument stores if the version is still the same, and gives the next one", versions},
		{"one of many", "of calls at once with one version, exactly one stores", oneOfMany},
		{"no change is lost", "writers that try again until theirs is stored lose no change", counted},
		{"removal", "an empty body removes the document, and one that is stored again begins at version 1", removal},
		{"one removes", "a removal and a change at once with one version: exactly one of them", oneRemoves},
		{"pages of documents", "Documents returns a kind in the order of the names, byte by byte, after a name", documents},
		{"kinds apart", "kind and name together name a document", kindsApart},
		{"every byte", "names and bodies may have any bytes", everyByte},
		{"sizes", "names of 128 bytes and bodies of 512 KiB are stored; longer names and much longer bodies are refused and change nothing", sizes},
		{"bytes stay the caller's", "what is stored and what is returned are copies", copies},
		{"an ended context", "a call whose context has ended returns its error and changes nothing", ended},
		{"a context that ends within", "a call whose context ends while it runs stores as a whole or not at all", endsWithin},
	}
	for _, c := range rules {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			t.Log("rule: " + c.rule)
			c.test(&keeper{t, open(t)})
		})
	}
	if o.reopen != nil {
		t.Run("a-restart", func(t *testing.T) {
			t.Log("rule: what was stored is there after a restart")
			restart(t, open(t), o.reopen)
		})
	}
}

type keeper struct {
	*testing.T
	r desk.Records
}

// append appends a record and requires its position.
func (k *keeper) append(log, body string, want int64) {
	k.Helper()
	position, err := k.r.AppendRecord(k.Context(), log, []byte(body))
	if err != nil || position != want {
		k.Fatalf("AppendRecord of %q to %q returns %d, %v; want position %d", body, log, position, err, want)
	}
}

// reads requires a page: the bodies, at positions that begin with the first and go on up or down.
func (k *keeper) reads(log string, position int64, descending bool, limit int, first int64, want ...string) {
	k.Helper()
	positions, bodies, err := k.r.ReadRecords(k.Context(), log, position, descending, limit)
	if err != nil {
		k.Fatalf("ReadRecords: %v", err)
	}
	var at []int64
	for i := range want {
		if descending {
			i = -i
		}
		at = append(at, first+int64(i))
	}
	if !slices.Equal(positions, at) || !slices.Equal(texts(bodies), want) {
		k.Fatalf("ReadRecords of %q from %d, descending %v, up to %d returns %v %.200q, want %v %.200q", log, position, descending, limit, positions, texts(bodies), at, want)
	}
}

func texts(bodies [][]byte) (out []string) {
	for _, body := range bodies {
		out = append(out, string(body))
	}
	return out
}

// has requires a document, or none if the version is 0.
func (k *keeper) has(kind, name string, version int64, body string) {
	k.Helper()
	got, stored, err := k.r.Document(k.Context(), kind, name)
	if err != nil || got != version || string(stored) != body || version == 0 && stored != nil {
		k.Fatalf("Document %q of %q has version %d and body %.200q, %v; want version %d and %.200q", name, kind, got, stored, err, version, body)
	}
}

// puts requires what PutDocument reports. An empty body removes.
func (k *keeper) puts(kind, name string, version int64, body string, want bool) {
	k.Helper()
	var bytes []byte
	if body != "" {
		bytes = []byte(body)
	}
	stored, err := k.r.PutDocument(k.Context(), kind, name, version, bytes)
	if err != nil || stored != want {
		k.Fatalf("PutDocument %q of %q with version %d reports %v, %v; want %v", name, kind, version, stored, err, want)
	}
}

// lists requires a page of documents: pairs of a name and a body.
func (k *keeper) lists(kind, after string, limit int, want ...[2]string) {
	k.Helper()
	names, bodies, err := k.r.Documents(k.Context(), kind, after, limit)
	if err != nil || len(names) != len(bodies) {
		k.Fatalf("Documents: %d names, %d bodies, %v", len(names), len(bodies), err)
	}
	var got [][2]string
	for i := range names {
		got = append(got, [2]string{names[i], string(bodies[i])})
	}
	if !slices.Equal(got, want) {
		k.Fatalf("Documents of %q after %q, up to %d, returns %.300q, want %.300q", kind, after, limit, got, want)
	}
}

// refused requires an error of a call that must change nothing.
func (k *keeper) refused(what string, err error) {
	k.Helper()
	if err == nil {
		k.Errorf("%s is not refused", what)
	}
}

func restart(t *testing.T, r desk.Records, reopen func(*testing.T, desk.Records) desk.Records) {
	k := &keeper{t, r}
	k.append("log", "one", 1)
	k.append("log", "two", 2)
	k.puts("kind", "kept", 0, "first", true)
	k.puts("kind", "kept", 1, "second", true)
	k.puts("kind", "gone", 0, "first", true)
	k.puts("kind", "gone", 1, "", true)
	k.r = reopen(t, r)
	k.reads("log", 0, false, 10, 1, "one", "two")
	k.append("log", "three", 3)
	k.has("kind", "kept", 2, "second")
	k.has("kind", "gone", 0, "")
	k.puts("kind", "kept", 1, "late", false)
	k.puts("kind", "kept", 2, "third", true)
	k.lists("kind", "", 10, [2]string{"kept", "third"})
}

func copies(k *keeper) {
	body := []byte("body")
	if _, err := k.r.AppendRecord(k.Context(), "log", body); err != nil {
		k.Fatal(err)
	}
	if _, err := k.r.PutDocument(k.Context(), "kind", "name", 0, body); err != nil {
		k.Fatal(err)
	}
	copy(body, "XXXX")
	k.reads("log", 0, false, 1, 1, "body")
	k.has("kind", "name", 1, "body")
	_, bodies, _ := k.r.ReadRecords(k.Context(), "log", 0, false, 1)
	copy(bodies[0], "XXXX")
	_, stored, _ := k.r.Document(k.Context(), "kind", "name")
	copy(stored, "XXXX")
	_, listed, _ := k.r.Documents(k.Context(), "kind", "", 1)
	copy(listed[0], "XXXX")
	k.reads("log", 0, false, 1, 1, "body")
	k.has("kind", "name", 1, "body")
}

func everyByte(k *keeper) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	odd := []string{"\x00", "\x00\x00", "\xff", "\xff\xff", "\x00\xff", "\x00\x01", "a", "a\x00", "a\x01", "%_'\"\\\n", "ü", string(all[:128]), string(all[128:]), " ", "a "}
	for i, name := range odd {
		body := fmt.Sprintf("%d%s", i, all)
		k.append(name, body, 1)
		k.append(name, "\x00", 2)
		k.puts(name, name, 0, body, true)
		k.puts("kind", name, 0, body, true)
	}
	var sorted [][2]string
	for i, name := range odd {
		body := fmt.Sprintf("%d%s", i, all)
		k.reads(name, 0, false, 10, 1, body, "\x00")
		k.has(name, name, 1, body)
		k.lists(name, "", 10, [2]string{name, body})
		sorted = append(sorted, [2]string{name, body})
	}
	slices.SortFunc(sorted, func(a, b [2]string) int { return bytes.Compare([]byte(a[0]), []byte(b[0])) })
	k.lists("kind", "", 100, sorted...)
	for i, at := range sorted {
		k.lists("kind", at[0], 2, sorted[i+1:min(i+3, len(sorted))]...)
	}
}

func sizes(k *keeper) {
	long, large := strings.Repeat("n", 128), strings.Repeat("body\x00\xff\"", 65536)
	k.append(long, large, 1)
	k.puts(long, long, 0, large, true)
	k.reads(long, 0, false, 1, 1, large)
	k.has(long, long, 1, large)
	k.lists(long, "", 1, [2]string{long, large})
	k.puts(long, long[1:], 0, "another", true)
	k.has(long, long, 1, large)

	huge := make([]byte, 1<<20+1)
	for _, bad := range []string{"", long + "n", strings.Repeat("n", 5000)} {
		_, err := k.r.AppendRecord(k.Context(), bad, []byte("x"))
		k.refused("the name of a log", err)
		_, _, err = k.r.ReadRecords(k.Context(), bad, 0, false, 1)
		k.refused("the name of a log that is read", err)
		_, err = k.r.PutDocument(k.Context(), "kind", bad, 0, []byte("x"))
		k.refused("the name of a document", err)
		_, err = k.r.PutDocument(k.Context(), bad, "name", 0, []byte("x"))
		k.refused("a kind", err)
		_, _, err = k.r.Document(k.Context(), "kind", bad)
		k.refused("the name of a document that is read", err)
		_, _, err = k.r.Documents(k.Context(), bad, "", 1)
		k.refused("a kind that is read", err)
	}
	_, err := k.r.AppendRecord(k.Context(), "log", nil)
	k.refused("an empty record", err)
	_, err = k.r.AppendRecord(k.Context(), "log", huge)
	k.refused("a huge record", err)
	_, err = k.r.PutDocument(k.Context(), "kind", "name", 0, huge)
	k.refused("a huge document", err)
	k.reads("log", 0, false, 1, 1)
	k.lists("kind", "", 10)
	k.append("log", "next", 1)
}

func ended(k *keeper) {
	k.append("log", "one", 1)
	k.puts("kind", "name", 0, "first", true)
	ctx, cancel := context.WithCancel(k.Context())
	cancel()
	_, err := k.r.AppendRecord(ctx, "log", []byte("two"))
	stored, putErr := k.r.PutDocument(ctx, "kind", "name", 1, []byte("second"))
	_, _, readErr := k.r.ReadRecords(ctx, "log", 0, false, 1)
	_, _, getErr := k.r.Document(ctx, "kind", "name")
	_, _, listErr := k.r.Documents(ctx, "kind", "", 1)
	for i, err := range []error{err, putErr, readErr, getErr, listErr} {
		if !errors.Is(err, context.Canceled) {
			k.Errorf("call %d with an ended context returns %v", i, err)
		}
	}
	if stored {
		k.Error("PutDocument reports that it stored something with an ended context")
	}
	k.reads("log", 0, false, 10, 1, "one")
	k.has("kind", "name", 1, "first")
	k.append("log", "two", 2)
}
