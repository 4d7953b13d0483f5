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
	// Part passes on one part, if it is there.
	Part(ctx context.Context, name []byte, segment int64, see func(data []byte) error) error
	// Row answers the row of an invoice as it is now; false if there is none.
	Row(ctx context.Context, id string) (Row, bool, error)
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
	for _, s := range f.segments {
		switch {
		case s.first >= f.from && s.last <= f.to:
			continue
		case s.last < f.from || s.first > f.to:
			s.hits = bitmap{}
			continue
		}
		o, err := f.order(ctx, s, invoice.SortCreated)
		if err != nil {
			return err
		}
		first, err := f.rank(ctx, s, o, invoice.SortCreated, timeKey(f.from))
		if err != nil {
			return err
		}
		last := o.len()
		if f.to < math.MaxInt64 {
			if last, err = f.rank(ctx, s, o, invoice.SortCreated, timeKey(f.to+1)); err != nil {
				return err
			}
		}
		var within bitmap
		for i := first; i < last; i++ {
			within.add(o.row(i))
		}
		s.hits.and(&within)
	}
	return nil
}

// order reads the order of one segment.
func (f *finder) order(ctx context.Context, s *segment, sort invoice.Sort) (o order, err error) {
	err = f.source.Part(ctx, orderPart(sort), s.number, func(data []byte) (err error) {
		o, err = readOrder(data)
		return err
	})
	if err != nil || o.len() == 0 {
		return o, cmp.Or(err, damaged(s.number))
	}
	return o, nil
}

// keys reads a block of an order.
func (f *finder) keys(ctx context.Context, s *segment, o order, sort invoice.Sort, block int) (keys []string, err error) {
	from, to := o.block(block)
	err = f.source.Part(ctx, blockPart(sort, block), s.number, func(data []byte) (err error) {
		keys, err = readBlock(data, to-from)
		return err
	})
	if err == nil && keys == nil {
		err = damaged(s.number)
	}
	return keys, err
}

// rank is how many rows of a segment come before the key.
func (f *finder) rank(ctx context.Context, s *segment, o order, sort invoice.Sort, key string) (int, error) {
	block, exact := slices.BinarySearch(o.firsts, key)
	if exact || block == 0 {
		return block * blockRows, nil
	}
	keys, err := f.keys(ctx, s, o, sort, block-1)
	if err != nil {
		return 0, err
	}
	within, _ := slices.BinarySearch(keys, key)
	return (block-1)*blockRows + within, nil
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
	for _, s := range f.segments {
		o, err := f.order(ctx, s, f.q.Sort)
		if err != nil {
			return 0, err
		}
		rank, err := f.rank(ctx, s, o, f.q.Sort, key)
		if err != nil {
			return 0, err
		}
		for i := range rank {
			if s.hits.has(o.row(i)) {
				n++
			}
		}
	}
	return n, nil
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
