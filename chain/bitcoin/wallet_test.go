package bitcoin_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/chaincfg/chainhash"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/chain/internal/hdkey/hdkeytest"
)

// anyKey is an account of the mnemonic of the vectors.
const anyKey = "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj"

func newWallet(t testing.TB, p bitcoin.Params, key string, kind bitcoin.ScriptKind) *bitcoin.Wallet {
	t.Helper()
	w, err := bitcoin.NewWallet(p, key, kind)
	require.NoError(t, err)
	return w
}

func TestWallet_DerivesAsOtherWalletsDo(t *testing.T) {
	for _, c := range accounts {
		w := newWallet(t, c.coin, c.key, c.kind)
		require.NotEmpty(t, c.addresses)
		for index, want := range c.addresses {
			got, err := w.Address(t.Context(), uint32(index))
			require.NoError(t, err)
			require.Equal(t, chain.Address(want), got, "%s 0/%d", c.title, index)
			parsed, err := c.coin.ParseAddress(want)
			require.NoError(t, err)
			require.Equal(t, got, parsed)
		}
	}
}

// The vector of BIP-49 begins with the seed of the mnemonic.
func TestWallet_VectorOfBIP49(t *testing.T) {
	seed := unhex(t, "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4")
	key, err := hdkeychain.NewMaster(seed, &chaincfg.TestNet3Params)
	require.NoError(t, err)
	for _, step := range []uint32{49, 1, 0} {
		key, err = key.Derive(hdkeychain.HardenedKeyStart + step)
		require.NoError(t, err)
	}
	public, err := key.Neuter()
	require.NoError(t, err)
	for key, kind := range map[string]bitcoin.ScriptKind{
		public.String(): bitcoin.P2SHP2WPKH,
		hdkeytest.WithVersion(t, public.String(), hdkeytest.Versions()["upub"]): bitcoin.FromKey,
	} {
		got, err := newWallet(t, bitcoin.BitcoinTestnet(), key, kind).Address(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, chain.Address("2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2"), got)
	}
}

// viaHDKeychain derives the same address with other libraries.
func viaHDKeychain(t testing.TB, receive *hdkeychain.ExtendedKey, kind bitcoin.ScriptKind, index uint32) chain.Address {
	child, err := receive.Derive(index)
	require.NoError(t, err)
	key, err := child.ECPubKey()
	require.NoError(t, err)
	net := &chaincfg.MainNetParams
	hash := btcutil.Hash160(key.SerializeCompressed())
	var a btcutil.Address
	switch kind {
	case bitcoin.P2PKH:
		a, err = btcutil.NewAddressPubKeyHash(hash, net)
	case bitcoin.P2SHP2WPKH:
		a, err = btcutil.NewAddressScriptHash(append([]byte{0, 20}, hash...), net)
	case bitcoin.P2WPKH:
		a, err = btcutil.NewAddressWitnessPubKeyHash(hash, net)
	default:
		a, err = btcutil.NewAddressTaproot(taproot(t, key.SerializeCompressed()[1:]), net)
	}
	require.NoError(t, err)
	return chain.Address(a.EncodeAddress())
}

// taproot tweaks a key that has no scripts, with btcec.
func taproot(t testing.TB, x []byte) []byte {
	internal, err := btcec.ParsePubKey(append([]byte{2}, x...)) // the one with an even Y
	require.NoError(t, err)
	var p, tweak, output btcec.JacobianPoint
	internal.AsJacobian(&p)
	var scalar btcec.ModNScalar
	scalar.SetByteSlice(chainhash.TaggedHash(chainhash.TagTapTweak, x)[:])
	btcec.ScalarBaseMultNonConst(&scalar, &tweak)
	btcec.AddNonConst(&p, &tweak, &output)
	output.ToAffine()
	return btcec.NewPublicKey(&output.X, &output.Y).SerializeCompressed()[1:]
}

var allKinds = []bitcoin.ScriptKind{bitcoin.P2PKH, bitcoin.P2SHP2WPKH, bitcoin.P2WPKH, bitcoin.P2TR}

func TestWallet_EqualsHDKeychain(t *testing.T) {
	for _, key := range append(hdkeytest.PublicKeys(), anyKey) {
		receive := hdkeytest.Branch(t, key, 0)
		for _, kind := range allKinds {
			w := newWallet(t, bitcoin.Bitcoin(), key, kind)
			for _, index := range []uint32{0, 256, 1<<31 - 1} {
				got, err := w.Address(t.Context(), index)
				require.NoError(t, err)
				require.Equal(t, viaHDKeychain(t, receive, kind, index), got, "%s %s 0/%d", kind, key, index)
			}
		}
	}
	for _, kind := range allKinds {
		w, receive := newWallet(t, bitcoin.Bitcoin(), anyKey, kind), hdkeytest.Branch(t, anyKey, 0)
		for index := range uint32(64) {
			got, err := w.Address(t.Context(), index)
			require.NoError(t, err)
			require.Equal(t, viaHDKeychain(t, receive, kind, index), got, index)
		}
	}
}

func TestWallet_HardenedIndexIsRefused(t *testing.T) {
	for _, kind := range allKinds {
		for _, index := range []uint32{1 << 31, 1<<31 + 1, 1<<32 - 1} {
			_, err := newWallet(t, bitcoin.Bitcoin(), anyKey, kind).Address(t.Context(), index)
			require.ErrorIs(t, err, bitcoin.ErrIndex)
		}
	}
}

func TestNewWallet_TakesTheKindFromTheKeyThatDeterminesIt(t *testing.T) {
	for _, c := range []struct {
		coin bitcoin.Params
		key  string
		want bitcoin.ScriptKind
	}{
		{bitcoin.Bitcoin(), "ypub", bitcoin.P2SHP2WPKH},
		{bitcoin.Bitcoin(), "zpub", bitcoin.P2WPKH},
		{bitcoin.BitcoinTestnet(), "upub", bitcoin.P2SHP2WPKH},
		{bitcoin.BitcoinSignet(), "vpub", bitcoin.P2WPKH},
		{bitcoin.BitcoinRegtest(), "vpub", bitcoin.P2WPKH},
		{bitcoin.Litecoin(), "ypub", bitcoin.P2SHP2WPKH},
		{bitcoin.Litecoin(), "zpub", bitcoin.P2WPKH},
		{bitcoin.Litecoin(), "Mtub", bitcoin.P2SHP2WPKH},
		{bitcoin.LitecoinTestnet(), "vpub", bitcoin.P2WPKH},
		{bitcoin.Dogecoin(), "dgub", bitcoin.P2PKH},
		{bitcoin.Dogecoin(), "xpub", bitcoin.P2PKH},
		{bitcoin.DogecoinTestnet(), "tpub", bitcoin.P2PKH},
		{bitcoin.BitcoinCash(), "xpub", bitcoin.P2PKH},
		{bitcoin.BitcoinCashTestnet(), "tpub", bitcoin.P2PKH},
	} {
		key := hdkeytest.WithVersion(t, anyKey, hdkeytest.Versions()[c.key])
		require.Equal(t, newWallet(t, c.coin, key, c.want).Name(), newWallet(t, c.coin, key, bitcoin.FromKey).Name(), "%s %s", c.coin.Name, c.key)
	}
}

func TestNewWallet_RequiresTheKindIfTheKeyDoesNotDetermineIt(t *testing.T) {
	for key, p := range map[string]bitcoin.Params{"xpub": bitcoin.Bitcoin(), "tpub": bitcoin.BitcoinSignet(), "Ltub": bitcoin.Litecoin()} {
		key = hdkeytest.WithVersion(t, anyKey, hdkeytest.Versions()[key])
		_, err := bitcoin.NewWallet(p, key, bitcoin.FromKey)
		require.ErrorIs(t, err, bitcoin.ErrScriptKind)
		for _, kind := range allKinds {
			newWallet(t, p, key, kind)
		}
	}
	_, err := bitcoin.NewWallet(bitcoin.Litecoin(), anyKey, bitcoin.FromKey)
	require.ErrorIs(t, err, bitcoin.ErrScriptKind)
}

func TestNewWallet_RefusesKindsThatTheCoinDoesNotHave(t *testing.T) {
	for _, p := range []bitcoin.Params{bitcoin.Dogecoin(), bitcoin.BitcoinCash()} {
		for _, kind := range allKinds[1:] {
			_, err := bitcoin.NewWallet(p, anyKey, kind)
			require.ErrorIs(t, err, bitcoin.ErrScriptKind)
			require.ErrorContains(t, err, kind.String())
		}
		_, err := bitcoin.NewWallet(p, hdkeytest.WithVersion(t, anyKey, hdkeytest.Versions()["zpub"]), bitcoin.FromKey)
		require.ErrorIs(t, err, bitcoin.ErrScriptKind)
	}
	for _, kind := range []bitcoin.ScriptKind{-1, 5, 99} {
		_, err := bitcoin.NewWallet(bitcoin.Bitcoin(), anyKey, kind)
		require.ErrorIs(t, err, bitcoin.ErrScriptKind)
	}
}

func TestNewWallet_RefusesKeysOfOtherUse(t *testing.T) {
	all := []string{"xpub", "ypub", "zpub", "tpub", "upub", "vpub", "Ltub", "Mtub", "dgub", "Ypub", "Zpub", "Upub", "Vpub"}
	for _, c := range []struct {
		coin  bitcoin.Params
		kind  bitcoin.ScriptKind
		taken []string
	}{
		{bitcoin.Bitcoin(), bitcoin.P2WPKH, []string{"xpub", "zpub"}},
		{bitcoin.Bitcoin(), bitcoin.P2SHP2WPKH, []string{"xpub", "ypub"}},
		{bitcoin.Bitcoin(), bitcoin.P2TR, []string{"xpub"}},
		{bitcoin.BitcoinTestnet(), bitcoin.P2WPKH, []string{"tpub", "vpub"}},
		{bitcoin.BitcoinRegtest(), bitcoin.P2PKH, []string{"tpub"}},
		{bitcoin.Litecoin(), bitcoin.P2WPKH, []string{"xpub", "zpub", "Ltub"}},
		{bitcoin.Litecoin(), bitcoin.P2SHP2WPKH, []string{"xpub", "ypub", "Ltub", "Mtub"}},
		{bitcoin.LitecoinRegtest(), bitcoin.P2SHP2WPKH, []string{"tpub", "upub"}},
		{bitcoin.Dogecoin(), bitcoin.P2PKH, []string{"xpub", "dgub"}},
		{bitcoin.DogecoinTestnet(), bitcoin.P2PKH, []string{"tpub"}},
		{bitcoin.BitcoinCash(), bitcoin.P2PKH, []string{"xpub"}},
		{bitcoin.BitcoinCashRegtest(), bitcoin.P2PKH, []string{"tpub"}},
	} {
		for _, name := range all {
			key := hdkeytest.WithVersion(t, anyKey, hdkeytest.Versions()[name])
			require.True(t, strings.HasPrefix(key, name), key)
			_, err := bitcoin.NewWallet(c.coin, key, c.kind)
			if slices.Contains(c.taken, name) {
				require.NoError(t, err, "%s %s %s", c.coin.Name, c.kind, name)
				continue
			}
			require.ErrorIs(t, err, bitcoin.ErrKeyKind, "%s %s %s", c.coin.Name, c.kind, name)
			require.ErrorContains(t, err, name)
			require.NotContains(t, err.Error(), key)
		}
	}
	_, err := bitcoin.NewWallet(bitcoin.Bitcoin(), hdkeytest.WithVersion(t, anyKey, hdkeytest.Versions()["Zpub"]), bitcoin.FromKey)
	require.ErrorContains(t, err, "several signers")
}

func TestNewWallet_RefusesPrivateKeysByName(t *testing.T) {
	for _, version := range hdkeytest.PrivateVersions() {
		for _, p := range allCoins() {
			key := hdkeytest.WithVersion(t, hdkeytest.Master, version)
			_, err := bitcoin.NewWallet(p, key, bitcoin.FromKey)
			require.ErrorIs(t, err, bitcoin.ErrPrivateKey)
			require.NotContains(t, err.Error(), key)
		}
	}
}

func TestNewWallet_RefusesInvalidKeysOfBIP32(t *testing.T) {
	for _, k := range hdkeytest.InvalidKeys() {
		_, err := bitcoin.NewWallet(bitcoin.Bitcoin(), k.Key, bitcoin.P2WPKH)
		require.ErrorIs(t, err, k.Want, k.Rule)
		require.NotContains(t, err.Error(), k.Key)
	}
	for _, s := range []string{"", "xpub", anyKey + "1", " " + anyKey, strings.Repeat("x", 1000), "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"} {
		_, err := bitcoin.NewWallet(bitcoin.Bitcoin(), s, bitcoin.P2WPKH)
		require.ErrorIs(t, err, bitcoin.ErrMalformedKey, s)
	}
}

// Two wallets with one name would share a counter; one wallet with two names would issue each address twice.
func TestWallet_NameDistinguishesNetworkKindAndKey(t *testing.T) {
	w := newWallet(t, bitcoin.Bitcoin(), anyKey, bitcoin.P2WPKH)
	require.Equal(t, "bip122:000000000019d6689c085ae165831e93:p2wpkh:942a80c38dd84dbc16526c8dd2cf075d62906ae0", w.Name(), "the name of a stored counter must never change")
	require.Equal(t, w.Name(), newWallet(t, bitcoin.Bitcoin(), hdkeytest.WithVersion(t, anyKey, hdkeytest.Versions()["zpub"]), bitcoin.FromKey).Name())

	names := make(map[string]bool)
	n := 0
	for _, p := range allCoins() {
		version := hdkeytest.Versions()["xpub"]
		if p.Test {
			version = hdkeytest.Versions()["tpub"]
		}
		for _, key := range hdkeytest.PublicKeys() {
			for _, kind := range allKinds {
				w, err := bitcoin.NewWallet(p, hdkeytest.WithVersion(t, key, version), kind)
				if err != nil {
					require.ErrorIs(t, err, bitcoin.ErrScriptKind)
					continue
				}
				n++
				names[w.Name()] = true
				require.NotContains(t, w.Name(), key[4:])
			}
		}
	}
	require.Len(t, names, n)
}

func TestWallet_KeyIsNotPrinted(t *testing.T) {
	w := newWallet(t, bitcoin.Bitcoin(), anyKey, bitcoin.P2WPKH)
	raw := base58.Decode(anyKey)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("", "wallet", w)
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "wallet", w)
	for _, s := range []string{fmt.Sprint(w), fmt.Sprintf("%+v %#v", w, w), fmt.Sprintf("%+v", *w), log.String()} {
		require.NotContains(t, s, anyKey[10:])
		require.NotContains(t, s, hex.EncodeToString(raw[45:78]))
		require.NotContains(t, s, strings.Trim(fmt.Sprint(raw[45:78]), "[]"))
	}
}

// A13: the operator's own wallet finds the money by the descriptor, however far the gaps are.
func TestA13_DescriptorForRecovery(t *testing.T) {
	for _, c := range []struct {
		coin bitcoin.Params
		key  string
		kind bitcoin.ScriptKind
		want string
	}{
		{bitcoin.Bitcoin(), "xpub", bitcoin.P2PKH, "pkh(" + anyKey + "/0/*)"},
		{bitcoin.Bitcoin(), "ypub", bitcoin.FromKey, "sh(wpkh(" + anyKey + "/0/*))"},
		{bitcoin.Bitcoin(), "zpub", bitcoin.FromKey, "wpkh(" + anyKey + "/0/*)"},
		{bitcoin.Bitcoin(), "xpub", bitcoin.P2TR, "tr(" + anyKey + "/0/*)"},
		{bitcoin.Litecoin(), "Mtub", bitcoin.FromKey, "sh(wpkh(" + anyKey + "/0/*))"},
		{bitcoin.Litecoin(), "Ltub", bitcoin.P2WPKH, "wpkh(" + anyKey + "/0/*)"},
		{bitcoin.Dogecoin(), "dgub", bitcoin.FromKey, "pkh(" + anyKey + "/0/*)"},
		{bitcoin.BitcoinCash(), "xpub", bitcoin.FromKey, "pkh(" + anyKey + "/0/*)"},
		{bitcoin.BitcoinRegtest(), "vpub", bitcoin.FromKey, "wpkh(" + hdkeytest.WithVersion(t, anyKey, hdkeytest.Versions()["tpub"]) + "/0/*)"},
	} {
		got := newWallet(t, c.coin, hdkeytest.WithVersion(t, anyKey, hdkeytest.Versions()[c.key]), c.kind).Descriptor()
		text, checksum, ok := strings.Cut(got, "#")
		require.True(t, ok)
		require.Equal(t, c.want, text)
		require.Regexp(t, "^[02-9ac-hj-np-z]{8}$", checksum)
	}
}

func FuzzNewWallet(f *testing.F) {
	f.Add(anyKey, 1)
	for _, a := range accounts {
		f.Add(a.key, 0)
	}
	for _, k := range hdkeytest.InvalidKeys() {
		f.Add(k.Key, 3)
	}
	f.Fuzz(func(t *testing.T, key string, kind int) {
		for _, p := range []bitcoin.Params{bitcoin.Bitcoin(), bitcoin.LitecoinRegtest(), bitcoin.Dogecoin()} {
			w, err := bitcoin.NewWallet(p, key, bitcoin.ScriptKind(kind))
			if err != nil {
				require.True(t, len(key) < 50 || !strings.Contains(err.Error(), key))
				continue
			}
			a, err := w.Address(t.Context(), 7)
			require.NoError(t, err)
			script, err := p.Script(a)
			require.NoError(t, err)
			sameBothWays(t, p, a, script)
		}
	})
}

// BenchmarkWallet derives addresses, beside hdkeychain and btcutil doing the same:
//
//	go test -run xxx -bench Wallet ./chain/bitcoin
//
// By processor time the others take 1.55 times as long for P2PKH, P2SH-P2WPKH and P2WPKH, and 1.49 times for P2TR.
func BenchmarkWallet(b *testing.B) {
	for _, kind := range allKinds {
		w, receive := newWallet(b, bitcoin.Bitcoin(), anyKey, kind), hdkeytest.Branch(b, anyKey, 0)
		b.Run(kind.String(), func(b *testing.B) {
			b.ReportAllocs()
			for i := uint32(0); b.Loop(); i++ {
				if _, err := w.Address(context.Background(), i); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(kind.String()+" by hdkeychain", func(b *testing.B) {
			b.ReportAllocs()
			for i := uint32(0); b.Loop(); i++ {
				viaHDKeychain(b, receive, kind, i)
			}
		})
	}
}
