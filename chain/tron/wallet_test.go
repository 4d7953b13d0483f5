package tron_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
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

// Invalid keys of BIP-32, each with the error that names what is wrong.
var bip32Invalid = map[string]error{
	"xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6LBpB85b3D2yc8sfvZU521AAwdZafEz7mnzBBsz4wKY5fTtTQBm": tron.ErrPrivateKey,
	"xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzFGTQQD3dC4H2D5GBj7vWvSQaaBv5cxi9gafk7NF3pnBju6dwKvH": tron.ErrPrivateKey,
	"xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6Txnt3siSujt9RCVYsx4qHZGc62TG4McvMGcAUjeuwZdduYEvFn": tron.ErrMalformedKey,
	"xpub661no6RGEX3uJkY4bNnPcw4URcQTrSibUZ4NqJEw5eBkv7ovTwgiT91XX27VbEXGENhYRCf7hyEbWrR3FewATdCEebj6znwMfQkhRYHRLpJ": tron.ErrMalformedKey,
	"xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6Q5JXayek4PRsn35jii4veMimro1xefsM58PgBMrvdYre8QyULY": tron.ErrMalformedKey,
	"DMwo58pR1QLEFihHiXPVykYB6fJmsTeHvyTp7hRThAtCX8CvYzgPcn8XnmdfHPmHJiEDXkTiJTVV9rHEBUem2mwVbbNfvT2MTcAqj3nesx8uBf9": tron.ErrMalformedKey,
	"xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHL": tron.ErrPrivateKey,
}

func wallet(t testing.TB, xpub string) *tron.Wallet {
	t.Helper()
	w, err := tron.NewWallet(xpub)
	require.NoError(t, err)
	return w
}

// asVersion spells a key with other version bytes.
func asVersion(t testing.TB, key, version string) string {
	t.Helper()
	raw := base58.Decode(key)
	v, err := hex.DecodeString(version)
	require.NoError(t, err)
	copy(raw, v)
	sum := sha256.Sum256(raw[:78])
	sum = sha256.Sum256(sum[:])
	copy(raw[78:], sum[:4])
	return base58.Encode(raw)
}

// viaHDKeychain derives the address 0/index with other libraries.
func viaHDKeychain(t testing.TB, xpub string, index uint32) chain.Address {
	key, err := hdkeychain.NewKeyFromString(xpub)
	require.NoError(t, err)
	receive, err := key.Derive(0)
	require.NoError(t, err)
	child, err := receive.Derive(index)
	require.NoError(t, err)
	public, err := child.ECPubKey()
	require.NoError(t, err)
	ethereum := crypto.PubkeyToAddress(*public.ToECDSA())
	return chain.Address(base58.CheckEncode(ethereum[:], 0x41))
}

func TestWallet_DerivesAsOtherWalletsDo(t *testing.T) {
	w := wallet(t, accountKey)
	for index := range uint32(3) {
		got, err := w.Address(t.Context(), index)
		require.NoError(t, err)
		require.EqualValues(t, vectors[index][0], got)
	}
}

func TestWallet_EqualsHDKeychain(t *testing.T) {
	w := wallet(t, accountKey)
	for _, index := range []uint32{0, 1, 2, 19, 20, 255, 256, 65_535, 1 << 20, 1_000_000_000, 1<<31 - 2, 1<<31 - 1} {
		got, err := w.Address(t.Context(), index)
		require.NoError(t, err)
		require.Equal(t, viaHDKeychain(t, accountKey, index), got)
	}
}

func TestWallet_HardenedIndexIsRefused(t *testing.T) {
	for _, index := range []uint32{1 << 31, 1<<31 + 1, 1<<32 - 1} {
		_, err := wallet(t, accountKey).Address(t.Context(), index)
		require.ErrorIs(t, err, tron.ErrIndex)
	}
}

func TestWallet_NameIsAFingerprint(t *testing.T) {
	name := wallet(t, accountKey).Name()
	require.Equal(t, "tron:924448cfcb6cd8e5480d3384d22bd536662b5d5a", name, "the name of a stored counter must never change")
	require.Equal(t, name, wallet(t, asVersion(t, accountKey, "043587cf")).Name(), "a tpub of the same key has the same addresses")
	require.NotEqual(t, name, wallet(t, "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8").Name())
}

func TestNewWallet_RefusesInvalidKeysOfBIP32(t *testing.T) {
	for key, want := range bip32Invalid {
		_, err := tron.NewWallet(key)
		require.ErrorIs(t, err, want, key)
		require.NotContains(t, err.Error(), key)
	}
}

func TestNewWallet_NamesKeysOfOtherChains(t *testing.T) {
	for version, name := range map[string]string{
		"049d7cb2": "ypub", "04b24746": "zpub", "0295b43f": "Ypub", "02aa7ed3": "Zpub", "045f1cf6": "vpub", "019da462": "Ltub", "02facafd": "dgub",
	} {
		key := asVersion(t, accountKey, version)
		_, err := tron.NewWallet(key)
		require.ErrorIs(t, err, tron.ErrKeyKind)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), key)
	}
}

func TestNewWallet_RefusesWhatIsNoKey(t *testing.T) {
	for _, s := range []string{"", "xpub", accountKey[:len(accountKey)-1], accountKey + "1", " " + accountKey, strings.Repeat("x", 1000), usdtContract} {
		_, err := tron.NewWallet(s)
		require.ErrorIs(t, err, tron.ErrMalformedKey, s)
	}
}

func FuzzNewWallet(f *testing.F) {
	f.Add(accountKey)
	f.Add("xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6LBpB85b3D2yc8sfvZU521AAwdZafEz7mnzBBsz4wKY5fTtTQBm")
	f.Fuzz(func(t *testing.T, s string) {
		w, err := tron.NewWallet(s)
		if err != nil {
			return
		}
		got, err := w.Address(t.Context(), 7)
		require.NoError(t, err)
		require.Equal(t, viaHDKeychain(t, s, 7), got)
	})
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

func BenchmarkDerive(b *testing.B) {
	w := wallet(b, accountKey)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := w.Address(b.Context(), uint32(i)); err != nil {
			b.Fatal(err)
		}
	}
}
