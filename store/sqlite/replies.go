package sqlite

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/cointill/cointill/store/internal/listing"
)

// Replies keep how requests with an Idempotency-Key were answered: they implement the interface Replies of package
// httpapi, and keep its contract through restarts. What they hold is as secret as the answers are. Their methods may be
// called concurrently. There is always room for more, and what has ended is removed, a little whenever a request begins.
type Replies struct{ store *Store }

// Replies answers the replies in the store's database. All that it answers are the same.
func (s *Store) Replies() *Replies { return &Replies{s} }

// endedAtOnce is how many entries that have ended are removed when one begins: more than come, so that they get fewer,
// and few enough not to keep others waiting.
const endedAtOnce = 8

// replyName names an entry, however long its scope is. Neither text has a line feed.
func replyName(scope, key string) []byte {
	name := sha256.Sum256([]byte(scope + "\n" + key))
	return name[:]
}

// Begin keeps the entry running until the given time, and answers nil; unless there is an entry already whose time is
// after now: then it changes nothing and answers that. Of calls at once for one key, one answers nil. It blocks until
// that is durable. An error may leave the entry there or not.
func (r *Replies) Begin(ctx context.Context, scope, key string, running []byte, now, until time.Time) (held []byte, err error) {
	name := replyName(scope, key)
	err = r.store.writer.do(ctx, func(t *txn) error {
		held = nil
		begun, err := t.exec(qBeginReply, name, running, listing.Nanos(until), listing.Nanos(now))
		if err != nil {
			return err
		}
		if begun == 0 {
			return t.row(qReply, []any{name}, &held)
		}
		_, err = t.exec(qEndReplies, listing.Nanos(now), endedAtOnce)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlite: begin request with key: %w", err)
	}
	return held, nil
}

// Finish puts reply, until the given time, in the place of the entry running, and blocks until that is durable; it does
// nothing if there is none, or another. It is idempotent.
func (r *Replies) Finish(ctx context.Context, scope, key string, running, reply []byte, until time.Time) error {
	err := r.store.writer.do(ctx, func(t *txn) error {
		_, err := t.exec(qFinishReply, replyName(scope, key), running, reply, listing.Nanos(until))
		return err
	})
	if err != nil {
		return fmt.Errorf("sqlite: finish request with key: %w", err)
	}
	return nil
}

// Abandon removes the entry running, and blocks until that is durable; it does nothing if there is none, or another. It
// is idempotent.
func (r *Replies) Abandon(ctx context.Context, scope, key string, running []byte) error {
	err := r.store.writer.do(ctx, func(t *txn) error {
		_, err := t.exec(qAbandonReply, replyName(scope, key), running)
		return err
	})
	if err != nil {
		return fmt.Errorf("sqlite: abandon request with key: %w", err)
	}
	return nil
}
