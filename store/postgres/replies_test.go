package postgres_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/httpapitest"
	"github.com/cointill/cointill/store/internal/replies/repliestest"
	"github.com/cointill/cointill/store/postgres"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// shared are the replies of two processes. Every call goes to one of them by chance.
type shared [2]*postgres.Replies

func (s shared) any() *postgres.Replies { return s[rand.IntN(2)] }

func (s shared) Begin(ctx context.Context, scope, key string, running []byte, now, until time.Time) ([]byte, error) {
	return s.any().Begin(ctx, scope, key, running, now, until)
}
func (s shared) Finish(ctx context.Context, scope, key string, running, reply []byte, until time.Time) error {
	return s.any().Finish(ctx, scope, key, running, reply, until)
}
func (s shared) Abandon(ctx context.Context, scope, key string, running []byte) error {
	return s.any().Abandon(ctx, scope, key, running)
}

func TestRepliesOfTwoProcessesKeepTheContract(t *testing.T) {
	httpapitest.Replies(t, func(t *testing.T, perScope int) httpapi.Replies {
		both := openTwice(t)
		return shared{both[0].Replies().PerScope(perScope), both[1].Replies().PerScope(perScope)}
	})
}

// Whatever isolation the host's connections ask for by themselves.
func TestRepliesKeepTheContractOnSerializableConnections(t *testing.T) {
	httpapitest.Replies(t, func(t *testing.T, perScope int) httpapi.Replies {
		return open(t, migrated(t, func(c *pgxpool.Config) {
			c.ConnConfig.RuntimeParams["default_transaction_isolation"] = "serializable"
		})).Replies().PerScope(perScope)
	})
}

func TestRepliesAreSeenByAnotherProcessAndAfterARestart(t *testing.T) {
	both, now := openTwice(t), time.Unix(1_700_000_000, 0)
	ctx := t.Context()
	for _, key := range []string{"finished", "running"} {
		held, err := both[0].Replies().Begin(ctx, "scope", key, []byte("run"), now, now.Add(time.Hour))
		require.NoError(t, err)
		require.Nil(t, held)
	}
	require.NoError(t, both[1].Replies().Finish(ctx, "scope", "finished", []byte("run"), []byte("reply"), now.Add(2*time.Hour)))
	for key, want := range map[string]string{"finished": "reply", "running": "run"} {
		for _, s := range both {
			held, err := s.Replies().Begin(ctx, "scope", key, []byte("next"), now, now.Add(time.Hour))
			require.NoError(t, err)
			require.Equal(t, want, string(held))
		}
	}
}

func TestRepliesThatHaveEndedDoNotPileUp(t *testing.T) {
	pool := migrated(t)
	repliestest.DoNotPileUp(t, open(t, pool).Replies(), func() (n int) {
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT COUNT(*) FROM cointill_replies").Scan(&n))
		return n
	})
}
