// Package kvtest proves that a database of keys and values keeps the promises of [kv.DB] and [kv.Tx], which package kv
// relies on. The author of an adapter runs it beside the suite for all backends:
//
//	func TestDatabase(t *testing.T) {
//		kvtest.Run(t, func(t *testing.T) kv.DB {
//			return open(t, t.TempDir()) // a new, empty database
//		})
//	}
//
// Each case opens a database of its own, and logs its rule when it fails. Run the suite with -race. It cannot prove what a
// power failure leaves behind. That a restart loses nothing is proved by storetest with a reopened backend.
package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cointill/cointill/store/kv"
)

// testCase is a rule and the test of it.
type testCase struct {
	name string
	rule string
	run  func(t *testing.T, db kv.DB)
}

// Run proves an implementation of [kv.DB]. It calls open for each case; open returns a new, empty database, which it
// closes with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) kv.DB) {
	for _, c := range slices.Concat(singleCases, sharedCases, failureCases) {
		t.Run(c.name, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the rule: %s", c.rule)
				}
			})
			c.run(t, open(t))
		})
	}
}

var singleCases = []testCase{
	{"values come back", "Get returns the value of the key, or nil if there is none", valuesComeBack},
	{"a transaction sees its own writes", "a transaction sees its own writes", ownWrites},
	{"any bytes are keys and values", "keys are any bytes, one to 500, and values any bytes, at least one", anyBytes},
	{"keys are in the order of their bytes", "Scan calls visit with each key from the one up to before the other, in the order of bytes.Compare, until it returns false", scans},
	{"what is read ahead is what is there", "Scan finds the same with and without Ahead", readAhead},
	{"an error stores nothing", "when f returns an error nothing is stored, and Update returns that error", errorStoresNothing},
}

func update(t *testing.T, db kv.DB, f func(tx kv.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), f); err != nil {
		t.Fatalf("Update: %v", err)
	}
}

// put stores pairs of keys and values.
func put(t *testing.T, db kv.DB, pairs ...string) {
	t.Helper()
	update(t, db, func(tx kv.Tx) error {
		for i := 0; i < len(pairs); i += 2 {
			if err := tx.Put([]byte(pairs[i]), []byte(pairs[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
}

func read(tx kv.Tx, key string) (string, error) {
	value, err := tx.Get([]byte(key))
	if err == nil && value == nil {
		return "none", nil
	}
	return string(value), err
}

// want checks the value of a key in a View.
func want(t *testing.T, db kv.DB, key, value string) {
	t.Helper()
	err := db.View(t.Context(), func(tx kv.Tx) error {
		got, err := read(tx, key)
		if err == nil && got != value {
			err = fmt.Errorf("got %.40q under %.40q, want %.40q", got, key, value)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// all returns the keys and values of a span, as text.
func all(tx kv.Tx, from, to string) (out []string, err error) {
	err = tx.Scan([]byte(from), []byte(to), func(key, value []byte) bool {
		out = append(out, fmt.Sprintf("%s=%s", key, value))
		return true
	})
	return out, err
}

// dump returns everything in the database.
func dump(t *testing.T, db kv.DB) []string {
	t.Helper()
	var out []string
	err := db.View(t.Context(), func(tx kv.Tx) (err error) {
		out, err = all(tx, "\x00", "\xff\xff")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got %q, want %q", what, got, want)
	}
}

func valuesComeBack(t *testing.T, db kv.DB) {
	want(t, db, "a", "none")
	put(t, db, "a", "1", "b", "2")
	want(t, db, "a", "1")
	put(t, db, "a", "3")
	want(t, db, "a", "3")
	update(t, db, func(tx kv.Tx) error { return errors.Join(tx.Delete([]byte("a")), tx.Delete([]byte("never there"))) })
	want(t, db, "a", "none")
	want(t, db, "b", "2")
}

func ownWrites(t *testing.T, db kv.DB) {
	put(t, db, "a", "1", "b", "2", "c", "3")
	update(t, db, func(tx kv.Tx) error {
		if err := errors.Join(tx.Put([]byte("b"), []byte("4")), tx.Delete([]byte("c")), tx.Put([]byte("bb"), []byte("5"))); err != nil {
			return err
		}
		got, err := all(tx, "a", "z")
		if err != nil {
			return err
		}
		equal(t, "scanned", got, []string{"a=1", "b=4", "bb=5"})
		gone, err := read(tx, "c")
		equal(t, "deleted", []string{gone}, []string{"none"})
		return err
	})
	equal(t, "afterwards", dump(t, db), []string{"a=1", "b=4", "bb=5"})
}

func anyBytes(t *testing.T, db kv.DB) {
	long := string(bytes.Repeat([]byte{0xff}, 499))
	keys := []string{"\x00", "\x00\x00", "\x00\x01", "\x00\xff", "\x01", "A", "a", "a\x00", "a\x00b", "aa", "\x80", "\xfe" + long, "\xff\x00", "\xff\xfe"}
	value := string(bytes.Repeat([]byte("\x00\xff\n\"'%"), 80_000))
	for i, k := range keys {
		put(t, db, k, fmt.Sprint(i)+value[:i*1000])
	}
	for i, k := range keys {
		want(t, db, k, fmt.Sprint(i)+value[:i*1000])
	}
	put(t, db, "large", value)
	want(t, db, "large", value)
	put(t, db, "large", "\x00")
	want(t, db, "large", "\x00")
}

func scans(t *testing.T, db kv.DB) {
	keys := []string{"\x00", "\x00\x00", "A", "B", "a", "a\x00", "a\x00\x01", "a\xff", "aa", "b", "b1", "b10", "b9", "\x7f", "\x80", "\xfe\xff"}
	for i := range keys {
		k := keys[i*7%len(keys)]
		put(t, db, k, "v")
	}
	slices.Sort(keys)
	between := func(from, to string, most int) {
		t.Helper()
		var expected, got []string
		for _, k := range keys {
			if k >= from && k < to && len(expected) < most {
				expected = append(expected, k)
			}
		}
		err := db.View(t.Context(), func(tx kv.Tx) error {
			got = nil
			return tx.Scan([]byte(from), []byte(to), func(key, value []byte) bool {
				if string(value) != "v" {
					t.Errorf("got %q under %q", value, key)
				}
				got = append(got, string(key))
				return len(got) < most
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, fmt.Sprintf("at most %d from %q to %q", most, from, to), got, expected)
	}
	for _, span := range [][2]string{{"\x00", "\xff"}, {"a", "b"}, {"a", "a\x00"}, {"a\x00", "b1"}, {"b", "b\xff"}, {"b2", "b8"}, {"c", "d"}, {"B", "\x80"}} {
		between(span[0], span[1], 100)
		between(span[0], span[1], 1)
		between(span[0], span[1], 3)
	}
}

// readAhead scans ranges, one of them with many keys, after they were announced and something was written there.
func readAhead(t *testing.T, db kv.DB) {
	pairs := []string{"b", "1", "d1", "1", "d2", "2"}
	for i := range 150 {
		pairs = append(pairs, fmt.Sprintf("many %03d", i), "v")
	}
	put(t, db, pairs...)
	ranges := [][2]string{{"a", "b"}, {"b", "c"}, {"d", "e"}, {"f", "g"}, {"many", "many!"}, {"b", "c"}}
	for i := range 600 {
		ranges = append(ranges, [2]string{fmt.Sprintf("none %d", i), fmt.Sprintf("none %d!", i)})
	}
	check := func(what string, tx kv.Tx, write func() error, want ...int) error {
		if ahead, able := tx.(kv.Ahead); able {
			var bytes [][2][]byte
			for _, r := range ranges {
				bytes = append(bytes, [2][]byte{[]byte(r[0]), []byte(r[1])})
			}
			if err := ahead.Ahead(bytes); err != nil {
				return err
			}
		}
		if err := write(); err != nil {
			return err
		}
		for i, n := range want {
			got, err := all(tx, ranges[i][0], ranges[i][1])
			if err != nil {
				return err
			}
			if len(got) != n {
				t.Errorf("%s: got %.100q from %v, want %d keys", what, got, ranges[i], n)
			}
		}
		return nil
	}
	if err := db.View(t.Context(), func(tx kv.Tx) error {
		return check("in a View", tx, func() error { return nil }, 0, 1, 2, 0, 150, 1, 0)
	}); err != nil {
		t.Fatal(err)
	}
	update(t, db, func(tx kv.Tx) error {
		return check("in an Update", tx, func() error { return errors.Join(tx.Put([]byte("a1"), []byte("1")), tx.Delete([]byte("d1"))) }, 1, 1, 1, 0, 150, 1, 0)
	})
}

var errOwn = errors.New("the caller has changed its mind")

func errorStoresNothing(t *testing.T, db kv.DB) {
	put(t, db, "a", "1", "b", "2")
	err := db.Update(t.Context(), func(tx kv.Tx) error {
		return errors.Join(errOwn, tx.Put([]byte("a"), []byte("3")), tx.Put([]byte("c"), []byte("4")), tx.Delete([]byte("b")))
	})
	if !errors.Is(err, errOwn) {
		t.Fatalf("got error %v, want %v", err, errOwn)
	}
	err = db.View(t.Context(), func(kv.Tx) error { return errOwn })
	if !errors.Is(err, errOwn) {
		t.Fatalf("got error %v of a View, want %v", err, errOwn)
	}
	equal(t, "stored", dump(t, db), []string{"a=1", "b=2"})
	put(t, db, "a", "5")
	want(t, db, "a", "5")
}
