// Package lacks remembers what a node lacks, for adapters.
package lacks

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
)

// List is what a node lacks at present. The zero List is empty. It may be used concurrently.
type List struct {
	mu  sync.Mutex
	all []chain.Lack
}

func (l *List) find(asset chain.AssetID, what chain.Ability) int {
	return slices.IndexFunc(l.all, func(o chain.Lack) bool { return o.Asset == asset && o.What == what })
}

// Note notes that the node lacks something, also again, and reports whether that is new. The reason is that of the last
// time. Blocks are how many more it showed in.
func (l *List) Note(asset chain.AssetID, what chain.Ability, reason string, blocks uint64) bool {
	return l.note(chain.Lack{Asset: asset, What: what, Reason: reason, Blocks: blocks})
}

// note is Note. What was contradicted stays so, with the reason of that.
func (l *List) note(more chain.Lack) bool {
	more.Reason = clean(more.Reason)
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.find(more.Asset, more.What)
	if i < 0 {
		more.Since = time.Now().UTC()
		l.all = append(l.all, more)
		return true
	}
	known := &l.all[i]
	known.Blocks += more.Blocks
	if more.Contradicted || !known.Contradicted {
		known.Reason, known.Contradicted = more.Reason, more.Contradicted
	}
	return false
}

// Settle notes that the node does not lack something, and reports whether it did.
func (l *List) Settle(asset chain.AssetID, what chain.Ability) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.find(asset, what)
	if i >= 0 {
		l.all = slices.Delete(l.all, i, i+1)
	}
	return i >= 0
}

// Has reports whether the node lacks something.
func (l *List) Has(asset chain.AssetID, what chain.Ability) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.find(asset, what) >= 0
}

// All are copies, in the order in which they were noted first.
func (l *List) All() []chain.Lack {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// patience is how long a node may take at most to answer one question about what it can do.
const patience = 5 * time.Second

// Within is ctx for all questions about what a node can do, which must leave time for the others.
func Within(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithTimeout(ctx, time.Until(deadline)/2)
	}
	return context.WithCancel(ctx)
}

// Each is ctx for one of these questions.
func Each(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, patience)
}

// Round remembers which tokens a node is still to be asked about, where the time is too short for all at once. The zero
// Round is that all are. It may be used concurrently.
type Round struct {
	mu         sync.Mutex
	next, left int
}

// Due are the places, of so many tokens, that are to be asked about now, in this order: what is left of the round, else a
// whole one.
func (r *Round) Due(tokens int) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == 0 {
		r.left = tokens
	}
	due := make([]int, r.left)
	for i := range due {
		due[i] = (r.next + i) % tokens
	}
	return due
}

// Leave notes how many of those that were due, the last ones, were not asked about.
func (r *Round) Leave(due []int, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = left
	if left > 0 {
		r.next = due[len(due)-left]
	}
}

// Restart has all tokens asked about, those that were left first.
func (r *Round) Restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = 0
}

// Decimals notes what the node said of a token's decimals: a nil error that they are as configured, and
// [chain.ErrWrongNetwork] that they no longer are.
func (l *List) Decimals(ctx context.Context, log *slog.Logger, token chain.AssetID, err error) {
	switch {
	case err == nil && l.Settle(token, chain.Decimals):
		log.InfoContext(ctx, "token is no longer held back", "asset", token)
	case err != nil && l.note(chain.Lack{
		Asset: token, What: chain.Decimals, Reason: err.Error(), Contradicted: errors.Is(err, chain.ErrWrongNetwork),
	}):
		log.ErrorContext(ctx, "token is held back: what arrives of it is not credited", "asset", token, "err", err)
	}
}

// clean makes a text valid and no longer than chain.MaxReason.
func clean(reason string) string {
	return strings.ToValidUTF8(reason[:min(len(reason), chain.MaxReason)], "")
}
