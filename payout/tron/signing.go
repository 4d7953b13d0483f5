package tron

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"golang.org/x/crypto/sha3"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/payout"
)

// What a transaction costs at most beside its fee limit, at the prices of the protocol: its bytes, and an account that a
// transfer of TRX makes. A signer cannot ask for the prices of the day.
const (
	usualByte    = 1000      // sun
	usualAccount = 1_100_000 // sun
)

// Signing reads and signs the transactions of one network. It is a family of the package payout/signer. It holds no
// private key, and is safe for concurrent use.
type Signing struct {
	network chain.Network
	wallet  *tron.Wallet // nil: no receiver is known to be our own
}

// NewSigning returns the Signing of a network. The extended public key of the account (xpub) lets it tell which receivers
// are the account's own; it may be empty, and then none are.
func NewSigning(network chain.Network, xpub string) (*Signing, error) {
	if network.Namespace() != "tron" || network.Reference() == "" {
		return nil, fmt.Errorf("tron: network %.64q is not one of TRON", network)
	}
	s := &Signing{network: network}
	if xpub != "" {
		var err error
		if s.wallet, err = tron.NewWallet(xpub); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Network returns the network.
func (s *Signing) Network() chain.Network { return s.network }

// Parse returns what an unsigned transaction does. It returns an error for anything but one transfer of TRX or of a
// TRC-20 token. A transaction of TRON does not name its network: a signature holds on every network that has the block
// which the transaction refers to.
func (s *Signing) Parse(unsigned []byte) (payout.Parsed, error) {
	p, _, toPath, err := understand(unsigned)
	if err != nil {
		return payout.Parsed{}, fmt.Errorf("tron: read unsigned transaction: %w", err)
	}
	coin := tron.Native(s.network, "TRX").ID
	out := payout.Output{Asset: coin, To: p.to.address(), Units: new(big.Int).Set(p.units)}
	fee := p.limit + p.size()*usualByte
	if p.contract != nil {
		out.Asset = tokenID(s.network, *p.contract)
	} else {
		fee += usualAccount
	}
	if toPath != nil {
		if out.Own, err = s.owns(toPath, out.To); err != nil {
			return payout.Parsed{}, fmt.Errorf("tron: read unsigned transaction: %w", err)
		}
	}
	return payout.Parsed{Network: s.network, Outputs: []payout.Output{out}, Fee: big.NewInt(fee), FeeAsset: coin}, nil
}

// owns reports whether the address is proven to be the account's. It returns an error if the path leads elsewhere.
func (s *Signing) owns(path []uint32, to chain.Address) (bool, error) {
	if s.wallet == nil {
		return false, nil
	}
	at, err := atPath(s.wallet, path)
	if err == nil && at != to {
		err = errors.New("to_path does not lead to the receiver")
	}
	return err == nil, err
}

// atPath returns the account's address at a path.
func atPath(w *tron.Wallet, path []uint32) (chain.Address, error) {
	switch {
	case len(path) == 2 && path[0] == 0:
		return w.Address(context.Background(), path[1]) // does not block
	case len(path) == 2 && path[0] == 1:
		return w.Change(context.Background(), path[1])
	}
	return "", errors.New("a path is branch 0 or 1, and a number")
}

// tokenID returns the asset of a token's contract.
func tokenID(network chain.Network, contract account) chain.AssetID {
	return chain.AssetID(string(network) + "/trc20:" + string(contract.address()))
}

// Sign returns the signed transaction as it is sent. It asks for one private key, and returns an error if that is not the
// sender's. The same bytes have the same signature.
func (s *Signing) Sign(unsigned []byte, key func(path ...uint32) (priv []byte, err error)) ([]byte, error) {
	p, path, _, err := understand(unsigned)
	if err != nil {
		return nil, fmt.Errorf("tron: read unsigned transaction: %w", err)
	}
	priv, err := key(path...)
	if err != nil {
		return nil, fmt.Errorf("tron: key %d/%d: %w", path[0], path[1], err)
	}
	secret := secp256k1.PrivKeyFromBytes(priv)
	defer secret.Zero()
	if keyAccount(secret.PubKey()) != p.from {
		return nil, fmt.Errorf("tron: key %d/%d is not that of the sender %s", path[0], path[1], p.from.address())
	}
	id := p.id()
	compact := ecdsa.SignCompact(secret, id[:], false)
	return seal(p.encode(), append(compact[1:], compact[0]-recoveryBase)), nil
}

// recoveryBase is what the library, and some tools of TRON, add to the number of the key that a signature recovers to.
const recoveryBase = 27

// signerOf returns the account whose key made a signature.
func signerOf(id [32]byte, signature []byte) (account, error) {
	v := signature[signatureLen-1]
	if v >= recoveryBase {
		v -= recoveryBase
	}
	if v > 3 {
		return account{}, errors.New("the signature's last byte is none")
	}
	public, _, err := ecdsa.RecoverCompact(append([]byte{v + recoveryBase}, signature[:signatureLen-1]...), id[:])
	if err != nil {
		return account{}, errors.New("the signature is none")
	}
	return keyAccount(public), nil
}

// keyAccount returns the account of a public key.
func keyAccount(public *secp256k1.PublicKey) account {
	hash := sha3.NewLegacyKeccak256()
	hash.Write(public.SerializeUncompressed()[1:])
	return account(hash.Sum(nil)[wordLen-len(account{}):])
}
