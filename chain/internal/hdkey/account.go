package hdkey

import (
	"fmt"

	"golang.org/x/crypto/sha3"
)

// Account derives the addresses of one account on networks with the virtual machine of Ethereum: the children 0/i and 1/i
// of BIP-44, each 20 bytes of the hash of a public key. It is safe for concurrent use.
type Account struct {
	receive     *Parent // the external chain, child 0
	change      *Parent // the internal chain, child 1
	fingerprint string
}

// NewAccount returns the account of an extended public key, which must be an xpub or a tpub. It returns ErrPrivateKey,
// ErrKeyKind or ErrMalformed.
func NewAccount(xpub string) (*Account, error) {
	version, account, err := Parse(xpub)
	if err != nil {
		return nil, err
	}
	if version != Xpub && version != Tpub {
		return nil, fmt.Errorf("%w: this is a %s, and an xpub or a tpub is needed", ErrKeyKind, version.Name())
	}
	receive, err := account.Child(0)
	if err != nil {
		return nil, fmt.Errorf("no external chain: %w", err)
	}
	change, err := account.Child(1)
	if err != nil {
		return nil, fmt.Errorf("no internal chain: %w", err)
	}
	return &Account{receive: receive, change: change, fingerprint: account.Fingerprint()}, nil
}

// Fingerprint returns the [Parent.Fingerprint] of the account's key.
func (a *Account) Fingerprint() string { return a.fingerprint }

// Address returns receiving address number index: the last 20 bytes of the Keccak-256 hash of the uncompressed public key
// without its first byte. It returns ErrIndex, as [Parent.Derive] does.
func (a *Account) Address(index uint32) ([20]byte, error) { return address(a.receive, index) }

// Change returns address number index of the account's own: 1/index. It is otherwise as Address.
func (a *Account) Change(index uint32) ([20]byte, error) { return address(a.change, index) }

func address(branch *Parent, index uint32) ([20]byte, error) {
	key, err := branch.Derive(index)
	if err != nil {
		return [20]byte{}, err
	}
	hash := sha3.NewLegacyKeccak256()
	hash.Write(key.SerializeUncompressed()[1:])
	return [20]byte(hash.Sum(nil)[12:]), nil
}
