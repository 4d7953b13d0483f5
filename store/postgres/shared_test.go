package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/postgres"
	"github.com/cointill/cointill/store/storetest"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// processes is two stores with pools of their own on one database. Every call goes to one of them by
// chance, as the calls of a shop do to its machines.
type processes [2]*postgres.Store

var (
	_ store.Backend  = processes{}
	_ invoice.Leaser = processes{}
)

func (p processes) any() *postgres.Store { return p[rand.IntN(2)] }

func (p processes) Invoice(ctx context.Context, id string) (invoice.Invoice, error) {
	return p.any().Invoice(ctx, id)
}
func (p processes) InvoiceByOrder(ctx context.Context, project, orderID string) (invoice.Invoice, error) {
	return p.any().InvoiceByOrder(ctx, project, orderID)
}
func (p processes) Invoices(ctx context.Context, q invoice.Query) (invoice.Page, error) {
	return p.any().Invoices(ctx, q)
}
func (p processes) InvoicesAt(ctx context.Context, places []invoice.Place) ([]invoice.Invoice, error) {
	return p.any().InvoicesAt(ctx, places)
}
func (p processes) InvoicesPaid(ctx context.Context, q invoice.PaymentQuery) ([]invoice.Invoice, error) {
	return p.any().InvoicesPaid(ctx, q)
}
func (p processes) Payments(ctx context.Context, id string, after chain.Key, limit int) ([]invoice.Payment, error) {
	return p.any().Payments(ctx, id, after, limit)
}
func (p processes) HeldSlots(ctx context.Context, network chain.Network, address chain.Address, first, last string, limit int) ([]string, error) {
	return p.any().HeldSlots(ctx, network, address, first, last, limit)
}
func (p processes) PaidInvoices(ctx context.Context, after string, limit int) ([]invoice.Invoice, error) {
	return p.any().PaidInvoices(ctx, after, limit)
}
func (p processes) InvoicesWaking(ctx context.Context, network chain.Network, head chain.Head, limit int) ([]invoice.Invoice, error) {
	return p.any().InvoicesWaking(ctx, network, head, limit)
}
func (p processes) Network(ctx context.Context, network chain.Network) (invoice.Progress, error) {
	return p.any().Network(ctx, network)
}
func (p processes) Events(ctx context.Context, after int64, limit int) ([]invoice.Event, error) {
	return p.any().Events(ctx, after, limit)
}
func (p processes) InvoiceEvents(ctx context.Context, id string, after int64) ([]invoice.Event, error) {
	return p.any().InvoiceEvents(ctx, id, after)
}
func (p processes) Commit(ctx context.Context, b invoice.Batch) error { return p.any().Commit(ctx, b) }
func (p processes) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	return p.any().ReserveIndexes(ctx, wallet, n)
}
func (p processes) TakeIndex(ctx context.Context, wallet string) (uint32, error) {
	return p.any().TakeIndex(ctx, wallet)
}
func (p processes) Lease(ctx context.Context, duty, holder string, ttl time.Duration) (invoice.Lease, error) {
	return p.any().Lease(ctx, duty, holder, ttl)
}
func (p processes) Release(ctx context.Context, l invoice.Lease) error {
	return p.any().Release(ctx, l)
}
func (p processes) InsertProject(ctx context.Context, project invoice.Project) error {
	return p.any().InsertProject(ctx, project)
}
func (p processes) UpdateProject(ctx context.Context, project invoice.Project) error {
	return p.any().UpdateProject(ctx, project)
}
func (p processes) Project(ctx context.Context, id string) (invoice.Project, error) {
	return p.any().Project(ctx, id)
}
func (p processes) ProjectByKey(ctx context.Context, keyHash string) (invoice.Project, error) {
	return p.any().ProjectByKey(ctx, keyHash)
}
func (p processes) Projects(ctx context.Context, after string, limit int) ([]invoice.Project, error) {
	return p.any().Projects(ctx, after, limit)
}
func (p processes) ProjectsByOwner(ctx context.Context, text string) ([]string, error) {
	return p.any().ProjectsByOwner(ctx, text)
}
func (p processes) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	return p.any().Claim(ctx, q)
}
func (p processes) Record(ctx context.Context, claim webhook.Claim, attempt webhook.Attempt, next webhook.Next) error {
	return p.any().Record(ctx, claim, attempt, next)
}
func (p processes) NextDue(ctx context.Context) (time.Duration, bool, error) {
	return p.any().NextDue(ctx)
}
func (p processes) History(ctx context.Context, id string, after int64) ([]webhook.Record, error) {
	return p.any().History(ctx, id, after)
}
func (p processes) GiveUp(ctx context.Context, q webhook.GiveUpQuery) (int, error) {
	return p.any().GiveUp(ctx, q)
}
func (p processes) Resend(ctx context.Context, id, receiver string) (invoice.Message, error) {
	return p.any().Resend(ctx, id, receiver)
}

func openTwice(t *testing.T) processes {
	t.Helper()
	pool := migrated(t)
	return processes{open(t, pool), open(t, pgtest.Connect(t, pool.Config().ConnString()))}
}

// Their identity numbers come in any order.
func TestA49_TwoProcessesOnOneDatabaseKeepThePromisesOfABackend(t *testing.T) {
	storetest.Run(t, func(t *testing.T) store.Backend {
		database := server.Copy(t, "cached", cached)
		return processes{open(t, pgtest.Connect(t, database)), open(t, pgtest.Connect(t, database))}
	}, storetest.WithListers())
}

// A reader that asks for what follows the last event it has seen must see every event, in order, though
// commits overtake each other and some take their time after they were given their positions.
func TestA47_NoCommitSlipsBehindAReaderOfTheFeed(t *testing.T) {
	pool := migrated(t)
	both := processes{open(t, pool), open(t, pgtest.Connect(t, pool.Config().ConnString()))}
	const writers, each = 12, 15
	ctx := t.Context()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				b := workload.Creation(w*each + n)
				var err error
				if w < 3 {
					err = commitSlowly(ctx, both, pool.Begin, b)
				} else {
					err = both.Commit(ctx, b)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	var seen int64
	for ended := false; ; {
		page, err := both.Events(ctx, seen, 7)
		require.NoError(t, err)
		for _, ev := range page {
			require.Equal(t, seen+1, ev.Position)
			seen = ev.Position
		}
		if ended && len(page) == 0 {
			break
		}
		select {
		case <-done:
			ended = true
		default:
		}
	}
	require.EqualValues(t, writers*each, seen)
}

// A message must not stay behind if the one before it is delivered while it is stored.
func TestA24_AMessageStoredWhileTheOneBeforeIsSentIsSent(t *testing.T) {
	both := openTwice(t)
	ctx := t.Context()
	for n := range 60 {
		inv := workload.Creation(n).Insert[0]
		message := func(seq int64) invoice.Message {
			return invoice.Message{
				ID: fmt.Sprint(inv.ID, "_", seq), Invoice: inv.ID, Seq: seq, Project: "shop", URL: "https://shop.example/", Endpoint: "shop",
				At: inv.CreatedAt,
			}
		}
		require.NoError(t, both.Commit(ctx, invoice.Batch{Insert: []invoice.Invoice{inv}, Messages: []invoice.Message{message(1)}}))
		q := webhook.ClaimQuery{Lease: time.Minute, Limit: 10}
		first, err := both.Claim(ctx, q)
		require.NoError(t, err)
		require.Len(t, first, 1)
		var wg sync.WaitGroup
		wg.Go(func() {
			err := both.Record(ctx, first[0].Claim, webhook.Attempt{At: inv.CreatedAt}, webhook.Next{State: webhook.StateDelivered})
			if err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := both.Commit(ctx, invoice.Batch{Messages: []invoice.Message{message(2)}}); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		second, err := both.Claim(ctx, q)
		require.NoError(t, err)
		require.Len(t, second, 1, "the second message waits for nothing")
		require.NoError(t, both.Record(ctx, second[0].Claim, webhook.Attempt{At: inv.CreatedAt}, webhook.Next{State: webhook.StateDelivered}))
	}
}

// Leases do not depend on the clocks of the processes, only on that of the server.
func TestLeasesGoByTheClockOfTheServer(t *testing.T) {
	pool := migrated(t)
	s := open(t, pool)
	ctx := t.Context()
	first, err := s.Lease(ctx, "follow", "a", time.Hour)
	require.NoError(t, err)
	var left time.Duration
	require.NoError(t, pool.QueryRow(ctx, "SELECT until - clock_timestamp() FROM cointill_leases").Scan(&left))
	require.Greater(t, left, 50*time.Minute)
	_, err = s.Lease(ctx, "follow", "b", time.Hour)
	require.ErrorIs(t, err, invoice.ErrLeased)
	_, err = pool.Exec(ctx, "UPDATE cointill_leases SET until = clock_timestamp()") // as if an hour had passed there
	require.NoError(t, err)
	second, err := s.Lease(ctx, "follow", "b", time.Hour)
	require.NoError(t, err)
	require.Greater(t, second.Token, first.Token)
	b := workload.Creation(1)
	b.Fence = first
	require.ErrorIs(t, s.Commit(ctx, b), invoice.ErrFenced)
}
