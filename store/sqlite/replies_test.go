package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/httpapitest"
	"github.com/cointill/cointill/store/internal/replies/repliestest"
	"github.com/stretchr/testify/require"
)

func TestRepliesKeepTheContract(t *testing.T) {
	httpapitest.Replies(t, func(t *testing.T, perScope int) httpapi.Replies {
		s, _ := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
		return s.Replies().PerScope(perScope)
	})
}

func TestRepliesSurviveARestart(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "shop.db"), time.Unix(1_700_000_000, 0)
	s, db := openAt(t, path)
	for _, key := range []string{"finished", "running", "abandoned"} {
		held, err := s.Replies().Begin(t.Context(), "scope", key, []byte("run"), now, now.Add(time.Hour))
		require.NoError(t, err)
		require.Nil(t, held)
	}
	require.NoError(t, s.Replies().Finish(t.Context(), "scope", "finished", []byte("run"), []byte("reply"), now.Add(2*time.Hour)))
	require.NoError(t, s.Replies().Abandon(t.Context(), "scope", "abandoned", []byte("run")))
	require.NoError(t, db.Close())

	again, _ := openAt(t, path)
	for key, want := range map[string][]byte{"finished": []byte("reply"), "running": []byte("run"), "abandoned": nil} {
		held, err := again.Replies().Begin(t.Context(), "scope", key, []byte("next"), now, now.Add(time.Hour))
		require.NoError(t, err)
		require.Equal(t, want, held, key)
	}
}

func TestRepliesThatHaveEndedDoNotPileUp(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	repliestest.DoNotPileUp(t, s.Replies(), func() (n int) {
		require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM cointill_replies").Scan(&n))
		return n
	})
}
