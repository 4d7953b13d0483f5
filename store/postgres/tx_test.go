package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/internal/pgtest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/postgres"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// commitSlowly commits within a transaction that goes on for a while.
func commitSlowly(ctx context.Context, both processes, begin func(context.Context) (pgx.Tx, error), b invoice.Batch) error {
	tx, err := begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	within, err := both.any().WithTx(tx)
	if err == nil {
		err = within.Commit(ctx, b)
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_sleep(0.003)"); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// still is a chain on which nothing happens.
type still struct{}

func (still) Network() chain.Network { return "eip155:1" }
func (still) Next(ctx context.Context, _ chain.Cursor) (chain.Step, error) {
	<-ctx.Done()
	return chain.Step{}, ctx.Err()
}
func (still) Lag() chain.Lag { return chain.Lag{} }

// numbered issues addresses that are their number.
type numbered struct{}

func (numbered) Name() string { return "hot" }
func (numbered) Address(_ context.Context, index uint32) (chain.Address, error) {
	return chain.Address(fmt.Sprintf("0x%040x", index)), nil
}

// newTill is a shop's service that takes ETH.
func newTill(s invoice.Store) (*invoice.Service, error) {
	eth := chain.Asset{ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 18}
	return invoice.New(invoice.Config{
		Store: s,
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "ETH", Quote: "EUR"}: decimal.NewFromInt(2500)}),
		Chains: []invoice.ChainConfig{{
			Watcher: still{}, Addresses: numbered{}, Assets: []invoice.AssetConfig{{Asset: eth}},
		}},
	})
}

func order(number string) invoice.Request {
	return invoice.Request{
		Project: "shop", OrderID: number, Asset: "ETH", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(25)},
	}
}

func TestATransactionThatIsRolledBackLeavesNothingButUsedNumbers(t *testing.T) {
	pool := migrated(t)
	s := open(t, pool)
	till, err := newTill(s)
	require.NoError(t, err)
	ctx := t.Context()
	used := map[chain.Address]bool{}
	fresh := func(inv invoice.Invoice) {
		t.Helper()
		require.False(t, used[inv.Quote.Address], "an address is issued twice")
		used[inv.Quote.Address] = true
	}
	for i := range 10 {
		tx := begin(t, pool, "SELECT 1")
		inv, err := till.CreateTx(ctx, tx, order(fmt.Sprint(i)))
		require.NoError(t, err)
		fresh(inv)
		within, err := inTx(t, s, tx).Invoice(ctx, inv.ID)
		require.NoError(t, err, "the transaction sees what it did")
		require.Equal(t, inv.ID, within.ID)
		_, err = s.Invoice(ctx, inv.ID)
		require.ErrorIs(t, err, invoice.ErrNotFound, "nobody else does")
		if i%2 == 0 {
			require.NoError(t, tx.Rollback(ctx))
			_, err := till.Invoice(ctx, "shop", inv.ID)
			require.ErrorIs(t, err, invoice.ErrNotFound)
			continue
		}
		require.NoError(t, tx.Commit(ctx))
		outside, err := till.Create(ctx, order(fmt.Sprint("outside-", i)))
		require.NoError(t, err)
		fresh(outside)
	}
	requireWholeFeed(t, s)
}

func TestARefusalWithinATransactionLeavesItUsable(t *testing.T) {
	pool := migrated(t)
	s := open(t, pool)
	till, err := newTill(s)
	require.NoError(t, err)
	first, err := till.Create(t.Context(), order("1"))
	require.NoError(t, err)
	tx := begin(t, pool, "SELECT 1")
	inner, err := till.WithTx(tx)
	require.NoError(t, err)
	_, err = inner.Create(t.Context(), order("1"))
	var taken *invoice.DuplicateOrderError
	require.ErrorAs(t, err, &taken)
	require.Equal(t, first.ID, taken.Invoice)
	other, err := inner.Create(t.Context(), order("2"))
	require.NoError(t, err)
	stolen := invoice.Claim{Network: "eip155:1", Place: invoice.Place{Address: other.Quote.Address}, Invoice: first.ID, Wallet: "hot"}
	err = inTx(t, s, tx).Commit(t.Context(), invoice.Batch{Claims: []invoice.Claim{stolen}})
	require.ErrorIs(t, err, invoice.ErrConflict)
	stolen.Slot = "\x00"
	err = inTx(t, s, tx).Commit(t.Context(), invoice.Batch{Claims: []invoice.Claim{stolen}})
	require.Error(t, err, "a refusal that PostgreSQL answers with an error")
	require.NoError(t, tx.Commit(t.Context()))
	_, err = till.Invoice(t.Context(), "shop", other.ID)
	require.NoError(t, err)
}

func TestANumberTakenInATransactionIsTakenWhenItIsCommitted(t *testing.T) {
	pool := migrated(t)
	s := open(t, pool)
	ctx := t.Context()
	for n := range 2 {
		b := workload.Creation(n)
		require.NoError(t, s.Commit(ctx, b))
		require.NoError(t, s.Commit(ctx, invoice.Batch{Releases: []invoice.Release{{Claim: b.Claims[0], Reuse: true}}}))
	}
	take := func(from invoice.Store, want uint32) {
		t.Helper()
		index, err := from.TakeIndex(ctx, "hot")
		require.NoError(t, err)
		require.Equal(t, want, index)
	}
	first := begin(t, pool, "SELECT 1")
	take(inTx(t, s, first), 0)
	second := begin(t, pool, "SELECT 1")
	take(inTx(t, s, second), 1) // without waiting for the first
	_, err := inTx(t, s, second).TakeIndex(ctx, "hot")
	require.ErrorIs(t, err, invoice.ErrNotFound)
	require.NoError(t, first.Rollback(ctx))
	take(s, 0)
	require.NoError(t, second.Commit(ctx))
	_, err = s.TakeIndex(ctx, "hot")
	require.ErrorIs(t, err, invoice.ErrNotFound)
}

func TestABatchWithinATransactionIsFenced(t *testing.T) {
	pool := migrated(t)
	s := open(t, pool)
	ctx := t.Context()
	old, err := s.Lease(ctx, "follow", "a", time.Hour)
	require.NoError(t, err)
	require.NoError(t, s.Release(ctx, old))
	_, err = s.Lease(ctx, "follow", "b", time.Hour)
	require.NoError(t, err)
	b := workload.Creation(1)
	b.Fence = old
	require.ErrorIs(t, inTx(t, s, begin(t, pool, "SELECT 1")).Commit(ctx, b), invoice.ErrFenced)
}

// The transaction may come from another pool, such as one for another part of the shop.
func TestATransactionOfAnotherPoolOnTheSameDatabaseWorks(t *testing.T) {
	pool := migrated(t)
	s := open(t, pool)
	other := pgtest.Connect(t, pool.Config().ConnString())
	tx := begin(t, other, "SELECT 1")
	require.NoError(t, inTx(t, s, tx).Commit(t.Context(), workload.Creation(1)))
	require.NoError(t, tx.Commit(t.Context()))
	_, err := s.Invoice(t.Context(), workload.Creation(1).Insert[0].ID)
	require.NoError(t, err)
}

// inTx returns the store within a transaction.
func inTx(t testing.TB, s invoice.Transactor, tx any) invoice.Store {
	t.Helper()
	within, err := s.WithTx(tx)
	require.NoError(t, err)
	return within
}

func TestWhatIsNoTransactionIsRefused(t *testing.T) {
	for _, tx := range []any{nil, "tx", t} {
		_, err := (*postgres.Store)(nil).WithTx(tx)
		var invalid *invoice.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.ErrorContains(t, err, "must be a pgx.Tx")
	}
}
