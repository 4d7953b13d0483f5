package postgres_test

import (
	"testing"

	"github.com/cointill/cointill/store/storetest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestTheStoreKeepsItsPromisesWithinTheHostsTransactions(t *testing.T) {
	storetest.RunTx(t, func(t *testing.T) storetest.Host {
		pool := migrated(t)
		s := open(t, pool)
		_, err := pool.Exec(t.Context(), "CREATE TABLE orders (number text)")
		require.NoError(t, err)
		return storetest.Host{
			Backend: s,
			Begin: func(t *testing.T) storetest.HostTx {
				ctx := t.Context()
				tx, err := pool.Begin(ctx)
				require.NoError(t, err)
				return storetest.HostTx{
					Store: inTx(t, s, tx),
					Insert: func(row string) error {
						_, err := tx.Exec(ctx, "INSERT INTO orders (number) VALUES ($1)", row)
						return err
					},
					Commit:   func() error { return tx.Commit(ctx) },
					Rollback: func() error { return tx.Rollback(ctx) },
				}
			},
			Rows: func(t *testing.T) []string {
				found, err := pool.Query(t.Context(), "SELECT number FROM orders")
				require.NoError(t, err)
				numbers, err := pgx.CollectRows(found, pgx.RowTo[string])
				require.NoError(t, err)
				return numbers
			},
		}
	})
}
