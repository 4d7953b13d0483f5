package listing

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cointill/cointill/invoice"
)

// Keeper is what a database does to have segments written anew. A segment is written beside the one that counts, in
// slices, so that others need not wait for more than one of them; then the new one counts, and the old one is removed in
// slices. Whoever ends in between leaves parts that do not count, until the segment is written again.
type Keeper interface {
	// Pending answers the numbers of all invoices that changed since their segments were written, in any order.
	Pending(ctx context.Context) ([]int64, error)
	// Begin begins a writing of a segment and answers its number: that which is given, or one more than that of the one
	// before, if that is higher. Those that began before are given up.
	Begin(ctx context.Context, segment, number int64) (Writing, error)
	// Read answers, as of one moment, the changed rows of a segment, in order, and the data of its parts with these names,
	// in any order, as far as it has them.
	Read(ctx context.Context, segment int64, parts [][]byte) (changed []Change, data [][]byte, err error)
	// Put adds parts to a writing, or wraps invoice.ErrConflict if that was given up.
	Put(ctx context.Context, w Writing, parts []Part) error
	// Finish makes a writing count; for the texts, only if it has texts. It wraps invoice.ErrConflict as Put does.
	Finish(ctx context.Context, w Writing, texts bool) error
	// Merged removes changed rows, other than those that have changed once more.
	Merged(ctx context.Context, changed []Change) error
	// Clear removes so many parts of a segment, or all there are, that do not count, but for those of the writing that
	// began last, and answers how many.
	Clear(ctx context.Context, segment int64, most int) (int, error)
}

// Writing is one attempt to write a segment.
type Writing struct{ Segment, Number int64 }

// What others wait for is a millisecond or two of each.
const (
	sliceBytes = 128 << 10
	sliceParts = 128
)

// Tidy writes segments anew until no more than keep changed rows are left, but for those that come meanwhile.
func Tidy(ctx context.Context, k Keeper, keep int) error {
	changed, err := k.Pending(ctx)
	if err != nil {
		return err
	}
	for _, segment := range due(changed, keep) {
		if err := write(ctx, k, segment); err != nil && !errors.Is(err, invoice.ErrConflict) {
			return err
		}
	}
	return nil
}

// write writes a segment anew. Changes that come meanwhile stay for the next time.
func write(ctx context.Context, k Keeper, segment int64) error {
	// Numbered by the time: a database that was put back to how it was gives no number twice, by which a cache would
	// remember something else.
	w, err := k.Begin(ctx, segment, time.Now().UnixMicro())
	if err != nil {
		return err
	}
	changed, stored, err := k.Read(ctx, segment, rowsParts())
	if err != nil {
		return err
	}
	parts, texts, err := merge(segment, stored, changed)
	if err != nil || len(parts) == 0 {
		return err
	}
	for len(parts) > 0 {
		n := slice(parts)
		if err := k.Put(ctx, w, parts[:n]); err != nil {
			return err
		}
		parts = parts[n:]
	}
	if err := k.Finish(ctx, w, texts); err != nil {
		return err
	}
	for some := range slices.Chunk(changed, sliceParts) {
		if err := k.Merged(ctx, some); err != nil {
			return err
		}
	}
	for {
		if n, err := k.Clear(ctx, segment, sliceParts); err != nil || n < sliceParts {
			return err
		}
	}
}

// slice is how many parts are written at once: one at least.
func slice(parts []Part) int {
	size := 0
	for i, p := range parts {
		size += len(p.Data)
		if i > 0 && size > sliceBytes || i == sliceParts {
			return i
		}
	}
	return len(parts)
}

// due answers the segments that should be written anew so that no more than keep changed rows are left, whose numbers
// are given: those with the most of them, since a segment costs the same to write however few they are. As soon as
// there are more, half of them go.
func due(changed []int64, keep int) []int64 {
	if len(changed) <= keep {
		return nil
	}
	counts := map[int64]int{}
	for _, n := range changed {
		counts[n/span]++
	}
	type count struct {
		segment int64
		rows    int
	}
	var all []count
	for segment, rows := range counts {
		all = append(all, count{segment, rows})
	}
	slices.SortFunc(all, func(a, b count) int {
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

// Change is a row that has changed since its segment was written.
type Change struct {
	Number  int64
	Version int64  // of the invoice
	Encoded []byte // as of [Row.Encode]
}

// merge makes a segment anew, from its parts of rows and what has changed of it, with the parts of its texts only when
// a text has changed or is new.
func merge(segment int64, stored [][]byte, changed []Change) (parts []Part, texts bool, err error) {
	rows, err := readRows(stored)
	if err != nil {
		return nil, false, damaged(segment)
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
