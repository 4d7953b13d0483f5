package listing

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

var errDamaged = errors.New("damaged")

// span is how many numbers a segment has: row i of segment s has the number s*span + i.
const span = 1 << 14

// bitmap is a set of rows of a segment.
type bitmap [span / 64]uint64

func (b *bitmap) add(row uint16)      { b[row/64] |= 1 << (row % 64) }
func (b *bitmap) remove(row uint16)   { b[row/64] &^= 1 << (row % 64) }
func (b *bitmap) has(row uint16) bool { return b[row/64]>>(row%64)&1 != 0 }

func (b *bitmap) count() (n int) {
	for _, word := range b {
		n += bits.OnesCount64(word)
	}
	return n
}

func (b *bitmap) and(other *bitmap) {
	for i := range b {
		b[i] &= other[i]
	}
}

func (b *bitmap) or(other *bitmap) {
	for i := range b {
		b[i] |= other[i]
	}
}

// dense is from how many rows on a set is stored as a bitmap, which is shorter then.
const dense = span / 16

// appendSet writes a set, given in ascending order.
func appendSet(out []byte, rows []uint16) []byte {
	out = binary.AppendUvarint(out, uint64(len(rows)))
	if len(rows) < dense {
		for _, row := range rows {
			out = binary.LittleEndian.AppendUint16(out, row)
		}
		return out
	}
	var b bitmap
	for _, row := range rows {
		b.add(row)
	}
	for _, word := range b {
		out = binary.LittleEndian.AppendUint64(out, word)
	}
	return out
}

// set is a stored set of rows.
type set struct {
	dense bool
	data  []byte
}

// addTo adds the rows to the bitmap.
func (s set) addTo(b *bitmap) {
	if s.dense {
		for i := range b {
			b[i] |= binary.LittleEndian.Uint64(s.data[8*i:])
		}
		return
	}
	for i := 0; i < len(s.data); i += 2 {
		b.add(binary.LittleEndian.Uint16(s.data[i:]) % span)
	}
}

// decoder reads what was stored. After something damaged it answers zeros, and is bad.
type decoder struct {
	data []byte
	text string // what shared reads from
	bad  bool
}

func (d *decoder) uvarint() int {
	v, n := binary.Uvarint(d.data)
	if n <= 0 || v > 1<<40 {
		d.fail()
		return 0
	}
	d.data = d.data[n:]
	return int(v)
}

func (d *decoder) bytes(n int) []byte {
	if n < 0 || n > len(d.data) {
		d.fail()
		return nil
	}
	out := d.data[:n]
	d.data = d.data[n:]
	return out
}

func (d *decoder) set() set {
	n := d.uvarint()
	if n >= dense {
		s := set{true, d.bytes(span / 8)}
		return set{!d.bad, s.data}
	}
	return set{false, d.bytes(2 * n)}
}

// shared reads a text of decoder.text without copying it.
func (d *decoder) shared() string {
	n, i := 0, 0
	for shift := 0; ; shift += 7 {
		if i == len(d.text) || shift > 28 {
			d.fail()
			return ""
		}
		c := d.text[i]
		i++
		n |= int(c&0x7f) << shift
		if c < 0x80 {
			break
		}
	}
	if n > len(d.text)-i {
		d.fail()
		return ""
	}
	out := d.text[i : i+n]
	d.text = d.text[i+n:]
	return out
}

func (d *decoder) fail() { d.bad, d.data, d.text = true, nil, "" }

func appendText(out []byte, text string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}
