package etcd

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// version is the last commit, as it is stored under one key that every commit replaces, and compares with what it was made
// from. The random id also tells two histories apart, of which one was restored from a backup, and whose revisions are the
// same.
type version struct {
	id       [16]byte // zero: nothing was ever committed
	previous [16]byte // id of the commit before
	before   int64    // revision of the commit before
	revision int64    // of this commit
	changed  []uint64 // hashes of the keys that it wrote
	all      bool     // they are too many to be listed
}

// mostChanged is how many changed keys a commit lists.
const mostChanged = 2048

const versionSize = 16 + 16 + 8

// versionKey and changedKey are neighbours, with nothing between them, and no keys of data.
func (db *DB) versionKey() string { return db.cfg.Prefix + "v" }
func (db *DB) changedKey() string { return db.cfg.Prefix + "w" }

// next returns the version of a commit after this one.
func (v version) next(w writes) version {
	n := version{previous: v.id, before: v.revision, all: len(w.pairs) > mostChanged}
	_, _ = rand.Read(n.id[:])
	for key := range w.pairs {
		if !n.all {
			n.changed = append(n.changed, hashOf(key))
		}
	}
	return n
}

func (v version) value() string {
	value := append(append([]byte{}, v.id[:]...), v.previous[:]...)
	return string(binary.BigEndian.AppendUint64(value, uint64(v.before)))
}

func (v version) changes() string {
	if v.all {
		return "all"
	}
	var value []byte
	for _, hash := range v.changed {
		value = binary.BigEndian.AppendUint64(value, hash)
	}
	return string(value)
}

// parseVersion reads what is stored under both keys.
func parseVersion(pairs []*mvccpb.KeyValue) (v version, err error) {
	if len(pairs) == 0 {
		return v, nil
	}
	if len(pairs) != 2 || len(pairs[0].Value) != versionSize {
		return v, errors.New("the version of the database is damaged")
	}
	value, changes := pairs[0].Value, pairs[1].Value
	copy(v.id[:], value)
	copy(v.previous[:], value[16:])
	v.before, v.revision = int64(binary.BigEndian.Uint64(value[32:])), pairs[0].ModRevision
	if v.all = len(changes)%8 != 0; !v.all {
		for ; len(changes) > 0; changes = changes[8:] {
			v.changed = append(v.changed, binary.BigEndian.Uint64(changes))
		}
	}
	return v, nil
}

// is is the condition that nothing was committed after the version.
func (db *DB) is(v version) clientv3.Cmp {
	if v.id == [16]byte{} {
		return clientv3.Compare(clientv3.CreateRevision(db.versionKey()), "=", 0)
	}
	return clientv3.Compare(clientv3.Value(db.versionKey()), "=", v.value())
}

// getVersion is the operation that reads a version.
func (db *DB) getVersion() clientv3.Op {
	return clientv3.OpGet(db.versionKey(), clientv3.WithRange(db.changedKey()+"\x00"))
}

// readVersion reads the version of a revision, or the newest one and the revision it was read at.
func (db *DB) readVersion(ctx context.Context, revision int64) (version, int64, error) {
	resp, err := db.read(ctx, db.versionKey(), revision, clientv3.WithRange(db.changedKey()+"\x00"))
	if err != nil {
		return version{}, 0, err
	}
	v, err := parseVersion(resp.Kvs)
	return v, resp.Header.Revision, err
}

// mostSteps is how many commits of others are looked back at.
const mostSteps = 1000

// errNoWay means that a version does not lead back to another one.
var errNoWay = errors.New("the commits in between are not known")

// since returns the commits after one version up to another one, newest first.
func (db *DB) since(ctx context.Context, from, to version) ([]version, error) {
	var steps []version
	for to.id != from.id {
		if steps = append(steps, to); to.previous == from.id {
			break
		}
		if len(steps) == mostSteps || to.before < from.revision || to.before == 0 {
			return nil, errNoWay
		}
		var err error
		if to, _, err = db.readVersion(ctx, to.before); err != nil {
			return nil, fmt.Errorf("%w: %w", errNoWay, err)
		}
	}
	return steps, nil
}
