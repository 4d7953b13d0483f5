package listing

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// gram is the length of the pieces that texts are indexed by. A piece at the end of a text is shorter.
const gram = 4

// text is one of the texts that are searched, each separately.
type text struct {
	name    string
	of      func(*Row) string
	encoded int
}

var texts = []text{
	{"id", func(r *Row) string { return r.ID }, rowID},
	{"project", func(r *Row) string { return r.Project }, rowProject},
	{"order", func(r *Row) string { return r.Order }, rowOrder},
	{"name", func(r *Row) string { return r.Name }, rowName},
}

const textParts = "text."

// Texts returns the first and the last name of the parts of texts, which may belong to an older writing than the
// others.
func Texts() (first, last []byte) { return []byte(textParts), append([]byte(textParts), 0xff) }

// textPart returns the name of the part with the pieces that begin with the same bytes.
func textPart(text, beginning string) []byte { return []byte(textParts + text + "." + beginning) }

// valuePart returns the name of the part with the rows of a value of a text that has few. It is not one of the parts of
// texts, because databases do not read single ones of those.
func valuePart(text, i int) []byte { return fmt.Appendf(nil, "value.%s.%d", texts[text].name, i) }

// beginningPart returns the name of the part with the rows that have two bytes, where many pieces begin with these.
func beginningPart(text, beginning string) []byte { return textPart(text, beginning+"\xff") }

// appendTexts adds the parts of the texts that are searched, except for texts with few values. For each piece of text
// they hold the places within a text where it occurs, and for each place the rows. So a search can distinguish pieces
// that follow each other from pieces that are merely in the same text.
func appendTexts(out []Part, rows []numbered, values [][]string) []Part {
	var all, spare []uint64
	lowered := make([]string, len(rows))
	for n, text := range texts {
		if values[n] != nil {
			continue
		}
		longest, pieces := 0, 0
		for i := range rows {
			lowered[i] = lower(text.of(&rows[i].Row))
			longest, pieces = max(longest, len(lowered[i])), pieces+len(lowered[i])
		}
		passes := uint32(pieces/mostPieces + 1)
		for pass := range passes {
			all = all[:0]
			for offset := range min(longest, 1<<16) {
				for i, s := range lowered {
					if offset >= len(s) {
						continue
					}
					if piece := pieceOf(s[offset:]); piece>>16%passes == pass {
						all = append(all, uint64(piece)<<32|uint64(offset)<<16|uint64(rows[i].row))
					}
				}
			}
			spare = slices.Grow(spare[:0], len(all))[:len(all)]
			sortPieces(all, spare)
			out = appendPieces(out, text.name, all)
		}
	}
	return appendLetters(out, rows)
}

// mostValues is up to how many values of a text are few, as those of the project often are: looking at them is faster
// than looking for pieces, each of which has as many rows as the values that contain it.
const mostValues = 8

// valuesOf returns the values of a text in order, with their rows, or nil if they are not few.
func valuesOf(rows []numbered, text int) (values []string, lists [][]uint16) {
	found := map[string][]uint16{}
	for i := range rows {
		value := lower(texts[text].of(&rows[i].Row))
		if found[value] = append(found[value], rows[i].row); len(found) > mostValues {
			return nil, nil
		}
	}
	values = slices.Sorted(maps.Keys(found))
	for _, value := range values {
		lists = append(lists, found[value])
	}
	return values, lists
}

// appendLetters adds a part for each byte of all texts: for a single byte, a search would have to read all pieces.
func appendLetters(out []Part, rows []numbered) []Part {
	var letters [256][]uint16
	for _, r := range rows {
		for _, text := range texts {
			for _, c := range []byte(lower(text.of(&r.Row))) {
				if n := len(letters[c]); n == 0 || letters[c][n-1] != r.row {
					letters[c] = append(letters[c], r.row)
				}
			}
		}
	}
	for c, list := range letters {
		if len(list) > 0 {
			out = append(out, Part{letterPart(byte(c)), appendSet(nil, list)})
		}
	}
	return out
}

func letterPart(c byte) []byte { return append([]byte(textParts+"letter."), c) }

// mostPieces is roughly how many pieces, of those that begin with some pairs of bytes, are in memory at once.
const mostPieces = 1 << 19

// pieceOf returns the piece at the beginning of a text. Texts have no NUL, which fills shorter pieces.
func pieceOf(text string) uint32 {
	var piece [gram]byte
	copy(piece[:], text)
	return binary.BigEndian.Uint32(piece[:])
}

// sortPieces sorts by the upper half, and keeps the order of equal ones: a radix sort, which is ten times faster here
// than one that compares.
func sortPieces(all, spare []uint64) {
	const digit = 11
	for shift := 32; shift < 64; shift += digit {
		var starts [1<<digit + 1]int
		for _, v := range all {
			starts[v>>shift&(1<<digit-1)+1]++
		}
		for i := range 1 << digit {
			starts[i+1] += starts[i]
		}
		for _, v := range all {
			d := v >> shift & (1<<digit - 1)
			spare[starts[d]] = v
			starts[d]++
		}
		copy(all, spare)
	}
}

// appendPieces adds the parts of the pieces of a text. The upper half of each value is a piece, then come the place and
// the row. Pieces that begin with the same two bytes make one part, in which all of their rows come first, as those of
// a piece with anyEnd. Where they are many (some occur in every row of numbers and UUIDs), these rows are a part of
// their own, and there is one part for each third byte.
func appendPieces(out []Part, text string, all []uint64) []Part {
	const many = 8 << 10
	for len(all) > 0 {
		n := sameBeginning(all, 2)
		head := appendPiece(nil, all[0]>>32|anyEnd, appendSet([]byte{0}, rowsOf(all[:n])))
		data := pieces(all[:n])
		if len(data) <= many {
			out = append(out, Part{textPart(text, beginning(all[0], 2)), append(head, data...)})
			all = all[n:]
			continue
		}
		out = append(out, Part{beginningPart(text, beginning(all[0], 2)), head})
		for left := n; left > 0; {
			m := sameBeginning(all[:left], 3)
			out = append(out, Part{textPart(text, beginning(all[0], 3)), pieces(all[:m])})
			all, left = all[m:], left-m
		}
	}
	return out
}

// anyEnd stands for any continuation of two bytes. No text has these bytes.
const anyEnd = 0xffff

// rowsOf returns the rows of pieces, each once.
func rowsOf(all []uint64) []uint16 {
	var b bitmap
	for _, v := range all {
		b.add(uint16(v))
	}
	return matches{many: &b}.list()
}

func beginning(v uint64, bytes int) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(v>>32))[:bytes])
}

// sameBeginning returns how many pieces begin with the same bytes as the first.
func sameBeginning(all []uint64, bytes int) int {
	shift := 64 - 8*bytes
	return sort.Search(len(all), func(i int) bool { return all[i]>>shift != all[0]>>shift })
}

// pieces encodes each piece with its places, and each place with its rows.
func pieces(all []uint64) []byte {
	var data, places []byte
	var list []uint16
	for i := 0; i < len(all); {
		piece := all[i] >> 32
		places = places[:0]
		for i < len(all) && all[i]>>32 == piece {
			offset := all[i] >> 16
			list = list[:0]
			for ; i < len(all) && all[i]>>16 == offset; i++ {
				list = append(list, uint16(all[i]))
			}
			places = appendSet(binary.AppendUvarint(places, offset&0xffff), list)
		}
		data = appendPiece(data, piece, places)
	}
	return data
}

func appendPiece(out []byte, piece uint64, places []byte) []byte {
	out = binary.BigEndian.AppendUint32(out, uint32(piece))
	return append(binary.AppendUvarint(out, uint64(len(places))), places...)
}

// search keeps the rows that contain the text, or belong to one of the projects that are searched as well.
func (f *finder) search(ctx context.Context) error {
	found, err := f.searchTexts(ctx)
	if err != nil {
		return err
	}
	if err := f.addProjects(ctx, found); err != nil {
		return err
	}
	for _, s := range f.segments {
		s.hits.and(found[s.number])
	}
	return nil
}

// searchTexts finds the rows that contain the text.
func (f *finder) searchTexts(ctx context.Context) (map[int64]*bitmap, error) {
	switch {
	case f.nowhere:
		return map[int64]*bitmap{}, nil
	case len(f.needle) > 1:
		return f.searchPieces(ctx)
	}
	found := map[int64]*bitmap{}
	err := f.source.Parts(ctx, f.writings(), [][]byte{letterPart(f.needle[0])}, func(_ []byte, segment int64, data []byte) error {
		return addSet(found, segment, data)
	})
	return found, err
}

// addSet adds the rows of a part to the hits.
func addSet(found map[int64]*bitmap, segment int64, data []byte) error {
	d := decoder{data: data}
	rows := d.set()
	if d.bad {
		return damaged(segment)
	}
	addRows(found, segment, matchesOf(rows))
	return nil
}

func addRows(found map[int64]*bitmap, segment int64, rows matches) {
	if found[segment] == nil {
		found[segment] = new(bitmap)
	}
	rows.addTo(found[segment])
}

// writings returns the writings of the texts of the segments in which rows are left.
func (f *finder) writings() []Writing {
	out := make([]Writing, len(f.segments))
	for i, s := range f.segments {
		out[i] = s.texts
	}
	return out
}

// addProjects adds the rows of the projects that are searched as well.
func (f *finder) addProjects(ctx context.Context, found map[int64]*bitmap) error {
	for projects := range slices.Chunk(slices.Sorted(maps.Keys(f.projects)), MostParts) {
		var names []string
		for _, project := range projects {
			names = append(names, string(termPart(rowProject, project)))
		}
		parts, err := f.parts(ctx, names)
		if err != nil {
			return err
		}
		for i, s := range f.segments {
			for _, data := range parts[i] {
				if data == nil {
					continue
				}
				if err := addSet(found, s.number, data); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// searchValues adds the rows whose values contain the needle, and returns which texts have more values than few.
func (f *finder) searchValues(ctx context.Context, found map[int64]*bitmap) (left []int, err error) {
	var asked []Key
	for i := range texts {
		for _, s := range f.segments {
			if s.values[i] == nil {
				left = append(left, i)
			}
			for j, value := range s.values[i] {
				if strings.Contains(value, f.needle) {
					asked = append(asked, Key{s.parts, valuePart(i, j)})
				}
			}
		}
	}
	err = f.some(ctx, asked, func(i int, data []byte) error { return addSet(found, asked[i].Segment, data) })
	return slices.Compact(left), err
}

// searchPieces finds the rows in which the pieces of the needle follow each other, or come before a piece that begins
// with the rest of it, and those whose values contain the needle.
func (f *finder) searchPieces(ctx context.Context) (map[int64]*bitmap, error) {
	found := make(map[int64]*bitmap, len(f.segments))
	looked, err := f.searchValues(ctx, found)
	if err != nil {
		return nil, err
	}
	writings := f.writings()
	var begun places // as far as it was looked at
	for from := 0; from < len(f.needle) && len(looked) > 0; from += gram {
		from = max(0, min(from, len(f.needle)-gram))
		met := places{}
		err := f.pieces(ctx, f.needle[from:], looked, writings, func(at place, rows set) {
			at.offset -= from
			hits, known := begun[at]
			switch {
			case from == 0:
				hits = matchesOf(rows)
				if had, again := met[at]; again { // another piece that begins with the needle
					hits = had.or(hits)
				}
			case known:
				hits = hits.in(rows)
			}
			if !hits.none() {
				met[at] = hits
			}
		})
		if err != nil {
			return nil, err
		}
		if begun = met; len(begun) == 0 {
			break
		}
		left := map[int64]bool{}
		looked = slices.DeleteFunc(looked, func(text int) bool { return !begun.in(text, left) })
		writings = slices.DeleteFunc(writings, func(w Writing) bool { return !left[w.Segment] })
	}
	for at, hits := range begun {
		addRows(found, at.segment, hits)
	}
	return found, nil
}

// place is where the needle begins in a text of the rows of a segment.
type place struct {
	text    int
	segment int64
	offset  int
}

// places are the rows that contain the needle, by the place where it begins.
type places map[place]matches

// in reports whether there are any in the text, and adds the segments in which there are.
func (p places) in(text int, segments map[int64]bool) bool {
	any := false
	for at := range p {
		if at.text == text {
			segments[at.segment], any = true, true
		}
	}
	return any
}

// pieces passes on at which places in these texts there are pieces that begin as the needle does, in which rows.
func (f *finder) pieces(ctx context.Context, needle string, looked []int, in []Writing, see func(place, set)) error {
	needle = needle[:min(gram, len(needle))]
	var names [][]byte
	for _, i := range looked {
		text := texts[i].name
		if names = append(names, textPart(text, needle[:2])); len(needle) > 2 {
			names = append(names, textPart(text, needle[:3]))
		} else {
			names = append(names, beginningPart(text, needle))
		}
	}
	return f.source.Parts(ctx, in, names, func(name []byte, segment int64, data []byte) error {
		at := place{segment: segment}
		at.text = slices.IndexFunc(texts, func(t text) bool { return bytes.HasPrefix(name, textPart(t.name, "")) })
		d := decoder{data: data}
		d.pieces(needle, func(offset int, rows set) {
			at.offset = offset
			see(at, rows)
		})
		if d.bad {
			return damaged(segment)
		}
		return nil
	})
}

// pieces reads a part with pieces, and passes on the rows of those that begin with the needle by their places.
func (d *decoder) pieces(needle string, see func(offset int, rows set)) {
	for len(d.data) > 0 {
		piece := d.bytes(gram)
		places := decoder{data: d.bytes(d.uvarint())}
		if !d.bad && !bytes.HasPrefix(piece, []byte(needle)) {
			continue
		}
		for len(places.data) > 0 {
			if offset, rows := places.uvarint(), places.set(); !places.bad {
				see(offset, rows)
			}
		}
		if places.bad {
			d.fail()
		}
		if len(needle) == 2 { // the first piece is enough
			return
		}
	}
}
