package bitcoin_test

import (
	"math/big"
	"net/url"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
)

const bitcoinAddress = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"

func TestPaymentURI_SpellsBIP21(t *testing.T) {
	for _, c := range []struct {
		coin  bitcoin.Params
		to    chain.Address
		units int64
		want  string
	}{
		{bitcoin.Bitcoin(), bitcoinAddress, 20_30000000, "bitcoin:" + bitcoinAddress + "?amount=20.3"},
		{bitcoin.Bitcoin(), "BC1QCR8TE4KR609GCAWUTMRZA0J4XV80JY8Z306FYU", 1_00000000, "bitcoin:" + bitcoinAddress + "?amount=1"},
		{bitcoin.Bitcoin(), "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu", 50_000_00000000, "bitcoin:1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu?amount=50000"},
		{bitcoin.BitcoinRegtest(), "bcrt1qn7d2x7272lznt5hhk9s07q3cqnrqljnwladrd3", 12345678, "bitcoin:bcrt1qn7d2x7272lznt5hhk9s07q3cqnrqljnwladrd3?amount=0.12345678"},
		{bitcoin.Litecoin(), "M7wtsL7wSHDBJVMWWhtQfTMSYYkyooAAXM", 5460, "litecoin:M7wtsL7wSHDBJVMWWhtQfTMSYYkyooAAXM?amount=0.0000546"},
		{bitcoin.Dogecoin(), "DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC", 1_234_567_00000000, "dogecoin:DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC?amount=1234567"},
		{bitcoin.BitcoinCash(), "bitcoincash:qqyx49mu0kkn9ftfj6hje6g2wfer34yfnq5tahq3q6", 1_50000000,
			"bitcoincash:qqyx49mu0kkn9ftfj6hje6g2wfer34yfnq5tahq3q6?amount=1.5"},
		{bitcoin.BitcoinCash(), "1mW6fDEMjKrDHvLvoEsaeLxSCzZBf3Bfg", 1_50000000,
			"bitcoincash:qqyx49mu0kkn9ftfj6hje6g2wfer34yfnq5tahq3q6?amount=1.5"},
		{bitcoin.BitcoinCashTestnet(), "bchtest:pr6m7j9njldwwzlg9v7v53unlr4jkmx6eyvwc0uz5t", 1_00000000,
			"bchtest:pr6m7j9njldwwzlg9v7v53unlr4jkmx6eyvwc0uz5t?amount=1"},
	} {
		got, err := c.coin.PaymentURI(c.coin.Asset(), c.to, big.NewInt(c.units))
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
}

func TestIncident32_AmountsInURIsAreExactAndPlain(t *testing.T) {
	for units, want := range map[int64]string{
		1: "0.00000001", 10: "0.0000001", 1000: "0.00001", 29000000: "0.29", 30000000: "0.3", 2100000000000000: "21000000", 2099999999999999: "20999999.99999999",
	} {
		got, err := bitcoin.Bitcoin().PaymentURI(bitcoin.Bitcoin().Asset(), bitcoinAddress, big.NewInt(units))
		require.NoError(t, err)
		require.Equal(t, "bitcoin:"+bitcoinAddress+"?amount="+want, got)
	}
}

func TestPaymentURI_RefusesWhatCannotBePaid(t *testing.T) {
	p := bitcoin.Bitcoin()
	for _, units := range []*big.Int{nil, big.NewInt(0), big.NewInt(-1), big.NewInt(p.MaxMoney + 1), new(big.Int).Lsh(big.NewInt(1), 64)} {
		_, err := p.PaymentURI(p.Asset(), bitcoinAddress, units)
		require.ErrorIs(t, err, bitcoin.ErrUnits)
	}
	for _, to := range []chain.Address{"", "tb1q6rz28mcfaxtmd6v789l9rrlrusdprr9pqcpvkl", bitcoinAddress + "?amount=9", "DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC"} {
		_, err := p.PaymentURI(p.Asset(), to, big.NewInt(1))
		require.ErrorIs(t, err, bitcoin.ErrAddress)
	}
}

// A14: a wallet is never asked to pay one coin to an address of another.
func TestA14_PaymentURIOfAnotherAssetIsRefused(t *testing.T) {
	p := bitcoin.Bitcoin()
	wrong := p.Asset()
	wrong.Decimals = 18
	for _, asset := range []chain.Asset{{}, wrong, bitcoin.BitcoinCash().Asset(), bitcoin.BitcoinTestnet().Asset(), {ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 18}} {
		_, err := p.PaymentURI(asset, bitcoinAddress, big.NewInt(1))
		require.Error(t, err)
	}
}

func FuzzPaymentURI(f *testing.F) {
	f.Add(int64(1))
	f.Add(int64(2100000000000000))
	f.Fuzz(func(t *testing.T, units int64) {
		for _, p := range allCoins() {
			to := spelled(t, p)[0]
			s, err := p.PaymentURI(p.Asset(), to, big.NewInt(units))
			if units <= 0 || units > p.MaxMoney {
				require.ErrorIs(t, err, bitcoin.ErrUnits)
				continue
			}
			require.NoError(t, err)
			u, err := url.Parse(s)
			require.NoError(t, err)
			require.True(t, string(to) == u.Opaque || string(to) == u.Scheme+":"+u.Opaque, s)
			amount := u.Query().Get("amount")
			require.False(t, strings.ContainsAny(amount, "eE+-,"), s)
			require.False(t, strings.Contains(amount, ".") && strings.HasSuffix(amount, "0"), s)
			exact, err := p.Asset().UnitsExact(decimal.RequireFromString(amount))
			require.NoError(t, err)
			require.Equal(t, units, exact.Int64())
		}
	})
}
