package kv

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"
)

// key encodes texts, numbers and times so that keys sort by their first part, then by the next; numbers and times sort
// by value. The first part is the kind of key. Each text ends with a mark, so that no text is a prefix of another. Long
// texts are in no particular order, unless they are whole.
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

// maxText is the longest text that is part of a key as it is. A longer one is replaced by its hash, so no key has more
// than 500 bytes.
const maxText = 100

// whole is a text that is cut instead of hashed, to keep its order. The caller refuses texts that are longer. The key
// of a place just fits.
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

// keyTime decodes a time in a key.
func keyTime(k string) time.Time {
	at := []byte(k)
	return time.Unix(int64(binary.BigEndian.Uint64(at)^1<<63), int64(binary.BigEndian.Uint32(at[8:]))).UTC()
}

// span is a range of keys, from one up to but not including the other.
type span struct{ from, to string }

// under returns the range of the keys that begin with the parts. No part begins with the byte 255, because no valid
// text does.
func under(kind string, parts ...any) span {
	k := key(kind, parts...)
	return span{k, k + "\xff"}
}

// since returns the range of the keys that begin with the kind and the id, and go on with a number above after, which is not
// negative.
func since(after int64, kind, id string) span {
	return span{key(kind, id, uint64(max(after, 0))+1), under(kind, id).to}
}
