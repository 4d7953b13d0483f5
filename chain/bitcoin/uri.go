package bitcoin

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/cointill/cointill/chain"
)

// ErrUnits is returned for an amount that an output cannot hold: not positive, or more than all coins.
var ErrUnits = errors.New("amount cannot be paid")

// PaymentURI returns the URI (BIP-21, in the form of BIP-321) that asks a wallet to send units of the coin, for a link
// or a QR code. The amount is in whole coins, a decimal number without trailing zeros. For Bitcoin Cash the prefix of
// the address is the scheme.
//
// It returns [ErrAddress], [ErrUnits], or an error about an asset that is not the coin itself.
func (p Params) PaymentURI(asset chain.Asset, to chain.Address, units *big.Int) (string, error) {
	if own := p.Asset(); asset.ID != own.ID || asset.Decimals != own.Decimals {
		return "", fmt.Errorf("bitcoin: make payment URI: %s with %d decimals is not %s", asset.ID, asset.Decimals, own.ID)
	}
	receiver, err := p.ParseAddress(string(to))
	if err != nil {
		return "", fmt.Errorf("bitcoin: make payment URI: %w", err)
	}
	if units == nil || units.Sign() <= 0 || units.Cmp(big.NewInt(p.MaxMoney)) > 0 {
		return "", fmt.Errorf("bitcoin: make payment URI: %w", ErrUnits)
	}
	bare := strings.TrimPrefix(string(receiver), p.scheme+":")
	return p.scheme + ":" + bare + "?amount=" + asset.Decimal(units).String(), nil
}
