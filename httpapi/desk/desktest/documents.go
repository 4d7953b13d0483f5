package desktest

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
)

func noDocument(k *keeper) {
	k.has("kind", "name", 0, "")
	k.lists("kind", "", 10)
	k.puts("kind", "name", 1, "body", false)
	k.puts("kind", "name", -1, "body", false)
	k.puts("kind", "name", 1, "", false)
	k.puts("kind", "name", 0, "", true)
	k.has("kind", "name", 0, "")
}

func versions(k *keeper) {
	k.puts("kind", "name", 0, "first", true)
	k.has("kind", "name", 1, "first")
	k.puts("kind", "name", 0, "late", false)
	k.puts("kind", "name", 2, "early", false)
	k.has("kind", "name", 1, "first")
	k.puts("kind", "name", 1, "second", true)
	k.puts("kind", "name", 1, "late", false)
	k.puts("kind", "name", 2, "third", true)
	k.has("kind", "name", 3, "third")
	k.puts("kind", "other", 0, "first", true)
	k.has("kind", "name", 3, "third")
}

// oneOfMany has rounds, because two calls do not always meet.
func oneOfMany(k *keeper) {
	for version := range int64(each) {
		var stored atomic.Int64
		var winner atomic.Value
		crowd(func(w int) {
			body := fmt.Sprint("writer ", w, " of round ", version)
			did, err := k.r.PutDocument(k.Context(), "kind", "name", version, []byte(body))
			if err != nil {
				k.Errorf("PutDocument: %v", err)
			}
			if did {
				stored.Add(1)
				winner.Store(body)
			}
		})
		if n := stored.Load(); n != 1 {
			k.Fatalf("%d of %d writers have stored version %d", n, writers, version+1)
		}
		k.has("kind", "name", version+1, winner.Load().(string))
	}
}

func counted(k *keeper) {
	k.puts("kind", "count", 0, "0", true)
	crowd(func(int) {
		for range each / 2 {
			for stored := false; !stored; {
				version, body, err := k.r.Document(k.Context(), "kind", "count")
				n, bad := strconv.Atoi(string(body))
				if err != nil || bad != nil {
					k.Errorf("Document: %q, %v", body, err)
					return
				}
				if stored, err = k.r.PutDocument(k.Context(), "kind", "count", version, []byte(strconv.Itoa(n+1))); err != nil {
					k.Errorf("PutDocument: %v", err)
					return
				}
			}
		}
	})
	const changes = writers * (each / 2)
	k.has("kind", "count", changes+1, strconv.Itoa(changes))
}

func removal(k *keeper) {
	k.puts("kind", "name", 0, "first", true)
	k.puts("kind", "name", 1, "second", true)
	for _, version := range []int64{1, 3, 0, -1} {
		k.puts("kind", "name", version, "", false)
	}
	k.has("kind", "name", 2, "second")
	if stored, err := k.r.PutDocument(k.Context(), "kind", "name", 2, []byte{}); err != nil || !stored {
		k.Fatalf("PutDocument with an empty body that is not nil: %v, %v", stored, err)
	}
	k.has("kind", "name", 0, "")
	k.lists("kind", "", 10)
	k.puts("kind", "name", 2, "late", false)
	k.puts("kind", "name", 0, "again", true)
	k.has("kind", "name", 1, "again")
}

func oneRemoves(k *keeper) {
	for n := range each {
		name := fmt.Sprint(n)
		k.puts("kind", name, 0, "first", true)
		var stored atomic.Int64
		crowd(func(w int) {
			var body []byte
			if w%2 == 0 {
				body = []byte("second")
			}
			did, err := k.r.PutDocument(k.Context(), "kind", name, 1, body)
			if err != nil {
				k.Errorf("PutDocument: %v", err)
			}
			if did {
				stored.Add(1)
			}
		})
		if got := stored.Load(); got != 1 {
			k.Fatalf("%d of %d writers have changed or removed version 1", got, writers)
		}
	}
}

func documents(k *keeper) {
	for _, name := range []string{"b", "a", "B", "ab", "c"} {
		k.puts("kind", name, 0, "body of "+name, true)
	}
	k.puts("kind", "c", 1, "second body", true)
	all := [][2]string{{"B", "body of B"}, {"a", "body of a"}, {"ab", "body of ab"}, {"b", "body of b"}, {"c", "second body"}}
	k.lists("kind", "", 10, all...)
	k.lists("kind", "", 2, all[:2]...)
	k.lists("kind", "a", 2, all[2:4]...)
	k.lists("kind", "aa", 2, all[2:4]...)
	k.lists("kind", "b", 2, all[4:]...)
	k.lists("kind", "c", 2)
	k.lists("kind", strings.Repeat("a", 500), 1, all[2])
	k.puts("kind", "ab", 1, "", true)
	k.lists("kind", "a", 1, all[3])
}

func kindsApart(k *keeper) {
	ids := [][2]string{{"a", "b"}, {"A", "b"}, {"a", "B"}, {"ab", "c"}, {"a", "bc"}, {"a", "a"}, {strings.Repeat("k", 128), "b"}, {strings.Repeat("k", 127), "kb"}}
	for i, id := range ids {
		k.puts(id[0], id[1], 0, fmt.Sprint(i), true)
	}
	for i, id := range ids {
		k.has(id[0], id[1], 1, fmt.Sprint(i))
	}
	k.puts("a", "b", 1, "", true)
	k.has("A", "b", 1, "1")
	k.lists("a", "", 10, [2]string{"B", "2"}, [2]string{"a", "5"}, [2]string{"bc", "4"})
	k.append("a", "record", 1)
	k.lists("a", "bc", 10)
}
