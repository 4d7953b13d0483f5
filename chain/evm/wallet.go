package evm

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

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

// Wallet derives the addresses of one account from its extended public key: the children 0/i of BIP-44, which receive,
// and 1/i, as other wallets do, so that the shop's own wallet finds the money. It is safe for concurrent use.
type Wallet struct {
	account *hdkey.Account
}

// NewWallet returns a wallet of an account's extended public key (m/44'/60'/n'), an xpub or a tpub. The coin is not in
// the key: an xpub of another coin's account cannot be recognised. It returns [ErrPrivateKey], [ErrKeyKind] or
// [ErrMalformedKey].
func NewWallet(xpub string) (*Wallet, error) {
	account, err := hdkey.NewAccount("evm", xpub, func(a [20]byte) chain.Address { return checksummed(a) })
	if err != nil {
		return nil, err
	}
	return &Wallet{account}, nil
}

// Name returns the durable name of the wallet's counter of addresses. It is a fingerprint: two wallets have the same
// name exactly if they have the same addresses, and the key cannot be derived from it.
func (w *Wallet) Name() string { return w.account.Name() }

// Address returns receiving address number index, always the same. It does not block. It returns [ErrIndex] if there is none.
func (w *Wallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	return w.account.Address(index)
}

// Change returns address number index of branch 1, which no payer is ever shown: the addresses that pay. It does not
// block. It returns [ErrIndex] if there is none.
func (w *Wallet) Change(index uint32) (chain.Address, error) {
	return w.account.Change(index)
}

// ParseAddress parses an address and returns its canonical spelling, that of ERC-55. It accepts lower case and upper
// case digits, which carry no checksum; mixed case must be the checksum. It returns [ErrAddress] for anything else.
func ParseAddress(s string) (chain.Address, error) {
	address, err := parseAddress(s)
	if err != nil {
		return "", fmt.Errorf("evm: %w", err)
	}
	return address, nil
}

func parseAddress(s string) (chain.Address, error) {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok || len(digits) != 2*common.AddressLength {
		return "", fmt.Errorf("%w: 0x and %d hexadecimal digits expected", ErrAddress, 2*common.AddressLength)
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return "", fmt.Errorf("%w: not hexadecimal", ErrAddress)
	}
	canonical := checksummed(common.Address(raw))
	if digits != strings.ToLower(digits) && digits != strings.ToUpper(digits) && s != string(canonical) {
		return "", fmt.Errorf("%w: wrong checksum (ERC-55)", ErrAddress)
	}
	return canonical, nil
}

// checksummed returns an address in the spelling of ERC-55.
func checksummed(a common.Address) chain.Address { return chain.Address(a.Hex()) }
