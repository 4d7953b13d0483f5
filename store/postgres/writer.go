package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// maxGroup bounds how many batches share a transaction.
	maxGroup = 256
	// groupTimeout bounds how long the caller that commits for others may be kept.
	groupTimeout = 30 * time.Second
	// attempts is how often a transaction is done in all when PostgreSQL does not take it as it comes.
	attempts = 6
)

// readCommitted is what the statements are written for, whatever the pool's default is: each sees what was
// committed before it.
var readCommitted = pgx.TxOptions{IsoLevel: pgx.ReadCommitted}

// writer lets concurrent commits share transactions. The caller that finds nobody at work leads: it commits
// the jobs that wait, its own among them, and hands the lead to the first that came meanwhile. One group at
// a time is quicker than several, whose locks and messages are in each other's way.
type writer struct {
	pool *pgxpool.Pool

	mu      sync.Mutex // guards what follows
	waiting []*job
	leading bool  // somebody is at work
	last    int   // size of the last group
	commits int64 // transactions so far
}

// job is one batch on its way into the database.
type job struct {
	rows rows
	err  error     // valid after turnDone
	turn chan turn // buffered: nobody need listen
}

// turn is what the caller of a job is told.
type turn int

const (
	turnDone  turn = iota // it is decided
	turnLead              // commit those that wait, yourself first
	turnAlone             // the group could not be stored with you in it
)

// do stores the job and answers what came of it.
func (w *writer) do(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j.turn = make(chan turn, 1)
	w.mu.Lock()
	w.waiting = append(w.waiting, j)
	if !w.leading {
		w.leading = true
		j.turn <- turnLead
	}
	w.mu.Unlock()
	next, err := w.wait(ctx, j)
	if err != nil {
		return err
	}
	if next == turnLead {
		w.lead(ctx)
		next = <-j.turn
	}
	if next == turnAlone {
		return w.alone(ctx, j)
	}
	return j.err
}

// wait waits for the job's turn. If ctx ends first the job is withdrawn, or left to whoever has begun it.
func (w *writer) wait(ctx context.Context, j *job) (turn, error) {
	select {
	case next := <-j.turn:
		return next, nil
	case <-ctx.Done():
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.waiting, j)
	switch {
	case len(j.turn) > 0: // it was decided just now, or is to lead, which it must
		return <-j.turn, nil
	case i >= 0:
		w.waiting = slices.Delete(w.waiting, i, i+1)
		return turnDone, ctx.Err()
	default:
		return turnDone, &openError{ctx.Err()}
	}
}

// openError says that it is open whether the batch was stored.
type openError struct{ err error }

func (e *openError) Error() string {
	return "it is open whether the batch was stored: " + e.err.Error()
}
func (e *openError) Unwrap() error { return e.err }

// lead commits the jobs that wait, the leader's own among them, and hands the lead on.
func (w *writer) lead(ctx context.Context) {
	w.gather()
	group := w.pick()
	// Those who wait must not depend on the leader's context, nor it on a database that hangs.
	if len(group) > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), groupTimeout)
		defer cancel()
	}
	w.commit(ctx, group)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.leading = len(w.waiting) > 0; w.leading {
		w.waiting[0].turn <- turnLead
	}
}

// gather lets those who were in the last group, and are about to come again, join this one. It gives
// way a few times but does not wait: with a single caller it does nothing.
func (w *writer) gather() {
	for range 8 {
		w.mu.Lock()
		enough := len(w.waiting) >= w.last
		w.mu.Unlock()
		if enough {
			return
		}
		runtime.Gosched()
	}
}

// pick takes those that wait. The first of them is the leader's own: it waited longest, or alone.
func (w *writer) pick() []*job {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := min(maxGroup, len(w.waiting))
	group := slices.Clone(w.waiting[:n])
	w.waiting = slices.Delete(w.waiting, 0, n)
	w.last = n
	return group
}

// commit stores the jobs in one transaction. Those that are refused, and all if it cannot be told which,
// are sent back to be tried alone.
func (w *writer) commit(ctx context.Context, group []*job) {
	for len(group) > 1 {
		s, err := w.attempts(ctx, group)
		if err != nil || len(s.refused) == 0 {
			next := turnDone
			if err != nil && blamesData(err) {
				next = turnAlone
			}
			for _, j := range group {
				j.err = err
				j.turn <- next
			}
			return
		}
		group = slices.DeleteFunc(slices.Clone(group), func(j *job) bool {
			_, refused := s.refused[j]
			if refused {
				j.turn <- turnAlone
			}
			return refused
		})
	}
	for _, j := range group {
		j.err = w.alone(ctx, j)
		j.turn <- turnDone
	}
}

// blamesData says whether the error is about what was to be stored, and so perhaps about one job only.
func blamesData(err error) bool {
	class := sqlState(err)
	return strings.HasPrefix(class, "21") || strings.HasPrefix(class, "22") || strings.HasPrefix(class, "23") || strings.HasPrefix(class, "54")
}

// alone stores one job and answers what came of it.
func (w *writer) alone(ctx context.Context, j *job) error {
	s, err := w.attempts(ctx, []*job{j})
	if err != nil {
		return err
	}
	if r, refused := s.refused[j]; refused {
		return r.explain(ctx, w.pool)
	}
	return nil
}

// attempts runs the jobs in a transaction of their own, again if PostgreSQL asks for that or the connection
// was lost before the commit. Nothing is stored if an error is answered or a job refused, unless the
// error says that it is open.
func (w *writer) attempts(ctx context.Context, jobs []*job) (s *script, err error) {
	err = again(ctx, func() error {
		s = newScript(jobs)
		s.batch.BeginTx(readCommitted)
		s.batch.Queue(qPlanOnce)
		s.queue()
		return w.attempt(ctx, s)
	})
	return s, err
}

func (w *writer) attempt(ctx context.Context, s *script) error {
	conn, err := w.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	results := conn.SendBatch(ctx, &s.batch)
	tx := results.Tx()
	if err := results.Close(); err != nil {
		rollback(ctx, tx)
		if conn.Conn().IsClosed() && ctx.Err() == nil {
			return &lostError{err} // the commit was never sent
		}
		return err
	}
	if len(s.refused) > 0 {
		rollback(ctx, tx)
		return nil
	}
	if err := tx.Commit(ctx); err != nil {
		if isFinal(err) {
			return err
		}
		return &openError{err}
	}
	w.mu.Lock()
	w.commits++
	w.mu.Unlock()
	return nil
}

// rollback gives up a transaction; if that fails the connection is closed, which does the same.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// isFinal says whether an error of a commit means that nothing was stored. A server that is shut down may
// have stored the transaction already, and tells only that it ends.
func isFinal(err error) bool {
	var native *pgconn.PgError
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return true
	}
	return errors.As(err, &native) && native.SeverityUnlocalized == "ERROR" &&
		!strings.HasPrefix(native.Code, "08") && native.Code != "40003"
}

// lostError says that a connection was lost when nothing could have been stored yet.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// again does what stores all or nothing until PostgreSQL takes it, a few times.
func again(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if n == attempts || !isTransient(err) {
			return err
		}
		// At random, so that those who collided do not meet again.
		pause := time.NewTimer(rand.N(time.Millisecond << n))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return err
		}
	}
}

// isTransient says whether an error means that nothing was stored and the next time may be better. What
// the driver thinks safe to send again is not asked for: it thinks so of a commit whose answer was lost.
func isTransient(err error) bool {
	var unknown *openError
	if errors.As(err, &unknown) {
		return false
	}
	var lost *lostError
	code := sqlState(err)
	return code == codeSerialization || code == codeDeadlock || errors.As(err, &lost)
}
