package sqlite_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/stretchr/testify/require"
)

// holding is a model of who holds places, and who released them last.
type holding struct {
	t        *testing.T
	rnd      *rand.Rand
	invoices int
	held     map[chain.Address]invoice.Invoice
	released map[chain.Address]string
}

func (h *holding) address() chain.Address { return workload.Address(h.rnd.IntN(12)) }

// change claims an address that is free, or releases one that is held, and returns what is so if that is committed.
func (h *holding) change(s invoice.Store) (then func()) {
	at := h.address()
	if inv, is := h.held[at]; is {
		claim := invoice.Claim{Network: inv.Network(), Place: invoice.Place{Address: at}, Invoice: inv.ID}
		inv.Version++
		require.NoError(h.t, s.Commit(h.t.Context(), invoice.Batch{Update: []invoice.Invoice{inv}, Releases: []invoice.Release{{Claim: claim}}}))
		return func() { delete(h.held, at); h.released[at] = inv.ID }
	}
	h.invoices++
	b := workload.Creation(h.invoices)
	b.Insert[0].Quote.Address, b.Claims[0].Address = at, at
	require.NoError(h.t, s.Commit(h.t.Context(), b))
	return func() { h.held[at] = b.Insert[0] }
}

func (h *holding) check(s invoice.Store) {
	var places []invoice.Place
	var want []string
	for n := range 12 {
		at := workload.Address(n)
		places = append(places, invoice.Place{Address: at})
		if inv, is := h.held[at]; is {
			want = append(want, inv.ID)
		}
		if id, is := h.released[at]; is {
			want = append(want, id)
		}
	}
	found, err := s.InvoicesAt(h.t.Context(), places)
	require.NoError(h.t, err)
	var ids []string
	for _, inv := range found {
		ids = append(ids, inv.ID)
	}
	require.ElementsMatch(h.t, want, ids)
}

// within changes something in a transaction of the host, which may be rolled back after others, as it is now, have looked.
func (h *holding) within(db *sql.DB, s *sqlite.Store, look func()) {
	tx, err := db.BeginTx(h.t.Context(), nil)
	require.NoError(h.t, err)
	hosted, err := s.WithTx(tx)
	require.NoError(h.t, err)
	then := h.change(hosted)
	_, err = hosted.InvoicesAt(h.t.Context(), []invoice.Place{{Address: h.address()}})
	require.NoError(h.t, err)
	look()
	if h.rnd.IntN(2) == 0 {
		require.NoError(h.t, tx.Rollback())
		return
	}
	require.NoError(h.t, tx.Commit())
	then()
}

func TestNoPlaceIsTakenForAStrangers(t *testing.T) {
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "shop.db")
			s, db := openAt(t, path)
			another, _ := openAt(t, path) // as another process has it
			h := &holding{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), held: map[chain.Address]invoice.Invoice{}, released: map[chain.Address]string{}}
			s.SetKnownSlice(1 + h.rnd.IntN(8))
			s.SetLeastPart(1 + h.rnd.IntN(8))
			for range 100 {
				switch h.rnd.IntN(8) {
				case 0, 1:
					h.change(s)()
				case 2, 3:
					h.change(another)()
				case 4:
					h.within(db, s, func() { h.check(s) })
				case 5:
					s.CrowdKnown()
				case 6:
					require.NoError(t, s.Tidy(t.Context(), 1000)) // which leaves listings as they are
				case 7:
					h.check(s)
				}
			}
			h.check(s)
		})
	}
}

func TestStrangersAreNotLookedUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	s, _ := openAt(t, path)
	var b invoice.Batch
	ours, strangers := make([]chain.Address, 3000), make([]chain.Address, 3000)
	for n := range ours {
		one := workload.Creation(n)
		b.Insert, b.Claims, ours[n] = append(b.Insert, one.Insert...), append(b.Claims, one.Claims...), one.Claims[0].Address
		strangers[n] = workload.Address(1_000_000 + n)
	}
	require.NoError(t, s.Commit(t.Context(), b))
	require.Equal(t, 3000, s.LooksUp(strangers), "before anything is read")
	require.NoError(t, s.Tidy(t.Context(), 0))
	require.Less(t, s.LooksUp(strangers), 90)
	require.Equal(t, 3000, s.LooksUp(ours))
}
