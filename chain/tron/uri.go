package tron

import (
	"errors"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
)

// ErrUnits is returned for an amount that the chain cannot move: not positive, or of more than 63 bits for TRX and 256
// bits for a token.
var ErrUnits = errors.New("amount cannot be paid")

// PaymentURI returns the text of a link or a QR code for a payment: the address alone. TRON has no standard for more.
// Some wallets read "tron:" and an amount, but some of them in TRX and others in sun, a difference of a million; show
// amount and token beside the code.
//
// It returns [ErrAddress], [ErrUnits], or an error about the asset, so that nobody is asked for what cannot be paid.
func PaymentURI(asset chain.Asset, to chain.Address, units *big.Int) (string, error) {
	if err := checkAsset(asset); err != nil {
		return "", fmt.Errorf("tron: make payment URI: %w", err)
	}
	receiver, err := parse(string(to))
	if err != nil {
		return "", fmt.Errorf("tron: make payment URI: %w", err)
	}
	bits := 256
	if asset.ID.Namespace() == native {
		bits = 63
	}
	if units == nil || units.Sign() <= 0 || units.BitLen() > bits {
		return "", fmt.Errorf("tron: make payment URI: %w", ErrUnits)
	}
	return string(spell(receiver)), nil
}
