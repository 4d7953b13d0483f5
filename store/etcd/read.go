package etcd

import (
	"context"
	"errors"
	"slices"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// page is how many keys of a scan are read at once.
const page = 100

// dataKey returns the key under which a key is stored. The order stays.
func (db *DB) dataKey(key []byte) string { return db.cfg.Prefix + "k" + string(key) }

// outdated reports whether an error means that a revision cannot be read any more: it was compacted away, or is beyond the
// end of servers that were restored from a backup.
func outdated(err error) bool {
	return errors.Is(err, rpctypes.ErrCompacted) || errors.Is(err, rpctypes.ErrFutureRev)
}

// read reads one revision, or the newest if it is 0. What a revision holds never changes, so that any server that has it may
// answer; only the newest needs a majority.
func (db *DB) read(ctx context.Context, key string, revision int64, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, db.cfg.Timeout)
	defer cancel()
	if revision == 0 {
		return db.client.Get(ctx, key, opts...)
	}
	opts = append([]clientv3.OpOption{clientv3.WithRev(revision)}, opts...)
	resp, err := db.client.Get(ctx, key, append(opts, clientv3.WithSerializable())...)
	if errors.Is(err, rpctypes.ErrFutureRev) { // this server lags behind: with a majority it catches up first
		return db.client.Get(ctx, key, opts...)
	}
	return resp, err
}

// reader reads one revision: that of its first read if none is given.
type reader struct {
	db       *DB
	ctx      context.Context
	revision int64
	err      error                            // of the servers; the first one
	ahead    map[[2]string][]*mvccpb.KeyValue // ranges that were read as a whole
}

const (
	aheadRanges = 500 // that are read by one request
	aheadKeys   = 10  // of each; one that has more is read when it is scanned
)

// Ahead implements [kv.Ahead].
func (r *reader) Ahead(ranges [][2][]byte) error {
	if r.ahead == nil {
		r.ahead = map[[2]string][]*mvccpb.KeyValue{}
	}
	for some := range slices.Chunk(ranges, min(aheadRanges, r.db.cfg.MaxOps)) {
		if err := r.readAhead(some); err != nil {
			r.err = err
			return err
		}
	}
	return nil
}

func (r *reader) readAhead(ranges [][2][]byte) error {
	ops := make([]clientv3.Op, len(ranges))
	for i, span := range ranges {
		ops[i] = clientv3.OpGet(r.db.dataKey(span[0]), clientv3.WithRange(r.db.dataKey(span[1])), clientv3.WithLimit(aheadKeys), clientv3.WithRev(r.revision))
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.db.cfg.Timeout)
	defer cancel()
	resp, err := r.db.client.Txn(ctx).Then(ops...).Commit()
	if err != nil {
		return err
	}
	if r.revision == 0 {
		r.revision = resp.Header.Revision
	}
	for i, span := range ranges {
		if found := resp.Responses[i].GetResponseRange(); !found.More {
			r.ahead[[2]string{string(span[0]), string(span[1])}] = found.Kvs
		}
	}
	return nil
}

func (r *reader) read(key string, opts ...clientv3.OpOption) ([]*mvccpb.KeyValue, bool, error) {
	resp, err := r.db.read(r.ctx, key, r.revision, opts...)
	if err != nil {
		r.err = err
		return nil, false, err
	}
	if r.revision == 0 {
		r.revision = resp.Header.Revision
	}
	return resp.Kvs, resp.More, nil
}

func (r *reader) get(key []byte) ([]byte, error) {
	found, _, err := r.read(r.db.dataKey(key))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0].Value, nil
}

// scan calls visit for each key of the range, until it returns false.
func (r *reader) scan(from, to []byte, visit func(key, value []byte) bool) error {
	prefix := len(r.db.dataKey(nil))
	if found, read := r.ahead[[2]string{string(from), string(to)}]; read {
		for _, pair := range found {
			if !visit(pair.Key[prefix:], pair.Value) {
				break
			}
		}
		return nil
	}
	at, end := r.db.dataKey(from), r.db.dataKey(to)
	for {
		found, more, err := r.read(at, clientv3.WithRange(end), clientv3.WithLimit(page))
		if err != nil {
			return err
		}
		for _, pair := range found {
			if !visit(pair.Key[prefix:], pair.Value) {
				return nil
			}
		}
		if !more || len(found) == 0 {
			return nil
		}
		at = string(found[len(found)-1].Key) + "\x00"
	}
}

// viewing is the transaction of a View.
type viewing struct{ reader }

var errReadOnly = errors.New("etcd: a view writes nothing")

func (v *viewing) Get(key []byte) ([]byte, error) { return v.get(key) }
func (v *viewing) Put(_, _ []byte) error          { return errReadOnly }
func (v *viewing) Delete([]byte) error            { return errReadOnly }
func (v *viewing) Scan(from, to []byte, visit func(key, value []byte) bool) error {
	return v.scan(from, to, visit)
}
