package chain

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func hash(prefix string, height int) string {
	return fmt.Sprintf("%s%064x", prefix, int64(height)+1<<40)
}

// walk processes blocks 0..last, thinning after every batch.
func walk(last, batch, window int) []ref {
	var refs []ref
	for h := range last + 1 {
		refs = append(refs, ref{uint64(h), hash("0x", h)})
		if h%batch == batch-1 || h == last {
			refs = thin(refs, window)
		}
	}
	return refs
}

func TestCursorKeepsWhatItWasGiven(t *testing.T) {
	for name, refs := range map[string][]ref{
		"nothing processed": nil,
		"0x":                {{7, hash("0x", 7)}, {8, hash("0x", 8)}, {maxHeight, hash("0x", 9)}},
		"bare":              {{0, hash("", 0)}, {1, hash("", 1)}},
		"mixed":             {{0, hash("", 0)}, {1, hash("0x", 1)}},
		"upper case":        {{0, strings.ToUpper(hash("", 0xabc))}},
		"odd length":        {{0, "abc"}},
		"base58":            {{0, "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"}},
		"only a prefix":     {{0, "0x"}},
		"longest":           {{0, strings.Repeat("z", maxHash)}},
	} {
		got, err := encodeRefs(refs).refs()
		require.NoError(t, err, name)
		require.Equal(t, len(refs), len(got), name)
		require.True(t, slices.Equal(refs, got), name)
	}
}

func TestCursorIsCompactAndBounded(t *testing.T) {
	c := encodeRefs(walk(3000, 64, 256))
	require.Less(t, len(c), 10_000)

	// A chain of the highest height, with the largest window and the longest hashes.
	var refs []ref
	for h := uint64(0); h < maxHeight>>1; h = h*2 + 1 {
		refs = append(refs, ref{h, strings.Repeat("z", maxHash)})
	}
	for h := range uint64(MaxWindow) {
		refs = append(refs, ref{maxHeight - MaxWindow + h, strings.Repeat("z", maxHash)})
	}
	c = encodeRefs(thin(refs, MaxWindow))
	require.Less(t, len(c), MaxCursorSize)
	_, err := c.refs()
	require.NoError(t, err)
}

func TestMalformedCursorIsRefused(t *testing.T) {
	good := encodeRefs([]ref{{5, hash("0x", 5)}, {6, hash("0x", 6)}})
	change := func(i int, b byte) Cursor { c := bytes.Clone(good); c[i] = b; return c }
	for name, c := range map[string]Cursor{
		"nil":                     nil,
		"another version":         change(0, 2),
		"another kind":            change(1, 'x'),
		"another form of hash":    change(2, 9),
		"form that is not needed": append(Cursor{1, 'b', hashText, 1, 5, 2}, "ab"...),
		"count too high":          change(3, 3),
		"count too low":           change(3, 1),
		"height twice":            change(len(good)-34, 0),
		"hash of no length":       change(5, 0),
		"cut":                     good[:len(good)-1],
		"tail":                    append(bytes.Clone(good), 0),
		"a billion blocks":        {1, 'b', 0, 0x80, 0x80, 0x80, 0x80, 4},
		"long form of a count":    append(Cursor{1, 'b', hash0x, 0x82, 0}, good[4:]...),
		"long form of a height":   append(Cursor{1, 'b', hash0x, 2, 0x85, 0}, good[5:]...),
		"form of no hash":         {1, 'b', hash0x, 0},
		"text of no hash":         {1, 'b', hashText, 0},
		"height beyond the limit": append(Cursor{1, 'b', 1, 1}, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 0xab),
		"number without end":      {1, 'b', 1, 1, 0xff, 0xff},
		"time with a tail":        append(CursorSince(time.Unix(1, 0)), 0),
		"too long":                make(Cursor, MaxCursorSize+1),
	} {
		_, err := c.refs()
		require.ErrorIs(t, err, ErrBadCursor, name)
		_, since := c.Since()
		require.False(t, since, name)
		require.Equal(t, "malformed cursor", c.String(), name)
	}
}

func TestCursorIsReadableInLogs(t *testing.T) {
	require.Equal(t, "since 2024-05-06T07:08:09Z", CursorSince(time.Date(2024, 5, 6, 7, 8, 9, 10, time.UTC)).String())
	require.Equal(t, "since 0001-01-01T00:00:00Z", CursorSince(time.Time{}).String())
	require.Equal(t, "cursor of 2 bytes", Cursor("{}").String(), "the cursor of a custom watcher")
	require.Equal(t, "before block 0", encodeRefs(nil).String())
	require.Equal(t, "block 6 0x0000000000000000", encodeRefs([]ref{{5, hash("0x", 5)}, {6, hash("0x", 6)}}).String())
}

func TestThinKeepsTheWindowAndOneBlockInEachDoubling(t *testing.T) {
	const last, window = 5000, 10
	refs := walk(last, 7, window)
	require.Equal(t, uint64(0), refs[0].height, "the oldest")
	for d := range window {
		require.Equal(t, uint64(last-d), refs[len(refs)-1-d].height, "dense")
	}
	for near := window; near*2 < last; near *= 2 {
		n := upTo(refs, uint64(last-near)) - upTo(refs, uint64(last-2*near))
		require.Positive(t, n, "between %d and %d blocks back", near, 2*near)
		require.LessOrEqual(t, n, 3)
	}
	require.Less(t, len(refs), window+2*10)
}

func TestThinDoesNotDependOnBatches(t *testing.T) {
	for _, window := range []int{1, 2, 3, 256} {
		want := walk(3000, 1, window)
		for _, batch := range []int{2, 64, 1000} {
			require.Equal(t, want, walk(3000, batch, window), "window %d, batch %d", window, batch)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add([]byte(CursorSince(time.Unix(1_700_000_000, 0))))
	f.Add([]byte(encodeRefs(nil)))
	f.Add([]byte(encodeRefs([]ref{{5, hash("0x", 5)}, {600, hash("0x", 6)}})))
	f.Add([]byte(encodeRefs([]ref{{5, "text"}})))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := Cursor(b)
		_ = c.String()
		refs, err := c.refs()
		if err != nil {
			require.ErrorIs(t, err, ErrBadCursor)
			return
		}
		require.Equal(t, b, []byte(encodeRefs(refs)))
		require.True(t, slices.IsSortedFunc(refs, func(a, b ref) int {
			if a.height < b.height {
				return -1
			}
			return 1
		}))
		require.LessOrEqual(t, len(thin(refs, 1)), len(refs))
	})
}

func BenchmarkCursor(b *testing.B) {
	refs := walk(3000, 64, 256)
	c := encodeRefs(refs)
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.refs(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encodeRefs(refs)
		}
	})
}

func TestThinNeedsNoParticularHeights(t *testing.T) {
	const window = 16
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		var refs []ref
		var height uint64
		for len(refs) < 20_000 {
			height += 1 + uint64(random.IntN(5))
			refs = append(refs, ref{height, hash("0x", int(height))})
			if random.IntN(3) == 0 {
				refs = thin(refs, window)
			}
			if height > 100_000 {
				break
			}
		}
		refs = thin(refs, window)
		require.Less(t, len(refs), window+4*14)
		for near := uint64(8 * window); near*2 < height; near *= 2 {
			require.Positive(t, upTo(refs, height-near)-upTo(refs, height-2*near), "between %d and %d heights back", near, 2*near)
		}
	}
}
