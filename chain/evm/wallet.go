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

// Why a key or an index is refused. No error of this package contains a key.
var (
	// ErrPrivateKey: the key can spend. A process that issues invoices must not hold it.
	ErrPrivateKey = hdkey.ErrPrivateKey
	// ErrKeyKind: the key is an extended public key of another kind than xpub or tpub.
	ErrKeyKind = hdkey.ErrKeyKind
	// ErrMalformedKey: the text is no extended key, or one that breaks a rule of BIP-32.
	ErrMalformedKey = hdkey.ErrMalformed
	// ErrIndex: no address has that index: it is 2^31 or more, which is reserved for private
	// derivation, or it is one of the indexes without a key (fewer than one in 2^127).
	ErrIndex = hdkey.ErrIndex
	// ErrAddress: the text is no address, or its checksum is wrong.
	ErrAddress = errors.New("not an address")
)

// Wallet derives the receiving addresses of one account from its extended public key: the children 0/i of
// BIP-44, as other wallets do, so that the shop's own wallet finds the money. It may be used concurrently.
type Wallet struct {
	account *hdkey.Account
}

// NewWallet makes a wallet of an account's extended public key (m/44'/60'/n'), an xpub or a tpub. The
// coin is not in the key: an xpub of another coin's account is not told apart. It refuses with
// [ErrPrivateKey], [ErrKeyKind] or [ErrMalformedKey].
func NewWallet(xpub string) (*Wallet, error) {
	account, err := hdkey.NewAccount(xpub)
	if err != nil {
		return nil, fmt.Errorf("evm: read account key: %w", err)
	}
	return &Wallet{account}, nil
}

// Name is the durable name of the wallet's counter of addresses. It is a fingerprint: two wallets have
// the same name exactly if they have the same addresses, and the key cannot be had from it.
func (w *Wallet) Name() string { return "evm:" + w.account.Fingerprint() }

// Address answers address number index, always the same. It blocks on nothing. It refuses with [ErrIndex].
func (w *Wallet) Address(_ context.Context, index uint32) (chain.Address, error) {
	address, err := w.account.Address(index)
	if err != nil {
		return "", fmt.Errorf("evm: derive address %d: %w", index, err)
	}
	return checksummed(address), nil
}

// ParseAddress reads an address and answers its canonical spelling, that of ERC-55. It accepts all lower
// case and all upper case digits, which carry no checksum; mixed case must be the checksum. It refuses
// with [ErrAddress].
func ParseAddress(s string) (chain.Address, error) {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok || len(digits) != 2*common.AddressLength {
		return "", fmt.Errorf("evm: %w: want 0x and %d hexadecimal digits", ErrAddress, 2*common.AddressLength)
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return "", fmt.Errorf("evm: %w: not hexadecimal", ErrAddress)
	}
	canonical := checksummed(common.Address(raw))
	if digits != strings.ToLower(digits) && digits != strings.ToUpper(digits) && s != string(canonical) {
		return "", fmt.Errorf("evm: %w: wrong checksum (ERC-55)", ErrAddress)
	}
	return canonical, nil
}

// checksummed spells an address as ERC-55 says.
func checksummed(a common.Address) chain.Address { return chain.Address(a.Hex()) }
