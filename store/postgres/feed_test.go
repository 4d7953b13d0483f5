package postgres_test

import (
	"testing"

	"github.com/cointill/cointill/store/internal/damagetest"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/stretchr/testify/require"
)

func TestADamagedEventStopsNothingButItself(t *testing.T) {
	pool := migrated(t)
	s := open(t, pool)
	b := workload.Creation(1)
	b.Events = damagetest.Events(b.Events[0])
	require.NoError(t, s.Commit(t.Context(), b))
	_, err := pool.Exec(t.Context(), "UPDATE cointill_events SET at = 'yesterday' WHERE position = ANY($1)", damagetest.Damaged())
	require.NoError(t, err)
	damagetest.Feed(t, s, b.Insert[0].ID)
}
