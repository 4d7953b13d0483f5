package tron_test

import (
	"crypto/ecdsa"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/hdkey/hdkeytest"
	"github.com/cointill/cointill/chain/tron"
)

// accountKey is m/44'/195'/0' of the mnemonic "abandon" x 11 "about".
const accountKey = "xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd"

// vectors are addresses with their hexadecimal form; the first three are 0/0 to 0/2 of accountKey.
var vectors = [][2]string{
	{"TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH", "41c8599111f29c1e1e061265b4af93ea1f274ad78a"},
	{"TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK", "41b6e708a39781c96bd399c7657780ff9fe9f052a8"},
	{"TYJPRrdB5APNeRs4R7fYZSwW3TcrTKw2gx", "41f4f35fff5ca9ee43aca2c57ded9d9ec66ac42dd0"},
	{"THLNguYKN3S8RUzVyi9ErynW4YmXLU5c8n", "4150c9b3b6d512c8aef184c45310879952daf97d99"}, // 1/0
	{usdtContract, "41a614f803b6fd780986a42c78ec9c7f77e6ded13c"},
	{"TMVQGm1qAQYVdetCeGRRkTWYYrLXuHK2HC", "417e5f4552091a69125d5dfcb7b8c2659029395bdf"}, // private key 1
	{"T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb", "410000000000000000000000000000000000000000"},
}

func wallet(t testing.TB, xpub string) *tron.Wallet {
	t.Helper()
	w, err := tron.NewWallet(xpub)
	require.NoError(t, err)
	return w
}

var adapter = hdkeytest.Adapter{
	New: func(xpub string) (hdkeytest.Wallet, error) { return tron.NewWallet(xpub) },
	Spell: func(key ecdsa.PublicKey) chain.Address {
		ethereum := crypto.PubkeyToAddress(key)
		return chain.Address(base58.CheckEncode(ethereum[:], 0x41))
	},
	Account: accountKey, Name: "tron:924448cfcb6cd8e5480d3384d22bd536662b5d5a", Address: usdtContract,
}

func TestWallet(t *testing.T) { adapter.Test(t) }

func FuzzNewWallet(f *testing.F) { adapter.Fuzz(f) }

func TestWallet_DerivesAsOtherWalletsDo(t *testing.T) {
	w := wallet(t, accountKey)
	for index := range uint32(3) {
		got, err := w.Address(t.Context(), index)
		require.NoError(t, err)
		require.EqualValues(t, vectors[index][0], got)
	}
}

func TestParseAddress_AllSpellingsOfAnAddressAreOne(t *testing.T) {
	for _, v := range vectors {
		for _, s := range []string{v[0], v[1], strings.ToUpper(v[1]), "0x" + v[1]} {
			got, err := tron.ParseAddress(s)
			require.NoError(t, err)
			require.EqualValues(t, v[0], got)
		}
	}
}

func TestParseAddress_EveryWrongCharacterIsFound(t *testing.T) {
	for i := range usdtContract {
		for _, c := range "1Zz" {
			wrong := usdtContract[:i] + string(c) + usdtContract[i+1:]
			if wrong == usdtContract {
				continue
			}
			_, err := tron.ParseAddress(wrong)
			require.ErrorIs(t, err, tron.ErrAddress, wrong)
		}
	}
}

func TestParseAddress_RefusesOtherForms(t *testing.T) {
	digits := vectors[4][1]
	for name, s := range map[string]string{
		"nothing": "", "too short": usdtContract[:33], "too long": usdtContract + "1", "leading blank": " " + usdtContract,
		"end of line": usdtContract + "\n", "lower case": strings.ToLower(usdtContract), "look-alike": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"[:33] + "т",
		"Ethereum's, which somebody else may own here": "0x" + digits[2:], "20 bytes": digits[2:], "another prefix": "a0" + digits[2:],
		"0X": "0X" + digits, "odd digits": digits + "0", "no digits": "41g" + digits[3:], "topic": strings.Repeat("0", 24) + digits[2:],
		"Bitcoin": "1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu", "Bitcoin's script": "3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC", "long": strings.Repeat("T", 1<<20),
	} {
		_, err := tron.ParseAddress(s)
		require.ErrorIs(t, err, tron.ErrAddress, name)
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add(usdtContract)
	f.Add(vectors[0][1])
	f.Add("0x" + vectors[1][1])
	f.Fuzz(func(t *testing.T, s string) {
		a, err := tron.ParseAddress(s)
		if err != nil {
			require.ErrorIs(t, err, tron.ErrAddress)
			return
		}
		again, err := tron.ParseAddress(string(a))
		require.NoError(t, err)
		require.Equal(t, a, again)
		raw, version, err := base58.CheckDecode(string(a))
		require.NoError(t, err)
		require.EqualValues(t, 0x41, version)
		require.True(t, s == string(a) || strings.EqualFold(strings.TrimPrefix(s, "0x"), "41"+hex.EncodeToString(raw)))
	})
}

func BenchmarkDerive(b *testing.B) { adapter.Bench(b) }
