package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func order(number string) invoice.Request {
	return invoice.Request{
		Project: "shop", OrderID: number, Asset: "ETH", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(25)},
	}
}

// The shop's order and its invoice exist together or not at all.
func ExampleStore_WithTx() {
	ctx := context.Background()
	dir, _ := os.MkdirTemp("", "shop")
	defer os.RemoveAll(dir)
	db, _ := sqlite.Open(filepath.Join(dir, "shop.db"))
	defer db.Close()
	_ = sqlite.Migrate(ctx, db)
	_, _ = db.Exec(`CREATE TABLE orders (id TEXT PRIMARY KEY, invoice TEXT)`)
	store, _ := sqlite.New(db)
	wallet, _ := evm.NewWallet(benchKey)
	till, _ := invoice.New(invoice.Config{
		Store: store,
		Rates: rates.NewFixed(nil, map[rates.Pair]decimal.Decimal{{Base: "ETH", Quote: "EUR"}: decimal.NewFromInt(2500)}),
		Chains: []invoice.ChainConfig{{
			Watcher: &benchWatcher{}, Addresses: wallet, Assets: []invoice.AssetConfig{{Asset: evm.Native("eip155:1", "ETH")}},
		}},
	})

	buy := func(number string, changeOfMind bool) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		inv, err := till.WithStore(store.WithTx(tx)).Create(ctx, order(number))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO orders VALUES (?, ?)`, number, inv.ID); err != nil || changeOfMind {
			return err
		}
		return tx.Commit()
	}
	fmt.Println(buy("1", false), buy("2", true), buy("3", false))

	var orders int
	_ = db.QueryRow(`SELECT COUNT(*) FROM orders`).Scan(&orders)
	page, _ := till.List(ctx, invoice.Query{Limit: 10})
	fmt.Println(orders, "orders,", page.Total, "invoices")
	// Output:
	// <nil> <nil> <nil>
	// 2 orders, 2 invoices
}

func TestATransactionThatIsRolledBackLeavesNothing(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	till := tillOn(t, s, &benchWatcher{})
	ctx := t.Context()
	used := map[chain.Address]bool{}
	for i := range 20 {
		tx, err := db.BeginTx(ctx, nil)
		require.NoError(t, err)
		inv, err := till.WithStore(s.WithTx(tx)).Create(ctx, order(fmt.Sprint(i)))
		require.NoError(t, err)
		within, err := s.WithTx(tx).Invoice(ctx, inv.ID)
		require.NoError(t, err, "the transaction sees what it did")
		require.Equal(t, inv.ID, within.ID)
		if i%2 == 0 {
			require.NoError(t, tx.Rollback())
			_, err := till.Invoice(ctx, "shop", inv.ID)
			require.ErrorIs(t, err, invoice.ErrNotFound)
			continue
		}
		require.NoError(t, tx.Commit())
		require.False(t, used[inv.Quote.Address], "an address is used twice")
		used[inv.Quote.Address] = true
		outside, err := till.Create(ctx, order(fmt.Sprint("outside-", i)))
		require.NoError(t, err)
		require.False(t, used[outside.Quote.Address], "an address is used twice")
		used[outside.Quote.Address] = true
	}
}

func TestARefusalWithinATransactionLeavesItUsable(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	till := tillOn(t, s, &benchWatcher{})
	first, err := till.Create(t.Context(), order("1"))
	require.NoError(t, err)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	inner := till.WithStore(s.WithTx(tx))
	_, err = inner.Create(t.Context(), order("1"))
	var taken *invoice.DuplicateOrderError
	require.ErrorAs(t, err, &taken)
	require.Equal(t, first.ID, taken.Invoice)
	second, err := inner.Create(t.Context(), order("2"))
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	_, err = till.Invoice(t.Context(), "shop", second.ID)
	require.NoError(t, err)
}

// impatient is a store that waits for the write lock hardly at all.
func impatient(t *testing.T) (*sqlite.Store, *sql.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.db")
	_, _ = openAt(t, path)
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(20)&_pragma=synchronous(EXTRA)")
	require.NoError(t, err)
	t.Cleanup(func() { db.Close() })
	s, err := sqlite.New(db)
	require.NoError(t, err)
	return s, db
}

func TestAWriteThatNeverGetsTheLockSaysWhy(t *testing.T) {
	s, db := impatient(t)
	till := tillOn(t, s, &benchWatcher{})
	release := hold(t, db)
	for what, write := range map[string]func() error{
		"Commit":         func() error { return s.Commit(t.Context(), creation(1)) },
		"ReserveIndexes": func() error { _, err := s.ReserveIndexes(t.Context(), "hot", 1); return err },
		"InsertProject": func() error {
			return s.InsertProject(t.Context(), invoice.Project{ID: "p", Name: "p", KeyHash: "k", Version: 1})
		},
		"Create, without WithStore": func() error { _, err := till.Create(t.Context(), order("1")); return err },
	} {
		err := write()
		require.ErrorIs(t, err, sqlite.ErrLocked, what)
		require.ErrorIs(t, err, invoice.ErrBusy, what)
		require.ErrorContains(t, err, "WithTx", what)
	}
	_, err := s.Invoice(t.Context(), "nobody")
	require.ErrorIs(t, err, invoice.ErrNotFound, "reads go on")
	release()
	require.NoError(t, s.Commit(t.Context(), creation(1)))
}

// One that reads before it writes may find that others have written meanwhile.
func TestATransactionBegunWithoutTheLockSaysWhyItCannotWrite(t *testing.T) {
	s, db := impatient(t)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	_, err = s.WithTx(tx).Invoice(t.Context(), "nobody")
	require.ErrorIs(t, err, invoice.ErrNotFound)
	require.NoError(t, s.Commit(t.Context(), creation(1)))
	require.ErrorIs(t, s.WithTx(tx).Commit(t.Context(), creation(2)), sqlite.ErrLocked)
}
