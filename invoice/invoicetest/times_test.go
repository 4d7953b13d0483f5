package invoicetest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/cointill/cointill/webhook"
)

// times are the waits and leases of an outbox by the world's clock. A database has a clock of its own, by which no time
// passes in a world: it is asked for leases that do not end and for waits of nothing, and here is what they stand for.
type times struct {
	mu     sync.Mutex
	waits  map[string]time.Time // until when an endpoint is left alone
	claims map[string]held      // by message
}

// held is a claim that is not recorded yet.
type held struct {
	webhook.Delivery
	until time.Time
}

// forEver is longer than a world.
const forEver = time.Hour

// over returns the claims that have ended, and the endpoints that are still paused.
func (t *times) over() (ended []held, waiting []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for id, h := range t.claims {
		if !now.Before(h.until) {
			ended = append(ended, h)
			delete(t.claims, id)
		}
	}
	for endpoint, until := range t.waits {
		if now.Before(until) {
			waiting = append(waiting, endpoint)
		} else {
			delete(t.waits, endpoint)
		}
	}
	return ended, waiting
}

// next returns how long it takes until a claim or a pause of an endpoint ends.
func (t *times) next() (wait time.Duration, some bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	until := func(at time.Time) {
		if d := time.Until(at); !some || d < wait {
			wait, some = max(d, time.Millisecond), true
		}
	}
	for _, h := range t.claims {
		until(h.until)
	}
	for _, at := range t.waits {
		until(at)
	}
	return wait, some
}

func (d distant) Claim(ctx context.Context, q webhook.ClaimQuery) ([]webhook.Delivery, error) {
	ended, waiting := d.over()
	for _, h := range ended { // nobody has recorded what came of it: it is due again
		_, err := remotely(ctx, d.o, func(ctx context.Context) (struct{}, error) {
			attempt := webhook.Attempt{At: h.until, Error: "the process is gone"}
			return struct{}{}, d.s.Record(ctx, h.Claim, attempt, webhook.Next{State: webhook.StateDue})
		})
		if err != nil && !errors.Is(err, webhook.ErrStaleClaim) {
			return nil, err
		}
	}
	lease := q.Lease
	q.Lease, q.Skip = forEver, slices.Concat(q.Skip, waiting)
	list, err := remotely(ctx, d.o, func(ctx context.Context) ([]webhook.Delivery, error) { return d.s.Claim(ctx, q) })
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, delivery := range list {
		d.claims[delivery.Claim.Message] = held{delivery, time.Now().Add(lease)}
	}
	return list, err
}

func (d distant) Record(ctx context.Context, claim webhook.Claim, attempt webhook.Attempt, next webhook.Next) error {
	wait := next.Wait
	next.Wait = 0
	_, err := remotely(ctx, d.o, func(ctx context.Context) (struct{}, error) { return struct{}{}, d.s.Record(ctx, claim, attempt, next) })
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.claims[claim.Message]
	if h.Claim == claim {
		delete(d.claims, claim.Message)
	}
	if next.State == webhook.StateDue && h.Claim == claim {
		d.waits[h.Message.Endpoint] = time.Now().Add(wait)
	}
	return nil
}

func (d distant) NextDue(ctx context.Context) (time.Duration, bool, error) {
	if wait, some := d.next(); some {
		return wait, true, ctx.Err()
	}
	type answer struct {
		wait time.Duration
		some bool
	}
	a, err := remotely(ctx, d.o, func(ctx context.Context) (answer, error) {
		wait, some, err := d.s.NextDue(ctx)
		return answer{wait, some}, err
	})
	return a.wait, a.some, err
}
