package payout

import (
	"context"
	"errors"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// purse is a wallet with one holding.
type purse struct {
	Wallet
	units *big.Int
	err   error
}

func (p purse) Holding(_ context.Context, name string) (Holding, error) {
	if p.err == nil && name != "lane" {
		return Holding{}, ErrNotFound
	}
	return Holding{Name: name, Units: p.units}, p.err
}

func TestFreeIsWhatNoOpenTransactionCanTake(t *testing.T) {
	w := purse{units: big.NewInt(1000)}
	one := oneTransaction(StageSigned, signedVersion("a", 5), signedVersion("b", 40), cancelVersion("c", 60)) // 140 at most
	final := oneTransaction(StageFinal, signedVersion("d", 10))
	two := oneTransaction(StagePlanned, plannedVersion()) // 110
	two.ID = "two"
	for _, c := range []struct {
		name, except string
		want         int64
	}{
		{"lane", "", 750}, {"lane", "two", 860}, {"elsewhere", "", 0},
	} {
		free, err := Free(t.Context(), w, []Transaction{one, final, two}, c.name, c.except)
		require.NoError(t, err)
		require.Equal(t, c.want, free.Int64(), c)
	}
	require.Equal(t, int64(1000), w.units.Int64(), "the holding is not changed")
	down := errors.New("no answer")
	_, err := Free(t.Context(), purse{err: down}, nil, "lane", "")
	require.ErrorIs(t, err, down)
}
