package chain

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sort"
	"strings"
	"time"
)

// ErrBadCursor is returned for a cursor that the watcher did not make, or that is damaged. The empty cursor is refused
// too: if it meant "start now", a lost cursor would silently pass over blocks.
var ErrBadCursor = errors.New("malformed cursor")

// Cursor is a position on a chain: an opaque token, to be stored as it is and given back to the watcher that returned
// it. Every watcher accepts the cursors of [CursorSince].
//
// A cursor of a [Follower] holds the hashes of blocks processed before the position, so that a reorganisation is
// recognised without any other state. With the default window it has about 9 kB.
//
// A custom watcher makes its cursors by conversion, Cursor(data), and reads them in the same way, []byte(cursor). It
//   - accepts what CursorSince returns: see [Cursor.Since];
//   - starts its own cursors with a byte of 0x20 or more, as lower ones are reserved for this package;
//   - makes them no longer than [MaxCursorSize];
//   - returns [ErrBadCursor] for every other cursor, including the empty one.
type Cursor []byte

// MaxCursorSize is the largest size of a cursor in bytes, such as for a database column.
const MaxCursorSize = 1 << 20

const (
	cursorVersion = 1

	cursorSince  = 's' // followed by seconds of Unix time
	cursorBlocks = 'b' // followed by the processed blocks

	maxHash   = 128           // largest number of characters of a hash
	maxHeight = math.MaxInt64 // so that adding to a height cannot overflow, and a database can hold it
	maxRefs   = 4096          // MaxWindow, and the blocks before that thin keeps
)

// The encodings of hashes. The usual forms take half the space.
const (
	hashText = iota // as they are
	hashHex         // lower-case hexadecimal
	hash0x          // the same after 0x
)

// CursorSince returns the position before the first block stamped at or after t, less the margin of the follower that
// gets it. The first successful call of [Follower.Next] resolves it.
func CursorSince(t time.Time) Cursor {
	return binary.BigEndian.AppendUint64([]byte{cursorVersion, cursorSince}, uint64(t.Unix()))
}

// firstForeign is the smallest first byte of the cursors of custom watchers.
const firstForeign = 0x20

// String returns a description of the cursor for logs. For the cursor of a custom watcher it is only the size.
func (c Cursor) String() string {
	if t, ok := c.Since(); ok {
		return "since " + t.UTC().Format(time.RFC3339)
	}
	if len(c) > 0 && c[0] >= firstForeign {
		return fmt.Sprintf("cursor of %d bytes", len(c))
	}
	refs, err := c.refs()
	switch {
	case err != nil:
		return "malformed cursor"
	case len(refs) == 0:
		return "before block 0"
	}
	last := refs[len(refs)-1]
	return fmt.Sprintf("block %d %.18s", last.height, last.hash)
}

// Since returns the time that the cursor was made of, in whole seconds, and reports whether [CursorSince] made it. A
// watcher starts with the first block stamped at or after that time.
func (c Cursor) Since() (time.Time, bool) {
	if len(c) != 10 || c[0] != cursorVersion || c[1] != cursorSince {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint64(c[2:])), 0), true
}

// ref identifies a processed block.
type ref struct {
	height uint64
	hash   string
}

// encodeRefs encodes processed blocks, lowest first: version, kind, encoding of the hashes, number of blocks, and for
// each the distance to the previous one and the hash.
func encodeRefs(refs []ref) Cursor {
	form := hashForm(refs)
	size := 4 + binary.MaxVarintLen16
	for _, r := range refs {
		size += 3 + len(r.hash)/2
	}
	c := append(make(Cursor, 0, size), cursorVersion, cursorBlocks, form)
	c = binary.AppendUvarint(c, uint64(len(refs)))
	var before uint64
	for _, r := range refs {
		c = binary.AppendUvarint(c, r.height-before)
		before = r.height
		if form == hashText {
			c = append(append(c, byte(len(r.hash))), r.hash...)
			continue
		}
		digits := strings.TrimPrefix(r.hash, "0x")
		c = append(c, byte(len(digits)/2))
		for i := 0; i < len(digits); i += 2 {
			c = append(c, digit(digits[i])<<4|digit(digits[i+1])) // hashForm has checked them
		}
	}
	return c
}

// hashForm returns the encoding that restores every hash exactly.
func hashForm(refs []ref) byte {
	form, prefix := byte(hashHex), ""
	if len(refs) > 0 && strings.HasPrefix(refs[0].hash, "0x") {
		form, prefix = hash0x, "0x"
	}
	for _, r := range refs {
		digits, ok := strings.CutPrefix(r.hash, prefix)
		if !ok || len(digits) == 0 || len(digits)%2 != 0 {
			return hashText
		}
		for i := range len(digits) {
			if b := digits[i]; b-'0' > 9 && b-'a' > 5 {
				return hashText
			}
		}
	}
	return form
}

// digit returns the value of a lower-case hexadecimal digit: those above 9 are the letters, 0x61 to 0x66.
func digit(b byte) byte { return b&15 + b>>6*9 }

// refs decodes exactly what encodeRefs encodes: each position has one encoding only.
func (c Cursor) refs() ([]ref, error) {
	if len(c) < 4 || len(c) > MaxCursorSize || c[0] != cursorVersion || c[1] != cursorBlocks || c[2] > hash0x {
		return nil, ErrBadCursor
	}
	form := c[2]
	count, rest, ok := cutUvarint(c[3:])
	if !ok || count > maxRefs {
		return nil, ErrBadCursor
	}
	// Not count: a few bytes must not reserve memory for thousands of blocks.
	room := min(count, uint64(len(rest)/3))
	refs, ends := make([]ref, 0, room), make([]int, 0, room)
	text := make([]byte, 0, 2*len(rest)) // all hashes in a row, which become one string
	var height, delta uint64
	for i := range count {
		delta, rest, ok = cutUvarint(rest)
		if !ok || i > 0 && delta == 0 || height+delta < height || height+delta > maxHeight || len(rest) == 0 {
			return nil, ErrBadCursor
		}
		height += delta
		size := int(rest[0])
		rest = rest[1:]
		if size == 0 || size > maxHash || size > len(rest) {
			return nil, ErrBadCursor
		}
		text = appendHash(text, form, rest[:size])
		refs, ends = append(refs, ref{height: height}), append(ends, len(text))
		rest = rest[size:]
	}
	hashes, begin := string(text), 0
	for i, end := range ends {
		refs[i].hash, begin = hashes[begin:end], end
	}
	// Hashes decoded from hexadecimal fit their form. Plain text must not fit a shorter form, and no hash needs no
	// prefix.
	if len(rest) > 0 || form == hash0x && count == 0 || form == hashText && hashForm(refs) != hashText {
		return nil, ErrBadCursor
	}
	return refs, nil
}

func appendHash(text []byte, form byte, raw []byte) []byte {
	switch form {
	case hashHex:
		return hex.AppendEncode(text, raw)
	case hash0x:
		return hex.AppendEncode(append(text, "0x"...), raw)
	}
	return append(text, raw...)
}

// cutUvarint decodes a number in its shortest form.
func cutUvarint(b []byte) (x uint64, rest []byte, ok bool) {
	x, n := binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, nil, false
	}
	return x, b[n:], true
}

// thin drops distant blocks: it keeps each of the last window blocks, one or two in each doubling of the distance
// before that, and the oldest. The result does not depend on how many blocks came at once: the first block of each
// stride is kept, and is also the first of a shorter one.
func thin(refs []ref, window int) []ref {
	if len(refs) == 0 {
		return refs
	}
	head, w := refs[len(refs)-1].height, uint64(window)
	kept := make([]ref, 0, len(refs))
	for i, r := range refs {
		octave := bits.Len64((head - r.height) / w) // 0 within the window
		stride := uint64(1)
		if octave > 0 {
			stride = 1 << (bits.Len64(w) - 1 + octave - 1)
		}
		if i == 0 || r.height/stride != refs[i-1].height/stride {
			kept = append(kept, r)
		}
	}
	return kept
}

// upTo returns how many of the blocks are not above the height.
func upTo(refs []ref, height uint64) int {
	return sort.Search(len(refs), func(i int) bool { return refs[i].height > height })
}
