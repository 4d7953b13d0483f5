package invoice

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/stretchr/testify/require"
)

// counter is a store of numbers, and of nothing else.
type counter struct {
	heads
	next  uint32
	free  []uint32
	taken func() // when numbers are about to be reserved
}

func (c *counter) ReserveIndexes(_ context.Context, _ string, n uint32) (uint32, error) {
	if n > 0 && c.taken != nil {
		c.taken()
	}
	first := c.next
	c.next += n
	return first, nil
}

func (c *counter) TakeIndex(context.Context, string) (uint32, error) {
	if len(c.free) == 0 {
		return 0, ErrNotFound
	}
	index := c.free[0]
	c.free = c.free[1:]
	return index, nil
}

// fixed is a floor that nobody raises.
type fixed uint32

func (f fixed) Floor(context.Context, string) (uint32, error) { return uint32(f), nil }
func (fixed) Raise(context.Context, string, uint32) error     { return nil }

func TestAStoreThatLosesItsEndMeanwhileGivesNoNumberTwice(t *testing.T) {
	c := &counter{}
	x := &indexes{store: c, now: time.Now}
	had := map[uint32]bool{}
	for n := range 2000 { // more than a range
		if n == 50 {
			c.next = 3
		}
		index, err := x.next(t.Context(), testNet)
		require.NoError(t, err)
		require.False(t, had[index.index], "number %d", index)
		had[index.index] = true
	}
}

// raised is a floor that several processes raise.
type raised struct {
	next uint32
	err  error
}

func (f *raised) Floor(context.Context, string) (uint32, error) { return f.next, nil }
func (f *raised) Raise(_ context.Context, _ string, next uint32) error {
	if f.err == nil {
		f.next = max(f.next, next)
	}
	return f.err
}

func TestNumbersThatWaitForTheFloorAreNotShownWhenOthersMayHaveBeenGivenThem(t *testing.T) {
	c, f := &counter{}, &raised{}
	waits, goes := &indexes{store: c, now: time.Now, floors: f}, &indexes{store: c, now: time.Now, floors: f}
	require.NoError(t, waits.check(t.Context()))
	f.err = errors.New("no disk")
	_, err := waits.next(t.Context(), testNet)
	require.ErrorIs(t, err, f.err)
	f.err, c.next = nil, 0 // the store loses its end
	shown, err := goes.next(t.Context(), testNet)
	require.NoError(t, err)
	index, err := waits.next(t.Context(), testNet)
	require.NoError(t, err)
	require.NotEqual(t, shown.index, index.index)
}

func TestNumbersInDoubtAreGivenToNobodyOnceTheStoreHasLostItsEnd(t *testing.T) {
	c := &counter{}
	x := &indexes{store: c, now: time.Now}
	index, err := x.next(t.Context(), testNet)
	require.NoError(t, err)
	x.doubt(index, testNet) // its invoice was stored all the same, and shown
	c.next = 0
	require.NoError(t, x.lift(t.Context(), x.known()))
	next, err := x.next(t.Context(), testNet)
	require.NoError(t, err)
	require.NotEqual(t, index.index, next.index)
}

func TestAStoreThatLosesItsEndGivesNoNumberTwiceToAnyOfItsProcesses(t *testing.T) {
	c, f := &counter{}, &raised{}
	idle, busy := &indexes{store: c, now: time.Now, floors: f}, &indexes{store: c, now: time.Now, floors: f}
	require.NoError(t, idle.check(t.Context()), "it begins before the other shows anything")
	had := map[uint32]bool{}
	for range 50 {
		index, err := busy.next(t.Context(), testNet)
		require.NoError(t, err)
		had[index.index] = true
	}
	c.next = 0
	index, err := idle.next(t.Context(), testNet)
	require.NoError(t, err)
	require.False(t, had[index.index], "number %d", index)
}

func TestAfterItsStoreHasLostItsEndAPoolRests(t *testing.T) {
	now := at(0)
	c := &counter{next: 2, free: []uint32{0}}
	x := &indexes{store: c, now: func() time.Time { return now }, pool: &Pool{Quarantine: time.Hour}, floors: fixed(5)}
	index, err := x.next(t.Context(), testNet)
	require.NoError(t, err)
	require.Equal(t, uint32(5), index.index, "an invoice that was lost may have number 0")
	now = at(60)
	index, err = x.next(t.Context(), testNet)
	require.NoError(t, err)
	require.Zero(t, index)
}

func TestAPoolThatIsRacedForIsNoLarger(t *testing.T) {
	c := &counter{next: 2}
	c.taken = func() { c.next = 3 } // others were quicker
	x := &indexes{store: c, now: time.Now, pool: &Pool{Size: 3, Quarantine: time.Hour}}
	_, err := x.next(t.Context(), testNet)
	require.ErrorIs(t, err, ErrNoAddress)
}

func TestWhoIsRefusedByAFullPoolUsesUpNoNumber(t *testing.T) {
	c := &counter{next: 3}
	x := &indexes{store: c, now: time.Now, pool: &Pool{Size: 3, Quarantine: time.Hour}}
	_, err := x.next(t.Context(), testNet)
	require.ErrorIs(t, err, ErrNoAddress)
	require.Equal(t, uint32(3), c.next)
}

// overtaken is a store of numbers whose first answer comes late.
type overtaken struct {
	*counter
	meanwhile func()
}

func (o *overtaken) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	first, err := o.counter.ReserveIndexes(ctx, wallet, n)
	if meanwhile := o.meanwhile; n > 0 && meanwhile != nil {
		o.meanwhile = nil
		meanwhile()
	}
	return first, err
}

func TestWhoIsAnsweredAfterOthersKeepsHisNumber(t *testing.T) {
	c := &overtaken{counter: &counter{}}
	x := &indexes{store: c, now: time.Now, pool: &Pool{Size: 2, Quarantine: time.Hour}}
	got := map[uint32]bool{}
	take := func() {
		index, err := x.next(t.Context(), testNet)
		require.NoError(t, err)
		got[index.index] = true
	}
	c.meanwhile = take
	take()
	require.Equal(t, map[uint32]bool{0: true, 1: true}, got)
}

func TestARestorePassesOverWhatMayHaveBeenHandedOut(t *testing.T) {
	for _, c := range []struct {
		name    string
		x       *indexes
		numbers uint32
		next    uint32
	}{
		{"as many as were said", &indexes{}, 1000, 1010},
		{"none", &indexes{}, 0, 10},
		{"as many beyond what is known", &indexes{floor: 30}, 1000, 1030},
		{"all that is known", &indexes{floors: fixed(30)}, 0, 30},
		{"those that wait for the floor beside", &indexes{waiting: [2]uint32{6, 10}}, 1000, 1010},
		{"to the end of the wallet", &indexes{}, math.MaxUint32, math.MaxUint32},
		{"to the end of a pool", &indexes{pool: &Pool{Size: 100}}, 1000, 100},
		{"none of a pool that was larger", &indexes{pool: &Pool{Size: 5}}, 1000, 10},
		{"in a pool without bound", &indexes{pool: &Pool{}}, 1000, 1010},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := &counter{next: 10}
			c.x.store, c.x.now = store, time.Now
			require.NoError(t, c.x.restored(t.Context(), c.numbers))
			require.Equal(t, c.next, store.next)
			require.Equal(t, c.next, c.x.known(), "and who took numbers before shows none of them")
		})
	}
}

// watching is a watcher that only says where it stands.
type watching struct {
	ChainWatcher
	lag   chain.Lag
	limit int
}

func (w *watching) Lag() chain.Lag   { return w.lag }
func (w *watching) Limit(blocks int) { w.limit = blocks }

func TestAQuoteIsSinceTheTipThatIsKnownThoughItIsNotRead(t *testing.T) {
	s := &Service{cfg: Config{Store: heads{}, Now: time.Now}}
	n := &network{ChainConfig: ChainConfig{Watcher: &watching{lag: chain.Lag{Tip: 120}}}}
	var q Quote
	require.NoError(t, s.fixSince(t.Context(), n, &q))
	require.Equal(t, uint64(120), q.Since)
}

func TestAStepThatTheStoreCannotTakeBecomesSmaller(t *testing.T) {
	w := &watching{}
	n := &network{ChainConfig: ChainConfig{Watcher: w}}
	n.smaller(8)
	require.Equal(t, 4, w.limit)
	n.smaller(4)
	require.Equal(t, 2, w.limit)
}

// numbered is a wallet whose addresses are of no chain.
type numbered struct{}

func (numbered) Name() string { return "numbered" }
func (numbered) Address(context.Context, uint32) (chain.Address, error) {
	return "0xa", nil
}

// onStray is a service whose wallet has an address that nobody has, 0xa with number 7.
func onStray(x *indexes) *Service {
	n := &network{
		ChainConfig: ChainConfig{Addresses: numbered{}}, id: testNet, indexes: x, ahead: map[chain.Address]uint32{"0xa": 7},
	}
	return &Service{chains: map[chain.Network]*network{testNet: n}, log: slog.New(slog.DiscardHandler)}
}

func TestNumbersNearOneThatWasLostArePassedOver(t *testing.T) {
	for _, c := range []struct {
		name string
		pool *Pool
		next uint32
	}{
		{"no pool", nil, 8 + lookAheadOf},
		{"a pool without bound", &Pool{}, 8 + lookAheadOf},
		{"a large pool", &Pool{Size: 1000}, 8 + lookAheadOf},
		{"to the end of a pool", &Pool{Size: 20}, 20},
		{"a pool that was larger", &Pool{Size: 3}, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := &counter{next: 2}
			s := onStray(&indexes{store: store, now: time.Now, pool: c.pool})
			require.NoError(t, s.stray(t.Context(), testNet, "0xb"))
			require.Equal(t, uint32(2), store.next)
			require.NoError(t, s.stray(t.Context(), testNet, "0xa"))
			require.Equal(t, c.next, store.next)
		})
	}
}

func TestMoneyAtAnUnknownAddressIsLookedAtUntilWhatWasLostIsPassedOver(t *testing.T) {
	c, l := &counter{next: 2}, &losing{err: errors.New("connection lost")}
	s := onStray(&indexes{store: c, now: time.Now, lost: l.lost})
	require.ErrorIs(t, s.stray(t.Context(), testNet, "0xa"), l.err)
	l.err = nil
	require.NoError(t, s.stray(t.Context(), testNet, "0xa"))
	require.Equal(t, uint32(8+lookAheadOf), c.next)
}

func TestThatTheFloorCannotBeRaisedKeepsNoMoneyFromBeingSeen(t *testing.T) {
	c := &counter{next: 2}
	s := onStray(&indexes{store: c, now: time.Now, floors: &raised{err: errors.New("no disk")}})
	require.NoError(t, s.stray(t.Context(), testNet, "0xa"))
	require.Equal(t, uint32(8+lookAheadOf), c.next)
	require.Equal(t, map[chain.Address]uint32{"0xa": 8 + 2*lookAheadOf - 1}, s.chains[testNet].ahead)
}

func TestATransactionTakesNoNumberOfAPoolThatRests(t *testing.T) {
	for _, checked := range []bool{true, false} {
		c := &counter{next: 2, free: []uint32{0}}
		outer := &indexes{store: c, now: time.Now, pool: &Pool{Quarantine: time.Hour}, floors: fixed(5)}
		if checked {
			require.NoError(t, outer.check(t.Context()))
		}
		for n := range uint32(2) {
			inner := &indexes{store: c, now: time.Now, single: true, pool: outer.pool, floors: outer.floors, parent: outer}
			index, err := inner.next(t.Context(), testNet)
			require.NoError(t, err)
			require.Equal(t, 5+n, index.index, "an invoice that was lost may have number 0")
		}
		index, err := outer.next(t.Context(), testNet)
		require.NoError(t, err)
		require.Equal(t, uint32(7), index.index, "what a transaction has found out holds outside of it")
	}
}

// What a transaction passes over is there for the others only when it was committed.
func TestWhatATransactionHoldsAgainstTheFloorIsHeldAgainstItOutsideToo(t *testing.T) {
	c := &counter{next: 2}
	outer := &indexes{store: c, now: time.Now, floors: fixed(5)}
	inner := &indexes{store: c, now: time.Now, single: true, floors: outer.floors, parent: outer}
	require.NoError(t, inner.check(t.Context()))
	require.Equal(t, uint32(5), c.next)
	c.next = 2 // it is rolled back
	require.NoError(t, outer.check(t.Context()))
	require.Equal(t, uint32(5), c.next)
}

// losing counts how often it is told that a store has lost its end.
type losing struct {
	times int
	told  func()
	err   error
}

func (l *losing) lost(context.Context, string, uint32, uint32) error {
	if l.times++; l.told != nil {
		l.told()
	}
	return l.err
}

// unreadable is a floor that nobody can read.
type unreadable struct {
	raised
	err error
}

func (u *unreadable) Floor(ctx context.Context, wallet string) (uint32, error) {
	if u.err != nil {
		return 0, u.err
	}
	return u.raised.Floor(ctx, wallet)
}

func TestAnOlderStoreIsNotGoneOnWithBecauseTheFloorCannotBeRead(t *testing.T) {
	l, f := &losing{}, &unreadable{}
	x := &indexes{store: &counter{next: 5}, now: time.Now, floors: f, lost: l.lost}
	require.NoError(t, x.check(t.Context()))
	x.fellBack()
	f.err = errors.New("no disk")
	for range 2 {
		require.ErrorIs(t, x.check(t.Context()), f.err)
		require.Equal(t, 1, l.times)
	}
	f.err, f.next = nil, 9
	require.NoError(t, x.check(t.Context()))
	require.Equal(t, 2, l.times, "the floor is looked at as soon as it can be read")
}

func TestAStoreThatFallsBackWhileItIsHeldAgainstTheFloorIsHeldAgainstItAgain(t *testing.T) {
	l := &losing{}
	x := &indexes{store: &counter{}, now: time.Now, lost: l.lost}
	x.fellBack()
	l.told = x.fellBack
	require.NoError(t, x.check(t.Context()))
	l.told = nil
	for range 2 {
		require.NoError(t, x.check(t.Context()))
		require.Equal(t, 2, l.times)
	}
}

func TestAClockCenturiesAheadLeavesTheFeedPositionsThatReadersCanHold(t *testing.T) {
	for own, want := range map[time.Time]int64{
		time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC): 7 + leeway,
		at(3): at(3).UnixMicro(),
	} {
		b := &skipped{}
		s := &Service{cfg: Config{Store: b, Now: func() time.Time { return own }}, log: slog.New(slog.DiscardHandler)}
		require.NoError(t, s.skipPositions(t.Context()))
		require.Equal(t, want, b.to)
		require.Less(t, b.to, int64(1)<<53)
	}
}

// skipped is a store whose feed ends at 7.
type skipped struct {
	Store
	to int64
}

func (*skipped) Events(context.Context, int64, int) ([]Event, error) {
	return nil, &PositionError{Last: 7}
}

func (s *skipped) Commit(_ context.Context, b Batch) error {
	s.to = b.Skip
	return nil
}
