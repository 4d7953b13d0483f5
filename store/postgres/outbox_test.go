package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// The server's clock was ahead when a message was committed, another was claimed and a third failed, and is right again.
func TestAClockThatWasAheadDelaysNothing(t *testing.T) {
	pool := migrated(t)
	s := open(t, pool)
	ctx := t.Context()
	for n := range 3 {
		batch := workload.Creation(n)
		inv := batch.Insert[0]
		batch.Messages = []invoice.Message{{ID: fmt.Sprint("m", n), Invoice: inv.ID, Seq: 1, URL: "https://shop.example/", Endpoint: "shop"}}
		require.NoError(t, s.Commit(ctx, batch))
	}
	first, err := s.Claim(ctx, webhook.ClaimQuery{Lease: time.Minute, Limit: 2})
	require.NoError(t, err)
	require.Len(t, first, 2)
	require.NoError(t, s.Record(ctx, first[1].Claim, webhook.Attempt{}, webhook.Next{State: webhook.StateDue, Wait: time.Minute}))
	_, err = pool.Exec(ctx, "UPDATE cointill_outbox SET due = due + $1::bigint, since = since + $1::bigint", int64(2*time.Hour))
	require.NoError(t, err)
	got, err := s.Claim(ctx, webhook.ClaimQuery{Lease: time.Hour, Limit: 2})
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, "m2", got[0].Message.ID)
	var latest time.Duration
	require.NoError(t, pool.QueryRow(ctx, `SELECT max(due) - (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint
		FROM cointill_outbox WHERE id <> 'm2'`).Scan(&latest))
	require.LessOrEqual(t, latest, time.Minute)
}
