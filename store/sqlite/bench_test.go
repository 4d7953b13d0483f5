package sqlite_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

var concurrencies = []int{1, 8, 32, 128}

// BenchmarkCommitInvoice stores what creating an invoice stores. Compare with BenchmarkRawGroupCommit at
// the same number of callers, in the same run.
func BenchmarkCommitInvoice(b *testing.B) {
	for _, callers := range concurrencies {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s, _ := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
			workload.Run(b, callers, "commits/s", func(n int) error { return s.Commit(context.Background(), workload.Creation(n)) })
			b.ReportMetric(float64(b.N)/float64(s.Commits()), "batches/group")
		})
	}
}

// BenchmarkRawGroupCommit is what the engine and the driver give: small rows, inserted in groups by one goroutine.
func BenchmarkRawGroupCommit(b *testing.B) {
	for _, callers := range concurrencies {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			db, err := sqlite.Open(filepath.Join(b.TempDir(), "raw.db"))
			require.NoError(b, err)
			defer db.Close()
			_, err = db.Exec(`CREATE TABLE raw (id INTEGER PRIMARY KEY, k TEXT UNIQUE, amount TEXT, at INTEGER, body BLOB);
				CREATE INDEX raw_at ON raw (at)`)
			require.NoError(b, err)
			jobs := make(chan rawJob, callers)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				rawWriter(db, "INSERT INTO raw (k, amount, at, body) VALUES (?, ?, ?, ?)", jobs)
			}()
			workload.Run(b, callers, "commits/s", func(n int) error {
				job := rawJob{
					args: []any{fmt.Sprintf("key-%08d-%d", n*7919%1000003, n), "21.500000", time.Now().UnixNano(), make([]byte, 120)},
					done: make(chan error, 1),
				}
				jobs <- job
				return <-job.done
			})
			close(jobs)
			<-ended
		})
	}
}

type rawJob struct {
	args []any
	done chan error
}

func rawWriter(db *sql.DB, query string, jobs chan rawJob) {
	conn, err := db.Conn(context.Background())
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	stmt, err := conn.PrepareContext(context.Background(), query)
	if err != nil {
		panic(err)
	}
	defer stmt.Close()
	for job := range jobs {
		group := []rawJob{job}
		for more := true; more && len(group) < cap(jobs); {
			select {
			case job, more = <-jobs:
				if more {
					group = append(group, job)
				}
			default:
				more = false
			}
		}
		err := func() error {
			tx, err := conn.BeginTx(context.Background(), nil)
			if err != nil {
				return err
			}
			insert := tx.Stmt(stmt)
			for _, job := range group {
				for row := range slices.Chunk(job.args, strings.Count(query, "?")) {
					if _, err := insert.Exec(row...); err != nil {
						return err
					}
				}
			}
			return tx.Commit()
		}()
		for _, job := range group {
			job.done <- err
		}
	}
}

// BenchmarkInvoicesAt asks for the receivers of a large block, few of whom are ours. The time must
// hardly grow with the number of addresses that were issued.
func BenchmarkInvoicesAt(b *testing.B) {
	for _, issued := range []int{1_000, million()} {
		b.Run(fmt.Sprintf("issued=%d", issued), func(b *testing.B) {
			s, _ := openAt(b, loaded(b, issued))
			const blocks, hits, asked = 10, 200, 5_000
			var blockAddresses [blocks][]chain.Address
			for n := range asked * blocks {
				block := &blockAddresses[n%blocks]
				if len(*block) < hits {
					*block = append(*block, workload.Address(n*7919%issued))
				} else {
					*block = append(*block, workload.Address(-n))
				}
			}
			b.ResetTimer()
			for n := range b.N {
				found, err := s.InvoicesAt(b.Context(), placesAt(blockAddresses[n%blocks]...))
				if err != nil || len(found) < 100 {
					b.Fatalf("got %d invoices, error %v", len(found), err)
				}
			}
		})
	}
}

func issuedAddress(n int) chain.Address {
	x := uint32(uint64(n) * 2654435761)
	return chain.Address(fmt.Sprintf("0x%08x%032x", x, n))
}

// fill writes n open invoices without the detour of committing them.
func fill(b *testing.B, db *sql.DB, count int) {
	b.Helper()
	doc, err := json.Marshal(workload.Creation(1).Insert[0])
	require.NoError(b, err)
	conn, err := db.Conn(b.Context())
	require.NoError(b, err)
	defer conn.Close()
	_, err = conn.ExecContext(b.Context(), "PRAGMA cache_size = -500000")
	require.NoError(b, err)
	tx, err := conn.BeginTx(b.Context(), nil)
	require.NoError(b, err)
	defer tx.Rollback()
	insert, err := tx.Prepare(`INSERT INTO cointill_invoices (id, version, project, standing, order_id, created,
			network, wake_tag, wake_height, wake_time, doc)
		SELECT printf('%08x-0000-7000-8000-000000000000', ?1), 1, '0198c8d2-7a5e-7c11-9d7a-0f6a5d0c9e11', 0, printf('order-%08d', ?1),
			?1, 'eip155:1', '', NULL, ?1, ?2`)
	require.NoError(b, err)
	claim, err := tx.Prepare(`INSERT INTO cointill_places (place, network, address, slot, invoice, released)
		SELECT ?3, 'eip155:1', ?2, '', printf('%08x-0000-7000-8000-000000000000', ?1), 0`)
	require.NoError(b, err)
	for n := 1; n <= count; n++ {
		address := issuedAddress(n)
		_, err := insert.Exec(n, sqlite.Roomy(doc))
		require.NoError(b, err)
		_, err = claim.Exec(n, string(address), sqlite.KeyOf(address))
		require.NoError(b, err)
	}
	require.NoError(b, tx.Commit())
	_, err = conn.ExecContext(b.Context(), "PRAGMA cache_size = -8000")
	require.NoError(b, err)
}

// BenchmarkInvoicesAfter reads a large project page by page, and begins again at its end.
func BenchmarkInvoicesAfter(b *testing.B) {
	const issued = 100_000
	s, db := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
	fill(b, db, issued)
	b.ResetTimer()
	q := invoice.Query{Project: "0198c8d2-7a5e-7c11-9d7a-0f6a5d0c9e11", Limit: 50, Uncounted: true}
	for range b.N {
		page, err := s.Invoices(b.Context(), q)
		if err != nil || len(page.Invoices) != q.Limit && q.After == "" {
			b.Fatalf("got %d invoices, error %v", len(page.Invoices), err)
		}
		q.After = ""
		if len(page.Invoices) == q.Limit {
			q.After = page.Invoices[q.Limit-1].ID
		}
	}
}

// BenchmarkFullSharedAddress creates an invoice at a shared address at which every amount is taken. It is refused within
// 3.3 ms beside other work on both cores (the budget is 5 ms), nearly all of it reading a thousand slots.
//
//	go test -run '^$' -bench FullSharedAddress ./store/sqlite
func BenchmarkFullSharedAddress(b *testing.B) {
	s, _ := openAt(b, filepath.Join(b.TempDir(), "bench.db"))
	sim := chaintest.NewChain(chaintest.Config{})
	follower, err := chain.NewFollower(chain.FollowConfig{Node: sim})
	require.NoError(b, err)
	till, err := invoice.New(invoice.Config{Store: s, Chains: []invoice.ChainConfig{{
		Watcher: follower, Addresses: oneAddress{}, Assets: []invoice.AssetConfig{{Asset: sim.Asset("SIM")}},
		Shared: &invoice.Shared{Project: "till", Slots: 1000},
	}}, Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "SIM", Quote: "EUR"}: decimal.NewFromInt(2)})})
	require.NoError(b, err)
	create := func() error {
		_, err := till.Create(b.Context(), invoice.Request{Project: "shop", Asset: "SIM", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(20)}})
		return err
	}
	for range 1000 {
		require.NoError(b, create())
	}
	b.ResetTimer()
	for range b.N {
		if err := create(); !errors.Is(err, invoice.ErrNoAddress) {
			b.Fatalf("not refused: %v", err)
		}
	}
}

type oneAddress struct{}

func (oneAddress) Name() string { return "one" }

func (oneAddress) Address(context.Context, uint32) (chain.Address, error) { return "0xshared", nil }
