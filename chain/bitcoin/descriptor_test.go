package bitcoin_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain/bitcoin"
)

// The account of BIP-84, and what BIP-84 says about it.
const (
	zpub84 = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
	first  = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
	change = "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"
)

func TestWallet_KeysOfBothBranches(t *testing.T) {
	w := newWallet(t, bitcoin.Bitcoin(), zpub84, bitcoin.FromKey)
	for branch, want := range []struct{ address, key string }{
		{first, "0330d54fd0dd420a6e5f8d3624f5f3482cae350f79d5f0753bf5beef9c2d91af3c"},
		{change, "03025324888e429ab8e3dbaf1f7802648b9cd01e9b418485c5fa4c1b9b5700e1a6"},
	} {
		k, err := w.Key(uint32(branch), 0)
		require.NoError(t, err)
		require.EqualValues(t, want.address, k.Address)
		require.Equal(t, want.key, hex.EncodeToString(k.PublicKey))
		require.Nil(t, k.Redeem)
		script, err := bitcoin.Bitcoin().Script(k.Address)
		require.NoError(t, err)
		require.Equal(t, script, k.Script)
	}
	for _, place := range [][2]uint32{{2, 0}, {0, 1 << 31}, {1, 1<<32 - 1}} {
		_, err := w.Key(place[0], place[1])
		require.ErrorIs(t, err, bitcoin.ErrIndex)
	}
	require.Equal(t, bitcoin.P2WPKH, w.Kind())
	require.Equal(t, "Bitcoin", w.Params().Name)
}

func TestWallet_KeyAndAddressAgree(t *testing.T) {
	for _, kind := range allKinds {
		w := newWallet(t, bitcoin.Bitcoin(), anyKey, kind)
		for index := range uint32(5) {
			a, err := w.Address(t.Context(), index)
			require.NoError(t, err)
			k, err := w.Key(bitcoin.BranchReceive, index)
			require.NoError(t, err)
			require.Equal(t, a, k.Address)
			require.Equal(t, kind == bitcoin.P2SHP2WPKH, k.Redeem != nil)
		}
	}
}

func TestNewWallet_TakesDescriptors(t *testing.T) {
	plain := newWallet(t, bitcoin.Bitcoin(), zpub84, bitcoin.FromKey)
	descriptor := plain.Descriptor() // wpkh(xpub.../0/*)#checksum
	xpub := strings.TrimSuffix(strings.TrimPrefix(strings.Split(descriptor, "#")[0], "wpkh("), "/0/*)")
	for _, text := range []string{
		descriptor, "wpkh(" + xpub + ")", "wpkh([73c5da0a/84h/0h/0h]" + xpub + "/<0;1>/*)", "wpkh([73C5DA0A/84'/0'/0']" + xpub + "/0/*)",
		"[73c5da0a/84h/0h/0h]" + zpub84 + "/<0;1>/*",
	} {
		w := newWallet(t, bitcoin.Bitcoin(), text, bitcoin.FromKey)
		require.Equal(t, plain.Name(), w.Name(), text)
		a, err := w.Address(t.Context(), 0)
		require.NoError(t, err)
		require.EqualValues(t, first, a)
		if strings.Contains(text, "[") {
			require.Equal(t, "73c5da0a/84h/0h/0h", w.Origin().String())
			require.Equal(t, []uint32{1<<31 + 84, 1 << 31, 1 << 31}, w.Origin().Path)
			again := newWallet(t, bitcoin.Bitcoin(), w.Descriptor(), bitcoin.FromKey)
			require.Equal(t, w.Origin(), again.Origin())
		} else {
			account, err := hdkeychain.NewKeyFromString(zpub84)
			require.NoError(t, err)
			child, err := account.Derive(0)
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("%08x", child.ParentFingerprint()), w.Origin().String(), "of the account's own key")
		}
	}
	require.Equal(t, bitcoin.P2TR, newWallet(t, bitcoin.Bitcoin(), "tr("+xpub+")", bitcoin.FromKey).Kind())
	require.Equal(t, bitcoin.P2PKH, newWallet(t, bitcoin.Bitcoin(), "pkh("+xpub+")", bitcoin.P2PKH).Kind())
	require.Equal(t, bitcoin.P2SHP2WPKH, newWallet(t, bitcoin.Bitcoin(), "sh(wpkh("+xpub+"))", bitcoin.FromKey).Kind())
}

func TestNewWallet_RefusesOtherDescriptors(t *testing.T) {
	const xprv = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
	for text, want := range map[string]error{
		"tr(" + zpub84 + ")":                                             bitcoin.ErrKeyKind, // another kind than the key's
		"wsh(" + anyKey + ")":                                            bitcoin.ErrKeyKind,
		"wsh(sortedmulti(1," + anyKey + "))":                             bitcoin.ErrKeyKind,
		"wpkh(" + anyKey + ")#aaaaaaaa":                                  bitcoin.ErrMalformedKey,
		"wpkh(" + anyKey + "/1/*)":                                       bitcoin.ErrMalformedKey,
		"wpkh(" + anyKey + "/<1;0>/*)":                                   bitcoin.ErrMalformedKey,
		"wpkh([73c5da0/84h]" + anyKey + ")":                              bitcoin.ErrMalformedKey,
		"wpkh([73c5da0a/84hh]" + anyKey + ")":                            bitcoin.ErrMalformedKey,
		"wpkh([73c5da0a/2147483648]" + anyKey + ")":                      bitcoin.ErrMalformedKey,
		"wpkh([73c5da0a/]" + anyKey + ")":                                bitcoin.ErrMalformedKey,
		"wpkh(73c5da0a/84h]" + anyKey + ")":                              bitcoin.ErrMalformedKey,
		"wpkh([73c5da0a" + strings.Repeat("/1", 20) + "]" + anyKey + ")": bitcoin.ErrMalformedKey,
		"wpkh(é" + anyKey + ")":                                          bitcoin.ErrMalformedKey,
		"wpkh(" + strings.Repeat("1", 600) + ")":                         bitcoin.ErrMalformedKey,
		"wpkh()":                                                         bitcoin.ErrMalformedKey,
		"wpkh([73c5da0a/84h/0h/0h]" + xprv + "/<0;1>/*)":                 bitcoin.ErrPrivateKey,
	} {
		_, err := bitcoin.NewWallet(bitcoin.Bitcoin(), text, bitcoin.FromKey)
		require.ErrorIs(t, err, want, text)
		require.NotContains(t, err.Error(), anyKey[10:30])
		require.NotContains(t, err.Error(), xprv[10:30])
	}
	_, err := bitcoin.NewWallet(bitcoin.Bitcoin(), "pkh("+anyKey+")", bitcoin.P2WPKH)
	require.ErrorIs(t, err, bitcoin.ErrKeyKind)
}

func FuzzNewWallet_Descriptors(f *testing.F) {
	f.Add(zpub84)
	f.Add("wpkh([73c5da0a/84h/0h/0h]" + anyKey + "/<0;1>/*)#aaaaaaaa")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := bitcoin.NewWallet(bitcoin.Bitcoin(), text, bitcoin.FromKey)
		if err != nil {
			return
		}
		again, err := bitcoin.NewWallet(bitcoin.Bitcoin(), w.Descriptor(), bitcoin.FromKey)
		require.NoError(t, err)
		require.Equal(t, w.Name(), again.Name())
	})
}

func TestOutpoint_HasOneSpelling(t *testing.T) {
	id := strings.Repeat("0a", 32)
	o, err := bitcoin.ParseOutpoint(id + ":7")
	require.NoError(t, err)
	require.Equal(t, bitcoin.Outpoint{TxID: id, Vout: 7}, o)
	require.Equal(t, id+":7", o.String())
	for _, bad := range []string{"", ":", id, id + ":", ":7", id + ":07", id + ":+7", id + ":-1", id + ":4294967296", id[2:] + ":7",
		strings.ToUpper(id) + ":7", id + "00:7", strings.Repeat("zz", 32) + ":7", id + ":7:7"} {
		_, err := bitcoin.ParseOutpoint(bad)
		require.ErrorIs(t, err, bitcoin.ErrOutpoint, bad)
	}
}
