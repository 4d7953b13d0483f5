package evm_test

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/hdkeychain"
	"github.com/btcsuite/btcd/chaincfg"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	chainevm "github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/chain/evm/evmtest"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/evm"
)

// quirksCode is the creation code of testdata/Quirks.sol in hexadecimal.
//
//go:embed testdata/Quirks.bin
var quirksCode string

// account is the private side of a wallet.
type account struct{ key *hdkeychain.ExtendedKey }

func newAccount(t testing.TB) account {
	t.Helper()
	seed := make([]byte, 32)
	_, _ = rand.Read(seed) // never fails
	key, err := hdkeychain.NewMaster(seed, &chaincfg.MainNetParams)
	require.NoError(t, err)
	return account{key}
}

func (a account) wallet(t testing.TB) *chainevm.Wallet {
	t.Helper()
	public, err := a.key.Neuter()
	require.NoError(t, err)
	w, err := chainevm.NewWallet(public.String())
	require.NoError(t, err)
	return w
}

// secret returns the private key of an address.
func (a account) secret(t testing.TB, branch, index uint32) []byte {
	t.Helper()
	parent, err := a.key.Derive(branch)
	require.NoError(t, err)
	child, err := parent.Derive(index)
	require.NoError(t, err)
	private, err := child.ECPrivKey()
	require.NoError(t, err)
	return private.Serialize()
}

// till is a Spender on a real node with what a service keeps for it: holdings, transactions and locks. It implements
// payout.Wallet.
type till struct {
	t       testing.TB
	test    *testing.T // the same, for the world
	world   chaintest.World
	rpc     *chainevm.Client
	network chain.Network
	account account
	spender *evm.Spender
	config  evm.Config
	coin    chain.Asset
	token   chain.Asset

	holdings map[string]payout.Holding
	txs      []*payout.Transaction
	locks    map[string]string
	n        int
}

// depth is the depth of finality on the worlds of the tests.
const depth = 3

var ether = big.NewInt(1e18)

// newTill returns a till whose lanes have coins, and the paying one tokens as well.
func newTill(t *testing.T, w chaintest.World, change ...func(*evm.Config)) *till {
	t.Helper()
	b := &till{
		t: t, test: t, world: w, rpc: evmtest.RPC(t, w), account: newAccount(t), coin: w.Assets()[0], token: w.Assets()[1],
		holdings: map[string]payout.Holding{}, locks: map[string]string{},
	}
	b.network = b.coin.ID.Network()
	b.config = evm.Config{
		Network: b.network, RPC: b.rpc, Wallet: b.account.wallet(t), MaxAge: -1,
		Assets: []evm.Asset{
			{Asset: b.coin, MinSweep: big.NewInt(1e15)}, {Asset: b.token, MinSweep: big.NewInt(5_000_000)},
		},
		Finality: evm.Finality{Depth: depth, Buried: 2 * depth},
		Fees:     evm.Fees{MinTip: big.NewInt(1e9), MaxTip: big.NewInt(2e9)},
	}
	for _, f := range change {
		f(&b.config)
	}
	b.restart()
	b.fund(b.coin, b.spender.Lane(), ether)
	b.fund(b.coin, b.spender.TopUpLane(), ether)
	b.fund(b.token, b.spender.Lane(), big.NewInt(1_000_000_000))
	return b
}

// restart makes the Spender anew, as after a restart of its process.
func (b *till) restart() {
	b.t.Helper()
	s, err := evm.New(b.config)
	require.NoError(b.t, err)
	b.spender = s
}

// fund pays to an address of ours, and books what the Spender finds.
func (b *till) fund(asset chain.Asset, to chain.Address, units *big.Int) {
	b.t.Helper()
	id := b.world.Pay(b.test, asset, to, units)
	b.world.Mine(b.test, depth)
	moves, err := b.spender.Funding(b.t.Context(), id)
	require.NoError(b.t, err)
	b.book(moves)
}

// deposit pays to deposit address number index, as a payer does, and returns the holding.
func (b *till) deposit(asset chain.Asset, index uint32, units *big.Int) payout.Holding {
	b.t.Helper()
	to, err := b.config.Wallet.Address(b.t.Context(), index)
	require.NoError(b.t, err)
	b.world.Pay(b.test, asset, to, units)
	b.world.Mine(b.test, depth)
	h := b.spender.Holding(payout.Deposit{Asset: asset.ID, To: to, Units: units, Index: index, Wallet: b.config.Wallet.Name()})
	b.book([]payout.Move{{Holding: h, Units: units}})
	return b.holdings[h.Name]
}

func (b *till) book(moves []payout.Move) {
	b.t.Helper()
	for _, m := range moves {
		h, known := b.holdings[m.Holding.Name]
		if !known {
			h = m.Holding
			h.Units = new(big.Int)
		}
		h.Units = new(big.Int).Add(h.Units, m.Units)
		require.GreaterOrEqual(b.t, h.Units.Sign(), 0, h.Name)
		b.holdings[h.Name] = h
	}
}

// Holdings implements payout.Wallet.
func (b *till) Holdings(_ context.Context, asset chain.AssetID, visit func(payout.Holding) bool) error {
	for _, h := range b.holdings {
		if h.Asset == asset && !visit(h) {
			return nil
		}
	}
	return nil
}

// Holding implements payout.Wallet.
func (b *till) Holding(_ context.Context, name string) (payout.Holding, error) {
	h, known := b.holdings[name]
	if !known {
		return payout.Holding{}, payout.ErrNotFound
	}
	return h, nil
}

// Open implements payout.Wallet.
func (b *till) Open(context.Context) (open []payout.Transaction, _ error) {
	for _, t := range b.txs {
		if t.Stage.Open() {
			open = append(open, *t)
		}
	}
	return open, nil
}

// Locked implements payout.Wallet.
func (b *till) Locked(_ context.Context, names []string) (map[string]string, error) {
	out := map[string]string{}
	for _, name := range names {
		if id, is := b.locks[name]; is {
			out[name] = id
		}
	}
	return out, nil
}

// Number implements payout.Wallet.
func (b *till) Number(context.Context, string) (uint32, error) {
	b.t.Error("a Spender of an account chain needs no numbers")
	return 0, nil
}

// payment returns a payout with a generous fee.
func (b *till) payment(asset chain.Asset, to chain.Address, units int64) payout.Payout {
	b.n++
	return payout.Payout{
		ID: fmt.Sprintf("payout-%d", b.n), Asset: asset, To: to, Units: big.NewInt(units), FeeAsset: b.coin.ID,
		Fee: new(big.Int).Div(ether, big.NewInt(50)),
	}
}

// keep stores a plan as a transaction.
func (b *till) keep(plan payout.Plan, purpose payout.Purpose) *payout.Transaction {
	b.t.Helper()
	b.n++
	t := &payout.Transaction{
		ID: fmt.Sprintf("tx-%d", b.n), Network: b.network, Purpose: purpose, Lane: plan.Lane, Anchor: plan.Anchor,
		Payouts: plan.Payouts, Versions: []payout.Version{plan.Version}, Stage: payout.StagePlanned, Mined: -1,
	}
	require.NoError(b.t, t.Check())
	for _, name := range plan.Version.Spends {
		require.NotContains(b.t, b.locks, name)
		b.locks[name] = t.ID
	}
	b.txs = append(b.txs, t)
	return t
}

// plan plans and stores a transaction for one payout.
func (b *till) plan(p payout.Payout) *payout.Transaction {
	b.t.Helper()
	plan, err := b.spender.Plan(b.t.Context(), b, []payout.Payout{p})
	require.NoError(b.t, err)
	require.Empty(b.t, plan.Refused)
	require.Equal(b.t, []string{p.ID}, plan.Payouts)
	return b.keep(plan, payout.PurposePay)
}

// sign signs the newest version, checks it and stores it.
func (b *till) sign(t *payout.Transaction) *payout.Transaction {
	b.t.Helper()
	v := &t.Versions[len(t.Versions)-1]
	u, err := evm.ParseUnsigned(v.Unsigned)
	require.NoError(b.t, err)
	signed, err := evm.Sign(v.Unsigned, b.account.secret(b.t, u.Branch, u.Index))
	require.NoError(b.t, err)
	v.Raw, v.TxID, err = b.spender.Verify(*v, signed)
	require.NoError(b.t, err)
	t.Stage = payout.StageSigned
	return t
}

func (b *till) send(t *payout.Transaction) *payout.Transaction {
	b.t.Helper()
	require.NoError(b.t, b.spender.Send(b.t.Context(), t.Last()))
	return t
}

// start plans, signs and sends the transaction of a payout.
func (b *till) start(p payout.Payout) *payout.Transaction {
	b.t.Helper()
	return b.send(b.sign(b.plan(p)))
}

// replace makes, signs and sends the next version.
func (b *till) replace(t *payout.Transaction) payout.Version {
	b.t.Helper()
	v, err := b.spender.Replace(b.t.Context(), b, *t, new(big.Int).Div(ether, big.NewInt(50)))
	require.NoError(b.t, err)
	t.Versions = append(t.Versions, v)
	require.NoError(b.t, t.Check())
	b.send(b.sign(t))
	return t.Last()
}

func (b *till) look(t *payout.Transaction) payout.Look {
	b.t.Helper()
	look, err := b.spender.Look(b.t.Context(), *t)
	require.NoError(b.t, err)
	require.Len(b.t, look.Versions, len(t.Versions))
	return look
}

// settle mines until the transaction is final, books it, and returns its sighting.
func (b *till) settle(t *payout.Transaction) payout.Sighting {
	b.t.Helper()
	b.world.Mine(b.test, depth)
	b.mineUntil(func(s payout.Sighting) bool { return s.Final }, t)
	return b.post(t)
}

// mineUntil mines until a version of each is as it should be: a block may lack what a node has not looked at yet.
func (b *till) mineUntil(is func(payout.Sighting) bool, all ...*payout.Transaction) {
	b.t.Helper()
	for range 10 {
		if !slices.ContainsFunc(all, func(t *payout.Transaction) bool { return !slices.ContainsFunc(b.look(t).Versions, is) }) {
			return
		}
		b.world.Mine(b.test, 1)
	}
	b.t.Fatal("ten more blocks do not have all of it")
}

// post books a final transaction.
func (b *till) post(t *payout.Transaction) payout.Sighting {
	b.t.Helper()
	look := b.look(t)
	i := slices.IndexFunc(look.Versions, payout.Sighting.Mined)
	require.GreaterOrEqual(b.t, i, 0, "no version is mined")
	seen, v := look.Versions[i], t.Versions[i]
	require.True(b.t, seen.Final)
	require.LessOrEqual(b.t, seen.Fee.Cmp(v.Fee), 0, "it cost more than its greatest fee")
	moves := slices.Clone(v.Moves)
	if seen.Failed {
		moves = []payout.Move{{Holding: v.Moves[0].Holding, Units: new(big.Int).Neg(seen.Fee)}}
	} else { // the first one pays the fee
		moves[0].Units = new(big.Int).Add(moves[0].Units, new(big.Int).Sub(v.Fee, seen.Fee))
	}
	b.book(moves)
	b.release(t, payout.StageBuried)
	return seen
}

// release gives up what a transaction locks.
func (b *till) release(t *payout.Transaction, stage payout.Stage) {
	t.Stage = stage
	for name, id := range b.locks {
		if id == t.ID {
			delete(b.locks, name)
		}
	}
}

// balanced checks that the chain has what the books have.
func (b *till) balanced() {
	b.t.Helper()
	var all []payout.Holding
	for _, h := range b.holdings {
		all = append(all, h)
	}
	units, err := b.spender.Audit(b.t.Context(), all)
	require.NoError(b.t, err)
	for i, h := range all {
		require.Equal(b.t, h.Units.String(), units[i].String(), h.Name)
	}
}

// balance returns what any address has.
func (b *till) balance(asset chain.Asset, a chain.Address) string {
	b.t.Helper()
	units, err := b.spender.Audit(b.t.Context(), []payout.Holding{{Network: b.network, Address: a, Asset: asset.ID}})
	require.NoError(b.t, err)
	return units[0].String()
}

// misuse sends a transaction with a key of ours, as somebody does who should not have it.
func (b *till) misuse(branch, index uint32, nonce uint64, to chain.Address, units int64) string {
	b.t.Helper()
	key, err := crypto.ToECDSA(b.account.secret(b.t, branch, index))
	require.NoError(b.t, err)
	receiver := common.HexToAddress(string(to))
	tx, err := types.SignNewTx(key, types.LatestSignerForChainID(b.chainID()), &types.DynamicFeeTx{
		ChainID: b.chainID(), Nonce: nonce, To: &receiver, Value: big.NewInt(units), Gas: 21_000,
		GasTipCap: big.NewInt(5e9), GasFeeCap: big.NewInt(1e11),
	})
	require.NoError(b.t, err)
	return b.submit(tx)
}

func (b *till) submit(tx *types.Transaction) string {
	b.t.Helper()
	raw, err := tx.MarshalBinary()
	require.NoError(b.t, err)
	require.NoError(b.t, b.rpc.CallContext(b.t.Context(), nil, "eth_sendRawTransaction", hexutil.Bytes(raw)))
	return tx.Hash().Hex()
}

func (b *till) chainID() *big.Int {
	id, ok := new(big.Int).SetString(b.network.Reference(), 10)
	require.True(b.t, ok)
	return id
}

// quirks is a contract of testdata/Quirks.sol with an owner that drives it.
type quirks struct {
	b     *till
	asset chain.Asset
	owner []byte
	nonce uint64
}

// withQuirks returns a till that pays a token with quirks as well, of which its lane has 1000 units.
func withQuirks(t *testing.T, w chaintest.World) (*till, *quirks) {
	t.Helper()
	q := &quirks{owner: newAccount(t).secret(t, 0, 0)}
	key, err := crypto.ToECDSA(q.owner)
	require.NoError(t, err)
	owner := crypto.PubkeyToAddress(key.PublicKey)
	q.asset, err = chainevm.ERC20(w.Assets()[0].ID.Network(), crypto.CreateAddress(owner, 0).Hex(), "QRK", 0)
	require.NoError(t, err)
	b := newTill(t, w, func(c *evm.Config) { c.Assets = append(c.Assets, evm.Asset{Asset: q.asset, MinSweep: big.NewInt(1)}) })
	q.b = b
	w.Pay(t, b.coin, chain.Address(owner.Hex()), ether)
	w.Mine(t, 1)
	code, err := hex.DecodeString(strings.TrimSpace(quirksCode))
	require.NoError(t, err)
	q.send(nil, code)
	q.tell("mint(address,uint256)", b.spender.Lane(), 1000)
	w.Mine(t, depth)
	b.holdings[string(b.spender.Lane())+"/"+string(q.asset.ID)] = payout.Holding{
		Network: b.network, Name: string(b.spender.Lane()) + "/" + string(q.asset.ID), Asset: q.asset.ID,
		Address: b.spender.Lane(), Units: big.NewInt(1000),
	}
	return b, q
}

// address returns the contract's.
func (q *quirks) address() chain.Address { return chain.Address(q.asset.ID.Reference()) }

// tell calls a method of the contract in the next block.
func (q *quirks) tell(method string, a chain.Address, n int64) {
	q.b.t.Helper()
	data := crypto.Keccak256([]byte(method))[:4]
	data = append(data, common.LeftPadBytes(common.HexToAddress(string(a)).Bytes(), 32)...)
	data = append(data, common.LeftPadBytes(big.NewInt(n).Bytes(), 32)...)
	to := common.HexToAddress(string(q.address()))
	q.send(&to, data)
}

// mode sets what transfers do from the next block on.
func (q *quirks) mode(n int64) { q.b.t.Helper(); q.tell("set(address,uint256)", q.address(), n) }

func (q *quirks) send(to *common.Address, data []byte) {
	q.b.t.Helper()
	key, err := crypto.ToECDSA(q.owner)
	require.NoError(q.b.t, err)
	tx, err := types.SignNewTx(key, types.LatestSignerForChainID(q.b.chainID()), &types.DynamicFeeTx{
		ChainID: q.b.chainID(), Nonce: q.nonce, To: to, Data: data, Gas: 2_000_000,
		GasTipCap: big.NewInt(50e9), GasFeeCap: big.NewInt(1e11), // before whatever waits with it
	})
	require.NoError(q.b.t, err)
	q.b.submit(tx)
	q.nonce++
	time.Sleep(2 * time.Millisecond) // geth takes a transaction up a moment after it has accepted it
}
