package bitcoin_test

import (
	"context"
	"fmt"
	"math/big"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
	"github.com/cointill/cointill/store/sqlite"
)

// BenchmarkPay500 takes 500 queued payouts from a database through a plan of one transaction, its signature and its first
// sending, as Run does it: every step is stored in SQLite before the next, and the node is a fake one in the same process.
// The goal is 1 s on one core:
//
//	GOMAXPROCS=1 go test ./payout/bitcoin -run '^$' -bench Pay500 -benchtime 5x
func BenchmarkPay500(b *testing.B) {
	for range b.N {
		b.StopTimer()
		service, f := queued(b, 500)
		b.StartTimer()
		require.NoError(b, service.Look(b.Context(), f.params.Network))
		b.StopTimer()
		require.Len(b, f.sent, 1)
		page, err := service.Payouts(b.Context(), payout.Query{Status: payout.StatusSent, Limit: 1000})
		require.NoError(b, err)
		require.Len(b, page.Payouts, 500)
		b.StartTimer()
	}
}

// queued returns a service with so many payouts that wait for a transaction.
func queued(b *testing.B, payouts int) (*payout.Service, *fake) {
	b.Helper()
	s, f := newFakeShop(b, btc.BitcoinRegtest(), btc.P2WPKH, func(c *bitcoin.Config) { c.Batch = payouts })
	f.put(b, s, 6, slices.Repeat([]int64{30_000_000}, payouts/5)...)
	db, err := sqlite.Open(filepath.Join(b.TempDir(), "pay.db"))
	require.NoError(b, err)
	b.Cleanup(func() { db.Close() })
	require.NoError(b, sqlite.Migrate(b.Context(), db))
	store, err := sqlite.New(db)
	require.NoError(b, err)
	asset := s.params.Asset()
	service, err := payout.New(payout.Config{Store: store, Invoices: store, Networks: []payout.NetworkConfig{{
		Spender: s.spender, Signer: instantly{s.key}, Assets: []payout.AssetConfig{{Asset: asset, MaxFee: big.NewInt(10_000)}},
	}}})
	require.NoError(b, err)
	var deposit payout.Batch
	sum := new(big.Int)
	for _, h := range s.books.holdings {
		deposit.Moves = append(deposit.Moves, payout.Move{Holding: h, Units: h.Units})
		sum.Add(sum, h.Units)
	}
	deposit.Entries = []payout.Entry{{ID: "deposit", Kind: payout.EntryFund, At: time.Unix(1_900_000_000, 0), Postings: []payout.Posting{
		{Account: payout.Account{Kind: payout.External, Asset: asset.ID}, Units: new(big.Int).Neg(sum)},
		{Account: payout.Account{Project: "shop", Kind: payout.Available, Asset: asset.ID}, Units: sum},
	}}}
	require.NoError(b, store.CommitPayouts(b.Context(), deposit))
	for i := range payouts {
		_, err := service.Request(b.Context(), payout.Request{
			Project: "shop", Key: fmt.Sprint(i), Asset: asset.ID, To: string(s.stranger(b, byte(i))), Units: decimal.New(int64(4_000_000+i), -8),
		})
		require.NoError(b, err)
	}
	return service, f
}

// instantly signs at once.
type instantly struct{ key *bitcoin.Key }

func (s instantly) Sign(_ context.Context, r payout.SignRequest) ([]byte, error) {
	return s.key.Sign(r.Unsigned)
}
