package listing

import (
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
	partRows = "rows" // all that the others are made of
	partAll  = "all"  // which rows there are, and the first and last creation
)

// numbered is a row with its place in the segment.
type numbered struct {
	Row
	row uint16
}

// build makes the parts of a segment of rows, which are in order; those of the texts only if they are asked for.
func build(rows []numbered, withTexts bool) []Part {
	all := make([]uint16, len(rows))
	terms := map[string][]uint16{}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	stored := binary.AppendUvarint(nil, uint64(len(rows)))
	for i, r := range rows {
		all[i] = r.row
		first, last = min(first, r.Created), max(last, r.Created)
		for _, term := range r.terms() {
			terms[term] = append(terms[term], r.row)
		}
		stored = binary.AppendUvarint(stored, uint64(r.row))
		stored = appendText(stored, string(r.Encode()))
	}
	bounds := binary.LittleEndian.AppendUint64(nil, uint64(first))
	bounds = binary.LittleEndian.AppendUint64(bounds, uint64(last))
	out := []Part{{[]byte(partRows), stored}, {[]byte(partAll), appendSet(bounds, all)}}
	for term, list := range terms {
		out = append(out, Part{[]byte(term), appendSet(nil, list)})
	}
	for _, sort := range sorts {
		out = appendOrder(out, rows, sort)
	}
	if withTexts {
		out = appendTexts(out, rows)
	}
	return out
}

// terms are the parts that the row is a member of.
func (r *Row) terms() []string {
	out := []string{
		term("project", r.Project), term("status", r.Status), term("asset", r.Asset), term("fiat", r.Fiat),
	}
	if r.Standing {
		out = append(out, termStanding)
	}
	return out
}

// termStanding are the standing invoices.
const termStanding = "is.standing"

func term(field, value string) string { return "is." + field + "." + value }

// readRows reads the part of that name.
func readRows(data []byte) ([]numbered, error) {
	d := decoder{data: data}
	n := d.uvarint()
	if n > span {
		return nil, errDamaged
	}
	out := make([]numbered, n)
	for i := range out {
		out[i].row = uint16(d.uvarint())
		encoded := d.bytes(d.uvarint())
		if d.bad || out[i].row >= span || i > 0 && out[i].row <= out[i-1].row {
			return nil, errDamaged
		}
		var err error
		if out[i].Row, err = decodeRow(encoded); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// blockRows is how many rows a block of an order has.
const blockRows = 128

var sorts = []invoice.Sort{invoice.SortCreated, invoice.SortUpdated, invoice.SortFiat, invoice.SortDue}

func orderPart(sort invoice.Sort) []byte { return []byte("order." + string(sort)) }

func blockPart(sort invoice.Sort, block int) []byte {
	return fmt.Appendf(nil, "block.%s.%03d", sort, block)
}

// appendOrder adds the rows in the order of a sort: which they are, with the first key of each block, in one part,
// and their keys in a part for each block.
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
	for _, k := range ordered {
		order = binary.LittleEndian.AppendUint16(order, k.row)
	}
	block := 0
	for chunk := range slices.Chunk(ordered, blockRows) {
		order = appendText(order, chunk[0].key)
		var keys []byte
		for _, k := range chunk {
			keys = appendText(keys, k.key)
		}
		out = append(out, Part{blockPart(sort, block), keys})
		block++
	}
	return append(out, Part{orderPart(sort), order})
}

// order is the rows of a segment in the order of a sort.
type order struct {
	*segment
	rows   []byte   // of two bytes each
	firsts []string // keys of the first row of each block
	counts []int    // of selected rows of each block
}

// read reads the part, and counts what is selected.
func (o *order) read(data []byte) error {
	d := decoder{data: data}
	n := d.uvarint()
	o.rows = slices.Clone(d.bytes(2 * n))
	texts := decoder{text: string(d.data)}
	for i := 0; i < n; i += blockRows {
		o.firsts = append(o.firsts, texts.shared())
	}
	if d.bad || texts.bad || n > span {
		o.rows, o.firsts = nil, nil
		return errDamaged
	}
	o.counts = make([]int, len(o.firsts))
	for block := range o.counts {
		from, to := o.block(block)
		for i := from; i < to; i++ {
			if o.hits.has(o.row(i)) {
				o.counts[block]++
			}
		}
	}
	return nil
}

func (o *order) row(i int) uint16 { return binary.LittleEndian.Uint16(o.rows[2*i:]) % span }

func (o *order) len() int { return len(o.rows) / 2 }

// block is the range of a block's rows.
func (o *order) block(i int) (from, to int) { return i * blockRows, min((i+1)*blockRows, o.len()) }

func readBlock(data []byte, n int) ([]string, error) {
	d := decoder{text: string(data)}
	keys := make([]string, n)
	for i := range keys {
		keys[i] = d.shared()
	}
	if d.bad {
		return nil, errDamaged
	}
	return keys, nil
}

func damaged(segment int64) error {
	return fmt.Errorf("listing: segment %d: %w", segment, errDamaged)
}
