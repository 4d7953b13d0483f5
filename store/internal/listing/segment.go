package listing

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/cointill/cointill/invoice"
)

// Part is one value of a segment.
type Part struct {
	Name, Data []byte
}

// The parts of a segment, beside those of its texts.
const (
	partRows     = "rows."    // all that the others are made of, by chunks of the segment
	partAll      = "all"      // which rows there are, the last of them, and the first and last creation
	partTimes    = "times"    // of creation, by row
	partStanding = "standing" // the standing invoices
)

// numbered is a row with its place in the segment.
type numbered struct {
	Row
	row uint16
}

// build makes the parts of a segment of rows, of which there are some, in order; those of the texts only if they are
// asked for. Parts come by name, as an index has them.
func build(rows []numbered, withTexts bool) []Part {
	all := make([]uint16, len(rows))
	members := map[string][]uint16{}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	var out []Part
	times := make([]byte, 8*(int(rows[len(rows)-1].row)+1))
	for i, r := range rows {
		binary.LittleEndian.PutUint64(times[8*int(r.row):], uint64(r.Created))
		all[i] = r.row
		first, last = min(first, r.Created), max(last, r.Created)
		for _, part := range r.members() {
			members[string(part)] = append(members[string(part)], r.row)
		}
		if name := rowsPart(r.row); len(out) == 0 || !bytes.Equal(out[len(out)-1].Name, name) {
			out = append(out, Part{Name: name})
		}
		chunk := &out[len(out)-1]
		chunk.Data = appendText(binary.AppendUvarint(chunk.Data, uint64(r.row)), string(r.Encode()))
	}
	whole := binary.LittleEndian.AppendUint16(appendSet(nil, all), all[len(all)-1])
	whole = binary.LittleEndian.AppendUint64(whole, uint64(first))
	whole = binary.LittleEndian.AppendUint64(whole, uint64(last))
	out = append(out, Part{[]byte(partAll), whole}, Part{[]byte(partTimes), times})
	for part, list := range members {
		out = append(out, Part{[]byte(part), appendSet(nil, list)})
	}
	for _, sort := range sorts {
		out = appendOrder(out, rows, sort)
	}
	if withTexts {
		out = appendTexts(out, rows)
	}
	slices.SortFunc(out, func(a, b Part) int { return bytes.Compare(a.Name, b.Name) })
	return out
}

// members are the parts that the row is in.
func (r *Row) members() [][]byte {
	out := [][]byte{
		termPart(rowProject, r.Project), termPart(rowStatus, r.Status), termPart(rowAsset, r.Asset), termPart(rowFiat, r.Fiat),
	}
	if r.Standing {
		out = append(out, []byte(partStanding))
	}
	return out
}

// termPart is the rows with a term.
func termPart(text int, value string) []byte { return fmt.Appendf(nil, "is.%d.%s", text, value) }

// chunkRows is how many rows are stored in one part.
const chunkRows = span / 16

func rowsPart(row uint16) []byte { return fmt.Appendf(nil, "%s%02d", partRows, row/chunkRows) }

// rowsParts are the names of all parts of rows.
func rowsParts() [][]byte {
	var out [][]byte
	for row := 0; row < span; row += chunkRows {
		out = append(out, rowsPart(uint16(row)))
	}
	return out
}

// readRows reads the parts of rows, in any order.
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

// blockRows is how many rows a block of an order has, so that a byte tells which block a row is in.
const blockRows = span / 128

var sorts = []invoice.Sort{invoice.SortCreated, invoice.SortUpdated, invoice.SortFiat, invoice.SortDue}

func orderPart(sort invoice.Sort) []byte { return []byte("order." + string(sort)) }

func blockPart(sort invoice.Sort, block int) []byte {
	return fmt.Appendf(nil, "block.%s.%03d", sort, block)
}

// appendOrder adds the rows in the order of a sort: in which block each row is, with the first key of each block
// and what comes after the last, in one part, and the rows of a block with their keys in a part for each.
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
	block := 0
	for chunk := range slices.Chunk(ordered, blockRows) {
		order = appendText(order, chunk[0].key)
		var listed, keys []byte
		for _, k := range chunk {
			blocks[k.row] = byte(block)
			listed = binary.LittleEndian.AppendUint16(listed, k.row)
			keys = appendText(keys, k.key)
		}
		out = append(out, Part{blockPart(sort, block), append(listed, keys...)})
		block++
	}
	order = appendText(order, ordered[len(ordered)-1].key+"\x00")
	return append(out, Part{orderPart(sort), append(blocks[:rows[len(rows)-1].row+1], order...)})
}

// order is what is known of the rows of a segment in the order of a sort.
type order struct {
	*segment
	rows   int
	bounds []string // the first key of each block, and what comes after the last key
	counts []int    // of selected rows before each of the bounds
}

func (o *order) blocks() int { return len(o.counts) - 1 }

// read reads the part, and counts what is selected.
func (o *order) read(data []byte) error {
	d := decoder{data: data}
	blockOf := d.bytes(o.last + 1)
	o.rows = d.uvarint()
	if d.bad || o.rows > span {
		return errDamaged
	}
	selected := o.hits.countBy(blockOf)
	blocks := (o.rows + blockRows - 1) / blockRows
	o.bounds, o.counts = make([]string, blocks+1), make([]int, blocks+1)
	texts := decoder{text: string(d.data)}
	for i := range o.bounds {
		o.bounds[i] = texts.shared()
		if i > 0 {
			o.counts[i] = o.counts[i-1] + int(selected[i-1])
		}
	}
	if texts.bad || o.counts[blocks] != o.count {
		return errDamaged
	}
	return nil
}

// selected is how many selected rows a block has.
func (o *order) selected(block int) int { return o.counts[block+1] - o.counts[block] }

// block is some rows in an order, with their keys.
type block struct {
	rows []uint16
	keys []string
}

func (o *order) readBlock(i int, data []byte) (block, error) {
	n := min(blockRows, o.rows-i*blockRows)
	b := block{make([]uint16, n), make([]string, n)}
	d := decoder{data: data}
	listed := d.bytes(2 * len(b.rows))
	texts := decoder{text: string(d.data)}
	for j := range b.keys {
		b.keys[j] = texts.shared()
	}
	if d.bad || texts.bad {
		return block{}, errDamaged
	}
	for j := range b.rows {
		b.rows[j] = binary.LittleEndian.Uint16(listed[2*j:]) % span
	}
	return b, nil
}

func damaged(segment int64) error {
	return fmt.Errorf("listing: segment %d: %w", segment, errDamaged)
}
