package hdkey

import (
	"fmt"

	"golang.org/x/crypto/sha3"

	"github.com/cointill/cointill/chain"
)

// Account derives the addresses of one account on networks with the virtual machine of Ethereum: the children 0/i and
// 1/i of BIP-44, each 20 bytes of the hash of a public key. It is safe for concurrent use.
type Account struct {
	adapter     string
	spell       func([20]byte) chain.Address
	receive     *Parent // the external chain, child 0
	change      *Parent // the internal chain, child 1
	fingerprint string
}

// NewAccount returns the account of an extended public key, which must be an xpub or a tpub. The adapter's name begins
// the texts of errors and the account's own name; spell is the adapter's spelling of an address. It returns
// ErrPrivateKey, ErrKeyKind or ErrMalformed.
func NewAccount(adapter, xpub string, spell func([20]byte) chain.Address) (*Account, error) {
	a := &Account{adapter: adapter, spell: spell}
	if err := a.read(xpub); err != nil {
		return nil, fmt.Errorf("%s: read account key: %w", adapter, err)
	}
	return a, nil
}

func (a *Account) read(xpub string) error {
	version, account, err := Parse(xpub)
	if err != nil {
		return err
	}
	if version != Xpub && version != Tpub {
		return fmt.Errorf("%w: this is a %s, and an xpub or a tpub is needed", ErrKeyKind, version.Name())
	}
	if a.receive, err = account.Child(0); err != nil {
		return fmt.Errorf("no external chain: %w", err)
	}
	if a.change, err = account.Child(1); err != nil {
		return fmt.Errorf("no internal chain: %w", err)
	}
	a.fingerprint = account.Fingerprint()
	return nil
}

// Name returns the adapter's name and the [Parent.Fingerprint] of the account's key.
func (a *Account) Name() string { return a.adapter + ":" + a.fingerprint }

// Address returns receiving address number index: the last 20 bytes of the Keccak-256 hash of the uncompressed public
// key without its first byte. It returns ErrIndex, as [Parent.Derive] does.
func (a *Account) Address(index uint32) (chain.Address, error) { return a.address(a.receive, 0, index) }

// Change returns address number index of the internal chain, which no payer is shown. It returns ErrIndex, as Address
// does.
func (a *Account) Change(index uint32) (chain.Address, error) { return a.address(a.change, 1, index) }

func (a *Account) address(parent *Parent, branch int, index uint32) (chain.Address, error) {
	key, err := parent.Derive(index)
	if err != nil {
		return "", fmt.Errorf("%s: derive address %d/%d: %w", a.adapter, branch, index, err)
	}
	hash := sha3.NewLegacyKeccak256()
	hash.Write(key.SerializeUncompressed()[1:])
	return a.spell([20]byte(hash.Sum(nil)[12:])), nil
}
