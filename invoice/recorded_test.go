package invoice

import (
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/stretchr/testify/require"
)

// quoted is an invoice for 1000 units of coin at an address.
func quoted(id string, change ...func(*Invoice)) Invoice {
	inv := Invoice{
		ID: id, Terms: agreed().terms, Deadline: at(30),
		Quote: &Quote{Asset: chain.Asset{ID: coin}, Due: big.NewInt(1000), Address: "0xa"},
	}
	for _, c := range change {
		c(&inv)
	}
	return inv
}

// pay is a payment of the invoice in a block.
func pay(txid string, units int64) Payment {
	return Payment{
		Key: chain.Key{Network: testNet, TxID: txid}, Asset: coin, To: "0xa", Units: big.NewInt(units), Credit: big.NewInt(units),
		FirstSeen: at(5), Block: BlockRef{Height: 100, Hash: "0x1", Time: at(5)},
	}
}

func TestAPaymentThatMovesIsRecordedOnce(t *testing.T) {
	r := run(quoted("a"))
	p := pay("0x1", 600)
	r.record(p)
	p.Block.Height++
	r.record(p)
	require.Equal(t, int64(600), r.counted.Int64())
	require.Equal(t, ClassExact, r.classify(pay("0x2", 400)))
}

func TestOfTwoPaymentsInOneStepTheSecondIsADuplicate(t *testing.T) {
	first, second := pay("0x1", 1000), pay("0x2", 1000)
	before := quoted("a")
	changes := []change{{payment: first, fresh: true}, {payment: second, fresh: true}}
	told := drafts(before, merge(before, changes), changes, Action{})
	require.Equal(t, ClassExact, told[0].payment.Class)
	require.Equal(t, ClassDuplicate, told[1].payment.Class)
}

func TestMoneyOnWhatWasTakenAsPaidIsADuplicate(t *testing.T) {
	r := run(quoted("a", func(inv *Invoice) { inv.State.CompletedAt = at(3) }))
	require.Equal(t, ClassDuplicate, r.classify(pay("0x1", 1000)))
}

func TestTheNumbersOfActionsGrow(t *testing.T) {
	inv := quoted("a")
	all := func(_ Invoice, next *Action) (bool, error) { next.Kind = ActionAcceptLate; return true, nil }
	for n := range 3 {
		after, action, err := withAction(inv, Act{}, clock{now: at(n)}, all)
		require.NoError(t, err)
		require.Equal(t, n+1, action.N)
		inv = after
	}
}

func TestWhoLabelsAnInvoiceHasNotDoneWhatTheClockDoes(t *testing.T) {
	before := quoted("a")
	before.Deadline, before.Terms.Confirm = at(30), chain.Confirmations{Depth: 3}
	label := func(_ Invoice, next *Action) (bool, error) {
		next.Kind, next.Label = ActionLabel, "x"
		return true, nil
	}
	after, action, err := withAction(before, Act{Actor: "ann", Comment: "a look"}, seen(100, 31), label)
	require.NoError(t, err)
	d, err := decided(before, after, nil, nil, action, seen(100, 31))
	require.NoError(t, err)
	require.Equal(t, StatusExpired, d.inv.State.Status)
	require.Len(t, d.events, 1)
	require.Equal(t, []string{"", ""}, []string{d.events[0].Actor, d.events[0].Comment})
	require.Equal(t, "ann", d.inv.Actions[0].Actor, "but the label is hers")
}

func TestALabelDoesNotKeepAnAddress(t *testing.T) {
	plain, labelled := foldActions(at(30), nil), foldActions(at(30), []Action{{N: 1, Kind: ActionLabel, At: at(500), Label: "x"}})
	require.Equal(t, plain, labelled)
}

func TestWhoeverHasThePlaceGetsTheMoney(t *testing.T) {
	coming := sighting{chain.Transfer{Asset: coin, TxID: "0x1", To: "0xa", Units: big.NewInt(1000)}, BlockRef{Height: 100, Hash: "0x1"}}
	gaveUp := func(minute int) func(*Invoice) {
		return func(inv *Invoice) { inv.State.ReleasedAt = at(minute) }
	}
	since := func(height uint64) func(*Invoice) {
		return func(inv *Invoice) { inv.Quote.Since, inv.Quote.At = height, at(0) }
	}
	asks := func(asset chain.AssetID, units int64) func(*Invoice) {
		return func(inv *Invoice) { inv.Quote.Slot = slotOf(asset, big.NewInt(units)) }
	}
	longAgo := func(inv *Invoice) { inv.Quote.At = time.Time{} }
	remainder := func(inv *Invoice) { inv.Terms.Standing, inv.Terms.Remainder = true, true }
	for name, tt := range map[string]struct {
		candidates []Invoice
		want       string
	}{
		"who holds it, not who did":              {[]Invoice{quoted("a", gaveUp(5)), quoted("b")}, "b"},
		"the last who held it":                   {[]Invoice{quoted("a", gaveUp(50)), quoted("b", gaveUp(5))}, "a"},
		"who held it when the block came":        {[]Invoice{quoted("a", gaveUp(50)), quoted("b", since(100))}, "a"},
		"who asks for the amount":                {[]Invoice{quoted("b", asks(coin, 1000)), quoted("a", remainder)}, "b"},
		"not who asks for another":               {[]Invoice{quoted("b", asks(coin, 1001)), quoted("a", remainder)}, "a"},
		"not who asks for it in another asset":   {[]Invoice{quoted("b", asks(token, 1000)), quoted("a", remainder)}, "a"},
		"not who asks for it since a later one":  {[]Invoice{quoted("b", asks(coin, 1000), since(100)), quoted("a", remainder)}, "a"},
		"nobody who asks for another":            {[]Invoice{quoted("b", asks(token, 1000))}, ""},
		"the first who holds it, though later":   {[]Invoice{quoted("a", since(100))}, "a"},
		"nobody known who held it later":         {[]Invoice{quoted("a", since(100), gaveUp(50))}, "?"},
		"none of those who held it later":        {[]Invoice{quoted("a", since(100), gaveUp(50)), quoted("b", since(110))}, "?"},
		"who held it by its stamp, though later": {[]Invoice{quoted("a", since(100), gaveUp(50), longAgo)}, "a"},
		"whoever asks for two of its assets":     {[]Invoice{quoted("a", since(100)), quoted("a", since(100))}, "a"},
	} {
		got, clear := match(tt.candidates, coming)
		if !clear {
			got = "?"
		}
		require.Equal(t, tt.want, got, name)
	}
}

func TestAPoolThatLagsTakesNoPaymentOutOfItsBlock(t *testing.T) {
	v := newView(testNet)
	v.poolKnown = true
	v.add(sighting{transfer: chain.Transfer{Asset: coin, TxID: "0x1", To: "0xa", Units: big.NewInt(1000)}})
	_, changed := moved(pay("0x1", 1000), v, at(6))
	require.False(t, changed)
}

func TestAStampThatWasPutRightStaysSo(t *testing.T) {
	p := pay("0x1", 1000)
	p.Block.Time = at(3)
	again := p.at(sighting{
		chain.Transfer{Asset: coin, TxID: "0x1", To: "0xa", Units: big.NewInt(1000)}, BlockRef{Height: 100, Hash: "0x1", Time: at(5)},
	})
	require.Equal(t, at(3), again.Block.Time)
}

func TestFindsOfTwoQuestionsAreOfOneMoment(t *testing.T) {
	settled := &Settled{Count: 2, Received: new(big.Int), Counted: new(big.Int)}
	of := func(version int64, txid string) []Invoice {
		return []Invoice{quoted("a", func(inv *Invoice) {
			inv.Version, inv.Settled, inv.Payments = version, settled, []Payment{pay(txid, 1)}
		})}
	}
	f := &finds{invoices: map[string]Invoice{}}
	require.NoError(t, f.add(of(3, "0x1")))
	require.NoError(t, f.add(of(3, "0x2")))
	require.Len(t, f.invoices["a"].Payments, 2)
	require.ErrorIs(t, f.add(of(4, "0x2")), ErrConflict)
}

func TestAPlaceIsReleasedOnceAndItsNumberFreedOnce(t *testing.T) {
	before := quoted("a", func(inv *Invoice) {
		inv.Quote.Quarantine, inv.Quote.Wallet, inv.Quote.Index = time.Hour, "wallet", 7
		other := *inv.Quote
		other.Asset.ID = otherCoin // one wallet has the same address on several networks
		inv.Earlier = []Quote{other}
	})
	after := before
	after.State.ReleasedAt = at(60)
	list := releases(before, after)
	require.Len(t, list, 2)
	require.NotEqual(t, list[0].Reuse, list[1].Reuse)
	require.Empty(t, releases(after, after))

	after.Quote.Quarantine, after.Earlier[0].Quarantine = atOnce, atOnce
	for _, r := range releases(before, after) {
		require.False(t, r.Reuse, "the number of a request is another request's never")
	}
}

func TestAPaymentOfAnotherAmountIsValuedAnew(t *testing.T) {
	shown := func(units int64) sighting {
		return sighting{chain.Transfer{Asset: coin, TxID: "0x1", To: "0xa", Units: big.NewInt(units)}, BlockRef{Height: 101, Hash: "0x2"}}
	}
	require.Equal(t, int64(1000), pay("0x1", 1000).at(shown(1000)).Credit.Int64())
	require.Nil(t, pay("0x1", 1000).at(shown(999)).Credit)
}

func TestADepositThatTheChainTakesBackIsToldAgainWhenItReturns(t *testing.T) {
	p := pay("0x1", 1000)
	p.MaturedAt = at(9)
	v := newView(testNet)
	v.rewound, v.fork = true, 99
	gone, changed := moved(p, v, at(10))
	require.True(t, changed)
	require.True(t, gone.Withdrawn)
	require.Zero(t, gone.MaturedAt)
}

func TestAStepIsHeldAgainstEarlierBlocksWhereOneIsStampedAfterIt(t *testing.T) {
	for name, tt := range map[string]struct {
		latest time.Time
		want   bool
	}{
		"not known":  {time.Time{}, true},
		"one is":     {at(21), true},
		"none is":    {at(20), false},
		"all before": {at(10), false},
	} {
		v := view{first: 111, earliest: at(20)}
		v.after(tt.latest)
		require.Equal(t, tt.want, !v.earliest.IsZero(), name)
	}
}

func TestWhatWasSettledIsWritten(t *testing.T) {
	inv := quoted("a", func(inv *Invoice) { inv.Payments = []Payment{pay("0x1", 1), pay("0x2", 2), pay("0x3", 3)} })
	written := inv.changed([]change{{payment: inv.Payments[0]}}, inv.Payments[2:])
	require.Equal(t, []Payment{inv.Payments[0], inv.Payments[2]}, written)
}

func TestAtASharedAddressTheAmountSaysMoreThanAStampBehindOurClock(t *testing.T) {
	inv := quoted("a", func(inv *Invoice) {
		inv.Quote.Slot, inv.Quote.Since, inv.Quote.Unseen, inv.Quote.At = slotOf(coin, big.NewInt(10)), 100, true, at(10)
	})
	rest := quoted("r", func(inv *Invoice) { inv.Terms.Remainder = true })
	in := func(height uint64) sighting {
		return sighting{
			transfer: chain.Transfer{TxID: "0x1", Asset: coin, To: inv.Quote.Address, Units: big.NewInt(10)},
			block:    BlockRef{Height: height, Hash: "0x2", Time: at(5)}, // five minutes behind
		}
	}
	id, clear := match([]Invoice{rest, inv}, in(101))
	require.True(t, clear)
	require.Equal(t, "a", id)
	id, _ = match([]Invoice{rest, inv}, in(100))
	require.Equal(t, "r", id, "that block was there before")
}

func TestAClockThatWasAheadKeepsNoMoneyFromTheLastHolder(t *testing.T) {
	last := quoted("a", func(inv *Invoice) {
		inv.Quote.Since, inv.Quote.Unseen, inv.Quote.At = 100, true, at(180) // by a clock that was hours ahead
		inv.State.ReleasedAt = at(20)
	})
	in := func(height uint64) sighting {
		return sighting{
			transfer: chain.Transfer{TxID: "0x1", Asset: coin, To: last.Quote.Address, Units: big.NewInt(10)},
			block:    BlockRef{Height: height, Hash: "0x2", Time: at(30)},
		}
	}
	id, clear := match([]Invoice{last}, in(101))
	require.True(t, clear)
	require.Equal(t, "a", id)
	_, clear = match([]Invoice{last}, in(100))
	require.False(t, clear, "that block was there before, and somebody else may have had the address then")
}
