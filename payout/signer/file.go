package signer

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/crypto/scrypt"
)

// Errors about files of seeds. None of them contains a secret.
var (
	// ErrPassphrase is returned when the passphrase is wrong, or the file was changed: neither can be told from the other.
	ErrPassphrase = errors.New("wrong passphrase, or the file was changed")
	// ErrFile is wrapped when a file is not one of a seed, or of a version that this package does not know.
	ErrFile = errors.New("not a file of a seed")
	// ErrPermissions is wrapped when others than its owner may read or write the file.
	ErrPermissions = errors.New("others may read or write the file: it must have mode 0600")
)

const (
	maxFile       = 16 << 10
	minPassphrase = 12      // bytes
	costOfNew     = 1 << 18 // scrypt's N: 256 MB and about a second
	maxMemory     = 1 << 30 // what scrypt may take of a file that is read, in bytes
	maxParallel   = 8
)

// sealed is the file. Its header is authenticated with the secret.
type sealed struct {
	header
	Secret []byte `json:"secret"` // the seed, sealed with AES-256-GCM
}

type header struct {
	Version int        `json:"version"` // 1
	Kind    string     `json:"kind"`    // "bip32-seed"
	KDF     derivation `json:"scrypt"`
	Nonce   []byte     `json:"nonce"` // of AES-256-GCM
}

type derivation struct {
	N    int    `json:"n"`
	R    int    `json:"r"`
	P    int    `json:"p"`
	Salt []byte `json:"salt"`
}

const (
	fileVersion = 1
	fileKind    = "bip32-seed"
	saltLen     = 32
	nonceLen    = 12
	keyLen      = 32
)

// Create makes a file with a seed, encrypted with a key that scrypt (N = 2^18, r = 8, p = 1) derives from the passphrase,
// which must have at least 12 bytes. The secret is as [NewSeed] wants it. The file has mode 0600 and is durable when
// Create returns; an existing one is never replaced: the error is fs.ErrExist. It takes about a second and 256 MB.
func Create(path string, passphrase, secret []byte) error {
	return create(path, passphrase, secret, costOfNew)
}

func create(path string, passphrase, secret []byte, cost int) error {
	if err := checkSecret(secret); err != nil {
		return err
	}
	if len(passphrase) < minPassphrase {
		return fmt.Errorf("signer: passphrase has less than %d bytes", minPassphrase)
	}
	h := header{Version: fileVersion, Kind: fileKind, KDF: derivation{cost, 8, 1, random(saltLen)}, Nonce: random(nonceLen)}
	aead, bound, err := h.cipher(passphrase)
	if err != nil {
		return fmt.Errorf("signer: create file: %w", err)
	}
	text, err := json.MarshalIndent(sealed{h, aead.Seal(nil, h.Nonce, secret, bound)}, "", "  ")
	if err == nil {
		err = write(path, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("signer: create file: %w", err)
	}
	return nil
}

func random(n int) []byte {
	out := make([]byte, n)
	_, _ = rand.Read(out) // never fails
	return out
}

// cipher returns the cipher of a file, and what it authenticates beside the secret.
func (h header) cipher(passphrase []byte) (cipher.AEAD, []byte, error) {
	key, err := scrypt.Key(passphrase, h.KDF.Salt, h.KDF.N, h.KDF.R, h.KDF.P, keyLen)
	if err != nil {
		return nil, nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, nil, err
	}
	bound, err := json.Marshal(h)
	return aead, bound, err
}

func write(path string, text []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the name of a new file durable, where the system can.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Open opens a file that [Create] made, and returns its Seed. It takes about a second and 256 MB: call it once, at the
// start. On systems with Unix permissions the file must not be accessible to others. It returns ErrPassphrase, ErrFile,
// ErrPermissions, or the error of the system or of NewSeed.
func Open(path string, passphrase []byte, accounts ...Account) (*Seed, error) {
	secret, err := open(path, passphrase)
	if err != nil {
		return nil, fmt.Errorf("signer: open file: %w", err)
	}
	defer clear(secret)
	return NewSeed(secret, accounts...)
}

func open(path string, passphrase []byte) ([]byte, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	var s sealed
	if json.Unmarshal(text, &s) != nil { // the decoder's error could repeat the file
		return nil, fmt.Errorf("%w: it is not JSON of the right form", ErrFile)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	aead, bound, err := s.cipher(passphrase)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	secret, err := aead.Open(nil, s.Nonce, s.Secret, bound)
	if err != nil {
		return nil, ErrPassphrase
	}
	return secret, nil
}

// check returns an error unless the file can be opened with bounded means.
func (s sealed) check() error {
	k := s.KDF
	switch {
	case s.Version != fileVersion:
		return fmt.Errorf("%w: it has version %d instead of %d", ErrFile, s.Version, fileVersion)
	case s.Kind != fileKind:
		return fmt.Errorf("%w: it is of another kind than %s", ErrFile, fileKind)
	case k.N < 2 || k.R < 1 || k.P < 1 || k.N&(k.N-1) != 0:
		return fmt.Errorf("%w: scrypt has no such parameters", ErrFile)
	case k.R > 64 || k.P > maxParallel || k.N > maxMemory/128/k.R:
		return fmt.Errorf("%w: scrypt would take more than %d MB, or too long", ErrFile, maxMemory>>20)
	case len(k.Salt) != saltLen || len(s.Nonce) != nonceLen || len(s.Secret) > 2*maxSeed:
		return fmt.Errorf("%w: salt, nonce or secret is of the wrong length", ErrFile)
	}
	return nil
}

func read(path string) (text []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: it is not a regular file", ErrFile)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%w, and has %#o", ErrPermissions, info.Mode().Perm())
	}
	if text, err = io.ReadAll(io.LimitReader(f, maxFile+1)); err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%w: it is larger than %d bytes", ErrFile, maxFile)
	}
	return text, nil
}
