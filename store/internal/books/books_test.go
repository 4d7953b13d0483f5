package books

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/stretchr/testify/require"
)

var at = time.Date(2031, 2, 3, 4, 5, 6, 123456789, time.UTC)

// whole is a batch with every part that the rules concern, of long names.
func whole() payout.Batch {
	long := strings.Repeat("n", 200)
	asset := chain.AssetID("eip155:1/slip44:60")
	own, outside := payout.Account{Project: long, Kind: payout.Available, Asset: asset}, payout.Account{Kind: payout.External, Asset: asset}
	lock := payout.Lock{Network: "eip155:1", Name: long, Transaction: long}
	return payout.Batch{
		Payouts: []payout.Payout{{
			ID: long, Project: long, Key: long, ClaimHash: long, To: chain.Address(long), Invoice: long, CreatedAt: at, Version: 1,
		}},
		Transactions: []payout.Transaction{{
			ID: long, Network: "eip155:1", Anchor: long, Stage: payout.StageSigned, Versions: []payout.Version{{Spends: []string{long}}}, Version: 1,
		}},
		Entries: []payout.Entry{{ID: long, Kind: payout.EntryFund, At: at, Postings: []payout.Posting{
			{Account: own, Units: big.NewInt(7)}, {Account: outside, Units: big.NewInt(-7)},
		}}},
		Moves: []payout.Move{{Holding: payout.Holding{Network: "eip155:1", Name: long, Asset: asset}, Units: big.NewInt(7)}},
		Locks: []payout.Lock{lock}, Unlocks: []payout.Lock{lock},
		Receipts:  []payout.Receipt{{Key: chain.Key{Network: "eip155:1", TxID: long, Index: long}, Invoice: long, Version: 1}},
		Credits:   []payout.Credit{{Invoice: long, Network: "eip155:1", Wait: 1 << 63, Version: 1}},
		Counters:  []payout.Counter{{Name: long, Delta: big.NewInt(1), Max: big.NewInt(1)}},
		Documents: []payout.Document{{Name: long, Value: []byte{}}},
		Closing:   &payout.Closing{Day: at.AddDate(0, 0, -7)},
	}
}

func TestApplyAsksOnlyForItsKeys(t *testing.T) {
	stored := map[string][]byte{}
	apply := func(b payout.Batch) error {
		prepared, err := Prepare(b)
		require.NoError(t, err)
		writes, err := prepared.Apply(func(k string) []byte {
			require.Contains(t, prepared.Keys, k)
			return stored[k]
		})
		for k, v := range writes {
			require.LessOrEqual(t, len(k), 490)
			require.True(t, k[0] >= 'a' && k[0] <= 'z')
			if stored[k] = v; v == nil {
				delete(stored, k)
			} else {
				require.NotEmpty(t, v)
			}
		}
		return err
	}
	require.NoError(t, apply(whole()))
	before := len(stored)
	require.ErrorIs(t, apply(whole()), payout.ErrConflict)
	next := whole()
	next.Payouts[0].Version, next.Transactions[0].Version, next.Receipts[0].Version, next.Credits[0].Version = 2, 2, 2, 2
	next.Payouts[0].ClaimHash, next.Payouts[0].State.Status = "", payout.StatusPaid
	next.Transactions[0].Stage, next.Credits[0].Wait = payout.StageBuried, 0
	next.Entries, next.Moves, next.Counters, next.Documents = nil, nil, nil, nil
	require.NoError(t, apply(next))
	require.Len(t, stored, before-3, "a claim, an open transaction and a waiting credit are gone")
}

func TestARefusalIsToldFromADamagedRecord(t *testing.T) {
	b, err := Prepare(whole())
	require.NoError(t, err)
	_, err = b.Apply(func(string) []byte { return []byte("{damaged") })
	require.ErrorContains(t, err, "is damaged")
	require.False(t, Refused(err))
	for _, err := range []error{
		payout.ErrConflict, payout.ErrDayClosed, &payout.EntryError{}, &payout.InsufficientError{}, &payout.LimitError{}, &payout.UnbalancedError{},
	} {
		require.True(t, Refused(fmt.Errorf("commit: %w", err)))
	}
}

func TestATimeThatCannotBeWrittenIsRefused(t *testing.T) {
	b := whole()
	b.Payouts[0].CreatedAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err := Prepare(b)
	require.True(t, Refused(err))
}

func TestKeysAreInTheOrderOfWhatTheySay(t *testing.T) {
	texts := []string{"", "\x00", "\x00\x00", "\x00a", "a", "a\x00", "a\x00b", "a\x01", "aa", "b", "\u00fc"}
	for i := range texts[1:] {
		require.Less(t, string(key{}.name(texts[i])), string(key{}.name(texts[i+1])))
		require.Less(t, string(key{}.name(texts[i]).name("z")), string(key{}.name(texts[i+1]).name("a")), "the first text decides")
		require.Equal(t, texts[i], nameIn(documentKey(texts[i])))
	}
	times := []time.Time{{}, time.Unix(-1, 999999999), time.Unix(0, 0), at, at.Add(1), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	for i := range times[1:] {
		require.Less(t, string(key{}.moment(times[i])), string(key{}.moment(times[i+1])))
		require.Greater(t, string(key{}.latest(times[i], "a")), string(key{}.latest(times[i+1], "a")))
	}
	require.Greater(t, string(key{}.latest(at, "a")), string(key{}.latest(at, "aa")))
	require.Equal(t, "ab\xff", key("ab\xfe").after())
	require.Equal(t, "b", key("a\xff\xff").after())
}

func TestEqualTextsHaveOneFoldedText(t *testing.T) {
	for _, pair := range [][2]string{{"0xAbC", "0xaBc"}, {"\u212a", "k"}, {"\u017f", "S"}, {"\u00c6", "\u00e6"}} {
		require.True(t, strings.EqualFold(pair[0], pair[1]))
		require.Equal(t, folded(pair[0]), folded(pair[1]))
	}
	require.NotEqual(t, folded("a"), folded("b"))
}

// shelf is a reader that counts what it reads.
type shelf struct {
	values map[string][]byte
	read   int
}

func (s *shelf) Get(keys []string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, k := range keys {
		if v, has := s.values[k]; has {
			out[k] = v
		}
	}
	return out, nil
}

func (s *shelf) Scan(from, to string, limit int, reverse bool) (out []Item, err error) {
	for k, v := range s.values {
		if k >= from && k < to {
			out = append(out, Item{k, v})
		}
	}
	slices.SortFunc(out, func(a, b Item) int { return cmp.Compare(a.Key, b.Key) })
	if reverse {
		slices.Reverse(out)
	}
	out = out[:min(limit, len(out))]
	s.read += len(out)
	return out, nil
}

func TestAPageReadsABoundedNumberOfPayouts(t *testing.T) {
	s := &shelf{values: map[string][]byte{}}
	for n := range 2500 {
		p := payout.Payout{ID: fmt.Sprintf("%05d", n), Project: "shop", CreatedAt: at, Kind: payout.KindPayout, Version: 1}
		if n == 100 {
			p.Kind = payout.KindRefund
		}
		b, err := Prepare(payout.Batch{Payouts: []payout.Payout{p}})
		require.NoError(t, err)
		writes, err := b.Apply(func(k string) []byte { return s.values[k] })
		require.NoError(t, err)
		for k, v := range writes {
			s.values[k] = v
		}
	}
	q := payout.Query{Kind: payout.KindRefund, Limit: 10}
	pages, found := 0, 0
	for {
		w, err := walkOf(q)
		require.NoError(t, err)
		s.read = 0
		page, err := w.page(s, q)
		require.NoError(t, err)
		require.LessOrEqual(t, s.read, 10+mostRead)
		pages++
		found += len(page.Payouts)
		if q.Before = page.Next; page.Next == "" {
			break
		}
	}
	require.Equal(t, 1, found)
	require.Equal(t, 3, pages)
	s.read = 0
	w, err := walkOf(payout.Query{Limit: 10})
	require.NoError(t, err)
	page, err := w.page(s, payout.Query{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Payouts, 10)
	require.Equal(t, 11, s.read)
}

func TestADamagedHoldingOrEntryIsAnError(t *testing.T) {
	h := payout.Holding{
		Network: "eip155:1", Name: "a\x00b", Asset: "eip155:1/slip44:60", Address: "0xours", Wallet: "hot", Branch: 1, Index: 1<<32 - 1,
		Height: 1<<64 - 1, Units: new(big.Int).Lsh(big.NewInt(-1), 100),
	}
	e := payout.Entry{
		ID: "e", Kind: payout.EntryFund, Subject: "s", At: at, Note: "\xff", Actor: "ann", Overdraw: true, Position: 1 << 40,
		Postings: []payout.Posting{
			{Account: payout.Account{Project: "p", Kind: payout.Held, Asset: "a"}, Units: big.NewInt(-7)},
			{Account: payout.Account{Kind: payout.External, Asset: "a"}, Units: new(big.Int).Lsh(big.NewInt(1), 200)},
		},
	}
	value, same, err := encodeEntry(e)
	require.NoError(t, err)
	got, err := decodeEntry(positionKey(e.Position), value)
	require.NoError(t, err)
	require.Equal(t, e, got)
	held, err := decodeHolding("k", encodeHolding(h))
	require.NoError(t, err)
	require.Equal(t, h, held)

	for n := range value {
		_, err := decodeEntry(positionKey(1), value[:n])
		require.ErrorContains(t, err, "is damaged", n)
	}
	_, err = decodeEntry(positionKey(1), append(slices.Clone(value), 0))
	require.ErrorContains(t, err, "is damaged")
	for n := range encodeHolding(h) {
		_, err := decodeHolding("k", encodeHolding(h)[:n])
		require.ErrorContains(t, err, "is damaged", n)
	}

	for what, change := range map[string]func(*payout.Entry){
		"subject": func(e *payout.Entry) { e.Subject = "other" }, "overdraw": func(e *payout.Entry) { e.Overdraw = false },
		"postings": func(e *payout.Entry) { e.Postings = slices.Clone(e.Postings); slices.Reverse(e.Postings) },
		"time":     func(e *payout.Entry) { e.At, e.Note, e.Actor, e.Position = e.At.Add(1), "", "", 2 },
	} {
		o := e
		change(&o)
		_, other, err := encodeEntry(o)
		require.NoError(t, err)
		require.Equal(t, e.Same(o), string(same) == string(other), what)
	}
	e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	_, _, err = encodeEntry(e)
	require.Error(t, err)
}
