package devchain

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/catalyst"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// Network is the network of every development chain.
const Network chain.Network = "eip155:1337"

// maxAtOnce bounds the number of blocks that one call mines.
const maxAtOnce = 10_000

// Config configures a chain. The zero value is a chain in memory on a free port.
type Config struct {
	DataDir string // directory of the chain, for one process at a time; if empty, it is in memory
	Addr    string // address of JSON-RPC; default a free port of 127.0.0.1
}

// Chain is a running chain. All methods may be called concurrently. The native coin is called ETH, and there
// is a token, TEUR, with 6 decimals.
//
// A block is stamped with the wall clock, or one second after its parent if that is later. Mining n blocks at once can
// therefore put the chain n seconds ahead.
type Chain struct {
	stack  *node.Node
	eth    *eth.Ethereum
	beacon *catalyst.SimulatedBeacon
	server *http.Server
	served chan error
	url    string
	funder *Funder
	token  chain.Asset

	// mu is held for writing while blocks are mined, and for reading while requests are served, so that nobody sees a block
	// that is not on disk, or an unfinished reorganisation.
	mu sync.RWMutex
}

// Start creates a chain, or continues the one in the data directory, and mines a block so that the chain's time is the
// present. The chain runs until Close.
func Start(c Config) (*Chain, error) {
	d, err := open(c.DataDir)
	if err != nil {
		return nil, fmt.Errorf("devchain: open chain: %w", err)
	}
	if err := d.begin(c); err != nil {
		return nil, errors.Join(fmt.Errorf("devchain: start chain: %w", err), d.Close())
	}
	return d, nil
}

// open starts the node without making it reachable.
func open(dataDir string) (*Chain, error) {
	stack, err := node.New(&node.Config{
		Name:    "devchain",
		DataDir: dataDir,
		// Not Pebble, which go-ethereum prefers: if killed at the wrong moment of its first start, version 1.1.5 panics
		// at the next one.
		DBEngine: "leveldb",
		P2P:      p2p.Config{NoDiscovery: true, NoDial: true},
	})
	if err != nil {
		return nil, err
	}
	d := &Chain{stack: stack}
	config := nodeConfig()
	if d.eth, err = eth.New(stack, &config); err != nil {
		return nil, errors.Join(err, stack.Close())
	}
	if err := stack.Start(); err != nil {
		return nil, errors.Join(err, stack.Close())
	}
	return d, nil
}

// nodeConfig stores the state of every block on disk (the hash scheme without pruning), because a node that keeps recent
// state in memory returns to an older block after its process is killed.
func nodeConfig() ethconfig.Config {
	c := ethconfig.Defaults
	alloc := core.SystemContractAllocs()
	alloc[crypto.PubkeyToAddress(funderKey().PublicKey)] = types.Account{
		Balance: new(big.Int).Mul(big.NewInt(1_000_000_000), big.NewInt(params.Ether)),
	}
	c.Genesis = &core.Genesis{
		Config:   params.AllDevChainProtocolChanges,
		GasLimit: c.Miner.GasCeil,
		Alloc:    alloc,
	}
	c.SyncMode = ethconfig.FullSync
	c.StateScheme = rawdb.HashScheme
	c.NoPruning = true
	c.LogNoHistory = true // logs are searched without an index
	c.TxPool.NoLocals = true
	c.DatabaseCache, c.TrieCleanCache, c.TrieDirtyCache, c.SnapshotCache = 16, 16, 0, 0
	return c
}

// begin continues the stored chain, and serves it.
func (d *Chain) begin(c Config) error {
	if err := d.resume(); err != nil {
		return err
	}
	var err error
	if d.beacon, err = catalyst.NewSimulatedBeacon(0, common.Address{}, d.eth); err != nil {
		return err
	}
	handler := rpc.NewServer()
	apis := append(d.eth.APIs(), rpc.API{
		Namespace: "eth",
		Service:   filters.NewFilterAPI(filters.NewFilterSystem(d.eth.APIBackend, filters.Config{})),
	})
	for _, api := range apis {
		if api.Namespace != "eth" && api.Namespace != "net" {
			continue
		}
		if err := handler.RegisterName(api.Namespace, api.Service); err != nil {
			return err
		}
	}
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return err
	}
	d.url = "http://" + listener.Addr().String()
	d.served = make(chan error, 1)
	d.server = &http.Server{Handler: d.guard(handler), ReadHeaderTimeout: 10 * time.Second}
	go func() { d.served <- d.server.Serve(listener) }()
	return d.fund()
}

// guard makes requests wait while blocks are mined.
func (d *Chain) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.RLock()
		defer d.mu.RUnlock()
		next.ServeHTTP(w, r)
	})
}

// fund deploys the token if the chain is new, and mines the block that brings the chain's time to the present.
func (d *Chain) fund() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := ethclient.DialContext(ctx, d.url)
	if err != nil {
		return err
	}
	d.funder = newFunder(client, funderKey(), big.NewInt(1337))
	if d.height() == 0 {
		if err := d.funder.Deploy(ctx); err != nil {
			return err
		}
	}
	d.token, err = d.funder.Token()
	if err != nil {
		return err
	}
	return d.Mine(1)
}

// Close ends the chain. A data directory stays.
func (d *Chain) Close() error {
	var errs []error
	if d.funder != nil {
		d.funder.client.Close()
	}
	if d.server != nil {
		errs = append(errs, d.server.Close())
		if err := <-d.served; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	if d.beacon != nil {
		errs = append(errs, d.beacon.Stop())
	}
	errs = append(errs, d.stack.Close())
	return errors.Join(errs...)
}

// URL returns the URL of JSON-RPC.
func (d *Chain) URL() string { return d.url }

// Native returns the chain's coin.
func (d *Chain) Native() chain.Asset { return evm.Native(Network, "ETH") }

// Token returns the chain's token.
func (d *Chain) Token() chain.Asset { return d.token }

// Pay sends units of Native or Token. The transaction is in the next block.
func (d *Chain) Pay(ctx context.Context, asset chain.Asset, to chain.Address, units *big.Int) (txid string, err error) {
	return d.funder.Pay(ctx, asset, to, units)
}

func (d *Chain) height() uint64 { return d.eth.BlockChain().CurrentBlock().Number.Uint64() }

// Mine mines n blocks. The first contains all pending transactions. When Mine returns, the blocks are on disk.
func (d *Chain) Mine(n int) error {
	if n < 0 || n > maxAtOnce {
		return fmt.Errorf("devchain: mine %d blocks: not 0 to %d", n, maxAtOnce)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.mine(n)
}

func (d *Chain) mine(n int) error {
	for range n {
		before := d.height()
		d.beacon.Commit() // reports no errors
		if d.height() != before+1 {
			return fmt.Errorf("devchain: mine block %d: the node did not make it", before+1)
		}
	}
	// Otherwise the pool refuses for a moment what spends the coins of these blocks.
	if err := d.eth.TxPool().Sync(); err != nil {
		return fmt.Errorf("devchain: mine: %w", err)
	}
	return d.persist()
}

// Reorganise replaces the last depth blocks by depth+1 others. The first of these contains the transactions of the replaced
// blocks.
func (d *Chain) Reorganise(depth int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	height := d.height()
	if depth < 1 || depth > maxAtOnce || uint64(depth) >= height {
		return fmt.Errorf("devchain: reorganise %d blocks of %d: not possible", depth, height)
	}
	bc := d.eth.BlockChain()
	if _, err := bc.SetCanonical(bc.GetBlockByNumber(height - uint64(depth))); err != nil {
		return fmt.Errorf("devchain: reorganise %d blocks: %w", depth, err)
	}
	return d.mine(depth + 1)
}

// AdjustTime mines a block that is stamped d after its parent, in whole seconds. It returns an error while transactions are
// pending.
func (d *Chain) AdjustTime(by time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.beacon.AdjustTime(by); err != nil {
		return fmt.Errorf("devchain: adjust time: %w", err)
	}
	return d.persist()
}

// headKey is the database key of the hash of the last block that anybody may have seen. The node's own record of its head is
// not enough: during a reorganisation it names a block before the fork.
var headKey = []byte("devchain-head")

// persist ensures that the present chain survives the process.
func (d *Chain) persist() error {
	db := d.eth.ChainDb()
	if err := db.Put(headKey, d.eth.BlockChain().CurrentBlock().Hash().Bytes()); err != nil {
		return fmt.Errorf("devchain: write head: %w", err)
	}
	if err := db.SyncKeyValue(); err != nil {
		return fmt.Errorf("devchain: write chain to disk: %w", err)
	}
	return nil
}

// resume returns to the last block that anybody may have seen.
func (d *Chain) resume() error {
	db, bc := d.eth.ChainDb(), d.eth.BlockChain()
	if known, err := db.Has(headKey); err != nil || !known {
		return err
	}
	raw, err := db.Get(headKey)
	if err != nil {
		return err
	}
	hash := common.BytesToHash(raw)
	if bc.CurrentBlock().Hash() == hash {
		return nil
	}
	block := bc.GetBlockByHash(hash)
	if block == nil {
		return fmt.Errorf("block %s, which was on the chain, is gone", hash)
	}
	_, err = bc.SetCanonical(block)
	return err
}
