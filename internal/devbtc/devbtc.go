package devbtc

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/btcsuite/btcd/wire"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
)

// Env is the environment variable that names btcd.
const Env = "COINTILL_BTCD"

// ErrNoBtcd is returned if there is no btcd on this machine; its text tells how to install it.
var ErrNoBtcd = errors.New(`no btcd: run "go install github.com/btcsuite/btcd@v0.26.2", and have it in PATH or name it in ` + Env)

// Program finds btcd: what [Env] names, or else what is in PATH. It refuses with [ErrNoBtcd].
func Program() (string, error) {
	if path := os.Getenv(Env); path != "" {
		return path, nil
	}
	path, err := exec.LookPath("btcd")
	if err != nil {
		return "", ErrNoBtcd
	}
	return path, nil
}

const (
	maturity = 100 // number of blocks until a coinbase can be spent
	ready    = 40  // number of coinbases that can be spent at the start

	fee = 10_000 // satoshi for a transaction, whatever its size

	stopLimit = 5 * time.Second // for a response of a btcd that was left over
)

// Config configures a chain.
type Config struct {
	Path string // of btcd; required
	Dir  string // directory of the chain, for one process at a time; if empty, nothing is stored
}

// Chain is a running chain. Its methods may be called concurrently.
type Chain struct {
	process *Process
	client  *bitcoin.Client
	url     string // of btcd, with its credentials
	params  bitcoin.Params
	key     *secp256k1.PrivateKey
	script  []byte // of the key
	miner   chain.Address
	scratch string // directory of btcd's own

	mining sync.Mutex // held while blocks are mined and stored
	kept   *os.File   // nil if nothing is stored

	spending sync.Mutex             // held while a coin is selected
	spent    int                    // the last block whose coinbase is known to be spent
	gone     map[wire.OutPoint]bool // outputs that were spent before the start
}

// Start creates a chain, or continues the one in the directory, and waits until the wallet has coins. It ends a btcd that
// was left over there. The context bounds only the start.
func Start(ctx context.Context, cfg Config) (*Chain, error) {
	c := &Chain{params: bitcoin.BitcoinRegtest(), key: walletKey(), gone: map[wire.OutPoint]bool{}}
	c.script = payToKey(c.key.PubKey())
	c.miner, _ = c.params.AddressOf(c.script) // such scripts have addresses
	err := c.prepare(ctx, cfg.Dir)
	if err == nil {
		err = c.launch(ctx, cfg.Path, cfg.Dir)
	}
	if err == nil {
		err = c.begin(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("devbtc: start: %w", err), c.Close())
	}
	return c, nil
}

// loginFile contains the URL of the directory's btcd with its credentials.
func loginFile(dir string) string { return filepath.Join(dir, "rpc-url") }

// prepare creates or reads the files of the directory, and removes those that the previous process has left.
func (c *Chain) prepare(ctx context.Context, dir string) (err error) {
	if dir == "" {
		c.scratch, err = os.MkdirTemp("", "cointill-btcd-")
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	endLeftOver(ctx, dir)
	old, err := filepath.Glob(filepath.Join(dir, "btcd-*"))
	if err != nil {
		return err
	}
	for _, scratch := range old {
		_ = os.RemoveAll(scratch) // next time, if its btcd is still about to end
	}
	if c.scratch, err = os.MkdirTemp(dir, "btcd-"); err != nil {
		return err
	}
	c.kept, err = os.OpenFile(filepath.Join(dir, "blocks"), os.O_RDWR|os.O_CREATE, 0o600)
	return err
}

// endLeftOver ends the btcd of the directory's previous process. Usually there is none.
func endLeftOver(ctx context.Context, dir string) {
	url, err := os.ReadFile(loginFile(dir))
	if err != nil {
		return
	}
	client, err := bitcoin.Dial(bitcoin.ClientConfig{URL: string(url)})
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	_ = client.Call(ctx, nil, "stop")
	client.Close()
}

// launch starts btcd, and waits until it responds.
func (c *Chain) launch(ctx context.Context, path, dir string) error {
	addr, err := freeAddr(ctx)
	if err != nil {
		return err
	}
	password := rand.Text()
	url := "http://cointill:" + password + "@" + addr
	c.url = url
	if dir != "" {
		if err := os.WriteFile(loginFile(dir), []byte(url), 0o600); err != nil {
			return err
		}
	}
	if c.client, err = bitcoin.Dial(bitcoin.ClientConfig{URL: url}); err != nil {
		return err
	}
	said, err := os.Create(filepath.Join(c.scratch, "output"))
	if err != nil {
		return err
	}
	defer func() { _ = said.Close() }() // btcd has its own
	cmd := exec.CommandContext(context.WithoutCancel(ctx), path, "--regtest", "--notls", "--nodnsseed", "--nolisten",
		"--addrindex", "--debuglevel=warn", "--rpcmaxclients=100", "--configfile="+os.DevNull, "--datadir="+c.scratch,
		"--logdir="+c.scratch, "--rpclisten="+addr, "--rpcuser=cointill", "--rpcpass="+password, "--miningaddr="+string(c.miner))
	cmd.Stdout, cmd.Stderr = said, said
	if c.process, err = Run(cmd); err != nil {
		return err
	}
	if err := c.process.Await(ctx, c.client); err != nil {
		last, _ := os.ReadFile(said.Name()) // it is small, because btcd logs little
		return fmt.Errorf("%w: %.500s", err, strings.TrimSpace(string(last)))
	}
	return nil
}

// freeAddr returns an unused address of loopback.
func freeAddr(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// begin gives btcd the stored blocks, because it does not store those of private chains, and mines until the wallet has
// coins.
func (c *Chain) begin(ctx context.Context) error {
	if c.kept != nil {
		if err := c.restore(ctx); err != nil {
			return fmt.Errorf("restore the chain: %w", err)
		}
	}
	height, err := c.height(ctx)
	if err != nil {
		return err
	}
	return c.Mine(ctx, max(1, maturity+ready-height))
}

// restore gives btcd the blocks of the file, one per line, and removes an unfinished last line.
func (c *Chain) restore(ctx context.Context) error {
	lines, whole, blocks := bufio.NewReader(c.kept), int64(0), 0
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		text := strings.TrimSuffix(line, "\n")
		block, err := decode(text)
		if err != nil {
			return fmt.Errorf("block at %d of %s: %w", whole, c.kept.Name(), err)
		}
		for _, tx := range block.Transactions {
			for _, in := range tx.TxIn {
				c.gone[in.PreviousOutPoint] = true
			}
		}
		if err := c.client.Call(ctx, nil, "submitblock", text); err != nil {
			return err
		}
		whole += int64(len(line))
		blocks++
	}
	if height, err := c.height(ctx); err != nil || height != blocks {
		return errors.Join(err, fmt.Errorf("btcd takes %d of the %d blocks of %s", height, blocks, c.kept.Name()))
	}
	if err := c.kept.Truncate(whole); err != nil {
		return err
	}
	_, err := c.kept.Seek(whole, io.SeekStart)
	return err
}

// keep appends blocks to the file.
func (c *Chain) keep(ctx context.Context, hashes []string) error {
	for _, hash := range hashes {
		var block string
		if err := c.client.Call(ctx, &block, "getblock", hash, 0); err != nil {
			return err
		}
		if _, err := c.kept.WriteString(block + "\n"); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the chain. The directory stays.
func (c *Chain) Close() error {
	var errs []error
	if c.client != nil {
		c.client.Close()
	}
	if c.process != nil {
		c.process.Kill() // it has no data to save
	}
	if c.kept != nil {
		if err := c.kept.Close(); !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if c.scratch != "" {
		errs = append(errs, os.RemoveAll(c.scratch))
	}
	return errors.Join(errs...)
}

// Client returns a connection to btcd, which is closed with the chain.
func (c *Chain) Client() *bitcoin.Client { return c.client }

// URL returns where btcd serves JSON-RPC, with the credentials, for other processes.
func (c *Chain) URL() string { return c.url }

// Params returns the parameters of the chain.
func (c *Chain) Params() bitcoin.Params { return c.params }

// Mine mines n blocks, at least one. The first contains all pending transactions.
func (c *Chain) Mine(ctx context.Context, n int) error {
	c.mining.Lock()
	defer c.mining.Unlock()
	var hashes []string
	err := c.client.Call(ctx, &hashes, "generate", n)
	if err == nil && c.kept != nil {
		// Others can already see the blocks, so they are stored even if ctx has ended.
		err = c.keep(context.WithoutCancel(ctx), hashes)
	}
	if err != nil {
		return fmt.Errorf("devbtc: mine %d blocks: %w", n, err)
	}
	return nil
}

func (c *Chain) height(ctx context.Context) (n int, err error) {
	if err = c.client.Call(ctx, &n, "getblockcount"); err != nil {
		return 0, fmt.Errorf("devbtc: read height: %w", err)
	}
	return n, nil
}

// Pay sends satoshi, at most the reward of a block, and returns the transaction's id. The transaction is in the next block,
// and cannot be replaced before.
func (c *Chain) Pay(ctx context.Context, to chain.Address, units *big.Int) (txid string, err error) {
	coin, err := c.Coinbase(ctx)
	if err != nil {
		return "", err
	}
	if limit := coin.Units - fee; !units.IsInt64() || units.Sign() <= 0 || units.Int64() > limit {
		return "", fmt.Errorf("devbtc: pay %s: not between 1 and %d", units, limit)
	}
	tx, err := c.Transaction(fee, wire.MaxTxInSequenceNum, []Coin{coin}, Output{to, units.Int64()})
	if err != nil {
		return "", err
	}
	return c.Send(ctx, tx)
}
