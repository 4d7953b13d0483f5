package tron

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcutil/base58"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/internal/hdkey"
)

// Errors about keys and addresses. No error of this package contains a key.
var (
	// ErrPrivateKey is returned for a private key: it can spend, and a process that issues invoices must not hold it.
	ErrPrivateKey = hdkey.ErrPrivateKey
	// ErrKeyKind is returned for an extended public key of another kind than xpub or tpub.
	ErrKeyKind = hdkey.ErrKeyKind
	// ErrMalformedKey is returned for text that is not an extended key, or one that breaks a rule of BIP-32.
	ErrMalformedKey = hdkey.ErrMalformed
	// ErrIndex is returned for an index without an address: it is 2^31 or more, which is reserved for private
	// derivation, or one of the indexes without a key (fewer than one in 2^127).
	ErrIndex = hdkey.ErrIndex
	// ErrAddress is returned for text that is not an address, or has a wrong checksum.
	ErrAddress = errors.New("not an address")
)

// Wallet derives the receiving addresses of one account from its extended public key: the children 0/i of BIP-44, as
// most wallets do, so that the shop's own wallet finds the money. Wallets that make a new account for each address
// (m/44'/195'/i'/0/0) find only the first. It is safe for concurrent use.
type Wallet struct {
	account *hdkey.Account
}

// NewWallet returns a wallet of an account's extended public key (m/44'/195'/n'), an xpub or a tpub. The coin is not
// in the key: an xpub of another coin's account cannot be recognised. It returns [ErrPrivateKey], [ErrKeyKind] or
// [ErrMalformedKey].
func NewWallet(xpub string) (*Wallet, error) {
	account, err := hdkey.NewAccount("tron", xpub, func(a [20]byte) chain.Address { return spell(a) })
	if err != nil {
		return nil, err
	}
	return &Wallet{account}, nil
}

// Name returns the durable name of the wallet's counter of addresses. It is a fingerprint: two wallets have the same
// name exactly if they have the same addresses, and the key cannot be derived from it.
func (w *Wallet) Name() string { return w.account.Name() }

// Address returns address number index, always the same. It does not block. It returns [ErrIndex] if there is none.
func (w *Wallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.account.Address(index)
}

// Change returns address number index of the branch that no payer sees, 1/index of BIP-44. Payouts are sent from 1/0. It is
// otherwise as Address.
func (w *Wallet) Change(_ context.Context, index uint32) (chain.Address, error) {
	return w.account.Change(index)
}

// prefix is the first byte of every address, also on test networks.
const prefix = 0x41

// account is an address without its prefix, as the virtual machine has it.
type account [20]byte

// addressLen is the length of an address in base58, and of one with its checksum in bytes.
const (
	addressLen = 34
	checkedLen = 1 + len(account{}) + 4
)

// ParseAddress parses an address and returns its canonical spelling, base58check ("T..."). It also accepts the
// hexadecimal form of nodes and tools, 41 and 40 digits of either case, with or without 0x before it; that form has no
// checksum. It does not accept 0x and 40 digits: that is the spelling of Ethereum, and the owner of such an address
// may not hold its key on TRON. It returns [ErrAddress] for anything else.
func ParseAddress(s string) (chain.Address, error) {
	a, err := parse(s)
	if err != nil {
		return "", fmt.Errorf("tron: %w", err)
	}
	return spell(a), nil
}

func parse(s string) (account, error) {
	if digits := strings.TrimPrefix(s, "0x"); len(digits) == 2*(1+len(account{})) {
		raw, err := hex.DecodeString(digits)
		if err != nil || raw[0] != prefix {
			return account{}, fmt.Errorf("%w: hexadecimal digits must start with 41", ErrAddress)
		}
		return account(raw[1:]), nil
	}
	if len(s) != addressLen {
		return account{}, fmt.Errorf("%w: %d characters that start with T, or 41 and 40 hexadecimal digits, expected", ErrAddress, addressLen)
	}
	raw := base58.Decode(s)
	if len(raw) != checkedLen || raw[0] != prefix {
		return account{}, fmt.Errorf("%w: not base58 of a TRON address", ErrAddress)
	}
	if checksum(raw[:checkedLen-4]) != [4]byte(raw[checkedLen-4:]) {
		return account{}, fmt.Errorf("%w: wrong checksum", ErrAddress)
	}
	return account(raw[1 : checkedLen-4]), nil
}

// spell returns the canonical spelling of an address.
func spell(a account) chain.Address {
	raw := append([]byte{prefix}, a[:]...)
	sum := checksum(raw)
	return chain.Address(base58.Encode(append(raw, sum[:]...)))
}

func checksum(raw []byte) [4]byte {
	sum := sha256.Sum256(raw)
	sum = sha256.Sum256(sum[:])
	return [4]byte(sum[:4])
}

// accountOf decodes an address in the form of transactions, prefix and 20 bytes.
func accountOf(raw []byte) (account, bool) {
	if len(raw) != 1+len(account{}) || raw[0] != prefix {
		return account{}, false
	}
	return account(raw[1:]), true
}
