package bitcointest

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/internal/devbtc"
)

// The environment variables that name the programs.
const (
	BtcdEnv      = devbtc.Env
	LitecoindEnv = "COINTILL_LITECOIND"
)

// world is the common part of all nodes.
type world struct {
	params   bitcoin.Params
	impostor bitcoin.Params
	login    bitcoin.ClientConfig
	client   *bitcoin.Client
	clients  []*bitcoin.Client  // all that were made
	end      func(t testing.TB) // ends the program before the test does
	pay      func(t testing.TB, to chain.Address, units *big.Int) string
	mine     func(t testing.TB, n int)
}

// program returns the program that an environment variable names. It skips the test with -short.
func program(t testing.TB, env string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a real node: not with -short")
	}
	path := os.Getenv(env)
	if path == "" {
		missing := env + " does not name a program: nothing is tried on a real node"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	return path
}

// freePort returns an unused port of 127.0.0.1.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// start starts the program, waits until it responds, and makes it end with the test.
func (w *world) start(t testing.TB, path string, args ...string) {
	t.Helper()
	process, err := devbtc.Run(exec.Command(path, args...))
	if err != nil {
		t.Fatal(err)
	}
	w.client = w.dial(t, w.login)
	ended := sync.OnceValue(func() error {
		w.hangUp()
		return process.End()
	})
	t.Cleanup(func() { _ = ended() })
	w.end = func(t testing.TB) {
		t.Helper()
		if err := ended(); err != nil {
			t.Fatal(err)
		}
	}
	if err := process.Await(t.Context(), w.client); err != nil {
		t.Fatal(err)
	}
}

// dial makes a further client of the node.
func (w *world) dial(t testing.TB, c bitcoin.ClientConfig) *bitcoin.Client {
	t.Helper()
	client, err := bitcoin.Dial(c)
	if err != nil {
		t.Fatal(err)
	}
	w.clients = append(w.clients, client)
	return client
}

// hangUp closes all connections: a node waits half a minute for open ones before it ends.
func (w *world) hangUp() {
	for _, c := range w.clients {
		c.Close()
	}
}

func (w *world) call(t testing.TB, result any, method string, params ...any) {
	t.Helper()
	if err := w.client.Call(t.Context(), result, method, params...); err != nil {
		t.Fatal(err)
	}
}

func (w *world) height(t testing.TB) (n int) {
	t.Helper()
	w.call(t, &n, "getblockcount")
	return n
}

func (w *world) hashAt(t testing.TB, height int) (hash string) {
	t.Helper()
	w.call(t, &hash, "getblockhash", height)
	return hash
}

// txids returns the transactions of a block.
func (w *world) txids(t testing.TB, hash string) []string {
	t.Helper()
	var b struct {
		Tx []string `json:"tx"`
	}
	w.call(t, &b, "getblock", hash, 1)
	return b.Tx
}

// Client returns a client of the node, for what a World has no method for.
func (w *world) Client() *bitcoin.Client { return w.client }

// Params returns the coin and network.
func (w *world) Params() bitcoin.Params { return w.params }

func (w *world) node(t testing.TB, params bitcoin.Params) *bitcoin.Node {
	t.Helper()
	n, err := bitcoin.New(bitcoin.Config{Params: params, RPC: w.client, OptInRBF: true})
	if err != nil {
		t.Fatalf("make adapter: %v", err)
	}
	return n
}

func (w *world) Node(t *testing.T) chain.Node {
	t.Helper()
	return w.node(t, w.params)
}

func (w *world) Impostor(t *testing.T) chain.Node {
	t.Helper()
	return w.node(t, w.impostor)
}

func (w *world) Assets() []chain.Asset { return []chain.Asset{w.params.Asset()} }

func (w *world) Address(t *testing.T) chain.Address {
	t.Helper()
	script := append([]byte{0, 20}, make([]byte, 20)...) // P2WPKH
	_, _ = rand.Read(script[2:])                         // never fails
	a, ok := w.params.AddressOf(script)
	if !ok {
		t.Fatalf("no address of script %x", script)
	}
	return a
}

func (w *world) Pay(t *testing.T, _ chain.Asset, to chain.Address, units *big.Int) string {
	t.Helper()
	if units.Sign() == 0 {
		return "" // nodes do not relay dust
	}
	return w.pay(t, to, units)
}

func (w *world) Mine(t *testing.T, n int) {
	t.Helper()
	w.mine(t, n)
}

func (w *world) Reorganise(t *testing.T, depth int) {
	t.Helper()
	w.call(t, nil, "invalidateblock", w.hashAt(t, w.height(t)-depth+1))
	w.mine(t, depth+1)
}

// Paid searches the last blocks.
func (w *world) Paid(t *testing.T, txid string) bool {
	t.Helper()
	for h := w.height(t); h > 0 && h > w.height(t)-60; h-- {
		if slices.Contains(w.txids(t, w.hashAt(t, h)), txid) {
			return true
		}
	}
	return false
}

// coins returns units as amounts of Core's RPC: a decimal text, which it accepts beside numbers.
func (w *world) coins(units *big.Int) string { return w.params.Asset().Decimal(units).String() }

func loopback(port string) string { return fmt.Sprintf("http://127.0.0.1:%s", port) }
