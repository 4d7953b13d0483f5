package signer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

// ErrClosed is returned by a [Seed] after Close.
var ErrClosed = errors.New("signer: the seed is closed")

// The lengths of a seed that BIP-32 allows, in bytes.
const (
	minSeed = 16
	maxSeed = 64
)

// Account is the part of a [Seed] that signs for one network.
type Account struct {
	Family Family
	// Path is that of the account's key, such as m/84h/0h/0h or m/44h/60h/0h, all levels hardened. Branches 0 and 1 and
	// the numbers of keys are below it.
	Path string
}

// Seed is a payout.Signer with the account keys of a seed in this process. It keeps no more of the seed than these keys.
// It is safe for concurrent use. Formatting, logging and encoding it shows no key.
type Seed struct {
	mu       sync.RWMutex // guards closed, and the keys against being overwritten while one signs
	closed   bool
	accounts map[chain.Network]*account
}

type account struct {
	family Family
	key    extended
	xpub   string
}

var _ payout.Signer = (*Seed)(nil)

// NewSeed returns a Seed. The secret is a seed of BIP-32, 16 to 64 bytes: what BIP-39 makes of a mnemonic and its
// passphrase is a seed of 64 bytes, and the mnemonic itself is not. The caller may overwrite it afterwards.
func NewSeed(secret []byte, accounts ...Account) (*Seed, error) {
	if err := checkSecret(secret); err != nil {
		return nil, err
	}
	if len(accounts) == 0 {
		return nil, errors.New("signer: no Account")
	}
	root, err := master(secret)
	if err != nil {
		return nil, fmt.Errorf("signer: derive the master key: %w", err)
	}
	defer root.wipe()
	s := &Seed{accounts: map[chain.Network]*account{}}
	for i, a := range accounts {
		if err := s.add(root, a); err != nil {
			_ = s.Close() // never fails
			return nil, fmt.Errorf("signer: accounts[%d]: %w", i, err)
		}
	}
	return s, nil
}

func checkSecret(secret []byte) error {
	if len(secret) < minSeed || len(secret) > maxSeed {
		return fmt.Errorf("signer: secret has %d bytes, and a seed has %d to %d", len(secret), minSeed, maxSeed)
	}
	return nil
}

func (s *Seed) add(root *extended, a Account) error {
	if a.Family == nil {
		return errors.New("Family is required")
	}
	path, err := parsePath(a.Path)
	if err != nil {
		return fmt.Errorf("Path: %w", err)
	}
	network := a.Family.Network()
	if s.accounts[network] != nil {
		return fmt.Errorf("Family: %s has an account already", network)
	}
	key, err := root.derive(path)
	if err != nil {
		return fmt.Errorf("Path %s: %w", a.Path, err)
	}
	s.accounts[network] = &account{a.Family, *key, key.xpub()}
	key.wipe()
	return nil
}

// Public returns the extended public key (xpub) of the network's account, for the wallets and spenders of other
// processes, or an empty string if there is none.
func (s *Seed) Public(network chain.Network) string {
	if a := s.accounts[network]; a != nil {
		return a.xpub
	}
	return ""
}

// Sign implements payout.Signer. It refuses what the family cannot read with RefusedInvalid. It returns ErrClosed after
// Close. It does not block.
func (s *Seed) Sign(ctx context.Context, r payout.SignRequest) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	a := s.accounts[r.Network]
	if a == nil {
		return nil, &networkError{r.Network}
	}
	if _, err := parse(a.family, r.Unsigned); err != nil {
		return nil, err
	}
	var lent keys
	defer lent.wipe()
	signed, err := a.family.Sign(r.Unsigned, func(path ...uint32) ([]byte, error) { return lent.lend(&a.key, path) })
	if err != nil {
		return nil, fmt.Errorf("signer: sign version %d of transaction %.64q: %w", r.N, r.Transaction, err)
	}
	return signed, nil
}

// Close overwrites all keys, as soon as nobody signs with them. It always returns nil. Go may have copies of them that
// cannot be overwritten, such as those of its memory management.
func (s *Seed) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, a := range s.accounts {
		a.key.wipe()
	}
	return nil
}

// maxLent is how many keys one transaction may need.
const maxLent = 10_000

// keys are those that a family has while it signs.
type keys struct{ all [][]byte }

func (k *keys) lend(from *extended, path []uint32) ([]byte, error) {
	if len(path) != 2 || path[0] > 1 || path[1] >= hardened {
		return nil, fmt.Errorf("%w: a path below an account is branch 0 or 1, and a number", errNoKey)
	}
	if len(k.all) == maxLent {
		return nil, fmt.Errorf("a transaction needs more than %d keys", maxLent)
	}
	x, err := from.derive(path)
	if err != nil {
		return nil, err
	}
	defer x.wipe()
	key := append([]byte(nil), x.key[:]...)
	k.all = append(k.all, key)
	return key, nil
}

func (k *keys) wipe() {
	for _, key := range k.all {
		clear(key)
	}
}

// String returns a text without keys.
func (s *Seed) String() string { return fmt.Sprintf("signer.Seed of %d networks", len(s.accounts)) }

// Format implements fmt.Formatter: all verbs print String.
func (s *Seed) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, s.String()) }

// LogValue implements slog.LogValuer.
func (s *Seed) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText implements encoding.TextMarshaler, so that no encoder shows a key.
func (s *Seed) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
