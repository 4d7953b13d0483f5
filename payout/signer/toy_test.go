package signer

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math/big"
	"testing"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/payout"
)

const toyNetwork chain.Network = "test:toy"

// toy is a family whose transactions are JSON.
type toy struct {
	network chain.Network
	kept    *[][]byte // keys that it was lent, against the rules
}

type toyTx struct {
	To    chain.Address
	Units int64
	Path  []uint32
}

func (f toy) Network() chain.Network { return f.network }

func (f toy) Parse(unsigned []byte) (payout.Parsed, error) {
	x, err := readToy(unsigned)
	asset := chain.AssetID(f.network + "/slip44:1")
	return payout.Parsed{
		Network: f.network, Fee: big.NewInt(1), FeeAsset: asset,
		Outputs: []payout.Output{{Asset: asset, To: x.To, Units: big.NewInt(x.Units)}},
	}, err
}

func readToy(unsigned []byte) (x toyTx, err error) {
	d := json.NewDecoder(bytes.NewReader(unsigned))
	d.DisallowUnknownFields()
	if err := d.Decode(&x); err != nil || d.More() || x.To == "" {
		return x, errors.New("no toy")
	}
	return x, nil
}

func (f toy) Sign(unsigned []byte, key func(path ...uint32) ([]byte, error)) ([]byte, error) {
	x, err := readToy(unsigned)
	if err != nil {
		return nil, err
	}
	k, err := key(x.Path...)
	if err != nil {
		return nil, err
	}
	if f.kept != nil {
		*f.kept = append(*f.kept, k)
	}
	sum := sha256.Sum256(unsigned)
	return ecdsa.SignCompact(secp256k1.PrivKeyFromBytes(k), sum[:], true), nil
}

func toyRequest(to chain.Address, units int64, path ...uint32) payout.SignRequest {
	if path == nil {
		path = []uint32{1, 0}
	}
	raw, err := json.Marshal(toyTx{to, units, path})
	if err != nil {
		panic(err)
	}
	return payout.SignRequest{Network: toyNetwork, Transaction: "t1", Lane: "lane", Unsigned: raw}
}

const toyPath = "m/44h/1h/0h"

// vectorSeed is that of the first vector of BIP-32.
var vectorSeed = []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

func toySeed(t *testing.T, f toy) *Seed {
	t.Helper()
	f.network = toyNetwork
	s, err := NewSeed(vectorSeed, Account{f, toyPath})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// verifyToy verifies that the key of m/44h/1h/0h/1/0 has signed.
func verifyToy(unsigned, signed []byte) error {
	root, err := master(vectorSeed)
	if err != nil {
		return err
	}
	want, err := root.derive([]uint32{44 + hardened, 1 + hardened, hardened, 1, 0})
	if err != nil {
		return err
	}
	sum := sha256.Sum256(unsigned)
	got, _, err := ecdsa.RecoverCompact(signed, sum[:])
	if public := want.public(); err != nil || !bytes.Equal(public[:], got.SerializeCompressed()) {
		return errors.New("another key signed")
	}
	return nil
}
