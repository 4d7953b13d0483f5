package listing

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cointill/cointill/invoice"
)

// Source reads a listing from one state of a database. Slices that it passes on are valid only during the call. It
// returns the errors of the functions that it calls.
type Source interface {
	// Segments passes on all segments.
	Segments(ctx context.Context, see func(Segment) error) error
	// Changed passes on the rows of the invoices that have changed since their segments were written, by number.
	Changed(ctx context.Context, see func(n int64, row []byte) error) error
	// Parts passes on the parts with these names of all these writings, in any order. There are up to [MostParts]
	// names.
	Parts(ctx context.Context, of []Writing, names [][]byte, see See) error
	// Some passes on single parts, in any order, each with its index among those that were asked for. Their names are
	// ASCII.
	Some(ctx context.Context, asked []Key, see func(i int, data []byte) error) error
	// Row returns the row of an invoice as it is now, and reports whether there is one.
	Row(ctx context.Context, id string) (Row, bool, error)
}

// Segment states which writings of a segment are current: that of its parts, 0 for none, and that of the parts of its
// texts.
type Segment struct{ Number, Parts, Texts int64 }

// See receives a part of a segment.
type See func(name []byte, segment int64, data []byte) error

// MostParts is how many parts are read at once.
const MostParts = 8

// Key identifies a part of a segment.
type Key struct {
	Writing
	Part []byte
}

// Page is the ids of the invoices of a page, in order.
type Page struct {
	IDs   []string
	Total int // on all pages
}

// Find returns the page of a query. The cache belongs to this source, or to others of the same database.
func Find(ctx context.Context, source Source, cache *Cache, q invoice.Query) (Page, error) {
	f := &finder{source: source, cache: cache, q: q, projects: map[string]bool{}, from: math.MinInt64, to: math.MaxInt64}
	f.needle, f.nowhere = lower(q.Search), !utf8.ValidString(q.Search) || strings.Contains(q.Search, "\x00")
	for _, project := range q.SearchProjects {
		f.projects[project] = true
	}
	if !slices.Contains(sorts, q.Sort) {
		f.q.Sort = invoice.SortCreated
	}
	for _, t := range []term{{rowProject, q.Project}, {rowStatus, string(q.Status)}, {rowAsset, q.AssetCode}, {rowFiat, q.Fiat}, {rowFormat, q.Format}} {
		if t.value != "" {
			f.terms = append(f.terms, t)
		}
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

// term is a value of a text of the selected rows.
type term struct {
	text  int
	value string
}

// finder is the state of one query.
type finder struct {
	source   Source
	cache    *Cache
	q        invoice.Query
	needle   string
	nowhere  bool            // no text can have the needle
	projects map[string]bool // whose rows are found as well
	terms    []term
	from, to int64 // of creation, both included

	segments []*segment // by number
	changed  []string   // keys of the changed rows that are selected, in order
}

// segment is what the query knows about a segment.
type segment struct {
	number       int64
	parts, texts Writing
	whole
	hits  bitmap // the rows that are selected
	count int    // of hits, when all is looked at
}

// selectRows determines which rows the query selects.
func (f *finder) selectRows(ctx context.Context) error {
	if err := f.readSegments(ctx); err != nil {
		return err
	}
	if err := f.readChanged(ctx); err != nil {
		return err
	}
	f.drop()
	if err := f.restrictTime(ctx); err != nil {
		return err
	}
	if f.drop(); f.needle != "" && len(f.segments) > 0 {
		if err := f.search(ctx); err != nil {
			return err
		}
		f.drop()
	}
	return nil
}

// drop removes segments without hits, and counts the hits of the others.
func (f *finder) drop() {
	f.segments = slices.DeleteFunc(f.segments, func(s *segment) bool {
		s.count = s.hits.count()
		return s.count == 0
	})
}

// readSegments reads the segments, and keeps the rows with all terms of the query.
func (f *finder) readSegments(ctx context.Context) error {
	err := f.source.Segments(ctx, func(s Segment) error {
		if s.Parts != 0 {
			f.segments = append(f.segments, &segment{
				number: s.Number, parts: Writing{s.Number, s.Parts}, texts: Writing{s.Number, s.Texts},
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	names := []string{partAll, partStanding}
	for _, t := range f.terms {
		names = append(names, string(termPart(t.text, t.value)))
	}
	parts, err := f.parts(ctx, names)
	if err != nil {
		return err
	}
	for i, s := range f.segments {
		if !s.restrict(parts[i], f.q.Standing) {
			return damaged(s.number)
		}
	}
	return nil
}

// restrict keeps the rows that are in all of the parts, which are those that readSegments names. It reports whether
// they are such parts.
func (s *segment) restrict(parts [][]byte, standing bool) bool {
	d := decoder{data: parts[0]}
	s.whole = d.whole(&s.hits)
	bad := d.bad
	for i, data := range parts[1:] {
		d := decoder{data: data}
		switch apart := i == 0 && !standing; {
		case data == nil && !apart:
			s.hits = bitmap{}
		case data == nil: // none are
		case apart:
			d.set().removeFrom(&s.hits)
		default:
			d.set().leaveIn(&s.hits)
		}
		bad = bad || d.bad
	}
	return !bad
}

// parts returns the parts of each segment with these names, nil for missing ones.
func (f *finder) parts(ctx context.Context, names []string) ([][][]byte, error) {
	out := make([][][]byte, len(f.segments))
	var missing []Writing
	index := map[int64]int{}
	for i, s := range f.segments {
		out[i] = make([][]byte, len(names))
		known := true
		for j, name := range names {
			part, ok := f.cache.get(s.parts, name)
			out[i][j], _ = part.([]byte)
			known = known && ok
		}
		if !known {
			missing, index[s.number] = append(missing, s.parts), i
		}
	}
	if len(missing) == 0 {
		return out, nil
	}
	asked := make([][]byte, len(names))
	for j, name := range names {
		asked[j] = []byte(name)
	}
	err := f.source.Parts(ctx, missing, asked, func(name []byte, number int64, data []byte) error {
		out[index[number]][slices.Index(names, string(name))] = bytes.Clone(data)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, w := range missing {
		for j, name := range names {
			part := out[index[w.Segment]][j]
			f.cache.put(w, name, part, len(part))
		}
	}
	return out, nil
}

// readChanged removes changed rows from their segments and selects them separately.
func (f *finder) readChanged(ctx context.Context) error {
	byNumber := make(map[int64]*segment, len(f.segments))
	for _, s := range f.segments {
		byNumber[s.number] = s
	}
	var row encoded
	err := f.source.Changed(ctx, func(n int64, data []byte) error {
		if s := byNumber[n/span]; s != nil {
			s.hits.remove(uint16(n % span))
		}
		if row.read(data) != nil {
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

// selects does for one row what readSegments, restrictTime and search do.
func (f *finder) selects(r *encoded) bool {
	if r.standing != f.q.Standing || r.created < f.from || r.created > f.to {
		return false
	}
	for _, t := range f.terms {
		if string(r.texts[t.text]) != t.value {
			return false
		}
	}
	if f.needle == "" || f.projects[string(r.texts[rowProject])] {
		return true
	}
	return !f.nowhere && slices.ContainsFunc(texts, func(t text) bool {
		return strings.Contains(lower(string(r.texts[t.encoded])), f.needle)
	})
}

// restrictTime keeps the rows that were created within the bounds. Most segments are within them as a whole, or not at
// all, because invoices are numbered roughly as they are created.
func (f *finder) restrictTime(ctx context.Context) error {
	var partly []*segment
	for _, s := range f.segments {
		switch {
		case s.from >= f.from && s.to <= f.to:
		case s.to < f.from || s.from > f.to:
			s.hits = bitmap{}
		default:
			partly = append(partly, s)
		}
	}
	var asked []Key
	for _, s := range partly {
		asked = append(asked, Key{s.parts, []byte(partTimes)})
	}
	return f.some(ctx, asked, func(i int, data []byte) error {
		if len(data) != 8*(partly[i].last+1) {
			return errDamaged
		}
		var within bitmap
		for row := range partly[i].last + 1 {
			if at := int64(binary.LittleEndian.Uint64(data[8*row:])); at >= f.from && at <= f.to {
				within.add(uint16(row))
			}
		}
		partly[i].hits.and(&within)
		return nil
	})
}

// orders reads the order of each segment.
func (f *finder) orders(ctx context.Context) ([]*order, error) {
	part := orderPart(f.q.Sort)
	var asked []Key
	var missing []*order
	orders := make([]*order, len(f.segments))
	for i, s := range f.segments {
		orders[i] = &order{segment: s}
		if known, ok := f.cache.get(s.parts, string(part)); ok {
			orders[i].arrangement = known.(*arrangement)
		} else {
			asked, missing = append(asked, Key{s.parts, part}), append(missing, orders[i])
		}
	}
	err := f.some(ctx, asked, func(i int, data []byte) (err error) {
		o := missing[i]
		if o.arrangement, err = readArrangement(data, o.last); err == nil {
			f.cache.put(o.parts, string(part), o.arrangement, o.size())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, o := range orders {
		if !o.tally() {
			return nil, damaged(o.number)
		}
	}
	return orders, nil
}

// some reads parts that must all exist.
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

// bounds returns which of the selected rows, counted in ascending order, are on the page.
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

// selectedBefore counts the selected rows before the key.
func (f *finder) selectedBefore(ctx context.Context, key string) (int, error) {
	n, _ := slices.BinarySearch(f.changed, key)
	orders, err := f.orders(ctx)
	if err != nil {
		return 0, err
	}
	var partly []loading // the blocks that begin before the key, and may end behind it
	for _, o := range orders {
		begun, _ := slices.BinarySearch(o.bounds, key)
		block := max(begun-1, 0)
		n += o.counts[block]
		if begun > 0 && block < o.blocks() && o.selected(block) > 0 {
			partly = append(partly, loading{&head{order: o}, block})
		}
	}
	if err := f.load(ctx, partly); err != nil {
		return 0, err
	}
	for _, l := range partly {
		within, _ := slices.BinarySearch(l.keys, key)
		n += within
	}
	return n, nil
}

// Walks reports whether it is better to find the page of a query by walking an index of the invoices of a project by
// time of creation, from the invoice that the page comes after: no total is wanted, and nothing else selects.
func Walks(q invoice.Query) bool {
	return q.Uncounted && q.Project != "" && q.Offset <= 0 && (q.Sort == "" || q.Sort == invoice.SortCreated) &&
		q.Status == "" && q.AssetCode == "" && q.Fiat == "" && q.Format == "" && q.Search == ""
}

// Arrange sorts invoices into the order of the ids.
func Arrange(invoices []invoice.Invoice, ids []string) {
	place := make(map[string]int, len(ids))
	for i, id := range ids {
		place[id] = i
	}
	slices.SortFunc(invoices, func(a, b invoice.Invoice) int { return cmp.Compare(place[a.ID], place[b.ID]) })
}
