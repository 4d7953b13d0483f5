package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/stretchr/testify/require"
)

// positions are those of the events that could be read.
func positions(events []invoice.Event) []int64 {
	var out []int64
	for _, ev := range events {
		out = append(out, ev.Position)
	}
	return out
}

// history is an invoice with so many events.
func history(t *testing.T, s *sqlite.Store, events int64) invoice.Invoice {
	t.Helper()
	b := creation(1)
	for seq := int64(2); seq <= events; seq++ {
		ev := b.Events[0]
		ev.Seq = seq
		b.Events = append(b.Events, ev)
	}
	require.NoError(t, s.Commit(t.Context(), b))
	return b.Insert[0]
}

func TestADamagedEventStopsNothingButItself(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	inv := history(t, s, 10)
	for position, damage := range map[int]string{3: "at = 'yesterday'", 4: "seq = 'four'", 5: "at = ''", 10: "at = x'00'"} {
		_, err := db.Exec("UPDATE cointill_events SET "+damage+" WHERE position = ?", position)
		require.NoError(t, err)
	}
	page := func(after int64, limit int, found, damaged []int64) {
		t.Helper()
		events, err := s.Events(t.Context(), after, limit)
		require.Equal(t, found, positions(events))
		if damaged == nil {
			require.NoError(t, err)
			return
		}
		var named *invoice.DamagedEventsError
		require.ErrorAs(t, err, &named)
		require.Equal(t, damaged, named.Positions)
		require.Error(t, named.Err)
	}
	page(0, 2, []int64{1, 2}, nil)
	page(2, 1, []int64{6}, []int64{3, 4, 5})
	page(1, 3, []int64{2, 6, 7}, []int64{3, 4, 5})
	page(0, 100, []int64{1, 2, 6, 7, 8, 9}, []int64{3, 4, 5, 10})
	page(9, 100, nil, []int64{10})
	page(10, 100, nil, nil)
	events, err := s.InvoiceEvents(t.Context(), inv.ID)
	var named *invoice.DamagedEventsError
	require.ErrorAs(t, err, &named)
	require.ElementsMatch(t, []int64{3, 4, 5, 10}, named.Positions)
	require.Equal(t, []int64{1, 2, 6, 7, 8, 9}, positions(events))
}
