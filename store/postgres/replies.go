package postgres

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/cointill/cointill/store/internal/listing"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Replies keep how requests with an Idempotency-Key were answered: they implement the interface Replies of package
// httpapi, for all processes on the database, and keep its contract through restarts. What they hold is as secret as
// the answers are. Their methods may be called concurrently. There is always room for more, and what has ended is
// removed, a little whenever a request begins.
type Replies struct{ store *Store }

// Replies answers the replies in the store's database. All that it answers are the same.
func (s *Store) Replies() *Replies { return &Replies{s} }

// endedAtOnce is how many entries that have ended are removed when one begins: more than come, so that they get fewer,
// and few enough not to keep others waiting.
const endedAtOnce = 8

// replyName names an entry, however long its scope is: an index takes no long texts. Neither text has a line feed.
func replyName(scope, key string) []byte {
	name := sha256.Sum256([]byte(scope + "\n" + key))
	return name[:]
}

// Begin keeps the entry running until the given time, and answers nil; unless there is an entry already whose time is
// after now: then it changes nothing and answers that. Of calls at once for one key, from whichever processes, one
// answers nil. It blocks until that is durable. An error may leave the entry there or not.
func (r *Replies) Begin(ctx context.Context, scope, key string, running []byte, now, until time.Time) (held []byte, err error) {
	err = again(ctx, func() error {
		held, err = r.begin(ctx, replyName(scope, key), running, now, until)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: begin request with key: %w", err)
	}
	return held, nil
}

// begin sends all in one go, as one transaction. It waits for a lock only before it has any.
func (r *Replies) begin(ctx context.Context, name, running []byte, now, until time.Time) ([]byte, error) {
	var begun bool
	var entry []byte
	batch := &pgx.Batch{}
	batch.Queue("BEGIN ISOLATION LEVEL READ COMMITTED")
	batch.Queue(qBeginReply, name, running, listing.Nanos(until), listing.Nanos(now)).Exec(func(tag pgconn.CommandTag) error {
		begun = tag.RowsAffected() > 0
		return nil
	})
	batch.Queue(qReply, name).QueryRow(func(found pgx.Row) error { return found.Scan(&entry) })
	batch.Queue(qEndReplies, listing.Nanos(now), endedAtOnce)
	batch.Queue("COMMIT")
	if err := r.store.pool.SendBatch(ctx, batch).Close(); err != nil || begun {
		return nil, err
	}
	return entry, nil
}

// Finish puts reply, until the given time, in the place of the entry running, and blocks until that is durable; it does
// nothing if there is none, or another. It is idempotent.
func (r *Replies) Finish(ctx context.Context, scope, key string, running, reply []byte, until time.Time) error {
	err := again(ctx, func() error {
		_, err := r.store.pool.Exec(ctx, qFinishReply, replyName(scope, key), running, reply, listing.Nanos(until))
		return err
	})
	if err != nil {
		return fmt.Errorf("postgres: finish request with key: %w", err)
	}
	return nil
}

// Abandon removes the entry running, and blocks until that is durable; it does nothing if there is none, or another. It
// is idempotent.
func (r *Replies) Abandon(ctx context.Context, scope, key string, running []byte) error {
	err := again(ctx, func() error {
		_, err := r.store.pool.Exec(ctx, qAbandonReply, replyName(scope, key), running)
		return err
	})
	if err != nil {
		return fmt.Errorf("postgres: abandon request with key: %w", err)
	}
	return nil
}
