package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// The clock was ahead when a message was committed, another was claimed and a third failed, and is right again.
func TestAClockThatWasAheadDelaysNothing(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	for n := range 3 {
		batch := workload.Creation(n)
		inv := batch.Insert[0]
		batch.Messages = []invoice.Message{{ID: fmt.Sprint("m", n), Invoice: inv.ID, Seq: 1, URL: "https://shop.example/", Endpoint: "shop"}}
		require.NoError(t, s.Commit(t.Context(), batch))
	}
	claim := func(lease time.Duration) (ids []string) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		got, err := s.Claim(ctx, webhook.ClaimQuery{Lease: lease, Limit: 2})
		require.NoError(t, err)
		for _, d := range got {
			ids = append(ids, d.Message.ID)
			if d.Message.ID == "m1" && d.Tried == 0 {
				require.NoError(t, s.Record(t.Context(), d.Claim, webhook.Attempt{}, webhook.Next{State: webhook.StateDue, Wait: time.Minute}))
			}
		}
		return ids
	}
	require.Equal(t, []string{"m0", "m1"}, claim(time.Minute))
	_, err := db.Exec("UPDATE cointill_outbox SET due = due + ?1, since = since + ?1", int64(2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, []string{"m2"}, claim(time.Hour))
	for id, n := range map[string]int{"m0": 0, "m1": 1} {
		records, err := s.History(t.Context(), workload.Creation(n).Insert[0].ID, 0)
		require.NoError(t, err)
		require.False(t, records[0].Due.After(time.Now().Add(time.Minute)), "%s is due a minute from now, not in two hours", id)
	}
}

// Both find it beside the writer before either has it.
func TestOneOfTwoProcessesThatFindTheSameMessageClaimsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	first, db := openAt(t, path)
	batch := workload.Creation(1)
	batch.Messages = []invoice.Message{{ID: "m", Invoice: batch.Insert[0].ID, Seq: 1, URL: "https://shop.example/", Endpoint: "shop"}}
	require.NoError(t, first.Commit(t.Context(), batch))
	s, _ := openAt(t, path)
	release := hold(t, db)
	writing := make(chan error, 1)
	go func() { writing <- s.Commit(t.Context(), workload.Creation(2)) }()
	for s.Picked() == 0 {
		time.Sleep(time.Millisecond)
	}
	claimed := make(chan int, 2)
	for range 2 {
		go func() {
			got, err := s.Claim(t.Context(), webhook.ClaimQuery{Lease: time.Minute, Limit: 1})
			if err != nil {
				t.Error(err)
			}
			claimed <- len(got)
		}()
	}
	for s.Waiting() < 2 {
		time.Sleep(time.Millisecond)
	}
	release()
	require.NoError(t, <-writing)
	require.Equal(t, 1, <-claimed+<-claimed)
}

// A claim passes over everything in front of it in the index, whatever waits there.
func TestA43_AClaimGoesFromOneEndpointToTheNext(t *testing.T) {
	_, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	steps := strings.Join(plan(t, db, sqlite.DueOfEachQuery), "\n")
	for _, step := range []string{
		"SEARCH cointill_outbox USING COVERING INDEX cointill_outbox_endpoint (endpoint>?)",
		"SEARCH cointill_outbox USING COVERING INDEX cointill_outbox_endpoint (endpoint=?)",
		"SEARCH cointill_outbox USING COVERING INDEX cointill_outbox_endpoint (endpoint=? AND due<?)",
		"SEARCH m USING INTEGER PRIMARY KEY (rowid=?)",
	} {
		require.Contains(t, steps, step)
	}
	steps = strings.Join(plan(t, db, sqlite.ReleaseQuery), "\n")
	require.Contains(t, steps, "cointill_outbox_url (url=? AND project=? AND invoice=? AND seq=?)")
	require.NotContains(t, steps, "SCAN")
}
