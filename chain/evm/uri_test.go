package evm_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

func TestPaymentURI_SpellsEIP681(t *testing.T) {
	polygon, err := evm.ERC20("eip155:137", "0xc2132d05d31c914a87c6611c10748aeb04b58e8f", "USDT", 6)
	require.NoError(t, err)
	most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	for _, c := range []struct {
		asset chain.Asset
		to    chain.Address
		units *big.Int
		want  string
	}{
		{ether, "0xfb6916095ca1df60bb79ce92ce3ea74c37c5d359", big.NewInt(2_014_000_000_000_000_000),
			"ethereum:0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359@1?value=2014000000000000000"},
		{ether, shop, big.NewInt(1), "ethereum:" + shop + "@1?value=1"},
		{evm.Native("eip155:42161", "ETH"), shop, most, "ethereum:" + shop + "@42161?value=" +
			"115792089237316195423570985008687907853269984665640564039457584007913129639935"},
		{usdt, shop, big.NewInt(1), "ethereum:" + usdtContract + "@1/transfer?address=" + shop + "&uint256=1"},
		{polygon, shop, big.NewInt(25_000_000),
			"ethereum:0xc2132D05D31c914a87C6611C10748AEb04B58e8F@137/transfer?address=" + shop + "&uint256=25000000"},
	} {
		got, err := evm.PaymentURI(c.asset, c.to, c.units)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}

func TestPaymentURI_RefusesWhatCannotBePaid(t *testing.T) {
	for _, units := range []*big.Int{nil, big.NewInt(0), big.NewInt(-1), new(big.Int).Lsh(big.NewInt(1), 256)} {
		_, err := evm.PaymentURI(ether, shop, units)
		require.ErrorIs(t, err, evm.ErrUnits)
	}
	_, err := evm.PaymentURI(ether, chain.Address(shop[:41]+"f"), big.NewInt(1))
	require.ErrorIs(t, err, evm.ErrAddress)
	for _, asset := range []chain.Asset{
		{},
		{ID: "eip155:1/erc721:" + usdtContract, Code: "NFT"},
		{ID: "bip122:000000000019d6689c085ae165831e93/slip44:0", Code: "BTC", Decimals: 8},
		{ID: "eip155:0x1/slip44:60", Code: "ETH", Decimals: 18},
	} {
		_, err := evm.PaymentURI(asset, shop, big.NewInt(1))
		require.Error(t, err)
	}
}
