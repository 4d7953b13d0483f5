package kv

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/cointill/cointill/invoice"
)

// txn is a transaction. Its first error sticks, ends every scan and undoes the transaction, so that few callers have to
// check errors: results after an error are meaningless, and the database gets no more calls.
type txn struct {
	tx     Tx
	docs   map[string]*doc   // to be stored at the end
	order  []string          // in which they were asked for
	bodies map[body]bodySite // that it has written
	err    error
}

func (t *txn) fail(err error) { t.err = cmp.Or(t.err, err) }

func (t *txn) require(ok bool, otherwise error) {
	if !ok {
		t.fail(otherwise)
	}
}

// get returns the value of the key, or an empty one if there is none.
func (t *txn) get(k string) string {
	if t.err != nil {
		return ""
	}
	value, err := t.tx.Get([]byte(k))
	if err != nil {
		t.fail(err)
		return ""
	}
	return string(value)
}

func (t *txn) put(k, v string) {
	if t.err == nil {
		t.fail(t.tx.Put([]byte(k), []byte(v)))
	}
}

func (t *txn) delete(k string) {
	if t.err == nil {
		t.fail(t.tx.Delete([]byte(k)))
	}
}

// load reads a record, and reports whether it exists.
func (t *txn) load(k string, into any) bool {
	value := t.get(k)
	if value == "" {
		return false
	}
	t.decode(k, value, into)
	return true
}

// decode decodes the record under the key.
func (t *txn) decode(k, record string, into any) {
	if err := json.Unmarshal([]byte(record), into); err != nil {
		t.fail(fmt.Errorf("the record under %q is damaged: %w", k, err))
	}
}

func (t *txn) store(k string, v any) {
	data, err := json.Marshal(v)
	t.fail(err)
	t.put(k, string(data))
}

// next numbers events and messages in the order of their commits, from 1.
func (t *txn) next() uint64 {
	var n uint64
	t.load(key("last number"), &n)
	t.store(key("last number"), n+1)
	return n + 1
}

// scanned is how many keys are read at once.
const scanned = 100

// scan yields the keys and values of a span. It reads ahead, so that the transaction can be used meanwhile; keys that
// are put or deleted then may be seen or not.
func (t *txn) scan(s span) iter.Seq2[string, string] {
	return func(yield func(k, v string) bool) {
		for t.err == nil && s.from < s.to {
			var found [][2]string
			t.fail(t.tx.Scan([]byte(s.from), []byte(s.to), func(k, v []byte) bool {
				found = append(found, [2]string{string(k), string(v)})
				return len(found) < scanned
			}))
			for _, kv := range found {
				if t.err != nil || !yield(kv[0], kv[1]) {
					return
				}
			}
			if len(found) < scanned {
				return
			}
			s.from = found[scanned-1][0] + "\x00"
		}
	}
}

// many returns the values of the keys that exist.
func (t *txn) many(keys []string) map[string]string {
	out := make(map[string]string, len(keys))
	if len(keys) == 1 {
		out[keys[0]] = t.get(keys[0])
		return out
	}
	var spans []span
	for _, k := range slices.Compact(slices.Sorted(slices.Values(keys))) {
		spans = append(spans, span{k, k + "\x00"})
	}
	t.announce(spans)
	for _, s := range spans {
		for k, value := range t.scan(s) {
			out[k] = value
		}
	}
	return out
}

// announce says what is about to be scanned, to a database that wants to know.
func (t *txn) announce(spans []span) {
	tx, able := t.tx.(Ahead)
	if !able || t.err != nil || len(spans) < 2 {
		return
	}
	ranges := make([][2][]byte, len(spans))
	for i, s := range spans {
		ranges[i] = [2][]byte{[]byte(s.from), []byte(s.to)}
	}
	t.fail(tx.Ahead(ranges))
}

// read returns the document with the id. It returns nil if there is none, and also if it cannot be read, which is an
// [invoice.DamagedError].
func (t *txn) read(id string) *doc {
	value := t.get(key("invoice", id))
	if t.err != nil || value == "" {
		return nil
	}
	d := &doc{}
	err := json.Unmarshal([]byte(value), d)
	if err == nil && d.id() != id {
		err = errors.New("it is not the document of this invoice")
	}
	if err != nil {
		t.fail(&invoice.DamagedError{Invoices: []string{id}, Err: err})
		return nil
	}
	return d
}

// doc returns the document with the id, to be changed, or an empty one if there is none.
func (t *txn) doc(id string) *doc {
	if t.docs == nil {
		t.docs = map[string]*doc{}
	}
	if t.docs[id] == nil {
		d := cmp.Or(t.read(id), &doc{})
		d.stored = d.entries()
		t.docs[id] = d
		t.order = append(t.order, id)
	}
	return t.docs[id]
}

// forget leaves a document that could not be read unchanged.
func (t *txn) forget(id string) {
	delete(t.docs, id)
	t.order = slices.DeleteFunc(t.order, func(other string) bool { return other == id })
}

// save stores the documents that have changed, and the changes of the keys that lead to them.
func (t *txn) save() {
	for _, id := range t.order {
		if t.err != nil {
			return
		}
		d := t.docs[id]
		was, is := values(d.stored), d.entries()
		now := values(is)
		for _, e := range d.stored {
			if now[e.key] != e.value {
				t.delete(e.key)
			}
		}
		for _, e := range is {
			if was[e.key] == e.value {
				continue
			}
			if owner := t.get(e.key); owner != "" {
				t.fail(conflict(id, "%s is taken by invoice %s", e.kind, owner))
			}
			t.put(e.key, e.value)
		}
		t.store(key("invoice", id), d)
	}
}
