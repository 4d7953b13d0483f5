package chain

import (
	"bytes"
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

// ErrBadCursor says that a cursor was not made by this package, or was damaged. The empty cursor is
// bad too: were it taken for "begin now", a lost cursor would pass over blocks without a word.
var ErrBadCursor = errors.New("malformed cursor")

// Cursor is a position on a chain: an opaque token, to be stored as it is. A position carries the
// hashes of blocks processed before it, so that a reorganisation is recognised without asking
// anybody else. With the default window it has about 9 kB, and never more than [MaxCursorSize].
type Cursor []byte

// MaxCursorSize bounds a cursor in bytes, for those who give it a column.
const MaxCursorSize = 1 << 20

const (
	cursorVersion = 1

	cursorSince  = 's' // followed by seconds of Unix time
	cursorBlocks = 'b' // followed by the processed blocks

	maxHash   = 128           // characters of one hash
	maxHeight = math.MaxInt64 // so that adding to a height does not wrap around, and a database can hold it
	maxRefs   = 4096          // MaxWindow, and what thin leaves of the blocks before
)

// How hashes are written, so that the usual forms take half the space.
const (
	hashText = iota // as they are
	hashHex         // lower-case hexadecimal
	hash0x          // the same after 0x
)

// CursorSince is the position before the first block stamped at or after t, less the margin of the
// follower that gets it. It is resolved on the first call of [Follower.Next] that succeeds.
func CursorSince(t time.Time) Cursor {
	return binary.BigEndian.AppendUint64([]byte{cursorVersion, cursorSince}, uint64(t.Unix()))
}

// String describes the cursor for logs.
func (c Cursor) String() string {
	if t, ok := c.since(); ok {
		return "since " + t.UTC().Format(time.RFC3339)
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

func (c Cursor) since() (time.Time, bool) {
	if len(c) != 10 || c[0] != cursorVersion || c[1] != cursorSince {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint64(c[2:])), 0), true
}

// ref names a processed block.
type ref struct {
	height uint64
	hash   string
}

// encodeRefs writes processed blocks, lowest first: version, kind, form of the hashes, how many, and
// for each the distance to the one before and the hash.
func encodeRefs(refs []ref) Cursor {
	form := hashForm(refs)
	c := binary.AppendUvarint([]byte{cursorVersion, cursorBlocks, form}, uint64(len(refs)))
	var before uint64
	for _, r := range refs {
		c = binary.AppendUvarint(c, r.height-before)
		before = r.height
		raw := []byte(r.hash)
		if form != hashText {
			raw, _ = hex.DecodeString(strings.TrimPrefix(r.hash, "0x")) // hashForm has tried it
		}
		c = append(append(c, byte(len(raw))), raw...)
	}
	return c
}

// hashForm finds the form that gives back every hash exactly.
func hashForm(refs []ref) byte {
	form := byte(hashHex)
	if len(refs) > 0 && strings.HasPrefix(refs[0].hash, "0x") {
		form = hash0x
	}
	for _, r := range refs {
		raw, err := hex.DecodeString(strings.TrimPrefix(r.hash, "0x"))
		if err != nil || len(raw) == 0 || spell(form, raw) != r.hash {
			return hashText
		}
	}
	return form
}

func spell(form byte, raw []byte) string {
	switch form {
	case hashHex:
		return hex.EncodeToString(raw)
	case hash0x:
		return "0x" + hex.EncodeToString(raw)
	}
	return string(raw)
}

// refs reads what encodeRefs wrote and nothing else: the same position has one spelling only.
func (c Cursor) refs() ([]ref, error) {
	if len(c) < 4 || len(c) > MaxCursorSize || c[0] != cursorVersion || c[1] != cursorBlocks || c[2] > hash0x {
		return nil, ErrBadCursor
	}
	count, n := binary.Uvarint(c[3:])
	if n <= 0 || count > maxRefs {
		return nil, ErrBadCursor
	}
	rest := c[3+n:]
	// Not count: the claim of a few bytes must not reserve memory for thousands of blocks.
	refs := make([]ref, 0, min(count, uint64(len(rest)/3)))
	var height uint64
	for i := range count {
		delta, n := binary.Uvarint(rest)
		if n <= 0 || i > 0 && delta == 0 || height+delta < height || len(rest) <= n {
			return nil, ErrBadCursor
		}
		if height += delta; height > maxHeight {
			return nil, ErrBadCursor
		}
		size := int(rest[n])
		rest = rest[n+1:]
		if size == 0 || size > maxHash || size > len(rest) {
			return nil, ErrBadCursor
		}
		refs = append(refs, ref{height, spell(c[2], rest[:size])})
		rest = rest[size:]
	}
	if !bytes.Equal(encodeRefs(refs), c) {
		return nil, ErrBadCursor
	}
	return refs, nil
}

// thin forgets blocks that lie far back: it keeps each of the last window blocks, one or two in each
// doubling of the distance before that, and the oldest. What it keeps does not depend on how many
// blocks came at once, as the heights kept far back are among those kept nearer.
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
		if i == 0 || r.height%stride == 0 {
			kept = append(kept, r)
		}
	}
	return kept
}

// upTo answers how many of the blocks have at most that height.
func upTo(refs []ref, height uint64) int {
	return sort.Search(len(refs), func(i int) bool { return refs[i].height > height })
}
