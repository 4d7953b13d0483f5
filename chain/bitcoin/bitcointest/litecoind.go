package bitcointest

import (
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/chain/chaintest"
)

// firstMWEB is the first block that may have an extension block on Litecoin's private chains.
const firstMWEB = 432

// litecoind is Litecoin Core with two wallets: one that pays, and one with all its coins in the extension block.
type litecoind struct {
	*world
	path, dir, port string
	hidden          *bitcoin.Client // the second wallet
}

// NewLitecoind starts Litecoin Core on a private chain on which the extension block is active, with enough coins to
// pay with. It ends with the test.
func NewLitecoind(t *testing.T) chaintest.World {
	t.Helper()
	return newLitecoind(t, firstChain(t))
}

// firstChain makes the data directory of a node whose chain has reached its first extension block, which takes some
// seconds: several nodes can start with it.
func firstChain(t testing.TB) (dir string) {
	t.Helper()
	l := newLitecoind(t, t.TempDir())
	for _, wallet := range []string{"open", "hidden"} {
		// Keys, none of them yet, no password, reused addresses, the old format; and loaded at each start.
		l.call(t, nil, "createwallet", wallet, false, false, "", false, false, true)
	}
	l.mine(t, firstMWEB-1)
	var inside string
	if err := l.hidden.Call(t.Context(), &inside, "getnewaddress", "", "mweb"); err != nil {
		t.Fatal(err)
	}
	l.call(t, nil, "sendtoaddress", inside, 20) // without it there is nothing to extend
	l.mine(t, 1)
	l.end(t)
	return l.dir
}

// newLitecoind starts a node with a copy of a data directory.
func newLitecoind(t testing.TB, first string) *litecoind {
	t.Helper()
	l := &litecoind{path: program(t, LitecoindEnv), port: freePort(t), dir: t.TempDir()}
	if err := os.CopyFS(l.dir, os.DirFS(first)); err != nil {
		t.Fatal(err)
	}
	cookie := filepath.Join(l.dir, "regtest", ".cookie")
	l.world = &world{
		params: bitcoin.LitecoinRegtest(), impostor: bitcoin.Litecoin(),
		login: bitcoin.ClientConfig{URL: loopback(l.port) + "/wallet/open", CookieFile: cookie},
		pay: func(t testing.TB, to chain.Address, units *big.Int) (txid string) {
			l.call(t, &txid, "sendtoaddress", to, l.coins(units))
			return txid
		},
		// To another address each time: the same one may make the block that was just replaced.
		mine: func(t testing.TB, n int) { l.call(t, nil, "generatetoaddress", n, l.fresh(t)) },
	}
	l.run(t)
	return l
}

// run starts the program, again if necessary. Its login is new each time. It takes replacements, which it does not by
// default, and makes none.
func (l *litecoind) run(t testing.TB) {
	t.Helper()
	l.start(t, l.path, "-regtest", "-datadir="+l.dir, "-rpcport="+l.port, "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1",
		"-listen=0", "-fallbackfee=0.001", "-nodebuglogfile", "-printtoconsole=0", "-walletrbf=0", "-mempoolreplacement=1")
	login := l.login
	login.URL = loopback(l.port) + "/wallet/hidden"
	l.hidden = l.dial(t, login)
}

// fresh returns an address of the first wallet.
func (l *litecoind) fresh(t testing.TB) (address string) {
	t.Helper()
	l.call(t, &address, "getnewaddress")
	return address
}

// payHidden pays out of the extension block.
func (l *litecoind) payHidden(t testing.TB, to chain.Address, units int64) {
	t.Helper()
	if err := l.hidden.Call(t.Context(), nil, "sendtoaddress", to, l.coins(big.NewInt(units))); err != nil {
		t.Fatal(err)
	}
}
