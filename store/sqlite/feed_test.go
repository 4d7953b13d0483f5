package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/store/internal/damagetest"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/stretchr/testify/require"
)

func TestADamagedEventStopsNothingButItself(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	b := workload.Creation(1)
	b.Events = damagetest.Events(b.Events[0])
	require.NoError(t, s.Commit(t.Context(), b))
	damage := []string{"at = 'yesterday'", "seq = 'four'", "at = ''", "at = x'00'"}
	for i, position := range damagetest.Damaged() {
		_, err := db.Exec("UPDATE cointill_events SET "+damage[i]+" WHERE position = ?", position)
		require.NoError(t, err)
	}
	damagetest.Feed(t, s, b.Insert[0].ID)
}
