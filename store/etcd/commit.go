package etcd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fate is what became of a commit.
type fate int

const (
	stored  fate = iota
	lost         // another commit was first: it is not stored, and never will be
	refused      // it is not stored, and never will be
	unknown
)

// attempt is a commit that is on its way.
type attempt struct {
	db     *DB
	from   *state
	next   version
	writes writes
	began  time.Time // of the last request
	open   bool      // a request may still arrive at the servers
}

// commit stores writes if nothing was stored since the state. It repeats a request whose answer it does not get: the condition
// lets the servers take only one of them, and the id of the version tells whether that was ours.
func (db *DB) commit(ctx context.Context, from *state, w writes) (fate, error) {
	a := &attempt{db: db, from: from, next: from.next(w), writes: w}
	end := time.Now().Add(db.cfg.Patience)
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		resp, err := a.send(ctx)
		switch {
		case err == nil && resp.Succeeded:
			a.won(resp.Header.Revision)
			return stored, nil
		case err == nil:
			return a.overtaken(ctx, resp)
		case errors.Is(err, rpctypes.ErrNoSpace):
			// The servers have taken the write that fills them up, and say this of it as well.
			if fate, known := a.look(ctx); known {
				return fate, a.given(fate, fmt.Errorf("%w: %w", ErrNoSpace, err))
			}
		case !a.open && refuses(err):
			return refused, refusal(err)
		}
		a.open = a.open || !refuses(err)
		if time.Now().Add(wait).After(end) {
			db.forget(from)
			return unknown, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		time.Sleep(wait)
	}
}

// send sends the commit once.
func (a *attempt) send(ctx context.Context) (*clientv3.TxnResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, a.db.cfg.Timeout)
	defer cancel()
	ops := make([]clientv3.Op, 0, len(a.writes.pairs)+2)
	for key, value := range a.writes.pairs {
		at := a.db.dataKey([]byte(key))
		if value == nil {
			ops = append(ops, clientv3.OpDelete(at))
		} else {
			ops = append(ops, clientv3.OpPut(at, string(value)))
		}
	}
	ops = append(ops, clientv3.OpPut(a.db.versionKey(), a.next.value()), clientv3.OpPut(a.db.changedKey(), a.next.changes()))
	a.began = time.Now()
	return a.db.client.Txn(ctx).If(a.db.is(a.from.version)).Then(ops...).Else(a.db.getVersion()).Commit()
}

// won makes the state after the commit the base.
func (a *attempt) won(revision int64) {
	next := &state{version: a.next, at: revision, known: a.began, cache: a.from.cache}
	next.revision = revision
	next.cache.wrote(a.writes, revision)
	if next.cache.bytes() > a.db.cfg.Cache {
		next.cache = newCache()
	}
	a.db.base.replace(a.from, next)
}

// overtaken finds out what became of the commit after the servers have said that its condition does not hold.
func (a *attempt) overtaken(ctx context.Context, resp *clientv3.TxnResponse) (fate, error) {
	latest, err := parseVersion(resp.Responses[0].GetResponseRange().Kvs)
	if err != nil {
		a.db.forget(a.from)
		return unknown, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return a.trace(ctx, latest, resp.Header.Revision)
}

// look finds out what became of the commit after an answer that does not say. The outcome is not known if an earlier request
// may still arrive.
func (a *attempt) look(ctx context.Context) (outcome fate, known bool) {
	latest, revision, err := a.db.readVersion(ctx, 0)
	if err != nil || latest.id == a.from.id && a.open {
		return unknown, false
	}
	if latest.id == a.from.id {
		return refused, true
	}
	outcome, _ = a.trace(ctx, latest, revision)
	return outcome, outcome != unknown
}

// trace looks at the commit that came after the state: it is ours, or ours will never be.
func (a *attempt) trace(ctx context.Context, latest version, revision int64) (fate, error) {
	steps, err := a.db.since(ctx, a.from.version, latest)
	if err != nil || len(steps) == 0 {
		a.db.forget(a.from)
		return unknown, fmt.Errorf("%w: %w", ErrUnknown, cmp.Or(err, errNoWay))
	}
	s := &state{version: latest, at: revision, known: a.began, cache: newCache()}
	a.db.base.replace(a.from, s.takeOver(a.from, steps))
	if steps[len(steps)-1].id == a.next.id {
		return stored, nil
	}
	return lost, nil
}

// given returns the error that goes with an outcome.
func (a *attempt) given(outcome fate, err error) error {
	if outcome == refused {
		return err
	}
	return nil
}

// refuses reports whether an error says that the request was looked at and not taken, so that it never will be. The last one is
// also what the client says of a request that is too large for it.
func refuses(err error) bool {
	switch code(err) {
	case codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.ResourceExhausted:
		return true
	default:
		return false
	}
}

func code(err error) codes.Code {
	if native := (rpctypes.EtcdError{}); errors.As(err, &native) {
		return native.Code()
	}
	return status.Code(err)
}

// refusal names what was refused.
func refusal(err error) error {
	native := errors.As(err, new(rpctypes.EtcdError))
	if errors.Is(err, rpctypes.ErrTooManyOps) || errors.Is(err, rpctypes.ErrRequestTooLarge) || !native && code(err) == codes.ResourceExhausted {
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return err
}
