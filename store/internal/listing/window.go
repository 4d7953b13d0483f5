package listing

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
)

// window answers the keys of the selected rows from one place in the ascending order up to another. It passes over
// whole blocks by their counts, and merges what is left: about a block of each segment.
func (f *finder) window(ctx context.Context, first, last int) ([]string, error) {
	orders, err := f.orders(ctx, f.segments, f.q.Sort)
	if err != nil {
		return nil, err
	}
	passed, heads := f.pass(orders, first)
	if err := f.load(ctx, heads); err != nil {
		return nil, err
	}
	merge := headHeap(slices.DeleteFunc(heads, func(h *head) bool { return len(h.keys) == 0 }))
	heap.Init(&merge)
	keys := make([]string, 0, last-first)
	for n := passed; n < last && len(merge) > 0; n++ {
		h := merge[0]
		if n >= first {
			keys = append(keys, h.keys[0])
		}
		if h.keys = h.keys[1:]; len(h.keys) == 0 {
			if err := f.load(ctx, merge[:1]); err != nil {
				return nil, err
			}
		}
		if len(h.keys) == 0 {
			heap.Pop(&merge)
		} else {
			heap.Fix(&merge, 0)
		}
	}
	return keys, nil
}

// pass passes over rows of which no more than first come before the rest. It answers how many these are, and the
// rest.
func (f *finder) pass(orders []*order, first int) (passed int, heads []*head) {
	type boundary struct {
		key   string
		order int
	}
	var boundaries []boundary
	for i, o := range orders {
		for _, key := range o.firsts {
			boundaries = append(boundaries, boundary{key, i})
		}
	}
	slices.SortFunc(boundaries, func(a, b boundary) int { return cmp.Compare(a.key, b.key) })

	// Rows before a boundary are in blocks that begin before it. While these have no more rows than first in all,
	// the row that is looked for is not before the boundary: then all blocks that end before it can be passed over.
	begun := make([]int, len(orders)) // blocks of each that begin up to the boundary
	before, changed := 0, 0
	for _, b := range boundaries {
		for changed < len(f.changed) && f.changed[changed] < b.key {
			changed++
		}
		before += orders[b.order].counts[begun[b.order]]
		if before+changed > first {
			break
		}
		begun[b.order]++
		passed = changed
	}
	heads = append(heads, &head{keys: f.changed[passed:]})
	for i, o := range orders {
		h := &head{order: o, next: max(begun[i]-1, 0)}
		for _, n := range o.counts[:h.next] {
			passed += n
		}
		heads = append(heads, h)
	}
	return passed, heads
}

// head is what is left of an order, or of the changed rows.
type head struct {
	order *order   // nil for the changed rows
	next  int      // block
	keys  []string // of selected rows of the blocks before
}

// load reads for each that has no keys left the next block with selected rows, if there is one.
func (f *finder) load(ctx context.Context, heads []*head) error {
	var asked []Key
	var loading []*head
	for _, h := range heads {
		if h.order == nil || len(h.keys) > 0 {
			continue
		}
		for h.next < len(h.order.counts) && h.order.counts[h.next] == 0 {
			h.next++
		}
		if h.next < len(h.order.counts) {
			asked, loading = append(asked, Key{h.order.number, blockPart(f.q.Sort, h.next)}), append(loading, h)
		}
	}
	return f.some(ctx, asked, func(i int, data []byte) error {
		h := loading[i]
		from, to := h.order.block(h.next)
		keys, err := readBlock(data, to-from)
		for j, key := range keys {
			if h.order.hits.has(h.order.row(from + j)) {
				h.keys = append(h.keys, key)
			}
		}
		h.next++
		return err
	})
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
