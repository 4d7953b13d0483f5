package chaintest

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
)

// watchWorld drives a simulated chain that is followed.
type watchWorld struct {
	*Chain
	fate  Fate
	names int
	flaw  func(*testing.T, chain.Node) Watcher
}

func (w *watchWorld) Watcher(t *testing.T) Watcher {
	if w.flaw != nil {
		return w.flaw(t, w.Chain)
	}
	return follow(t, w.Chain)
}

func follow(t *testing.T, node chain.Node) *chain.Follower {
	f, err := chain.NewFollower(chain.FollowConfig{
		Node: node, Batch: 3, Parallel: 2, Poll: time.Millisecond, MinBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond,
	})
	require.NoError(t, err)
	return f
}

func (w *watchWorld) Address(t *testing.T) chain.Address {
	w.names++
	return w.Chain.Address(fmt.Sprint(t.Name(), w.names))
}

func (w *watchWorld) Pay(_ *testing.T, asset chain.Asset, to chain.Address, units *big.Int) string {
	return w.Chain.Pay(to, asset, units)
}
func (w *watchWorld) Mine(_ *testing.T, n int)            { w.Chain.Mine(n) }
func (w *watchWorld) Skip(_ *testing.T, n int)            { w.Chain.Skip(n) }
func (w *watchWorld) Reorganise(_ *testing.T, depth int)  { w.Chain.Reorganise(depth, 1, w.fate) }
func (w *watchWorld) Paid(_ *testing.T, txid string) bool { return w.Chain.Paid(txid) }

func TestFollowerIsAWatcher(t *testing.T) {
	for name, skip := range map[string]func(uint64) bool{"Dense": nil, "WithGaps": func(h uint64) bool { return h%7 > 3 }} {
		for _, fate := range []Fate{Remined, Pooled, Lost} {
			t.Run(fmt.Sprint(name, fate), func(t *testing.T) {
				RunWatcher(t, func(*testing.T) WatcherWorld {
					return &watchWorld{Chain: NewChain(Config{Skip: skip}), fate: fate}
				})
			})
		}
	}
}

// flawed is a follower with a defect.
type flawed struct {
	Watcher
	next func(ctx context.Context, cursor chain.Cursor) (chain.Step, error)
	lag  func() chain.Lag
	name chain.Network
}

func (f *flawed) Next(ctx context.Context, cursor chain.Cursor) (chain.Step, error) {
	if f.next != nil {
		return f.next(ctx, cursor)
	}
	return f.Watcher.Next(ctx, cursor)
}

func (f *flawed) Lag() chain.Lag {
	if f.lag != nil {
		return f.lag()
	}
	return f.Watcher.Lag()
}

func (f *flawed) Network() chain.Network {
	if f.name != "" {
		return f.name
	}
	return f.Watcher.Network()
}

// inStep returns a watcher with a defect in its steps.
func inStep(change func(*chain.Step)) func(*testing.T, chain.Node) Watcher {
	return func(t *testing.T, node chain.Node) Watcher {
		f := follow(t, node)
		return &flawed{Watcher: f, next: func(ctx context.Context, c chain.Cursor) (chain.Step, error) {
			s, err := f.Next(ctx, c)
			if err == nil {
				change(&s)
			}
			return s, err
		}}
	}
}

// inNext returns a watcher with a defect in Next.
func inNext(next func(f *chain.Follower, ctx context.Context, c chain.Cursor) (chain.Step, error)) func(*testing.T, chain.Node) Watcher {
	return func(t *testing.T, node chain.Node) Watcher {
		f := follow(t, node)
		return &flawed{Watcher: f, next: func(ctx context.Context, c chain.Cursor) (chain.Step, error) { return next(f, ctx, c) }}
	}
}

func eachTransfer(change func(*chain.Transfer)) func(*testing.T, chain.Node) Watcher {
	return inStep(func(s *chain.Step) {
		for _, b := range s.Joined {
			for i := range b.Transfers {
				change(&b.Transfers[i])
			}
		}
	})
}

// beforeGaps mistakes a height without a block for one that is still to come.
type beforeGaps struct{ *Chain }

func (n beforeGaps) Block(ctx context.Context, height uint64) (chain.Block, error) {
	b, err := n.Chain.Block(ctx, height)
	if errors.Is(err, chain.ErrNoBlock) {
		err = chain.ErrNotFound
	}
	return b, err
}

// limitless has a Limit that does nothing.
type limitless struct{ Watcher }

func (limitless) Limit(int) {}

// stubborn hangs in the second call and ignores its context.
func stubborn(t *testing.T, node chain.Node) Watcher {
	calls := 0
	return inNext(func(f *chain.Follower, ctx context.Context, c chain.Cursor) (chain.Step, error) {
		if calls++; calls > 1 {
			time.Sleep(24 * time.Hour)
		}
		return f.Next(ctx, c)
	})(t, node)
}

// remembering continues from its last position and ignores the cursor.
func remembering(t *testing.T, node chain.Node) Watcher {
	var last chain.Cursor
	return inNext(func(f *chain.Follower, ctx context.Context, c chain.Cursor) (chain.Step, error) {
		if last != nil {
			c = last
		}
		s, err := f.Next(ctx, c)
		if err == nil {
			last = s.Cursor
		}
		return s, err
	})(t, node)
}

func TestDefectiveWatchersAreFound(t *testing.T) {
	for name, d := range map[string]struct {
		by   string
		flaw func(*testing.T, chain.Node) Watcher
	}{
		"names another network": {"NamesItsNetwork", func(t *testing.T, n chain.Node) Watcher {
			return &flawed{Watcher: follow(t, n), name: "sim:2"}
		}},
		"lag of no network": {"NamesItsNetwork", func(t *testing.T, n chain.Node) Watcher {
			return &flawed{Watcher: follow(t, n), lag: func() chain.Lag { return chain.Lag{} }}
		}},
		"passes over a block": {"StepsContinue", inStep(func(s *chain.Step) {
			if len(s.Joined) > 1 {
				s.Joined = append(s.Joined[:1:1], s.Joined[2:]...)
			}
		})},
		"head is ahead":          {"StepsContinue", inStep(func(s *chain.Step) { s.Head.Height++ })},
		"tip is behind the head": {"StepsContinue", inStep(func(s *chain.Step) { s.Head.Tip = 1; s.Head.Height += 2 })},
		"no cursor":              {"StepsContinue", inStep(func(s *chain.Step) { s.Cursor = nil })},
		"cursor of a reserved form": {"StepsContinue", inStep(func(s *chain.Step) {
			s.Cursor = append(chain.Cursor{2}, s.Cursor...)
		})},
		"never comes to an end": {"StepsContinue", inStep(func(s *chain.Step) { *s = chain.Step{Cursor: s.Cursor} })},
		"fails for ever": {"StepsContinue", inNext(func(*chain.Follower, context.Context, chain.Cursor) (chain.Step, error) {
			return chain.Step{}, errors.New("no")
		})},
		"hangs":                             {"StepsContinue", stubborn},
		"loses the last digits":             {"EachPaymentIsSeenOnce", eachTransfer(func(t *chain.Transfer) { t.Units.Rsh(t.Units, 64).Lsh(t.Units, 64).SetBit(t.Units, 0, 1) })},
		"keys by transaction alone, of all": {"StepsContinue", eachTransfer(func(t *chain.Transfer) { t.TxID, t.Index = "0x1", "0" })},
		"spells the transaction otherwise":  {"EachPaymentIsSeenOnce", eachTransfer(func(t *chain.Transfer) { t.TxID += " " })},
		"remembers":                         {"SameCursorSameBlocks", remembering},
		"begins at the start always": {"RestartFromCursor", inNext(func(f *chain.Follower, ctx context.Context, _ chain.Cursor) (chain.Step, error) {
			return f.Next(ctx, chain.CursorSince(time.Time{}))
		})},
		"ignores the time": {"BeginsAtTheTime", inNext(func(f *chain.Follower, ctx context.Context, c chain.Cursor) (chain.Step, error) {
			if _, since := c.Since(); since {
				c = chain.CursorSince(time.Time{})
			}
			return f.Next(ctx, c)
		})},
		"rewinds for nothing": {"NothingHappens", inStep(func(s *chain.Step) {
			if len(s.Joined) == 0 {
				s.Rewound, s.Fork = true, 1
			}
		})},
		"knows a pool that it has not read": {"PoolIsListed", inStep(func(s *chain.Step) { s.PoolKnown, s.Head.Tip = true, s.Head.Height+1 })},
		"other keys in the pool": {"PoolIsListed", inStep(func(s *chain.Step) {
			for i := range s.Pool {
				s.Pool[i].Index = "pool"
			}
		})},
		"hides that its context ended": {"EndsWithTheContext", inNext(func(f *chain.Follower, ctx context.Context, c chain.Cursor) (chain.Step, error) {
			s, err := f.Next(ctx, c)
			if err != nil {
				err = errors.New("no")
			}
			return s, err
		})},
		"takes no cursor for the beginning": {"BadCursorIsRefused", inNext(func(f *chain.Follower, ctx context.Context, c chain.Cursor) (chain.Step, error) {
			if len(c) == 0 {
				c = chain.CursorSince(time.Time{})
			}
			return f.Next(ctx, c)
		})},
		"lag stays": {"LagDoesNotBlock", func(t *testing.T, n chain.Node) Watcher {
			return &flawed{Watcher: follow(t, n), lag: func() chain.Lag { return chain.Lag{Network: n.Network()} }}
		}},
		"lag blocks": {"LagDoesNotBlock", func(t *testing.T, n chain.Node) Watcher {
			f := follow(t, n)
			return &flawed{Watcher: f, lag: func() chain.Lag { time.Sleep(time.Hour); return f.Lag() }}
		}},
		"ignores its limit": {"StepsCanBeLimited", func(t *testing.T, n chain.Node) Watcher { return limitless{follow(t, n)} }},
		"takes a gap for the end": {"GapsArePassedOver", func(t *testing.T, n chain.Node) Watcher {
			return follow(t, beforeGaps{n.(*Chain)})
		}},
		"tells of no fork": {"Reorganise3", inStep(func(s *chain.Step) { s.Rewound = false })},
		"rewinds too little": {"Reorganise3", inStep(func(s *chain.Step) {
			if s.Rewound {
				s.Fork++
			}
		})},
		"drops what takes over": {"Reorganise3", inStep(func(s *chain.Step) {
			if s.Rewound {
				s.Joined = nil
			}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, verdict(t, d.by, d.flaw), "broken: ")
			require.Empty(t, verdict(t, d.by, nil), "a watcher without the defect passes")
		})
	}
}

// verdict returns what a case reports about a watcher: nothing, or which rule is broken and how. No case takes more than
// some minutes of the bubble's time.
func verdict(t *testing.T, name string, flaw func(*testing.T, chain.Node) Watcher) (said string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		defer func() {
			if stop := recover(); stop != nil {
				b, ours := stop.(broken)
				if !ours {
					panic(stop)
				}
				said = string(b)
			}
			require.Less(t, time.Since(began), 5*time.Minute, "it does not hang")
			time.Sleep(48 * time.Hour) // until what was left hanging has ended
		}()
		for _, c := range watcherCases {
			if c.name == name {
				w := &watch{t: t, w: &watchWorld{Chain: NewChain(Config{}), fate: Pooled, flaw: flaw}, rule: c.rule}
				w.fail = func(format string, args ...any) { panic(broken(fmt.Sprintf(format, args...))) }
				w.run(c.run)
				return
			}
		}
		t.Fatalf("no case %s", name)
	})
	return said
}

// broken is what a case found.
type broken string
