package invoice

import (
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func TestTheToleranceIsExactBelowOneUnit(t *testing.T) {
	half := agreed(tolerance(50)).terms
	for amount, want := range map[int64]bool{0: false, 1: false, 2: true, 3: true} {
		require.Equal(t, want, enough(half, big.NewInt(3), big.NewInt(amount)), "%d of 3, and 1.5 is enough", amount)
	}
	for amount, want := range map[int64]bool{4: false, 5: true} {
		require.Equal(t, want, tooMuch(half, big.NewInt(3), big.NewInt(amount)), "%d for 3, and 4.5 is not too much", amount)
	}
}

func TestTheSecondOfTheDeadlineIsInTime(t *testing.T) {
	deadline := at(30)
	for seen, want := range map[time.Time]bool{deadline: true, deadline.Add(time.Nanosecond): false} {
		inThePool := Payment{FirstSeen: seen}
		require.Equal(t, want, inThePool.onTime(deadline))
		inABlock := Payment{FirstSeen: at(90), Block: BlockRef{Height: 1, Hash: "0x1", Time: seen}}
		require.Equal(t, want, inABlock.onTime(deadline))
	}
}

func TestSafeIsNotFinal(t *testing.T) {
	final := agreed(needs(chain.Confirmations{Tag: chain.FinalityFinalized}), pays(1000, 100, 5))
	safe := clock{head: chain.Head{Height: 900, Safe: 100, Finalized: 99, Time: at(6)}, now: at(6)}
	require.Equal(t, StatusPending, decide(final, safe).Status)
}

func TestDustAsksForNoRate(t *testing.T) {
	f := agreed(pays(9, 100, 5, unvalued, func(p *Payment) { p.Dust = true }))
	require.False(t, f.payments[0].needsValue(f, foldActions(f.deadline, nil)))
	require.Equal(t, Wake{Time: at(30)}, decide(f, seen(100, 5)).Wake)
}

func TestTheOutcomeSaysWhatSettledPaymentsWere(t *testing.T) {
	f := agreed(func(f *facts) {
		f.settled = &Settled{Count: 2, Received: big.NewInt(1000), Counted: big.NewInt(1000), Late: 1}
	})
	require.Equal(t, OutcomeExact|OutcomeLate, decide(f, seen(100, 5)).Outcome)
	f.settled.Late, f.settled.Other = 0, 1
	require.Equal(t, OutcomeExact|OutcomeOtherAsset, decide(f, seen(100, 5)).Outcome)
}

// settledAt is a payment that the sums have, as the store answers it when it is asked for.
func settledAt(p *Payment) { p.Settled = true }

func TestASettledPaymentCountsOnceAlsoWhenItWasRead(t *testing.T) {
	f := agreed(pays(400, 100, 5, settledAt), func(f *facts) {
		f.settled = &Settled{Count: 1, Received: big.NewInt(400), Counted: big.NewInt(400)}
	})
	s := decide(f, seen(200, 6))
	require.Equal(t, []int64{400, 400, 400}, []int64{s.Received.Int64(), s.Counted.Int64(), s.Confirmed.Int64()})
}

// rested is when an invoice gives its place up that rests for an hour.
func rested(change ...func(*facts)) time.Time {
	f := agreed(append(change, func(f *facts) { f.quarantine = time.Hour })...)
	c := seen(200, 60)
	c.oldest = c.head.Time
	return decide(f, c).Wake.Time
}

func TestAPlaceRestsAfterAllThatHappenedToIt(t *testing.T) {
	completed := []func(*facts){pays(1000, 100, 5), completedAt(20)}
	require.Equal(t, at(90), rested(), "after the deadline")
	require.Equal(t, at(80), rested(completed...), "after it was completed")
	require.Equal(t, at(105), rested(pays(1, 100, 45)), "after a late payment")
	require.Equal(t, at(105), rested(func(f *facts) {
		f.settled = &Settled{LastSeen: at(45), Received: new(big.Int), Counted: new(big.Int)}
	}), "after a late payment that is settled")
	require.Equal(t, at(90), rested(pays(1, 100, 45, func(p *Payment) { p.Dust = true })), "dust does not matter")
	require.Zero(t, rested(append(completed, pays(1, 0, 45, inPool))...), "not while a payment is on its way")
}

func TestAPlaceIsGivenUpOnlyAfterItHasRestedAndIsSeen(t *testing.T) {
	f := agreed(func(f *facts) { f.quarantine = time.Hour })
	for minute, want := range map[int]bool{89: false, 90: false, 91: true} {
		c := seen(200, minute)
		c.oldest = c.head.Time
		require.Equal(t, want, !decide(f, c).ReleasedAt.IsZero(), "minute %d", minute)
	}
	blind := seen(200, 120)
	blind.oldest = at(60)
	require.Zero(t, decide(f, blind).ReleasedAt)
}

// standingFacts are those of a standing invoice.
func standingFacts(change ...func(*facts)) facts {
	return agreed(append([]func(*facts){func(f *facts) { f.terms.Standing, f.due = true, new(big.Int) }}, change...)...)
}

func TestWhatIsAwaitedIsNotSettled(t *testing.T) {
	head := chain.Head{Height: 102}
	matured := func(p *Payment) { p.MaturedAt = at(9) }
	for name, tt := range map[string]struct {
		facts facts
		want  bool
	}{
		"deep enough":                   {agreed(pays(9, 100, 5)), true},
		"one confirmation short":        {agreed(pays(9, 101, 5)), false},
		"in the pool":                   {agreed(needs(chain.Confirmations{}), pays(9, 0, 5, inPool)), false},
		"dust in the pool":              {agreed(pays(9, 0, 5, inPool, func(p *Payment) { p.Dust = true })), false},
		"waits for a rate":              {agreed(pays(9, 100, 5, unvalued)), false},
		"late, and waits for its rate":  {agreed(lateMoney(LateRerate), pays(9, 100, 45)), false},
		"late and rerated":              {agreed(lateMoney(LateRerate), pays(9, 100, 45, rerated(8))), true},
		"a deposit that is yet untold":  {standingFacts(pays(9, 100, 5)), false},
		"a deposit that was told":       {standingFacts(pays(9, 100, 5, matured)), true},
		"no longer on the chain":        {agreed(pays(9, 101, 5, withdrawn)), true},
		"to be settled whatever it was": {agreed(pays(9, 101, 5, onOtherNetwork)), true},
	} {
		f := tt.facts
		require.Equal(t, tt.want, f.awaitsNothing(f.payments[0], foldActions(f.deadline, nil), head), name)
	}
}

func TestWhatIsTakenOutOfTheSumsLeavesNoTrace(t *testing.T) {
	sums := (*Settled)(nil).clone()
	f := standingFacts(pays(9, 100, 45, asToken(7), func(p *Payment) { p.MaturedAt = at(50) }))
	is := part{received: big.NewInt(7), counted: big.NewInt(7), late: true, other: true}
	before := sums.clone()
	sums.add(f.payments[0], is, 1)
	require.Equal(t, []int64{1, 1, 1}, []int64{sums.Count, sums.Late, sums.Other})
	require.Equal(t, "9", sums.Assets[token].Mature.String())
	require.Empty(t, before.Assets, "the sums before are as they were")
	once := sums.clone()
	once.add(f.payments[0], is, -1)
	require.Equal(t, "9", sums.Assets[token].Units.String(), "the sums before are as they were")
	require.Equal(t, []int64{0, 0, 0}, []int64{once.Count, once.Late, once.Other})
	require.Zero(t, once.Received.Sign())
	require.Zero(t, once.Counted.Sign())
	require.Zero(t, once.Assets[token].Units.Sign())
	require.Zero(t, once.Assets[token].Mature.Sign())
	require.Equal(t, at(45), once.LastSeen, "an address rests after whatever came to it")
}

func TestSettledDustDoesNotLengthenTheRest(t *testing.T) {
	sums := (*Settled)(nil).clone()
	sums.add(Payment{Dust: true, FirstSeen: at(45), Units: big.NewInt(1)}, part{}, 1)
	require.Zero(t, sums.LastSeen)
}

func TestTheStepSaysHowFarAStampReaches(t *testing.T) {
	v := view{first: 111, earliest: at(20)}
	stamped := func(height uint64, minute int) Payment {
		return Payment{Block: BlockRef{Height: height, Hash: "0x1", Time: at(minute)}}
	}
	for name, tt := range map[string]struct {
		payment Payment
		want    bool
	}{
		"the block before, stamped ahead": {stamped(110, 25), true},
		"eleven before":                   {stamped(100, 25), true},
		"twelve before":                   {stamped(99, 25), false},
		"of the step":                     {stamped(111, 25), false},
		"stamped the same":                {stamped(110, 20), false},
		"in the pool":                     {Payment{}, false},
	} {
		require.Equal(t, tt.want, v.stampedBack(tt.payment), name)
	}
	from, need := v.above()
	require.True(t, need)
	require.Less(t, from, uint64(100), "the store is asked for all that it reaches")
}

func TestARewindingLooksAboveTheForkAlone(t *testing.T) {
	v := view{rewound: true, fork: 100}
	from, need := v.above()
	require.True(t, need)
	require.Equal(t, uint64(100), from)
	for height, want := range map[uint64]bool{100: false, 101: true} {
		require.Equal(t, want, v.left(Payment{Block: BlockRef{Height: height, Hash: "0x1"}}))
	}
	require.False(t, v.left(Payment{}), "the pool is not known")
}

func TestTransfersOfNothingAreNotSeen(t *testing.T) {
	v := newView(testNet)
	for _, units := range []*big.Int{nil, new(big.Int), big.NewInt(-1)} {
		v.add(sighting{transfer: chain.Transfer{Asset: coin, TxID: "0x1", To: "0xa", Units: units}})
	}
	v.add(sighting{transfer: chain.Transfer{Asset: otherCoin, TxID: "0x1", To: "0xa", Units: big.NewInt(1)}})
	require.Empty(t, v.byKey)
	v.add(sighting{transfer: chain.Transfer{Asset: coin, TxID: "0x1", To: "0xa", Units: big.NewInt(1)}})
	require.Len(t, v.byKey, 1)
}

func TestASlotIsOfOneAssetAndSortsLikeTheAmount(t *testing.T) {
	require.NotEqual(t, slotOf(coin, big.NewInt(5)), slotOf(token, big.NewInt(5)))
	require.Less(t, slotOf(coin, big.NewInt(9)), slotOf(coin, big.NewInt(10)))
}

func TestFinalityAndTimeOfAChainDoNotGoBack(t *testing.T) {
	before := chain.Head{Height: 100, Tip: 100, Safe: 95, Finalized: 90, Time: at(20)}
	next := advanceHead(before, chain.Step{Head: chain.Head{Height: 101, Tip: 101, Time: at(10)}}, at(60))
	require.Equal(t, []uint64{95, 90}, []uint64{next.Safe, next.Finalized})
	require.Equal(t, at(20), next.Time)
	next = advanceHead(before, chain.Step{Head: chain.Head{Height: 101, Tip: 101, Time: at(90)}}, at(60))
	require.Equal(t, at(60), next.Time, "stamps can lie")
	next = advanceHead(before, chain.Step{Head: chain.Head{Height: 101, Tip: 200, Time: at(50)}}, at(60))
	require.Equal(t, at(20), next.Time, "a block that is still to be read may be stamped in time")
}

func TestASettledPaymentStillSaysWhereItCameTo(t *testing.T) {
	sums := (*Settled)(nil).clone()
	sums.add(Payment{To: "0xa", Units: big.NewInt(1)}, part{}, 1)
	require.True(t, Invoice{Settled: sums}.paidAt("0xa"))
	require.False(t, Invoice{Settled: sums}.paidAt("0xb"))
}

func TestDustAfterASettledPaymentDoesNotHideIt(t *testing.T) {
	dust := []Payment{{Dust: true}}
	require.False(t, Invoice{Payments: dust}.paid())
	require.False(t, Invoice{Payments: dust, Settled: &Settled{Count: 1}}.paid(), "what is settled is dust, too")
	require.True(t, Invoice{Payments: dust, Settled: &Settled{Count: 2, LastSeen: at(5)}}.paid())
}

func TestASettledPaymentThatNowNeedsARateIsOpenAgain(t *testing.T) {
	f := agreed(lateMoney(LateRerate), pays(400, 100, 5, settledAt), pays(300, 100, 20, settledAt))
	inv := Invoice{
		Terms: f.terms, Deadline: at(10), Payments: f.payments, Quote: &Quote{Asset: chain.Asset{ID: coin}, Due: f.due},
		Settled: &Settled{Count: 2, Received: big.NewInt(700), Counted: big.NewInt(700)},
	}
	after, reopened := inv.resettled()
	require.Len(t, reopened, 1)
	require.Equal(t, f.payments[1].Key, reopened[0].payment.Key)
	require.False(t, reopened[0].payment.Settled)
	require.Equal(t, []int64{1, 400}, []int64{after.Settled.Count, after.Settled.Counted.Int64()})
}

func TestAFloorBetweenTwoUnitsIsTheUpperOne(t *testing.T) {
	a := AssetConfig{Asset: chain.Asset{ID: coin, Decimals: 2}, Floor: decimal.RequireFromString("0.001")}
	require.Equal(t, "1", a.floorUnits().String())
}

func TestTheLatestPaymentsStayOpen(t *testing.T) {
	f := agreed()
	for i := range settleFrom + 1 {
		pays(1, 100, i, func(p *Payment) { p.Key.Index = p.FirstSeen.String() })(&f)
	}
	inv := Invoice{Terms: f.terms, Deadline: at(500), Payments: f.payments, Quote: &Quote{Asset: chain.Asset{ID: coin}, Due: big.NewInt(1000)}}
	settled := inv.settle(clock{head: chain.Head{Height: 200}})
	require.Len(t, settled, settleFrom+1-settleKeep)
	for _, p := range inv.Payments {
		require.Equal(t, p.FirstSeen.Before(at(settleFrom+1-settleKeep)), p.Settled)
	}
}
