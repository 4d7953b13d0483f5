package evm_test

import (
	"crypto/ecdsa"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/chain/internal/hdkey/hdkeytest"
)

// account is m/44'/60'/0' of the mnemonic "abandon" x 11 "about".
const account = "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt"

var adapter = hdkeytest.Adapter{
	New:     func(xpub string) (hdkeytest.Wallet, error) { return evm.NewWallet(xpub) },
	Spell:   func(key ecdsa.PublicKey) chain.Address { return chain.Address(crypto.PubkeyToAddress(key).Hex()) },
	Account: account, Name: "evm:7c2f11bdf26ee0284c1838783719d00abf3fe1bc", Address: shop,
}

func TestWallet(t *testing.T) { adapter.Test(t) }

func FuzzNewWallet(f *testing.F) { adapter.Fuzz(f) }

func TestWallet_DerivesAsOtherWalletsDo(t *testing.T) {
	w, err := evm.NewWallet(account)
	require.NoError(t, err)
	for index, want := range []chain.Address{
		"0x9858EfFD232B4033E47d90003D41EC34EcaEda94",
		"0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0",
		"0xb6716976A3ebe8D39aCEB04372f22Ff8e6802D7A",
	} {
		got, err := w.Address(t.Context(), uint32(index))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestParseAddress_VectorsOfERC55(t *testing.T) {
	for _, s := range []string{
		"0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
		"0xde709f2102306220921060314715629080e2fb77", "0x27b1fdb04752bbc536007a920d24acb045561c26",
		"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
	} {
		for _, spelling := range []string{s, strings.ToLower(s), "0x" + strings.ToUpper(s[2:])} {
			got, err := evm.ParseAddress(spelling)
			require.NoError(t, err)
			require.Equal(t, chain.Address(s), got)
		}
		for i := 2; i < len(s); i++ {
			flipped := s[:i] + flip(s[i:i+1]) + s[i+1:]
			if flipped == s || strings.ToLower(flipped) == flipped || "0x"+strings.ToUpper(flipped[2:]) == flipped {
				continue
			}
			_, err := evm.ParseAddress(flipped)
			require.ErrorIs(t, err, evm.ErrAddress, flipped)
		}
	}
}

func flip(c string) string {
	if up := strings.ToUpper(c); up != c {
		return up
	}
	return strings.ToLower(c)
}

func TestParseAddress_RefusesOtherForms(t *testing.T) {
	for _, s := range []string{
		"", "0x", shop[2:], "0X" + shop[2:], shop + "0", shop[:41], " " + shop, shop + "\n", "0xg" + shop[3:],
		"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "vitalik.eth", "0x" + topic(shop)[2:],
	} {
		_, err := evm.ParseAddress(s)
		require.ErrorIs(t, err, evm.ErrAddress, s)
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add(shop)
	f.Fuzz(func(t *testing.T, s string) {
		a, err := evm.ParseAddress(s)
		if err != nil {
			return
		}
		require.True(t, strings.EqualFold(s, string(a)))
		again, err := evm.ParseAddress(string(a))
		require.NoError(t, err)
		require.Equal(t, a, again)
	})
}

func BenchmarkDerive(b *testing.B) { adapter.Bench(b) }

func BenchmarkDeriveHDKeychain(b *testing.B) {
	receive := hdkeytest.Branch(b, account, 0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		adapter.Derive(b, receive, uint32(i))
	}
}

func TestWallet_ChangeIsBranchOne(t *testing.T) {
	w, err := evm.NewWallet(account)
	require.NoError(t, err)
	branch := hdkeytest.Branch(t, account, 1)
	for _, index := range []uint32{0, 1, 77} {
		got, err := w.Change(index)
		require.NoError(t, err)
		require.Equal(t, adapter.Derive(t, branch, index), got)
	}
	_, err = w.Change(1 << 31)
	require.ErrorIs(t, err, evm.ErrIndex)
}
