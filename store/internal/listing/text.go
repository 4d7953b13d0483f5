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

// gram is how long the pieces are that texts are indexed by. A piece at the end of a text is shorter.
const gram = 4

// text is one of those that are searched, each for itself.
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

// Texts answers between which names, both included, the parts of the texts are, which may be of an older writing than
// the others.
func Texts() (first, last []byte) { return []byte(textParts), append([]byte(textParts), 0xff) }

// textPart has the pieces that begin with the same bytes.
func textPart(text, beginning string) []byte { return []byte(textParts + text + "." + beginning) }

// valuePart has the rows with a value of a text that has few. It is not of the texts, since the database does not ask
// for few of those alone.
func valuePart(text, i int) []byte { return fmt.Appendf(nil, "value.%s.%d", texts[text].name, i) }

// beginningPart has the rows with two bytes, where the pieces that begin with them are many.
func beginningPart(text, beginning string) []byte { return textPart(text, beginning+"\xff") }

// appendTexts adds the parts of the texts that are searched, but for those of which the values are few. For each piece of
// text it is the places within a text at which it is, and for each of those the rows. So what follows each other can be
// told from what is merely in the same text.
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

// mostValues is how many values of a text are few, as those of the project often are: looking at them is quicker than
// looking for pieces, of which each has rows as many as the values that have it.
const mostValues = 8

// valuesOf are the values of a text in order, with their rows, if they are few; otherwise nil.
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

// appendLetters adds a part for each byte of all texts: what is made of pieces would be read whole for one.
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

// mostPieces is about how many pieces are in memory at once, of those that begin with some pairs of bytes.
const mostPieces = 1 << 19

// pieceOf is the piece that a text begins with. Texts have no NUL, which fills pieces that are shorter.
func pieceOf(text string) uint32 {
	var piece [gram]byte
	copy(piece[:], text)
	return binary.BigEndian.Uint32(piece[:])
}

// sortPieces sorts by the upper half, and leaves what is equal in its order: a radix sort, ten times faster here than
// one that compares.
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

// appendPieces makes the parts of a text's pieces, which are in the upper half, in order, then the places, then the
// rows. Pieces that begin with the same two bytes make one part, in which all of their rows come first, as those of a
// piece with anyEnd. Where they are many, as in numbers and UUIDs some occur in every row, that is a part by itself, and
// there is one for each third byte.
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

// anyEnd stands for whatever follows two bytes. No text has these bytes.
const anyEnd = 0xffff

// rowsOf are the rows of pieces, each once.
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

// sameBeginning is how many begin with the same bytes as the first.
func sameBeginning(all []uint64, bytes int) int {
	shift := 64 - 8*bytes
	return sort.Search(len(all), func(i int) bool { return all[i]>>shift != all[0]>>shift })
}

// pieces writes each piece with its places, and each place with its rows.
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

// search leaves the rows that have the text, or are of one of the projects that are searched as well.
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

// searchTexts finds the rows that have the text.
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

// addSet adds the rows of a part to what was found.
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

// writings are those of the texts of the segments in which something is left to be looked at.
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

// searchValues adds the rows whose values have the needle, and answers which texts have more values than few.
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

// searchPieces finds the rows in which the pieces of the needle follow each other, or with a piece that begins with it,
// and those whose values have the needle.
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

// place is where in a text of a segment's rows the needle begins.
type place struct {
	text    int
	segment int64
	offset  int
}

// places are the rows that have the needle from a place on.
type places map[place]matches

// in says whether there are any in the text, and adds the segments in which there are.
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
		if len(needle) == 2 { // the first piece says it all
			return
		}
	}
}
