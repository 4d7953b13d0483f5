package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/store/internal/listing"
	"github.com/cointill/cointill/store/internal/replies"
)

// Replies keeps the responses to requests with an Idempotency-Key. It implements the interface Replies of package
// httpapi, and keeps its contract through restarts. What it holds is as secret as the responses are. Its methods may be
// called concurrently. Each Begin removes a few entries that have ended.
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
// changes nothing and returns that entry. Of concurrent calls for one key, exactly one returns nil. Begin blocks until
// the entry is durable. It refuses a new key if the scope is full, with an error that has a method RepliesFull. Another
// error may leave the entry stored or not, except for [ErrLocked], which leaves none.
func (r *Replies) Begin(ctx context.Context, scope, key string, running []byte, now, until time.Time) (held []byte, err error) {
	name, of := replies.Name(scope, key), replies.Scope(scope)
	full, err := r.full(ctx, of, now)
	switch {
	case err != nil:
	case full != nil:
		held, err = r.held(ctx, name, now, full)
	default:
		held, err = r.begin(ctx, name, of, running, now, until)
	}
	if err != nil {
		return nil, fmt.Errorf("sqlite: begin request with key: %w", err)
	}
	return held, nil
}

// full counts the entries of a scope without the writer, so that a scope with many delays no other. It returns nil if
// there is room for another entry.
func (r *Replies) full(ctx context.Context, of []byte, now time.Time) (*replies.FullError, error) {
	var count int
	var first int64
	err := r.store.stmts[qReplies].QueryRowContext(ctx, of, listing.Nanos(now), r.most).Scan(&count, &first)
	if err != nil || count < r.most {
		return nil, err
	}
	return &replies.FullError{Most: r.most, Room: time.Unix(0, first)}, nil
}

// held returns the entry of a key in a full scope, or the refusal if there is none.
func (r *Replies) held(ctx context.Context, name []byte, now time.Time, full *replies.FullError) (entry []byte, err error) {
	err = r.store.stmts[qReply].QueryRowContext(ctx, name, listing.Nanos(now)).Scan(&entry)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, full
	}
	return entry, err
}

func (r *Replies) begin(ctx context.Context, name, of, running []byte, now, until time.Time) (held []byte, err error) {
	err = r.store.writer.do(ctx, func(t *txn) error {
		held = nil
		begun, err := t.exec(qBeginReply, name, of, running, listing.Nanos(until), listing.Nanos(now))
		if err != nil {
			return err
		}
		if begun == 0 {
			return t.row(qReply, []any{name, listing.Nanos(now)}, &held)
		}
		_, err = t.exec(qEndReplies, listing.Nanos(now), replies.EndedAtOnce)
		return err
	})
	return held, err
}

// Finish replaces the entry running with reply, until the given time, and blocks until that is durable. It does nothing
// if there is no entry or another one. It is idempotent.
func (r *Replies) Finish(ctx context.Context, scope, key string, running, reply []byte, until time.Time) error {
	err := r.store.writer.do(ctx, func(t *txn) error {
		_, err := t.exec(qFinishReply, replies.Name(scope, key), running, reply, listing.Nanos(until))
		return err
	})
	if err != nil {
		return fmt.Errorf("sqlite: finish request with key: %w", err)
	}
	return nil
}

// Abandon removes the entry running and blocks until that is durable. It does nothing if there is no entry or another
// one. It is idempotent.
func (r *Replies) Abandon(ctx context.Context, scope, key string, running []byte) error {
	err := r.store.writer.do(ctx, func(t *txn) error {
		_, err := t.exec(qAbandonReply, replies.Name(scope, key), running)
		return err
	})
	if err != nil {
		return fmt.Errorf("sqlite: abandon request with key: %w", err)
	}
	return nil
}
