package invoice

import (
	"context"
	"errors"
	"math/big"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func TestTheMinimumItselfCanBeAskedFor(t *testing.T) {
	a := AssetConfig{Asset: chain.Asset{ID: coin, Decimals: 2}, Minimum: decimal.RequireFromString("0.5")}
	require.NoError(t, a.checkDue(big.NewInt(50), decimal.Zero))
	require.Error(t, a.checkDue(big.NewInt(49), decimal.Zero))
}

func TestThePriceIsWhatIsDueWithoutThePayersPartOfTheCommission(t *testing.T) {
	for percent, want := range map[int64]int64{0: 100, 50: 100, 100: 100} {
		terms := Terms{CommissionPercent: decimal.NewFromInt(3), PayerPercent: decimal.NewFromInt(percent)}
		q := &Quote{Due: big.NewInt(100)}
		terms.charge(q) // half of 3 is 1.5, and rounds up
		require.Equal(t, want, Invoice{Terms: terms, Quote: q}.priceUnits().Int64())
	}
}

// forgetful is a store whose answer to the first commit is lost, and that refuses the second.
type forgetful struct {
	Store
	commits int
	stored  bool
}

func (f *forgetful) Commit(context.Context, Batch) error {
	if f.commits++; f.commits == 1 {
		return errors.New("connection lost")
	}
	return ErrConflict
}

func (f *forgetful) Invoice(context.Context, string) (Invoice, error) {
	if f.stored {
		return Invoice{}, nil
	}
	return Invoice{}, ErrNotFound
}

func TestAnInvoiceIsAnsweredAsMadeOnlyWhenItIsStored(t *testing.T) {
	b := Batch{Insert: []Invoice{{ID: "a"}}}
	for _, stored := range []bool{true, false} {
		err := (&Service{cfg: Config{Store: &forgetful{stored: stored}}}).commit(t.Context(), b)
		require.Equal(t, stored, err == nil, err)
		if !stored {
			require.ErrorIs(t, err, ErrConflict)
		}
	}
}
