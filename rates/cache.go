package rates

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// CacheConfig configures [NewCache].
type CacheConfig struct {
	// Source is asked for what is not in memory; required.
	Source Source
	// TTL is how long after its arrival a rate is returned from memory
	// without asking the source. The default is 30 seconds.
	TTL time.Duration
	// MaxAge is how old, by its own Time, a rate may be that is returned while
	// the source fails or is slow. It is at least TTL. The default is 10
	// minutes.
	MaxAge time.Duration
	// Pairs are kept fresh by Run from the start, as are pairs that callers
	// asked for within the last ten TTLs.
	Pairs []Pair
	// MaxPairs bounds the number of pairs in memory. It is more than
	// len(Pairs). The default is 256. Beyond it, the pair that was asked for
	// longest ago is dropped.
	MaxPairs int
	// Timeout limits each call of the source. The default is 30 seconds.
	Timeout time.Duration
	// Now is the clock. The default is time.Now.
	Now func() time.Time
	// Logger receives failures that no caller sees. If nil, nothing is logged.
	Logger *slog.Logger
}

// Pauses after failures, and the bound on work in flight.
const (
	minPause    = time.Second
	maxPause    = time.Minute
	maxPauseFor = time.Hour // what a source may ask for by RetryAfter
	refreshers  = 8         // calls that Run has in flight at a time
	warmTTLs    = 10        // how long after it was asked for a pair is kept fresh
)

// Cache returns rates from memory, so that a rate costs no network call and a source
// may be down for a while. It is safe for concurrent use.
type Cache struct {
	source   Source
	ttl      time.Duration
	maxAge   time.Duration
	timeout  time.Duration
	maxPairs int
	now      func() time.Time
	log      *slog.Logger
	wake     chan struct{} // tells Run that a call has ended

	mu      sync.Mutex // guards what follows, and the entries but for their pair
	entries map[Pair]*entry
	running bool
}

var _ Source = (*Cache)(nil)

// entry is the state of one pair.
type entry struct {
	pair     Pair
	pinned   bool          // from CacheConfig.Pairs: always fresh, never dropped
	rate     Rate          // the last good one; Time is zero before the first
	fetched  time.Time     // when rate arrived
	asked    time.Time     // when a caller last wanted it
	failures int           // in a row
	err      error         // the last failure
	retryAt  time.Time     // no call before, because of failures
	flight   chan struct{} // closed when the call in flight ends; nil if there is none
}

// NewCache returns a cache. It checks the configuration and starts nothing.
func NewCache(config CacheConfig) (*Cache, error) {
	c := &Cache{
		source:   config.Source,
		ttl:      cmp.Or(config.TTL, 30*time.Second),
		maxAge:   cmp.Or(config.MaxAge, 10*time.Minute),
		timeout:  cmp.Or(config.Timeout, 30*time.Second),
		maxPairs: cmp.Or(config.MaxPairs, 256),
		now:      config.Now,
		log:      config.Logger,
		wake:     make(chan struct{}, 1),
		entries:  make(map[Pair]*entry),
	}
	switch {
	case c.source == nil:
		return nil, errors.New("rates: cache: Source is required")
	case c.ttl < 0 || c.timeout < 0:
		return nil, errors.New("rates: cache: TTL and Timeout must not be negative")
	case c.maxAge < c.ttl:
		return nil, fmt.Errorf("rates: cache: MaxAge %s is less than TTL %s", c.maxAge, c.ttl)
	case c.maxPairs <= len(config.Pairs):
		return nil, fmt.Errorf("rates: cache: MaxPairs %d leaves no room beside %d Pairs", c.maxPairs, len(config.Pairs))
	}
	if c.now == nil {
		c.now = time.Now
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	for _, p := range config.Pairs {
		if err := p.Validate(); err != nil {
			return nil, fmt.Errorf("rates: cache: Pairs: %w", err)
		}
		c.entries[p] = &entry{pair: p, pinned: true}
	}
	return c, nil
}

// Rate returns the rate from memory while it is fresh. Otherwise it asks the source,
// one call at a time for each pair, and callers that have no usable rate wait for it.
// A rate past its TTL but not past MaxAge is returned at once while the source fails,
// while another caller is asking, or while Run is running.
//
// A rate of the source is refused if it is for another pair, not positive, older
// than MaxAge or more than a minute in the future. After a failure the source is
// not asked for a second, then two, up to a minute, or for as long as its own
// *[HTTPError] demands, up to an hour; a Median or First is not held back by one of
// its sources.
//
// Without a usable rate the error is an *[UnavailableError], or wraps ctx's error if
// ctx ended first. The rate of a currency in itself is 1.
func (c *Cache) Rate(ctx context.Context, p Pair) (Rate, error) {
	if err := p.Validate(); err != nil {
		return Rate{}, err
	}
	if p.Base == p.Quote {
		return identity(p, c.now()), nil
	}
	for {
		if err := ctx.Err(); err != nil {
			return Rate{}, fmt.Errorf("rates: cached rate of %s: %w", p, err)
		}
		found := c.look(p)
		switch {
		case found.fetch != nil:
			err := c.fetch(ctx, found.fetch)
			c.nudge()
			if err == nil || ctx.Err() != nil {
				continue
			}
			stale, refusal := c.fallback(p, err)
			if refusal == nil {
				c.log.WarnContext(ctx, "rate not refreshed, the last one is used", "pair", p.String(), "error", err)
			}
			return stale, refusal
		case found.wait != nil:
			select {
			case <-found.wait:
			case <-ctx.Done():
			}
		default:
			return found.rate, found.err
		}
	}
}

// finding is what a caller has to do: fetch, wait, or return rate and err.
type finding struct {
	fetch *entry          // the caller asks the source
	wait  <-chan struct{} // another caller is asking
	rate  Rate
	err   error
}

func (c *Cache) look(p Pair) finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	e := c.entry(p)
	if e == nil {
		return finding{err: &UnavailableError{Pair: p, Reasons: []error{errors.New("too many pairs are asked for")}}}
	}
	kept := c.running && c.warm(e, now)
	e.asked = now
	pausing := now.Before(e.retryAt)
	usable := e.rate.Pair == p && now.Sub(e.rate.Time) <= c.maxAge
	fresh := usable && now.Sub(e.fetched) < c.ttl
	switch {
	case fresh, usable && (pausing || e.flight != nil || kept):
		return finding{rate: e.rate}
	case pausing:
		return finding{err: c.refusal(e, e.err)}
	case e.flight != nil:
		return finding{wait: e.flight}
	}
	e.flight = make(chan struct{})
	return finding{fetch: e}
}

// fallback returns the last rate, if usable, to a caller whose own call failed with err.
func (c *Cache) fallback(p Pair, err error) (Rate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[p]
	if e == nil {
		e = &entry{pair: p}
	}
	if e.rate.Pair == p && c.now().Sub(e.rate.Time) <= c.maxAge {
		return e.rate, nil
	}
	return Rate{}, c.refusal(e, err)
}

// refusal returns the error of a pair without a rate. c.mu is held.
func (c *Cache) refusal(e *entry, err error) error {
	reasons := []error{err}
	var inner *UnavailableError
	if errors.As(err, &inner) {
		reasons = slices.Clone(inner.Reasons)
	}
	if !e.rate.Time.IsZero() {
		reasons = append(reasons, fmt.Errorf("the last rate, of %s, is older than %s", e.rate.Time.UTC().Format(time.RFC3339), c.maxAge))
	}
	return &UnavailableError{Pair: e.pair, Reasons: reasons}
}

// entry returns the entry of p, made if needed, or nil if there is no room.
// c.mu is held.
func (c *Cache) entry(p Pair) *entry {
	if e := c.entries[p]; e != nil {
		return e
	}
	if len(c.entries) >= c.maxPairs {
		var victim *entry
		for _, e := range c.entries {
			if !e.pinned && e.flight == nil && (victim == nil || e.before(victim)) {
				victim = e
			}
		}
		if victim == nil {
			return nil
		}
		delete(c.entries, victim.pair)
	}
	e := &entry{pair: p}
	c.entries[p] = e
	return e
}

// before reports whether e is dropped before other: first the pairs that never had a
// rate, which any caller can invent, then those asked for longest ago.
func (e *entry) before(other *entry) bool {
	if known, otherKnown := !e.rate.Time.IsZero(), !other.rate.Time.IsZero(); known != otherKnown {
		return otherKnown
	}
	return e.asked.Before(other.asked)
}

// fetch asks the source and records the result. The caller has set e.flight, which
// fetch always ends.
func (c *Cache) fetch(ctx context.Context, e *entry) error {
	defer c.land(e)
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := c.source.Rate(limited, e.pair)
	now := c.now()
	if err == nil {
		err = r.check(e.pair, now, c.maxAge)
	} else if limited.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no response within %s", c.timeout)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		e.rate, e.fetched = r, now
		e.failures, e.err, e.retryAt = 0, nil, time.Time{}
	case ctx.Err() != nil:
		// The caller has given up, which is no failure of the source.
	default:
		e.failures++
		e.err = err
		e.retryAt = now.Add(pause(e.failures, err))
	}
	return err
}

func (c *Cache) land(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(e.flight)
	e.flight = nil
}

// nudge makes Run look again for due entries.
func (c *Cache) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// pause returns how long a source is not asked after failures in a row.
func pause(failures int, err error) time.Duration {
	d := maxPause
	if shift := failures - 1; shift < 6 {
		d = minPause << shift
	}
	var several *UnavailableError
	var refused *HTTPError
	if !errors.As(err, &several) && errors.As(err, &refused) {
		d = max(d, min(refused.RetryAfter, maxPauseFor))
	}
	return d
}

// Run keeps the configured pairs fresh, and those that callers asked for within the
// last ten TTLs: it asks the source for each again when three quarters of its TTL
// have passed. It blocks until ctx and its calls have ended and returns nil. Calling
// it while it runs is an error.
func (c *Cache) Run(ctx context.Context) error {
	c.mu.Lock()
	if c.running {
		c.mu.Unlock()
		return errors.New("rates: cache: Run is already running")
	}
	c.running = true
	c.mu.Unlock()

	var wg sync.WaitGroup
	slots := make(chan struct{}, refreshers)
	for ctx.Err() == nil {
		due, wait := c.due(refreshers - len(slots))
		for _, e := range due {
			slots <- struct{}{}
			wg.Go(func() {
				c.refresh(ctx, e)
				<-slots
				c.nudge()
			})
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	wg.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = false
	return nil
}

// due returns up to limit entries that Run has to request, with their flights
// begun, and how long to wait before the next look. An entry beyond the limit waits
// for the nudge of one that ends.
func (c *Cache) due(limit int) ([]*entry, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, wait := c.now(), c.ttl
	var due []*entry
	for _, e := range c.entries {
		if e.flight != nil || !c.warm(e, now) {
			continue
		}
		if in := c.refreshAt(e).Sub(now); in > 0 {
			wait = min(wait, in)
		} else if len(due) < limit {
			e.flight = make(chan struct{})
			due = append(due, e)
		}
	}
	return due, wait
}

// warm reports whether Run keeps e fresh. A pair that never had a rate is not kept
// fresh merely because it was asked for, or any caller could make work. c.mu is held.
func (c *Cache) warm(e *entry, now time.Time) bool {
	return e.pinned || !e.rate.Time.IsZero() && now.Sub(e.asked) <= warmTTLs*c.ttl
}

// refreshAt returns when Run asks for e again. c.mu is held.
func (c *Cache) refreshAt(e *entry) time.Time {
	switch {
	case e.failures > 0:
		return e.retryAt
	case e.rate.Time.IsZero():
		return time.Time{}
	}
	return e.fetched.Add(c.ttl - c.ttl/4)
}

func (c *Cache) refresh(ctx context.Context, e *entry) {
	if err := c.fetch(ctx, e); err != nil && ctx.Err() == nil {
		c.log.WarnContext(ctx, "rate not refreshed", "pair", e.pair.String(), "error", err)
	}
}
