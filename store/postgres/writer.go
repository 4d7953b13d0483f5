package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cointill/cointill/store/internal/books"
	"github.com/cointill/cointill/store/internal/queue"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// maxGroup bounds how many batches share a transaction.
	maxGroup = 256
	// groupTimeout bounds how long the caller that commits for others may be kept.
	groupTimeout = 30 * time.Second
	// attempts is how often a transaction is tried in all. Engines that serialize by themselves ask for more than one
	// repetition when many callers meet.
	attempts = 10
	// longestPause bounds the pause between two attempts.
	longestPause = 64 * time.Millisecond
)

// readCommitted is the isolation that the statements are written for, whatever the default of the pool is: each sees
// what was committed before it.
var readCommitted = pgx.TxOptions{IsoLevel: pgx.ReadCommitted}

// writer lets concurrent commits share transactions, by a [queue.Queue]. One group at a time is faster than several, whose
// locks and messages would be in each other's way.
type writer struct {
	pool  *pgxpool.Pool
	begin func(*script) // queues what the jobs of a script begin with

	jobs    queue.Queue[*job]
	commits atomic.Int64 // transactions so far
}

// job is one batch on its way into the database.
type job struct {
	rows    rows
	payouts books.Batch // for the writer of the books
	err     error       // valid after turnDone
	turn    chan turn   // buffered: no receiver need be waiting
}

// turn is what the caller of a job has to do.
type turn int

const (
	turnDone  turn = iota // the outcome is known
	turnLead              // commit the waiting jobs, beginning with this one
	turnAlone             // the group could not be stored with this job in it
)

// do stores the job and returns its outcome.
func (w *writer) do(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j.turn = make(chan turn, 1)
	if w.jobs.Join(j) {
		j.turn <- turnLead
	}
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

// wait waits for the turn of the job. If ctx ends first, the job is withdrawn, or left to the leader that has begun it.
func (w *writer) wait(ctx context.Context, j *job) (turn, error) {
	select {
	case next := <-j.turn:
		return next, nil
	case <-ctx.Done():
	}
	switch {
	case w.jobs.Withdraw(j, func() bool { return len(j.turn) > 0 }):
		return turnDone, ctx.Err()
	case len(j.turn) > 0: // its outcome is known, or it has got the lead, which it must use
		return <-j.turn, nil
	default:
		return turnDone, &openError{ctx.Err()}
	}
}

// openError means that the batch may be stored or not.
type openError struct{ err error }

func (e *openError) Error() string {
	return "it is open whether the batch was stored: " + e.err.Error()
}
func (e *openError) Unwrap() error { return e.err }

// lead commits the waiting jobs, including the leader's own, and hands the lead on.
func (w *writer) lead(ctx context.Context) {
	w.jobs.Gather()
	group := w.jobs.Take(maxGroup)
	// The waiting jobs must not depend on the leader's context, nor the leader on a database that hangs.
	if len(group) > 1 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), groupTimeout)
		defer cancel()
	}
	w.commit(ctx, group)
	w.jobs.Pass(func(next *job) { next.turn <- turnLead })
}

// commit stores the jobs in one transaction. Jobs that are refused are sent back to be tried alone; so are all, if it
// is unknown which one is at fault.
func (w *writer) commit(ctx context.Context, group []*job) {
	for len(group) > 1 {
		s, err := w.attempts(ctx, group)
		if err != nil || len(s.refused) == 0 {
			next := turnDone
			if err != nil && blamesData(err) {
				next = turnAlone
			}
			for _, j := range group {
				if j.err = err; err == nil {
					j.err = s.declined[j]
				}
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

// blamesData reports whether the error is about the data, and so perhaps about one job only.
func blamesData(err error) bool {
	class := sqlState(err)
	return strings.HasPrefix(class, "21") || strings.HasPrefix(class, "22") || strings.HasPrefix(class, "23") || strings.HasPrefix(class, "54")
}

// alone stores one job and returns its outcome.
func (w *writer) alone(ctx context.Context, j *job) error {
	s, err := w.attempts(ctx, []*job{j})
	if err != nil {
		return err
	}
	if r, refused := s.refused[j]; refused {
		return again(ctx, func() error { return r.explain(ctx, w.pool) })
	}
	return s.declined[j]
}

// attempts runs the jobs in a transaction of their own. It tries again if PostgreSQL asks for that, or if the
// connection was lost before the commit. Nothing is stored if it returns an error or a job is refused, unless the error
// is an openError.
func (w *writer) attempts(ctx context.Context, jobs []*job) (s *script, err error) {
	err = again(ctx, func() error {
		s = newScript(jobs)
		s.batch.BeginTx(readCommitted)
		s.batch.Queue(qPlanOnce)
		w.begin(s)
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
	err = results.Close()
	if err == nil && s.proceed() {
		err = tx.SendBatch(ctx, &s.batch).Close()
	}
	if err != nil {
		rollback(ctx, tx)
		if conn.Conn().IsClosed() && ctx.Err() == nil {
			return &lostError{err} // the commit was never sent
		}
		return err
	}
	if len(s.refused) > 0 || len(s.declined) == len(s.jobs) {
		rollback(ctx, tx)
		return nil
	}
	if err := tx.Commit(ctx); err != nil {
		if isFinal(err) {
			return err
		}
		return &openError{err}
	}
	w.commits.Add(1)
	return nil
}

// rollback gives up a transaction. If that fails, it closes the connection, which has the same effect.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}

// isFinal reports whether an error of a commit means that nothing was stored. A server that shuts down may have stored
// the transaction already, and only reports that it ends.
func isFinal(err error) bool {
	var native *pgconn.PgError
	if errors.Is(err, pgx.ErrTxCommitRollback) {
		return true
	}
	return errors.As(err, &native) && native.SeverityUnlocalized == "ERROR" &&
		!strings.HasPrefix(native.Code, "08") && native.Code != "40003"
}

// lostError means that nothing was stored: a connection was lost before the commit, or another migration was quicker.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// again repeats a function that stores everything or nothing, a few times, until PostgreSQL accepts it.
func again(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if n == attempts || !isTransient(err) {
			return err
		}
		// At random, so that transactions that collided do not collide again.
		pause := time.NewTimer(rand.N(min(time.Millisecond<<n, longestPause)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return err
		}
	}
}

// transact runs a function in a transaction of its own, again and again if need be.
func transact(ctx context.Context, pool *pgxpool.Pool, options pgx.TxOptions, do func(pgx.Tx) error) error {
	return again(ctx, func() error { return pgx.BeginTxFunc(ctx, pool, options, do) })
}

// isTransient reports whether an error means that nothing was stored and another try may succeed. It does not ask the
// driver which errors are safe to retry: the driver counts a commit whose response was lost among them.
func isTransient(err error) bool {
	var unknown *openError
	if errors.As(err, &unknown) {
		return false
	}
	var lost *lostError
	code := sqlState(err)
	return code == codeSerialization || code == codeDeadlock || errors.As(err, &lost)
}
