package listing

import (
	"cmp"
	"slices"
)

// Due answers the segments that should be written anew so that no more than keep changed rows are left, whose numbers
// are given: those with the most of them, since a segment costs the same to write however few they are. As soon as
// there are more, half of them go.
func Due(changed []int64, keep int) []int64 {
	if len(changed) <= keep {
		return nil
	}
	counts := map[int64]int{}
	for _, n := range changed {
		counts[n/span]++
	}
	type due struct {
		segment int64
		rows    int
	}
	var all []due
	for segment, rows := range counts {
		all = append(all, due{segment, rows})
	}
	slices.SortFunc(all, func(a, b due) int {
		return cmp.Or(cmp.Compare(b.rows, a.rows), cmp.Compare(a.segment, b.segment))
	})
	var out []int64
	for left := len(changed); left > keep/2; left -= all[len(out)-1].rows {
		out = append(out, all[len(out)].segment)
	}
	return out
}

// Numbers answers the first and last number of a segment.
func Numbers(segment int64) (first, last int64) { return segment * span, segment*span + span - 1 }

// RowsPart is the name of the part that Merge asks for.
func RowsPart() []byte { return []byte(partRows) }

// Kept answers between which names, both included, the parts are that stay when a segment is written anew.
func Kept(texts bool) (first, last []byte) {
	if texts {
		return []byte{1}, []byte{0} // none
	}
	return []byte(textParts), append([]byte(textParts), 0xff)
}

// Change is a row that has changed since its segment was written.
type Change struct {
	Number  int64
	Version int64  // of the invoice; Merge does not look at it
	Encoded []byte // as of [Row.Encode]
}

// Merge makes a segment anew, from its part of rows, nil if it has none, and what has changed of it. The parts of
// the texts are made when a text has changed or is new; otherwise those that are there stay.
func Merge(segment int64, stored []byte, changed []Change) (parts []Part, texts bool, err error) {
	var rows []numbered
	if stored != nil {
		if rows, err = readRows(stored); err != nil {
			return nil, false, damaged(segment)
		}
	}
	for _, c := range changed {
		r := numbered{row: uint16(c.Number - segment*span)}
		if r.Row, err = decodeRow(c.Encoded); err != nil {
			return nil, false, damaged(segment)
		}
		i, known := slices.BinarySearchFunc(rows, r.row, func(r numbered, row uint16) int { return cmp.Compare(r.row, row) })
		if !known {
			rows = slices.Insert(rows, i, r)
			texts = true
			continue
		}
		texts = texts || rows[i].Name != r.Name || rows[i].Order != r.Order
		rows[i] = r
	}
	if len(rows) == 0 {
		return nil, false, nil
	}
	return build(rows, texts), texts, nil
}
