package etcd

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// state is the database after one commit. Nothing in it changes but what the cache knows.
type state struct {
	version
	at    int64     // revision to read
	known time.Time // the state was the newest one then, or later
	cache *cache
}

// base is the newest state that is known here.
type base struct {
	turn  chan struct{} // has room for one; who fills it reads which state is the newest
	mu    sync.Mutex    // guards what follows
	state *state        // nil: none is known
}

// trust is for how long a state is taken for the newest without a look. A commit finds out in any case.
const trust = time.Second

func (b *base) get() *state {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// replace puts a state in the place of the one that it follows, and returns the one that is the newest now.
func (b *base) replace(old, s *state) *state {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == old {
		b.state = s
	}
	return b.state
}

// forget makes the next update ask for the newest state.
func (db *DB) forget(s *state) { db.base.replace(s, nil) }

// latest returns a state that was the newest one at the time, or later.
func (db *DB) latest(ctx context.Context, at time.Time) (*state, error) {
	if s := db.base.get(); s != nil && s.known.After(at) {
		return s, nil
	}
	select {
	case db.base.turn <- struct{}{}:
		defer func() { <-db.base.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		old := db.base.get()
		if old != nil && old.known.After(at) {
			return old, nil // somebody has looked meanwhile
		}
		began := time.Now()
		v, revision, err := db.readVersion(ctx, 0)
		if err != nil {
			return nil, fmt.Errorf("read the version: %w", err)
		}
		if s := db.base.replace(old, db.follow(ctx, old, v, revision, began)); s != nil {
			return s, nil
		}
	}
}

// follow returns the state of a version. It takes over what is known of the old one, if it can find out what has changed since.
func (db *DB) follow(ctx context.Context, old *state, v version, revision int64, began time.Time) *state {
	s := &state{version: v, at: revision, known: began, cache: newCache()}
	if old == nil || revision < old.at || old.cache.bytes() > db.cfg.Cache {
		return s
	}
	steps, err := db.since(ctx, old.version, v)
	if err != nil {
		return s
	}
	return s.takeOver(old, steps)
}

// takeOver makes the cache of the old state that of the new one, after the commits in between.
func (s *state) takeOver(old *state, steps []version) *state {
	for _, step := range steps {
		if step.all {
			return s
		}
	}
	for _, step := range steps {
		old.cache.changed(step.changed, step.revision)
	}
	s.cache = old.cache
	return s
}
