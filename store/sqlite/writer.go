package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store/internal/books"
	"github.com/cointill/cointill/store/internal/queue"
	"github.com/cointill/cointill/webhook"
)

// ErrLocked means that another transaction held the write lock for longer than the busy_timeout of the database, which
// is five seconds on one of [Open]. Nothing was stored. If that transaction belongs to the program and waits for this
// very call, no timeout is long enough: use the store of [Store.WithTx] within the transaction. ErrLocked wraps
// [invoice.ErrBusy].
var ErrLocked = fmt.Errorf("another transaction has the write lock: %w", invoice.ErrBusy)

// locked translates the error of a busy database.
func locked(err error) error {
	const busy = 5 // SQLITE_BUSY; the bits above say which kind of it
	var native interface{ Code() int }
	if errors.As(err, &native) && native.Code()&0xff == busy {
		return fmt.Errorf("%w (within a transaction of the program's own, use the store of WithTx): %w", ErrLocked, err)
	}
	return err
}

// maxGroup bounds how many calls share a transaction: enough to make the wait for the disk cheap, few enough to keep
// the write lock short.
const maxGroup = 256

// writeBackEvery is the number of jobs after which the WAL is written back: it then has some megabytes.
const writeBackEvery = 500

// writer lets concurrent writes share transactions, by a [queue.Queue].
type writer struct {
	db         *sql.DB
	stmts      map[string]*sql.Stmt
	writesBack bool // the WAL, concurrently with commits

	jobs queue.Queue[*job]
	conn *sql.Conn // of the leader, handed over with the lead
	last any       // what nativeOf returns for the connection of the last leader; the leader uses it

	mu      sync.Mutex // guards what follows
	commits int64      // transactions so far
	since   int        // jobs since the WAL was last written back
	writing bool       // the WAL is being written back
}

// job is one write. Its function may run more than once, each time in a transaction that contains nothing of it yet.
type job struct {
	apply func(*txn) error
	err   error
	turn  chan bool // true: it is your turn to lead; false: your job is done
}

// do runs the function in a transaction, which it may share with others, and returns when that is durable. If the
// function fails, nothing of it is stored. It returns ErrLocked if it did not get the write lock. The job is given up
// if ctx ends before it is begun; after that do waits for the outcome.
func (w *writer) do(ctx context.Context, apply func(*txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{apply: apply, turn: make(chan bool, 1)}
	lead := w.jobs.Join(j)
	if !lead {
		select {
		case lead = <-j.turn:
		case <-ctx.Done():
			if w.jobs.Withdraw(j, func() bool { return len(j.turn) > 0 }) {
				return ctx.Err()
			}
			lead = <-j.turn
		}
	}
	if lead {
		w.lead(ctx, j)
	}
	return locked(j.err)
}

// lead commits the waiting jobs and hands the lead on. The first job is the leader's own.
func (w *writer) lead(ctx context.Context, own *job) {
	conn, err := w.connect(ctx)
	if err != nil {
		own.err = err
		w.jobs.Take(1)
		w.handOver(nil)
		return
	}
	w.jobs.Gather()
	group := w.jobs.Take(maxGroup)
	// The others wait for the outcome, even if the leader's context ends.
	w.commit(context.WithoutCancel(ctx), conn, group)
	for _, j := range group {
		if j != own {
			j.turn <- false
		}
	}
	if own.err != nil {
		conn.Close() // the pool checks whether it is still usable
		conn = nil
	}
	writeBack := w.writeBack(ctx, len(group))
	w.handOver(conn)
	writeBack()
}

// due counts jobs, and reports whether the caller should write the WAL back.
func (w *writer) due(jobs int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.since += jobs; !w.writesBack || w.writing || w.since < writeBackEvery {
		return false
	}
	if w.db.Stats().MaxOpenConnections == 1 { // which the leaders hand on to each other
		return false
	}
	w.since, w.writing = 0, true
	return true
}

// writeBack counts jobs and returns, when it is time, a function that copies the WAL into the database while others commit.
// Otherwise one of the commits would have to, and the waiting jobs with it. It leaves little for that commit. A failure does
// not matter, because the next call makes up for it. Where nothing bounds the pool, the connection is taken while the leader's is
// not in it, so that it is another one; otherwise that might keep the lead waiting.
func (w *writer) writeBack(ctx context.Context, jobs int) func() {
	if !w.due(jobs) {
		return func() {}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	var conn *sql.Conn
	var err error
	if w.db.Stats().MaxOpenConnections == 0 {
		conn, err = w.db.Conn(ctx)
	}
	return func() {
		defer cancel()
		if conn == nil && err == nil {
			conn, err = w.db.Conn(ctx)
		}
		if err == nil {
			var busy, pages, copied int
			_ = conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &pages, &copied)
			conn.Close() // back to the pool; an error would not matter
		}
		w.mu.Lock()
		w.writing = false
		w.mu.Unlock()
	}
}

// connect returns the connection that came with the lead, or one of the pool: if possible the one that wrote last, since
// any other has to read again what was written since it last was used.
func (w *writer) connect(ctx context.Context) (*sql.Conn, error) {
	conn := w.conn
	w.conn = nil
	if conn != nil {
		return conn, nil
	}
	conn, err := w.db.Conn(ctx)
	for n := 0; n < idle && err == nil && !w.wrote(conn) && w.mayTakeMore(); n++ {
		defer conn.Close() // back to the pool; an error would not matter, since nothing was done with it
		conn, err = w.db.Conn(ctx)
	}
	if err == nil {
		w.last = nativeOf(conn)
	}
	return conn, err
}

// wrote reports whether it is the connection that wrote last.
func (w *writer) wrote(conn *sql.Conn) bool {
	return w.last == nil || nativeOf(conn) == w.last
}

// nativeOf returns the driver's connection, by which one of the pool is recognised.
func nativeOf(conn *sql.Conn) (native any) {
	_ = conn.Raw(func(of any) error {
		native = of
		return nil
	})
	return native
}

// mayTakeMore reports whether the pool has connections that nobody uses, so that taking one waits for nobody.
func (w *writer) mayTakeMore() bool {
	stats := w.db.Stats()
	return stats.Idle > 0 && stats.MaxOpenConnections == 0
}

func (w *writer) handOver(conn *sql.Conn) {
	passed := w.jobs.Pass(func(next *job) {
		w.conn = conn
		next.turn <- true
	})
	if !passed && conn != nil {
		conn.Close() // back to the pool; an error would not matter to the jobs, which are done
	}
}

// commit runs the jobs in one transaction. A refusal that left no trace in it concerns only its own job; after any
// other failure each job gets a transaction of its own, so that no job fails because of another.
func (w *writer) commit(ctx context.Context, conn *sql.Conn, group []*job) {
	err := w.transact(ctx, conn, group)
	if err == nil {
		return
	}
	var mixed *jobError
	if len(group) == 1 || !errors.As(err, &mixed) {
		for _, j := range group {
			j.err = err
		}
		return
	}
	for _, j := range group {
		if err := w.transact(ctx, conn, []*job{j}); err != nil {
			j.err = err
		}
	}
}

// jobError means that a job failed after it had written, so that the transaction is unusable.
type jobError struct{ err error }

func (e *jobError) Error() string { return e.err.Error() }
func (e *jobError) Unwrap() error { return e.err }

func (w *writer) transact(ctx context.Context, conn *sql.Conn, group []*job) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	t := &txn{ctx: ctx, tx: tx, writer: w, open: map[string]*sql.Stmt{}}
	// A statement that may write takes the write lock before anything is read, also if the database begins transactions
	// without it.
	if _, err := t.exec(qLock); err != nil {
		tx.Rollback()
		return fmt.Errorf("begin: %w", err)
	}
	for _, j := range group {
		t.changed = false
		j.err = j.apply(t)
		if j.err != nil && (t.changed || !isRefusal(j.err)) {
			tx.Rollback() // it fails if SQLite has already rolled back
			return &jobError{j.err}
		}
	}
	if err := t.saveBooks(); err != nil {
		tx.Rollback()
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	w.mu.Lock()
	w.commits++
	w.mu.Unlock()
	return nil
}

// isRefusal reports whether the ports name the error: then the database is fine.
func isRefusal(err error) bool {
	for _, refusal := range []error{
		invoice.ErrConflict, invoice.ErrDuplicateOrder, invoice.ErrDuplicateProject, invoice.ErrNotFound,
		invoice.ErrNoAddress, webhook.ErrStaleClaim,
	} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return books.Refused(err)
}

// txn is a transaction as jobs use it.
type txn struct {
	ctx     context.Context
	tx      *sql.Tx
	writer  *writer
	open    map[string]*sql.Stmt // statements on this transaction
	books   ledger
	changed bool // the job has written something
}

func (t *txn) stmt(query string) *sql.Stmt {
	stmt := t.open[query]
	if stmt == nil {
		stmt = t.tx.StmtContext(t.ctx, t.writer.stmts[query])
		t.open[query] = stmt
	}
	return stmt
}

// exec returns how many rows were changed.
func (t *txn) exec(query string, args ...any) (int64, error) {
	result, err := t.stmt(query).ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	t.changed = t.changed || n > 0
	return n, err
}

func (t *txn) query(query string, args ...any) (*sql.Rows, error) {
	return t.stmt(query).QueryContext(t.ctx, args...)
}

// row reads the only row of a query, or returns sql.ErrNoRows. Callers of queries that write set changed themselves.
func (t *txn) row(query string, args []any, dest ...any) error {
	return t.stmt(query).QueryRowContext(t.ctx, args...).Scan(dest...)
}
