package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/sqlite"
	"github.com/cointill/cointill/store/storetest"
	"github.com/stretchr/testify/require"
)

func TestTheStoreKeepsItsPromisesWithinTheHostsTransactions(t *testing.T) {
	for name, wrap := range map[string]func(*sqlite.Store) store.Backend{
		"plain":  func(s *sqlite.Store) store.Backend { return s },
		"sealed": func(s *sqlite.Store) store.Backend { return sealedWith(t, s, sealingKeys[0]).Backend() },
	} {
		t.Run(name, func(t *testing.T) { runTx(t, wrap) })
	}
}

func runTx(t *testing.T, wrap func(*sqlite.Store) store.Backend) {
	storetest.RunTx(t, func(t *testing.T) storetest.Host {
		plain, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
		_, err := db.Exec("CREATE TABLE orders (number TEXT)")
		require.NoError(t, err)
		s := wrap(plain)
		return storetest.Host{
			Backend: s,
			Begin: func(t *testing.T) storetest.HostTx {
				tx, err := db.BeginTx(t.Context(), nil)
				require.NoError(t, err)
				return storetest.HostTx{
					Store: inTx(t, s.(invoice.Transactor), tx), Insert: func(row string) error { return insertOrder(tx, row) }, Commit: tx.Commit, Rollback: tx.Rollback,
				}
			},
			Rows: func(t *testing.T) []string { return orders(t, db) },
		}
	})
}

func insertOrder(tx *sql.Tx, number string) error {
	_, err := tx.Exec("INSERT INTO orders (number) VALUES (?)", number)
	return err
}

func orders(t *testing.T, db *sql.DB) (numbers []string) {
	t.Helper()
	found, err := db.Query("SELECT number FROM orders")
	require.NoError(t, err)
	defer found.Close()
	for found.Next() {
		var number string
		require.NoError(t, found.Scan(&number))
		numbers = append(numbers, number)
	}
	require.NoError(t, found.Err())
	return numbers
}
