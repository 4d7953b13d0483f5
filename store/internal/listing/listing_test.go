package listing

import (
	"bytes"
	"context"
	"fmt"
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

// shelf is a source in memory, beside the invoices themselves.
type shelf struct {
	invoices []invoice.Invoice // in the order of their numbers
	apart    int64             // how far their numbers are apart
	parts    map[string]map[int64][]byte
	changed  map[int64][]byte
}

func newShelf() *shelf {
	return &shelf{apart: span / 100, parts: map[string]map[int64][]byte{}, changed: map[int64][]byte{}}
}

func (s *shelf) Changed(_ context.Context, see func(int64, []byte) error) error {
	for n, row := range s.changed {
		if err := see(n, row); err != nil {
			return err
		}
	}
	return nil
}

func (s *shelf) Parts(_ context.Context, names [][]byte, see func([]byte, int64, []byte) error) error {
	for _, name := range names {
		for segment, data := range s.parts[string(name)] {
			passed := bytes.Clone(data)
			if err := see(name, segment, passed); err != nil {
				return err
			}
			clear(passed) // whoever kept it is found out
		}
	}
	return nil
}

func (s *shelf) Some(_ context.Context, asked []Key, see func(int, []byte) error) error {
	for i, key := range slices.Backward(asked) {
		data, known := s.parts[string(key.Part)][key.Segment]
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

func (s *shelf) put(n int, inv invoice.Invoice) {
	if n == len(s.invoices) {
		s.invoices = append(s.invoices, invoice.Invoice{})
	}
	s.invoices[n] = inv
	s.changed[s.number(n)] = RowOf(inv).Encode()
}

func (s *shelf) number(n int) int64 { return int64(n) * s.apart }

func (s *shelf) tidy(t testing.TB, segment int64) {
	first, last := Numbers(segment)
	var changed []Change
	for n, row := range s.changed {
		if n >= first && n <= last {
			changed = append(changed, Change{Number: n, Encoded: row})
		}
	}
	parts, texts, err := Merge(segment, s.parts[partRows][segment], changed)
	require.NoError(t, err)
	keepFrom, keepTo := Kept(texts)
	for name, segments := range s.parts {
		if name < string(keepFrom) || name > string(keepTo) {
			delete(segments, segment)
		}
	}
	for _, p := range parts {
		if s.parts[string(p.Name)] == nil {
			s.parts[string(p.Name)] = map[int64][]byte{}
		}
		require.NotContains(t, s.parts[string(p.Name)], segment, "%q twice", p.Name)
		s.parts[string(p.Name)][segment] = p.Data
	}
	for _, c := range changed {
		delete(s.changed, c.Number)
	}
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
	inv.Terms.Standing = r.IntN(10) == 0
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

// wanted is the answer by the core's own words.
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
		for round := range 12 {
			for range pick(r, 1, 10, 150) {
				s.put(len(s.invoices), randomInvoice(r))
			}
			for range r.IntN(20) {
				n := r.IntN(len(s.invoices))
				inv := s.invoices[n]
				change(r, &inv)
				if r.IntN(5) == 0 {
					inv.Name += "!"
				}
				s.put(n, inv)
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
				got, err := Find(t.Context(), s, q)
				require.NoError(t, err)
				require.Equal(t, s.wanted(q), got, "seed %d, round %d: %+v", seed, round, q)
			}
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
		s.put(n, inv)
	}
	s.tidy(t, 0)
	s.tidy(t, 1)
	require.Contains(t, s.parts, "text.id.-7a", "a part for each third byte")
	require.Contains(t, s.parts, "text.id.12", "a part for all of them")
	for n := range 100 { // some are changed
		inv := s.invoices[n*77]
		change(r, &inv)
		s.put(n*77, inv)
	}
	for range 150 {
		q := randomQuery(r, s)
		got, err := Find(t.Context(), s, q)
		require.NoError(t, err)
		require.Equal(t, s.wanted(q), got, "%+v", q)
	}
}

func TestWhatNoTextHasIsNotFound(t *testing.T) {
	s := newShelf()
	s.put(0, randomInvoice(rand.New(rand.NewPCG(4, 4))))
	s.invoices[0].Name = "tea"
	s.put(0, s.invoices[0])
	s.tidy(t, 0)
	for _, text := range []string{"\x00", "a\x00", "tea\x00", "\xff", "te\xff", "\xc3"} {
		got, err := Find(t.Context(), s, invoice.Query{Search: text, Standing: s.invoices[0].Terms.Standing, Limit: 1})
		require.NoError(t, err)
		require.Zero(t, got, "%q", text)
	}
	s.put(1, s.invoices[0])
	for _, text := range []string{"\x00", "tea\x00", "\xff"} { // one of a segment, and one that changed since
		q := invoice.Query{Search: text, SearchProjects: []string{s.invoices[0].Project}, Standing: s.invoices[0].Terms.Standing, Limit: 2}
		got, err := Find(t.Context(), s, q)
		require.NoError(t, err)
		require.Equal(t, 2, got.Total, "%q", text)
	}
}

func TestSegmentsWithTheMostChangesAreDueFirst(t *testing.T) {
	var changed []int64
	for n := range int64(100) {
		changed = append(changed, n%2*span+n) // two segments alike
	}
	require.Empty(t, Due(changed, 100))
	require.Equal(t, []int64{0}, Due(append(changed, 2), 100))
	for n := range int64(100) {
		changed = append(changed, 7*span+n)
	}
	require.Equal(t, []int64{7, 0}, Due(changed, 100), "those with the most first, as many as bring it down to half")
	require.Equal(t, []int64{7, 0, 1}, Due(changed, 0))
}

// What a database answers may be damaged: it is refused, and nothing worse.
func FuzzParts(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	whole := newShelf()
	for range 300 {
		whole.put(len(whole.invoices), randomInvoice(r))
	}
	for segment := range int64(3) {
		whole.tidy(f, segment)
	}
	f.Add("rows", uint16(3), byte(1))
	f.Add("order.created_at", uint16(0), byte(200))
	f.Add("text.name.ab", uint16(9), byte(7))
	f.Fuzz(func(t *testing.T, part string, at uint16, flip byte) {
		s := newShelf()
		s.invoices = whole.invoices
		for name, segments := range whole.parts {
			s.parts[name] = map[int64][]byte{}
			for segment, data := range segments {
				data = bytes.Clone(data)
				if strings.HasPrefix(name, part) && len(data) > 0 {
					data[int(at)%len(data)] ^= flip
					data = data[:len(data)-int(flip)%2]
				}
				s.parts[name][segment] = data
			}
		}
		r := rand.New(rand.NewPCG(uint64(at), uint64(flip)))
		for range 5 {
			_, _ = Find(t.Context(), s, randomQuery(r, s))
		}
		_, _, _ = Merge(0, s.parts[partRows][0], nil)
	})
}
