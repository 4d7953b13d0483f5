package evm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	chainevm "github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/evm"
)

// fakeNetwork is the network of a fakeNode.
const fakeNetwork = chain.Network("eip155:777")

var fakeNow = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// fakeNode is a node that says what a test wants it to. It implements chain/evm's Caller.
type fakeNode struct {
	id         uint64
	height     uint64
	age        time.Duration
	baseFee    *big.Int // nil: blocks have none
	tip        *big.Int
	price      *big.Int
	count      uint64 // of every address
	tag        any    // the block that a tag names
	refuses    error  // of every batch
	answers    map[string]func(args []string) (any, error)
	hashes     map[uint64]common.Hash // of blocks, where they are not those of blockHash
	singleCall int
}

func newFake() *fakeNode {
	return &fakeNode{
		id: 777, height: 1000, baseFee: big.NewInt(10e9), tip: big.NewInt(1e9), price: big.NewInt(11e9),
		answers: map[string]func([]string) (any, error){}, hashes: map[uint64]common.Hash{},
	}
}

// codedError is an error object of JSON-RPC.
type codedError struct {
	code int
	text string
}

func (e codedError) Error() string  { return e.text }
func (e codedError) ErrorCode() int { return e.code }

func blockHash(height uint64) common.Hash {
	return common.BigToHash(new(big.Int).SetUint64(height + 1e6))
}

func (f *fakeNode) header(height uint64) map[string]any {
	hash, is := f.hashes[height]
	if !is {
		hash = blockHash(height)
	}
	h := map[string]any{
		"number": hexutil.Uint64(height), "hash": hash, "timestamp": hexutil.Uint64(fakeNow.Add(-f.age).Unix()),
		"transactions": []any{},
	}
	if f.baseFee != nil {
		h["baseFeePerGas"] = (*hexutil.Big)(f.baseFee)
	}
	return h
}

func (f *fakeNode) answer(method string, args []string) (any, error) {
	if special, is := f.answers[method]; is {
		return special(args)
	}
	switch method {
	case "eth_chainId":
		return hexutil.Uint64(f.id), nil
	case "eth_getBlockByNumber":
		switch args[0] {
		case "latest":
			return f.header(f.height), nil
		case "finalized", "safe":
			return f.tag, nil
		}
		height, err := hexutil.DecodeUint64(args[0])
		return f.header(height), err
	case "eth_getTransactionCount":
		return hexutil.Uint64(f.count), nil
	case "eth_maxPriorityFeePerGas":
		if f.tip == nil {
			return nil, codedError{-32601, "the method does not exist"}
		}
		return (*hexutil.Big)(f.tip), nil
	case "eth_gasPrice":
		return (*hexutil.Big)(f.price), nil
	case "eth_estimateGas":
		return hexutil.Uint64(21_000), nil
	case "eth_getTransactionByHash", "eth_getTransactionReceipt":
		return nil, nil
	}
	return nil, codedError{-32601, "the method " + method + " does not exist"}
}

func (f *fakeNode) CallContext(_ context.Context, result any, method string, args ...any) error {
	f.singleCall++
	return f.one(result, method, args)
}

func (f *fakeNode) one(result any, method string, args []any) error {
	texts := make([]string, len(args))
	for i, a := range args {
		b, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if json.Unmarshal(b, &texts[i]) != nil {
			texts[i] = string(b)
		}
	}
	answer, err := f.answer(method, texts)
	if err != nil {
		return err
	}
	b, err := json.Marshal(answer)
	if err != nil || result == nil {
		return err
	}
	return json.Unmarshal(b, result)
}

func (f *fakeNode) BatchCallContext(_ context.Context, batch []rpc.BatchElem) error {
	if f.refuses != nil {
		return f.refuses
	}
	for i := range batch {
		batch[i].Error = f.one(batch[i].Result, batch[i].Method, batch[i].Args)
	}
	return nil
}

// fakeTill returns a till on a fake node whose paying lane has 100 coins.
func fakeTill(t testing.TB, f *fakeNode, change ...func(*evm.Config)) *till {
	t.Helper()
	b := &till{
		t: t, network: fakeNetwork, account: newAccount(t), coin: chainevm.Native(fakeNetwork, "ETH"),
		holdings: map[string]payout.Holding{}, locks: map[string]string{},
	}
	b.config = evm.Config{
		Network: fakeNetwork, RPC: f, Wallet: b.account.wallet(t), Finality: evm.Finality{Depth: 10, Buried: 20},
		Assets: []evm.Asset{{Asset: b.coin, MinSweep: big.NewInt(1)}}, Now: func() time.Time { return fakeNow },
	}
	for _, c := range change {
		c(&b.config)
	}
	b.restart()
	name := string(b.spender.Lane()) + "/" + string(b.coin.ID)
	b.holdings[name] = payout.Holding{
		Network: fakeNetwork, Name: name, Asset: b.coin.ID, Address: b.spender.Lane(), Units: new(big.Int).Mul(ether, big.NewInt(100)),
	}
	return b
}

const someone = chain.Address("0x9858EfFD232B4033E47d90003D41EC34EcaEda94")

// signed returns the newest version of a transaction as a node gets it.
func (b *till) signed(t *payout.Transaction) *types.Transaction {
	b.t.Helper()
	b.sign(t)
	var tx types.Transaction
	require.NoError(b.t, tx.UnmarshalBinary(t.Last().Raw))
	return &tx
}

func TestP9_TheNextNonceIsTheLowestFreeOneFromTheChainsCount(t *testing.T) {
	many := func(from, to uint64) (all []uint64) {
		for n := from; n < to; n++ {
			all = append(all, n)
		}
		return all
	}
	for _, c := range []struct {
		name    string
		count   uint64
		locked  []uint64
		open    []uint64
		known   uint64
		want    uint64
		refused payout.Refusal
	}{
		{name: "nothing was ever sent"},
		{name: "the first of ours", count: 57, want: 57},
		{name: "behind what waits", count: 57, locked: many(55, 60), want: 60},
		{name: "behind what is open, though its lock was given up", count: 57, open: many(55, 60), want: 60},
		{name: "the gap first", count: 57, locked: []uint64{56, 57, 59, 60}, want: 58},
		{name: "a gap at the count", count: 57, locked: []uint64{56, 58}, want: 57},
		{name: "the last but one of sixteen", count: 57, locked: many(57, 72), want: 72},
		{name: "sixteen wait", count: 57, locked: many(57, 73), refused: payout.RefusedTooSoon},
		{name: "one beyond what is known", count: 57, locked: many(50, 56), refused: payout.RefusedStopped},
		{name: "far beyond what is known", count: 57, locked: []uint64{0}, refused: payout.RefusedStopped},
		{name: "beyond what is open", count: 57, open: []uint64{55}, refused: payout.RefusedStopped},
		{name: "acknowledged", count: 57, locked: many(50, 56), known: 57, want: 57},
		{name: "acknowledged, and used again", count: 58, locked: many(50, 56), known: 57, want: 58},
		{name: "ours after what was acknowledged", count: 59, locked: []uint64{55, 57, 58}, known: 57, want: 59},
		{name: "foreign after ours after what was acknowledged", count: 59, locked: []uint64{55, 57}, known: 57, refused: payout.RefusedStopped},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.count = c.count
			b := fakeTill(t, f)
			b.config.Acknowledged = map[chain.Address]uint64{b.spender.Lane(): c.known}
			b.restart()
			anchor := func(n uint64) string { return fmt.Sprintf("nonce:%s:%d", b.spender.Lane(), n) }
			for _, n := range c.locked {
				b.locks[anchor(n)] = "x"
			}
			for _, n := range c.open {
				b.txs = append(b.txs, &payout.Transaction{Anchor: anchor(n), Stage: payout.StageSigned, Mined: -1})
			}
			plan, err := b.spender.Plan(t.Context(), b, []payout.Payout{b.payment(b.coin, someone, 1)})
			if c.refused != "" {
				refused(t, err, c.refused)
				return
			}
			require.NoError(t, err)
			require.Equal(t, anchor(c.want), plan.Anchor)
			require.Equal(t, []string{plan.Anchor}, plan.Version.Spends)
		})
	}
}

func TestP11_ANodeThatIsBehindIsAnError(t *testing.T) {
	f := newFake()
	b := fakeTill(t, f)
	pay := func() error {
		_, err := b.spender.Plan(t.Context(), b, []payout.Payout{b.payment(b.coin, someone, 1)})
		return err
	}
	require.NoError(t, pay())
	f.height -= 19
	require.NoError(t, pay(), "a reorganisation may do that")
	f.height--
	require.ErrorIs(t, pay(), evm.ErrBehind, "what is buried does not leave")
	f.height = 1000
	require.NoError(t, pay())

	f.age = 15 * time.Minute
	require.NoError(t, pay())
	f.age += time.Second
	require.ErrorIs(t, pay(), evm.ErrBehind)
	f.age = 0

	b.txs = append(b.txs, &payout.Transaction{
		Anchor: fmt.Sprintf("nonce:%s:0", b.spender.Lane()), Stage: payout.StageFinal, Mined: 0, Height: 990,
	})
	require.ErrorIs(t, pay(), evm.ErrBehind, "a transaction that is in a block is not counted")
	f.count = 1
	require.NoError(t, pay())
}

func TestNodesWithoutBatchesAreAskedSingly(t *testing.T) {
	for name, err := range map[string]error{
		"refused": codedError{-32600, "no batches here"}, "missing": rpc.ErrMissingBatchResponse, "status": rpc.HTTPError{StatusCode: 400},
	} {
		f := newFake()
		f.refuses = err
		b := fakeTill(t, f)
		b.plan(b.payment(b.coin, someone, 1))
		require.Positive(t, f.singleCall, name)
	}
	f := newFake()
	f.refuses = errors.New("down")
	f.answers["eth_chainId"] = func([]string) (any, error) { return nil, errors.New("down as well") }
	b := fakeTill(t, f)
	_, err := b.spender.Plan(t.Context(), b, []payout.Payout{b.payment(b.coin, someone, 1)})
	require.ErrorContains(t, err, "down as well")
	require.Equal(t, 1, f.singleCall, "a node that is down is not asked for everything")
}

func TestP12_FeesAreTwiceTheBaseFeeAndTheTipWithinIt(t *testing.T) {
	gwei := func(n int64) *big.Int { return big.NewInt(n * 1e9) }
	for _, c := range []struct {
		name                 string
		base, tip, gasPrice  *big.Int
		fees                 evm.Fees
		estimate             uint64
		gas                  uint64
		wantTip, most, extra *big.Int
		legacy               bool
	}{
		{name: "plain", base: gwei(10), tip: gwei(1), gas: 21_000, wantTip: gwei(1), most: gwei(21)},
		{name: "floor", base: gwei(10), tip: gwei(1), fees: evm.Fees{MinTip: gwei(3)}, gas: 21_000, wantTip: gwei(3), most: gwei(23)},
		{name: "ceiling", base: gwei(10), tip: gwei(9), fees: evm.Fees{MaxTip: gwei(3)}, gas: 21_000, wantTip: gwei(3), most: gwei(23)},
		{name: "no suggestion", base: gwei(10), fees: evm.Fees{MinTip: gwei(2)}, gas: 21_000, wantTip: gwei(2), most: gwei(22)},
		{name: "no suggestion of a tip", base: gwei(10), gasPrice: gwei(13), gas: 21_000, wantTip: gwei(3), most: gwei(23)},
		{name: "no suggestion, and cheap", base: gwei(10), gasPrice: gwei(9), gas: 21_000, wantTip: new(big.Int), most: gwei(20)},
		{name: "a contract", base: gwei(10), tip: gwei(1), estimate: 40_001, gas: 50_002, wantTip: gwei(1), most: gwei(21)},
		{name: "bounded gas", base: gwei(10), tip: gwei(1), estimate: 299_999, gas: 300_000, wantTip: gwei(1), most: gwei(21)},
		{name: "layer 1", base: gwei(10), tip: gwei(1), fees: evm.Fees{Extra: gwei(77)}, gas: 21_000, wantTip: gwei(1), most: gwei(21), extra: gwei(77)},
		{name: "no base fee", gasPrice: gwei(5), gas: 21_000, wantTip: gwei(5), most: gwei(5), legacy: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake()
			f.baseFee, f.tip, f.price = c.base, c.tip, c.gasPrice
			if c.estimate > 0 {
				f.answers["eth_estimateGas"] = func([]string) (any, error) { return hexutil.Uint64(c.estimate), nil }
			}
			b := fakeTill(t, f, func(config *evm.Config) { config.Fees = c.fees })
			p := b.payment(b.coin, someone, 5)
			fee := new(big.Int).Mul(c.most, new(big.Int).SetUint64(c.gas))
			if c.extra != nil {
				fee.Add(fee, c.extra)
			}
			p.Fee = new(big.Int).Sub(fee, big.NewInt(1))
			_, err := b.spender.Plan(t.Context(), b, []payout.Payout{p})
			require.ErrorIs(t, err, payout.ErrFeeTooHigh, "one unit is missing")
			p.Fee = fee
			tx := b.plan(p)
			require.Equal(t, fee.String(), tx.Last().Fee.String())
			require.Equal(t, new(big.Int).Neg(new(big.Int).Add(fee, p.Units)).String(), tx.Last().Moves[0].Units.String())
			raw := b.signed(tx)
			require.Equal(t, c.legacy, raw.Type() == types.LegacyTxType)
			require.Equal(t, c.wantTip.String(), raw.GasTipCap().String())
			require.Equal(t, c.most.String(), raw.GasFeeCap().String())
			require.Equal(t, c.gas, raw.Gas())
			require.Equal(t, f.id, raw.ChainId().Uint64())
		})
	}
}

func TestPayoutsThatWaitKeepNoOthersWaiting(t *testing.T) {
	f := newFake()
	b := fakeTill(t, f)
	var all []payout.Payout
	for range 200 {
		poor, cheap := b.payment(b.coin, someone, 1), b.payment(b.coin, someone, 1)
		poor.Units = new(big.Int).Mul(ether, big.NewInt(101))
		cheap.Fee = big.NewInt(1)
		all = append(all, poor, cheap)
	}
	last := b.payment(b.coin, someone, 1)
	plan, err := b.spender.Plan(t.Context(), b, append(all, last))
	require.NoError(t, err)
	require.Equal(t, []string{last.ID}, plan.Payouts)

	asked := 0
	f.answers["eth_estimateGas"] = func([]string) (any, error) {
		asked++
		return nil, codedError{3, "execution reverted"}
	}
	all = nil
	for range 150 {
		all = append(all, b.payment(b.coin, someone, 1))
	}
	plan, err = b.spender.Plan(t.Context(), b, all)
	require.NoError(t, err)
	require.Len(t, plan.Refused, 100, "the others come with the next call")
	require.Equal(t, 100, asked)
}

func TestAPayoutThatTheNodeCannotTryKeepsNoOtherWaiting(t *testing.T) {
	f := newFake()
	b := fakeTill(t, f)
	odd, good := b.payment(b.coin, "0x0000000000000000000000000000000000000009", 1), b.payment(b.coin, someone, 1)
	f.answers["eth_estimateGas"] = func(args []string) (any, error) {
		if strings.Contains(args[0], string(odd.To)) {
			return nil, codedError{-32015, "something unheard of"}
		}
		return hexutil.Uint64(21_000), nil
	}
	plan, err := b.spender.Plan(t.Context(), b, []payout.Payout{odd, good})
	require.NoError(t, err)
	require.Equal(t, []string{good.ID}, plan.Payouts)
	require.Empty(t, plan.Refused, "nobody knows whether it can be paid")
	_, err = b.spender.Plan(t.Context(), b, []payout.Payout{odd})
	require.ErrorContains(t, err, "unheard of")

	f.answers["eth_estimateGas"] = func([]string) (any, error) { return nil, errors.New("connection reset") }
	_, err = b.spender.Plan(t.Context(), b, []payout.Payout{odd, good})
	require.ErrorContains(t, err, "connection reset")
}

func TestANetworkWithoutBaseFeeNeedsAPrice(t *testing.T) {
	f := newFake()
	f.baseFee, f.price = nil, nil
	b := fakeTill(t, f)
	_, err := b.spender.Plan(t.Context(), b, []payout.Payout{b.payment(b.coin, someone, 1)})
	require.ErrorIs(t, err, chain.ErrIncomplete)
}

func TestFeesBeyondTheLimitsWait(t *testing.T) {
	f := newFake()
	b := fakeTill(t, f, func(c *evm.Config) { c.Fees.MaxPrice = big.NewInt(21e9) })
	tx := b.plan(b.payment(b.coin, someone, 5))
	f.baseFee = big.NewInt(10e9 + 1)
	_, err := b.spender.Plan(t.Context(), b, []payout.Payout{b.payment(b.coin, someone, 1)})
	require.ErrorIs(t, err, payout.ErrFeeTooHigh)
	b.sign(tx)
	_, err = b.spender.Replace(t.Context(), b, *tx, ether)
	require.ErrorIs(t, err, payout.ErrFeeTooHigh, "Config.Fees.MaxPrice")

	f.baseFee = big.NewInt(1e9)
	f.answers["eth_estimateGas"] = func([]string) (any, error) { return hexutil.Uint64(300_001), nil }
	p := b.payment(b.coin, someone, 1)
	plan, err := b.spender.Plan(t.Context(), b, []payout.Payout{p})
	require.NoError(t, err)
	require.Contains(t, plan.Refused[p.ID], "MaxGas")
}

func TestReplacementsExceedBothPricesByAnEighthRoundedUp(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		f := newFake()
		f.baseFee, f.tip = big.NewInt(10e9+3), big.NewInt(1)
		if legacy {
			f.baseFee, f.price = nil, big.NewInt(11e9+1)
		}
		b := fakeTill(t, f)
		tx := b.plan(b.payment(b.coin, someone, 5))
		last := b.signed(tx)
		for range 40 {
			greatest := new(big.Int).Mul(tx.Last().Fee, big.NewInt(2))
			v, err := b.spender.Replace(t.Context(), b, *tx, greatest)
			require.NoError(t, err)
			require.LessOrEqual(t, v.Fee.Cmp(greatest), 0)
			tx.Versions = append(tx.Versions, v)
			next := b.signed(tx)
			for _, pair := range [][2]*big.Int{{last.GasTipCap(), next.GasTipCap()}, {last.GasFeeCap(), next.GasFeeCap()}} {
				least := new(big.Int).Mul(pair[0], big.NewInt(9))
				require.GreaterOrEqual(t, new(big.Int).Mul(pair[1], big.NewInt(8)).Cmp(least), 0)
				require.Positive(t, pair[1].Cmp(pair[0]))
			}
			require.Equal(t, last.Nonce(), next.Nonce())
			require.Equal(t, last.To(), next.To())
			require.Equal(t, last.Value(), next.Value())
			last = next
		}
	}
}

func TestAReplacementThatNoBlockTakesIsNotMade(t *testing.T) {
	f := newFake()
	b := fakeTill(t, f)
	tx := b.plan(b.payment(b.coin, someone, 5))
	b.sign(tx)
	f.baseFee = big.NewInt(100e9)
	_, err := b.spender.Replace(t.Context(), b, *tx, new(big.Int).Mul(tx.Last().Fee, big.NewInt(2)))
	require.ErrorIs(t, err, payout.ErrFeeTooHigh)
	v, err := b.spender.Replace(t.Context(), b, *tx, new(big.Int).Mul(tx.Last().Fee, big.NewInt(6)))
	require.NoError(t, err, "less than twice the base fee is reserved, and blocks take it")
	require.LessOrEqual(t, v.Fee.Cmp(new(big.Int).Mul(tx.Last().Fee, big.NewInt(6))), 0)
}

// What no signer has signed here is in no pool that we know of, and its number must not be held because another version would
// have to pay an eighth more than is reserved.
func TestReplace_TheCancellationOfWhatWasNeverSignedNeedsNoHigherFee(t *testing.T) {
	eighth := func(fee *big.Int) *big.Int {
		return new(big.Int).Div(new(big.Int).Mul(fee, big.NewInt(9)), big.NewInt(8))
	}
	for name, c := range map[string]struct {
		offered, signed bool
		room            bool  // more is reserved than the first version costs
		baseFee         int64 // when it is cancelled, in gwei; 0 for what it was
		most            bool  // the first version is as dear as Config.Fees permits
		legacy          bool
		tooHigh, same   bool
	}{
		"no signer saw it":                         {same: true},
		"no signer saw it, by gas prices":          {legacy: true, same: true},
		"no signer saw it, and prices have limits": {most: true, same: true},
		"no signer saw it, whatever is reserved":   {room: true, same: true},
		"no signer saw it, and blocks want more":   {baseFee: 20, tooHigh: true},
		"no signer saw it, and blocks want less":   {baseFee: 5},
		"a signer saw it":                          {offered: true, same: true},
		"a signer saw it, and prices have limits":  {offered: true, most: true, room: true, same: true},
		"a signer saw it, and blocks want more":    {offered: true, baseFee: 20, tooHigh: true},
		"a signer may have sent it":                {offered: true, room: true},
		"it is signed":                             {signed: true, tooHigh: true},
		"it is signed, and prices have limits":     {signed: true, most: true, room: true, tooHigh: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			if c.legacy {
				f.baseFee = nil
			}
			b := fakeTill(t, f)
			tx := b.plan(b.payment(b.coin, someone, 5))
			tx.Versions[0].Offered = c.offered
			if c.signed {
				b.sign(tx)
			}
			if c.baseFee > 0 {
				f.baseFee = big.NewInt(c.baseFee * 1e9)
			}
			if c.most {
				b.config.Fees.MaxPrice = big.NewInt(21e9)
				b.restart()
			}
			first, greatest := tx.Last().Fee, tx.Last().Fee
			if c.room {
				greatest = new(big.Int).Mul(first, big.NewInt(2))
			}
			tx.Cancel = true
			v, err := b.spender.Replace(t.Context(), b, *tx, greatest)
			if c.tooHigh {
				require.ErrorIs(t, err, payout.ErrFeeTooHigh)
				return
			}
			require.NoError(t, err)
			require.True(t, v.Cancels)
			require.Equal(t, tx.Anchor, v.Spends[0])
			require.LessOrEqual(t, v.Fee.Cmp(greatest), 0)
			switch {
			case c.same:
				require.Equal(t, first.String(), v.Fee.String())
			case c.room:
				require.Equal(t, eighth(first).String(), v.Fee.String(), "where it was sent it is replaced")
			default:
				require.Negative(t, v.Fee.Cmp(first))
			}
		})
	}
}

// The cancellation of what is signed elsewhere replaces all that is signed here.
func TestReplace_ACancellationReplacesWhatIsSigned(t *testing.T) {
	b := fakeTill(t, newFake())
	tx := b.sign(b.plan(b.payment(b.coin, someone, 5)))
	second, err := b.spender.Replace(t.Context(), b, *tx, ether)
	require.NoError(t, err)
	second.Offered = true
	tx.Versions, tx.Cancel = append(tx.Versions, second), true
	v, err := b.spender.Replace(t.Context(), b, *tx, second.Fee)
	require.NoError(t, err)
	require.Equal(t, second.Fee.String(), v.Fee.String())
	_, err = b.spender.Replace(t.Context(), b, *tx, new(big.Int).Sub(second.Fee, big.NewInt(21_000)))
	require.ErrorIs(t, err, payout.ErrFeeTooHigh)
}

// An operator chooses what the next version costs at most, whatever a node suggests, and the tip gets what is left.
func TestHurry_ANextVersionCostsWhatWasChosen(t *testing.T) {
	for _, legacy := range []bool{false, true} {
		f := newFake()
		f.baseFee, f.tip = big.NewInt(10e9), big.NewInt(1e9)
		if legacy {
			f.baseFee, f.price = nil, big.NewInt(11e9)
		}
		b := fakeTill(t, f)
		tx := b.plan(b.payment(b.coin, someone, 5))
		first := b.signed(tx)
		f.tip, f.price = big.NewInt(90e9), big.NewInt(90e9) // suggestions
		hurried := func(fee *big.Int) (payout.Version, error) {
			t := *tx
			t.Hurry = &payout.Hurry{Fee: fee}
			return b.spender.Replace(b.t.Context(), b, t, fee)
		}
		least, err := b.spender.Replace(t.Context(), b, func() payout.Transaction {
			t := *tx
			t.Hurry = &payout.Hurry{Fee: big.NewInt(1)}
			return t
		}(), ether)
		require.NoError(t, err)
		require.Equal(t, new(big.Int).Div(new(big.Int).Mul(tx.Last().Fee, big.NewInt(9)), big.NewInt(8)), least.Fee, "an eighth more")
		_, err = hurried(new(big.Int).Sub(least.Fee, big.NewInt(1)))
		require.ErrorIs(t, err, payout.ErrFeeTooHigh)

		fee := new(big.Int).Add(new(big.Int).Mul(least.Fee, big.NewInt(2)), big.NewInt(1))
		v, err := hurried(fee)
		require.NoError(t, err)
		rest := new(big.Int).Sub(fee, v.Fee)
		require.True(t, rest.Sign() >= 0 && rest.Cmp(new(big.Int).SetUint64(first.Gas())) < 0, "rounded down to the price of gas: %s", rest)
		tx.Versions = append(tx.Versions, v)
		next := b.signed(tx)
		require.Equal(t, first.Value(), next.Value())
		want := new(big.Int).Sub(next.GasFeeCap(), big.NewInt(20e9))
		if legacy {
			want = next.GasFeeCap()
		}
		require.Equal(t, want, next.GasTipCap())
	}
}

func TestHurry_WhatNoBlockTakesIsNotMade(t *testing.T) {
	f := newFake()
	b := fakeTill(t, f)
	tx := b.plan(b.payment(b.coin, someone, 5))
	b.sign(tx)
	f.baseFee = big.NewInt(100e9)
	tx.Hurry = &payout.Hurry{Fee: new(big.Int).Mul(tx.Last().Fee, big.NewInt(2))}
	_, err := b.spender.Replace(t.Context(), b, *tx, tx.Hurry.Fee)
	require.ErrorIs(t, err, payout.ErrFeeTooHigh)
}

func TestP10_WhatNodesSayOfATransaction(t *testing.T) {
	for text, want := range map[string]payout.Refusal{
		"already known":                                               "",
		"AlreadyKnown":                                                "",
		"Known transaction":                                           "",
		"transaction already imported":                                "",
		"nonce too low: next nonce 5, tx 3":                           payout.RefusedSpent,
		"OldNonce, Current nonce: 5":                                  payout.RefusedSpent,
		"replacement transaction underpriced":                         payout.RefusedFee,
		"transaction underpriced: gas tip cap 1, minimum needed 2":    payout.RefusedFee,
		"transaction gas price below minimum: 1":                      payout.RefusedFee,
		"max fee per gas less than block base fee: address 0x1":       payout.RefusedFee,
		"FeeTooLow, MaxFeePerGas too low":                             payout.RefusedFee,
		"insufficient funds for gas * price + value: balance 1":       payout.RefusedCoins,
		"Insufficient funds for gas * price + value":                  payout.RefusedCoins,
		"Upfront cost exceeds account balance":                        payout.RefusedCoins,
		"nonce too high":                                              payout.RefusedTooSoon,
		"gapped-nonce tx from delegated accounts":                     payout.RefusedTooSoon,
		"in-flight transaction limit reached for delegated accounts":  payout.RefusedTooSoon,
		"address already reserved":                                    payout.RefusedTooSoon,
		"exceeds block gas limit":                                     payout.RefusedInvalid,
		"intrinsic gas too low: gas 1":                                payout.RefusedInvalid,
		"oversized data":                                              payout.RefusedInvalid,
		"invalid sender":                                              payout.RefusedInvalid,
		"invalid chain id for signer: have 1 want 2":                  payout.RefusedInvalid,
		"tx fee (2.00 ether) exceeds the configured cap (1.00 ether)": payout.RefusedInvalid,
		"max priority fee per gas higher than max fee per gas: address 0x1, maxPriorityFe": payout.RefusedInvalid,
		"rate limit exceeded": "unknown",
		"internal error":      "unknown",
		"txpool is full":      "unknown",
		"":                    "unknown",
	} {
		f := newFake()
		f.answers["eth_sendRawTransaction"] = func([]string) (any, error) { return nil, codedError{-32000, text} }
		b := fakeTill(t, f)
		err := b.spender.Send(t.Context(), b.sign(b.plan(b.payment(b.coin, someone, 1))).Last())
		var no *payout.RefusedError
		switch want {
		case "":
			require.NoError(t, err, text)
		case "unknown":
			require.Error(t, err, text)
			require.False(t, errors.As(err, &no), text)
		default:
			require.ErrorAs(t, err, &no, text)
			require.Equal(t, want, no.Code, text)
		}
	}
}

func TestP6_AnErrorThatIsNotTheNodesLeavesOpenWhetherItWasTaken(t *testing.T) {
	for _, failure := range []error{
		context.DeadlineExceeded, errors.New("nonce too low"), rpc.HTTPError{StatusCode: 502, Body: []byte("already known")},
	} {
		f := newFake()
		f.answers["eth_sendRawTransaction"] = func([]string) (any, error) { return nil, failure }
		b := fakeTill(t, f)
		err := b.spender.Send(t.Context(), b.sign(b.plan(b.payment(b.coin, someone, 1))).Last())
		require.Error(t, err)
		var no *payout.RefusedError
		require.False(t, errors.As(err, &no), failure)
	}
	f := newFake()
	f.answers["eth_sendRawTransaction"] = func([]string) (any, error) { return common.Hash{1}, nil }
	b := fakeTill(t, f)
	tx := b.plan(b.payment(b.coin, someone, 1))
	require.ErrorContains(t, b.spender.Send(t.Context(), tx.Last()), "not signed")
	require.ErrorContains(t, b.spender.Send(t.Context(), b.sign(tx).Last()), "names it")
}
