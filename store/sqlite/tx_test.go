package sqlite_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func order(number string) invoice.Request {
	return invoice.Request{
		Project: "shop", OrderID: number, Asset: "ETH", Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(25)},
	}
}

func TestATransactionThatIsRolledBackLeavesNothing(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	till := tillOn(t, s, &benchWatcher{})
	ctx := t.Context()
	used := map[chain.Address]bool{}
	for i := range 20 {
		tx, err := db.BeginTx(ctx, nil)
		require.NoError(t, err)
		inv, err := till.CreateTx(ctx, tx, order(fmt.Sprint(i)))
		require.NoError(t, err)
		within, err := inTx(t, s, tx).Invoice(ctx, inv.ID)
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

func TestAnInvoiceWithinATransactionIsToldToTheProjectsEndpoints(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	projects, err := invoice.NewProjects(s, nil)
	require.NoError(t, err)
	p, _, err := projects.Create(t.Context(), invoice.NewProject{Owner: "me", Name: "shop"})
	require.NoError(t, err)
	endpoint, err := projects.AddEndpoint(t.Context(), p.ID, invoice.NewEndpoint{URL: "https://shop.example/hook"})
	require.NoError(t, err)
	notifier, err := webhook.NewNotifier(webhook.Standard())
	require.NoError(t, err)
	till := tillOn(t, s, &benchWatcher{}, func(cfg *invoice.Config) { cfg.Notifier, cfg.Receivers = notifier, projects })
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	mine := order("1")
	mine.Project = p.ID
	inv, err := till.CreateTx(t.Context(), tx, mine)
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	records, err := s.History(t.Context(), inv.ID, 0)
	require.NoError(t, err)
	require.Len(t, records, 1)
	require.Equal(t, endpoint.ID, records[0].Message.Receiver)
}

func TestARefusalWithinATransactionLeavesItUsable(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	till := tillOn(t, s, &benchWatcher{})
	first, err := till.Create(t.Context(), order("1"))
	require.NoError(t, err)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	inner, err := till.WithTx(tx)
	require.NoError(t, err)
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

func TestAWriteThatNeverGetsTheLockReturnsWhy(t *testing.T) {
	s, db := impatient(t)
	till := tillOn(t, s, &benchWatcher{})
	release := hold(t, db)
	for what, write := range map[string]func() error{
		"Commit":         func() error { return s.Commit(t.Context(), workload.Creation(1)) },
		"ReserveIndexes": func() error { _, err := s.ReserveIndexes(t.Context(), "hot", 1); return err },
		"InsertProject": func() error {
			return s.InsertProject(t.Context(), invoice.Project{ID: "p", Name: "p", KeyHash: "k", Version: 1})
		},
		"Create, without CreateTx": func() error { _, err := till.Create(t.Context(), order("1")); return err },
	} {
		err := write()
		require.ErrorIs(t, err, sqlite.ErrLocked, what)
		require.ErrorIs(t, err, invoice.ErrBusy, what)
		require.ErrorContains(t, err, "WithTx", what)
	}
	_, err := s.Invoice(t.Context(), "nobody")
	require.ErrorIs(t, err, invoice.ErrNotFound, "reads go on")
	release()
	require.NoError(t, s.Commit(t.Context(), workload.Creation(1)))
}

// One that reads before it writes may find that others have written meanwhile.
func TestATransactionBegunWithoutTheLockReturnsWhyItCannotWrite(t *testing.T) {
	s, db := impatient(t)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	_, err = inTx(t, s, tx).Invoice(t.Context(), "nobody")
	require.ErrorIs(t, err, invoice.ErrNotFound)
	require.NoError(t, s.Commit(t.Context(), workload.Creation(1)))
	require.ErrorIs(t, inTx(t, s, tx).Commit(t.Context(), workload.Creation(2)), sqlite.ErrLocked)
}

// inTx returns the store within a transaction.
func inTx(t testing.TB, s invoice.Transactor, tx any) invoice.Store {
	t.Helper()
	within, err := s.WithTx(tx)
	require.NoError(t, err)
	return within
}

func TestWhatIsNoTransactionIsRefused(t *testing.T) {
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	for _, tx := range []any{nil, db, (*sql.Tx)(nil)} {
		_, err := s.WithTx(tx)
		var invalid *invoice.InvalidError
		require.ErrorAs(t, err, &invalid)
		require.ErrorContains(t, err, "must be an open *sql.Tx")
	}
}
