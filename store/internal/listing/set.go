package listing

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"sort"
)

var errDamaged = errors.New("damaged")

// span is how many numbers a segment has: row i of segment s has the number s*span + i.
const span = 1 << 14

// bitmap is a set of rows of a segment.
type bitmap [span / 64]uint64

func (b *bitmap) add(row uint16)      { b[row/64] |= 1 << (row % 64) }
func (b *bitmap) remove(row uint16)   { b[row/64] &^= 1 << (row % 64) }
func (b *bitmap) has(row uint16) bool { return b[row/64]>>(row%64)&1 != 0 }

// addUpTo adds all rows up to the last.
func (b *bitmap) addUpTo(last int) {
	for i := range (last + 1) / 64 {
		b[i] = ^uint64(0)
	}
	for row := (last + 1) / 64 * 64; row <= last; row++ {
		b.add(uint16(row))
	}
}

func (b *bitmap) count() (n int) {
	for _, word := range b {
		n += bits.OnesCount64(word)
	}
	return n
}

// countBy counts the rows by a value that is given for each row.
func (b *bitmap) countBy(of []byte) (counts [256]int32) {
	for i, word := range b {
		few := of[min(64*i, len(of)):min(64*i+64, len(of))]
		if bits.OnesCount64(word) < 16 {
			for ; word != 0; word &= word - 1 {
				if row := bits.TrailingZeros64(word); row < len(few) {
					counts[few[row]]++
				}
			}
			continue
		}
		for row, which := range few {
			counts[which] += int32(word >> row & 1)
		}
	}
	return counts
}

// and keeps the rows that are in both; nil is the empty set.
func (b *bitmap) and(other *bitmap) {
	if other == nil {
		*b = bitmap{}
		return
	}
	for i := range b {
		b[i] &= other[i]
	}
}

func (b *bitmap) andNot(other *bitmap) {
	for i := range b {
		b[i] &^= other[i]
	}
}

// dense is the number of rows from which on a set is stored as a bitmap, which is then shorter.
const dense = span / 16

// appendSet encodes a set, given in ascending order.
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

// leaveIn removes all other rows from the bitmap.
func (s set) leaveIn(b *bitmap) {
	if s.dense {
		for i := range b {
			b[i] &= binary.LittleEndian.Uint64(s.data[8*i:])
		}
		return
	}
	var few bitmap
	s.addTo(&few)
	b.and(&few)
}

// removeFrom removes the rows from the bitmap.
func (s set) removeFrom(b *bitmap) {
	var rows bitmap
	s.addTo(&rows)
	b.andNot(&rows)
}

// has reports whether a row is in the set.
func (s set) has(row uint16) bool {
	if s.dense {
		return s.data[row/8]>>(row%8)&1 != 0
	}
	i := sort.Search(len(s.data)/2, func(i int) bool { return binary.LittleEndian.Uint16(s.data[2*i:]) >= row })
	return 2*i < len(s.data) && binary.LittleEndian.Uint16(s.data[2*i:]) == row
}

// matches is some rows, few or many.
type matches struct {
	few  []uint16
	many *bitmap // nil for few
}

func matchesOf(s set) matches {
	if s.dense {
		m := matches{many: new(bitmap)}
		s.addTo(m.many)
		return m
	}
	m := matches{few: make([]uint16, len(s.data)/2)}
	for i := range m.few {
		m.few[i] = binary.LittleEndian.Uint16(s.data[2*i:]) % span
	}
	return m
}

// in returns those that are in the set, and may change the receiver.
func (m matches) in(s set) matches {
	switch {
	case m.many == nil:
		return matches{few: slices.DeleteFunc(m.few, func(row uint16) bool { return !s.has(row) })}
	case !s.dense:
		few := matchesOf(s)
		few.few = slices.DeleteFunc(few.few, func(row uint16) bool { return !m.many.has(row) })
		return few
	default:
		for i := range m.many {
			m.many[i] &= binary.LittleEndian.Uint64(s.data[8*i:])
		}
		return m
	}
}

// or returns those that are in either, and may change the receiver.
func (m matches) or(other matches) matches {
	if m.many == nil {
		many := new(bitmap)
		m.addTo(many)
		m = matches{many: many}
	}
	other.addTo(m.many)
	return m
}

func (m matches) none() bool { return len(m.few) == 0 && (m.many == nil || *m.many == bitmap{}) }

// list returns all rows, in order.
func (m matches) list() []uint16 {
	out := m.few
	if m.many != nil {
		for row := range uint16(span) {
			if m.many.has(row) {
				out = append(out, row)
			}
		}
	}
	return out
}

func (m matches) addTo(b *bitmap) {
	for _, row := range m.few {
		b.add(row)
	}
	if m.many != nil {
		for i := range b {
			b[i] |= m.many[i]
		}
	}
}

// decoder decodes stored values. After damaged bytes it returns zeros, and bad is set.
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

// shared decodes a text of decoder.text without copying it.
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
