package postgres_test

import (
	"testing"
	"time"

	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/postgres"
	"github.com/cointill/cointill/webhook"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// takingTurns returns two processes with a connection each, of which the second one has lower identity numbers.
func takingTurns(t *testing.T) (higher, lower *postgres.Store) {
	t.Helper()
	database := server.Copy(t, "cached", cached)
	one := func(cfg *pgxpool.Config) { cfg.MaxConns = 1 }
	higher, lower = open(t, pgtest.Connect(t, database, one)), open(t, pgtest.Connect(t, database, one))
	free(t, lower, 0)
	index, err := lower.TakeIndex(t.Context(), "hot")
	require.NoError(t, err)
	require.Zero(t, index)
	tell(t, lower, 0)
	attempt(t, lower, 200)
	return higher, lower
}

// free frees a number.
func free(t *testing.T, s *postgres.Store, n int) {
	t.Helper()
	b := workload.Creation(n)
	require.NoError(t, s.Commit(t.Context(), b))
	require.NoError(t, s.Commit(t.Context(), invoice.Batch{Releases: []invoice.Release{{Claim: b.Claims[0], Reuse: true}}}))
}

// tell stores a message about an invoice that is stored.
func tell(t *testing.T, s *postgres.Store, n int) (id string) {
	t.Helper()
	inv := workload.Creation(n).Insert[0]
	m := invoice.Message{ID: "m" + inv.ID, Invoice: inv.ID, Seq: 1, URL: "https://shop.example/", Endpoint: "shop", At: inv.CreatedAt}
	require.NoError(t, s.Commit(t.Context(), invoice.Batch{Messages: []invoice.Message{m}}))
	return m.ID
}

// attempt claims the message that has been due longest, records that it failed, and returns its id.
func attempt(t *testing.T, s *postgres.Store, status int) string {
	t.Helper()
	got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Hour, Limit: 1})
	require.NoError(t, err)
	require.Len(t, got, 1)
	next := webhook.Next{State: webhook.StateDue}
	if status == 200 {
		next.State = webhook.StateDelivered
	}
	require.NoError(t, s.Record(t.Context(), got[0].Claim, webhook.Attempt{Status: status}, next))
	return got[0].Message.ID
}

func TestNumbersAreHandedOutInTheOrderInWhichTheyWereFreed(t *testing.T) {
	higher, lower := takingTurns(t)
	var want []uint32
	for n, s := range []*postgres.Store{higher, lower, higher, lower} {
		free(t, s, n+1)
		want = append(want, uint32(n+1))
	}
	for _, n := range want {
		index, err := lower.TakeIndex(t.Context(), "hot")
		require.NoError(t, err)
		require.Equal(t, n, index)
	}
}

func TestMessagesAndAttemptsAreInTheOrderOfTime(t *testing.T) {
	higher, lower := takingTurns(t)
	var want []string
	for n, s := range []*postgres.Store{higher, lower, higher} {
		free(t, s, n+1)
		want = append(want, tell(t, s, n+1))
	}
	for _, id := range want {
		require.Equal(t, id, attempt(t, lower, 200))
	}
	free(t, lower, 4)
	id := tell(t, lower, 4)
	statuses := []int{500, 501, 502, 503}
	for i, status := range statuses {
		require.Equal(t, id, attempt(t, []*postgres.Store{higher, lower}[i%2], status))
	}
	history, err := lower.History(t.Context(), workload.Creation(4).Insert[0].ID, 0)
	require.NoError(t, err)
	require.Len(t, history, 1)
	var got []int
	for _, a := range history[0].Attempts {
		got = append(got, a.Status)
	}
	require.Equal(t, statuses, got)
}
