// Package lacks records what a node lacks, for adapters.
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

// List is what a node lacks at present. The zero List is empty. It is safe for concurrent use.
type List struct {
	mu  sync.Mutex
	all []chain.Lack
}

func (l *List) find(asset chain.AssetID, what chain.Ability) int {
	return slices.IndexFunc(l.all, func(o chain.Lack) bool { return o.Asset == asset && o.What == what })
}

// Note records that the node lacks something, and reports whether that is new. Repeated calls replace the reason and
// add blocks, the number of further blocks in which it showed.
func (l *List) Note(asset chain.AssetID, what chain.Ability, reason string, blocks uint64) bool {
	return l.note(chain.Lack{Asset: asset, What: what, Reason: reason, Blocks: blocks})
}

// note is Note. A contradiction remains one, with its reason.
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

// Settle records that the node does not lack something, and reports whether it did before.
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

// All returns copies, in the order in which they were first recorded.
func (l *List) All() []chain.Lack {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// patience is the longest wait for the response to one question about what a node can do.
const patience = 5 * time.Second

// Within returns a context for all questions about what a node can do, which leaves time for other calls.
func Within(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithTimeout(ctx, time.Until(deadline)/2)
	}
	return context.WithCancel(ctx)
}

// Each returns a context for one of these questions.
func Each(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, patience)
}

// Round records which tokens a node is still to be asked about if the time is too short for all at once. The zero
// Round stands for all. It is safe for concurrent use.
type Round struct {
	mu         sync.Mutex
	next, left int
}

// Due returns the places, among a number of tokens, to ask about now, in this order: the rest of the round, else a
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

// Leave records how many of those that were due, the last ones, were not asked about.
func (r *Round) Leave(due []int, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = left
	if left > 0 {
		r.next = due[len(due)-left]
	}
}

// Restart makes all tokens due, those that were left first.
func (r *Round) Restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = 0
}

// Decimals records what the node reported about a token's decimals: nil if they are as configured, and
// [chain.ErrWrongNetwork] if they no longer are.
func (l *List) Decimals(ctx context.Context, log *slog.Logger, token chain.AssetID, err error) {
	switch {
	case err == nil && l.Settle(token, chain.Decimals):
		log.InfoContext(ctx, "token released", "asset", token)
	case err != nil && l.note(chain.Lack{
		Asset: token, What: chain.Decimals, Reason: err.Error(), Contradicted: errors.Is(err, chain.ErrWrongNetwork),
	}):
		log.ErrorContext(ctx, "token held back: its payments are not credited", "asset", token, "err", err)
	}
}

// clean returns valid UTF-8 no longer than chain.MaxReason.
func clean(reason string) string {
	return strings.ToValidUTF8(reason[:min(len(reason), chain.MaxReason)], "")
}
