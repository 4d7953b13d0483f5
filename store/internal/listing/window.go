package listing

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
)

// few is up to how many segments are read one by one rather than all at once.
const few = 16

// run is the selected rows of a segment in the order of the query.
type run struct {
	*segment
	order
	counts []int // of selected rows, by block
}

// window answers the keys of the selected rows from one place in the ascending order up to another. It passes over
// whole blocks by their counts, and merges what is left: about a block of each segment.
func (f *finder) window(ctx context.Context, first, last int) ([]string, error) {
	runs, err := f.runs(ctx)
	if err != nil {
		return nil, err
	}
	passed, heads := f.pass(runs, first)
	for _, h := range heads {
		if err := h.load(ctx); err != nil {
			return nil, err
		}
	}
	heads = slices.DeleteFunc(heads, func(h *head) bool { return len(h.keys) == 0 })
	merge := (*headHeap)(&heads)
	heap.Init(merge)
	keys := make([]string, 0, last-first)
	for n := passed; n < last && len(heads) > 0; n++ {
		h := heads[0]
		if n >= first {
			keys = append(keys, h.keys[0])
		}
		if h.keys = h.keys[1:]; len(h.keys) == 0 {
			if err := h.load(ctx); err != nil {
				return nil, err
			}
		}
		if len(h.keys) == 0 {
			heap.Pop(merge)
		} else {
			heap.Fix(merge, 0)
		}
	}
	return keys, nil
}

// runs reads the orders of the segments with selected rows.
func (f *finder) runs(ctx context.Context) ([]*run, error) {
	byNumber := make(map[int64]*run, len(f.segments))
	runs := make([]*run, len(f.segments))
	for i, s := range f.segments {
		runs[i] = &run{segment: s}
		byNumber[s.number] = runs[i]
	}
	read := func(number int64, data []byte) (err error) {
		r := byNumber[number]
		if r == nil {
			return nil
		}
		if r.order, err = readOrder(data); err != nil {
			return damaged(number)
		}
		r.counts = make([]int, len(r.firsts))
		for block := range r.counts {
			from, to := r.block(block)
			for i := from; i < to; i++ {
				if r.hits.has(r.row(i)) {
					r.counts[block]++
				}
			}
		}
		return nil
	}
	if len(runs) > few {
		return runs, f.source.Parts(ctx, orderPart(f.q.Sort), read)
	}
	for _, r := range runs {
		err := f.source.Part(ctx, orderPart(f.q.Sort), r.number, func(data []byte) error { return read(r.number, data) })
		if err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// pass passes over rows of which no more than first come before the rest. It answers how many these are, and the
// rest of each run.
func (f *finder) pass(runs []*run, first int) (passed int, heads []*head) {
	type boundary struct {
		key string
		run int
	}
	var boundaries []boundary
	for i, r := range runs {
		for _, key := range r.firsts {
			boundaries = append(boundaries, boundary{key, i})
		}
	}
	slices.SortFunc(boundaries, func(a, b boundary) int { return cmp.Compare(a.key, b.key) })

	// Rows before a boundary are in blocks that begin before it. While these have no more rows than first in all,
	// the row that is looked for is not before the boundary: then all blocks that end before it can be passed over.
	begun := make([]int, len(runs)) // blocks of each run that begin up to the boundary
	before, changed := 0, 0
	for _, b := range boundaries {
		for changed < len(f.changed) && f.changed[changed] < b.key {
			changed++
		}
		before += runs[b.run].counts[begun[b.run]]
		if before+changed > first {
			break
		}
		begun[b.run]++
		passed = changed
	}
	changed = passed
	for i, r := range runs {
		h := &head{finder: f, run: r, next: max(begun[i]-1, 0)}
		for _, n := range r.counts[:h.next] {
			passed += n
		}
		heads = append(heads, h)
	}
	return passed, append(heads, &head{keys: f.changed[changed:]})
}

// head is what is left of a run, or of the changed rows.
type head struct {
	finder *finder
	run    *run     // nil for the changed rows
	next   int      // block
	keys   []string // of selected rows of the blocks before
}

// load reads the next block with selected rows, if there is one and nothing is left.
func (h *head) load(ctx context.Context) error {
	if h.run == nil {
		return nil
	}
	for r := h.run; len(h.keys) == 0 && h.next < len(r.counts); h.next++ {
		if r.counts[h.next] == 0 {
			continue
		}
		keys, err := h.finder.keys(ctx, r.segment, r.order, h.finder.q.Sort, h.next)
		if err != nil {
			return err
		}
		from, _ := r.block(h.next)
		for i, key := range keys {
			if r.hits.has(r.row(from + i)) {
				h.keys = append(h.keys, key)
			}
		}
	}
	return nil
}

// headHeap has the smallest key first.
type headHeap []*head

func (h headHeap) Len() int           { return len(h) }
func (h headHeap) Less(i, j int) bool { return h[i].keys[0] < h[j].keys[0] }
func (h headHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *headHeap) Push(x any)        { *h = append(*h, x.(*head)) }
func (h *headHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
