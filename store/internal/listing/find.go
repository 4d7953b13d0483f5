package listing

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"github.com/cointill/cointill/invoice"
)

// Source is what a database has of a listing, as of one moment. Slices that it passes on are valid during the call
// only, and errors of what it calls are answered as they are.
type Source interface {
	// Changed passes on the rows of the invoices that changed since their segments were written, by number.
	Changed(ctx context.Context, see func(n int64, row []byte) error) error
	// Parts passes on the parts of all segments with this name.
	Parts(ctx context.Context, name []byte, see func(segment int64, data []byte) error) error
	// Some passes on single parts, in any order, each with its place among those that were asked for.
	Some(ctx context.Context, asked []Key, see func(i int, data []byte) error) error
	// Row answers the row of an invoice as it is now; false if there is none.
	Row(ctx context.Context, id string) (Row, bool, error)
}

// Key names a part of a segment.
type Key struct {
	Segment int64
	Part    []byte
}

// Page is the ids of a page's invoices, in order.
type Page struct {
	IDs   []string
	Total int // on all pages
}

// Find answers the page of a query.
func Find(ctx context.Context, source Source, q invoice.Query) (Page, error) {
	f := &finder{source: source, q: q, needle: lower(q.Search), from: math.MinInt64, to: math.MaxInt64}
	if !slices.Contains(sorts, q.Sort) {
		f.q.Sort = invoice.SortCreated
	}
	if !q.CreatedAfter.IsZero() {
		f.from = Nanos(q.CreatedAfter)
	}
	if !q.CreatedBefore.IsZero() {
		f.to = Nanos(q.CreatedBefore)
	}
	if err := f.selectRows(ctx); err != nil {
		return Page{}, err
	}
	page := Page{Total: len(f.changed)}
	for _, s := range f.segments {
		page.Total += s.count
	}
	first, last, err := f.bounds(ctx, page.Total)
	if err != nil || first >= last {
		return page, err
	}
	keys, err := f.window(ctx, first, last)
	if err != nil {
		return Page{}, err
	}
	if !q.Ascending {
		slices.Reverse(keys)
	}
	for _, key := range keys {
		page.IDs = append(page.IDs, idOf(f.q.Sort, key))
	}
	return page, nil
}

// finder is one query on its way.
type finder struct {
	source   Source
	q        invoice.Query
	needle   string
	from, to int64 // of creation, both included

	segments []*segment // by number
	changed  []string   // keys of the changed rows that are selected, in order
}

// segment is what is known of one.
type segment struct {
	number      int64
	hits        bitmap // the rows that are selected
	count       int    // of hits
	first, last int64  // creation
}

// selectRows finds out which rows the query selects.
func (f *finder) selectRows(ctx context.Context) error {
	if err := f.readSegments(ctx); err != nil {
		return err
	}
	if err := f.readChanged(ctx); err != nil {
		return err
	}
	if err := f.restrict(ctx); err != nil {
		return err
	}
	f.drop()
	if err := f.restrictTime(ctx); err != nil {
		return err
	}
	if f.drop(); f.needle != "" && len(f.segments) > 0 {
		if err := f.search(ctx, f.needle); err != nil {
			return err
		}
		f.drop()
	}
	return nil
}

// drop forgets segments without hits, and counts those of the others.
func (f *finder) drop() {
	f.segments = slices.DeleteFunc(f.segments, func(s *segment) bool {
		s.count = s.hits.count()
		return s.count == 0
	})
}

func (f *finder) readSegments(ctx context.Context) error {
	return f.source.Parts(ctx, []byte(partAll), func(number int64, data []byte) error {
		d := decoder{data: data}
		bounds, rows := d.bytes(16), d.set()
		if d.bad {
			return damaged(number)
		}
		s := &segment{
			number: number,
			first:  int64(binary.LittleEndian.Uint64(bounds)), last: int64(binary.LittleEndian.Uint64(bounds[8:])),
		}
		rows.addTo(&s.hits)
		f.segments = append(f.segments, s)
		return nil
	})
}

// readChanged takes changed rows out of their segments and looks at them by themselves.
func (f *finder) readChanged(ctx context.Context) error {
	byNumber := make(map[int64]*segment, len(f.segments))
	for _, s := range f.segments {
		byNumber[s.number] = s
	}
	err := f.source.Changed(ctx, func(n int64, data []byte) error {
		if s := byNumber[n/span]; s != nil {
			s.hits.remove(uint16(n % span))
		}
		row, err := decodeRow(data)
		if err != nil {
			return damaged(n / span)
		}
		if f.selects(&row) {
			f.changed = append(f.changed, row.key(f.q.Sort))
		}
		return nil
	})
	slices.Sort(f.changed)
	return err
}

// selects is what restrict, restrictTime and search do, for one row.
func (f *finder) selects(r *Row) bool {
	switch {
	case r.Standing != f.q.Standing,
		f.q.Project != "" && r.Project != f.q.Project,
		f.q.Status != "" && r.Status != string(f.q.Status),
		f.q.AssetCode != "" && r.Asset != f.q.AssetCode,
		f.q.Fiat != "" && r.Fiat != f.q.Fiat,
		r.Created < f.from, r.Created > f.to:
		return false
	}
	return f.needle == "" || slices.ContainsFunc(texts, func(t text) bool {
		return strings.Contains(lower(t.of(r)), f.needle)
	})
}

// restrict leaves the rows with all the terms of the query.
func (f *finder) restrict(ctx context.Context) error {
	for _, t := range []struct{ field, value string }{
		{"project", f.q.Project}, {"status", string(f.q.Status)}, {"asset", f.q.AssetCode}, {"fiat", f.q.Fiat},
	} {
		if t.value == "" {
			continue
		}
		found, err := f.members(ctx, []byte(term(t.field, t.value)))
		if err != nil {
			return err
		}
		f.keep(found)
	}
	standing, err := f.members(ctx, []byte(termStanding))
	if err != nil {
		return err
	}
	if f.q.Standing {
		f.keep(standing)
		return nil
	}
	for _, s := range f.segments {
		if out := standing[s.number]; out != nil {
			for i := range s.hits {
				s.hits[i] &^= out[i]
			}
		}
	}
	return nil
}

// members reads a part that is a set of rows, by segment.
func (f *finder) members(ctx context.Context, part []byte) (map[int64]*bitmap, error) {
	out := map[int64]*bitmap{}
	err := f.source.Parts(ctx, part, func(number int64, data []byte) error {
		d := decoder{data: data}
		rows := d.set()
		if d.bad {
			return damaged(number)
		}
		out[number] = new(bitmap)
		rows.addTo(out[number])
		return nil
	})
	return out, err
}

// keep leaves the rows that were found.
func (f *finder) keep(found map[int64]*bitmap) {
	for _, s := range f.segments {
		if hits := found[s.number]; hits != nil {
			s.hits.and(hits)
		} else {
			s.hits = bitmap{}
		}
	}
}

// restrictTime leaves the rows that were created in time. Most segments are so as a whole, or not at all, because
// invoices are numbered about as they are created.
func (f *finder) restrictTime(ctx context.Context) error {
	var partly []*segment
	for _, s := range f.segments {
		switch {
		case s.first >= f.from && s.last <= f.to:
		case s.last < f.from || s.first > f.to:
			s.hits = bitmap{}
		default:
			partly = append(partly, s)
		}
	}
	orders, err := f.orders(ctx, partly, invoice.SortCreated)
	if err != nil {
		return err
	}
	firsts, err := f.ranks(ctx, orders, invoice.SortCreated, timeKey(f.from))
	if err != nil {
		return err
	}
	lasts := make([]int, len(orders))
	for i, o := range orders {
		lasts[i] = o.len()
	}
	if f.to < math.MaxInt64 {
		if lasts, err = f.ranks(ctx, orders, invoice.SortCreated, timeKey(f.to+1)); err != nil {
			return err
		}
	}
	for i, o := range orders {
		var within bitmap
		for j := firsts[i]; j < lasts[i]; j++ {
			within.add(o.row(j))
		}
		o.hits.and(&within)
	}
	return nil
}

// orders reads the order of each of the segments.
func (f *finder) orders(ctx context.Context, segments []*segment, sort invoice.Sort) ([]*order, error) {
	asked, orders := make([]Key, len(segments)), make([]*order, len(segments))
	for i, s := range segments {
		asked[i], orders[i] = Key{s.number, orderPart(sort)}, &order{segment: s}
	}
	err := f.some(ctx, asked, func(i int, data []byte) error { return orders[i].read(data) })
	return orders, err
}

// some reads parts that must all be there.
func (f *finder) some(ctx context.Context, asked []Key, see func(i int, data []byte) error) error {
	if len(asked) == 0 {
		return nil
	}
	missing := len(asked)
	err := f.source.Some(ctx, asked, func(i int, data []byte) error {
		missing--
		if see(i, data) != nil {
			return damaged(asked[i].Segment)
		}
		return nil
	})
	if err == nil && missing != 0 {
		err = damaged(asked[0].Segment)
	}
	return err
}

// ranks answers how many rows of each order come before the key.
func (f *finder) ranks(ctx context.Context, orders []*order, sort invoice.Sort, key string) ([]int, error) {
	ranks := make([]int, len(orders))
	var asked []Key
	var within []int // of which order a block is asked for
	for i, o := range orders {
		block, exact := slices.BinarySearch(o.firsts, key)
		if ranks[i] = block * blockRows; exact || block == 0 {
			continue
		}
		ranks[i] -= blockRows // and those of the block before that come before the key
		asked, within = append(asked, Key{o.number, blockPart(sort, block-1)}), append(within, i)
	}
	err := f.some(ctx, asked, func(i int, data []byte) error {
		o := orders[within[i]]
		from, to := o.block(ranks[within[i]] / blockRows)
		keys, err := readBlock(data, to-from)
		n, _ := slices.BinarySearch(keys, key)
		ranks[within[i]] += n
		return err
	})
	return ranks, err
}

// bounds answers which of the selected rows, counted in ascending order, are on the page.
func (f *finder) bounds(ctx context.Context, total int) (first, last int, err error) {
	offset, limit := max(f.q.Offset, 0), max(f.q.Limit, 0)
	before, after := 0, total // how many come before, or up to, the invoice that the page comes after
	if f.q.After != "" {
		row, known, err := f.source.Row(ctx, f.q.After)
		if err != nil || !known {
			return 0, 0, err
		}
		key := row.key(f.q.Sort)
		if f.q.Ascending {
			key += "\x00" // behind it
		}
		n, err := f.selectedBefore(ctx, key)
		if err != nil {
			return 0, 0, err
		}
		before, after = n, n
	}
	if f.q.Ascending {
		first = before + min(offset, total-before)
		return first, first + min(limit, total-first), nil
	}
	last = after - min(offset, after)
	return last - min(limit, last), last, nil
}

// selectedBefore counts the selected rows that come before the key.
func (f *finder) selectedBefore(ctx context.Context, key string) (int, error) {
	n, _ := slices.BinarySearch(f.changed, key)
	orders, err := f.orders(ctx, f.segments, f.q.Sort)
	if err != nil {
		return 0, err
	}
	ranks, err := f.ranks(ctx, orders, f.q.Sort, key)
	for i, o := range orders {
		for j := range ranks[i] {
			if o.hits.has(o.row(j)) {
				n++
			}
		}
	}
	return n, err
}

// Walks says whether the page of a query is rather found by going along an index of a project's invoices by time of
// creation, from the one that it comes after: no total is wanted, and nothing else selects.
func Walks(q invoice.Query) bool {
	return q.Uncounted && q.Project != "" && q.Offset <= 0 && (q.Sort == "" || q.Sort == invoice.SortCreated) &&
		q.Status == "" && q.AssetCode == "" && q.Fiat == "" && q.Search == ""
}

// Arrange puts invoices into the order of the ids.
func Arrange(invoices []invoice.Invoice, ids []string) {
	place := make(map[string]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	slices.SortFunc(invoices, func(a, b invoice.Invoice) int { return cmp.Compare(place[a.ID], place[b.ID]) })
}
