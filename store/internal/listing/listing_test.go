package listing

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// shelf is a source and a keeper in memory, beside the invoices themselves.
type shelf struct {
	invoices []invoice.Invoice // in the order of their numbers
	apart    int64             // how far their numbers are apart
	segments map[int64]*writings
	parts    map[partKey][]byte
	changed  map[int64]Change
	cache    Cache
	left     int       // how often the keeper is obeyed before it fails, if that is not negative
	put      [2]int    // most parts, and bytes of more than one, put at once
	between  func(int) // called before each thing that the keeper does, with how many were
	done     int
}

type writings struct{ begun, parts, texts int64 }

type partKey struct {
	Writing
	name string
}

func newShelf() *shelf {
	return &shelf{
		apart: span / 100, segments: map[int64]*writings{}, parts: map[partKey][]byte{}, changed: map[int64]Change{}, left: -1,
		between: func(int) {},
	}
}

func (s *shelf) Changed(_ context.Context, see func(int64, []byte) error) error {
	for n, c := range s.changed {
		if err := see(n, c.Encoded); err != nil {
			return err
		}
	}
	return nil
}

func ofTexts(name []byte) bool {
	first, last := Texts()
	return bytes.Compare(name, first) >= 0 && bytes.Compare(name, last) <= 0
}

func (s *shelf) Segments(_ context.Context, see func(Segment) error) error {
	for number, w := range s.segments {
		if err := see(Segment{number, w.parts, w.texts}); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) Parts(_ context.Context, of []Writing, names [][]byte, see See) error {
	if len(of) == 0 || len(names) > MostParts {
		return fmt.Errorf("%d parts of %d writings", len(names), len(of))
	}
	for _, name := range names {
		for _, w := range of {
			data, known := s.parts[partKey{w, string(name)}]
			if !known {
				continue
			}
			passed := bytes.Clone(data)
			if err := see(name, w.Segment, passed); err != nil {
				return err
			}
			clear(passed) // whoever kept it is found out
		}
	}
	return nil
}

func (s *shelf) Some(_ context.Context, asked []Key, see func(int, []byte) error) error {
	for i, key := range slices.Backward(asked) {
		data, known := s.parts[partKey{key.Writing, string(key.Part)}]
		if !known {
			continue
		}
		passed := bytes.Clone(data)
		if err := see(i, passed); err != nil {
			return err
		}
		clear(passed)
	}
	return nil
}

func (s *shelf) Row(_ context.Context, id string) (Row, bool, error) {
	i := slices.IndexFunc(s.invoices, func(inv invoice.Invoice) bool { return inv.ID == id })
	if i < 0 {
		return Row{}, false, nil
	}
	return RowOf(s.invoices[i]), true, nil
}

func (s *shelf) set(n int, inv invoice.Invoice) {
	if n == len(s.invoices) {
		s.invoices = append(s.invoices, invoice.Invoice{})
	}
	s.invoices[n] = inv
	number := s.number(n)
	s.changed[number] = Change{number, s.changed[number].Version + 1, RowOf(inv).Encode()}
}

func (s *shelf) number(n int) int64 { return int64(n) * s.apart }

func (s *shelf) tidy(t testing.TB, segment int64) {
	t.Helper()
	require.NoError(t, write(t.Context(), s, segment))
}

var errGone = errors.New("the process is gone")

func (s *shelf) obey() error {
	s.between(s.done)
	s.done++
	if s.left == 0 {
		return errGone
	}
	s.left--
	return nil
}

func (s *shelf) Pending(context.Context) (changed []int64, err error) {
	return slices.Collect(maps.Keys(s.changed)), s.obey()
}

func (s *shelf) Begin(_ context.Context, segment, number int64) (Writing, error) {
	if s.segments[segment] == nil {
		s.segments[segment] = new(writings)
	}
	w := s.segments[segment]
	w.begun = max(w.begun+1, number)
	return Writing{segment, w.begun}, s.obey()
}

func (s *shelf) Read(_ context.Context, segment int64, names [][]byte) (changed []Change, data [][]byte, err error) {
	first, last := Numbers(segment)
	for n, c := range s.changed {
		if n >= first && n <= last {
			changed = append(changed, c)
		}
	}
	slices.SortFunc(changed, func(a, b Change) int { return cmp.Compare(a.Number, b.Number) })
	for _, name := range slices.Backward(names) {
		if part, known := s.parts[partKey{Writing{segment, s.segments[segment].parts}, string(name)}]; known {
			data = append(data, part)
		}
	}
	return changed, data, s.obey()
}

func (s *shelf) Put(_ context.Context, w Writing, parts []Part) error {
	if err := s.obey(); err != nil {
		return err
	}
	if s.segments[w.Segment].begun != w.Number {
		return fmt.Errorf("put: %w", invoice.ErrConflict)
	}
	size := 0
	for _, p := range parts {
		key := partKey{w, string(p.Name)}
		if _, again := s.parts[key]; again {
			return fmt.Errorf("%q twice", p.Name)
		}
		s.parts[key] = p.Data
		size += len(p.Data)
	}
	if s.put[0] = max(s.put[0], len(parts)); len(parts) > 1 {
		s.put[1] = max(s.put[1], size)
	}
	return nil
}

func (s *shelf) Finish(_ context.Context, w Writing, texts bool) error {
	if err := s.obey(); err != nil {
		return err
	}
	segment := s.segments[w.Segment]
	if segment.begun != w.Number {
		return fmt.Errorf("finish: %w", invoice.ErrConflict)
	}
	if segment.parts = w.Number; texts {
		segment.texts = w.Number
	}
	return nil
}

func (s *shelf) Merged(_ context.Context, changed []Change) error {
	if err := s.obey(); err != nil {
		return err
	}
	for _, c := range changed {
		if s.changed[c.Number].Version == c.Version {
			delete(s.changed, c.Number)
		}
	}
	return nil
}

// useless reports whether a part is not current and never will be.
func (s *shelf) useless(key partKey) bool {
	w := s.segments[key.Segment]
	return key.Number < w.begun && key.Number != w.parts && (key.Number != w.texts || !ofTexts([]byte(key.name)))
}

func (s *shelf) Clear(_ context.Context, segment int64, most int) (removed int, err error) {
	if err := s.obey(); err != nil {
		return 0, err
	}
	for key := range s.parts {
		if key.Segment == segment && s.useless(key) && removed < most {
			delete(s.parts, key)
			removed++
		}
	}
	return removed, nil
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

var start = time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)

func randomInvoice(r *rand.Rand) invoice.Invoice {
	inv := invoice.Invoice{
		ID:      fmt.Sprintf("%08x-%04x-%s", r.Uint32(), r.Uint32N(1<<16), pick(r, "abba", "ABBA", "")),
		Project: pick(r, "shop", "Other", "shop 2"), OrderID: pick(r, "", "order-%d", "ORDER-%d", "%d%d"),
		Name: pick(r, "", "Tea", "Ein Stuhl aus Öl", "ababababab", "aXbabab", strings.Repeat("long ", 40)),
	}
	for strings.Contains(inv.OrderID, "%") {
		inv.OrderID = strings.Replace(inv.OrderID, "%d", fmt.Sprint(r.IntN(300)), 1)
	}
	inv.CreatedAt = start.Add(time.Duration(r.IntN(50)) * time.Hour)
	change(r, &inv)
	return inv
}

func change(r *rand.Rand, inv *invoice.Invoice) {
	inv.UpdatedAt = inv.CreatedAt.Add(time.Duration(r.IntN(5)) * time.Minute)
	inv.State.Status = pick(r, invoice.Statuses()...)
	inv.Price = invoice.Price{Currency: pick(r, "EUR", "USD", ""), Amount: decimal.New(int64(r.IntN(4)), int32(r.IntN(5)-2))}
	inv.Terms.Standing, inv.Format = r.IntN(10) == 0, pick(r, "", "standard", "itispay")
	if inv.Quote = nil; r.IntN(3) > 0 {
		q := &invoice.Quote{Fiat: invoice.Price{Currency: pick(r, "EUR", "RUB"), Amount: decimal.New(int64(r.IntN(9)), 0)}}
		q.Asset = pick(r, chain.Asset{Code: "BTC", Decimals: 8}, chain.Asset{Code: "ETH", Decimals: 18})
		q.Due = decimal.New(int64(r.IntN(3)), int32(q.Asset.Decimals)-int32(r.IntN(4))).BigInt()
		inv.Quote = q
	}
}

// projects are more than are asked for at once.
var projects = []string{"a", "b", "shop", "c", "SHOP", "d", "", "e", "f", "g", "h", "Other", "Other", "shop 2", "i"}

func randomQuery(r *rand.Rand, s *shelf) invoice.Query {
	q := invoice.Query{
		Sort: pick(r, invoice.Sort(""), invoice.SortCreated, invoice.SortUpdated, invoice.SortFiat, invoice.SortDue), Ascending: r.IntN(2) == 0,
		Standing: r.IntN(10) == 0, Limit: pick(r, 0, 1, 3, 20, 1000), Offset: pick(r, -1, 0, 1, 7, 200, 5000),
	}
	some := s.invoices[r.IntN(len(s.invoices))]
	if r.IntN(3) == 0 {
		q.Project = pick(r, "shop", "Other", "nobody")
	}
	if r.IntN(3) == 0 {
		q.Status = some.State.Status
	}
	if r.IntN(4) == 0 {
		q.AssetCode = pick(r, "BTC", "ETH", "SIM")
	}
	if r.IntN(4) == 0 {
		q.Fiat = pick(r, "EUR", "USD")
	}
	if r.IntN(4) == 0 {
		q.Format = pick(r, "standard", "itispay", "cryptomus")
	}
	if r.IntN(4) == 0 {
		q.CreatedAfter = some.CreatedAt.Add(time.Duration(r.IntN(2)))
	}
	if r.IntN(4) == 0 {
		q.CreatedBefore = start.Add(time.Duration(r.IntN(60)) * time.Hour)
	}
	if r.IntN(2) == 0 {
		text := pick(r, some.ID, some.Project, some.OrderID, some.Name, "abab", "babab", "ababab", "nothing", "Öl")
		from := r.IntN(len(text) + 1)
		q.Search = strings.ToValidUTF8(text[from:from+r.IntN(len(text)-from+1)], "")
	}
	if r.IntN(3) == 0 {
		q.SearchProjects = projects[r.IntN(len(projects)):]
	}
	if r.IntN(4) == 0 {
		q.After = pick(r, some.ID, some.ID, "unknown")
	}
	return q
}

// wanted is the result according to the core.
func (s *shelf) wanted(q invoice.Query) Page {
	var selected []invoice.Invoice
	var last *invoice.Invoice
	for i, inv := range s.invoices {
		if q.Selects(inv) {
			selected = append(selected, inv)
		}
		if inv.ID == q.After {
			last = &s.invoices[i]
		}
	}
	page := q.Page(selected, last)
	out := Page{Total: page.Total}
	for _, inv := range page.Invoices {
		out.IDs = append(out.IDs, inv.ID)
	}
	return out
}

func TestEveryPageIsAsTheCoreSelectsAndSorts(t *testing.T) {
	seeds := uint64(20)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 0))
		s := newShelf()
		s.cache.most = []int{0, 1, 10_000, 1_000_000}[seed%4]
		for round := range 12 {
			for range pick(r, 1, 10, 150) {
				s.set(len(s.invoices), randomInvoice(r))
			}
			for range r.IntN(20) {
				n := r.IntN(len(s.invoices))
				inv := s.invoices[n]
				change(r, &inv)
				if r.IntN(5) == 0 {
					inv.Name += "!"
				}
				s.set(n, inv)
			}
			if last := s.number(len(s.invoices)-1) / span; r.IntN(2) == 0 {
				s.tidy(t, r.Int64N(last+1))
			} else if r.IntN(3) == 0 {
				for segment := range last + 1 {
					s.tidy(t, segment)
				}
			}
			for range 60 {
				q := randomQuery(r, s)
				got, err := Find(t.Context(), s, &s.cache, q)
				require.NoError(t, err)
				require.Equal(t, s.wanted(q), got, "seed %d, round %d: %+v", seed, round, q)
			}
			if most := s.cache.most; most > 0 {
				require.LessOrEqual(t, s.cache.size, most)
			}
			size := 0
			for _, entry := range s.cache.parts {
				size += entry.size
			}
			require.Equal(t, size, s.cache.size)
		}
	}
}

// Where there are many rows, sets are stored in another way, as are pieces of text that occur in most of them.
func TestFullSegmentsAreAsTheCoreSelectsAndSorts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	s := newShelf()
	s.apart = 1
	for n := range span + 500 {
		inv := randomInvoice(r)
		inv.ID = fmt.Sprintf("0198c8d2-%04x-7%03x-8%03x-%012x", n>>4, r.IntN(1<<12), r.IntN(1<<12), n)
		s.set(n, inv)
	}
	s.tidy(t, 0)
	s.tidy(t, 1)
	w := Writing{0, s.segments[0].texts}
	require.Contains(t, s.parts, partKey{w, "text.id.-7a"}, "a part for each third byte")
	require.Contains(t, s.parts, partKey{w, "text.id.12"}, "a part for all of them")
	require.Equal(t, sliceParts, s.put[0], "most parts at once")
	require.Less(t, s.put[1], 2*sliceBytes, "most bytes at once")
	for n := range 100 { // some are changed
		inv := s.invoices[n*77]
		change(r, &inv)
		s.set(n*77, inv)
	}
	for range 150 {
		q := randomQuery(r, s)
		got, err := Find(t.Context(), s, &s.cache, q)
		require.NoError(t, err)
		require.Equal(t, s.wanted(q), got, "%+v", q)
	}
}

func TestWhatNoTextHasIsNotFound(t *testing.T) {
	s := newShelf()
	s.set(0, randomInvoice(rand.New(rand.NewPCG(4, 4))))
	s.invoices[0].Name = "tea"
	s.set(0, s.invoices[0])
	s.tidy(t, 0)
	for _, text := range []string{"\x00", "a\x00", "tea\x00", "\xff", "te\xff", "\xc3"} {
		got, err := Find(t.Context(), s, &s.cache, invoice.Query{Search: text, Standing: s.invoices[0].Terms.Standing, Limit: 1})
		require.NoError(t, err)
		require.Zero(t, got, "%q", text)
	}
	s.set(1, s.invoices[0])
	for _, text := range []string{"\x00", "tea\x00", "\xff"} { // one of a segment, and one that changed since
		q := invoice.Query{Search: text, SearchProjects: []string{s.invoices[0].Project}, Standing: s.invoices[0].Terms.Standing, Limit: 2}
		got, err := Find(t.Context(), s, &s.cache, q)
		require.NoError(t, err)
		require.Equal(t, 2, got.Total, "%q", text)
	}
}

func TestADamagedPartIsRefused(t *testing.T) {
	s := newShelf()
	s.apart = span / 300
	r := rand.New(rand.NewPCG(6, 6))
	for n := range 300 {
		inv := randomInvoice(r)
		inv.Terms.Standing, inv.State.Status = n%10 == 0, invoice.StatusNew
		s.set(n, inv)
	}
	s.tidy(t, 0)
	q := invoice.Query{Status: invoice.StatusNew, CreatedAfter: start.Add(time.Hour), Search: "-", Limit: 10}
	_, err := Find(t.Context(), s, new(Cache), q)
	require.NoError(t, err)
	for _, name := range []string{
		partAll, partStanding, string(termPart(rowStatus, "new")), partTimes, string(letterPart('-')), string(orderPart(invoice.SortCreated)),
		string(blockPart(invoice.SortCreated, 2)),
	} {
		key := partKey{Writing{0, s.segments[0].parts}, name}
		whole, there := s.parts[key]
		require.True(t, there, name)
		s.parts[key] = whole[:len(whole)/2]
		_, err := Find(t.Context(), s, new(Cache), q)
		require.ErrorIs(t, err, errDamaged, name)
		s.parts[key] = whole
	}
}

func TestSegmentsWithTheMostChangesAreDueFirst(t *testing.T) {
	var changed []int64
	for n := range int64(100) {
		changed = append(changed, n%2*span+n) // two segments alike
	}
	require.Empty(t, due(changed, 100))
	require.Equal(t, []int64{0}, due(append(changed, 2), 100))
	for n := range int64(100) {
		changed = append(changed, 7*span+n)
	}
	require.Equal(t, []int64{7, 0}, due(changed, 100), "those with the most first, as many as bring it down to half")
	require.Equal(t, []int64{7, 0, 1}, due(changed, 0))
}

// A process that writes a segment may end, or be overtaken, between any two steps: results stay right, and once the
// segment is written again nothing is left that does not count.
func TestAWritingThatDoesNotEndChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	s := newShelf()
	s.apart = span / 300
	right := func(when string, steps int) {
		for range 10 {
			q := randomQuery(r, s)
			got, err := Find(t.Context(), s, &s.cache, q)
			require.NoError(t, err)
			require.Equal(t, s.wanted(q), got, "%s after %d steps: %+v", when, steps, q)
		}
	}
	for i := range 300 {
		s.set(i, randomInvoice(r))
	}
	overtaken, finished := 0, false
	for steps := 0; !finished; steps++ {
		for range 150 {
			n := r.IntN(len(s.invoices))
			inv := s.invoices[n]
			if change(r, &inv); steps%2 == 0 { // otherwise the texts that are there are kept
				inv.Name += "!"
			}
			s.set(n, inv)
		}
		s.left, s.done = steps, 0
		err := write(t.Context(), s, 0)
		if finished = err == nil; !finished {
			require.ErrorIs(t, err, errGone)
		}
		right("ended", steps)

		s.left, s.done = -1, 0
		s.between = func(done int) {
			if done == steps+1 { // it has begun
				s.between = func(int) {}
				require.NoError(t, write(t.Context(), s, 0))
				right("overtaken", steps)
			}
		}
		if err := write(t.Context(), s, 0); err != nil {
			require.ErrorIs(t, err, invoice.ErrConflict)
			overtaken++
		}
		s.between = func(int) {}
		right("written", steps)
		require.NoError(t, write(t.Context(), s, 0))
		require.Empty(t, s.changed)
		for key := range s.parts {
			require.False(t, s.useless(key), "%+v", key)
		}
	}
	require.Greater(t, overtaken, 5)
}

// The data of a database may be damaged: then it is refused.
func FuzzParts(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	whole := newShelf()
	for range 300 {
		whole.set(len(whole.invoices), randomInvoice(r))
	}
	for segment := range int64(3) {
		whole.tidy(f, segment)
	}
	f.Add("rows.00", uint16(3), byte(1))
	f.Add("order.created_at", uint16(0), byte(200))
	f.Add("text.name.ab", uint16(9), byte(7))
	f.Fuzz(func(t *testing.T, part string, at uint16, flip byte) {
		s := newShelf()
		s.invoices, s.segments = whole.invoices, whole.segments
		var rows [][]byte
		for key, data := range whole.parts {
			data = bytes.Clone(data)
			if strings.HasPrefix(key.name, part) && len(data) > 0 {
				data[int(at)%len(data)] ^= flip
				data = data[:len(data)-int(flip)%2]
			}
			if s.parts[key] = data; strings.HasPrefix(key.name, partRows) {
				rows = append(rows, data)
			}
		}
		r := rand.New(rand.NewPCG(uint64(at), uint64(flip)))
		for range 5 {
			_, _ = Find(t.Context(), s, &s.cache, randomQuery(r, s))
		}
		_, _, _ = merge(0, rows, nil)
	})
}
