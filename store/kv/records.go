package kv

import (
	"context"
	"errors"
	"fmt"

	"github.com/cointill/cointill/store"
	"github.com/cointill/cointill/store/internal/records"
)

var _ store.Records = (*Records)(nil)

// Records keeps what the operator's desk has to remember. It implements the interface Records of package httpapi/desk. Its
// methods may be called concurrently.
type Records struct{ store *Store }

// Records returns the records in the database. All values that it returns hold the same ones.
func (s *Store) Records() *Records { return &Records{s} }

// AppendRecord adds a record to the end of a log, and returns its position when it is durable.
func (r *Records) AppendRecord(ctx context.Context, log string, body []byte) (position int64, err error) {
	return update(ctx, r.store, "append record", func(t *txn) (last int64) {
		t.fail(records.CheckRecord(log, body))
		t.load(key("records of", log), &last)
		t.store(key("records of", log), last+1)
		t.put(key("record", log, uint64(last+1)), string(body))
		return last + 1
	})
}

// pair is a page of two lists.
type pair[T any] struct {
	firsts []T
	bodies [][]byte
}

// ReadRecords returns a page of a log: after the position, or before it and newest first.
func (r *Records) ReadRecords(ctx context.Context, log string, position int64, descending bool, limit int) (positions []int64, bodies [][]byte, err error) {
	found, err := view(ctx, r.store, "read records", func(t *txn) (out pair[int64]) {
		t.fail(records.CheckNames(log))
		var last int64
		t.load(key("records of", log), &last)
		for at := range records.Positions(last, position, descending, limit) {
			body := t.get(key("record", log, uint64(at)))
			if t.require(body != "", fmt.Errorf("record %d of log %q is missing", at, log)); t.err != nil {
				break
			}
			out.firsts, out.bodies = append(out.firsts, at), append(out.bodies, []byte(body))
		}
		return out
	})
	if err != nil {
		return nil, nil, err
	}
	return found.firsts, found.bodies, nil
}

// document has its name as bytes: JSON would not preserve a text that is not UTF-8.
type document struct {
	Name    []byte
	Version int64
	Body    []byte
}

func documentKey(kind, name string) string { return key("document", kind, whole(name)) }

// Document returns a document and its version, or 0 if there is none.
func (r *Records) Document(ctx context.Context, kind, name string) (version int64, body []byte, err error) {
	d, err := view(ctx, r.store, "document", func(t *txn) document { return t.document(kind, name) })
	if err != nil {
		return 0, nil, err
	}
	return d.Version, d.Body, nil
}

func (t *txn) document(kind, name string) (d document) {
	t.fail(records.CheckNames(kind, name))
	if t.load(documentKey(kind, name), &d) {
		t.require(string(d.Name) == name && d.Version > 0, errors.New("it is not the document of this name"))
	}
	return d
}

// PutDocument stores or removes a document if its version is still the given one, and reports whether it did.
func (r *Records) PutDocument(ctx context.Context, kind, name string, version int64, body []byte) (stored bool, err error) {
	stored, err = update(ctx, r.store, "put document", func(t *txn) bool {
		t.fail(records.CheckDocument(kind, name, body))
		switch d := t.document(kind, name); {
		case t.err != nil || d.Version != version:
			return false
		case len(body) == 0:
			t.delete(documentKey(kind, name))
		default:
			t.store(documentKey(kind, name), document{[]byte(name), version + 1, body})
		}
		return true
	})
	return err == nil && stored, err
}

// Documents returns a page of the documents of a kind, by their names.
func (r *Records) Documents(ctx context.Context, kind, after string, limit int) (names []string, bodies [][]byte, err error) {
	found, err := view(ctx, r.store, "documents", func(t *txn) (out pair[string]) {
		t.fail(records.CheckNames(kind))
		all := key("document", kind)
		from := all
		if after != "" {
			from = documentKey(kind, after) + "\x00"
		}
		for k, value := range t.scan(span{from, beyond(all)}) {
			var d document
			if len(out.firsts) >= limit {
				break
			}
			t.decode(k, value, &d)
			out.firsts, out.bodies = append(out.firsts, string(d.Name)), append(out.bodies, d.Body)
		}
		return out
	})
	if err != nil {
		return nil, nil, err
	}
	return found.firsts, found.bodies, nil
}

// beyond returns the first key that is after all keys with the prefix, whatever bytes follow it there: a name may begin with
// the byte 255, before which the span of under ends.
func beyond(prefix string) string {
	next := []byte(prefix)
	for next[len(next)-1] == 0xff {
		next = next[:len(next)-1]
	}
	next[len(next)-1]++
	return string(next)
}
