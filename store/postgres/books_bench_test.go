package postgres_test

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store/internal/books"
	"github.com/cointill/cointill/store/postgres"
	"github.com/stretchr/testify/require"
)

// BenchmarkCommitPayout stores what the request of a payout stores: the payout, what finds it, an entry of three postings
// and an event, which are 15 new rows. The goal is 0.4 of BenchmarkRawPayout, which inserts the same rows and knows no
// rules, at the same number of callers, in the same run. This prints the ratios:
//
//	go test ./store/postgres -run '^$' -bench '^(BenchmarkRawPayout|BenchmarkCommitPayout)$/callers=(1|8|32)$' -benchtime 3s |
//		awk '/callers/ { split($1, at, /[\/-]/); for (i = 2; i < NF; i++) if ($(i+1) == "rows/s") rate[at[1], at[2]] = $i }
//			END { for (k in rate) { split(k, at, SUBSEP); if (at[1] ~ /Commit/) print at[2], rate[k] / rate["BenchmarkRawPayout", at[2]] } }'
func BenchmarkCommitPayout(b *testing.B) {
	for _, callers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, 16)
			require.NoError(b, postgres.Migrate(b.Context(), pool))
			s := open(b, pool)
			require.NoError(b, s.CommitPayouts(b.Context(), deposit()))
			run(b, callers, func(n int) error { return s.CommitPayouts(context.Background(), payoutRequest(n)) })
			b.ReportMetric(float64(b.N)/float64(s.BookCommits()), "batches/group")
		})
	}
}

// BenchmarkRawPayout is what the server gives to as many connections as there are callers: the rows of the request of a
// payout in one statement and a transaction of its own. The rows were made before.
func BenchmarkRawPayout(b *testing.B) {
	for _, callers := range []int{1, 8, 32} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			pool := durablePool(b, callers)
			_, err := pool.Exec(b.Context(), `CREATE TABLE raw (key bytea PRIMARY KEY, value bytea NOT NULL)`)
			require.NoError(b, err)
			requests := payoutRows(b)
			run(b, callers, func(n int) error {
				_, err := pool.Exec(context.Background(), "INSERT INTO raw (key, value) SELECT * FROM unnest($1::bytea[], $2::bytea[])",
					requests[n].keys, requests[n].values)
				return err
			})
		})
	}
}

type rawRows struct{ keys, values [][]byte }

// payoutRows returns the new rows of b.N requests, from 1.
func payoutRows(b *testing.B) []rawRows {
	b.Helper()
	stored := map[string][]byte{}
	apply := func(batch payout.Batch) (fresh rawRows) {
		prepared, err := books.Prepare(batch)
		require.NoError(b, err)
		writes, err := prepared.Apply(func(k string) []byte { return stored[k] })
		require.NoError(b, err)
		for _, k := range slices.Sorted(maps.Keys(writes)) {
			if stored[k] == nil {
				fresh.keys, fresh.values = append(fresh.keys, []byte(k)), append(fresh.values, writes[k])
			}
			if slices.Contains(prepared.Keys, k) {
				stored[k] = writes[k]
			}
		}
		return fresh
	}
	apply(deposit())
	apply(payoutRequest(0)) // with the accounts' first balances
	out := make([]rawRows, b.N+1)
	for n := 1; n <= b.N; n++ {
		batch := payoutRequest(n)
		rows, ev := apply(batch), batch.Events[0]
		rows.keys = append(rows.keys, fmt.Appendf(nil, "x%015d %s %s", n, ev.ID, ev.Type))
		rows.values = append(rows.values, ev.Body)
		out[n] = rows
	}
	return out
}

const payoutAsset = chain.AssetID("eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7")

func payoutAccount(kind payout.AccountKind) payout.Account {
	a := payout.Account{Kind: kind, Asset: payoutAsset}
	if kind != payout.External && kind != payout.Commission {
		a.Project = "0198c8d2-7a5e-7c11-9d7a-0f6a5d0c9e11"
	}
	return a
}

// deposit is what all payouts of a benchmark come from.
func deposit() payout.Batch {
	sum := new(big.Int).Lsh(big.NewInt(1), 80)
	return payout.Batch{
		Entries: []payout.Entry{{ID: "deposit", Kind: payout.EntryFund, At: time.Unix(0, 0), Postings: []payout.Posting{
			{Account: payoutAccount(payout.External), Units: new(big.Int).Neg(sum)}, {Account: payoutAccount(payout.Available), Units: sum},
		}}},
		Moves: []payout.Move{{Holding: payout.Holding{Network: "eip155:1", Name: "wallet", Asset: payoutAsset}, Units: sum}},
	}
}

// payoutRequest is the batch of a new payout.
func payoutRequest(n int) payout.Batch {
	now := time.Date(2031, 2, 3, 4, 5, 6, 123456789, time.UTC).Add(time.Duration(n) * time.Millisecond)
	from := payoutAccount(payout.Available)
	p := payout.Payout{
		ID:      fmt.Sprintf("%08x-%04x-7abc-8def-%012x", n>>8, n&0xff<<8, uint64(n)*0x9e3779b97f4a7c15>>16),
		Project: from.Project, Key: fmt.Sprintf("withdrawal-%d", n), Kind: payout.KindPayout,
		Asset: chain.Asset{ID: payoutAsset, Code: "USDT", Decimals: 6}, To: benchAddress(n), Units: big.NewInt(21_500_000),
		Source: from, Fee: big.NewInt(500_000), FeeAsset: payoutAsset, Payer: from, Name: "Partner in April",
		CallbackURL: "https://shop.example/callbacks/cointill", Format: "standard", Requester: "ann",
		CreatedAt: now, UpdatedAt: now, State: payout.State{Status: payout.StatusQueued}, Seq: 1, Version: 1,
	}
	e := payout.Entry{ID: "reserve:" + p.ID, Kind: payout.EntryReserve, Subject: p.ID, At: now, Postings: []payout.Posting{
		{Account: from, Units: big.NewInt(-22_000_000)}, {Account: payoutAccount(payout.Reserved), Units: big.NewInt(21_900_000)},
		{Account: payoutAccount(payout.Commission), Units: big.NewInt(100_000)},
	}}
	ev := invoice.Event{
		ID: "evt_" + p.ID + "_1", Payout: p.ID, Project: p.Project, Seq: 1, Type: "payout.requested", At: now, Body: eventBody,
	}
	return payout.Batch{Payouts: []payout.Payout{p}, Entries: []payout.Entry{e}, Events: []invoice.Event{ev}}
}
