package evm_test

import (
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/chaintest"
	"github.com/cointill/cointill/chain/evm/evmtest"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/evm"
)

func TestGeth(t *testing.T) { suite(t, evmtest.NewGeth(t), false) }

func TestAnvil(t *testing.T) { suite(t, evmtest.NewAnvil(t), true) }

// suite runs all cases on one node, each with a wallet of its own.
func suite(t *testing.T, w chaintest.World, anvil bool) {
	for _, c := range []struct {
		name  string
		run   func(t *testing.T, w chaintest.World)
		anvil bool // needs a node that can be told to forget
	}{
		{"PaysCoinAndToken", paysCoinAndToken, false},
		{"PaysContracts", paysContracts, false},
		{"TokensReturnNothingTrueOrFalse", tokensReturn, false},
		{"ABlockedReceiverIsRefusedAndAPausedTokenWaits", blockedAndPaused, false},
		{"P27_WhatIsMinedAndMovedNothingHasFailed", minedAndFailed, false},
		{"P27_ATokenThatMovesSomethingElseIsNeitherPaidNorFailed", movesSomethingElse, false},
		{"P10_AStuckTransactionIsReplacedUntilOneIsMined", replaced, false},
		{"P10_ACancelledPayoutIsPaidToOurselves", cancelled, false},
		{"P8_TheNumberOfWhatWasNeverSignedHoldsUpNoOther", neverSigned, false},
		{"P10_WhatTheSignerSentByItselfIsPaidAndNotCancelled", sentBySigner, false},
		{"P8_AGapIsFilledFirst", gapFilled, false},
		{"P8_WhatANodeForgotIsSentAgainAsItWas", forgotten, true},
		{"P9_TheNodesPendingCountIsNoNonce", pendingIsNoNonce, false},
		{"P11_ForeignUseOfTheKeyStopsTheAddress", foreignUse, false},
		{"P11_AVersionThatTheSignersProgramChangedIsStillOurs", changedBySigner, false},
		{"P20_AReorganisationChangesNothing", reorganised, false},
		{"P20_WhatAReorganisationDroppedIsSentAgain", droppedByReorganisation, true},
		{"P25_SweepsATokenWithOneTopUp", sweepsToken, false},
		{"P25_SweepsCoinAndLeavesTheFee", sweepsCoin, false},
		{"P30_AStuckSweepKeepsNoPayoutWaiting", stuckSweep, false},
		{"P30_ForeignUseOfADepositKeyStopsThatAddressAlone", foreignDeposit, false},
		{"TwentyPayoutsInOrder", twentyPayouts, false},
		{"ThePayoutOfEverythingHasNoRoomForTheFee", everything, false},
		{"TheNodeOfAnotherChainIsAnError", anotherChain, false},
		{"FundingIsWhatOthersBring", funding, false},
		{"P24_WhatOthersPaidIsFound", received, false},
		{"FinalIsTheNodesWord", finalByTag, false},
	} {
		if c.anvil && !anvil {
			continue
		}
		t.Run(c.name, func(t *testing.T) { c.run(t, w) })
	}
}

func paysCoinAndToken(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	for _, asset := range w.Assets() {
		to := w.Address(t)
		checked, err := b.spender.Receiver(t.Context(), asset, string(to), big.NewInt(1234))
		require.NoError(t, err)
		require.Equal(t, to, checked)
		tx := b.plan(b.payment(asset, to, 1234))
		require.Equal(t, payout.Look{Versions: []payout.Sighting{{}}}, b.look(tx), "unsigned")
		require.Equal(t, payout.Look{Versions: []payout.Sighting{{}}}, b.look(b.sign(tx)), "not sent")
		b.send(b.send(tx)) // the second time says that the node has it
		require.Equal(t, payout.Look{Versions: []payout.Sighting{{Pooled: true}}}, b.look(tx))

		w.Mine(t, 1)
		seen := b.look(tx).Versions[0]
		require.Positive(t, seen.Height)
		require.False(t, seen.Final || seen.Buried || seen.Failed || seen.Pooled)
		w.Mine(t, depth-1)
		require.True(t, b.look(tx).Versions[0].Final)
		w.Mine(t, depth)
		require.True(t, b.look(tx).Versions[0].Buried)
		b.post(tx)
		require.Equal(t, "1234", b.balance(asset, to))
		b.balanced()

		var no *payout.RefusedError
		require.ErrorAs(t, b.spender.Send(t.Context(), tx.Last()), &no, "it is mined")
		require.Equal(t, payout.RefusedSpent, no.Code)
	}
}

func paysContracts(t *testing.T, w chaintest.World) {
	b, q := withQuirks(t, w)
	_, err := b.spender.Receiver(t.Context(), b.coin, string(q.address()), big.NewInt(1))
	require.NoError(t, err)
	tx := b.start(b.payment(b.coin, q.address(), 777))
	u, err := evm.ParseUnsigned(tx.Last().Unsigned)
	require.NoError(t, err)
	require.Greater(t, u.Fee.Cmp(new(big.Int)), 0)
	require.False(t, b.settle(tx).Failed)
	require.Equal(t, "777", b.balance(b.coin, q.address()), "21,000 of gas would not have been enough")

	q.tell("refuse(address,uint256)", q.address(), 1)
	w.Mine(t, 1)
	_, err = b.spender.Receiver(t.Context(), b.coin, string(q.address()), big.NewInt(1))
	refused(t, err, payout.RefusedContract)
	bad, good := b.payment(b.coin, q.address(), 1), b.payment(b.coin, w.Address(t), 1)
	plan, err := b.spender.Plan(t.Context(), b, []payout.Payout{bad})
	require.NoError(t, err)
	require.Empty(t, plan.Payouts)
	require.Contains(t, plan.Refused[bad.ID], "revert")
	plan, err = b.spender.Plan(t.Context(), b, []payout.Payout{bad, good})
	require.NoError(t, err)
	require.Equal(t, []string{good.ID}, plan.Payouts)
	require.Contains(t, plan.Refused, bad.ID)
}

func refused(t *testing.T, err error, code payout.Refusal) {
	t.Helper()
	var no *payout.RefusedError
	require.ErrorAs(t, err, &no)
	require.Equal(t, code, no.Code, no.Reason)
}

func tokensReturn(t *testing.T, w chaintest.World) {
	b, q := withQuirks(t, w)
	for mode := range int64(2) { // nothing, true
		q.mode(mode)
		w.Mine(t, 1)
		to := w.Address(t)
		require.False(t, b.settle(b.start(b.payment(q.asset, to, 10))).Failed)
		require.Equal(t, "10", b.balance(q.asset, to))
	}
	b.balanced()
	q.mode(2)
	w.Mine(t, 1)
	_, err := b.spender.Receiver(t.Context(), q.asset, string(w.Address(t)), big.NewInt(1))
	refused(t, err, payout.RefusedContract)
	_, err = b.spender.Plan(t.Context(), b, []payout.Payout{b.payment(q.asset, w.Address(t), 1)})
	refused(t, err, payout.RefusedContract)
	require.ErrorContains(t, err, "false")
	_, err = b.spender.Receiver(t.Context(), q.asset, string(w.Address(t)), big.NewInt(1_000_000))
	require.NoError(t, err, "the lane has not so many, and nobody knows what the token will say")
}

func blockedAndPaused(t *testing.T, w chaintest.World) {
	b, q := withQuirks(t, w)
	bad := w.Address(t)
	q.tell("block_(address,uint256)", bad, 1)
	w.Mine(t, 1)
	_, err := b.spender.Receiver(t.Context(), q.asset, string(bad), big.NewInt(1))
	refused(t, err, payout.RefusedContract)
	p := b.payment(q.asset, bad, 1)
	plan, err := b.spender.Plan(t.Context(), b, []payout.Payout{p})
	require.NoError(t, err)
	require.Contains(t, plan.Refused[p.ID], "blacklisted")

	for name, tell := range map[string]func(yes int64){
		"paused": func(yes int64) { q.mode(3 * yes) },
		"lane":   func(yes int64) { q.tell("block_(address,uint256)", b.spender.Lane(), yes) },
	} {
		tell(1)
		w.Mine(t, 1)
		_, err := b.spender.Plan(t.Context(), b, []payout.Payout{b.payment(q.asset, w.Address(t), 1)})
		refused(t, err, payout.RefusedContract)
		require.ErrorContains(t, err, "moves nothing", name)
		first, second, coin := b.payment(q.asset, w.Address(t), 1), b.payment(q.asset, w.Address(t), 1), b.payment(b.coin, w.Address(t), 1)
		plan, err := b.spender.Plan(t.Context(), b, []payout.Payout{first, second, coin})
		require.NoError(t, err)
		require.Equal(t, []string{coin.ID}, plan.Payouts, "a token that stands still stops no other asset")
		require.Empty(t, plan.Refused)
		tell(0)
		w.Mine(t, 1)
	}
	require.False(t, b.settle(b.start(b.payment(q.asset, w.Address(t), 1))).Failed)
}

func minedAndFailed(t *testing.T, w chaintest.World) {
	b, q := withQuirks(t, w)
	for name, c := range map[string]struct {
		asset chain.Asset
		to    chain.Address
		spoil func()
		mend  func()
	}{
		"coin that a contract refuses": {
			b.coin, q.address(),
			func() { q.tell("refuse(address,uint256)", q.address(), 1) }, func() { q.tell("refuse(address,uint256)", q.address(), 0) },
		},
		"token that reverts":       {q.asset, w.Address(t), func() { q.mode(3) }, func() { q.mode(0) }},
		"token that returns false": {q.asset, w.Address(t), func() { q.mode(2) }, func() { q.mode(0) }},
	} {
		tx := b.start(b.payment(c.asset, c.to, 5))
		c.spoil()
		seen := b.settle(tx)
		require.True(t, seen.Failed, name)
		require.Positive(t, seen.Fee.Sign(), name)
		require.Equal(t, "0", b.balance(c.asset, c.to), name)
		b.balanced()
		c.mend()
		w.Mine(t, 1)
	}
	b.settle(b.start(b.payment(b.coin, w.Address(t), 1))) // the nonce is used
}

func movesSomethingElse(t *testing.T, w chaintest.World) {
	b, q := withQuirks(t, w)
	tx := b.start(b.payment(q.asset, w.Address(t), 5))
	q.mode(4)
	w.Mine(t, depth)
	_, err := b.spender.Look(t.Context(), *tx)
	require.ErrorContains(t, err, "something else")
}

func replaced(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	for _, asset := range w.Assets() {
		to := w.Address(t)
		tx := b.start(b.payment(asset, to, 99))
		first, err := evm.ParseUnsigned(tx.Last().Unsigned)
		require.NoError(t, err)
		for range 3 {
			last := tx.Last()
			next := b.replace(tx)
			require.GreaterOrEqual(t, ratio(next.Fee, last.Fee), int64(1125))
			u, err := evm.ParseUnsigned(next.Unsigned)
			require.NoError(t, err)
			require.Equal(t, first.To, u.To)
			require.Equal(t, first.Units.String(), u.Units.String())
			require.Equal(t, first.Nonce, u.Nonce)
			require.Equal(t, last.Spends, next.Spends)
		}
		_, err = b.spender.Replace(t.Context(), b, *tx, tx.Last().Fee)
		require.ErrorIs(t, err, payout.ErrFeeTooHigh)
		look := b.look(tx)
		require.True(t, look.Versions[3].Pooled)
		require.False(t, look.Versions[0].Pooled)
		seen := b.settle(tx)
		require.False(t, seen.Failed)
		require.Zero(t, b.look(tx).Versions[0].Height)
		require.Positive(t, b.look(tx).Versions[3].Height)
		require.False(t, b.look(tx).Taken)
		require.Equal(t, "99", b.balance(asset, to), "paid once")
		b.balanced()
	}
}

// ratio returns a thousand times a / b.
func ratio(a, b *big.Int) int64 {
	n := new(big.Int).Mul(a, big.NewInt(1000))
	return n.Div(n, b).Int64()
}

func cancelled(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	for _, asset := range w.Assets() {
		to := w.Address(t)
		tx := b.start(b.payment(asset, to, 99))
		tx.Cancel = true
		v := b.replace(tx)
		require.True(t, v.Cancels)
		require.Len(t, v.Moves, 1)
		u, err := evm.ParseUnsigned(v.Unsigned)
		require.NoError(t, err)
		require.Equal(t, u.From, u.To)
		require.Zero(t, u.Units.Sign())
		require.False(t, b.settle(tx).Failed)
		require.Equal(t, "0", b.balance(asset, to))
		b.balanced()
	}
}

// exported returns a transaction that a signer may have signed, and one after it that waits for it.
func exported(b *till, to chain.Address) (first, second *payout.Transaction) {
	first = b.plan(b.payment(b.coin, to, 10))
	first.Versions[0].Offered, first.Stage = true, payout.StageOffered
	second = b.start(b.payment(b.coin, to, 100))
	b.world.Mine(b.test, 1)
	require.Zero(b.t, b.look(second).Versions[0].Height, "it waits for the one before it")
	return first, second
}

// cancelFor makes and signs the version that cancels a transaction, which costs no more than the transaction itself.
func (b *till) cancelFor(tx *payout.Transaction) {
	b.t.Helper()
	tx.Cancel = true
	v, err := b.spender.Replace(b.t.Context(), b, *tx, tx.Last().Fee)
	require.NoError(b.t, err)
	tx.Versions = append(tx.Versions, v)
	require.NoError(b.t, tx.Check())
	b.sign(tx)
}

func neverSigned(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	to := w.Address(t)
	first, second := exported(b, to)
	b.cancelFor(first)
	b.send(first)
	b.settle(first)
	b.settle(second)
	require.Positive(t, b.look(first).Versions[1].Height)
	require.Equal(t, "100", b.balance(b.coin, to))
	b.balanced()
}

func sentBySigner(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	to := w.Address(t)
	first, second := exported(b, to)
	b.misuse(1, 0, 0, to, 10) // the signer's program, with a higher fee of its own
	b.cancelFor(first)
	refused(t, b.spender.Send(t.Context(), first.Last()), payout.RefusedFee)
	b.settle(second)
	look := b.look(first)
	require.True(t, look.Versions[0].Final)
	require.Zero(t, look.Versions[1].Height)
	require.Equal(t, "110", b.balance(b.coin, to), "each once")
}

func gapFilled(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	to := w.Address(t)
	first, second := b.start(b.payment(b.coin, to, 1)), b.plan(b.payment(b.coin, to, 10))
	third := b.start(b.payment(b.coin, to, 100))
	b.release(second, payout.StageDropped)
	w.Mine(t, 1)
	require.Zero(t, b.look(third).Versions[0].Height, "it waits for the one before it")
	fill := b.plan(b.payment(b.coin, to, 1000))
	require.Equal(t, second.Anchor, fill.Anchor)
	b.send(b.sign(fill))
	b.settle(first)
	b.post(fill)
	b.post(third)
	require.Equal(t, "1101", b.balance(b.coin, to))
	b.balanced()
}

func forgotten(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	to := w.Address(t)
	tx := b.start(b.payment(b.coin, to, 42))
	require.NoError(t, b.rpc.CallContext(t.Context(), nil, "anvil_dropTransaction", tx.Last().TxID))
	w.Mine(t, depth)
	require.Equal(t, payout.Look{Versions: []payout.Sighting{{}}}, b.look(tx), "which proves nothing")
	b.send(tx)
	b.settle(tx)
	require.Equal(t, "42", b.balance(b.coin, to))
}

func pendingIsNoNonce(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	to := w.Address(t)
	tx := b.sign(b.plan(b.payment(b.coin, to, 1))) // no node has it, so no node counts it
	b.restart()
	next := b.plan(b.payment(b.coin, to, 2))
	require.NotEqual(t, tx.Anchor, next.Anchor)
	b.send(b.sign(next))
	w.Mine(t, 1)
	b.send(tx)
	b.settle(tx)
	b.post(next)
	require.Equal(t, "3", b.balance(b.coin, to))
}

func foreignUse(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	to := w.Address(t)
	b.settle(b.start(b.payment(b.coin, to, 1)))
	tx := b.sign(b.plan(b.payment(b.coin, to, 10)))
	thief := w.Address(t)
	b.misuse(1, 0, 1, thief, 666)
	w.Mine(t, 1)
	require.Equal(t, payout.Look{Versions: []payout.Sighting{{}}, Taken: true}, b.look(tx))
	refused(t, b.spender.Send(t.Context(), tx.Last()), payout.RefusedSpent)
	w.Mine(t, 20)
	require.Equal(t, payout.Look{Versions: []payout.Sighting{{}}, Taken: true, TakenFinal: true}, b.look(tx))

	tx.Foreign = true
	_, err := b.spender.Plan(t.Context(), b, []payout.Payout{b.payment(b.coin, to, 1)})
	refused(t, err, payout.RefusedStopped)
	tx.Foreign = false
	b.misuse(1, 0, 2, thief, 666)
	w.Mine(t, 1)
	_, err = b.spender.Plan(t.Context(), b, []payout.Payout{b.payment(b.coin, to, 1)})
	refused(t, err, payout.RefusedStopped)
	require.ErrorContains(t, err, "Config.Acknowledged")
	require.Equal(t, "1", b.balance(b.coin, to))

	b.config.Acknowledged = map[chain.Address]uint64{b.spender.Lane(): 3}
	b.restart()
	require.Equal(t, fmt.Sprintf("nonce:%s:3", b.spender.Lane()), b.plan(b.payment(b.coin, to, 1)).Anchor)
}

func changedBySigner(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	to := w.Address(t)
	tx := b.plan(b.payment(b.coin, to, 10))
	tx.Stage = payout.StageOffered
	id := b.misuse(1, 0, 0, to, 10) // with a fee of its own
	w.Mine(t, depth)
	look := b.look(tx)
	require.Equal(t, id, look.Versions[0].TxID)
	require.False(t, look.Taken)
	require.True(t, look.Versions[0].Final)
	require.Positive(t, look.Versions[0].Fee.Sign())
}

func reorganised(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	for _, asset := range w.Assets() {
		to := w.Address(t)
		tx := b.start(b.payment(asset, to, 7))
		w.Mine(t, 1)
		before := b.look(tx).Versions[0]
		require.Positive(t, before.Height)
		tx.Mined, tx.Height = 0, before.Height
		w.Reorganise(t, 1)
		err := b.spender.Send(t.Context(), tx.Last()) // the same bytes, whatever became of them
		var no *payout.RefusedError
		if errors.As(err, &no) {
			require.Equal(t, payout.RefusedSpent, no.Code)
		} else {
			require.NoError(t, err)
		}
		require.False(t, b.look(tx).Taken)
		b.settle(tx)
		require.Equal(t, "7", b.balance(asset, to))
		b.balanced()
	}
}

func droppedByReorganisation(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	to := w.Address(t)
	var snapshot string
	require.NoError(t, b.rpc.CallContext(t.Context(), &snapshot, "evm_snapshot"))
	tx := b.start(b.payment(b.coin, to, 7))
	w.Mine(t, 2)
	seen := b.look(tx).Versions[0]
	tx.Mined, tx.Height = 0, seen.Height
	require.NoError(t, b.rpc.CallContext(t.Context(), nil, "evm_revert", snapshot))
	_, err := b.spender.Look(t.Context(), *tx)
	require.ErrorIs(t, err, evm.ErrBehind, "the chain is shorter than it was")
	_, err = b.spender.Plan(t.Context(), b, []payout.Payout{b.payment(b.coin, to, 1)})
	require.ErrorIs(t, err, evm.ErrBehind)
	w.Mine(t, 3)
	require.Equal(t, payout.Look{Versions: []payout.Sighting{{}}}, b.look(tx))
	tx.Mined, tx.Height = -1, 0
	b.send(tx)
	b.settle(tx)
	require.Equal(t, "7", b.balance(b.coin, to))
	b.balanced()
}

func sweepsToken(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	h := b.deposit(b.token, 5, big.NewInt(7_000_000))
	plan, purpose, err := b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
	require.NoError(t, err)
	require.Equal(t, payout.PurposeTopUp, purpose)
	require.Equal(t, string(b.spender.TopUpLane()), plan.Lane)
	require.Contains(t, plan.Version.Spends, "topup:"+string(h.Address))
	topUp := b.send(b.sign(b.keep(plan, purpose)))
	for range 2 { // whatever is asked meanwhile, it is topped up once
		_, _, err = b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
		require.ErrorIs(t, err, payout.ErrNoCoins)
		b.restart()
	}
	b.replace(topUp)
	require.Contains(t, topUp.Last().Spends, "topup:"+string(h.Address))
	b.settle(topUp)
	b.balanced()

	plan, purpose, err = b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
	require.NoError(t, err)
	require.Equal(t, payout.PurposeSweep, purpose)
	require.Equal(t, string(h.Address), plan.Lane)
	sweep := b.keep(plan, purpose)
	require.LessOrEqual(t, sweep.Last().Fee.Cmp(topUp.Last().Moves[1].Units), 0, "the top-up is what the sweep costs at most")
	b.send(b.sign(sweep))
	_, _, err = b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
	require.ErrorIs(t, err, payout.ErrNoCoins, "one at a time")
	b.settle(sweep)
	b.balanced()
	require.Equal(t, "0", b.holdings[h.Name].Units.String())
	require.Equal(t, "1007000000", b.balance(b.token, b.spender.Lane()))

	small := b.deposit(b.token, 6, big.NewInt(4_999_999))
	_, _, err = b.spender.Sweep(t.Context(), b, small, payout.SweepOrder{})
	require.ErrorIs(t, err, payout.ErrNoCoins, "less than MinSweep")
}

func sweepsCoin(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	h := b.deposit(b.coin, 9, big.NewInt(5e16))
	plan, purpose, err := b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
	require.NoError(t, err)
	require.Equal(t, payout.PurposeSweep, purpose)
	sweep := b.keep(plan, purpose)
	require.Equal(t, "-50000000000000000", sweep.Last().Moves[0].Units.String())
	b.send(b.sign(sweep))
	before := sweep.Last()
	b.replace(sweep)
	require.Equal(t, "-50000000000000000", sweep.Last().Moves[0].Units.String())
	require.Negative(t, sweep.Last().Moves[1].Units.Cmp(before.Moves[1].Units), "the higher fee is taken from it")
	b.settle(sweep)
	b.balanced()
	rest := b.holdings[h.Name]
	require.Equal(t, new(big.Int).Sub(sweep.Last().Fee, b.look(sweep).Versions[1].Fee).String(), rest.Units.String())
	_, _, err = b.spender.Sweep(t.Context(), b, rest, payout.SweepOrder{})
	require.ErrorIs(t, err, payout.ErrNoCoins)
}

func stuckSweep(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	h := b.deposit(b.token, 1, big.NewInt(6_000_000))
	plan, purpose, err := b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
	require.NoError(t, err)
	b.sign(b.keep(plan, purpose)) // and nobody sends it
	to := w.Address(t)
	b.settle(b.start(b.payment(b.token, to, 5)))
	require.Equal(t, "5", b.balance(b.token, to))
}

func foreignDeposit(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	bad, good := b.deposit(b.coin, 1, big.NewInt(5e16)), b.deposit(b.coin, 2, big.NewInt(5e16))
	plan, purpose, err := b.spender.Sweep(t.Context(), b, bad, payout.SweepOrder{})
	require.NoError(t, err)
	sweep := b.sign(b.keep(plan, purpose))
	b.misuse(0, 1, 0, w.Address(t), 1e15)
	w.Mine(t, 2*depth)
	require.True(t, b.look(sweep).TakenFinal)
	sweep.Foreign = true
	_, _, err = b.spender.Sweep(t.Context(), b, bad, payout.SweepOrder{})
	refused(t, err, payout.RefusedStopped)
	plan, purpose, err = b.spender.Sweep(t.Context(), b, good, payout.SweepOrder{})
	require.NoError(t, err)
	b.settle(b.send(b.sign(b.keep(plan, purpose))))
	b.settle(b.start(b.payment(b.coin, w.Address(t), 1)))
}

func twentyPayouts(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	var wait []payout.Payout
	var receivers []chain.Address
	for i := range 20 {
		receivers = append(receivers, w.Address(t))
		wait = append(wait, b.payment(w.Assets()[i%2], receivers[i], int64(i+1)))
	}
	var sent []*payout.Transaction
	for len(wait) > 0 {
		plan, err := b.spender.Plan(t.Context(), b, wait)
		if len(sent) == evm.MostInFlight {
			refused(t, err, payout.RefusedTooSoon)
			break
		}
		require.NoError(t, err)
		require.Equal(t, []string{wait[0].ID}, plan.Payouts, "in order")
		sent = append(sent, b.sign(b.keep(plan, payout.PurposePay)))
		wait = wait[1:]
	}
	for i := range sent { // the last one first: nodes keep them until the others are there
		b.send(sent[len(sent)-1-i])
	}
	b.mineUntil(payout.Sighting.Mined, sent...)
	for _, p := range wait {
		sent = append(sent, b.start(p))
	}
	w.Mine(t, depth)
	b.mineUntil(func(s payout.Sighting) bool { return s.Final }, sent...)
	for i, tx := range sent {
		require.False(t, b.post(tx).Failed)
		require.Equal(t, fmt.Sprint(i+1), b.balance(w.Assets()[i%2], receivers[i]))
	}
	b.balanced()
}

func everything(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	p := b.payment(b.coin, w.Address(t), 1)
	p.Units = ether
	_, err := b.spender.Plan(t.Context(), b, []payout.Payout{p})
	require.ErrorIs(t, err, payout.ErrNoCoins)
	first := b.payment(b.coin, w.Address(t), 1)
	first.Units = new(big.Int).Div(ether, big.NewInt(2))
	b.start(first)
	p.Units = first.Units
	_, err = b.spender.Plan(t.Context(), b, []payout.Payout{p})
	require.ErrorIs(t, err, payout.ErrNoCoins, "the greatest fee of what is under way is not free")
	small := b.payment(b.coin, w.Address(t), 1)
	plan, err := b.spender.Plan(t.Context(), b, []payout.Payout{p, small})
	require.NoError(t, err)
	require.Equal(t, []string{small.ID}, plan.Payouts, "what waits for coins keeps no other waiting")
	small.Fee = big.NewInt(21_000)
	_, err = b.spender.Plan(t.Context(), b, []payout.Payout{small})
	require.ErrorIs(t, err, payout.ErrFeeTooHigh)
	w.Mine(t, 1)
}

func anotherChain(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	tx := b.plan(b.payment(b.coin, w.Address(t), 1))
	c := b.config
	c.Network = "eip155:1"
	c.Assets = []evm.Asset{{Asset: chain.Asset{ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 18}}}
	s, err := evm.New(c)
	require.NoError(t, err)
	_, err = s.Plan(t.Context(), b, []payout.Payout{b.payment(c.Assets[0].Asset, w.Address(t), 1)})
	require.ErrorIs(t, err, chain.ErrWrongNetwork)
	_, err = s.Funding(t.Context(), "0x"+fmt.Sprintf("%064x", 1))
	require.ErrorIs(t, err, chain.ErrWrongNetwork)
	_, err = s.Look(t.Context(), *tx)
	require.Error(t, err)
}

func funding(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	id := w.Pay(t, b.token, b.spender.Lane(), big.NewInt(5))
	w.Mine(t, 1)
	_, err := b.spender.Funding(t.Context(), id)
	require.ErrorIs(t, err, payout.ErrNotFound, "not final yet")
	w.Mine(t, depth)
	moves, err := b.spender.Funding(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, moves, 1)
	require.Equal(t, "5", moves[0].Units.String())
	require.Equal(t, string(b.spender.Lane())+"/"+string(b.token.ID), moves[0].Holding.Name)
	for _, other := range []string{"", "0x12", hexutil.Encode(make([]byte, 32)), w.Pay(t, b.coin, w.Address(t), big.NewInt(1))} {
		w.Mine(t, depth)
		_, err := b.spender.Funding(t.Context(), other)
		require.ErrorIs(t, err, payout.ErrNotFound, other)
	}
	own := b.start(b.payment(b.coin, w.Address(t), 3))
	b.settle(own)
	_, err = b.spender.Funding(t.Context(), own.Last().TxID)
	require.ErrorIs(t, err, payout.ErrNotFound)
}

func received(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	to, other := w.Address(t), w.Address(t)
	for _, asset := range []chain.Asset{b.coin, b.token} {
		id := w.Pay(t, asset, to, big.NewInt(7))
		w.Mine(t, 1)
		_, err := b.spender.Received(t.Context(), id, to, asset.ID)
		require.ErrorIs(t, err, payout.ErrNotFound, "not final yet")
		w.Mine(t, depth)
		units, err := b.spender.Received(t.Context(), id, to, asset.ID)
		require.NoError(t, err)
		require.Equal(t, "7", units.String())
		_, err = b.spender.Received(t.Context(), id, other, asset.ID)
		require.ErrorIs(t, err, payout.ErrNotFound)
	}
	_, err := b.spender.Received(t.Context(), "x", to, b.coin.ID)
	require.ErrorIs(t, err, payout.ErrNotFound)
}

func finalByTag(t *testing.T, w chaintest.World) {
	b := newTill(t, w)
	b.config.Finality = evm.Finality{Tag: "finalized", Buried: 1}
	b.restart()
	tx := b.start(b.payment(b.coin, w.Address(t), 1))
	w.Mine(t, 1)
	require.False(t, b.look(tx).Versions[0].Final)
	w.Mine(t, 120)
	require.True(t, b.look(tx).Versions[0].Final)
}
