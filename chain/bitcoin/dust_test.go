package bitcoin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain/bitcoin"
)

func TestDust_IsWhatNodesRelay(t *testing.T) {
	scripts := randomScripts(5) // P2PKH, P2SH, P2WPKH, P2WSH, P2TR
	for _, c := range []struct {
		coin bitcoin.Params
		want []int64
	}{
		{bitcoin.Bitcoin(), []int64{546, 540, 294, 330, 330}},
		{bitcoin.BitcoinSignet(), []int64{546, 540, 294, 330, 330}},
		{bitcoin.Litecoin(), []int64{5460, 5400, 2940, 3300, 3300}},
		{bitcoin.LitecoinRegtest(), []int64{5460, 5400, 2940, 3300, 3300}},
		{bitcoin.Dogecoin(), []int64{1_000_000, 1_000_000}},
		{bitcoin.BitcoinCash(), []int64{546, 540}},
	} {
		for i, want := range c.want {
			require.Equal(t, want, c.coin.Dust(scripts[i]).Int64(), "%s %x", c.coin.Name, scripts[i])
		}
	}
}

// Incidents 35 and 38: less than this cannot be paid, so an invoice must not ask for it.
func TestIncident35_MinimumOfAWalletIsTheDustOfItsScripts(t *testing.T) {
	for kind, want := range map[bitcoin.ScriptKind]int64{
		bitcoin.P2PKH: 546, bitcoin.P2SHP2WPKH: 540, bitcoin.P2WPKH: 294, bitcoin.P2TR: 330,
	} {
		w := newWallet(t, bitcoin.Bitcoin(), anyKey, kind)
		require.Equal(t, want, w.Minimum().Int64(), kind)
		a, err := w.Address(t.Context(), 0)
		require.NoError(t, err)
		script, err := bitcoin.Bitcoin().Script(a)
		require.NoError(t, err)
		require.Equal(t, bitcoin.Bitcoin().Dust(script), w.Minimum())
		require.Equal(t, 10*want, newWallet(t, bitcoin.Litecoin(), anyKey, kind).Minimum().Int64())
	}
	require.Equal(t, int64(1_000_000), newWallet(t, bitcoin.Dogecoin(), anyKey, bitcoin.FromKey).Minimum().Int64())
	require.Equal(t, int64(546), newWallet(t, bitcoin.BitcoinCash(), anyKey, bitcoin.FromKey).Minimum().Int64())

	w := newWallet(t, bitcoin.Bitcoin(), anyKey, bitcoin.P2PKH)
	w.Minimum().SetInt64(0)
	require.Equal(t, int64(546), w.Minimum().Int64(), "the caller may keep what it got")
}
