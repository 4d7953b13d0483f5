package etcd

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	mostJobs  = 256       // that are stored together
	mostBytes = 512 << 10 // that several jobs write together; servers take 1.5 MiB in one request by default
)

// lead stores what waits, until nothing does. One goroutine at a time leads; each of its requests ends by itself.
func (db *DB) lead() {
	for {
		db.queue.Gather()
		for jobs := db.queue.Take(mostJobs); len(jobs) > 0; {
			jobs = slices.DeleteFunc(db.round(context.Background(), jobs), (*job).gone)
		}
		if !db.queue.Pass(func(*job) {}) {
			return
		}
	}
}

// finish ends a job.
func (j *job) finish(err error) {
	if err != nil {
		err = fmt.Errorf("etcd: update: %w", err)
	}
	j.outcome <- err
}

// group is jobs that have run one after the other on one state.
type group struct {
	writes  writes
	writers []*job
	quiet   []*job  // they wrote nothing, or their f returned an error
	outs    []error // what f returned, for each of quiet
	rest    []*job  // they have to run on a later state
}

// all returns the jobs, for another round.
func (g *group) all() []*job { return slices.Concat(g.writers, g.quiet, g.rest) }

func (g *group) finishQuiet() {
	for i, j := range g.quiet {
		j.finish(g.outs[i])
	}
}

// round runs jobs on the newest state, stores with one commit what they wrote, and returns those that have to run again.
func (db *DB) round(ctx context.Context, jobs []*job) (again []*job) {
	s, err := db.latest(ctx, time.Now().Add(-trust))
	if err != nil {
		for _, j := range jobs {
			j.finish(err)
		}
		return nil
	}
	db.rehearse(s, jobs)
	g, outdated := db.gather(s, jobs)
	switch {
	case outdated:
		db.forget(s)
		return g.all()
	case len(g.writers) > 0:
		return db.store(ctx, s, g)
	case db.confirm(ctx, s, g):
		g.finishQuiet()
		return g.rest
	}
	return g.all()
}

// rehearse runs those jobs, all at once, that were last run without what is in the cache now, so that what they read is there
// when it is their turn.
func (db *DB) rehearse(s *state, jobs []*job) {
	var wg sync.WaitGroup
	for _, j := range jobs {
		if len(jobs) == 1 || j.first.state.cache == s.cache {
			continue
		}
		wg.Go(func() {
			if t := db.begin(j.ctx, s, nil); j.offer(t) {
				j.first = t
			}
		})
	}
	wg.Wait()
}

// gather runs jobs one after the other. It reports whether the state turned out to be outdated.
func (db *DB) gather(s *state, jobs []*job) (g group, isOutdated bool) {
	g.writes = newWrites()
	for i, j := range jobs {
		t := j.first
		if len(g.writers) > 0 || t.state != s {
			if t = db.begin(j.ctx, s, &g.writes); !j.offer(t) {
				continue
			}
			j.first = t
		}
		switch size := t.own.size; {
		case outdated(t.err):
			g.rest = append(g.rest, jobs[i:]...)
			return g, true
		case t.err != nil: // a read has failed, so that nothing of it is stored
			j.finish(t.out)
		case t.out != nil || len(t.own.pairs) == 0:
			g.quiet, g.outs = append(g.quiet, j), append(g.outs, t.out)
		case len(t.own.pairs) > db.cfg.MaxOps || size > db.cfg.MaxBytes:
			err := fmt.Errorf("%w: %d keys with %d bytes, of %d and %d", ErrTooLarge, len(t.own.pairs), size, db.cfg.MaxOps, db.cfg.MaxBytes)
			g.quiet, g.outs = append(g.quiet, j), append(g.outs, err)
		case len(g.writers) > 0 && (len(g.writes.pairs)+len(t.own.pairs) > db.cfg.MaxOps || g.writes.size+size > mostBytes):
			g.rest = append(g.rest, jobs[i:]...)
			return g, false
		default:
			g.writers = append(g.writers, j)
			g.writes.add(t.own)
		}
	}
	return g, false
}

// confirm reports whether the state was still the newest one after all jobs of the group had begun.
func (db *DB) confirm(ctx context.Context, s *state, g group) bool {
	var begun time.Time
	for _, j := range g.quiet {
		if j.begun.After(begun) {
			begun = j.begun
		}
	}
	is, err := db.latest(ctx, begun)
	return err == nil && is.id == s.id
}

// store commits what a group wrote, and returns the jobs that have to run again.
func (db *DB) store(ctx context.Context, s *state, g group) (again []*job) {
	fate, err := db.commit(ctx, s, g.writes)
	if fate == lost {
		return g.all()
	}
	for _, j := range g.writers {
		j.finish(err)
	}
	if fate == stored {
		g.finishQuiet() // what they read was the newest state, or they would not have been beside what was stored
		return g.rest
	}
	return slices.Concat(g.quiet, g.rest)
}
