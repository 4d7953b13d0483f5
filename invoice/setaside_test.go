package invoice

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/stretchr/testify/require"
)

// aside is something set aside of an invoice, in a block.
func aside(invoice string) Aside {
	return Aside{Since: at(1), Invoice: invoice, Seen: []Seen{{Block: BlockRef{Height: 100, Hash: "0x1"}}}}
}

func unexamined(height uint64) Aside {
	return Aside{Since: at(1), Unexamined: &chain.Unexamined{TxID: "0x1", Height: height}}
}

func TestWhatIsSetAsideOfAnInvoiceKeepsItsOrder(t *testing.T) {
	list := setAside([]Aside{aside("a")}, aside("a"))
	require.Len(t, list, 1)
	require.Len(t, list[0].Seen, 2)
	back := aside("a")
	back.Rewound, back.Fork = true, 99
	list = setAside(list, back)
	require.Len(t, list, 2, "a rewinding comes after what was before it")
	list = setAside(setAside(list, aside("b")), aside("a"))
	require.Len(t, list, 3)
	require.Len(t, list[1].Seen, 2, "and before what comes after it")
}

func TestWhatAnybodyCanSendMakesRoomFirst(t *testing.T) {
	list := []Aside{aside("a")}
	for i := range maxAside - 1 {
		list = setAside(list, unexamined(uint64(i)))
	}
	list = setAside(list, aside("b"))
	require.Len(t, list, maxAside)
	require.Equal(t, "a", list[0].Invoice)
	require.Equal(t, "b", list[maxAside-1].Invoice)
	require.Equal(t, uint64(1), list[1].Unexamined.Height)
}

func TestWhatIsSetAsideNoLongerIsNext(t *testing.T) {
	p := Progress{Aside: []Aside{aside("a"), unexamined(1)}}
	require.True(t, p.isNext(aside("a"), "a"))
	require.False(t, p.isNext(unexamined(2), "b"), "it made room for another")
}

// held is a transfer of an asset that is held back, to an invoice.
func held(asset chain.AssetID, invoice string, n int) Aside {
	seen := Seen{chain.Transfer{TxID: fmt.Sprint(n), Asset: asset, Held: true}, BlockRef{Height: uint64(n), Hash: "0x1"}, invoice}
	return Aside{Since: at(1), Cause: "held back: " + string(asset), Seen: []Seen{seen}}
}

func TestWhatIsHeldBackMakesNoRoomOfWhatOthersSent(t *testing.T) {
	list := []Aside{aside("a"), unexamined(1)}
	for i := range (maxHeld + 10) * maxSeen {
		list = setAside(list, held(coin, fmt.Sprint(i%500), i))
	}
	require.Len(t, list, 2+maxHeld)
	require.Equal(t, []Aside{aside("a"), unexamined(1)}, list[:2])
	for _, a := range list[2:] {
		require.Len(t, a.Seen, maxSeen)
	}
	require.NotContains(t, list[len(list)-2].Cause, asideFull)
	require.Contains(t, list[len(list)-1].Cause, asideFull)
	for i := range maxAside + 10 { // nor do others make room of it
		list = setAside(list, unexamined(uint64(i)))
	}
	require.Len(t, list, maxAside+maxHeld)
	require.Equal(t, "a", list[0].Invoice)
	require.True(t, list[1].heldBack())
}

func TestOneInvoiceTakesUpOnlySoMuchOfWhatIsHeldBack(t *testing.T) {
	var list []Aside
	for i := range maxSeen {
		list = setAside(list, held(coin, "flooded", i))
		list = setAside(list, held(coin, fmt.Sprint(i), i))
	}
	list = setAside(list, held(token, "flooded", 1))
	require.Len(t, list, 2, "one after the other is kept together all the same")
	seen := map[string]int{}
	for _, a := range list {
		require.Contains(t, a.Cause, "held back: "+string(coin))
		for _, s := range a.Seen {
			seen[s.For]++
		}
	}
	require.Equal(t, maxHeldOfOne, seen["flooded"])
	require.Len(t, seen, maxSeen+1)
	require.Contains(t, list[0].Cause+list[1].Cause, asideFull)
}

func TestARewindingIsRememberedForWhatCannotBeDecidedAboutYet(t *testing.T) {
	above := aside("c")
	above.Seen[0].Block.Height = 101
	both := aside("d")
	both.Seen = append(both.Seen, above.Seen...)
	back := Aside{Invoice: "e", Rewound: true, Fork: 99, Seen: above.Seen}
	nobody := aside("")
	nobody.Cause = unread
	p := Progress{Aside: []Aside{unexamined(100), unexamined(101), aside("b"), above, both, back, nobody}}
	v := view{rewound: true, fork: 100}
	joined := sighting{block: BlockRef{Height: 101, Hash: "0x2"}}
	list := p.asideAfter(v, touch{damaged: []string{"f"}, unread: []sighting{joined}}, at(2))
	require.Equal(t, uint64(100), list[0].Unexamined.Height, "what is on the chain still is awaited")
	var ids []string
	var seen []int
	for _, a := range list[1:] {
		ids, seen = append(ids, a.Invoice), append(seen, len(a.Seen))
	}
	require.Equal(t, []string{"b", "d", "e", "", "f", ""}, ids, "what is on the chain no longer is forgotten")
	require.Equal(t, []int{1, 1, 0, 1, 0, 1}, seen)
	require.Equal(t, Aside{Since: at(2), Cause: "cannot be read", Invoice: "f", Rewound: true, Fork: 100}, list[5])
	require.Len(t, both.Seen, 2, "a step that is not stored changes nothing")
}

func TestWhatWaitsInAPoolIsNotSetAside(t *testing.T) {
	inBlock := sighting{block: BlockRef{Height: 100, Hash: "0x1"}}
	require.Len(t, view{}.part("a", []sighting{inBlock, {}}, "why", at(1)).Seen, 1)
}

func TestOnlyTheSameFactsThatAreRefusedAreAContradiction(t *testing.T) {
	r := &refusals{named: map[string]refusal{}}
	refusal := errors.New("refused")
	for version := range int64(10) { // others change it meanwhile
		r.name(Invoice{ID: "a", Version: version}, refusal)
		require.Empty(t, r.cause("a", nil))
	}
	for range stubborn {
		r.name(Invoice{ID: "a", Version: 20}, refusal)
	}
	require.Equal(t, "refused", r.cause("a", nil))
	require.Empty(t, r.cause("b", nil))
}

func TestOnceSomethingIsSetAsideAllThatComesLaterIs(t *testing.T) {
	r := &refusals{named: map[string]refusal{}}
	was := aside("a")
	was.Cause = "why"
	require.Equal(t, "why", r.cause("a", []Aside{aside("b"), was}))
}

// heads is a store that knows how far networks have come, and nothing else.
type heads struct {
	Store
	at      map[chain.Network]time.Time
	version int64
}

func (h heads) Network(_ context.Context, id chain.Network) (Progress, error) {
	return Progress{Network: id, Head: chain.Head{Time: h.at[id]}, Version: h.version}, nil
}

func TestTheOldestClockIsThatOfThePlacesThatAreHeld(t *testing.T) {
	inv := quoted("a", func(inv *Invoice) {
		inv.Quote.Quarantine = time.Hour
		other := *inv.Quote
		other.Asset.ID, other.Address = otherCoin, "0xb"
		inv.Earlier = []Quote{other}
	})
	for minute, want := range map[int]time.Time{10: at(10), 30: at(20)} {
		s := &Service{cfg: Config{Store: heads{at: map[chain.Network]time.Time{otherCoin.Network(): at(minute)}}}}
		c, err := s.withOldest(t.Context(), inv, clock{head: chain.Head{Time: at(20)}})
		require.NoError(t, err)
		require.Equal(t, want, c.oldest)
	}
}

func TestAnAmountFreesNoNumber(t *testing.T) {
	before := quoted("a", func(inv *Invoice) { inv.Quote.Quarantine, inv.Quote.Slot = time.Hour, "slot" })
	after := before
	after.State.ReleasedAt = at(60)
	list := releases(before, after)
	require.Len(t, list, 1)
	require.False(t, list[0].Reuse)
}

func TestWhoIsOvertakenStops(t *testing.T) {
	s, r := &Service{cfg: Config{Store: heads{version: 4}}}, &refusals{named: map[string]refusal{}}
	n := &network{id: testNet}
	require.ErrorIs(t, s.refused(t.Context(), n, Progress{Version: 3}, Batch{}, ErrConflict, r), errOvertaken)
	require.NoError(t, s.refused(t.Context(), n, Progress{Version: 4}, Batch{}, ErrConflict, r))
}

// lessor grants a lease once and then gives it to somebody else.
type lessor struct{ asked int }

func (l *lessor) Lease(_ context.Context, name, holder string, _ time.Duration) (Lease, error) {
	if l.asked++; l.asked > 1 {
		return Lease{}, ErrLeased
	}
	return Lease{Duty: name, Holder: holder}, nil
}

func (*lessor) Release(context.Context, Lease) error { return nil }

func TestWhoLosesADutyStopsWorkingOnIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &duty{leaser: &lessor{}, name: "follow", holder: "me", ttl: time.Minute}
		err := d.during(t.Context(), func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		require.ErrorIs(t, err, ErrLeased)
		require.Zero(t, d.fence())
	})
}

// keeper grants every lease, and remembers when it was asked.
type keeper struct{ asked []time.Time }

func (k *keeper) Lease(_ context.Context, name, holder string, _ time.Duration) (Lease, error) {
	k.asked = append(k.asked, time.Now())
	return Lease{Duty: name, Holder: holder}, nil
}

func (*keeper) Release(context.Context, Lease) error { return nil }

func TestADutyIsRenewedInTimeWhileItsWorkLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		d := &duty{leaser: k, name: "follow", holder: "me", ttl: time.Minute}
		require.NoError(t, d.during(t.Context(), func(context.Context) error {
			time.Sleep(10 * time.Minute)
			return nil
		}))
		k.asked = append(k.asked, time.Now())
		for i, at := range k.asked[1:] {
			require.Less(t, at.Sub(k.asked[i]), time.Minute)
		}
	})
}

func TestALaterBlockProvesWhenWhatIsSetAsideWasThere(t *testing.T) {
	noon := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	seen := func(height uint64, at time.Time) Aside {
		return Aside{Invoice: "i", Seen: []Seen{{Block: BlockRef{Height: height, Hash: "h", Time: at}}}}
	}
	p := Progress{Aside: []Aside{seen(9, noon.Add(time.Hour)), seen(8, noon.Add(-time.Hour)), seen(10, noon.Add(time.Hour))}}
	out := p.asideAfter(view{first: 10, earliest: noon}, touch{}, noon)
	require.Equal(t, []Aside{seen(9, noon), seen(8, noon.Add(-time.Hour)), seen(10, noon.Add(time.Hour))}, out)
	require.Equal(t, noon.Add(time.Hour), p.Aside[0].Seen[0].Block.Time, "what was given is not changed")
}

func TestWhatIsSetAsideFitsInABatch(t *testing.T) {
	var list []Aside
	many := func(invoice string, n int) Aside {
		a := aside(invoice)
		a.Seen = make([]Seen, n)
		return a
	}
	list = setAside(list, many("a", maxSeenOfOne-1))
	require.NotContains(t, list[0].Cause, asideFull)
	list = setAside(list, many("a", 2))
	require.Equal(t, maxSeenOfOne, seenIn(list))
	require.Contains(t, list[len(list)-1].Cause, asideFull)
	list = setAside(setAside(list, many("b", maxSeenOfOne)), many("c", 1))
	require.Equal(t, maxSeenInAll, seenIn(list), "nor is there room for what others have")
	back := aside("d")
	back.Rewound, back.Fork = true, 99
	list = setAside(list, back)
	require.True(t, list[len(list)-1].Rewound, "what left the chain is remembered all the same")
	require.Empty(t, list[len(list)-1].Seen)
	list = setAside(list, held(coin, "e", 1))
	require.Equal(t, maxSeenInAll+1, seenIn(list), "what is held back has room of its own")
}
