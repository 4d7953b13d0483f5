package signer

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/payout"
)

var (
	passphrase = []byte("correct horse battery")
	ctx        = context.Background()
)

const lightCost = 1 << 12

// The first two vectors of BIP-32, as far as all levels are hardened, and those of its hint about leading zeros.
func TestDerive_IsThatOfBIP32(t *testing.T) {
	for _, v := range []struct{ seed, path, xpub string }{
		{"000102030405060708090a0b0c0d0e0f", "m/0h", "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw"},
		{"4b381541583be4423346c643850da4b320e46a87ae3d2a4e6da11eba819cd4acba45d239319ac14f863b8d5ab5a0d0c64d2e8a1e7d1457df2e5a3c51c73235be", "m/0h", "xpub68NZiKmJWnxxS6aaHmn81bvJeTESw724CRDs6HbuccFQN9Ku14VQrADWgqbhhTHBaohPX4CjNLf9fq9MYo6oDaPPLPxSb7gwQN3ih19Zm4Y"},
		{"3ddd5602285899a946114506157c7997e5444528f3003f6134712147db19b678", "m/0h", "xpub69AUMk3qDBi3uW1sXgjCmVjJ2G6WQoYSnNHyzkmdCHEhSZ4tBok37xfFEqHd2AddP56Tqp4o56AePAgCjYdvpW2PU2jbUPFKsav5ut6Ch1m"},
		{"3ddd5602285899a946114506157c7997e5444528f3003f6134712147db19b678", "m/0'/1'", "xpub6BJA1jSqiukeaesWfxe6sNK9CCGaujFFSJLomWHprUL9DePQ4JDkM5d88n49sMGJxrhpjazuXYWdMf17C9T5XnxkopaeS7jGk1GyyVziaMt"},
	} {
		seed, err := hex.DecodeString(v.seed)
		require.NoError(t, err)
		s, err := NewSeed(seed, Account{toy{network: toyNetwork}, v.path})
		require.NoError(t, err)
		require.Equal(t, v.xpub, s.Public(toyNetwork))
	}
}

func TestDerive_IsThatOfAnotherLibrary(t *testing.T) {
	for i := range 20 {
		seed := bytes.Repeat([]byte{byte(i)}, 16+i)
		x, err := master(seed)
		require.NoError(t, err)
		k, err := hdkeychain.NewMaster(seed, &chaincfg.MainNetParams)
		require.NoError(t, err)
		for _, n := range []uint32{44 + hardened, hardened, uint32(i), uint32(1<<31 - 1 - i)} {
			x, err = x.child(n)
			require.NoError(t, err)
			k, err = k.Derive(n)
			require.NoError(t, err)
			private, err := k.ECPrivKey()
			require.NoError(t, err)
			require.Equal(t, private.Serialize(), x.key[:])
			public, err := k.Neuter()
			require.NoError(t, err)
			require.Equal(t, public.String(), x.xpub())
		}
	}
}

func TestParsePath_RefusesWhatIsNoHardenedAccount(t *testing.T) {
	for _, s := range []string{"", "m", "m/", "44h", "m/44h/0", "m/44/0h", "m/2147483648h", "m/-1h", "m/04h", "m/4H", "m/1h/1h/1h/1h/1h/1h/1h/1h/1h"} {
		_, err := parsePath(s)
		require.Error(t, err, s)
	}
}

func TestNewSeed_RefusesBadArguments(t *testing.T) {
	good := Account{toy{network: toyNetwork}, toyPath}
	for name, try := range map[string]func() error{
		"secret has 15 bytes": func() error { _, err := NewSeed(make([]byte, 15), good); return err },
		"secret has 65 bytes": func() error { _, err := NewSeed(make([]byte, 65), good); return err },
		"no Account":          func() error { _, err := NewSeed(vectorSeed); return err },
		"Family is required":  func() error { _, err := NewSeed(vectorSeed, Account{Path: toyPath}); return err },
		"Path":                func() error { _, err := NewSeed(vectorSeed, Account{good.Family, "m/44h/0"}); return err },
		"has an account":      func() error { _, err := NewSeed(vectorSeed, good, good); return err },
	} {
		require.ErrorContains(t, try(), name)
	}
}

func TestSeed_LendsOnlyKeysBelowTheAccount(t *testing.T) {
	s := toySeed(t, toy{})
	for _, path := range [][]uint32{{}, {0}, {2, 0}, {0, hardened}, {hardened, 0}, {0, 0, 0}} {
		r := toyRequest("shop", 1, path...)
		if len(path) == 0 {
			r.Unsigned = []byte(`{"To":"shop","Units":1}`)
		}
		signed, err := s.Sign(ctx, r)
		require.ErrorIs(t, err, errNoKey, path)
		require.Nil(t, signed)
	}
	_, err := s.Sign(ctx, toyRequest("shop", 1, 0, hardened-1))
	require.NoError(t, err)
}

func TestSeed_RefusesWhatItsFamilyCannotRead(t *testing.T) {
	r := toyRequest("shop", 1)
	r.Unsigned = r.Unsigned[1:]
	_, err := toySeed(t, toy{}).Sign(ctx, r)
	var refused *payout.RefusedError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, payout.RefusedInvalid, refused.Code)
}

func TestSeed_OverwritesKeys(t *testing.T) {
	var kept [][]byte
	s := toySeed(t, toy{kept: &kept})
	_, err := s.Sign(ctx, toyRequest("shop", 1))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.Equal(t, make([]byte, 32), kept[0], "a lent key is overwritten when Sign returns")

	account := s.accounts[toyNetwork]
	require.NotEqual(t, [32]byte{}, account.key.key)
	require.NoError(t, s.Close())
	require.Equal(t, extended{}, account.key)
	_, err = s.Sign(ctx, toyRequest("shop", 1))
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, s.Close())
}

func TestSeed_ShowsNoKey(t *testing.T) {
	s := toySeed(t, toy{})
	key := s.accounts[toyNetwork].key
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("seed", "seed", s)
	encoded, err := json.Marshal(struct{ S *Seed }{s})
	require.NoError(t, err)
	shown := log.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		shown += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, struct{ S *Seed }{s})
	}
	for _, secret := range []string{
		hex.EncodeToString(key.key[:]), hex.EncodeToString(key.code[:]), fmt.Sprint(key.key), strings.Trim(fmt.Sprint(key.key[:]), "[]"),
		fmt.Sprintf("%#v", key.key), hex.EncodeToString(vectorSeed),
	} {
		require.NotContains(t, shown, secret)
	}
}

func TestFile_ComesBackAsItWas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed")
	require.NoError(t, create(path, passphrase, vectorSeed, lightCost))
	s, err := Open(path, passphrase, Account{toy{network: toyNetwork}, toyPath})
	require.NoError(t, err)
	require.Equal(t, toySeed(t, toy{}).Public(toyNetwork), s.Public(toyNetwork))
	r := toyRequest("shop", 5)
	signed, err := s.Sign(ctx, r)
	require.NoError(t, err)
	require.NoError(t, verifyToy(r.Unsigned, signed))

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(text), hex.EncodeToString(vectorSeed))
	info, err := os.Stat(path)
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
	}
	require.ErrorIs(t, create(path, passphrase, vectorSeed, lightCost), fs.ErrExist)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, text, after, "an existing file stays as it is")
}

func TestCreate_HasTheDocumentedCost(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 256 MB and a second")
	}
	path := filepath.Join(t.TempDir(), "seed")
	require.NoError(t, Create(path, passphrase, vectorSeed))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var h header
	require.NoError(t, json.Unmarshal(text, &h))
	require.Equal(t, 262144, h.KDF.N)
	require.Equal(t, []int{1, 8, 1}, []int{h.Version, h.KDF.R, h.KDF.P})
	secret, err := open(path, passphrase)
	require.NoError(t, err)
	require.Equal(t, vectorSeed, secret)
}

func TestCreate_RefusesBadArguments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed")
	require.ErrorContains(t, Create(path, []byte("short"), vectorSeed), "passphrase")
	require.ErrorContains(t, Create(path, passphrase, []byte("abandon about")), "secret has 13 bytes")
	require.NoFileExists(t, path)
}

func TestOpen_RefusesAWrongPassphraseAndAChangedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed")
	require.NoError(t, create(path, passphrase, vectorSeed, lightCost))
	_, err := open(path, []byte("correct horse batterz"))
	require.ErrorIs(t, err, ErrPassphrase)
	require.NotContains(t, err.Error(), "horse")

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var s sealed
	require.NoError(t, json.Unmarshal(text, &s))
	for name, change := range map[string]func(*sealed){
		"secret":  func(s *sealed) { s.Secret[3] ^= 1 },
		"tag":     func(s *sealed) { s.Secret[len(s.Secret)-1] ^= 1 },
		"cut":     func(s *sealed) { s.Secret = s.Secret[:5] },
		"nonce":   func(s *sealed) { s.Nonce[0] ^= 1 },
		"salt":    func(s *sealed) { s.KDF.Salt[0] ^= 1 },
		"cost":    func(s *sealed) { s.KDF.N *= 2 },
		"threads": func(s *sealed) { s.KDF.P = 2 },
	} {
		var changed sealed
		require.NoError(t, json.Unmarshal(text, &changed))
		change(&changed)
		other := filepath.Join(t.TempDir(), name)
		raw, err := json.Marshal(changed)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(other, raw, 0o600))
		_, err = open(other, passphrase)
		require.ErrorIs(t, err, ErrPassphrase, name)
	}
}

func TestOpen_RefusesFilesThatAreNoneAndCostsWithoutBound(t *testing.T) {
	good := func() sealed {
		return sealed{header{1, fileKind, derivation{lightCost, 8, 1, random(saltLen)}, random(nonceLen)}, random(32)}
	}
	for name, change := range map[string]func(*sealed){
		"version":  func(s *sealed) { s.Version = 2 },
		"kind":     func(s *sealed) { s.Kind = "mnemonic" },
		"n":        func(s *sealed) { s.KDF.N = 1 << 21 },
		"huge n":   func(s *sealed) { s.KDF.N = math.MaxInt/2 + 1 },
		"negative": func(s *sealed) { s.KDF.N = math.MinInt },
		"odd n":    func(s *sealed) { s.KDF.N = 1000 },
		"r":        func(s *sealed) { s.KDF.R = 1 << 30 },
		"n and r":  func(s *sealed) { s.KDF.N, s.KDF.R = 1<<18, 64 },
		"p":        func(s *sealed) { s.KDF.P = 9 },
		"no p":     func(s *sealed) { s.KDF.P = 0 },
		"salt":     func(s *sealed) { s.KDF.Salt = nil },
		"nonce":    func(s *sealed) { s.Nonce = nil }, // a cipher would panic
		"secret":   func(s *sealed) { s.Secret = make([]byte, 500) },
	} {
		s := good()
		change(&s)
		path := filepath.Join(t.TempDir(), "seed")
		raw, err := json.Marshal(s)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, raw, 0o600))
		_, err = open(path, passphrase)
		require.ErrorIs(t, err, ErrFile, name)
	}
	for name, text := range map[string]string{"empty": "", "text": "0123 my seed", "large": strings.Repeat(" ", maxFile+1)} {
		path := filepath.Join(t.TempDir(), "seed")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := open(path, passphrase)
		require.ErrorIs(t, err, ErrFile, name)
		require.NotContains(t, err.Error(), "0123")
	}
	_, err := open(t.TempDir(), passphrase)
	require.Error(t, err)
	_, err = open(filepath.Join(t.TempDir(), "missing"), passphrase)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestOpen_RefusesAFileThatOthersMayRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no Unix permissions")
	}
	path := filepath.Join(t.TempDir(), "seed")
	require.NoError(t, create(path, passphrase, vectorSeed, lightCost))
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o622} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := open(path, passphrase)
		require.ErrorIs(t, err, ErrPermissions)
	}
	require.NoError(t, os.Chmod(path, 0o400))
	_, err := open(path, passphrase)
	require.NoError(t, err)
}
