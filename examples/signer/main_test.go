package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	chaintron "github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/chain/tron/trontest"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/signer"
	"github.com/cointill/cointill/payout/tron"
)

const (
	// seedHex is the seed of the mnemonic "abandon" x 11 "about", and accountKey its m/44'/195'/0'.
	seedHex    = "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc19a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4"
	accountKey = "xpub6D1AabNHCupeiLM65ZR9UStMhJ1vCpyV4XbZdyhMZBiJXALQtmn9p42VTQckoHVn8WNqS7dqnJokZHAHcHGoaQgmv8D45oNUKx6DZMNZBCd"
	bearer     = "0123456789abcdef0123456789abcdef"
)

var (
	friend = trontest.Address([]byte("friend--------------"))
	thief  = trontest.Address([]byte("thief---------------"))
)

// shop is a watch-only process on a fake chain: it plans and sends, and has no key.
type shop struct {
	t       *testing.T
	chain   *trontest.World
	trx     chain.Asset
	spender *tron.Spender
	remote  *signer.Remote
	wallet
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, chain: trontest.Start(t, trontest.NewChain(), false)}
	network := s.chain.Network()
	s.trx = chaintron.Native(network, "TRX")
	node, err := chaintron.New(chaintron.Config{Network: network, Genesis: s.chain.Genesis(), URL: s.chain.URL, Assets: []chain.Asset{s.trx}})
	require.NoError(t, err)
	w, err := chaintron.NewWallet(accountKey)
	require.NoError(t, err)
	s.spender, err = tron.New(tron.Config{Node: node, Wallet: w, Assets: []chain.Asset{s.trx}})
	require.NoError(t, err)
	s.chain.Give(string(s.spender.Lane()), 1_000_000_000)
	s.chain.Give(friend, 1)
	s.chain.Give(thief, 1)
	s.chain.Chain.Mine(30)
	s.wallet.lane = payout.Holding{
		Name: string(s.spender.Lane()) + "/" + string(s.trx.ID), Asset: s.trx.ID, Address: s.spender.Lane(), Units: big.NewInt(1_000_000_000),
	}
	return s
}

// plan plans a payment.
func (s *shop) plan(to string, units int64) payout.Version {
	s.t.Helper()
	plan, err := s.spender.Plan(s.t.Context(), &s.wallet, []payout.Payout{{
		ID: "p", Asset: s.trx, To: chain.Address(to), Units: big.NewInt(units), Fee: big.NewInt(10_000_000), FeeAsset: s.trx.ID,
	}})
	require.NoError(s.t, err)
	s.open = append(s.open, payout.Transaction{Versions: []payout.Version{plan.Version}})
	return plan.Version
}

func (s *shop) sign(v payout.Version) ([]byte, error) {
	return s.remote.Sign(s.t.Context(), payout.SignRequest{Network: s.chain.Network(), Transaction: "t", Unsigned: v.Unsigned})
}

// pay signs, verifies and sends.
func (s *shop) pay(v payout.Version) error {
	signed, err := s.sign(v)
	if err != nil {
		return err
	}
	v.Raw, _, err = s.spender.Verify(v, signed)
	require.NoError(s.t, err)
	return s.spender.Send(s.t.Context(), v)
}

// wallet is a payout.Wallet with one holding.
type wallet struct {
	lane payout.Holding
	open []payout.Transaction
}

func (w *wallet) Holdings(_ context.Context, _ chain.AssetID, visit func(payout.Holding) bool) error {
	visit(w.lane)
	return nil
}
func (w *wallet) Holding(_ context.Context, name string) (payout.Holding, error) {
	if name != w.lane.Name {
		return payout.Holding{}, payout.ErrNotFound
	}
	return w.lane, nil
}
func (w *wallet) Open(context.Context) ([]payout.Transaction, error) { return w.open, nil }
func (w *wallet) Locked(context.Context, []string) (map[string]string, error) {
	return map[string]string{}, nil
}
func (w *wallet) Number(context.Context, string) (uint32, error) { return 0, errors.New("not needed") }

func TestStart_MakesNoFileOfWhatIsNoSeed(t *testing.T) {
	dir := t.TempDir()
	pass, short := filepath.Join(dir, "pass"), filepath.Join(dir, "short")
	require.NoError(t, os.WriteFile(pass, []byte("correct horse battery\n"), 0o600))
	require.NoError(t, os.WriteFile(short, []byte("horse\n"), 0o600))
	path := filepath.Join(dir, "seed")
	for what, pass := range map[string]string{"abandon abandon about": pass, "0011": pass, "": pass, seedHex: short, seedHex + "\n": filepath.Join(dir, "none")} {
		err := start(t.Context(), "", path, pass, strings.NewReader(what), slog.New(slog.DiscardHandler))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "abandon")
		require.NoFileExists(t, path)
	}
	require.Error(t, start(t.Context(), filepath.Join(dir, "none"), "", pass, strings.NewReader(""), slog.New(slog.DiscardHandler)))
}

// startSigner makes files in a folder that is reused, starts the signer, and lets the shop ask it. The result stops it.
func startSigner(t *testing.T, s *shop, dir string) (stop func()) {
	t.Helper()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	sealed, err := os.ReadFile(filepath.Join("testdata", "payouts.seed")) // with little work for scrypt
	require.NoError(t, err)
	network := s.chain.Network()
	text, err := json.Marshal(map[string]any{
		"listen": "127.0.0.1:0", "seed": file("seed", string(sealed)), "journal": filepath.Join(dir, "journal"), "token_file": file("token", bearer+"\n"),
		"accounts":  []map[string]any{{"network": network, "path": "m/44h/195h/0h"}},
		"receivers": map[chain.Network][]string{network: {friend}},
		"daily":     map[chain.AssetID]int64{s.trx.ID: 100_000_000},
	})
	require.NoError(t, err)
	c, err := readConfig(file("config", string(text)))
	require.NoError(t, err)
	listener, err := net.Listen("tcp", c.Listen)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- serve(ctx, c, []byte("correct horse battery"), listener, slog.New(slog.NewTextHandler(io.Discard, nil)))
	}()
	s.remote, err = signer.NewRemote(signer.RemoteConfig{URL: "http://" + listener.Addr().String() + "/sign", Token: bearer, Timeout: time.Minute})
	require.NoError(t, err)
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(t, <-ended)
		}
	}
	t.Cleanup(stop)
	return stop
}

func TestSigner_PaysThoseOnTheListUpToTheDaysLimit(t *testing.T) {
	s, dir := newShop(t), t.TempDir()
	stop := startSigner(t, s, dir)

	first := s.plan(friend, 60_000_000)
	require.NoError(t, s.pay(first))
	s.chain.Chain.Mine(1)
	require.EqualValues(t, 60_000_001, s.chain.Balance("", friend).Int64())

	signed, err := s.sign(first)
	require.NoError(t, err, "the same bytes again are counted once")
	for range 5 {
		again, err := s.sign(first)
		require.NoError(t, err)
		require.Equal(t, signed, again)
	}
	var refused *payout.RefusedError
	bad := s.plan(thief, 1)
	require.ErrorAs(t, s.pay(bad), &refused)
	require.Equal(t, payout.RefusedPolicy, refused.Code)
	require.ErrorContains(t, refused, thief)
	require.ErrorAs(t, s.pay(s.plan(friend, 100_000_000)), &refused, "never within a day's limit, fee included")
	second := s.plan(friend, 60_000_000)
	require.ErrorIs(t, s.pay(second), payout.ErrLater, "tomorrow")
	require.NoError(t, s.pay(s.plan(friend, 30_000_000)), "what is left of today")

	stop()
	startSigner(t, s, dir)
	require.ErrorAs(t, s.pay(bad), &refused, "a refusal outlives a restart")
	require.ErrorIs(t, s.pay(second), payout.ErrLater, "and so does what was spent")
	again, err := s.sign(first)
	require.NoError(t, err)
	require.Equal(t, signed, again)
}

func parsed(to chain.Address, units int64, own bool) payout.Parsed {
	return payout.Parsed{
		Network: "n:1", Fee: big.NewInt(1), FeeAsset: "n:1/c:1",
		Outputs: []payout.Output{{Asset: "n:1/c:1", To: to, Units: big.NewInt(units), Own: own}},
	}
}

func testPolicy(t *testing.T, path string, now func() time.Time, receivers ...chain.Address) *policy {
	t.Helper()
	p, err := openPolicy(config{
		Journal: path, Receivers: map[chain.Network][]chain.Address{"n:1": receivers}, Daily: map[chain.AssetID]*big.Int{"n:1/c:1": big.NewInt(100)},
	}, now)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.close() })
	return p
}

func ask(p *policy, unsigned string, what payout.Parsed) error {
	return p.allow(context.Background(), payout.SignRequest{Unsigned: []byte(unsigned)}, what)
}

func TestPolicy_BeginsAnewWithEachDay(t *testing.T) {
	now := time.Date(2030, 1, 1, 23, 59, 0, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "journal")
	p := testPolicy(t, path, func() time.Time { return now }, "a")
	require.NoError(t, ask(p, "1", parsed("a", 99, false)))
	require.ErrorIs(t, ask(p, "2", parsed("a", 9, false)), payout.ErrLater)
	now = now.Add(time.Minute)
	require.NoError(t, ask(p, "2", parsed("a", 9, false)))
	require.NoError(t, p.close())
	p = testPolicy(t, path, func() time.Time { return now }, "a")
	require.ErrorIs(t, ask(p, "3", parsed("a", 90, false)), payout.ErrLater)
	require.NoError(t, ask(p, "3", parsed("a", 89, false)))
}

func TestPolicy_KeepsARefusalWhenTheListChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	p := testPolicy(t, path, time.Now)
	var refused *payout.RefusedError
	require.ErrorAs(t, ask(p, "1", parsed("a", 5, false)), &refused)
	require.NoError(t, p.close())
	p = testPolicy(t, path, time.Now, "a")
	require.ErrorAs(t, ask(p, "1", parsed("a", 5, false)), &refused, "those who asked may have paid otherwise since")
	require.NoError(t, ask(p, "2", parsed("a", 5, false)))
}

func TestPolicy_RefusesOtherAssetsAndFeesWithoutLimit(t *testing.T) {
	p := testPolicy(t, filepath.Join(t.TempDir(), "journal"), time.Now, "a")
	var refused *payout.RefusedError
	other := parsed("a", 5, false)
	other.Outputs[0].Asset = "n:1/c:2"
	require.ErrorAs(t, ask(p, "1", other), &refused)
	dear := parsed("ours", 5000, true)
	require.NoError(t, ask(p, "2", dear), "what goes to our own addresses does not leave")
	dear.Fee = big.NewInt(101)
	require.ErrorAs(t, ask(p, "3", dear), &refused)
	elsewhere := parsed("a", 5, false)
	elsewhere.Network = "n:2"
	require.ErrorAs(t, ask(p, "4", elsewhere), &refused)
}

func TestPolicy_CutsALineOffThatACrashLeftAndStopsAtADamagedOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	p := testPolicy(t, path, time.Now, "a")
	require.NoError(t, ask(p, "1", parsed("a", 60, false)))
	require.NoError(t, p.close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(whole, `{"digest":"ab`...), 0o600))
	p = testPolicy(t, path, time.Now, "a")
	require.ErrorIs(t, ask(p, "2", parsed("a", 60, false)), payout.ErrLater)
	require.NoError(t, ask(p, "3", parsed("a", 10, false)))
	require.NoError(t, p.close())
	testPolicy(t, path, time.Now, "a")

	require.NoError(t, os.WriteFile(path, append([]byte("damage\n"), whole...), 0o600))
	_, err = openPolicy(config{Journal: path}, time.Now)
	require.ErrorContains(t, err, "damaged")
}

func TestPolicy_SignsNothingOnceItsJournalIsBroken(t *testing.T) {
	p := testPolicy(t, filepath.Join(t.TempDir(), "journal"), time.Now, "a")
	require.NoError(t, p.journal.Close())
	for range 2 {
		err := ask(p, "1", parsed("a", 5, false))
		require.ErrorContains(t, err, "journal")
		var refused *payout.RefusedError
		require.False(t, errors.As(err, &refused), "nothing is said about the bytes")
	}
}

func TestAccount_EachNetworkHasItsFamily(t *testing.T) {
	secret, err := hex.DecodeString(seedHex)
	require.NoError(t, err)
	c := config{Accounts: []account{
		{"tron:0x2b6653dc", "m/44h/195h/0h"}, {"eip155:1", "m/44h/60h/0h"}, {"eip155:8453", "m/44'/60'/1'"},
	}}
	for i, p := range coins {
		c.Accounts = append(c.Accounts, account{p.Network, fmt.Sprintf("m/44h/%dh/%dh", p.CoinType, i)})
	}
	accounts, err := c.accounts()
	require.NoError(t, err)
	seed, err := signer.NewSeed(secret, accounts...)
	require.NoError(t, err)
	families, err := c.families(seed)
	require.NoError(t, err)
	require.Len(t, families, len(c.Accounts))
	for i, f := range families {
		require.Equal(t, c.Accounts[i].Network, f.Network())
	}
	bitcoin := coins[0].Network
	for path, ok := range map[string]bool{"m/84h/0h/0h": true, "m/86'/0'/0'": true, "m/49h/0h/0h": true, "m/45h/0h/0h": false, "m": false, "": false} {
		_, err := account{bitcoin, path}.family("")
		require.Equal(t, ok, err == nil, path)
	}
	_, err = account{"cosmos:hub", "m/44h/118h/0h"}.family("")
	require.ErrorContains(t, err, "cosmos")
}

func TestConfig_RefusesWhatIsUnsafe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	for _, text := range []string{`{"dayly": {}}`, `{"daily": {"n:1/c:1": -1}}`, `{"daily": {"n:1/c:1": null}}`, `{"daily": {"n:1/c:1": 0.5}}`, ``} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := readConfig(path)
		require.Error(t, err, text)
	}
	_, err := config{}.tls(listenerAt{ip: net.IPv4(192, 0, 2, 1)})
	require.ErrorContains(t, err, "certificate")
	_, err = config{Clients: "ca.pem"}.tls(listenerAt{ip: net.IPv4(127, 0, 0, 1)})
	require.ErrorContains(t, err, "certificate")
	_, err = config{}.tls(listenerAt{ip: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
}

// listenerAt only has an address.
type listenerAt struct {
	net.Listener
	ip net.IP
}

func (l listenerAt) Addr() net.Addr { return &net.TCPAddr{IP: l.ip} }
