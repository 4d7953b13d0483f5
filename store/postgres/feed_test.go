package postgres_test

import (
	"testing"

	"github.com/cointill/cointill/invoice"
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

func TestADamagedEventStopsNothingButItself(t *testing.T) {
	pool := migrated(t)
	s := open(t, pool)
	b := creation(1)
	for seq := int64(2); seq <= 8; seq++ {
		ev := b.Events[0]
		ev.Seq = seq
		b.Events = append(b.Events, ev)
	}
	require.NoError(t, s.Commit(t.Context(), b))
	_, err := pool.Exec(t.Context(), "UPDATE cointill_events SET at = 'yesterday' WHERE position IN (3, 4, 5, 8)")
	require.NoError(t, err)
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
	}
	page(0, 2, []int64{1, 2}, nil)
	page(2, 1, []int64{6}, []int64{3, 4, 5})
	page(0, 100, []int64{1, 2, 6, 7}, []int64{3, 4, 5, 8})
	page(7, 100, nil, []int64{8})
	page(8, 100, nil, nil)
	events, err := s.InvoiceEvents(t.Context(), b.Insert[0].ID)
	var named *invoice.DamagedEventsError
	require.ErrorAs(t, err, &named)
	require.Equal(t, []int64{3, 4, 5, 8}, named.Positions)
	require.Equal(t, []int64{1, 2, 6, 7}, positions(events))
}
