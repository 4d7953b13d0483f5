package evm_test

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
	"github.com/cointill/cointill/chain/evm"
)

// account is m/44'/60'/0' of the mnemonic "abandon" x 11 "about".
const account = "xpub6DCoCpSuQZB2jawqnGMEPS63ePKWkwWPH4TU45Q7LPXWuNd8TMtVxRrgjtEshuqpK3mdhaWHPFsBngh5GFZaM6si3yZdUsT8ddYM3PwnATt"

// Public keys of the BIP-32 test vectors.
var bip32Public = []string{
	"xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8",
	"xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw",
	"xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ",
	"xpub6D4BDPcP2GT577Vvch3R8wDkScZWzQzMMUm3PWbmWvVJrZwQY4VUNgqFJPMM3No2dFDFGTsxxpG5uJh7n7epu4trkrX7x7DogT5Uv6fcLW5",
	"xpub6FHa3pjLCk84BayeJxFW2SP4XRrFd1JYnxeLeU8EqN3vDfZmbqBqaGJAyiLjTAwm6ZLRQUMv1ZACTj37sR62cfN7fe5JnJ7dh8zL4fiyLHV",
	"xpub6H1LXWLaKsWFhvm6RVpEL9P4KfRZSW7abD2ttkWP3SSQvnyA8FSVqNTEcYFgJS2UaFcxupHiYkro49S8yGasTvXEYBVPamhGW6cFJodrTHy",
	"xpub661MyMwAqRbcFW31YEwpkMuc5THy2PSt5bDMsktWQcFF8syAmRUapSCGu8ED9W6oDMSgv6Zz8idoc4a6mr8BDzTJY47LJhkJ8UB7WEGuduB",
	"xpub69H7F5d8KSRgmmdJg2KhpAK8SR3DjMwAdkxj3ZuxV27CprR9LgpeyGmXUbC6wb7ERfvrnKZjXoUmmDznezpbZb7ap6r1D3tgFxHmwMkQTPH",
	"xpub6ASAVgeehLbnwdqV6UKMHVzgqAG8Gr6riv3Fxxpj8ksbH9ebxaEyBLZ85ySDhKiLDBrQSARLq1uNRts8RuJiHjaDMBU4Zn9h8LZNnBC5y4a",
	"xpub6DF8uhdarytz3FWdA8TvFSvvAh8dP3283MY7p2V4SeE2wyWmG5mg5EwVvmdMVCQcoNJxGoWaU9DCWh89LojfZ537wTfunKau47EL2dhHKon",
	"xpub6ERApfZwUNrhLCkDtcHTcxd75RbzS1ed54G1LkBUHQVHQKqhMkhgbmJbZRkrgZw4koxb5JaHWkY4ALHY2grBGRjaDMzQLcgJvLJuZZvRcEL",
	"xpub6FnCn6nSzZAw5Tw7cgR9bi15UV96gLZhjDstkXXxvCLsUXBGXPdSnLFbdpq8p9HmGsApME5hQTZ3emM2rnY5agb9rXpVGyy3bdW6EEgAtqt",
	"xpub661MyMwAqRbcEZVB4dScxMAdx6d4nFc9nvyvH3v4gJL378CSRZiYmhRoP7mBy6gSPSCYk6SzXPTf3ND1cZAceL7SfJ1Z3GC8vBgp2epUt13",
	"xpub68NZiKmJWnxxS6aaHmn81bvJeTESw724CRDs6HbuccFQN9Ku14VQrADWgqbhhTHBaohPX4CjNLf9fq9MYo6oDaPPLPxSb7gwQN3ih19Zm4Y",
	"xpub661MyMwAqRbcGczjuMoRm6dXaLDEhW1u34gKenbeYqAix21mdUKJyuyu5F1rzYGVxyL6tmgBUAEPrEz92mBXjByMRiJdba9wpnN37RLLAXa",
	"xpub69AUMk3qDBi3uW1sXgjCmVjJ2G6WQoYSnNHyzkmdCHEhSZ4tBok37xfFEqHd2AddP56Tqp4o56AePAgCjYdvpW2PU2jbUPFKsav5ut6Ch1m",
	"xpub6BJA1jSqiukeaesWfxe6sNK9CCGaujFFSJLomWHprUL9DePQ4JDkM5d88n49sMGJxrhpjazuXYWdMf17C9T5XnxkopaeS7jGk1GyyVziaMt",
}

// Invalid keys of BIP-32, each with the error that names what is wrong.
var bip32Invalid = map[string]error{
	"xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6LBpB85b3D2yc8sfvZU521AAwdZafEz7mnzBBsz4wKY5fTtTQBm": evm.ErrPrivateKey,
	"xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzFGTQQD3dC4H2D5GBj7vWvSQaaBv5cxi9gafk7NF3pnBju6dwKvH": evm.ErrPrivateKey,
	"xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6Txnt3siSujt9RCVYsx4qHZGc62TG4McvMGcAUjeuwZdduYEvFn": evm.ErrMalformedKey,
	"xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzFGpWnsj83BHtEy5Zt8CcDr1UiRXuWCmTQLxEK9vbz5gPstX92JQ": evm.ErrPrivateKey,
	"xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6N8ZMMXctdiCjxTNq964yKkwrkBJJwpzZS4HS2fxvyYUA4q2Xe4": evm.ErrMalformedKey,
	"xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzFAzHGBP2UuGCqWLTAPLcMtD9y5gkZ6Eq3Rjuahrv17fEQ3Qen6J": evm.ErrPrivateKey,
	"xprv9s2SPatNQ9Vc6GTbVMFPFo7jsaZySyzk7L8n2uqKXJen3KUmvQNTuLh3fhZMBoG3G4ZW1N2kZuHEPY53qmbZzCHshoQnNf4GvELZfqTUrcv": evm.ErrPrivateKey,
	"xpub661no6RGEX3uJkY4bNnPcw4URcQTrSibUZ4NqJEw5eBkv7ovTwgiT91XX27VbEXGENhYRCf7hyEbWrR3FewATdCEebj6znwMfQkhRYHRLpJ": evm.ErrMalformedKey,
	"xprv9s21ZrQH4r4TsiLvyLXqM9P7k1K3EYhA1kkD6xuquB5i39AU8KF42acDyL3qsDbU9NmZn6MsGSUYZEsuoePmjzsB3eFKSUEh3Gu1N3cqVUN": evm.ErrPrivateKey,
	"xpub661MyMwAuDcm6CRQ5N4qiHKrJ39Xe1R1NyfouMKTTWcguwVcfrZJaNvhpebzGerh7gucBvzEQWRugZDuDXjNDRmXzSZe4c7mnTK97pTvGS8": evm.ErrMalformedKey,
	"DMwo58pR1QLEFihHiXPVykYB6fJmsTeHvyTp7hRThAtCX8CvYzgPcn8XnmdfHGMQzT7ayAmfo4z3gY5KfbrZWZ6St24UVf2Qgo6oujFktLHdHY4": evm.ErrPrivateKey,
	"DMwo58pR1QLEFihHiXPVykYB6fJmsTeHvyTp7hRThAtCX8CvYzgPcn8XnmdfHPmHJiEDXkTiJTVV9rHEBUem2mwVbbNfvT2MTcAqj3nesx8uBf9": evm.ErrMalformedKey,
	"xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzF93Y5wvzdUayhgkkFoicQZcP3y52uPPxFnfoLZB21Teqt1VvEHx": evm.ErrPrivateKey,
	"xprv9s21ZrQH143K24Mfq5zL5MhWK9hUhhGbd45hLXo2Pq2oqzMMo63oStZzFAzHGBP2UuGCqWLTAPLcMtD5SDKr24z3aiUvKr9bJpdrcLg1y3G": evm.ErrPrivateKey,
	"xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6Q5JXayek4PRsn35jii4veMimro1xefsM58PgBMrvdYre8QyULY": evm.ErrMalformedKey,
	"xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHL": evm.ErrPrivateKey,
}

func wallet(t testing.TB, xpub string) *evm.Wallet {
	t.Helper()
	w, err := evm.NewWallet(xpub)
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

// viaHDKeychain derives the same address with another library.
func viaHDKeychain(t testing.TB, receive *hdkeychain.ExtendedKey, index uint32) chain.Address {
	child, err := receive.Derive(index)
	require.NoError(t, err)
	public, err := child.ECPubKey()
	require.NoError(t, err)
	return chain.Address(crypto.PubkeyToAddress(*public.ToECDSA()).Hex())
}

func receiveChain(t testing.TB, xpub string) *hdkeychain.ExtendedKey {
	key, err := hdkeychain.NewKeyFromString(xpub)
	require.NoError(t, err)
	receive, err := key.Derive(0)
	require.NoError(t, err)
	return receive
}

func TestWallet_DerivesAsOtherWalletsDo(t *testing.T) {
	w := wallet(t, account)
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

func TestWallet_EqualsHDKeychain(t *testing.T) {
	for _, xpub := range append(bip32Public, account) {
		w, receive := wallet(t, xpub), receiveChain(t, xpub)
		for _, index := range []uint32{0, 1, 2, 19, 20, 255, 256, 65_535, 1 << 20, 1_000_000_000, 1<<31 - 2, 1<<31 - 1} {
			got, err := w.Address(t.Context(), index)
			require.NoError(t, err)
			require.Equal(t, viaHDKeychain(t, receive, index), got, "%s 0/%d", xpub, index)
		}
	}
	w, receive := wallet(t, account), receiveChain(t, account)
	for index := range uint32(500) {
		got, err := w.Address(t.Context(), index)
		require.NoError(t, err)
		require.Equal(t, viaHDKeychain(t, receive, index), got, index)
	}
}

func TestWallet_HardenedIndexIsRefused(t *testing.T) {
	for _, index := range []uint32{1 << 31, 1<<31 + 1, 1<<32 - 1} {
		_, err := wallet(t, account).Address(t.Context(), index)
		require.ErrorIs(t, err, evm.ErrIndex)
	}
}

func TestWallet_NameIsAFingerprint(t *testing.T) {
	name := wallet(t, account).Name()
	require.Equal(t, "evm:7c2f11bdf26ee0284c1838783719d00abf3fe1bc", name, "the name of a stored counter must never change")
	require.Equal(t, name, wallet(t, asVersion(t, account, "043587cf")).Name(), "a tpub of the same key has the same addresses")
	names := map[string]bool{name: true}
	for _, xpub := range bip32Public {
		names[wallet(t, xpub).Name()] = true
	}
	require.Len(t, names, len(bip32Public)+1)
}

func TestNewWallet_RefusesInvalidKeysOfBIP32(t *testing.T) {
	for key, want := range bip32Invalid {
		_, err := evm.NewWallet(key)
		require.ErrorIs(t, err, want, key)
		require.NotContains(t, err.Error(), key)
	}
}

func TestNewWallet_RefusesPrivateKeysByName(t *testing.T) {
	const master = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
	for _, version := range []string{
		"0488ade4", "049d7878", "04b2430c", "0295b005", "02aa7a99", "04358394", "044a4e28", "045f18bc",
		"024285b5", "02575048", "019d9cfe", "01b26792", "02fac398",
	} {
		key := asVersion(t, master, version)
		_, err := evm.NewWallet(key)
		require.ErrorIs(t, err, evm.ErrPrivateKey, version)
		require.NotContains(t, err.Error(), key)
		_, err = evm.NewWallet(asVersion(t, account, version))
		require.ErrorIs(t, err, evm.ErrPrivateKey, version)
	}
}

func TestNewWallet_NamesKeysOfOtherChains(t *testing.T) {
	for version, name := range map[string]string{
		"049d7cb2": "ypub", "04b24746": "zpub", "0295b43f": "Ypub", "02aa7ed3": "Zpub", "044a5262": "upub", "045f1cf6": "vpub",
		"024289ef": "Upub", "02575483": "Vpub", "019da462": "Ltub", "01b26ef6": "Mtub", "02facafd": "dgub",
	} {
		key := asVersion(t, account, version)
		require.True(t, strings.HasPrefix(key, name), key)
		_, err := evm.NewWallet(key)
		require.ErrorIs(t, err, evm.ErrKeyKind)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), key)
	}
}

func TestNewWallet_RefusesWhatIsNoKey(t *testing.T) {
	for _, s := range []string{
		"", "xpub", account[:len(account)-1], account + "1", "1" + account, " " + account, account[:50] + "0" + account[51:],
		account[:50] + "z" + account[51:], strings.Repeat("x", 1000), "abandon abandon abandon", shop,
	} {
		_, err := evm.NewWallet(s)
		require.ErrorIs(t, err, evm.ErrMalformedKey, s)
	}
	deep := base58.Decode(account)
	deep[4] = 254
	_, err := evm.NewWallet(asVersion(t, base58.Encode(deep), "0488b21e"))
	require.ErrorIs(t, err, evm.ErrMalformedKey)
}

func FuzzNewWallet(f *testing.F) {
	f.Add(account)
	f.Add("xpub661MyMwAqRbcEYS8w7XLSVeEsBXy79zSzH1J8vCdxAZningWLdN3zgtU6LBpB85b3D2yc8sfvZU521AAwdZafEz7mnzBBsz4wKY5fTtTQBm")
	f.Fuzz(func(t *testing.T, s string) {
		w, err := evm.NewWallet(s)
		if err != nil {
			return
		}
		got, err := w.Address(t.Context(), 7)
		require.NoError(t, err)
		require.Equal(t, viaHDKeychain(t, receiveChain(t, s), 7), got)
	})
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

func BenchmarkDerive(b *testing.B) {
	w := wallet(b, account)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := w.Address(b.Context(), uint32(i)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeriveHDKeychain(b *testing.B) {
	receive := receiveChain(b, account)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		viaHDKeychain(b, receive, uint32(i))
	}
}

func TestWallet_ChangeIsBranchOne(t *testing.T) {
	w, err := evm.NewWallet(account)
	require.NoError(t, err)
	key, err := hdkeychain.NewKeyFromString(account)
	require.NoError(t, err)
	branch, err := key.Derive(1)
	require.NoError(t, err)
	for _, index := range []uint32{0, 1, 77} {
		child, err := branch.Derive(index)
		require.NoError(t, err)
		public, err := child.ECPubKey()
		require.NoError(t, err)
		got, err := w.Change(index)
		require.NoError(t, err)
		require.Equal(t, chain.Address(crypto.PubkeyToAddress(*public.ToECDSA()).Hex()), got)
	}
	_, err = w.Change(1 << 31)
	require.ErrorIs(t, err, evm.ErrIndex)
}
