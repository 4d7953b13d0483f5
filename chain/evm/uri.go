package evm

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
)

// ErrUnits is returned for an amount that a chain cannot move: not positive, or of more than 256 bits.
var ErrUnits = errors.New("amount cannot be paid")

// PaymentURI returns the EIP-681 URI that asks a wallet to send units of the asset, for a link or a QR code. For a
// token it calls transfer on the token's contract; the receiver is then a parameter.
//
// The amount is an integer of base units. EIP-681 also allows 2.014e18, but some wallets read the exponent through a
// floating point number, or not at all.
//
// It returns [ErrAddress], [ErrUnits], or an error about the asset.
func PaymentURI(asset chain.Asset, to chain.Address, units *big.Int) (string, error) {
	if err := checkAsset(asset); err != nil {
		return "", fmt.Errorf("evm: make payment URI: %w", err)
	}
	receiver, err := parseAddress(string(to))
	if err != nil {
		return "", fmt.Errorf("evm: make payment URI: %w", err)
	}
	if units == nil || units.Sign() <= 0 || units.BitLen() > 256 {
		return "", fmt.Errorf("evm: make payment URI: %w", ErrUnits)
	}
	id := asset.ID.Network().Reference()
	if asset.ID.Namespace() == tokenKind {
		return fmt.Sprintf("ethereum:%s@%s/transfer?address=%s&uint256=%s", asset.ID.Reference(), id, receiver, units), nil
	}
	return fmt.Sprintf("ethereum:%s@%s?value=%s", receiver, id, units), nil
}
