package listing

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cointill/cointill/invoice"
)

// Part is one value of a segment.
type Part struct {
	Name, Data []byte
}

// These are the parts of a segment, except for those of its texts.
const (
	partRows     = "rows."    // all that the others are made of, by chunks of the segment
	partAll      = "all"      // see whole
	partTimes    = "times"    // of creation, by row
	partStanding = "standing" // the standing invoices
)

// numbered is a row with its index in the segment.
type numbered struct {
	Row
	row uint16
}

// build returns the parts of a segment with the rows, at least one and in order; the parts of texts only if withTexts is
// set. Parts are sorted by name, as in an index.
func build(rows []numbered, withTexts bool) []Part {
	members := map[string][]uint16{}
	var out []Part
	times := make([]byte, 8*(int(rows[len(rows)-1].row)+1))
	for _, r := range rows {
		binary.LittleEndian.PutUint64(times[8*int(r.row):], uint64(r.Created))
		for _, part := range r.members() {
			members[string(part)] = append(members[string(part)], r.row)
		}
		if name := rowsPart(r.row); len(out) == 0 || !bytes.Equal(out[len(out)-1].Name, name) {
			out = append(out, Part{Name: name})
		}
		chunk := &out[len(out)-1]
		chunk.Data = appendText(binary.AppendUvarint(chunk.Data, uint64(r.row)), string(r.Encode()))
	}
	values := make([][]string, len(texts))
	for i := range texts {
		var lists [][]uint16
		values[i], lists = valuesOf(rows, i)
		for j, list := range lists {
			out = append(out, Part{valuePart(i, j), appendSet(nil, list)})
		}
	}
	out = append(out, Part{[]byte(partAll), appendWhole(nil, rows, values)}, Part{[]byte(partTimes), times})
	for part, list := range members {
		out = append(out, Part{[]byte(part), appendSet(nil, list)})
	}
	for _, sort := range sorts {
		out = appendOrder(out, rows, sort)
	}
	if withTexts {
		out = appendTexts(out, rows, values)
	}
	slices.SortFunc(out, func(a, b Part) int { return bytes.Compare(a.Name, b.Name) })
	return out
}

// whole is the summary of a segment.
type whole struct {
	last     int // row
	from, to int64
	values   [][]string // of each of texts that has few of them
}

// appendWhole encodes the summary, with the set of rows unless these are simply all up to the last.
func appendWhole(out []byte, rows []numbered, values [][]string) []byte {
	last := rows[len(rows)-1].row
	first, final := int64(math.MaxInt64), int64(math.MinInt64)
	for _, r := range rows {
		first, final = min(first, r.Created), max(final, r.Created)
	}
	out = binary.LittleEndian.AppendUint16(out, last)
	out = binary.LittleEndian.AppendUint64(out, uint64(first))
	out = binary.LittleEndian.AppendUint64(out, uint64(final))
	for _, few := range values {
		out = binary.AppendUvarint(out, uint64(len(few)))
		for _, value := range few {
			out = appendText(out, value)
		}
	}
	if len(rows) == int(last)+1 {
		return out
	}
	list := make([]uint16, len(rows))
	for i, r := range rows {
		list[i] = r.row
	}
	return appendSet(out, list)
}

// whole decodes the summary, and adds the rows of the segment.
func (d *decoder) whole(rows *bitmap) whole {
	fixed := d.bytes(18)
	if d.bad {
		return whole{}
	}
	w := whole{
		last:   int(binary.LittleEndian.Uint16(fixed)) % span,
		from:   int64(binary.LittleEndian.Uint64(fixed[2:])),
		to:     int64(binary.LittleEndian.Uint64(fixed[10:])),
		values: make([][]string, len(texts)),
	}
	for i := range w.values {
		for n := d.uvarint(); n > 0 && !d.bad; n-- {
			w.values[i] = append(w.values[i], string(d.bytes(d.uvarint())))
		}
	}
	if len(d.data) > 0 {
		d.set().addTo(rows)
		return w
	}
	rows.addUpTo(w.last)
	return w
}

// members returns the parts that the row is in.
func (r *Row) members() [][]byte {
	out := [][]byte{
		termPart(rowProject, r.Project), termPart(rowStatus, r.Status), termPart(rowAsset, r.Asset), termPart(rowFiat, r.Fiat),
		termPart(rowFormat, r.Format),
	}
	if r.Standing {
		out = append(out, []byte(partStanding))
	}
	return out
}

// termPart returns the name of the part with the rows of a term.
func termPart(text int, value string) []byte { return fmt.Appendf(nil, "is.%d.%s", text, value) }

// chunkRows is how many rows are stored in one part.
const chunkRows = span / 16

func rowsPart(row uint16) []byte { return fmt.Appendf(nil, "%s%02d", partRows, row/chunkRows) }

// rowsParts returns the names of all parts with rows.
func rowsParts() [][]byte {
	var out [][]byte
	for row := 0; row < span; row += chunkRows {
		out = append(out, rowsPart(uint16(row)))
	}
	return out
}

// readRows decodes the parts with rows, in any order.
func readRows(parts [][]byte) ([]numbered, error) {
	var out []numbered
	for _, data := range parts {
		for d := (decoder{data: data}); len(d.data) > 0; {
			row := d.uvarint()
			encoded := d.bytes(d.uvarint())
			if d.bad || row >= span {
				return nil, errDamaged
			}
			decoded, err := decodeRow(encoded)
			if err != nil {
				return nil, err
			}
			out = append(out, numbered{decoded, uint16(row)})
		}
	}
	slices.SortFunc(out, func(a, b numbered) int { return cmp.Compare(a.row, b.row) })
	for i := range out {
		if i > 0 && out[i].row == out[i-1].row {
			return nil, errDamaged
		}
	}
	return out, nil
}

// blockRows is how many rows a block of an order has, so that a byte identifies the block of a row.
const blockRows = span / 128

var sorts = []invoice.Sort{invoice.SortCreated, invoice.SortUpdated, invoice.SortFiat, invoice.SortDue}

func orderPart(sort invoice.Sort) []byte { return []byte("order." + string(sort)) }

func blockPart(sort invoice.Sort, block int) []byte {
	return fmt.Appendf(nil, "block.%s.%03d", sort, block)
}

// appendOrder adds the rows in a sort order: one part with the block of each row and the bounds of the blocks, and one
// part for each block with its rows and their keys.
func appendOrder(out []Part, rows []numbered, sort invoice.Sort) []Part {
	type keyed struct {
		key string
		row uint16
	}
	ordered := make([]keyed, len(rows))
	for i := range rows {
		ordered[i] = keyed{rows[i].key(sort), rows[i].row}
	}
	slices.SortFunc(ordered, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	order := binary.AppendUvarint(nil, uint64(len(rows)))
	blocks := make([]byte, span)
	block, before := 0, ""
	for chunk := range slices.Chunk(ordered, blockRows) {
		order = appendText(order, bound(before, chunk[0].key))
		before = chunk[len(chunk)-1].key
		var listed, keys []byte
		for _, k := range chunk {
			blocks[k.row] = byte(block)
			listed = binary.LittleEndian.AppendUint16(listed, k.row)
			keys = appendText(keys, k.key)
		}
		out = append(out, Part{blockPart(sort, block), append(listed, keys...)})
		block++
	}
	order = appendText(order, before+"\x00")
	return append(out, Part{orderPart(sort), append(blocks[:rows[len(rows)-1].row+1], order...)})
}

// bound returns a text that is not after the key, but after the key before it. It is shorter than the key, yet long
// enough to separate most keys of other segments as the key would.
func bound(before, key string) string {
	const more = 5
	same := 0
	for same < min(len(before), len(key)) && before[same] == key[same] {
		same++
	}
	return key[:min(same+more, len(key))]
}

// arrangement is the sort order of the rows of a segment.
type arrangement struct {
	blockOf []byte // each row
	rows    int
	bounds  []string // where each block begins, as of bound, and what comes after the last key
}

// readArrangement decodes the part.
func readArrangement(data []byte, last int) (*arrangement, error) {
	d := decoder{data: data}
	a := &arrangement{blockOf: bytes.Clone(d.bytes(last + 1)), rows: d.uvarint()}
	if d.bad || a.rows > span {
		return nil, errDamaged
	}
	a.bounds = make([]string, (a.rows+blockRows-1)/blockRows+1)
	texts := decoder{text: string(d.data)}
	for i := range a.bounds {
		a.bounds[i] = texts.shared()
	}
	if texts.bad {
		return nil, errDamaged
	}
	return a, nil
}

// size returns roughly how many bytes it takes.
func (a *arrangement) size() int {
	const each = 16 + 24 // of a bound with its text
	return len(a.blockOf) + each*len(a.bounds)
}

// order is what the query knows about the selected rows of a segment in a sort order.
type order struct {
	*segment
	*arrangement
	counts []int // of selected rows before each of the bounds
}

func (o *order) blocks() int { return len(o.bounds) - 1 }

// tally counts the selected rows. It reports whether the arrangement has all of them.
func (o *order) tally() bool {
	selected := o.hits.countBy(o.blockOf)
	o.counts = make([]int, o.blocks()+1)
	for i := range o.blocks() {
		o.counts[i+1] = o.counts[i] + int(selected[i])
	}
	return o.counts[o.blocks()] == o.count
}

// selected returns how many selected rows a block has.
func (o *order) selected(block int) int { return o.counts[block+1] - o.counts[block] }

// selectedKeys returns the keys of the selected rows of a block, in order.
func (o *order) selectedKeys(i int, data []byte) ([]string, error) {
	n := min(blockRows, o.rows-i*blockRows)
	d := decoder{data: data}
	listed := d.bytes(2 * n)
	selected := o.selected(i)
	var text strings.Builder // all keys, which are about as long as each other
	text.Grow(len(d.data) * selected / max(n, 1))
	ends := make([]int, 0, selected)
	for j := 0; j < n && !d.bad; j++ {
		key := d.bytes(d.uvarint())
		if row := binary.LittleEndian.Uint16(listed[2*j:]) % span; o.hits.has(row) {
			text.Write(key)
			ends = append(ends, text.Len())
		}
	}
	if d.bad || len(ends) != selected {
		return nil, errDamaged
	}
	all, from := text.String(), 0
	keys := make([]string, len(ends))
	for j, end := range ends {
		keys[j], from = all[from:end], end
	}
	return keys, nil
}

func damaged(segment int64) error {
	return fmt.Errorf("listing: segment %d: %w", segment, errDamaged)
}
