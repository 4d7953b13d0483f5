package tron_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	chaintron "github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/chain/tron/trontest"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/signer/signertest"
	"github.com/cointill/cointill/payout/tron"
)

const trx = 1_000_000 // sun

func TestPay_TRX(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 0)
	x := s.planned(s.payout("p1", s.trx, holder, 5*trx))
	v := x.Versions[0]
	require.Equal(t, later, v.At)
	require.Equal(t, "1000 sun/byte", v.Rate)
	require.Equal(t, []payout.Move{{Holding: s.laneHolding(s.trx), Units: big.NewInt(-5*trx - v.Fee.Int64()), Fee: true}}, v.Moves)

	_, look := s.look(x)
	require.Equal(t, payout.Look{Versions: []payout.Sighting{{}}}, look, "nothing is known before it is sent")
	s.send(x)
	seen, _ := s.look(x)
	require.Equal(t, payout.Sighting{Pooled: true}, seen)
	s.Edit("gettransactionfrompending", func(any) any { return map[string]any{"Error": "not supported"} })
	seen, _ = s.look(x)
	require.Equal(t, payout.Sighting{}, seen)
	s.Chain.Mine(1)
	seen, _ = s.look(x)
	require.True(t, seen.Mined())
	require.False(t, seen.Final || seen.Failed || seen.Pooled)
	seen = s.finish(x)
	require.True(t, seen.Buried)
	require.LessOrEqual(t, seen.Fee.Cmp(v.Fee), 0)
	require.EqualValues(t, 5*trx, s.Balance("", holder).Int64())
	s.agrees()
}

func TestPay_TRXToANewAccountCostsTheAccount(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 0)
	s.Give(holder, 1)
	old, fresh := s.planned(s.payout("p1", s.trx, holder, trx)), s.planned(s.payout("p2", s.trx, payee, trx))
	require.EqualValues(t, 1_100_000, new(big.Int).Sub(fresh.Versions[0].Fee, old.Versions[0].Fee).Int64())
	s.send(fresh)
	seen := s.finish(fresh)
	require.EqualValues(t, 1_100_000, seen.Fee.Int64())
}

func TestPay_TokenToAHolderAndToANewAddress(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 1000)
	x, y := s.planned(s.payout("p1", s.usdt, holder, 300)), s.planned(s.payout("p2", s.usdt, payee, 200))
	require.Equal(t, 1, y.Versions[0].Fee.Cmp(x.Versions[0].Fee), "the receiver decides about the energy")
	s.send(x)
	s.send(y)
	require.Len(t, s.Received(), 2)
	s.finish(x)
	s.Chain.Mine(1)
	seen := s.finish(y)
	require.False(t, seen.Failed)
	require.EqualValues(t, 301, s.Balance(usdtContract, holder).Int64())
	require.EqualValues(t, 200, s.Balance(usdtContract, payee).Int64())
	s.agrees()
}

// P26: a fee limit that was derived from the TRX to burn, none with enough of rented energy, ran out of energy.
func TestP26_TheFeeLimitIsThePriceOfTheEstimateWhateverIsStaked(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 1000)
	for _, price := range []int64{100, 210, 420} {
		s.SetPrice("getEnergyFee", price)
		for to, energy := range map[string]int64{holder: trontest.EnergyToHolder, payee: trontest.EnergyToNew} {
			x := s.planned(s.payout("p", s.usdt, to, 7))
			limit := (energy*price*6 + 4) / 5
			require.Contains(t, string(x.Versions[0].Unsigned), fmt.Sprintf(`"fee_limit":%d`, limit))
			require.Greater(t, x.Versions[0].Fee.Int64(), limit, "bandwidth comes on top")
			s.open, s.locks = nil, map[string]string{}
		}
	}
	require.Zero(t, s.Calls("wallet/getaccountresource"), "stakes are not asked for")
	s.SetPrice("getEnergyFee", 100)
	x := s.planned(s.payout("p", s.usdt, payee, 7))
	s.send(x)
	require.False(t, s.finish(x).Failed)
}

func TestPay_FailsWhenTheContractDoes(t *testing.T) {
	for _, result := range []string{"REVERT", "OUT_OF_ENERGY", "OUT_OF_TIME"} {
		s := newScene(t)
		s.fund(100*trx, 1000)
		x := s.planned(s.payout("p1", s.usdt, payee, 300))
		s.BreakCalls(result)
		s.send(x)
		s.Chain.Mine(1 + trontest.Solid)
		seen, look := s.look(x)
		require.True(t, seen.Failed && seen.Final && seen.Buried)
		require.False(t, look.Dead)
		require.Positive(t, seen.Fee.Sign())
		require.EqualValues(t, 1000, s.Balance(usdtContract, string(s.spender.Lane())).Int64())
	}
}

func TestLook_ConcludesNothingFromASuccessWithoutItsLog(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 1000)
	x := s.planned(s.payout("p1", s.usdt, payee, 300))
	s.send(x)
	s.Chain.Mine(1 + trontest.Solid)
	s.Edit("gettransactioninfobyid", func(answer any) any {
		delete(answer.(map[string]any), "log")
		return answer
	})
	_, err := s.spender.Look(t.Context(), *x)
	require.ErrorIs(t, err, chain.ErrIncomplete)
	s.Edit("gettransactioninfobyid", func(answer any) any {
		log := answer.(map[string]any)["log"].([]any)[0].(map[string]any)
		log["data"] = strings.Replace(log["data"].(string), "12c", "12b", 1)
		return answer
	})
	_, err = s.spender.Look(t.Context(), *x)
	require.ErrorIs(t, err, chain.ErrIncomplete)
	s.Edit("gettransactioninfobyid", nil)
	seen, _ := s.look(x)
	require.False(t, seen.Failed)
}

func TestLook_DoesNotTakeAnotherResultThanThatOfTheBlock(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 1000)
	x := s.planned(s.payout("p1", s.usdt, payee, 300))
	s.send(x)
	s.Chain.Mine(1 + trontest.Solid)
	s.Edit("gettransactioninfobyid", func(answer any) any {
		o := answer.(map[string]any)
		o["result"], o["receipt"].(map[string]any)["result"] = "FAILED", "REVERT"
		return o
	})
	_, err := s.spender.Look(t.Context(), *x)
	require.ErrorIs(t, err, chain.ErrIncomplete, "the root of the block says that it succeeded")
}

func TestDead_OnlyWhenASolidBlockIsPastTheExpiration(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 0)
	x := s.planned(s.payout("p1", s.trx, payee, trx))
	s.send(x)
	s.Drop()
	v := x.Versions[0]
	dead := func() bool {
		_, look := s.look(x)
		return look.Dead
	}
	for range 6 {
		s.Chain.Mine(20)
		tip, err := s.node.Tip(t.Context())
		require.NoError(t, err)
		solid, err := s.node.Solid(t.Context())
		require.NoError(t, err)
		require.Equal(t, !solid.Time.Before(v.Expires), dead(), "tip %s, solid %s, expires %s", tip.Header.Time, solid.Time, v.Expires)
		if solid.Time.Before(v.Expires) && tip.Header.Time.After(v.Expires) {
			require.False(t, dead(), "a block that is not solidified proves nothing")
		}
	}
	require.True(t, dead())
	require.Error(t, s.spender.Send(t.Context(), v))
	require.Zero(t, s.Balance("", payee).Sign())
}

func TestDead_NotWhileTheBlocksHaveIt(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 0)
	x := s.planned(s.payout("p1", s.trx, payee, trx))
	s.send(x)
	s.Chain.Mine(150)
	s.Edit("gettransactioninfobyid", func(any) any { return map[string]any{} }) // a node that lags, or has no index
	look, err := s.spender.Look(t.Context(), *x)
	require.ErrorIs(t, err, chaintron.ErrPresent)
	require.False(t, look.Dead)
	s.Edit("gettransactioninfobyid", nil)
	seen, look := s.look(x)
	require.True(t, seen.Final)
	require.False(t, look.Dead)
}

// The block after the last head that is earlier than the expiration may have the transaction, whatever its own time is.
func TestDead_ReadsTheFirstBlockThatIsNotEarlierThanTheExpiration(t *testing.T) {
	s := newScene(t, func(c *tron.Config) { c.Expiry = time.Minute })
	s.fund(100*trx, 0)
	x := s.planned(s.payout("p1", s.trx, payee, trx))
	s.Chain.Mine(19) // the head is one block before the expiration
	s.send(x)
	height := s.Chain.Mine(1)
	h, err := s.node.Header(t.Context(), height)
	require.NoError(t, err)
	require.Equal(t, x.Versions[0].Expires, h.Time)
	require.True(t, s.Paid(t, x.Versions[0].TxID))
	s.Chain.Mine(40)
	s.Edit("gettransactioninfobyid", func(any) any { return map[string]any{} })
	_, err = s.spender.Look(t.Context(), *x)
	require.ErrorIs(t, err, chaintron.ErrPresent)
}

func TestDead_IsProvenInSeveralLooksWhenTheTimeIsLong(t *testing.T) {
	s := newScene(t, func(c *tron.Config) { c.Expiry = 25 * time.Minute })
	s.fund(100*trx, 0)
	x := s.planned(s.payout("p1", s.trx, payee, trx))
	s.Chain.Mine(560)
	looks := 0
	for dead := false; !dead; looks++ {
		require.Less(t, looks, 10)
		_, look := s.look(x)
		dead = look.Dead
	}
	require.Equal(t, 3, looks)
}

func TestDead_NotOnBlocksThatDoNotFollowTheReference(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 0)
	x := s.planned(s.payout("p1", s.trx, payee, trx))
	s.Chain.Mine(150)
	v := &x.Versions[0]
	whole := v.Note
	v.Note = bytes.Replace(whole, []byte(`"height":`), []byte(`"height":1`), 1)
	_, err := s.spender.Look(t.Context(), *x)
	require.Error(t, err)
	v.Note = nil
	_, err = s.spender.Look(t.Context(), *x)
	require.Error(t, err)
	v.Note = whole
	_, look := s.look(x)
	require.True(t, look.Dead)
}

func TestLook_SurvivesAReorganisation(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 0)
	x := s.planned(s.payout("p1", s.trx, payee, trx))
	s.send(x)
	s.Chain.Mine(3)
	seen, _ := s.look(x)
	require.True(t, seen.Mined())
	s.Chain.Reorganise(3, true)
	seen, look := s.look(x)
	require.Equal(t, payout.Sighting{}, seen)
	require.False(t, look.Dead)
	require.NoError(t, s.spender.Send(t.Context(), x.Versions[0]))
	require.False(t, s.finish(x).Failed)
	require.EqualValues(t, trx, s.Balance("", payee).Int64(), "sent twice, paid once")
}

func TestLook_IsAnErrorOnAnotherChainAndOnABrokenNode(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 0)
	x := s.planned(s.payout("p1", s.trx, payee, trx))
	s.Behave(trontest.Busy)
	_, err := s.spender.Look(t.Context(), *x)
	require.Error(t, err)
	s.Behave(trontest.Normal)

	node, err := chaintron.New(chaintron.Config{Network: chaintron.Nile, URL: s.URL, Assets: []chain.Asset{chaintron.Native(chaintron.Nile, "TRX")}})
	require.NoError(t, err)
	other, err := tron.New(tron.Config{Node: node, Wallet: s.wallet, Assets: []chain.Asset{chaintron.Native(chaintron.Nile, "TRX")}})
	require.NoError(t, err)
	_, err = other.Look(t.Context(), *x)
	require.ErrorIs(t, err, chain.ErrWrongNetwork)
}

func TestPlan_MakesTwoTransactionsOfTwoEqualPayouts(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 0)
	seen := map[string]bool{}
	for i := range 5 {
		x := s.planned(s.payout(fmt.Sprint("p", i), s.trx, holder, trx))
		require.False(t, seen[x.Versions[0].TxID])
		seen[x.Versions[0].TxID] = true
		require.False(t, seen[x.Anchor])
		seen[x.Anchor] = true
		require.NotEqual(t, string(s.spender.Lane()), x.Lane, "they do not wait for each other")
	}
}

func TestPlan_SpendsWhatIsFree(t *testing.T) {
	s := newScene(t)
	s.fund(10*trx, 0)
	s.Give(holder, 1)
	x := s.planned(s.payout("p1", s.trx, holder, 6*trx))
	plan := func(units int64) error {
		_, err := s.spender.Plan(t.Context(), s.books, []payout.Payout{s.payout("p2", s.trx, holder, units)})
		return err
	}
	fee := x.Versions[0].Fee.Int64()
	left := 4*trx - 2*fee
	require.ErrorIs(t, plan(left+1), payout.ErrNoCoins)
	require.ErrorIs(t, plan(4*trx), payout.ErrNoCoins)
	require.NoError(t, plan(left))
	s.open[0].Stage = payout.StageFinal // then the books have it
	require.NoError(t, plan(left+1))

	s.books.open = nil
	require.ErrorIs(t, plan(10*trx), payout.ErrNoCoins, "the whole balance leaves no room for the fee")
}

func TestPlan_PassesOverWhatHasToWait(t *testing.T) {
	s := newScene(t)
	s.fund(50*trx, 100)
	dear := s.payout("dear", s.usdt, payee, 10)
	dear.Fee = big.NewInt(10)
	queue := []payout.Payout{s.payout("large", s.usdt, payee, 101), s.payout("next", s.usdt, payee, 5), s.payout("trx", s.trx, payee, trx)}
	plan, err := s.spender.Plan(t.Context(), s.books, queue)
	require.NoError(t, err)
	require.Equal(t, []string{"next"}, plan.Payouts, "a large one does not keep a small one waiting")
	plan, err = s.spender.Plan(t.Context(), s.books, []payout.Payout{queue[0], s.payout("larger", s.usdt, payee, 102), queue[2]})
	require.NoError(t, err)
	require.Equal(t, []string{"trx"}, plan.Payouts)

	plan, err = s.spender.Plan(t.Context(), s.books, []payout.Payout{dear, queue[1]})
	require.NoError(t, err)
	require.Equal(t, []string{"next"}, plan.Payouts)
	_, err = s.spender.Plan(t.Context(), s.books, []payout.Payout{dear})
	require.ErrorIs(t, err, payout.ErrFeeTooHigh)
	_, err = s.spender.Plan(t.Context(), s.books, queue[:1])
	require.ErrorIs(t, err, payout.ErrNoCoins)
	_, err = s.spender.Plan(t.Context(), s.books, nil)
	require.ErrorIs(t, err, payout.ErrNoCoins)
}

func TestPlan_WaitsWhileTheContractReverts(t *testing.T) {
	s := newScene(t)
	s.fund(50*trx, 100)
	s.BreakCalls("REVERT")
	_, err := s.spender.Plan(t.Context(), s.books, []payout.Payout{s.payout("p", s.usdt, payee, 10)})
	require.ErrorIs(t, err, payout.ErrNoCoins)
	require.ErrorContains(t, err, "reverts")
}

func TestPlan_RefusesWhatCanNeverBePaid(t *testing.T) {
	s := newScene(t)
	s.fund(50*trx, 100)
	for name, p := range map[string]payout.Payout{
		"contract":  s.payout("x", s.trx, usdtContract, trx),
		"own":       s.payout("x", s.trx, string(s.spender.Lane()), trx),
		"asset":     s.payout("x", chain.Asset{ID: "tron:0x1/slip44:195"}, payee, trx),
		"zero":      s.payout("x", s.trx, payee, 0),
		"no amount": {ID: "x", Asset: s.trx, To: chain.Address(payee)},
		"spelling":  s.payout("x", s.trx, "41"+strings.Repeat("00", 20), trx),
	} {
		plan, err := s.spender.Plan(t.Context(), s.books, []payout.Payout{p, s.payout("good", s.trx, payee, trx)})
		require.NoError(t, err)
		require.Contains(t, plan.Refused, "x", name)
		require.Empty(t, plan.Payouts)
	}
}

func TestReceiver(t *testing.T) {
	s := newScene(t)
	unknown := chain.Asset{ID: chain.AssetID(string(s.Network()) + "/trc20:" + payee), Code: "X", Decimals: 6}
	for _, c := range []struct {
		asset chain.Asset
		to    string
		units *big.Int
		want  payout.Refusal
	}{
		{s.trx, payee, big.NewInt(1), ""},
		{s.trx, payee, nil, ""},
		{s.usdt, holder, big.NewInt(1), ""},
		{s.trx, "0x" + strings.Repeat("12", 20), nil, payout.RefusedAddress},
		{s.trx, "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", nil, payout.RefusedAddress},
		{s.trx, payee[:33] + "1", nil, payout.RefusedAddress},
		{s.trx, trontest.Address(make([]byte, 20)), nil, payout.RefusedAddress},
		{s.trx, string(s.spender.Lane()), nil, payout.RefusedAddress},
		{s.trx, usdtContract, nil, payout.RefusedContract},
		{s.usdt, usdtContract, nil, payout.RefusedContract},
		{s.trx, payee, big.NewInt(0), payout.RefusedDust},
		{s.trx, payee, big.NewInt(-1), payout.RefusedDust},
		{s.trx, payee, new(big.Int).Lsh(big.NewInt(1), 63), payout.RefusedInvalid},
		{s.usdt, payee, new(big.Int).Lsh(big.NewInt(1), 256), payout.RefusedInvalid},
		{unknown, payee, nil, payout.RefusedAsset},
		{chaintron.Native(chaintron.Mainnet, "TRX"), payee, nil, payout.RefusedAsset},
	} {
		got, err := s.spender.Receiver(t.Context(), c.asset, c.to, c.units)
		if c.want == "" {
			require.NoError(t, err)
			require.EqualValues(t, c.to, got)
			continue
		}
		var refused *payout.RefusedError
		require.ErrorAs(t, err, &refused, c.to)
		require.Equal(t, c.want, refused.Code, c.to)
	}
	got, err := s.spender.Receiver(t.Context(), s.trx, "0x41"+strings.Repeat("12", 20), nil)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(got), "T"))
}

func TestSend_TellsTakenRefusedAndUnknownApart(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 0)
	x := s.planned(s.payout("p1", s.trx, payee, trx))
	require.Error(t, s.spender.Send(t.Context(), x.Versions[0]), "not signed")
	s.sign(x)
	v := x.Versions[0]
	var refused *payout.RefusedError

	s.AnswerBroadcasts("SERVER_BUSY", true)
	err := s.spender.Send(t.Context(), v)
	require.Error(t, err)
	require.False(t, errors.As(err, &refused))
	require.Equal(t, []string{v.TxID}, s.Received(), "it was taken all the same")
	s.AnswerBroadcasts("", false)
	require.NoError(t, s.spender.Send(t.Context(), v), "a duplicate is taken")
	require.Len(t, s.Received(), 1)

	s.AnswerBroadcasts("CONTRACT_VALIDATE_ERROR", false)
	require.ErrorAs(t, s.spender.Send(t.Context(), v), &refused)
	s.AnswerBroadcasts("TAPOS_ERROR", false)
	require.False(t, errors.As(s.spender.Send(t.Context(), v), &refused))
	s.AnswerBroadcasts("", false)
	for _, h := range []trontest.Habit{trontest.Busy, trontest.Limited, trontest.TooMany, trontest.Unavailable} {
		s.Behave(h)
		err := s.spender.Send(t.Context(), v)
		require.Error(t, err)
		require.False(t, errors.As(err, &refused), err)
	}
	s.Behave(trontest.Normal)
	other := s.planned(s.payout("p2", s.trx, payee, trx))
	other.Versions[0].Raw = v.Raw
	require.ErrorContains(t, s.spender.Send(t.Context(), other.Versions[0]), "id")
}

func TestSend_IsRefusedWithoutTRXForBandwidth(t *testing.T) {
	s := newScene(t)
	lane := s.laneHolding(s.trx)
	s.Give(string(s.spender.Lane()), 2*trx)
	s.move(payout.Move{Holding: lane, Units: big.NewInt(100 * trx)}) // the books are wrong
	s.Give(holder, 1)
	x := s.planned(s.payout("p1", s.trx, holder, 2*trx))
	s.sign(x)
	var refused *payout.RefusedError
	require.ErrorAs(t, s.spender.Send(t.Context(), x.Versions[0]), &refused)
	require.Equal(t, payout.RefusedCoins, refused.Code)
}

func TestVerify_TakesOnlyThePlanSignedByTheSender(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 0)
	x, y := s.planned(s.payout("p1", s.trx, payee, trx)), s.planned(s.payout("p2", s.trx, payee, 2*trx))
	s.sign(x)
	s.sign(y)
	v, signed := x.Versions[0], x.Versions[0].Raw
	verify := func(v payout.Version, signed []byte) {
		t.Helper()
		_, _, err := s.spender.Verify(v, signed)
		require.ErrorIs(t, err, payout.ErrDiffers)
	}
	verify(v, y.Versions[0].Raw)
	verify(v, nil)
	verify(v, v.Unsigned)
	verify(v, signed[:len(signed)-1])
	verify(v, append(bytes.Clone(signed), 0x12, 0))
	for _, i := range []int{len(signed) - 1, len(signed) - 2, len(signed) - 40, len(signed) - 65} {
		other := bytes.Clone(signed)
		other[i] ^= 1
		verify(v, other)
	}
	damaged := v
	damaged.TxID = y.Versions[0].TxID
	verify(damaged, signed)
	damaged = v
	damaged.Unsigned = y.Versions[0].Unsigned
	verify(damaged, signed)

	compatible := bytes.Clone(signed)
	compatible[len(compatible)-1] += 27 // so some tools write it
	_, id, err := s.spender.Verify(v, compatible)
	require.NoError(t, err)
	require.Equal(t, v.TxID, id)
}

func TestReplace_IsNeverPossible(t *testing.T) {
	s := newScene(t)
	_, err := s.spender.Replace(t.Context(), s.books, payout.Transaction{}, big.NewInt(1<<60))
	require.ErrorIs(t, err, payout.ErrNoReplacement)
}

func TestFunding_ReportsWhatAFinalTransactionBroughtToTheLane(t *testing.T) {
	s := newScene(t)
	lane := string(s.spender.Lane())
	brought := s.Transfer(rich, lane, 7*trx)
	tokens := s.World.Call(rich, usdtContract, "a9059cbb", 0).
		Token(usdtContract, rich, lane, big.NewInt(30)).Token(usdtContract, rich, lane, big.NewInt(12)).Token(usdtContract, rich, payee, big.NewInt(1))
	elsewhere := s.Transfer(rich, payee, trx)
	failed := s.World.Call(rich, usdtContract, "a9059cbb", 0).Token(usdtContract, rich, lane, big.NewInt(30)).Fail("REVERT")
	s.Send(brought, tokens, elsewhere, failed)
	s.Chain.Mine(1)
	_, err := s.spender.Funding(t.Context(), brought.ID)
	require.ErrorIs(t, err, payout.ErrNotFound, "not final yet")
	s.Chain.Mine(trontest.Solid)
	moves, err := s.spender.Funding(t.Context(), brought.ID)
	require.NoError(t, err)
	require.Equal(t, []payout.Move{{Holding: s.laneHolding(s.trx), Units: big.NewInt(7 * trx)}}, moves)
	moves, err = s.spender.Funding(t.Context(), tokens.ID)
	require.NoError(t, err)
	require.Equal(t, []payout.Move{{Holding: s.laneHolding(s.usdt), Units: big.NewInt(42)}}, moves)
	for _, id := range []string{elsewhere.ID, failed.ID, strings.Repeat("0", 64), "no id"} {
		_, err = s.spender.Funding(t.Context(), id)
		require.ErrorIs(t, err, payout.ErrNotFound)
	}

	for id, want := range map[string]string{tokens.ID: "1", elsewhere.ID: "", failed.ID: "", brought.ID: "", "no id": ""} { // P24
		units, err := s.spender.Received(t.Context(), id, chain.Address(payee), s.usdt.ID)
		if want == "" {
			require.ErrorIs(t, err, payout.ErrNotFound)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, units.String())
	}
	units, err := s.spender.Received(t.Context(), elsewhere.ID, chain.Address(payee), s.trx.ID)
	require.NoError(t, err)
	require.Equal(t, big.NewInt(trx), units)
}

func TestSweep_TRX(t *testing.T) {
	s := newScene(t)
	s.fund(trx, 0)
	h := s.deposit(3, s.trx, 50*trx)
	plan, purpose, err := s.spender.Sweep(t.Context(), s.books, h, payout.SweepOrder{})
	require.NoError(t, err)
	require.Equal(t, payout.PurposeSweep, purpose)
	require.Contains(t, plan.Version.Spends, h.Name)
	x := s.begin(plan, purpose)
	_, _, err = s.spender.Sweep(t.Context(), s.books, h, payout.SweepOrder{})
	require.ErrorIs(t, err, payout.ErrNoCoins, "it is under way")
	s.send(x)
	s.finish(x)
	s.agrees()
	require.Less(t, s.holdings[h.Name].Units.Int64(), int64(trx))

	small := s.deposit(4, s.trx, 2*trx)
	_, _, err = s.spender.Sweep(t.Context(), s.books, small, payout.SweepOrder{})
	require.ErrorIs(t, err, payout.ErrTooDear, "the fee is more than a tenth")
	_, _, err = s.spender.Sweep(t.Context(), s.books, small, payout.SweepOrder{Now: true, Dear: true})
	require.NoError(t, err)
}

func TestSweep_TokenAfterATopUpThatComesOnce(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 5)
	h := s.deposit(3, s.usdt, 900)
	plan, purpose, err := s.spender.Sweep(t.Context(), s.books, h, payout.SweepOrder{})
	require.NoError(t, err)
	require.Equal(t, payout.PurposeTopUp, purpose)
	require.Contains(t, plan.Version.Spends, "topup:"+string(h.Address))
	up := s.begin(plan, purpose)
	_, _, err = s.spender.Sweep(t.Context(), s.books, h, payout.SweepOrder{})
	require.ErrorIs(t, err, payout.ErrNoCoins, "never topped up twice")
	s.send(up)
	s.finish(up)
	s.agrees()

	plan, purpose, err = s.spender.Sweep(t.Context(), s.books, h, payout.SweepOrder{})
	require.NoError(t, err)
	require.Equal(t, payout.PurposeSweep, purpose)
	x := s.begin(plan, purpose)
	s.send(x)
	require.False(t, s.finish(x).Failed)
	s.agrees()
	require.Zero(t, s.holdings[h.Name].Units.Sign())
	require.EqualValues(t, 905, s.Balance(usdtContract, string(s.spender.Lane())).Int64())
}

// P25: sweeps cost 13 to 40 TRX for 9 USDT, and deposits stuck for lack of energy.
func TestP25_A48_Incident50_ASweepThatCostsTooMuchWaits(t *testing.T) {
	s := newScene(t, func(c *tron.Config) { c.SweepFee = big.NewInt(10 * trx) })
	s.fund(100*trx, 0) // the lane has no USDT: its first one takes twice the energy
	h := s.deposit(3, s.usdt, 9_000_000)
	_, _, err := s.spender.Sweep(t.Context(), s.books, h, payout.SweepOrder{})
	require.ErrorIs(t, err, payout.ErrTooDear)
	_, _, err = s.spender.Sweep(t.Context(), s.books, h, payout.SweepOrder{Now: true, Dear: true})
	require.NoError(t, err)
	s.fund(0, 1)
	plan, purpose, err := s.spender.Sweep(t.Context(), s.books, h, payout.SweepOrder{})
	require.NoError(t, err)
	require.Equal(t, payout.PurposeTopUp, purpose)
	require.LessOrEqual(t, plan.Version.Fee.Int64(), int64(10*trx))
	s.SetPrice("getEnergyFee", 420)
	_, _, err = s.spender.Sweep(t.Context(), s.books, h, payout.SweepOrder{Now: true})
	require.ErrorIs(t, err, payout.ErrTooDear)
}

func TestSweep_WaitsWhenTheLaneHasNothingForATopUp(t *testing.T) {
	s := newScene(t)
	s.fund(3*trx, 1)
	h := s.deposit(3, s.usdt, 900)
	_, _, err := s.spender.Sweep(t.Context(), s.books, h, payout.SweepOrder{})
	require.ErrorIs(t, err, payout.ErrNoCoins)
}

func TestSweep_IsOnlyForOurDeposits(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 1)
	h := s.deposit(3, s.usdt, 900)
	for name, change := range map[string]func(h *payout.Holding){
		"wallet":  func(h *payout.Holding) { h.Wallet = "tron:other" },
		"branch":  func(h *payout.Holding) { h.Branch = 1 },
		"network": func(h *payout.Holding) { h.Network = chaintron.Mainnet },
		"index":   func(h *payout.Holding) { h.Index = 4 },
		"asset":   func(h *payout.Holding) { h.Asset = "x:y/z:1" },
		"units":   func(h *payout.Holding) { h.Units = nil },
	} {
		other := h
		change(&other)
		_, _, err := s.spender.Sweep(t.Context(), s.books, other, payout.SweepOrder{})
		require.Error(t, err, name)
	}
}

func TestNew_RefusesBadConfiguration(t *testing.T) {
	s := newScene(t)
	good := tron.Config{Node: s.node, Wallet: s.wallet, Assets: []chain.Asset{s.trx, s.usdt}}
	for field, change := range map[string]func(c *tron.Config){
		"Config.Node":      func(c *tron.Config) { c.Node = nil },
		"Config.Wallet":    func(c *tron.Config) { c.Wallet = nil },
		"Config.Assets is": func(c *tron.Config) { c.Assets = nil },
		"Assets[2]":        func(c *tron.Config) { c.Assets = append(slices.Clip(c.Assets), s.trx) },
		"Assets[0]":        func(c *tron.Config) { c.Assets = []chain.Asset{chaintron.Native(chaintron.Mainnet, "TRX")} },
		"is 59s":           func(c *tron.Config) { c.Expiry = 59 * time.Second },
		"is 24h":           func(c *tron.Config) { c.Expiry = 24 * time.Hour },
		"SweepFee":         func(c *tron.Config) { c.SweepFee = big.NewInt(-1) },
	} {
		c := good
		change(&c)
		_, err := tron.New(c)
		require.ErrorContains(t, err, field)
	}
	_, err := tron.NewSigning("eip155:1", "")
	require.Error(t, err)
	_, err = tron.NewSigning(chaintron.Mainnet, "xpub")
	require.Error(t, err)
}

func TestSigning_ReadsWhatItSigns(t *testing.T) {
	s := newScene(t)
	s.fund(100*trx, 1000)
	h := s.deposit(3, s.trx, 50*trx)
	require.Equal(t, accountKey, s.keys.Public(s.Network()))
	family, err := tron.NewSigning(s.Network(), accountKey)
	require.NoError(t, err)

	x := s.planned(s.payout("p1", s.usdt, payee, 300))
	p, err := family.Parse(x.Versions[0].Unsigned)
	require.NoError(t, err)
	require.Equal(t, s.Network(), p.Network)
	require.Equal(t, []payout.Output{{Asset: s.usdt.ID, To: chain.Address(payee), Units: big.NewInt(300)}}, p.Outputs)
	require.Equal(t, s.trx.ID, p.FeeAsset)
	require.Equal(t, x.Versions[0].Fee, p.Fee)

	plan, _, err := s.spender.Sweep(t.Context(), s.books, h, payout.SweepOrder{})
	require.NoError(t, err)
	p, err = family.Parse(plan.Version.Unsigned)
	require.NoError(t, err)
	require.True(t, p.Outputs[0].Own)
	require.Equal(t, s.spender.Lane(), p.Outputs[0].To)

	// A path that does not lead to the receiver is a lie.
	lie := bytes.Replace(x.Versions[0].Unsigned, []byte(`"path":[1,0]`), []byte(`"path":[1,0],"to_path":[0,3]`), 1)
	_, err = family.Parse(lie)
	require.ErrorContains(t, err, "to_path")
	blind, err := tron.NewSigning(s.Network(), "")
	require.NoError(t, err)
	p, err = blind.Parse(plan.Version.Unsigned)
	require.NoError(t, err)
	require.False(t, p.Outputs[0].Own, "without the account's key nothing is proven")

	// A key that is not the sender's signs nothing.
	wrong := bytes.Replace(x.Versions[0].Unsigned, []byte(`"path":[1,0]`), []byte(`"path":[0,0]`), 1)
	signed, err := s.keys.Sign(t.Context(), payout.SignRequest{Network: s.Network(), Unsigned: wrong})
	require.ErrorContains(t, err, "not that of the sender")
	require.Nil(t, signed)
}

func TestSigner(t *testing.T) {
	signertest.Run(t, func(t *testing.T) signertest.Subject {
		s := newScene(t)
		s.fund(100*trx, 1000)
		request := func(id string, a chain.Asset) payout.SignRequest {
			x := s.planned(s.payout(id, a, payee, 300))
			return payout.SignRequest{Network: s.Network(), Transaction: x.ID, Lane: x.Lane, Unsigned: x.Versions[0].Unsigned}
		}
		first, other := request("p1", s.usdt), request("p2", s.trx)
		return signertest.Subject{
			Signer: s.keys, Request: first, Other: other,
			Verify: func(unsigned, signed []byte) error {
				i := slices.IndexFunc(s.open, func(x *payout.Transaction) bool { return bytes.Equal(x.Versions[0].Unsigned, unsigned) })
				_, _, err := s.spender.Verify(s.open[i].Versions[0], signed)
				return err
			},
		}
	})
}
