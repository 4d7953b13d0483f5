package postgres_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/postgres"
	"github.com/cointill/cointill/webhook"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

var concurrencies = []int{1, 8, 32, 128}

// durablePool is a pool with a connection for each of the callers, on a server that waits for the disk.
func durablePool(b *testing.B, connections int) *pgxpool.Pool {
	b.Helper()
	return pgtest.Connect(b, durable.Database(b), func(cfg *pgxpool.Config) { cfg.MaxConns = int32(connections) })
}

// run spreads b.N calls over the callers.
func run(b *testing.B, callers int, call func(n int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for {
				n := int(next.Add(1))
				if n > b.N {
					return
				}
				if err := call(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkCommitInvoice stores what creating an invoice stores. Compare with BenchmarkRawInsert at the
// same number of callers, in the same run.
func BenchmarkCommitInvoice(b *testing.B) {
	for _, callers := range concurrencies {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, 16)
			require.NoError(b, postgres.Migrate(b.Context(), pool))
			s := open(b, pool)
			run(b, callers, func(n int) error { return s.Commit(context.Background(), creation(n)) })
			b.ReportMetric(float64(b.N)/float64(s.Commits()), "batches/group")
		})
	}
}

// BenchmarkRawInsert is what the server gives to as many connections as there are callers: small rows, each in
// a transaction of its own.
func BenchmarkRawInsert(b *testing.B) {
	for _, callers := range concurrencies {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, callers)
			_, err := pool.Exec(b.Context(), rawTable)
			require.NoError(b, err)
			run(b, callers, func(n int) error { return rawInsert(pool, n) })
		})
	}
}

const rawTable = `CREATE TABLE raw (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, k text UNIQUE, amount text, at bigint, body bytea);
	CREATE INDEX raw_at ON raw (at)`

func rawInsert(pool *pgxpool.Pool, n int) error {
	_, err := pool.Exec(context.Background(), "INSERT INTO raw (k, amount, at, body) VALUES ($1, $2, $3, $4)",
		fmt.Sprintf("key-%08d-%d", n*7919%1000003, n), "21.500000", time.Now().UnixNano(), make([]byte, 120))
	return err
}

// claimed is how many messages a benchmark of claiming takes at once.
const claimed = 16

// BenchmarkClaim claims messages that are due. Compare with BenchmarkRawDequeue at the same number of callers.
func BenchmarkClaim(b *testing.B) {
	for _, callers := range []int{1, 8} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, 16)
			require.NoError(b, postgres.Migrate(b.Context(), pool))
			s := open(b, pool)
			_, err := pool.Exec(b.Context(), `INSERT INTO cointill_outbox (id, event, invoice, seq, project, url, endpoint, at, body,
				format, secret, receiver, due, since, state, ready, claimed, token, tried)
				SELECT 'evt_' || n, 'invoice.completed', 'inv_' || n, 1, 'shop', 'https://shop' || n % 1000 || '.example/callback',
				'https://shop' || n % 1000 || '.example:443', '2031-02-03T04:05:06Z', decode(repeat('7b', 120), 'hex'),
				'standard', '', '', n, 0, 'due', true, false, 0, 0 FROM generate_series(1, $1) n`, claimed*(b.N+callers))
			require.NoError(b, err)
			_, err = pool.Exec(b.Context(), "VACUUM ANALYZE")
			require.NoError(b, err)
			run(b, callers, func(int) error {
				got, err := s.Claim(context.Background(), webhook.ClaimQuery{Lease: time.Hour, Limit: claimed, PerEndpoint: 4})
				if err == nil && len(got) == 0 {
					return fmt.Errorf("nothing to claim")
				}
				return err
			})
		})
	}
}

// BenchmarkRawDequeue takes small rows from a table with SKIP LOCKED, as many at once.
func BenchmarkRawDequeue(b *testing.B) {
	for _, callers := range []int{1, 8} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, 16)
			_, err := pool.Exec(b.Context(), rawTable)
			require.NoError(b, err)
			_, err = pool.Exec(b.Context(), `INSERT INTO raw (k, amount, at, body)
				SELECT 'key-' || n, '21.500000', n, decode(repeat('7b', 120), 'hex') FROM generate_series(1, $1) n`, claimed*(b.N+callers))
			require.NoError(b, err)
			_, err = pool.Exec(b.Context(), "VACUUM ANALYZE")
			require.NoError(b, err)
			now := time.Now().UnixNano()
			run(b, callers, func(int) error {
				rows, err := pool.Query(context.Background(), `UPDATE raw SET at = $1 FROM
					(SELECT id FROM raw WHERE at <= $2 ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED) due
					WHERE raw.id = due.id RETURNING raw.id, k, amount, at, body`, now+int64(time.Hour), now, claimed)
				if err != nil {
					return err
				}
				defer rows.Close()
				for rows.Next() {
					if _, err := rows.Values(); err != nil {
						return err
					}
				}
				return rows.Err()
			})
		})
	}
}

// creation is the batch of a new invoice.
func creation(n int) invoice.Batch {
	asset := chain.Asset{ID: "eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7", Code: "USDT", Decimals: 6}
	now := time.Date(2031, 2, 3, 4, 5, 6, 123456789, time.UTC).Add(time.Duration(n) * time.Millisecond)
	amount := decimal.New(1990+int64(n*7919%100000), -2)
	inv := invoice.Invoice{
		// as a UUID of version 7: a time in front, random digits behind
		ID:      fmt.Sprintf("%08x-%04x-7abc-8def-%012x", n>>8, n&0xff<<8, uint64(n)*0x9e3779b97f4a7c15>>16),
		Project: "0198c8d2-7a5e-7c11-9d7a-0f6a5d0c9e11", OrderID: fmt.Sprintf("order-%d", n), Name: "Order of a chair",
		CallbackURL: "https://shop.example/callbacks/cointill", Format: "standard",
		Price: invoice.Price{Currency: "EUR", Amount: amount},
		Quote: &invoice.Quote{
			Asset: asset, Due: big.NewInt(21_500_000 + int64(n*7919%1000000)),
			Rate: rates.Rate{
				Pair: rates.Pair{Base: "USDT", Quote: "EUR"}, Value: decimal.RequireFromString("0.8731"), Time: now,
				Source: "median(kraken,coinbase,bitstamp)",
			},
			Fiat: invoice.Price{Currency: "EUR", Amount: amount},
			At:   now, Address: benchAddress(n), Wallet: "hot", Index: uint32(n),
		},
		Terms: invoice.Terms{
			TolerancePercent: decimal.New(5, -1), Confirm: chain.Confirmations{Depth: 12},
			Late: invoice.LateHold, Other: invoice.OtherAccept,
		},
		CreatedAt: now, UpdatedAt: now, Deadline: now.Add(time.Hour),
		State: invoice.State{Status: invoice.StatusNew, Wake: invoice.Wake{Time: now.Add(time.Hour)}},
		Seq:   1, Version: 1,
	}
	claim := invoice.Claim{
		Network: asset.ID.Network(), Place: invoice.Place{Address: inv.Quote.Address}, Invoice: inv.ID, Wallet: "hot", Index: uint32(n),
	}
	return invoice.Batch{Insert: []invoice.Invoice{inv}, Claims: []invoice.Claim{claim}, Events: []invoice.Event{event(inv, 1)}}
}

// event is an event of the invoice, with a body of the usual size.
func event(inv invoice.Invoice, seq int64) invoice.Event {
	return invoice.Event{
		ID: fmt.Sprintf("evt_%s_%d", inv.ID, seq), Invoice: inv.ID, Project: inv.Project, Seq: seq, Type: invoice.EventCreated,
		To: invoice.StatusNew, At: inv.CreatedAt, Body: eventBody,
	}
}

var eventBody = json.RawMessage(`{"data":"` + string(bytes.Repeat([]byte("x"), 688)) + `"}`)

// benchAddress spreads addresses as hashes are spread.
func benchAddress(n int) chain.Address {
	x := uint64(n) * 0x9e3779b97f4a7c15
	return chain.Address(fmt.Sprintf("0x%016x%016x%08x", x, x^0xabcdef, uint32(n)))
}
