package evm_test

import (
	"context"
	"math/big"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	chainevm "github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/evm"
)

// sweeper returns a till on a fake node, whose deposit addresses have what the test wants: coins of each address on the
// chain, and a holding of tokens at address 3. Sweeps of tokens take 50,000 of gas.
func sweeper(t *testing.T, f *fakeNode, coins *big.Int) (*till, payout.Holding) {
	t.Helper()
	token, err := chainevm.ERC20(fakeNetwork, string(someone), "TKN", 6)
	require.NoError(t, err)
	f.answers["eth_call"] = func([]string) (any, error) { return hexutil.Bytes{}, nil }
	f.answers["eth_getCode"] = func([]string) (any, error) { return hexutil.Bytes{1}, nil }
	f.answers["eth_getBalance"] = func([]string) (any, error) { return (*hexutil.Big)(coins), nil }
	f.answers["eth_estimateGas"] = func(args []string) (any, error) {
		if len(args[0]) > 250 { // with call data
			return hexutil.Uint64(40_000), nil
		}
		return hexutil.Uint64(21_000), nil
	}
	b := fakeTill(t, f, func(c *evm.Config) {
		c.Assets = append(c.Assets, evm.Asset{Asset: token, MinSweep: big.NewInt(1000)})
	})
	b.token = token
	return b, b.holds(3, token, big.NewInt(5000))
}

// holds notes that deposit address number index has something.
func (b *till) holds(index uint32, asset chain.Asset, units *big.Int) payout.Holding {
	b.t.Helper()
	to, err := b.config.Wallet.Address(b.t.Context(), index)
	require.NoError(b.t, err)
	h := b.spender.Holding(payout.Deposit{Asset: asset.ID, To: to, Units: units, Index: index, Wallet: b.config.Wallet.Name()})
	b.holdings[h.Name] = h
	return h
}

// holdsLane notes that the lane of top-ups has coins.
func (b *till) holdsLane(units *big.Int) {
	name := string(b.spender.TopUpLane()) + "/" + string(b.coin.ID)
	b.holdings[name] = payout.Holding{Network: b.network, Name: name, Asset: b.coin.ID, Address: b.spender.TopUpLane(), Units: units}
}

// The most that the sweep of a token costs on a fakeNode, and a top-up.
var (
	tokenFee = big.NewInt(50_000 * 21e9)
	coinFee  = big.NewInt(21_000 * 21e9)
)

func TestP25_TheTopUpIsWhatIsMissingForTheSweep(t *testing.T) {
	for name, has := range map[string]*big.Int{"nothing": new(big.Int), "something": big.NewInt(7e13)} {
		f := newFake()
		b, h := sweeper(t, f, has)
		b.holds(3, b.coin, has)
		missing := new(big.Int).Sub(tokenFee, has)
		need := new(big.Int).Add(missing, coinFee)
		b.holdsLane(new(big.Int).Sub(need, big.NewInt(1)))
		_, _, err := b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
		require.ErrorIs(t, err, payout.ErrNoCoins, name)
		b.holdsLane(need)
		plan, purpose, err := b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
		require.NoError(t, err, name)
		require.Equal(t, payout.PurposeTopUp, purpose)
		require.Equal(t, missing.String(), plan.Version.Moves[1].Units.String(), name)
		require.Equal(t, h.Address, plan.Version.Moves[1].Holding.Address)
		require.Equal(t, new(big.Int).Neg(need).String(), plan.Version.Moves[0].Units.String(), name)
		b.keep(plan, purpose)
		_, _, err = b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
		require.ErrorIs(t, err, payout.ErrNoCoins, "there is never a second one")
	}
}

func TestP25_FeesThatRiseAfterTheTopUpAreNoReasonForAnother(t *testing.T) {
	f := newFake()
	b, h := sweeper(t, f, tokenFee)
	b.holds(3, b.coin, tokenFee)
	b.holdsLane(ether)
	f.baseFee = big.NewInt(15e9) // more than twice as much, 31 with the tip, is not there
	plan, purpose, err := b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
	require.NoError(t, err)
	require.Equal(t, payout.PurposeSweep, purpose)
	require.Equal(t, tokenFee.String(), plan.Version.Fee.String())
	require.Equal(t, "-"+tokenFee.String(), plan.Version.Moves[0].Units.String())
	require.Equal(t, "-5000", plan.Version.Moves[1].Units.String())
	require.Equal(t, "5000", plan.Version.Moves[2].Units.String())
	require.Equal(t, b.spender.Lane(), plan.Version.Moves[2].Holding.Address)

	f.baseFee = big.NewInt(19e9) // and an eighth, and the tip: blocks may not take it
	_, purpose, err = b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
	require.NoError(t, err)
	require.Equal(t, payout.PurposeTopUp, purpose)
}

func TestP25_CoinsThatAreNotBookedAreNotSpent(t *testing.T) {
	f := newFake()
	b, h := sweeper(t, f, ether) // somebody paid more than we know of
	b.holdsLane(ether)
	_, purpose, err := b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
	require.NoError(t, err)
	require.Equal(t, payout.PurposeTopUp, purpose)

	coins := b.holds(4, b.coin, big.NewInt(1e17))
	plan, purpose, err := b.spender.Sweep(t.Context(), b, coins, payout.SweepOrder{})
	require.NoError(t, err)
	require.Equal(t, payout.PurposeSweep, purpose)
	require.Equal(t, "-100000000000000000", plan.Version.Moves[0].Units.String())
	require.Equal(t, new(big.Int).Sub(big.NewInt(1e17), coinFee).String(), plan.Version.Moves[1].Units.String())
}

func TestP25_CoinsThatCameForTheSweepOfATokenAreNotSweptBack(t *testing.T) {
	f := newFake()
	b, tokens := sweeper(t, f, ether)
	coins := b.holds(3, b.coin, big.NewInt(1e17))
	_, _, err := b.spender.Sweep(t.Context(), b, coins, payout.SweepOrder{})
	require.ErrorIs(t, err, payout.ErrNoCoins)
	plan, purpose, err := b.spender.Sweep(t.Context(), b, tokens, payout.SweepOrder{})
	require.NoError(t, err)
	require.Equal(t, payout.PurposeSweep, purpose)
	tx := b.keep(plan, purpose)
	b.release(tx, payout.StageBuried)
	b.holds(3, b.token, big.NewInt(999)) // less than MinSweep
	_, _, err = b.spender.Sweep(t.Context(), b, coins, payout.SweepOrder{})
	require.NoError(t, err)
}

func TestAWalletThatFindsNoSingleHoldingIsVisited(t *testing.T) {
	b := fakeTill(t, newFake())
	for i := range uint32(5) {
		b.holds(i, b.coin, ether)
	}
	for _, w := range []payout.Wallet{b, struct{ payout.Wallet }{b}} {
		p := b.payment(b.coin, someone, 1)
		p.Units = new(big.Int).Mul(ether, big.NewInt(99))
		_, err := b.spender.Plan(t.Context(), w, []payout.Payout{p})
		require.NoError(t, err)
		p.Units = new(big.Int).Mul(ether, big.NewInt(100))
		_, err = b.spender.Plan(t.Context(), w, []payout.Payout{p})
		require.ErrorIs(t, err, payout.ErrNoCoins)
	}
}

func TestP25_A48_Incident50_WhatIsNotWorthItsFeeStays(t *testing.T) {
	f := newFake()
	b, h := sweeper(t, f, ether)
	b.holdsLane(ether)
	least := new(big.Int).Mul(coinFee, big.NewInt(11))
	_, _, err := b.spender.Sweep(t.Context(), b, b.holds(5, b.coin, least), payout.SweepOrder{})
	require.NoError(t, err)
	now, dear := payout.SweepOrder{Now: true}, payout.SweepOrder{Now: true, Dear: true}
	for name, c := range map[string]struct {
		holding         payout.Holding
		is, now, anyhow error
	}{
		"coins of less than ten fees": {b.holds(5, b.coin, new(big.Int).Sub(least, big.NewInt(1))), payout.ErrTooDear, payout.ErrTooDear, nil},
		"coins of a fee":              {b.holds(7, b.coin, coinFee), payout.ErrNoCoins, payout.ErrNoCoins, payout.ErrNoCoins},
		"tokens below MinSweep":       {b.holds(6, b.token, big.NewInt(999)), payout.ErrNoCoins, nil, nil},
	} {
		for o, is := range map[payout.SweepOrder]error{{}: c.is, now: c.now, dear: c.anyhow} {
			_, _, err := b.spender.Sweep(t.Context(), b, c.holding, o)
			require.ErrorIs(t, err, is, "%s, %v", name, o)
		}
	}
	b.config.Fees.MaxPrice = big.NewInt(20e9)
	b.restart()
	_, _, err = b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
	require.ErrorIs(t, err, payout.ErrNoCoins, "gas is dear")
	require.ErrorIs(t, err, payout.ErrFeeTooHigh)
}

func TestSweep_RefusesWhatIsNoDepositOfTheWallet(t *testing.T) {
	f := newFake()
	b, h := sweeper(t, f, ether)
	other := h
	other.Index++
	_, _, err := b.spender.Sweep(t.Context(), b, other, payout.SweepOrder{})
	require.ErrorContains(t, err, "is not address 0/4")
	lane := b.spender.Holding(payout.Deposit{Asset: b.token.ID, To: b.spender.Lane(), Units: big.NewInt(5000)})
	_, _, err = b.spender.Sweep(t.Context(), b, lane, payout.SweepOrder{})
	require.Error(t, err)
	lane.Branch = 1
	_, _, err = b.spender.Sweep(t.Context(), b, lane, payout.SweepOrder{})
	require.ErrorContains(t, err, "pays, and is not swept")
	h.Asset = chain.AssetID(string(fakeNetwork) + "/erc20:0x0000000000000000000000000000000000000009")
	_, _, err = b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
	refused(t, err, payout.RefusedAsset)
}

func TestSweep_ATokenThatFreezesTheDepositSaysSo(t *testing.T) {
	f := newFake()
	b, h := sweeper(t, f, ether)
	f.answers["eth_call"] = func(args []string) (any, error) {
		if len(args[0]) < 180 { // balanceOf
			return hexutil.Encode(big.NewInt(5000).FillBytes(make([]byte, 32))), nil
		}
		return nil, codedError{3, "execution reverted: frozen"}
	}
	_, _, err := b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
	refused(t, err, payout.RefusedContract)
	require.ErrorContains(t, err, "frozen")
}

func TestReplace_ASweepOfCoinThatWouldBringNothingIsNotMade(t *testing.T) {
	f := newFake()
	b, _ := sweeper(t, f, ether)
	h := b.holds(4, b.coin, new(big.Int).Mul(coinFee, big.NewInt(11)))
	plan, purpose, err := b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
	require.NoError(t, err)
	tx := b.sign(b.keep(plan, purpose))
	f.baseFee = big.NewInt(200e9)
	_, err = b.spender.Replace(t.Context(), b, *tx, new(big.Int).Mul(coinFee, big.NewInt(100)))
	require.ErrorIs(t, err, payout.ErrNoCoins)
}

func TestReplace_TheSenderMustHaveTheHigherFee(t *testing.T) {
	f := newFake()
	b := fakeTill(t, f)
	p := b.payment(b.coin, someone, 1)
	p.Units = new(big.Int).Sub(new(big.Int).Mul(ether, big.NewInt(100)), coinFee)
	tx := b.sign(b.plan(p))
	_, err := b.spender.Replace(t.Context(), b, *tx, ether)
	require.ErrorIs(t, err, payout.ErrNoCoins)
	tx.Cancel = true
	v, err := b.spender.Replace(t.Context(), b, *tx, ether)
	require.NoError(t, err, "what is not paid is there for the fee")
	require.True(t, v.Cancels)
}

// meddler does something at the n-th call of a wallet or a node, before it is answered: what another process does meanwhile.
type meddler struct {
	*till
	*fakeNode
	calls, at int
	do        func()
}

func (m *meddler) called() {
	if m.calls++; m.calls == m.at {
		m.do()
	}
}

func (m *meddler) Holding(ctx context.Context, name string) (payout.Holding, error) {
	m.called()
	return m.till.Holding(ctx, name)
}

func (m *meddler) Open(ctx context.Context) ([]payout.Transaction, error) {
	m.called()
	return m.till.Open(ctx)
}

func (m *meddler) Locked(ctx context.Context, names []string) (map[string]string, error) {
	m.called()
	return m.till.Locked(ctx, names)
}

func (m *meddler) CallContext(ctx context.Context, result any, method string, args ...any) error {
	m.called()
	return m.fakeNode.CallContext(ctx, result, method, args...)
}

func (m *meddler) BatchCallContext(ctx context.Context, batch []rpc.BatchElem) error {
	m.called()
	return m.fakeNode.BatchCallContext(ctx, batch)
}

// What a balance has is not locked by name. Two processes that plan at once, on a store without leases, still never take it
// twice: one sees what the other has stored, or takes the same number, and the store refuses the second.
func TestTwoThatPlanAtOnceTakeNothingTwice(t *testing.T) {
	type planned func(*till, payout.Wallet) (payout.Plan, payout.Purpose, error)
	token := func(b *till, w payout.Wallet) (payout.Plan, payout.Purpose, error) {
		b.holds(3, b.coin, tokenFee)
		return b.spender.Sweep(b.t.Context(), w, b.holds(3, b.token, big.NewInt(5000)), payout.SweepOrder{})
	}
	topUp := func(b *till, w payout.Wallet) (payout.Plan, payout.Purpose, error) {
		b.holdsLane(ether)
		return b.spender.Sweep(b.t.Context(), w, b.holds(3, b.token, big.NewInt(5000)), payout.SweepOrder{})
	}
	coinOf := func(index uint32) planned {
		return func(b *till, w payout.Wallet) (payout.Plan, payout.Purpose, error) {
			return b.spender.Sweep(b.t.Context(), w, b.holds(index, b.coin, ether), payout.SweepOrder{})
		}
	}
	pay := func(b *till, w payout.Wallet) (payout.Plan, payout.Purpose, error) {
		p := b.payment(b.coin, someone, 1)
		p.Units = new(big.Int).Mul(ether, big.NewInt(99))
		plan, err := b.spender.Plan(b.t.Context(), w, []payout.Payout{p})
		return plan, payout.PurposePay, err
	}
	for name, c := range map[string]struct{ first, second planned }{
		"a token twice":                   {token, token},
		"the top-up for a token twice":    {topUp, topUp},
		"coin twice":                      {coinOf(4), coinOf(4)},
		"coin, after a token":             {token, coinOf(3)},
		"nearly all of the lane's, twice": {pay, pay},
	} {
		for _, mined := range []bool{false, true} {
			at := 1
			for ; plansAfter(t, name, at, mined, c.first, c.second); at++ {
			}
			require.Greater(t, at, 4, "%s: too little is asked", name)
		}
	}
}

// plansAfter checks that the second plan takes nothing that the first one takes, which another process stores, and may even
// have mined, at the n-th call that the second one makes. It returns false once there are fewer calls.
func plansAfter(
	t *testing.T, name string, at int, mined bool, one, two func(*till, payout.Wallet) (payout.Plan, payout.Purpose, error),
) bool {
	t.Helper()
	f := newFake()
	b, _ := sweeper(t, f, ether)
	first, purpose, err := one(b, b)
	require.NoError(t, err)
	m := &meddler{till: b, fakeNode: f, at: at}
	m.do = func() {
		b.keep(first, purpose)
		if mined { // in no final block: the books do not know it yet
			f.count = 1
			f.answers["eth_getBalance"] = func([]string) (any, error) { return (*hexutil.Big)(new(big.Int)), nil }
			f.answers["eth_call"] = func([]string) (any, error) { return hexutil.Encode(make([]byte, 32)), nil }
			f.answers["eth_estimateGas"] = func([]string) (any, error) { return nil, codedError{-32000, "insufficient funds"} }
		}
	}
	b.config.RPC = m
	b.restart()
	second, _, err := two(b, m)
	switch {
	case m.calls < at:
		return false
	case err == nil:
		locked := func(lock string) bool { return b.locks[lock] != "" }
		require.True(t, slices.ContainsFunc(second.Version.Spends, locked), "%s, call %d: %v", name, at, second.Version.Spends)
	default:
		require.ErrorIs(t, err, payout.ErrNoCoins, "%s, call %d", name, at)
	}
	return true
}
