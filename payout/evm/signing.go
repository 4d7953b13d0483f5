package evm

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/payout"
)

// Signing reads and signs the transactions of one network. It is a family of the package payout/signer. It holds no
// private key, and is safe for concurrent use.
type Signing struct {
	network chain.Network
	wallet  *evm.Wallet // nil: no receiver is known to be our own
}

// NewSigning returns the Signing of a network. The extended public key of the account (xpub) lets it tell which receivers
// are the account's own; it may be empty, and then none are.
func NewSigning(network chain.Network, xpub string) (*Signing, error) {
	if _, err := chainID(network); err != nil {
		return nil, fmt.Errorf("payout/evm: %w", err)
	}
	s := &Signing{network: network}
	if xpub != "" {
		var err error
		if s.wallet, err = evm.NewWallet(xpub); err != nil {
			return nil, fmt.Errorf("payout/evm: %w", err)
		}
	}
	return s, nil
}

// Network returns the network.
func (s *Signing) Network() chain.Network { return s.network }

// Parse returns what an unsigned transaction does. It returns an error for anything that [ParseUnsigned] does not read, and
// for a transaction of another network. What the network takes beside the gas ([Fees].Extra) is not in the fee: a
// signer cannot know it.
func (s *Signing) Parse(unsigned []byte) (payout.Parsed, error) {
	p, err := s.parse(unsigned)
	if err != nil {
		return payout.Parsed{}, fmt.Errorf("payout/evm: read unsigned transaction: %w", err)
	}
	return p, nil
}

func (s *Signing) parse(unsigned []byte) (payout.Parsed, error) {
	u, err := parseUnsigned(unsigned)
	if err != nil {
		return payout.Parsed{}, err
	}
	if u.Network != s.network {
		return payout.Parsed{}, fmt.Errorf("it is for %s", u.Network)
	}
	coin := evm.Native(s.network, "").ID
	out := payout.Output{Asset: coin, To: u.To, Units: new(big.Int).Set(u.Units)}
	if u.Token != "" {
		out.Asset = chain.AssetID(string(s.network) + "/erc20:" + string(u.Token))
	}
	if out.Own, err = s.owns(u.ToPath, u.To); err != nil {
		return payout.Parsed{}, err
	}
	return payout.Parsed{Network: s.network, Outputs: []payout.Output{out}, Fee: new(big.Int).Set(u.Fee), FeeAsset: coin}, nil
}

// owns reports whether the address is proven to be the account's. It returns an error if the path leads elsewhere.
func (s *Signing) owns(path []uint32, to chain.Address) (bool, error) {
	if s.wallet == nil || len(path) == 0 {
		return false, nil
	}
	var at chain.Address
	var err error
	switch path[0] {
	case 0:
		at, err = s.wallet.Address(context.Background(), path[1]) // does not block
	case laneBranch:
		at, err = s.wallet.Change(path[1])
	default:
		err = errors.New("a path is branch 0 or 1, and a number")
	}
	if err == nil && at != to {
		err = errors.New("to_path does not lead to the receiver")
	}
	return err == nil, err
}

// Sign returns the signed transaction as it is sent. It asks for one private key, and returns an error if that is not the
// sender's. The same bytes have the same signature.
func (s *Signing) Sign(unsigned []byte, key func(path ...uint32) (priv []byte, err error)) ([]byte, error) {
	u, err := ParseUnsigned(unsigned)
	if err != nil {
		return nil, err
	}
	if u.Network != s.network {
		return nil, fmt.Errorf("payout/evm: sign: the transaction is for %s", u.Network)
	}
	priv, err := key(u.Branch, u.Index)
	if err != nil {
		return nil, fmt.Errorf("payout/evm: key %d/%d: %w", u.Branch, u.Index, err)
	}
	return u.Sign(priv)
}
