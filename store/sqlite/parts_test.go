package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/workload"
	"github.com/stretchr/testify/require"
)

func TestALongListOfPlacesIsReadAsAShortOneIs(t *testing.T) {
	const held, asked = 500, 700
	s, db := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	var b invoice.Batch
	var addresses []chain.Address
	for n := range held {
		one := workload.Creation(n)
		b.Insert, b.Claims = append(b.Insert, one.Insert...), append(b.Claims, one.Claims...)
	}
	for n := range asked {
		addresses = append(addresses, workload.Address(n))
	}
	require.NoError(t, s.Commit(t.Context(), b))
	broken := []string{b.Insert[3].ID, b.Insert[250].ID, b.Insert[499].ID}
	for _, id := range broken {
		_, err := db.Exec("UPDATE cointill_invoices SET doc = substr(doc, 1, 100) WHERE id = ?", id)
		require.NoError(t, err)
	}
	var want []string
	for _, inv := range b.Insert {
		if !slices.Contains(broken, inv.ID) {
			want = append(want, inv.ID)
		}
	}
	look := func(from invoice.Reader) {
		t.Helper()
		found, err := from.InvoicesAt(t.Context(), placesAt(addresses...))
		var damaged *invoice.DamagedError
		require.ErrorAs(t, err, &damaged)
		require.ElementsMatch(t, broken, damaged.Invoices)
		require.Error(t, damaged.Err)
		var ids []string
		for _, inv := range found {
			ids = append(ids, inv.ID)
		}
		require.ElementsMatch(t, want, ids)
	}
	for _, connections := range []int{0, 1, 2} {
		t.Run(fmt.Sprint("connections=", connections), func(*testing.T) {
			db.SetMaxOpenConns(connections)
			look(s)
		})
	}
	db.SetMaxOpenConns(0)
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	hosted, err := s.WithTx(tx)
	require.NoError(t, err)
	look(hosted)
}

func TestALongListThatCannotBeReadIsAnErrorAndNotAPartOfIt(t *testing.T) {
	s, _ := openAt(t, filepath.Join(t.TempDir(), "shop.db"))
	var addresses []chain.Address
	for n := range 200 {
		require.NoError(t, s.Commit(t.Context(), workload.Creation(n)))
		addresses = append(addresses, workload.Address(n))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	found, err := s.InvoicesAt(ctx, placesAt(addresses...))
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, found)
}
