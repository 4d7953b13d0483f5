package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// MaxWindow is the largest [FollowConfig.Window].
const MaxWindow = 2048

// FollowConfig configures a [Follower]. Zero fields have the defaults stated with them.
type FollowConfig struct {
	Node Node // required

	Poll     time.Duration // pause at the end of the chain: 2 s
	MinPoll  time.Duration // shortest time between two reads when a [Hinter] shortens that pause: a tenth of Poll
	Batch    int           // largest number of blocks in a step, unless a reorganisation needs more: 64, at most 4096
	Parallel int           // largest number of blocks read at the same time: 4, at most 256

	// Patience is about how long reading the blocks of one step may take: 5 s. After that the step ends with what was
	// read, but at least one block and all that a reorganisation needs.
	Patience time.Duration

	// Window is how many blocks back a reorganisation is resolved exactly and in one step: 256, at most MaxWindow.
	// Deeper ones are resolved too, but rewind further than necessary and return in batches.
	Window int
	// Margin is how far before the time of CursorSince to start, as miners choose the stamps of blocks: 2 h, which is
	// what Bitcoin allows. Negative is none.
	Margin time.Duration

	MinBackoff time.Duration // pause after a first failure; doubled after each further one: 500 ms
	MaxBackoff time.Duration // longest pause after a failure: 1 min
	// Timeout is the longest wait for one response of the node: 30 s. A block that takes longer gets twice as long at
	// the next attempt, up to eight times Timeout, so that a large block is not a permanent obstacle.
	Timeout time.Duration

	Now    func() time.Time // clock for Lag, not for pauses: time.Now
	Logger *slog.Logger     // if nil, nothing is logged
}

func (c FollowConfig) withDefaults() (FollowConfig, error) {
	if c.Node == nil {
		return c, errors.New("chain: FollowConfig.Node is required")
	}
	for _, d := range []struct {
		name     string
		field    *time.Duration
		fallback time.Duration
	}{
		{"Poll", &c.Poll, 2 * time.Second},
		{"MinPoll", &c.MinPoll, cmp.Or(c.Poll, 2*time.Second) / 10},
		{"MinBackoff", &c.MinBackoff, 500 * time.Millisecond},
		{"MaxBackoff", &c.MaxBackoff, max(time.Minute, c.MinBackoff)},
		{"Timeout", &c.Timeout, 30 * time.Second},
		{"Patience", &c.Patience, 5 * time.Second},
	} {
		if *d.field < 0 {
			return c, fmt.Errorf("chain: FollowConfig.%s is negative", d.name)
		}
		if *d.field == 0 {
			*d.field = d.fallback
		}
	}
	for _, n := range []struct {
		name          string
		field         *int
		fallback, top int
	}{{"Batch", &c.Batch, 64, 4096}, {"Parallel", &c.Parallel, 4, 256}, {"Window", &c.Window, 256, MaxWindow}} {
		if *n.field < 0 || *n.field > n.top {
			return c, fmt.Errorf("chain: FollowConfig.%s must be 1 to %d", n.name, n.top)
		}
		if *n.field == 0 {
			*n.field = n.fallback
		}
	}
	if c.MinPoll > c.Poll {
		return c, errors.New("chain: FollowConfig.MinPoll is more than Poll")
	}
	if c.MaxBackoff < c.MinBackoff {
		return c, errors.New("chain: FollowConfig.MaxBackoff is less than MinBackoff")
	}
	if c.Margin == 0 {
		c.Margin = 2 * time.Hour
	}
	c.Margin = max(c.Margin, 0)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Follower turns a [Node] into a watcher: cursor, catch-up, reorganisations and back-off. Its position is only in the
// cursor that the caller stores; the Follower itself keeps its pace alone.
type Follower struct {
	cfg  FollowConfig
	node Node

	// Used by Next only.
	ready        time.Time // when the node may be asked again
	hintable     bool      // a hint may shorten that
	asked        time.Time // when the node was last asked
	hintReady    time.Time // when hints may be waited for again
	hintFailures int
	atEnd        bool      // the last step reached the tip
	poolReady    time.Time // when the pool may be asked again
	poolFailures int
	poolErr      error
	poolless     bool // the node reported that it lists no pool
	late         int  // how often in a row the time for a block was too short

	bears atomic.Int64 // number of blocks that a step may have, by how reading goes
	limit atomic.Int64 // and by the caller's Limit, or 0

	mu  sync.Mutex
	lag Lag
}

// NewFollower validates cfg. It does not call the node.
func NewFollower(cfg FollowConfig) (*Follower, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	f := &Follower{cfg: cfg, node: cfg.Node, lag: Lag{Network: cfg.Node.Network(), Batch: cfg.Batch}}
	f.bears.Store(int64(cfg.Batch))
	return f, nil
}

// Network returns the network that is followed.
func (f *Follower) Network() Network { return f.node.Network() }

// Lag returns how far the follower is behind and why. It does not block and may be called concurrently with Next. It
// is based on what this follower did, so it is empty before the first call of Next.
func (f *Follower) Lag() Lag {
	f.mu.Lock()
	lag := f.lag
	f.mu.Unlock()
	if node, ok := f.node.(Lacker); ok {
		lag.Lacks = node.Lacks()
	}
	return lag
}

func (f *Follower) note(change func(*Lag)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(&f.lag)
}

// Next returns what happened on the chain after a cursor. It changes nothing: the same cursor gives the same blocks
// again, as long as the chain has them. Call it in a loop, one call at a time, with the cursor of the last committed
// step. Next pauses before it calls the node: for Poll at the end of the chain, or until a node that is a [Hinter]
// signals news; for an increasing time after failures. It returns when ctx ends, and nothing that it started outlives
// it.
//
// A step without Joined is not an error: its Head may show new finality, and its Pool new transfers.
//
// After an error nothing has changed, and the same cursor must be used again. [ErrWrongNetwork], [ErrUnrelated] and
// [ErrBadCursor] rarely resolve by themselves; all other errors may. If the node exceeds Timeout, the error is
// [context.DeadlineExceeded] although the caller's ctx has not ended.
func (f *Follower) Next(ctx context.Context, cursor Cursor) (Step, error) {
	if err := f.rest(ctx); err != nil {
		return Step{}, err
	}
	f.asked, f.hintable = time.Now(), false
	f.note(func(l *Lag) { l.Asked = f.cfg.Now() })
	s, err := f.advance(ctx, cursor)
	if ctx.Err() != nil {
		return Step{}, ctx.Err() // the caller's decision, not a failure of the node
	}
	if err != nil {
		return Step{}, f.failed(err)
	}
	f.succeeded(s)
	return s.Step, nil
}

// rest waits until a point in time, or for the end of ctx.
func rest(ctx context.Context, until time.Time) error {
	if d := time.Until(until); d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return ctx.Err()
}

// rest waits until the node may be called, or until it hints at news.
func (f *Follower) rest(ctx context.Context) error {
	node, ok := f.node.(Hinter)
	if !ok || !f.hintable || time.Now().Before(f.hintReady) {
		return rest(ctx, f.ready)
	}
	// However many hints the node gives.
	if err := rest(ctx, f.asked.Add(f.cfg.MinPoll)); err != nil || !time.Now().Before(f.ready) {
		return err
	}
	wait, cancel := context.WithDeadline(ctx, f.ready)
	defer cancel()
	err := node.Wait(wait)
	if err == nil || wait.Err() != nil {
		f.hintFailures = 0
		return ctx.Err()
	}
	f.hintFailures++
	f.hintReady = time.Now().Add(f.backoff(f.hintFailures))
	if f.hintFailures == 1 {
		f.cfg.Logger.Warn("no hints", "network", f.node.Network(), "err", err)
	}
	return rest(ctx, f.ready)
}

// backoff returns the pause after a number of failures.
func backoff(failures int, shortest, longest time.Duration) time.Duration {
	d := shortest
	for i := 1; i < failures && d < longest; i++ {
		d *= 2
	}
	d = min(d, longest)
	// Up to half less, so that many processes do not return to a recovering node at the same moment.
	return d - rand.N(d/2+1)
}

func (f *Follower) backoff(failures int) time.Duration {
	return backoff(failures, f.cfg.MinBackoff, f.cfg.MaxBackoff)
}

func (f *Follower) failed(err error) error {
	err = fmt.Errorf("chain: follow %s: %w", f.node.Network(), err)
	var failures int
	var unread *unreadError
	errors.As(err, &unread)
	f.note(func(l *Lag) {
		if l.Failures == 0 {
			l.Since = f.cfg.Now()
		}
		l.Failures++
		l.Err, l.At = err, 0
		if unread != nil {
			l.At = unread.height
		}
		failures = l.Failures
	})
	f.ready = time.Now().Add(f.backoff(failures))
	// The pool may have failed for the same reason, and is read again after the recovery.
	f.atEnd, f.poolReady, f.poolFailures, f.poolErr = false, time.Time{}, 0, nil
	return err
}

func (f *Follower) succeeded(s advance) {
	now := f.cfg.Now()
	f.note(func(l *Lag) {
		l.Height = s.Head.Height
		l.Answered, l.Failures, l.Since, l.At, l.Err = now, 0, time.Time{}, 0, f.poolErr
		if s.Rewound {
			l.LastFork, l.ForkDepth = now, s.depth
		}
	})
	if s.Rewound {
		f.cfg.Logger.Warn("chain reorganised", "network", f.node.Network(), "depth", s.depth,
			"fork", s.Fork, "head", s.Head.Height, "hash", s.Head.Hash)
	}
	f.ready = time.Time{}
	switch f.atEnd = s.atEnd; {
	case s.cut != nil:
		_ = f.failed(s.cut) // there was progress, but the node is in trouble and gets its pause
	case s.atEnd && !s.poolDue:
		f.ready, f.hintable = time.Now().Add(f.cfg.Poll), true
	}
}

// advance is a step and how it came about.
type advance struct {
	Step
	atEnd   bool   // the step reaches the tip
	depth   uint64 // how many blocks left
	cut     error  // why the step is shorter than planned
	poolDue bool   // the pool is still to be read
}

func (f *Follower) advance(ctx context.Context, cursor Cursor) (advance, error) {
	// The pool is read before the tip: a transaction that enters a block in between is then in both. In the other
	// order it would be in neither and seem to be gone.
	pool, poolKnown := f.pool(ctx)
	tip, err := ask(ctx, f.cfg.Timeout, f.node.Tip)
	if err == nil {
		err = tip.usable(tip.Height)
	}
	if err != nil {
		return advance{}, fmt.Errorf("read tip: %w", err)
	}
	f.note(func(l *Lag) { l.Tip, l.TipTime = tip.Height, tip.Time })
	refs, err := f.resolve(ctx, cursor, tip)
	if err != nil {
		return advance{}, err
	}
	if len(refs) > 0 {
		f.note(func(l *Lag) { l.Height = refs[len(refs)-1].height })
	}
	p, err := f.plan(ctx, refs, tip)
	if err != nil {
		return advance{}, err
	}
	s, err := f.join(ctx, p)
	if err != nil {
		return advance{}, err
	}
	// A transaction that a reorganisation returned to the pool is not in what was read before.
	if s.atEnd && !s.Rewound && poolKnown {
		s.Pool, s.PoolKnown = pool, true
	}
	if _, ok := f.node.(Pooler); ok && !f.poolless {
		s.poolDue = !f.atEnd
	}
	return s, nil
}

// pool reads the pool, if there is one and the last step reached the end of the chain. A failure is recorded and
// affects nothing else.
func (f *Follower) pool(ctx context.Context) ([]Transfer, bool) {
	node, ok := f.node.(Pooler)
	if !ok || f.poolless || !f.atEnd || time.Now().Before(f.poolReady) {
		return nil, false
	}
	pool, err := ask(ctx, f.cfg.Timeout, node.Pool)
	if err == nil {
		err = checkTransfers(f.node.Network(), pool)
	}
	f.poolless = errors.Is(err, errors.ErrUnsupported)
	if ctx.Err() != nil || f.poolless {
		return nil, false
	}
	if err == nil {
		f.poolFailures, f.poolErr = 0, nil
		return pool, true
	}
	f.poolFailures++
	f.poolErr = fmt.Errorf("chain: follow %s: read pool: %w", f.node.Network(), err)
	f.poolReady = time.Now().Add(f.backoff(f.poolFailures))
	if f.poolFailures == 1 {
		f.cfg.Logger.Warn("pool not readable", "network", f.node.Network(), "err", err)
	}
	return nil, false
}

// ask calls the node with a time limit.
func ask[T any](ctx context.Context, limit time.Duration, question func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return question(ctx)
}

func (f *Follower) header(ctx context.Context, height uint64) (Header, error) {
	h, err := ask(ctx, f.cfg.Timeout, func(ctx context.Context) (Header, error) { return f.node.Header(ctx, height) })
	if err == nil {
		err = h.usable(height)
	}
	if err != nil {
		return Header{}, fmt.Errorf("read header %d: %w", height, err)
	}
	return h, nil
}

// usable returns an error for a header that is not the requested one, or that a cursor cannot hold.
func (h Header) usable(height uint64) error {
	if h.Height != height || h.Height > maxHeight || h.Hash == "" || len(h.Hash) > maxHash {
		return fmt.Errorf("%w: height %d, hash %.20q", ErrIncomplete, h.Height, h.Hash)
	}
	return nil
}

// checkTransfers rejects transfers that no adapter may return, before they become money.
func checkTransfers(network Network, transfers []Transfer) error {
	for _, t := range transfers {
		switch {
		case t.Asset.Network() != network:
			return fmt.Errorf("%w: transfer of %.100q", ErrWrongNetwork, t.Asset)
		case t.TxID == "" || t.To == "" || t.Units == nil || t.Units.Sign() <= 0:
			return fmt.Errorf("%w: transfer %.100q %.100q to %.100q of %v units", ErrIncomplete, t.TxID, t.Index, t.To, t.Units)
		}
	}
	return nil
}

// resolve returns the processed blocks that the cursor holds. A cursor that is only a time is looked up: back from the
// tip in doubling distances and then by bisection, as the time is usually near the tip.
func (f *Follower) resolve(ctx context.Context, cursor Cursor, tip Tip) ([]ref, error) {
	since, ok := cursor.Since()
	if !ok {
		return cursor.refs()
	}
	since = since.Add(-f.cfg.Margin)
	low, high := uint64(0), tip.Height+1 // the first block wanted is within
	var base *ref                        // the block before low
	for h, height, distance := tip.Header, tip.Height, uint64(1); ; {
		switch {
		case h.Hash == "":
			low = height + 1 // there is no block from low to here
		case h.Time.Before(since):
			low, base = height+1, &ref{h.Height, h.Hash}
		default:
			high = h.Height
		}
		if low >= high {
			break
		}
		height = low + (high-low)/2
		if base == nil {
			height = max(low, high-min(distance, high))
			distance *= 2
		}
		var err error
		if h, err = f.headerUpTo(ctx, height, low); err != nil {
			return nil, fmt.Errorf("look up blocks since %s: %w", since.UTC().Format(time.RFC3339), err)
		}
	}
	if base == nil {
		return nil, nil
	}
	return f.anchor(ctx, *base)
}

// anchor adds blocks before the first known one, so that the chain may reorganise below it.
func (f *Follower) anchor(ctx context.Context, base ref) ([]ref, error) {
	refs := []ref{base}
	for d := uint64(1); d <= base.height && d <= 16*uint64(f.cfg.Window); d *= 2 {
		h, err := f.headerUpTo(ctx, base.height-d, 0)
		if err != nil {
			return nil, fmt.Errorf("look up blocks before the first: %w", err)
		}
		if h.Hash != "" && h.Height < refs[len(refs)-1].height {
			refs = append(refs, ref{h.Height, h.Hash})
		}
	}
	slices.Reverse(refs)
	return refs, nil
}

// plan describes what a step is going to read.
type plan struct {
	tip   Tip
	known []ref  // processed blocks that are in the chain; the new ones join after the last of them
	left  []ref  // processed blocks that are no longer in the chain
	least uint64 // the step must reach this height
	last  uint64 // and does not exceed this one
}

// from returns the height of the first block to read.
func (p plan) from() uint64 {
	if len(p.known) == 0 {
		return 0
	}
	return p.known[len(p.known)-1].height + 1
}

func (f *Follower) plan(ctx context.Context, refs []ref, tip Tip) (plan, error) {
	fork, err := f.fork(ctx, refs, tip)
	if err != nil {
		return plan{}, err
	}
	p := plan{tip: tip, known: refs[:fork], left: refs[fork:]}
	p.least = p.from()
	p.last = min(tip.Height, p.from()+uint64(f.batch())-1)
	if n := len(p.left); n > 0 {
		// The replacing blocks come in the same step, if they are not too many, so that no payment disappears in one
		// step and returns in the next.
		if depth := p.left[n-1].height - p.known[fork-1].height; depth == uint64(n) || depth <= uint64(f.cfg.Window) {
			p.least = min(tip.Height, p.left[n-1].height)
			p.last = max(p.last, p.least)
		}
	}
	return p, nil
}

// fork returns how many of the processed blocks are still in the node's chain.
func (f *Follower) fork(ctx context.Context, refs []ref, tip Tip) (int, error) {
	if len(refs) == 0 {
		return 0, nil
	}
	last := refs[len(refs)-1]
	if tip.Height > last.height && tip.Parent == last.hash {
		return len(refs), nil
	}
	// Blocks above the tip prove nothing: the node may be behind, or its chain may be shorter.
	n := upTo(refs, tip.Height)
	var same bool
	var err error
	if n > 0 {
		same, err = f.holds(ctx, refs[n-1], tip)
	}
	switch {
	case err != nil:
		return 0, err
	case n < len(refs) && (n == 0 || same):
		return 0, fmt.Errorf("%w: at %d of %d", ErrBehind, tip.Height, last.height)
	case same:
		return n, nil
	}
	return f.search(ctx, refs[:n], tip)
}

// search returns how many of the blocks are in the node's chain, the last being known not to be: back from it in
// doubling distances, and then by bisection.
func (f *Follower) search(ctx context.Context, refs []ref, tip Tip) (int, error) {
	in, out := -1, len(refs)-1
	for distance := 1; out-in > 1; {
		i := in + (out-in)/2
		if in < 0 {
			i = max(0, out-distance)
			distance *= 2
		}
		same, err := f.holds(ctx, refs[i], tip)
		switch {
		case err != nil:
			return 0, err
		case same:
			in = i
		default:
			out = i
		}
	}
	if in < 0 {
		return 0, fmt.Errorf("%w: not even block %d", ErrUnrelated, refs[0].height)
	}
	return in + 1, nil
}

// holds reports whether a block is in the node's chain.
func (f *Follower) holds(ctx context.Context, r ref, tip Tip) (bool, error) {
	if r.height == tip.Height {
		return r.hash == tip.Hash, nil
	}
	h, err := f.header(ctx, r.height)
	if errors.Is(err, ErrNoBlock) {
		return false, nil
	}
	return h.Hash == r.hash, err
}

// join reads the planned blocks and accepts them as far as they form one chain up to the tip. The hash of every block
// is confirmed by a second source: by the next block, by the tip or by its header.
func (f *Follower) join(ctx context.Context, p plan) (advance, error) {
	began := time.Now()
	blocks, whole, failure := f.read(ctx, p)
	joined := p.linked(blocks)
	if len(joined) < len(blocks) {
		failure = &unreadError{blocks[len(joined)].Height, ErrMoved}
	}
	if failure == nil && len(joined) > 0 && joined[len(joined)-1].Height < p.tip.Height {
		failure = f.confirm(ctx, joined[len(joined)-1])
	}
	if failure != nil && len(joined) > 0 {
		joined = joined[:len(joined)-1]
	}
	f.adapt(len(joined), time.Since(began), whole, failure)
	next := p.from()
	if n := len(joined); n > 0 {
		next = joined[n-1].Height + 1
	}
	if failure != nil && next <= p.least {
		return advance{}, failure
	}
	return f.finish(p, joined, failure), nil
}

func (f *Follower) confirm(ctx context.Context, b Block) error {
	h, err := f.header(ctx, b.Height)
	if errors.Is(err, ErrNoBlock) || err == nil && h.Hash != b.Hash {
		err = &unreadError{b.Height, ErrMoved}
	}
	return err
}

// linked cuts blocks where one is not the child of the previous one, or is not the tip at its height.
func (p plan) linked(blocks []Block) []Block {
	known := p.known
	for i, b := range blocks {
		switch {
		case i > 0 && b.Parent != blocks[i-1].Hash,
			i == 0 && len(known) > 0 && b.Parent != known[len(known)-1].hash,
			// The block that is to leave.
			i == 0 && len(p.left) > 0 && p.left[0] == ref{b.Height, b.Hash},
			b.Height == p.tip.Height && b.Hash != p.tip.Hash:
			return blocks[:i]
		}
	}
	return blocks
}

func (f *Follower) finish(p plan, joined []Block, cut error) advance {
	s := advance{cut: cut}
	head, refs := p.tip.Header, slices.Clip(p.known)
	for _, b := range joined {
		head, refs = b.Header, append(refs, ref{b.Height, b.Hash})
	}
	if n := len(p.left); n > 0 {
		s.Rewound, s.Fork = true, p.from()-1
		s.depth = p.left[n-1].height - s.Fork
	}
	s.Joined = joined
	s.Cursor = encodeRefs(thin(refs, f.cfg.Window))
	s.atEnd = head.Height == p.tip.Height
	s.Head = Head{
		Height: head.Height, Hash: head.Hash, Time: head.Time,
		Safe: min(p.tip.Safe, head.Height), Finalized: min(p.tip.Finalized, head.Height),
		Tip: p.tip.Height,
	}
	return s
}
