package evmtest

import (
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/catalyst"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	"github.com/ethereum/go-ethereum/eth/tracers"
	_ "github.com/ethereum/go-ethereum/eth/tracers/native" // callTracer
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/internal/devchain"
)

// fullKey owns the money of a full node, as it does on anvil.
const fullKey = anvilKey

// full is a world whose node has call traces and WebSockets, with an adapter that looks into calls.
type full struct {
	*world
	ws     string
	sender *sender
}

func (w full) Node(t *testing.T) chain.Node { return w.traced(t) }

func (w full) traced(t *testing.T) *evm.Node {
	t.Helper()
	n, err := evm.New(evm.Config{Network: w.network, RPC: dial(t, w.url), Assets: w.assets, Traces: true})
	require.NoError(t, err)
	return n
}

// newFull starts go-ethereum with its own servers. The configuration of the chain may be changed.
func newFull(t *testing.T, change ...func(*params.ChainConfig)) full {
	t.Helper()
	stack, err := node.New(&node.Config{
		P2P: p2p.Config{NoDiscovery: true, NoDial: true}, HTTPHost: "127.0.0.1", WSHost: "127.0.0.1",
		HTTPModules: []string{"eth", "net", "debug"}, WSModules: []string{"eth"}, WSOrigins: []string{"*"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stack.Close()) })
	config := fullConfig(t, change)
	backend, err := eth.New(stack, config)
	require.NoError(t, err)
	stack.RegisterAPIs(tracers.APIs(backend.APIBackend))
	stack.RegisterAPIs([]rpc.API{{
		Namespace: "eth", Service: filters.NewFilterAPI(filters.NewFilterSystem(backend.APIBackend, filters.Config{})),
	}})
	require.NoError(t, stack.Start())
	beacon, err := catalyst.NewSimulatedBeacon(0, common.Address{}, backend)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, beacon.Stop()) })

	w := &world{network: devchain.Network, url: stack.HTTPEndpoint(), client: dial(t, stack.HTTPEndpoint())}
	bc := backend.BlockChain()
	w.mine = func(n int) error {
		for range n {
			before := bc.CurrentBlock().Number.Uint64()
			if beacon.Commit(); bc.CurrentBlock().Number.Uint64() != before+1 {
				return fmt.Errorf("no block after %d", before)
			}
		}
		return nil
	}
	w.reorg = func(depth int) error {
		if _, err := bc.SetCanonical(bc.GetBlockByNumber(bc.CurrentBlock().Number.Uint64() - uint64(depth))); err != nil {
			return err
		}
		return w.mine(depth + 1)
	}
	funder, err := devchain.NewFunder(ethclient.NewClient(w.client.RPC()), fullKey, 1337)
	require.NoError(t, err)
	require.NoError(t, funder.Deploy(t.Context()))
	require.NoError(t, w.mine(1))
	token, err := funder.Token()
	require.NoError(t, err)
	w.pay, w.assets = funder.Pay, []chain.Asset{evm.Native(devchain.Network, "ETH"), token}
	return full{w, stack.WSEndpoint(), newSender(t, w.client.RPC(), fullKey, 1337)}
}

func fullConfig(t *testing.T, change []func(*params.ChainConfig)) *ethconfig.Config {
	key, err := crypto.HexToECDSA(fullKey)
	require.NoError(t, err)
	rules := *params.AllDevChainProtocolChanges
	for _, c := range change {
		c(&rules)
	}
	alloc := core.SystemContractAllocs()
	alloc[crypto.PubkeyToAddress(key.PublicKey)] = types.Account{Balance: new(big.Int).Mul(big.NewInt(1e9), big.NewInt(params.Ether))}
	c := ethconfig.Defaults
	c.Genesis = &core.Genesis{Config: &rules, GasLimit: c.Miner.GasCeil, Alloc: alloc}
	c.SyncMode = ethconfig.FullSync
	c.StateScheme = rawdb.HashScheme
	c.NoPruning = true
	c.LogNoHistory = true
	c.TxPool.NoLocals = true
	c.DatabaseCache, c.TrieCleanCache, c.TrieDirtyCache, c.SnapshotCache = 16, 16, 0, 0
	return &c
}

// newFullAnvil is anvil with an adapter that looks into calls.
func newFullAnvil(t *testing.T) full {
	w := NewAnvil(t).(*world)
	return full{w, "ws" + strings.TrimPrefix(w.url, "http"), newSender(t, w.client.RPC(), anvilKey, anvilID)}
}

// sender sends any transaction.
type sender struct {
	client *ethclient.Client
	key    *ecdsa.PrivateKey
	signer types.Signer
	id     *big.Int
}

func newSender(t *testing.T, client *rpc.Client, key string, id int64) *sender {
	k, err := crypto.HexToECDSA(key)
	require.NoError(t, err)
	return &sender{ethclient.NewClient(client), k, types.LatestSignerForChainID(big.NewInt(id)), big.NewInt(id)}
}

func (s *sender) nonce(t *testing.T) uint64 {
	t.Helper()
	nonce, err := s.client.PendingNonceAt(context.WithoutCancel(t.Context()), crypto.PubkeyToAddress(s.key.PublicKey))
	require.NoError(t, err)
	return nonce
}

// send sends a transaction and returns its id. To is nil to make a contract.
func (s *sender) send(t *testing.T, to *common.Address, value int64, data []byte) string {
	t.Helper()
	nonce := s.nonce(t)
	txid := s.sendAs(t, nonce, 1e9, to, value, data)
	require.Eventually(t, func() bool { return s.nonce(t) > nonce }, awaited, tick)
	return txid
}

func (s *sender) sendAs(t *testing.T, nonce uint64, tip int64, to *common.Address, value int64, data []byte) string {
	t.Helper()
	tx, err := types.SignNewTx(s.key, s.signer, &types.DynamicFeeTx{
		ChainID: s.id, Nonce: nonce, To: to, Value: big.NewInt(value), Data: data, Gas: 2_000_000,
		GasTipCap: big.NewInt(tip), GasFeeCap: big.NewInt(100 * tip),
	})
	require.NoError(t, err)
	require.NoError(t, s.client.SendTransaction(t.Context(), tx))
	return strings.ToLower(tx.Hash().Hex())
}

// deploy makes a contract of this code, given in hexadecimal, and returns its address.
func (s *sender) deploy(t *testing.T, code string) common.Address {
	t.Helper()
	raw, err := hex.DecodeString(code)
	require.NoError(t, err)
	require.Less(t, len(raw), 256)
	at := crypto.CreateAddress(crypto.PubkeyToAddress(s.key.PublicKey), s.nonce(t))
	// push size, copy that much from after these nine bytes to memory, and return it
	s.send(t, nil, 0, append([]byte{0x60, byte(len(raw)), 0x80, 0x60, 9, 0x5f, 0x39, 0x5f, 0xf3}, raw...))
	return at
}

func TestGeth_WithTraces(t *testing.T) {
	chaintest.Run(t, func(t *testing.T) chaintest.World { return newFull(t) })
}

func TestAnvil_WithTraces(t *testing.T) {
	chaintest.Run(t, func(t *testing.T) chaintest.World { return newFullAnvil(t) })
}
