package chaintest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
)

// How long a watcher under test may take. These limits are not part of the contract, but keep the suite from hanging.
const (
	nextTime  = 10 * time.Second // for one call of Next
	overTime  = 5 * time.Second  // for Next to return after its context has ended, and for what must not block
	eventTime = 30 * time.Second // until an expected event

	eventSteps = 500 // with blocks, until then
)

// RunWatcher tests a watcher that is not a [chain.Follower]: each case drives a new world, whose chain is followed
// from its first block, and a failure prints the rule that the watcher broke. A watcher that hangs fails too.
func RunWatcher(t *testing.T, newWorld func(t *testing.T) WatcherWorld) {
	for _, c := range watcherCases {
		t.Run(c.name, func(t *testing.T) {
			w := &watch{t: t, w: newWorld(t), rule: c.rule, fail: t.Fatalf}
			w.run(c.run)
		})
	}
}

type watcherCase struct {
	name string
	rule string
	run  func(*watch)
}

var watcherCases = []watcherCase{
	{"NamesItsNetwork", "Network is the network of the assets, and Lag names the same", namesItsNetwork},
	{"StepsContinue", "each step continues what was handed out before: its blocks link, its head is the last of them, its cursor is not empty", stepsContinue},
	{"EachPaymentIsSeenOnce", "a payment is one transfer, with the asset, the receiver, the transaction id and the exact units, also beyond 64 bits", eachPaymentOnce},
	{"SameCursorSameBlocks", "Next changes nothing: the same cursor gives the same blocks again", sameCursorSameBlocks},
	{"RestartFromCursor", "after a restart anywhere, and at any step, each transfer is there exactly once", restartAnywhere},
	{"BeginsAtTheTime", "a cursor of a time that is to come brings no block of the past", beginsAtTheTime},
	{"NothingHappens", "where nothing happened, nothing joins and nothing is rewound", nothingHappens},
	{"PoolIsListed", "a pool is known at the end of the chain only, and a transfer in it has the key that it has later in a block", poolOfSteps},
	{"EndsWithTheContext", "Next returns the error of a context that has ended, soon", endsWithTheContext},
	{"BadCursorIsRefused", "a cursor that the watcher did not make is an error, and never taken for the beginning or the end", badCursors},
	{"LagDoesNotBlock", "Lag may be called while Next runs, does not block, and says how far it has come", lagDoesNotBlock},
	{"StepsCanBeLimited", "a watcher that is a Stepper joins no more blocks in a step than it was told", stepsCanBeLimited},
	{"GapsArePassedOver", gapRule, watchGaps},
	{"Reorganise1", reorganiseRule, watchReorganise(1)},
	{"Reorganise3", reorganiseRule, watchReorganise(3)},
	{"Reorganise13", reorganiseRule, watchReorganise(13)},
}

// watch is a case of RunWatcher at work.
type watch struct {
	t    *testing.T
	w    WatcherWorld
	rule string
	fail func(format string, args ...any) // does not return

	ledger Ledger
	cursor chain.Cursor
	now    Watcher
}

func (w *watch) run(body func(*watch)) {
	w.t.Helper()
	if len(w.w.Assets()) == 0 {
		w.broken("the world has no asset")
	}
	w.cursor, w.now = chain.CursorSince(time.Time{}), w.w.Watcher(w.t)
	body(w)
}

func (w *watch) broken(format string, args ...any) {
	w.t.Helper()
	w.fail("rule: %s\nbroken: %s", w.rule, fmt.Sprintf(format, args...))
}

func (w *watch) pay(to chain.Address, units int64) string {
	w.t.Helper()
	return pay(w.t, w.w, to, units)
}

// within calls a function that must not block for long.
func within[T any](w *watch, limit time.Duration, what string, f func() T) T {
	w.t.Helper()
	done := make(chan T, 1)
	go func() { done <- f() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case value := <-done:
		return value
	case <-timer.C:
		w.broken("%s has not returned after %s", what, limit)
		panic("unreachable")
	}
}

type outcome struct {
	step chain.Step
	err  error
}

// ask calls Next once, with a time limit.
func (w *watch) ask(ctx context.Context, cursor chain.Cursor) (chain.Step, error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, nextTime)
	defer cancel()
	o := within(w, nextTime+overTime, "Next", func() outcome {
		s, err := w.now.Next(ctx, cursor)
		return outcome{s, err}
	})
	if o.err == nil {
		w.check(o.step)
	}
	return o.step, o.err
}

// check fails if a step is wrong whatever came before it.
func (w *watch) check(s chain.Step) {
	w.t.Helper()
	h := s.Head
	switch {
	case len(s.Cursor) == 0 || len(s.Cursor) > chain.MaxCursorSize:
		w.broken("a cursor of %d bytes", len(s.Cursor))
	case s.Cursor[0] < ' ' && s.Cursor[0] != chain.CursorSince(time.Time{})[0]:
		w.broken("a cursor that starts with the byte %#x, which is reserved: see chain.Cursor", s.Cursor[0])
	case h.Tip != 0 && h.Tip < h.Height:
		w.broken("head %d is above the tip %d", h.Height, h.Tip)
	case h.Safe > h.Height || h.Finalized > h.Height:
		w.broken("finality %d and %d is above the head %d", h.Safe, h.Finalized, h.Height)
	case s.PoolKnown && (s.Rewound || !h.AtTip()):
		w.broken("the pool is known, but the step rewinds or does not come to the end of the chain")
	}
	network := w.now.Network()
	for _, b := range s.Joined {
		for _, t := range b.Transfers {
			if t.Asset.Network() != network || t.TxID == "" || t.To == "" || t.Units == nil || t.Units.Sign() <= 0 {
				w.broken("block %d has the transfer %+v", b.Height, t)
			}
		}
		for _, u := range b.Unexamined {
			if u.TxID == "" || u.Height != b.Height || u.Block != b.Hash || len(u.Reason) > chain.MaxReason {
				w.broken("block %d names the unexamined transaction %+v", b.Height, u)
			}
		}
	}
}

// step returns the next step from the cursor, after as many calls as necessary: an error means that nothing is known
// yet. It returns nil if nothing happens while the suite waits.
func (w *watch) step() *chain.Step {
	w.t.Helper()
	var err error
	for began := time.Now(); time.Since(began) < eventTime; {
		var s chain.Step
		if s, err = w.ask(w.t.Context(), w.cursor); err == nil {
			return &s
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return nil // it waits for something to happen
		}
		time.Sleep(time.Millisecond)
	}
	w.broken("Next fails for %s: %v", eventTime, err)
	return nil
}

// take applies a step and stores its cursor.
func (w *watch) take(s *chain.Step) {
	w.t.Helper()
	if s == nil {
		return
	}
	if err := w.ledger.Apply(*s); err != nil {
		w.broken("%v", err)
	}
	w.cursor = s.Cursor
}

// until follows the chain until a condition holds.
func (w *watch) until(what string, so func() bool) {
	w.t.Helper()
	for began, steps := time.Now(), 0; !so(); steps++ {
		if time.Since(began) > eventTime || steps > eventSteps {
			w.broken("%s: not so after %d steps", what, steps)
		}
		s := w.step()
		if w.take(s); s != nil && len(s.Joined) == 0 {
			time.Sleep(time.Millisecond)
			steps--
		}
	}
}

// credited returns the transfers to an address, and fails if two have the same key.
func (w *watch) credited(to chain.Address) []chain.Transfer {
	w.t.Helper()
	all := w.ledger.Transfers()
	if _, twice := keysByTx(all); twice != nil {
		w.broken("two transfers with the key %+v", *twice)
	}
	return find(all, to)
}

// asPaid reports whether the ledger has exactly those of the transactions that are in the chain.
func (w *watch) asPaid(to chain.Address, paid []string) bool {
	w.t.Helper()
	var want []string
	for _, txid := range paid {
		if w.w.Paid(w.t, txid) {
			want = append(want, txid)
		}
	}
	var got []string
	for _, t := range w.credited(to) {
		got = append(got, t.TxID)
	}
	slices.Sort(want)
	slices.Sort(got)
	return slices.Equal(want, got)
}

func namesItsNetwork(w *watch) {
	want := w.w.Assets()[0].ID.Network()
	lag := within(w, overTime, "Lag", w.now.Lag)
	if got := within(w, overTime, "Network", w.now.Network); got != want || lag.Network != want {
		w.broken("Network is %q, Lag says %q, and the assets are of %q", got, lag.Network, want)
	}
}

// payments pays to an address, in a block each, and mines some more.
func (w *watch) payments(n int) (to chain.Address, paid []string) {
	w.t.Helper()
	to = w.w.Address(w.t)
	for i := range n {
		paid = append(paid, w.pay(to, 25_000+int64(i)))
		w.w.Mine(w.t, 1)
	}
	w.w.Mine(w.t, 2)
	return to, paid
}

func stepsContinue(w *watch) {
	to, paid := w.payments(6)
	w.until("all payments are there", func() bool { return w.asPaid(to, paid) })
	for range 4 {
		more, again := w.payments(1)
		w.until("a later payment is there", func() bool { return w.asPaid(more, again) })
	}
}

func eachPaymentOnce(w *watch) {
	for _, a := range w.w.Assets() {
		units, to := oddUnits(a), w.w.Address(w.t)
		txid := w.w.Pay(w.t, a, to, units)
		w.w.Mine(w.t, 2)
		w.until("a payment is there", func() bool { return len(w.credited(to)) > 0 })
		got := w.credited(to)
		if t := got[0]; len(got) != 1 || t.TxID != txid || t.Asset != a.ID || t.Units.Cmp(units) != 0 {
			w.broken("paid %s of %s by %s, but seen is %+v", units, a.ID, txid, got)
		}
	}
}

func sameCursorSameBlocks(w *watch) {
	to, paid := w.payments(8)
	w.until("all payments are there", func() bool {
		if w.asPaid(to, paid) {
			return true
		}
		first, again := w.step(), w.step()
		if first == nil || again == nil {
			w.broken("there are blocks, and Next waits")
		}
		n := min(len(first.Joined), len(again.Joined))
		if !reflect.DeepEqual(first.Joined[:n], again.Joined[:n]) || first.Rewound != again.Rewound {
			w.broken("one cursor gave %+v, and then %+v", first, again)
		}
		w.take(first)
		w.take(first)
		return w.asPaid(to, paid)
	})
}

func restartAnywhere(w *watch) {
	to, paid := w.payments(8)
	i := 0
	w.until("all payments are there", func() bool {
		w.now = w.w.Watcher(w.t) // nothing but the cursor survives
		if i++; i%2 == 0 {
			w.step() // stopped before the step was stored
			w.now = w.w.Watcher(w.t)
		}
		return w.asPaid(to, paid)
	})
}

func beginsAtTheTime(w *watch) {
	to, _ := w.payments(3)
	w.cursor = chain.CursorSince(time.Now().AddDate(50, 0, 0))
	for range 3 {
		w.take(w.step())
	}
	if got := w.credited(to); len(got) > 0 {
		w.broken("begun in fifty years, seen %+v", got)
	}
}

func nothingHappens(w *watch) {
	to, paid := w.payments(3)
	w.until("all payments are there", func() bool { return w.asPaid(to, paid) })
	s := w.step()
	for ; s != nil && len(s.Joined) > 0; s = w.step() {
		w.take(s)
	}
	head := w.ledger.last()
	for range 3 {
		s := w.step()
		if s == nil {
			return // it waits
		}
		if len(s.Joined) > 0 || s.Rewound || s.Head.Hash != head.Hash || !s.Head.AtTip() {
			w.broken("nothing happened after block %d, but the step is %+v", head.Height, *s)
		}
		w.take(s)
	}
}

func poolOfSteps(w *watch) {
	to, paid := w.payments(1)
	w.until("the payment is there", func() bool { return w.asPaid(to, paid) })
	waiting := w.w.Address(w.t)
	txid := w.pay(waiting, 31_000)
	var pooled []chain.Transfer
	for range 20 {
		s := w.step()
		if w.take(s); s == nil || !s.PoolKnown {
			continue
		}
		if pooled = find(s.Pool, waiting); len(pooled) > 0 {
			break
		}
	}
	w.w.Mine(w.t, 2)
	w.until("what waited is in a block", func() bool { return w.asPaid(waiting, []string{txid}) })
	if got := w.credited(waiting); len(pooled) > 0 && got[0].Key() != pooled[0].Key() {
		w.broken("in the pool %+v, in the block %+v", pooled, got)
	}
}

func endsWithTheContext(w *watch) {
	to, paid := w.payments(1)
	w.until("the payment is there", func() bool { return w.asPaid(to, paid) })
	over, cancel := context.WithCancel(w.t.Context())
	cancel()
	if _, err := w.ask(over, w.cursor); !errors.Is(err, context.Canceled) {
		w.broken("Next with a context that has ended: %v", err)
	}
	for i := range 20 {
		ctx, cancel := context.WithCancel(w.t.Context())
		time.AfterFunc(time.Duration(i)*time.Millisecond, cancel)
		s, err := w.ask(ctx, w.cursor)
		if err != nil && ctx.Err() != nil && !errors.Is(err, context.Canceled) {
			w.broken("Next whose context ends while it works: %v", err)
		}
		if err == nil {
			w.take(&s)
		}
		cancel()
	}
}

func badCursors(w *watch) {
	to, paid := w.payments(1)
	w.until("the payment is there", func() bool { return w.asPaid(to, paid) })
	for name, c := range map[string]chain.Cursor{
		"nil": nil, "empty": {}, "text": chain.Cursor("begin"), "zeros": make(chain.Cursor, 40),
		"half of a good one": w.cursor[:len(w.cursor)/2],
	} {
		s, err := w.ask(w.t.Context(), c)
		if err == nil {
			w.broken("a cursor that is %s gave %+v", name, s)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			w.broken("a cursor that is %s is waited with", name)
		}
	}
	more, again := w.payments(1)
	w.until("a later payment is there", func() bool { return w.asPaid(more, again) })
}

func lagDoesNotBlock(w *watch) {
	to, paid := w.payments(5)
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	done := make(chan struct{})
	reader := w.now
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			reader.Lag()
			time.Sleep(time.Millisecond)
		}
	}()
	w.until("all payments are there", func() bool { return w.asPaid(to, paid) })
	cancel()
	within(w, overTime, "Lag", func() struct{} { <-done; return struct{}{} })
	lag := within(w, overTime, "Lag", w.now.Lag)
	if last := w.ledger.last(); lag.Height != last.Height || lag.Failures > 0 && lag.Err == nil {
		w.broken("block %d was handed out, and Lag is %+v", last.Height, lag)
	}
}

func stepsCanBeLimited(w *watch) {
	stepper, ok := w.now.(chain.Stepper)
	if !ok {
		return // an optional ability that this watcher does not have
	}
	to, paid := w.payments(12)
	for _, limit := range []int{1, 4, 2} {
		within(w, overTime, "Limit", func() struct{} { stepper.Limit(limit); return struct{}{} })
		s := w.step()
		if s == nil || len(s.Joined) == 0 || len(s.Joined) > limit {
			w.broken("limited to %d blocks, the step is %+v", limit, s)
		}
		w.take(s)
	}
	stepper.Limit(0)
	w.until("all payments are there", func() bool { return w.asPaid(to, paid) })
}

// watchReorganise pays before the fork, in the first and in the last of the blocks that leave, and after. Half of the
// time the watcher is restarted with its old cursor.
func watchReorganise(depth int) func(*watch) {
	return func(w *watch) {
		for _, restart := range []bool{false, true} {
			to := w.w.Address(w.t)
			paid := payAround(w.t, w.w, to, depth)
			w.until("all payments are there", func() bool { return w.asPaid(to, paid) })
			for s := w.step(); s != nil && len(s.Joined) > 0; s = w.step() {
				w.take(s) // to the end of the chain, so that blocks leave that were returned
			}
			before, _ := keysByTx(w.credited(to))
			old := w.ledger.last()
			w.w.Reorganise(w.t, depth)
			if restart {
				w.now = w.w.Watcher(w.t)
			}
			w.until("the old blocks have left", func() bool {
				return w.ledger.last().Hash != old.Hash && !slices.ContainsFunc(w.ledger.blocks, func(b chain.Block) bool { return b.Hash == old.Hash })
			})
			paid = append(paid, payAfter(w.t, w.w, to))
			w.until("the payments are those of the new chain", func() bool { return w.asPaid(to, paid) })
			after, _ := keysByTx(w.credited(to))
			if txid, found := rekeyed(before, after); found {
				w.broken("the key of %s was %+v and is %+v", txid, before[txid], after[txid])
			}
		}
	}
}
