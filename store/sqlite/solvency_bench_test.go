package sqlite_test

import (
	"fmt"
	"math/big"
	"path/filepath"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/stretchr/testify/require"
)

// BenchmarkSolvency asks whether we hold what we owe, beside a million coins that arrived one by one, or as many as
// COINTILL_BENCH_ISSUED says, and 20 transactions under way; and adds everything up again. The goals are 10 ms and 10 s
// for a million; BENCHMARKS.md has what was measured. The last part reads all holdings with their locks, page by page.
//
//	go test ./store/sqlite -run '^$' -bench Solvency -benchtime 3x -timeout 30m
func BenchmarkSolvency(b *testing.B) {
	coins := manyIssued(b)
	if testing.Short() {
		coins = 20_000
	}
	s, _ := openAt(b, filepath.Join(b.TempDir(), "books.db"))
	arrive(b, s, coins)
	asset := chain.Asset{ID: workload.PayoutAsset, Code: "USDT", Decimals: 6}
	service, err := payout.New(payout.Config{Store: s, Invoices: store.NewMemory(), Networks: []payout.NetworkConfig{{
		Spender: quiet{}, Assets: []payout.AssetConfig{{Asset: asset, MaxFee: big.NewInt(1)}},
	}}})
	require.NoError(b, err)
	b.Run(fmt.Sprintf("ask/coins=%d", coins), func(b *testing.B) {
		for b.Loop() {
			found, err := service.Solvency(b.Context())
			require.NoError(b, err)
			require.Len(b, found, 1)
			require.Equal(b, int64(coins*1000), found[0].Held.Int64())
			require.Equal(b, int64(20*1000), found[0].InFlight.Int64())
		}
	})
	b.Run(fmt.Sprintf("recount/coins=%d", coins), func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, service.Recount(b.Context()))
		}
	})
	b.Run(fmt.Sprintf("holdings/coins=%d", coins), func(b *testing.B) {
		for b.Loop() {
			n := 0
			for after := ""; ; {
				page, err := s.Holdings(b.Context(), "eip155:1", after, 1000)
				require.NoError(b, err)
				n += len(page)
				if len(page) < 1000 {
					break
				}
				after = page[len(page)-1].Name
			}
			require.Equal(b, coins, n)
		}
	})
}

// quiet is a spender that is asked for nothing but its network.
type quiet struct{ payout.Spender }

func (quiet) Network() chain.Network { return "eip155:1" }

// arrive books coins, each with an entry of its own, and transactions under way that spend the first of them.
func arrive(b *testing.B, s payout.Store, coins int) {
	b.Helper()
	at := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	coin := func(n int) payout.Holding {
		return payout.Holding{
			Network: "eip155:1", Name: fmt.Sprintf("%064x:0", uint64(n)*0x9e3779b97f4a7c15), Asset: workload.PayoutAsset,
			Address: workload.Address(n), Wallet: "hot", Index: uint32(n), Height: uint64(n),
		}
	}
	const page = 2000
	for n := 0; n < coins; n += page {
		var batch payout.Batch
		for i := n; i < min(n+page, coins); i++ {
			batch.Entries = append(batch.Entries, payout.Entry{
				ID: fmt.Sprintf("credit:%08x:1", i), Kind: payout.EntryCredit, Subject: fmt.Sprintf("invoice %d", i), At: at,
				Postings: []payout.Posting{
					{Account: workload.PayoutAccount(payout.External), Units: big.NewInt(-1000)},
					{Account: workload.PayoutAccount(payout.Available), Units: big.NewInt(1000)},
				},
			})
			batch.Moves = append(batch.Moves, payout.Move{Holding: coin(i), Units: big.NewInt(1000)})
		}
		require.NoError(b, s.CommitPayouts(b.Context(), batch))
	}
	for n := range 20 {
		name := coin(n).Name
		t := payout.Transaction{
			ID: fmt.Sprintf("tx-%d", n), Network: "eip155:1", Purpose: payout.PurposePay, Anchor: name, Stage: payout.StageSigned, Mined: -1,
			CreatedAt: at, UpdatedAt: at, Version: 1, Versions: []payout.Version{{
				Unsigned: make([]byte, 300), Raw: make([]byte, 400), TxID: "tx", Fee: big.NewInt(7), Spends: []string{name}, At: at,
				Moves: []payout.Move{{Holding: coin(n), Units: big.NewInt(-1000)}},
			}},
		}
		require.NoError(b, s.CommitPayouts(b.Context(), payout.Batch{
			Transactions: []payout.Transaction{t}, Locks: []payout.Lock{{Network: "eip155:1", Name: name, Transaction: t.ID}},
		}))
	}
}
