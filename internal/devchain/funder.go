package devchain

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// tokenCode is the creation code of TestEuro.sol in hexadecimal.
//
//go:embed TestEuro.bin
var tokenCode string

const (
	tokenDecimals = 6

	// gasLimit is far more than any transaction here needs under the rules of any fork.
	gasLimit = 1_000_000

	awaitLimit = 30 * time.Second
)

// supply is the funder's amount of the token: far more than 64 bits can represent.
var supply = new(big.Int).Exp(big.NewInt(10), big.NewInt(36), nil)

// Funder is a rich account that deploys the test token and pays, on any development chain that has funded its key. It may be
// used concurrently, but only one Funder may use a key.
type Funder struct {
	client  *ethclient.Client
	key     *ecdsa.PrivateKey
	chainID *big.Int

	mu sync.Mutex // guards the account's next nonce
}

// NewFunder returns a funder for a private key in hexadecimal. The funder owns the client.
func NewFunder(client *ethclient.Client, key string, chainID int64) (*Funder, error) {
	k, err := crypto.HexToECDSA(key)
	if err != nil {
		return nil, fmt.Errorf("devchain: read key: %w", err)
	}
	return newFunder(client, k, big.NewInt(chainID)), nil
}

func newFunder(client *ethclient.Client, key *ecdsa.PrivateKey, chainID *big.Int) *Funder {
	return &Funder{client: client, key: key, chainID: chainID}
}

// funderKey is the key that owns the money of a [Chain]. It is public.
func funderKey() *ecdsa.PrivateKey {
	seed := sha256.Sum256([]byte("the funder of a development chain"))
	key, err := crypto.ToECDSA(seed[:])
	if err != nil {
		panic(err) // cannot happen: the seed is a constant
	}
	return key
}

func (f *Funder) address() common.Address { return crypto.PubkeyToAddress(f.key.PublicKey) }

// Token returns the token that Deploy creates with the account's first transaction.
func (f *Funder) Token() (chain.Asset, error) {
	contract := crypto.CreateAddress(f.address(), 0)
	return evm.ERC20(chain.Network("eip155:"+f.chainID.String()), contract.Hex(), "TEUR", tokenDecimals)
}

// Deploy sends the transactions that create the token and give its supply to the account. They must be the account's first.
func (f *Funder) Deploy(ctx context.Context) error {
	code, err := hex.DecodeString(strings.TrimSpace(tokenCode))
	if err != nil {
		return fmt.Errorf("devchain: read token code: %w", err)
	}
	if _, err := f.send(ctx, nil, new(big.Int), code); err != nil {
		return fmt.Errorf("devchain: deploy token: %w", err)
	}
	contract := crypto.CreateAddress(f.address(), 0)
	if _, err := f.send(ctx, &contract, new(big.Int), call("mint(address,uint256)", f.address(), supply)); err != nil {
		return fmt.Errorf("devchain: mint token: %w", err)
	}
	return nil
}

// Pay sends units of native coin, or of a token by its transfer method, and returns the transaction's id.
func (f *Funder) Pay(ctx context.Context, asset chain.Asset, to chain.Address, units *big.Int) (string, error) {
	receiver := common.HexToAddress(string(to))
	if asset.ID.Namespace() == "slip44" {
		return f.send(ctx, &receiver, units, nil)
	}
	contract := common.HexToAddress(asset.ID.Reference())
	return f.send(ctx, &contract, new(big.Int), call("transfer(address,uint256)", receiver, units))
}

// call encodes a call of a method with two parameters.
func call(method string, to common.Address, units *big.Int) []byte {
	data := crypto.Keccak256([]byte(method))[:4]
	data = append(data, common.LeftPadBytes(to.Bytes(), 32)...)
	return append(data, common.LeftPadBytes(units.Bytes(), 32)...)
}

func (f *Funder) send(ctx context.Context, to *common.Address, value *big.Int, data []byte) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	nonce, err := f.client.PendingNonceAt(ctx, f.address())
	if err != nil {
		return "", fmt.Errorf("devchain: read nonce: %w", err)
	}
	tx, err := types.SignNewTx(f.key, types.LatestSignerForChainID(f.chainID), &types.DynamicFeeTx{
		ChainID: f.chainID, Nonce: nonce, To: to, Value: value, Data: data, Gas: gasLimit,
		GasTipCap: big.NewInt(1e9), GasFeeCap: big.NewInt(1e11),
	})
	if err != nil {
		return "", fmt.Errorf("devchain: sign transaction: %w", err)
	}
	if err := f.client.SendTransaction(ctx, tx); err != nil {
		return "", fmt.Errorf("devchain: send transaction: %w", err)
	}
	if err := f.awaitNonce(ctx, nonce+1); err != nil {
		return "", err
	}
	return strings.ToLower(tx.Hash().Hex()), nil
}

// awaitNonce waits until the node counts the transaction that was just sent, which happens a moment after it was accepted.
// Otherwise the next transaction would get the same nonce.
func (f *Funder) awaitNonce(ctx context.Context, want uint64) error {
	ctx, cancel := context.WithTimeout(ctx, awaitLimit)
	defer cancel()
	for {
		nonce, err := f.client.PendingNonceAt(ctx, f.address())
		if err != nil {
			return fmt.Errorf("devchain: await nonce %d: %w", want, err)
		}
		if nonce >= want {
			return nil
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("devchain: await nonce %d: %w", want, ctx.Err())
		}
	}
}
