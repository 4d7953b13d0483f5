package evmtest

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/ethclient"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/internal/devchain"
)

// world is the common part of both nodes: they are driven by JSON-RPC only, except for blocks.
type world struct {
	network chain.Network
	url     string
	client  *evm.Client
	assets  []chain.Asset
	pay     func(ctx context.Context, asset chain.Asset, to chain.Address, units *big.Int) (string, error)
	mine    func(n int) error
	reorg   func(depth int) error
}

// NewGeth starts a go-ethereum node in this process, with a coin and a token to pay with. It ends with the test. It skips
// the test with -short.
func NewGeth(t *testing.T) chaintest.World {
	t.Helper()
	if testing.Short() {
		t.Skip("a real node: not with -short")
	}
	c, err := devchain.Start(devchain.Config{})
	if err != nil {
		t.Fatalf("start go-ethereum: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("end go-ethereum: %v", err)
		}
	})
	return &world{
		network: devchain.Network, url: c.URL(), client: dial(t, c.URL()),
		assets: []chain.Asset{c.Native(), c.Token()}, pay: c.Pay, mine: c.Mine, reorg: c.Reorganise,
	}
}

// AnvilEnv is the environment variable that names the anvil program. Without it, anvil is searched in PATH and in
// node_modules/.bin of this folder and the ones above.
const AnvilEnv = "COINTILL_ANVIL"

// The chain that anvil makes, and the first of its accounts, which are always the same.
const (
	anvilNetwork = chain.Network("eip155:31337")
	anvilID      = 31337
	anvilKey     = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
)

// NewAnvil starts the anvil program, with a coin and a token to pay with. It ends with the test. It skips the test with
// -short, and on a machine without anvil, where it fails the test if the environment variable CI is true.
func NewAnvil(t *testing.T) chaintest.World {
	t.Helper()
	url := startAnvil(t, findAnvil(t))
	client := dial(t, url)
	call := func(method string, args ...any) error {
		return client.CallContext(context.WithoutCancel(t.Context()), nil, method, args...)
	}
	w := &world{
		network: anvilNetwork, url: url, client: client,
		mine: func(n int) error {
			if n == 0 {
				return nil
			}
			return call("anvil_mine", hexutil.Uint(n))
		},
	}
	w.reorg = func(depth int) error {
		if err := call("anvil_reorg", depth, []any{}); err != nil {
			return err
		}
		return w.mine(1) // anvil replaces blocks one for one
	}
	funder, err := devchain.NewFunder(ethclient.NewClient(client.RPC()), anvilKey, anvilID)
	if err == nil {
		err = funder.Deploy(t.Context())
	}
	if err == nil {
		err = w.mine(1)
	}
	if err != nil {
		t.Fatalf("deploy the token on anvil: %v", err)
	}
	token, err := funder.Token()
	if err != nil {
		t.Fatal(err)
	}
	w.pay, w.assets = funder.Pay, []chain.Asset{evm.Native(anvilNetwork, "ETH"), token}
	return w
}

// RPC returns the JSON-RPC client of a world that [NewGeth] or [NewAnvil] made. It ends with the world's test.
func RPC(t *testing.T, w chaintest.World) *evm.Client {
	t.Helper()
	ours, ok := w.(*world)
	if !ok {
		t.Fatalf("%T is not a world of this package", w)
	}
	return ours.client
}

func findAnvil(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a real node: not with -short")
	}
	if path := os.Getenv(AnvilEnv); path != "" {
		return path
	}
	if path, err := exec.LookPath("anvil"); err == nil {
		return path
	}
	dir, err := os.Getwd()
	for err == nil {
		path := filepath.Join(dir, "node_modules", ".bin", "anvil")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	const missing = "no anvil: install @foundry-rs/anvil with npm, or name the program in " + AnvilEnv
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

var listening = regexp.MustCompile(`Listening on (127\.0\.0\.1:[0-9]+)`)

// startAnvil starts the program at a port that it chooses itself.
func startAnvil(t *testing.T, program string) (url string) {
	t.Helper()
	cmd := exec.Command(program, "--host", "127.0.0.1", "--port", "0", "--no-mining", "--accounts", "1")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	t.Cleanup(func() {
		// An interrupt rather than a kill: npm's anvil is a script that passes it on to the real program.
		_ = cmd.Process.Signal(os.Interrupt)
		late := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		late.Stop()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := listening.FindStringSubmatch(lines.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the program
			return "http://" + m[1]
		}
	}
	t.Fatalf("%s ended before it listened", program)
	return ""
}

func dial(t *testing.T, url string) *evm.Client {
	t.Helper()
	c, err := evm.Dial(t.Context(), url, &http.Client{Timeout: time.Minute})
	if err != nil {
		t.Fatalf("dial %s: %v", url, err)
	}
	t.Cleanup(c.Close)
	return c
}

func (w *world) node(t *testing.T, network chain.Network, assets []chain.Asset) chain.Node {
	t.Helper()
	n, err := evm.New(evm.Config{Network: network, RPC: dial(t, w.url), Assets: assets})
	if err != nil {
		t.Fatalf("make adapter: %v", err)
	}
	return n
}

func (w *world) Node(t *testing.T) chain.Node {
	t.Helper()
	return w.node(t, w.network, w.assets)
}

func (w *world) Impostor(t *testing.T) chain.Node {
	t.Helper()
	return w.node(t, "eip155:1", []chain.Asset{evm.Native("eip155:1", "ETH")})
}

func (w *world) Assets() []chain.Asset { return w.assets }

func (w *world) Address(t *testing.T) chain.Address {
	t.Helper()
	var raw common.Address
	_, _ = rand.Read(raw[:]) // never fails
	return chain.Address(raw.Hex())
}

func (w *world) Pay(t *testing.T, asset chain.Asset, to chain.Address, units *big.Int) string {
	t.Helper()
	txid, err := w.pay(t.Context(), asset, to, units)
	if err != nil {
		t.Fatalf("pay: %v", err)
	}
	return txid
}

func (w *world) Mine(t *testing.T, n int) {
	t.Helper()
	if err := w.mine(n); err != nil {
		t.Fatalf("mine %d blocks: %v", n, err)
	}
}

func (w *world) Reorganise(t *testing.T, depth int) {
	t.Helper()
	if err := w.reorg(depth); err != nil {
		t.Fatalf("reorganise %d blocks: %v", depth, err)
	}
}

func (w *world) Paid(t *testing.T, txid string) bool {
	t.Helper()
	var receipt map[string]any
	if err := w.client.CallContext(t.Context(), &receipt, "eth_getTransactionReceipt", txid); err != nil {
		t.Fatalf("read receipt: %v", err)
	}
	return receipt != nil && fmt.Sprint(receipt["status"]) == "0x1"
}
