package payouttest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// Defect is a deliberate mistake of a spender, which a world must notice.
type Defect int

// The defects.
const (
	NoDefect           Defect = iota
	DefectNoAnchor            // a replacement spends other coins than what it replaces
	DefectGap                 // numbers of the sender are left out
	DefectTakenIsDead         // what a foreign transaction took the place of counts as dead
	DefectTopUpAgain          // an address is topped up while a top-up is under way
	DefectBumpUnlocked        // a bump locks something else than the coin that it spends
	DefectBumpUnseen          // a bump counts as final with its parent, whichever version of that is mined
	DefectBumpGone            // a bump counts as dead while its parent is neither in the pool nor in a block
	DefectExpiryByHead        // a transaction counts as dead once the head is past its time, whatever may be reorganised
)

// Config configures a run of worlds.
type Config struct {
	// Open opens an empty store for one world.
	Open func(t testing.TB) Store
	// Steps is the number of steps of a world before all is quiet; 150 by default.
	Steps int
	// Defect lets the worlds' spenders make a mistake.
	Defect Defect
}

// Explore plays n worlds from the given seed on, and reports the first that breaks a rule, with its story.
func Explore(t testing.TB, cfg Config, first uint64, n int) {
	t.Helper()
	for seed := first; seed < first+uint64(n); seed++ {
		if failure, story := Play(t, cfg, seed); failure != "" {
			t.Fatalf("world %d: %s\n%s", seed, failure, tail(story, 400))
			return
		}
	}
}

// Play plays one world. It returns the rule that it breaks, empty if none, and its story.
func Play(t testing.TB, cfg Config, seed uint64) (failure string, story []string) {
	if cfg.Steps == 0 {
		cfg.Steps = 150
	}
	w := newWorld(seed, cfg.Open(t), cfg.Defect)
	defer func() {
		r := recover()
		story = w.history
		if b, is := r.(broken); is {
			failure = b.text
		} else if r != nil {
			panic(fmt.Sprintf("world %d: %v\n%s", seed, r, tail(w.history, 60)))
		}
	}()
	for _, s := range w.chains {
		for range 3 {
			w.sell(s)
		}
		w.mineWith(s, deposit{name: "fund:first", asset: s.c.assets[0], units: num("20000")},
			deposit{name: "fund:top-ups", asset: s.c.assets[0], units: num("20000"), at: topUp})
	}
	for _, s := range w.chains {
		if w.rand.IntN(2) == 0 { // the operator has a float from the beginning
			w.calm = true
			for range depthBuried + 1 {
				w.mine(s)
			}
			w.bookFunds(w.start(0), s)
			w.calm = false
		}
	}
	if w.custodian != nil {
		w.calm = true
		w.must(w.start(0).Fund(context.Background(), custody, "loan:1", project, "ben"))
		w.calm = false
	}
	for range cfg.Steps {
		w.step()
		w.check()
	}
	w.quiet()
	return "", w.history
}

func tail(story []string, n int) string {
	if len(story) > n {
		story = append([]string{"..."}, story[len(story)-n:]...)
	}
	return strings.Join(story, "\n")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
