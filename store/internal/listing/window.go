package listing

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
)

// window answers the keys of the selected rows from one place in the ascending order up to another. It passes over
// whole blocks by their counts, and merges what is left.
func (f *finder) window(ctx context.Context, first, last int) ([]string, error) {
	orders, err := f.orders(ctx)
	if err != nil {
		return nil, err
	}
	passed, heads := f.pass(orders, first)
	// Blocks with rows on both sides of what was passed over are needed for certain.
	begun := slices.DeleteFunc(slices.Clone(heads), func(h *head) bool { return !h.begun })
	if err := f.load(ctx, begun); err != nil {
		return nil, err
	}
	keys := make([]string, 0, last-first)
	merge := headHeap(heads)
	heap.Init(&merge)
	for n := passed; n < last && len(merge) > 0; {
		h := merge[0]
		switch {
		case len(h.keys) > 0:
			if n >= first {
				keys = append(keys, h.keys[0])
			}
			n++
			h.keys = h.keys[1:]
			heap.Fix(&merge, 0)
		case h.ended():
			heap.Pop(&merge)
		default:
			if err := f.load(ctx, merge.next()); err != nil {
				return nil, err
			}
			heap.Init(&merge)
		}
	}
	return keys, nil
}

// pass passes over rows of which no more than first come before the rest. It answers how many these are, and the
// rest.
//
// Rows before a key are in blocks that begin before it. While these have no more rows than first in all, the row that is
// looked for is not before the key: then all blocks that end before it can be passed over. The largest such key is found
// among those at which blocks begin, by halving what is left of them.
func (f *finder) pass(orders []*order, first int) (passed int, heads []*head) {
	begun, most := make([]int, len(orders)), make([]int, len(orders)) // blocks that begin up to the key: at least, at most
	for i, o := range orders {
		most[i] = len(o.bounds)
	}
	here := make([]int, len(orders))
	for {
		widest := -1
		for i := range orders {
			if most[i] > begun[i] && (widest < 0 || most[i]-begun[i] > most[widest]-begun[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		middle := (begun[widest] + most[widest]) / 2
		key := orders[widest].bounds[middle]
		before, _ := slices.BinarySearch(f.changed, key)
		rows := before
		for i, o := range orders {
			n, _ := slices.BinarySearch(o.bounds[begun[i]:most[i]], key)
			if here[i] = begun[i] + n; i == widest {
				here[i]++ // the key itself
			}
			rows += o.counts[min(here[i], o.blocks())]
		}
		if rows <= first {
			begun, here, passed = here, begun, before
		} else {
			here[widest] = middle
			most, here = here, most
		}
	}
	heads = append(heads, &head{keys: f.changed[passed:]})
	for i, o := range orders {
		h := &head{order: o, next: max(begun[i]-1, 0), begun: begun[i] > 0}
		passed += o.counts[h.next]
		heads = append(heads, h)
	}
	return passed, heads
}

// head is what is left of an order, or of the changed rows.
type head struct {
	order *order   // nil for the changed rows
	begun bool     // rows of the next block come before what was passed over
	next  int      // block
	keys  []string // of selected rows of the blocks before
}

// bound is what no key comes before.
func (h *head) bound() string {
	switch {
	case len(h.keys) > 0:
		return h.keys[0]
	case h.ended():
		return ""
	default:
		return h.order.bounds[h.next]
	}
}

// ended says whether there is no block to load.
func (h *head) ended() bool { return h.order == nil || h.next == h.order.blocks() }

// load reads for each the next block with selected rows, if there is one.
func (f *finder) load(ctx context.Context, heads []*head) error {
	var asked []Key
	var loading []*head
	for _, h := range heads {
		for !h.ended() && h.order.selected(h.next) == 0 {
			h.next++
		}
		if !h.ended() {
			asked, loading = append(asked, Key{h.order.number, blockPart(f.q.Sort, h.next)}), append(loading, h)
		}
	}
	return f.some(ctx, asked, func(i int, data []byte) error {
		h := loading[i]
		block, err := h.order.readBlock(h.next, data)
		for j, row := range block.rows {
			if h.order.hits.has(row) {
				h.keys = append(h.keys, block.keys[j])
			}
		}
		h.next++
		return err
	})
}

// headHeap has the smallest bound first.
type headHeap []*head

// together is how many blocks are read at once: one is rarely enough, and asking costs more than reading.
const together = 16

// next answers which are to be loaded when the first is.
func (h headHeap) next() []*head {
	var out []*head
	for _, head := range h {
		if len(head.keys) == 0 && !head.ended() {
			out = append(out, head)
		}
	}
	slices.SortFunc(out, func(a, b *head) int { return cmp.Compare(a.bound(), b.bound()) })
	return out[:min(len(out), together)]
}

func (h headHeap) Len() int           { return len(h) }
func (h headHeap) Less(i, j int) bool { return h[i].bound() < h[j].bound() }
func (h headHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *headHeap) Push(x any)        { *h = append(*h, x.(*head)) }
func (h *headHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
