package lacks_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/lacks"
)

func TestDecimals_ContradictionStandsUntilItIsSettled(t *testing.T) {
	const token = chain.AssetID("eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7")
	var l lacks.List
	note := func(err error) []chain.Lack {
		l.Decimals(t.Context(), slog.New(slog.DiscardHandler), token, err)
		return l.All()
	}
	silent, other := errors.New("no answer"), fmt.Errorf("%w: 18 decimals", chain.ErrWrongNetwork)
	require.False(t, note(silent)[0].Contradicted)
	since := l.All()[0].Since
	for _, err := range []error{other, silent, other} {
		got := note(err)
		require.Len(t, got, 1)
		require.True(t, got[0].Contradicted)
		require.Equal(t, other.Error(), got[0].Reason, "the reason is that of the contradiction")
		require.Equal(t, since, got[0].Since)
	}
	require.Empty(t, note(nil))
	require.False(t, note(silent)[0].Contradicted)
}
