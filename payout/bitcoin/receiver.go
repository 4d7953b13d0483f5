package bitcoin

import (
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
)

// Opcodes that begin the scripts of witness programs.
const (
	opTaproot  = 0x51 // version 1
	opLast     = 0x60 // version 16
	taprootLen = 34   // of a script that pays a taproot key
)

// receiver returns the script and the canonical address of a receiver, or a RefusedError.
func (s *Spender) receiver(asset chain.AssetID, to string, units *big.Int) ([]byte, chain.Address, error) {
	if asset != s.asset {
		return nil, "", &payout.RefusedError{Code: payout.RefusedAsset, Reason: "only " + s.params.Code + " is paid out here"}
	}
	script, err := s.params.Script(chain.Address(to))
	if err != nil {
		return nil, "", &payout.RefusedError{Code: payout.RefusedAddress, Reason: "not an address of " + s.params.Name}
	}
	if script[0] >= opTaproot && script[0] <= opLast && (script[0] != opTaproot || len(script) != taprootLen) {
		return nil, "", &payout.RefusedError{Code: payout.RefusedAddress, Reason: "an address of a kind that nobody can own yet"}
	}
	switch dust := s.params.Dust(script); {
	case units == nil || units.Sign() <= 0 || units.Cmp(dust) < 0:
		return nil, "", &payout.RefusedError{Code: payout.RefusedDust, Reason: fmt.Sprintf("less than %s base units", dust)}
	case !units.IsInt64() || units.Int64() > s.params.MaxMoney:
		return nil, "", &payout.RefusedError{Code: payout.RefusedInvalid, Reason: "more than can exist"}
	}
	address, _ := s.params.AddressOf(script) // every script that is decoded has an address
	return script, address, nil
}

// Holding implements [payout.Spender]: every payment is a coin.
func (s *Spender) Holding(d payout.Deposit) payout.Holding {
	const prefix = "vout:"
	name := d.Key.TxID + ":"
	if len(d.Key.Index) > len(prefix) {
		name += d.Key.Index[len(prefix):]
	}
	return payout.Holding{
		Network: s.params.Network, Name: name, Asset: d.Asset, Address: d.To, Wallet: d.Wallet, Branch: btc.BranchReceive,
		Index: d.Index, Units: d.Units, Height: d.Height,
	}
}
