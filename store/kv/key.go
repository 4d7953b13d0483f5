package kv

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
)

// key puts texts, numbers and times together so that keys sort by their first part, then by the next,
// numbers and times by size. The first part says what kind of key it is. Each text ends with a mark, so
// that no text is the beginning of another. Long texts are in no particular order, unless they are whole.
func key(kind string, parts ...any) string {
	k := appendText(nil, kind)
	for _, part := range parts {
		switch p := part.(type) {
		case string:
			k = appendText(k, p)
		case whole:
			k = appendWhole(k, string(p[:min(maxWhole, len(p))]))
		case uint64:
			k = binary.BigEndian.AppendUint64(k, p)
		case time.Time: // nanoseconds in 64 bits would end in 2262
			k = binary.BigEndian.AppendUint64(k, uint64(p.Unix())^1<<63)
			k = binary.BigEndian.AppendUint32(k, uint32(p.Nanosecond()))
		}
	}
	return string(k)
}

// maxText bounds a text in a key: a longer one is there as its hash. So no key has more than 500 bytes.
const maxText = 100

// whole is a text that is never hashed, to stay in order, but cut. Whoever puts such a key refuses longer texts;
// a key of a place just fits.
type whole string

const maxWhole = 190

func appendText(k []byte, text string) []byte {
	if len(text) > maxText {
		hash := sha256.Sum256([]byte(text))
		return append(append(k, 0, 2), hash[:]...)
	}
	return appendWhole(k, text)
}

func appendWhole(k []byte, text string) []byte {
	return append(append(k, strings.ReplaceAll(text, "\x00", "\x00\xff")...), 0, 1)
}

// keyTime reads a time as it is in keys.
func keyTime(k string) time.Time {
	at := []byte(k)
	return time.Unix(int64(binary.BigEndian.Uint64(at)^1<<63), int64(binary.BigEndian.Uint32(at[8:]))).UTC()
}

// span is the keys from one up to before another.
type span struct{ from, to string }

// under spans the keys that begin with the parts: no part begins with the byte 255, as no valid text
// does.
func under(kind string, parts ...any) span {
	k := key(kind, parts...)
	return span{k, k + "\xff"}
}
