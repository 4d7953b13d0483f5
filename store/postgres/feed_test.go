package postgres_test

import (
	"testing"

	"github.com/cointill/cointill/store/internal/damagetest"
	"github.com/stretchr/testify/require"
)

func TestADamagedEventStopsNothingButItself(t *testing.T) {
	pool := migrated(t)
	s := open(t, pool)
	b := creation(1)
	for seq := int64(2); seq <= damagetest.Events; seq++ {
		ev := b.Events[0]
		ev.Seq = seq
		b.Events = append(b.Events, ev)
	}
	require.NoError(t, s.Commit(t.Context(), b))
	_, err := pool.Exec(t.Context(), "UPDATE cointill_events SET at = 'yesterday' WHERE position = ANY($1)", damagetest.Damaged())
	require.NoError(t, err)
	damagetest.Feed(t, s, b.Insert[0].ID)
}
