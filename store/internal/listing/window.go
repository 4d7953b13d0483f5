package listing

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
)

// window returns the keys of the selected rows from one index in the ascending order up to another. It passes over
// whole blocks by their counts, and merges what is left.
func (f *finder) window(ctx context.Context, first, last int) ([]string, error) {
	orders, err := f.orders(ctx)
	if err != nil {
		return nil, err
	}
	passed, heads := f.pass(orders, first)
	// Blocks with rows on both sides of what was passed over are needed for certain.
	begun := slices.DeleteFunc(slices.Clone(heads), func(h *head) bool { return !h.begun })
	if err := f.load(ctx, firstOf(begun)); err != nil {
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
			if err := f.load(ctx, merge.next(last-n)); err != nil {
				return nil, err
			}
			heap.Init(&merge)
		}
	}
	return keys, nil
}

// pass passes over rows of which no more than first come before the rest. It returns how many these are, and the rest.
//
// Rows before a key are in blocks that begin before it. As long as these blocks have no more rows than first in all,
// the row at first is not before the key, and all blocks that end before the key can be passed over. The largest such
// key is found among those at which blocks begin, by bisection.
func (f *finder) pass(orders []*order, first int) (passed int, heads []*head) {
	begun, most := make([]int, len(orders)), make([]int, len(orders)) // blocks that begin up to the key: at least, at most
	for i, o := range orders {
		most[i] = len(o.bounds)
	}
	here := make([]int, len(orders))
	for {
		pivot := middle(begun, most, orders)
		if pivot < 0 {
			break
		}
		block := (begun[pivot] + most[pivot]) / 2
		key := orders[pivot].bounds[block]
		before, _ := slices.BinarySearch(f.changed, key)
		rows := before
		for i, o := range orders {
			n, _ := slices.BinarySearch(o.bounds[begun[i]:most[i]], key)
			if here[i] = begun[i] + n; i == pivot {
				here[i]++ // the key itself
			}
			rows += o.counts[min(here[i], o.blocks())]
		}
		if rows <= first {
			begun, here, passed = here, begun, before
		} else {
			here[pivot] = block
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

// middle returns the order whose middle key is in the middle of those of all orders, each weighted with the number of
// its keys that are left, or -1 if none are left. Whichever way the comparison with that key ends, a quarter of all
// keys is eliminated.
func middle(begun, most []int, orders []*order) int {
	key := func(i int) string { return orders[i].bounds[(begun[i]+most[i])/2] }
	var left []int
	total := 0
	for i := range orders {
		if most[i] > begun[i] {
			left, total = append(left, i), total+most[i]-begun[i]
		}
	}
	slices.SortFunc(left, func(a, b int) int { return cmp.Compare(key(a), key(b)) })
	passed := 0
	for _, i := range left {
		if passed += most[i] - begun[i]; 2*passed >= total {
			return i
		}
	}
	return -1
}

// head is the rest of an order, or of the changed rows.
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

// ended reports whether there is no block to load.
func (h *head) ended() bool { return h.order == nil || h.next == h.order.blocks() }

// loading is a block to be read.
type loading struct {
	*head
	block int
}

// upcoming adds up to so many of the next blocks that have selected rows.
func (h *head) upcoming(out []loading, most int) []loading {
	had := len(out)
	for block := h.next; h.order != nil && block < h.order.blocks() && len(out)-had < most; block++ {
		if h.order.selected(block) > 0 {
			out = append(out, loading{h, block})
		} else if len(out) == had {
			h.next = block + 1
		}
	}
	return out
}

// firstOf returns the next block with selected rows of each head, if there is one.
func firstOf(heads []*head) []loading {
	var out []loading
	for _, h := range heads {
		out = h.upcoming(out, 1)
	}
	return out
}

// load reads blocks, those of a head in order.
func (f *finder) load(ctx context.Context, blocks []loading) error {
	asked, found := make([]Key, len(blocks)), make([][]string, len(blocks))
	for i, l := range blocks {
		asked[i] = Key{l.order.parts, blockPart(f.q.Sort, l.block)}
	}
	err := f.some(ctx, asked, func(i int, data []byte) (err error) {
		found[i], err = blocks[i].order.selectedKeys(blocks[i].block, data)
		return err
	})
	for i, l := range blocks {
		l.head.keys, l.head.next = append(l.head.keys, found[i]...), l.block+1
	}
	return err
}

// headHeap has the smallest bound first.
type headHeap []*head

// These bound how many blocks are read at once: one more query costs as much as reading some blocks that are not
// needed.
const (
	fewBlocks  = 16
	manyBlocks = 32
)

// next returns the blocks to read when the first head has no keys left, to find so many rows: those that begin first.
func (h headHeap) next(rows int) []loading {
	var out []loading
	for _, head := range h {
		out = head.upcoming(out, manyBlocks)
	}
	slices.SortFunc(out, func(a, b loading) int { return cmp.Compare(a.order.bounds[a.block], b.order.bounds[b.block]) })
	for i, l := range out {
		if rows -= l.order.selected(l.block); i+1 >= fewBlocks && rows <= 0 || i+1 == manyBlocks {
			return out[:i+1]
		}
	}
	return out
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
