package bitcoin_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math/big"
	"os"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/btcsuite/btcd/wire"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/internal/devbtc"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
)

// account returns the private and the public key of an account, the same for the same number.
func account(t testing.TB, number byte) (private, public string) {
	t.Helper()
	key, err := hdkeychain.NewMaster(bytes.Repeat([]byte{number}, 32), &chaincfg.RegressionNetParams)
	require.NoError(t, err)
	for _, step := range []uint32{84, 1, 0} {
		key, err = key.Derive(hdkeychain.HardenedKeyStart + step)
		require.NoError(t, err)
	}
	neutered, err := key.Neuter()
	require.NoError(t, err)
	return key.String(), neutered.String()
}

// node is a real node on a private chain.
type node struct {
	client *btc.Client
	params btc.Params
	mine   func(t testing.TB, n int)
	// pay pays the outputs in one transaction.
	pay func(t testing.TB, outputs ...devbtc.Output)
}

func (n node) call(t testing.TB, result any, method string, params ...any) {
	t.Helper()
	require.NoError(t, n.client.Call(t.Context(), result, method, params...))
}

func (n node) height(t testing.TB) (height uint64) {
	t.Helper()
	n.call(t, &height, "getblockcount")
	return height
}

// drop takes the newest blocks out of the chain.
func (n node) drop(t testing.TB, depth int) {
	t.Helper()
	var hash string
	n.call(t, &hash, "getblockhash", n.height(t)-uint64(depth)+1)
	n.call(t, nil, "invalidateblock", hash)
}

func startBtcd(t testing.TB) node {
	t.Helper()
	if testing.Short() {
		t.Skip("a real node: not with -short")
	}
	path := os.Getenv(devbtc.Env)
	if path == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(devbtc.Env + " does not name btcd")
		}
		t.Skip(devbtc.Env + " does not name btcd")
	}
	c, err := devbtc.Start(t.Context(), devbtc.Config{Path: path})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return node{
		client: c.Client(), params: c.Params(),
		mine: func(t testing.TB, n int) {
			t.Helper()
			require.NoError(t, c.Mine(t.Context(), n))
		},
		pay: func(t testing.TB, outputs ...devbtc.Output) {
			t.Helper()
			fee := int64(2_000 + 340*len(outputs)) // about 10 satoshi a byte
			need := fee
			for _, o := range outputs {
				need += o.Units
			}
			var from []devbtc.Coin
			for need > 0 {
				coin, err := c.Coinbase(t.Context())
				require.NoError(t, err)
				from, need = append(from, coin), need-coin.Units
			}
			tx, err := c.Transaction(fee, wire.MaxTxInSequenceNum, from, outputs...)
			require.NoError(t, err)
			_, err = c.Send(t.Context(), tx)
			require.NoError(t, err)
		},
	}
}

const final = 2 // confirmations

// shop is a wallet on a node, its books, and the key that signs.
type shop struct {
	node
	wallet  *btc.Wallet
	key     *bitcoin.Key
	spender *bitcoin.Spender
	books   *books
	next    uint32 // index of the next address
}

func newShop(t testing.TB, n node, kind btc.ScriptKind, number byte, change ...func(*bitcoin.Config)) *shop {
	t.Helper()
	private, public := account(t, number)
	wallet, err := btc.NewWallet(n.params, "[73c5da0a/84h/1h/0h]"+public+"/<0;1>/*", kind)
	require.NoError(t, err)
	key, err := bitcoin.NewKey(n.params, private, kind)
	require.NoError(t, err)
	c := bitcoin.Config{RPC: n.client, Wallet: wallet, Final: final, Buried: 10}
	for _, f := range change {
		f(&c)
	}
	s, err := bitcoin.New(c)
	require.NoError(t, err)
	return &shop{node: n, wallet: wallet, key: key, spender: s, books: newBooks()}
}

// books is what a payout service keeps.
type books struct {
	holdings map[string]payout.Holding
	numbers  uint32
}

func newBooks() *books { return &books{holdings: make(map[string]payout.Holding)} }

func (b *books) Holding(_ context.Context, name string) (payout.Holding, error) {
	h, has := b.holdings[name]
	if !has {
		return payout.Holding{}, payout.ErrNotFound
	}
	return h, nil
}

func (b *books) Holdings(_ context.Context, _ chain.AssetID, visit func(payout.Holding) bool) error {
	names := make([]string, 0, len(b.holdings))
	for name := range b.holdings {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !visit(b.holdings[name]) {
			return nil
		}
	}
	return nil
}

func (*books) Open(context.Context) ([]payout.Transaction, error) { return nil, nil }

func (*books) Locked(context.Context, []string) (map[string]string, error) { return nil, nil }

func (b *books) Number(context.Context, string) (uint32, error) {
	b.numbers++
	return b.numbers - 1, nil
}

// lock gives the coins of a version to a transaction.
func (b *books) lock(v payout.Version, id string) {
	for _, name := range v.Spends {
		if h, has := b.holdings[name]; has { // a bump spends what is no holding yet
			h.Lock = id
			b.holdings[name] = h
		}
	}
}

// apply makes the moves of a final version.
func (b *books) apply(t testing.TB, v payout.Version, txID string) {
	t.Helper()
	for _, m := range v.Effects(txID) {
		h, ok := b.holdings[m.Holding.Name]
		if !ok {
			h = m.Holding
			h.Units = new(big.Int)
		}
		h.Units = new(big.Int).Add(h.Units, m.Units)
		require.GreaterOrEqual(t, h.Units.Sign(), 0, h.Name)
		if b.holdings[h.Name] = h; h.Units.Sign() == 0 {
			delete(b.holdings, h.Name)
		}
	}
}

func (b *books) total() int64 {
	sum := int64(0)
	for _, h := range b.holdings {
		sum += h.Units.Int64()
	}
	return sum
}

// receive pays the values to addresses of invoices, and books them.
func (s *shop) receive(t testing.TB, values ...int64) {
	t.Helper()
	var outputs []devbtc.Output
	places := make(map[chain.Address]uint32)
	for _, v := range values {
		a, err := s.wallet.Address(t.Context(), s.next)
		require.NoError(t, err)
		places[a] = s.next
		outputs = append(outputs, devbtc.Output{To: a, Units: v})
		s.next++
	}
	s.pay(t, outputs...)
	height := s.height(t) + 1
	s.mine(t, final)
	reader, err := btc.New(btc.Config{Params: s.params, RPC: s.client})
	require.NoError(t, err)
	block, err := reader.Block(t.Context(), height)
	require.NoError(t, err)
	found := 0
	for _, x := range block.Transfers {
		if index, ours := places[x.To]; ours {
			h := s.spender.Holding(payout.Deposit{
				Key: x.Key(), Asset: x.Asset, To: x.To, Units: x.Units, Height: height, Wallet: s.wallet.Name(), Index: index,
			})
			s.books.holdings[h.Name] = h
			found++
		}
	}
	require.Equal(t, len(values), found)
}

// stranger returns an address of somebody else.
func (s *shop) stranger(t testing.TB, number byte) chain.Address {
	t.Helper()
	a, ok := s.params.AddressOf(append([]byte{0x76, 0xa9, 20}, append(bytes.Repeat([]byte{number}, 20), 0x88, 0xac)...))
	require.True(t, ok)
	return a
}

func (s *shop) payout(t testing.TB, id string, to chain.Address, units, fee int64) payout.Payout {
	t.Helper()
	return payout.Payout{ID: id, Asset: s.params.Asset(), To: to, Units: big.NewInt(units), Fee: big.NewInt(fee)}
}

// plan plans, and keeps the books as a service does.
func (s *shop) plan(t testing.TB, payouts ...payout.Payout) payout.Transaction {
	t.Helper()
	p, err := s.spender.Plan(t.Context(), s.books, payouts)
	require.NoError(t, err)
	require.Empty(t, p.Refused)
	tx := payout.Transaction{
		ID: "transaction of " + payouts[0].ID, Network: s.params.Network, Purpose: payout.PurposePay, Lane: p.Lane, Anchor: p.Anchor,
		Payouts: p.Payouts, Versions: []payout.Version{p.Version}, Mined: -1,
	}
	require.NoError(t, tx.Check())
	s.books.lock(p.Version, tx.ID)
	return tx
}

// sign signs the last version.
func (s *shop) sign(t testing.TB, tx *payout.Transaction) {
	t.Helper()
	v := &tx.Versions[len(tx.Versions)-1]
	signed, err := s.key.Sign(v.Unsigned)
	require.NoError(t, err)
	raw, id, err := s.spender.Verify(*v, signed)
	require.NoError(t, err)
	v.Raw, v.TxID = raw, id
}

func (s *shop) send(t testing.TB, tx payout.Transaction) {
	t.Helper()
	require.NoError(t, s.spender.Send(t.Context(), tx.Last()))
}

// replace makes the next version of the transaction.
func (s *shop) replace(t testing.TB, tx *payout.Transaction, greatest int64) {
	t.Helper()
	v, err := s.spender.Replace(t.Context(), s.books, *tx, big.NewInt(greatest))
	require.NoError(t, err)
	s.books.lock(v, tx.ID)
	tx.Versions = append(tx.Versions, v)
	require.NoError(t, tx.Check())
}

func (s *shop) look(t testing.TB, tx payout.Transaction) payout.Look {
	t.Helper()
	look, err := s.spender.Look(t.Context(), tx)
	require.NoError(t, err)
	require.Len(t, look.Versions, len(tx.Versions))
	return look
}

// parse returns the signed transaction of a version.
func parse(t testing.TB, v payout.Version) *wire.MsgTx {
	t.Helper()
	tx := new(wire.MsgTx)
	require.NoError(t, tx.Deserialize(bytes.NewReader(v.Raw)))
	return tx
}

// vsizeOf returns the virtual size of a transaction.
func vsizeOf(tx *wire.MsgTx) int64 {
	return (int64(tx.SerializeSizeStripped())*3 + int64(tx.SerializeSize()) + 3) / 4
}

// feeOf returns what a signed version pays, from the transactions that its node has.
func (s *shop) feeOf(t testing.TB, v payout.Version) int64 {
	t.Helper()
	fee := int64(0)
	for _, m := range v.Moves {
		fee -= m.Units.Int64()
	}
	for _, o := range parse(t, v).TxOut {
		if a, ok := s.params.AddressOf(o.PkScript); !ok || !slices.ContainsFunc(v.Moves, func(m payout.Move) bool {
			return m.Holding.Address == a && m.Units.Sign() > 0
		}) {
			fee -= o.Value
		}
	}
	return fee
}

// pays returns what a signed version pays to the address.
func (s *shop) pays(t testing.TB, v payout.Version, to chain.Address) (units int64) {
	t.Helper()
	for _, o := range parse(t, v).TxOut {
		if a, _ := s.params.AddressOf(o.PkScript); a == to {
			units += o.Value
		}
	}
	return units
}

func toHex(b []byte) string { return hex.EncodeToString(b) }

func ids(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("payout-%03d", i)
	}
	return out
}

func serialize(t testing.TB, tx *wire.MsgTx) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, tx.Serialize(&b))
	return b.Bytes()
}

func keyOf(s *shop, txID string) chain.Key {
	return chain.Key{Network: s.params.Network, TxID: txID, Index: "vout:0"}
}

func bigOf(n int64) *big.Int { return big.NewInt(n) }

// privateKey returns a key of an account.
func privateKey(t testing.TB, number byte, path ...uint32) *btcec.PrivateKey {
	t.Helper()
	private, _ := account(t, number)
	key, err := hdkeychain.NewKeyFromString(private)
	require.NoError(t, err)
	for _, step := range path {
		key, err = key.Derive(step)
		require.NoError(t, err)
	}
	leaf, err := key.ECPrivKey()
	require.NoError(t, err)
	return leaf
}
