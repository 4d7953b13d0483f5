package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/cointill/cointill/invoice"
	"github.com/jackc/pgx/v5"
)

// Commit implements [invoice.Store]. Batches of several callers may share a transaction, but none is refused because of
// another. If ctx ends before the transaction does, the batch may be stored or not. The caller that commits for others
// waits for them, for half a minute at most.
func (s *Store) Commit(ctx context.Context, b invoice.Batch) error {
	// Encoding runs concurrently with other callers, and not while they wait.
	rows, err := encode(b)
	if err == nil {
		err = s.writer.do(ctx, &job{rows: rows})
	}
	if err != nil {
		return fmt.Errorf("postgres: commit: %w", err)
	}
	return nil
}

// ReserveIndexes implements [invoice.Store].
func (s *Store) ReserveIndexes(ctx context.Context, wallet string, n uint32) (uint32, error) {
	query, args := qReserve, []any{wallet, int64(n)}
	if n == 0 {
		query, args = qReserved, args[:1]
	}
	var first uint32
	err := again(ctx, func() error {
		return s.pool.QueryRow(ctx, query, args...).Scan(&first)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("postgres: reserve indexes: wallet %q has no %d left: %w", wallet, n, invoice.ErrNoAddress)
	} else if err != nil {
		return 0, fmt.Errorf("postgres: reserve indexes: %w", err)
	}
	return first, nil
}

// TakeIndex implements [invoice.Store]. If it fails after PostgreSQL has taken the number, the number is lost.
func (s *Store) TakeIndex(ctx context.Context, wallet string) (index uint32, err error) {
	err = again(ctx, func() error {
		index, err = takeIndex(ctx, s.pool, wallet)
		return err
	})
	return index, err
}

func takeIndex(ctx context.Context, q querier, wallet string) (index uint32, err error) {
	err = q.QueryRow(ctx, qTakeIndex, wallet).Scan(&index)
	if errors.Is(err, pgx.ErrNoRows) {
		err = invoice.ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("postgres: take index of wallet %q: %w", wallet, err)
	}
	return index, nil
}

// script is the statements of some jobs, to be sent together, and their results.
type script struct {
	batch   pgx.Batch
	jobs    []*job
	refused map[*job]refusal // the first row of each job that was skipped

	// then, if it is not nil, queues what can be said only when the batch was answered, in the same transaction.
	then     func()
	declined map[*job]error // what the rules refuse, whatever becomes of the other jobs
}

// refusal is why a job cannot be stored.
type refusal struct {
	what string
	row  row
	err  error // nil if only a look at its id and order id can tell
}

func newScript(jobs []*job) *script {
	return &script{jobs: jobs, refused: map[*job]refusal{}, declined: map[*job]error{}}
}

func (s *script) refuse(r row, what string, err error) {
	if _, already := s.refused[r.job]; !already {
		s.refused[r.job] = refusal{what, r, err}
	}
}

// queue adds all statements to the batch, in the order in which every transaction takes its locks: leases, networks,
// invoices, places, payments, messages, and last the feed, for which all others wait.
func (s *script) queue() {
	s.fences()
	all := func(part func(rows) []row) []row { return rowsOf(s.jobs, part) }
	inserts, updates := all(func(r rows) []row { return r.inserts }), all(func(r rows) []row { return r.updates })
	messages := all(func(r rows) []row { return r.messages })
	s.put(qInsertProgress, "begin progress of", invoice.ErrConflict, all(func(r rows) []row { return r.newProgress }))
	s.put(qUpdateProgress, "progress of", invoice.ErrConflict, all(func(r rows) []row { return r.progress }))
	s.put(qInsertInvoices, "insert invoice", nil, inserts)
	s.put(qUpdateInvoices, "update invoice", invoice.ErrConflict, updates)
	s.put(qReleasePlaces, "release", invoice.ErrConflict, all(func(r rows) []row { return r.releases }))
	s.put(qClaimPlaces, "claim", invoice.ErrConflict, all(func(r rows) []row { return r.claims }))
	if freed := all(func(r rows) []row { return r.freed }); len(freed) > 0 {
		s.batch.Queue(qFreeIndexes, columns(freed)...)
	}
	s.put(qPutPayments, "payment", invoice.ErrConflict, all(func(r rows) []row { return r.payments }))
	s.lockInvoices(messages, inserts, updates)
	s.put(qPutMessages, "message", invoice.ErrConflict, markFirst(messages))
	s.skip()
	s.put(qAppendEvents, "event", invoice.ErrConflict, all(func(r rows) []row { return r.events }))
}

// rowsOf returns a part of the rows of jobs.
func rowsOf(jobs []*job, part func(rows) []row) (out []row) {
	for _, j := range jobs {
		for _, r := range part(j.rows) {
			r.job = j
			out = append(out, r)
		}
	}
	return out
}

// proceed queues what follows from the answers to the batch, and reports whether that is anything. A script with a job
// that is refused already is given up instead.
func (s *script) proceed() bool {
	if s.then == nil || len(s.refused) > 0 {
		return false
	}
	s.batch = pgx.Batch{}
	s.then()
	return s.batch.Len() > 0
}

// put writes rows. Those that the statement has skipped are refused.
func (s *script) put(query, what string, err error, rows []row) {
	for _, layer := range layers(rows) {
		s.batch.Queue(query, columns(layer)...).Query(func(found pgx.Rows) error {
			written, failure := pgx.CollectRows(found, pgx.RowTo[string])
			if failure != nil || len(written) == len(layer) {
				return failure
			}
			there := make(map[string]bool, len(written))
			for _, key := range written {
				there[key] = true
			}
			for _, r := range layer {
				if !there[r.key] {
					s.refuse(r, what, err)
				}
			}
			return nil
		})
	}
}

// skip moves the end of the feed to the furthest position that the jobs skip to.
func (s *script) skip() {
	var furthest int64
	for _, j := range s.jobs {
		furthest = max(furthest, j.rows.skip)
	}
	if furthest > 0 {
		s.batch.Queue(qSkip, furthest)
	}
}

// fences locks the leases of the jobs, so that none of them changes hands before the commit, and refuses the jobs whose
// lease has.
func (s *script) fences() {
	var duties []string
	for _, j := range s.jobs {
		if j.rows.fence != (invoice.Lease{}) {
			duties = append(duties, j.rows.fence.Duty)
		}
	}
	if len(duties) == 0 {
		return
	}
	s.batch.Queue(qLockLeases, duties).Query(func(found pgx.Rows) error {
		newest := map[string]int64{}
		var duty string
		var token int64
		if _, err := pgx.ForEachRow(found, []any{&duty, &token}, func() error {
			newest[duty] = token
			return nil
		}); err != nil {
			return err
		}
		for _, j := range s.jobs {
			if f := j.rows.fence; newest[f.Duty] > f.Token {
				s.refuse(row{job: j, key: f.Duty}, "lease", invoice.ErrFenced)
			}
		}
		return nil
	})
}

// lockInvoices locks the invoices of messages, unless they are locked because they are written, and the payouts.
func (s *script) lockInvoices(messages []row, written ...[]row) {
	locked := map[string]bool{}
	for _, rows := range written {
		for _, r := range rows {
			locked[r.key] = true
		}
	}
	var invoices, payouts []string
	for _, m := range messages {
		id := m.args[2].(string)
		switch {
		case locked[id]:
		case m.invoice == "":
			payouts = append(payouts, id)
		default:
			invoices = append(invoices, id)
		}
		locked[id] = true
	}
	if len(invoices) > 0 {
		s.batch.Queue(qLockInvoices, invoices)
	}
	if len(payouts) > 0 {
		s.batch.Queue(qLockSubjects, payouts)
	}
}

// markFirst adds a column that states whether the message is the first of the batch for its invoice and URL.
func markFirst(messages []row) []row {
	type line struct{ invoice, url string }
	first := map[line]int64{}
	for _, m := range messages {
		at, seq := line{m.args[2].(string), m.args[5].(string)}, m.args[3].(int64)
		if lowest, known := first[at]; !known || seq < lowest {
			first[at] = seq
		}
	}
	out := make([]row, len(messages))
	for i, m := range messages {
		at, seq := line{m.args[2].(string), m.args[5].(string)}, m.args[3].(int64)
		m.args = append(m.args[:len(m.args):len(m.args)], seq == first[at])
		out[i] = m
	}
	return out
}

// explain returns why a job was refused. It checks the id and the version first, so that the error for a batch that is
// committed again shows that it was stored.
func (r refusal) explain(ctx context.Context, q querier) error {
	err := r.err
	if err == nil {
		err = whyNot(ctx, q, r.row)
	}
	if r.row.invoice != "" && errors.Is(err, invoice.ErrConflict) {
		return &invoice.ConflictError{Invoice: r.row.invoice, Err: errors.New(r.what + " " + r.row.key)}
	}
	return fmt.Errorf("%s %s: %w", r.what, r.row.key, err)
}

// whyNot returns why an invoice could not be inserted.
func whyNot(ctx context.Context, q querier, r row) error {
	id, project, orderID := r.args[0].(string), r.args[8].(string), r.args[10].(*string)
	var stored bool
	var first *string
	if err := q.QueryRow(ctx, qWhoHas, id, project, orderID).Scan(&stored, &first); err != nil {
		return err
	}
	if stored || first == nil {
		return invoice.ErrConflict
	}
	return &invoice.DuplicateOrderError{OrderID: *orderID, Invoice: *first}
}
