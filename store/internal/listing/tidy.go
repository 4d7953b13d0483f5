package listing

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cointill/cointill/invoice"
)

// Keeper is what a database implements so that segments can be written again. A segment is written beside the current
// one, in slices, so that others wait for no more than one slice; then the new one becomes current, and the old one is
// removed in slices. A process that ends in between leaves parts that are not current, until the segment is written
// again.
type Keeper interface {
	// Pending returns the numbers of all invoices that have changed since their segments were written, in any order.
	Pending(ctx context.Context) ([]int64, error)
	// Begin begins a writing of a segment and returns its number: the given one, or one more than that of the previous
	// writing if that is higher. Writings that began before are given up.
	Begin(ctx context.Context, segment, number int64) (Writing, error)
	// Read returns, from one state of the database, the changed rows of a segment, in order, and the data of those of
	// these parts that exist, in any order.
	Read(ctx context.Context, segment int64, parts [][]byte) (changed []Change, data [][]byte, err error)
	// Put adds parts to a writing. It returns an error that wraps invoice.ErrConflict if the writing was given up.
	Put(ctx context.Context, w Writing, parts []Part) error
	// Finish makes a writing current; that of the texts only if it has texts. It returns an error that wraps
	// invoice.ErrConflict like Put.
	Finish(ctx context.Context, w Writing, texts bool) error
	// Merged removes changed rows, except for those that have changed again.
	Merged(ctx context.Context, changed []Change) error
	// Clear removes up to most parts of a segment that are not current, except for those of the writing that began
	// last, and returns how many it has removed.
	Clear(ctx context.Context, segment int64, most int) (int, error)
}

// Writing is one attempt to write a segment.
type Writing struct{ Segment, Number int64 }

// What others wait for is a millisecond or two of each.
const (
	sliceBytes = 128 << 10
	sliceParts = 128
)

// Tidy writes segments again until no more than keep changed rows are left, not counting changes that come meanwhile.
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

// write writes a segment again. Changes that come meanwhile stay for the next time.
func write(ctx context.Context, k Keeper, segment int64) error {
	// The time is the number, so that a database that was restored uses no number twice, under which a cache would hold
	// other contents.
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

// slice returns how many parts are written at once, at least one.
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

// due returns the segments to write so that no more than keep of the changed rows, whose numbers are given, are left:
// those with the most of them, because writing a segment costs the same for any number. If there are more than keep,
// half of them are merged.
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

// Numbers returns the first and the last number of a segment.
func Numbers(segment int64) (first, last int64) { return segment * span, segment*span + span - 1 }

// Change is a row that has changed since its segment was written.
type Change struct {
	Number  int64
	Version int64  // of the invoice
	Encoded []byte // as of [Row.Encode]
}

// merge builds a segment from its parts with rows and its changes, with the parts of its texts only if a text has
// changed or is new.
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
