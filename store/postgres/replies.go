package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/store/internal/listing"
	"github.com/cointill/cointill/store/internal/replies"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Replies keeps the responses to requests with an Idempotency-Key. It implements the interface Replies of package
// httpapi for all processes on the database, and keeps its contract through restarts. What it holds is as secret as the
// responses are. Its methods may be called concurrently. Each Begin removes a few entries that have ended.
type Replies struct {
	store *Store
	most  int // entries in a scope
}

// Replies returns the replies in the store's database, with room for 10,000 entries in each scope. All values that it
// returns hold the same entries.
func (s *Store) Replies() *Replies { return &Replies{s, replies.PerScope} }

// PerScope returns the same replies with room for most entries in each scope, or for 10,000 if most is not positive.
func (r *Replies) PerScope(most int) *Replies {
	if most <= 0 {
		most = replies.PerScope
	}
	return &Replies{r.store, most}
}

// Begin stores the entry running until the given time and returns nil. If there is an entry whose time is after now, it
// changes nothing and returns that entry. Of concurrent calls for one key, from any processes, exactly one returns nil.
// Begin blocks until the entry is durable. It refuses a new key if the scope is full, with an error that has a method
// RepliesFull. Another error may leave the entry stored or not.
func (r *Replies) Begin(ctx context.Context, scope, key string, running []byte, now, until time.Time) (held []byte, err error) {
	err = again(ctx, func() error {
		held, err = r.begin(ctx, replies.Name(scope, key), replies.Scope(scope), running, now, until)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: begin request with key: %w", err)
	}
	return held, nil
}

// begin sends everything in one round trip, as one transaction. It waits for a lock only while it holds none.
func (r *Replies) begin(ctx context.Context, name, of, running []byte, now, until time.Time) (held []byte, err error) {
	var begun bool
	batch := &pgx.Batch{}
	batch.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	batch.Queue(qBeginReply, name, of, running, listing.Nanos(until), listing.Nanos(now), r.most).Exec(func(tag pgconn.CommandTag) error {
		begun = tag.RowsAffected() > 0
		return nil
	})
	found := false
	batch.Queue(qReply, name, listing.Nanos(now)).QueryRow(func(row pgx.Row) error {
		err := row.Scan(&held)
		found = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	batch.Queue(qEndReplies, listing.Nanos(now), replies.EndedAtOnce)
	batch.Queue("COMMIT")
	err = r.store.pool.SendBatch(ctx, batch).Close()
	switch {
	case err != nil || begun:
		return nil, err
	case found:
		return held, nil
	}
	return nil, r.full(ctx, of, now)
}

// full returns the refusal of a scope that has no room.
func (r *Replies) full(ctx context.Context, of []byte, now time.Time) error {
	first := listing.Nanos(now) // something has ended meanwhile
	// Begin repeats it.
	err := r.store.pool.QueryRow(ctx, qReplyEnds, of, first).Scan(&first)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	return &replies.FullError{Most: r.most, Room: time.Unix(0, first)}
}

// Finish replaces the entry running with reply, until the given time, and blocks until that is durable. It does nothing
// if there is no entry or another one. It is idempotent.
func (r *Replies) Finish(ctx context.Context, scope, key string, running, reply []byte, until time.Time) error {
	err := again(ctx, func() error {
		_, err := r.store.pool.Exec(ctx, qFinishReply, replies.Name(scope, key), running, reply, listing.Nanos(until))
		return err
	})
	if err != nil {
		return fmt.Errorf("postgres: finish request with key: %w", err)
	}
	return nil
}

// Abandon removes the entry running and blocks until that is durable. It does nothing if there is no entry or another
// one. It is idempotent.
func (r *Replies) Abandon(ctx context.Context, scope, key string, running []byte) error {
	err := again(ctx, func() error {
		_, err := r.store.pool.Exec(ctx, qAbandonReply, replies.Name(scope, key), running)
		return err
	})
	if err != nil {
		return fmt.Errorf("postgres: abandon request with key: %w", err)
	}
	return nil
}
