// Package hdkeytest proves wallets of extended public keys, and has the vectors of BIP-32.
package hdkeytest

import (
	"context"
	"crypto/ecdsa"
	"slices"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/base58"
	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/hdkey"
)

// Wallet derives the addresses of an account on a network with the virtual machine of Ethereum.
type Wallet interface {
	Name() string
	Address(ctx context.Context, index uint32) (chain.Address, error)
}

// Adapter says what the tests need to know of an adapter.
type Adapter struct {
	New     func(xpub string) (Wallet, error)
	Spell   func(ecdsa.PublicKey) chain.Address // what another library makes of a key
	Account string                              // an xpub
	Name    string                              // of the account's wallet
	Address string                              // any address of the network
}

// Test proves an adapter.
func (a Adapter) Test(t *testing.T) {
	t.Run("derives as another library does", a.derives)
	t.Run("refuses a hardened index", a.refusesHardenedIndex)
	t.Run("has a fingerprint as its name", a.isNamed)
	t.Run("refuses invalid keys of BIP-32", a.refusesInvalidKeys)
	t.Run("refuses private keys by name", a.refusesPrivateKeys)
	t.Run("names keys of other chains", a.namesOtherKeys)
	t.Run("refuses what is no key", a.refusesOtherText)
}

func (a Adapter) wallet(t testing.TB, xpub string) Wallet {
	t.Helper()
	w, err := a.New(xpub)
	require.NoError(t, err)
	return w
}

// Derive returns the address of a branch as another library derives it.
func (a Adapter) Derive(t testing.TB, branch *hdkeychain.ExtendedKey, index uint32) chain.Address {
	t.Helper()
	child, err := branch.Derive(index)
	require.NoError(t, err)
	public, err := child.ECPubKey()
	require.NoError(t, err)
	return a.Spell(*public.ToECDSA())
}

func (a Adapter) derives(t *testing.T) {
	for _, xpub := range append(PublicKeys(), a.Account) {
		w, receive := a.wallet(t, xpub), Branch(t, xpub, 0)
		for _, index := range []uint32{0, 1, 2, 19, 20, 255, 256, 65_535, 1 << 20, 1_000_000_000, 1<<31 - 2, 1<<31 - 1} {
			got, err := w.Address(t.Context(), index)
			require.NoError(t, err)
			require.Equal(t, a.Derive(t, receive, index), got, "%s 0/%d", xpub, index)
		}
	}
	w, receive := a.wallet(t, a.Account), Branch(t, a.Account, 0)
	for index := range uint32(500) {
		got, err := w.Address(t.Context(), index)
		require.NoError(t, err)
		require.Equal(t, a.Derive(t, receive, index), got, index)
	}
}

func (a Adapter) refusesHardenedIndex(t *testing.T) {
	for _, index := range []uint32{1 << 31, 1<<31 + 1, 1<<32 - 1} {
		_, err := a.wallet(t, a.Account).Address(t.Context(), index)
		require.ErrorIs(t, err, hdkey.ErrIndex)
	}
}

func (a Adapter) isNamed(t *testing.T) {
	require.Equal(t, a.Name, a.wallet(t, a.Account).Name(), "the name of a stored counter must never change")
	test := WithVersion(t, a.Account, Versions()["tpub"])
	require.Equal(t, a.Name, a.wallet(t, test).Name(), "a tpub of the same key has the same addresses")
	names := map[string]bool{a.Name: true}
	for _, xpub := range PublicKeys() {
		names[a.wallet(t, xpub).Name()] = true
	}
	require.Len(t, names, len(PublicKeys())+1)
}

func (a Adapter) refuses(t *testing.T, key string, want error) error {
	t.Helper()
	_, err := a.New(key)
	require.ErrorIs(t, err, want, key)
	if len(key) > 100 {
		require.NotContains(t, err.Error(), key)
	}
	return err
}

func (a Adapter) refusesInvalidKeys(t *testing.T) {
	for _, k := range InvalidKeys() {
		_ = a.refuses(t, k.Key, k.Want)
	}
}

func (a Adapter) refusesPrivateKeys(t *testing.T) {
	for _, version := range PrivateVersions() {
		for _, key := range []string{Master, a.Account} {
			_ = a.refuses(t, WithVersion(t, key, version), hdkey.ErrPrivateKey)
		}
	}
}

func (a Adapter) namesOtherKeys(t *testing.T) {
	for name, version := range Versions() {
		if slices.Contains([]string{"xpub", "tpub"}, name) {
			continue
		}
		key := WithVersion(t, a.Account, version)
		require.True(t, strings.HasPrefix(key, name), key)
		require.ErrorContains(t, a.refuses(t, key, hdkey.ErrKeyKind), name)
	}
}

func (a Adapter) refusesOtherText(t *testing.T) {
	key := a.Account
	for _, s := range []string{
		"", "xpub", key[:len(key)-1], key + "1", "1" + key, " " + key, key[:50] + "0" + key[51:],
		key[:50] + "z" + key[51:], strings.Repeat("x", 1000), "abandon abandon abandon", a.Address,
	} {
		_ = a.refuses(t, s, hdkey.ErrMalformed)
	}
	deep := base58.Decode(key)
	deep[4] = 254
	_ = a.refuses(t, WithVersion(t, base58.Encode(deep), Versions()["xpub"]), hdkey.ErrMalformed)
}

// Fuzz looks for a text that the adapter accepts and the other library reads in another way.
func (a Adapter) Fuzz(f *testing.F) {
	f.Add(a.Account)
	f.Add(InvalidKeys()[0].Key)
	f.Fuzz(func(t *testing.T, s string) {
		w, err := a.New(s)
		if err != nil {
			return
		}
		got, err := w.Address(t.Context(), 7)
		require.NoError(t, err)
		require.Equal(t, a.Derive(t, Branch(t, s, 0), 7), got)
	})
}

// Bench measures the derivation of an address.
func (a Adapter) Bench(b *testing.B) {
	w := a.wallet(b, a.Account)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := w.Address(b.Context(), uint32(i)); err != nil {
			b.Fatal(err)
		}
	}
}
