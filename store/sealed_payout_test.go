package store_test

import (
	"fmt"
	"math/big"
	"testing"

	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

const secretOfPayout = "what the creator keeps"

func payoutWithData(n int) payout.Payout {
	id := fmt.Sprintf("pay-%d", n)
	return payout.Payout{ID: id, Project: "shop", Key: id, Units: big.NewInt(1), Data: map[string]string{"note": secretOfPayout}, Version: 1}
}

func storePayouts(t *testing.T, b payout.Store, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		require.NoError(t, b.CommitPayouts(t.Context(), payout.Batch{Payouts: []payout.Payout{payoutWithData(n)}}))
	}
}

func dataOf(t *testing.T, b payout.Store) string {
	t.Helper()
	page, err := b.Payouts(t.Context(), payout.Query{Oldest: true})
	require.NoError(t, err)
	text := ""
	for _, p := range page.Payouts {
		text += fmt.Sprint(p.Data)
	}
	return text
}

func TestDataOfPayoutsIsSealed(t *testing.T) {
	m := store.NewMemory()
	b := seal(t, m, newKey)
	storePayouts(t, b, 1)
	storePayouts(t, seal(t, m, newKey), 2)
	require.NotContains(t, dataOf(t, m), "note")
	require.NotContains(t, dataOf(t, m), secretOfPayout)
	for n := 1; n <= 2; n++ {
		want := payoutWithData(n)
		got, err := b.Payout(t.Context(), want.ID)
		require.NoError(t, err)
		require.Equal(t, want.Data, got.Data)
		got, err = b.PayoutBy(t.Context(), payout.Reference{Project: "shop", Key: want.Key})
		require.NoError(t, err)
		require.Equal(t, want.Data, got.Data)
	}
	require.Contains(t, dataOf(t, b), secretOfPayout)

	stranger := seal(t, m, oldKey)
	_, err := stranger.Payout(t.Context(), "pay-1")
	require.ErrorIs(t, err, store.ErrNoKey)
	_, err = stranger.Payouts(t.Context(), payout.Query{})
	require.ErrorIs(t, err, store.ErrNoKey)

	moved, err := m.Payout(t.Context(), "pay-1")
	require.NoError(t, err)
	moved.ID, moved.Key = "pay-9", "pay-9"
	require.NoError(t, m.CommitPayouts(t.Context(), payout.Batch{Payouts: []payout.Payout{moved}}))
	_, err = b.Payout(t.Context(), "pay-9")
	require.Error(t, err, "it belongs to another payout")
}

func TestResealSealsDataOfPayoutsAnew(t *testing.T) {
	m := store.NewMemory()
	storePayouts(t, m, 1)
	storePayouts(t, seal(t, m, oldKey), 2)
	storePayouts(t, seal(t, m, newKey), 3)
	bare := payoutWithData(4)
	bare.Data = nil
	require.NoError(t, m.CommitPayouts(t.Context(), payout.Batch{Payouts: []payout.Payout{bare}}))
	changed, err := sealed(t, m, newKey, oldKey).Reseal(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, changed)
	require.NotContains(t, dataOf(t, m), secretOfPayout)
	got, err := seal(t, m, newKey).Payout(t.Context(), "pay-2")
	require.NoError(t, err)
	require.Equal(t, payoutWithData(2).Data, got.Data)
	require.EqualValues(t, 2, got.Version)
}
