package tron_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
)

func mainnetUSDT(t testing.TB) chain.Asset {
	t.Helper()
	a, err := tron.TRC20(tron.Mainnet, usdtContract, "USDT", 6)
	require.NoError(t, err)
	return a
}

func TestPaymentURI_IsTheAddressAlone(t *testing.T) {
	for _, asset := range []chain.Asset{tron.Native(tron.Mainnet, "TRX"), mainnetUSDT(t)} {
		for _, to := range vectors[0] {
			uri, err := tron.PaymentURI(asset, chain.Address(to), big.NewInt(25_000_000))
			require.NoError(t, err)
			require.Equal(t, vectors[0][0], uri)
		}
	}
}

func TestPaymentURI_RefusesWhatCannotBePaid(t *testing.T) {
	trx, usdt, to := tron.Native(tron.Mainnet, "TRX"), mainnetUSDT(t), chain.Address(vectors[0][0])
	huge := new(big.Int).Lsh(big.NewInt(1), 63)
	for _, units := range []*big.Int{nil, {}, big.NewInt(-1), huge} {
		_, err := tron.PaymentURI(trx, to, units)
		require.ErrorIs(t, err, tron.ErrUnits, units)
	}
	_, err := tron.PaymentURI(usdt, to, huge)
	require.NoError(t, err)
	_, err = tron.PaymentURI(usdt, to, new(big.Int).Lsh(big.NewInt(1), 256))
	require.ErrorIs(t, err, tron.ErrUnits)
	_, err = tron.PaymentURI(usdt, "0x9858EfFD232B4033E47d90003D41EC34EcaEda94", big.NewInt(1))
	require.ErrorIs(t, err, tron.ErrAddress)
	_, err = tron.PaymentURI(chain.Asset{ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 18}, to, big.NewInt(1))
	require.Error(t, err)
}

func TestTRC20_IdentityHasTheCanonicalSpelling(t *testing.T) {
	for _, contract := range vectors[4] {
		a, err := tron.TRC20(tron.Mainnet, contract, "USDT", 6)
		require.NoError(t, err)
		require.EqualValues(t, "tron:0x2b6653dc/trc20:TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", a.ID)
		require.NoError(t, a.Validate())
	}
	require.EqualValues(t, "tron:0x2b6653dc/slip44:195", tron.Native(tron.Mainnet, "TRX").ID)
	for _, network := range []chain.Network{"eip155:1", "tron:0x2B6653DC", "tron:728126428", "tron:mainnet", ""} {
		_, err := tron.TRC20(network, usdtContract, "USDT", 6)
		require.Error(t, err, network)
	}
	_, err := tron.TRC20(tron.Mainnet, "0xdAC17F958D2ee523a2206206994597C13D831ec7", "USDT", 6)
	require.ErrorIs(t, err, tron.ErrAddress)
	_, err = tron.TRC20(tron.Mainnet, usdtContract, "USDT", 99)
	require.Error(t, err)
}
