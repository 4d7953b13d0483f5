package store

import (
	"context"
	"fmt"

	"github.com/cointill/cointill/store/internal/records"
)

// sealedRecords seals the bodies of documents. Logs are those of the records behind it.
type sealedRecords struct {
	Records
	box box
}

// ownerOfDocument needs no mark behind the kind: the length of the kind says where the name begins.
func ownerOfDocument(kind, name string) string {
	return fmt.Sprintf("document\x00%d\x00%s%s", len(kind), kind, name)
}

func (s sealedRecords) open(kind, name string, body []byte) ([]byte, error) {
	if !isSealed(string(body)) {
		return body, nil
	}
	opened, err := s.box.open(ownerOfDocument(kind, name), string(body))
	if err != nil {
		return nil, fmt.Errorf("store: document %q of kind %q: %w", name, kind, err)
	}
	return []byte(opened), nil
}

// Document implements [Records].
func (s sealedRecords) Document(ctx context.Context, kind, name string) (version int64, body []byte, err error) {
	if version, body, err = s.Records.Document(ctx, kind, name); err != nil {
		return 0, nil, err
	}
	if body, err = s.open(kind, name, body); err != nil {
		return 0, nil, err
	}
	return version, body, nil
}

// PutDocument implements [Records].
func (s sealedRecords) PutDocument(ctx context.Context, kind, name string, version int64, body []byte) (stored bool, err error) {
	if len(body) == 0 {
		return s.Records.PutDocument(ctx, kind, name, version, nil)
	}
	if err := records.CheckDocument(kind, name, body); err != nil {
		return false, fmt.Errorf("store: put document: %w", err)
	}
	sealed, err := s.box.seal(ownerOfDocument(kind, name), string(body))
	if err != nil {
		return false, fmt.Errorf("store: document %q of kind %q: %w", name, kind, err)
	}
	return s.Records.PutDocument(ctx, kind, name, version, []byte(sealed))
}

// Documents implements [Records].
func (s sealedRecords) Documents(ctx context.Context, kind, after string, limit int) (names []string, bodies [][]byte, err error) {
	if names, bodies, err = s.Records.Documents(ctx, kind, after, limit); err != nil {
		return nil, nil, err
	}
	for i := range bodies {
		if bodies[i], err = s.open(kind, names[i], bodies[i]); err != nil {
			return nil, nil, err
		}
	}
	return names, bodies, nil
}

// ResealRecords does for the documents of the kinds what [Sealed.Reseal] does for everything else, and returns how many it
// has changed. A changed document gets a new version. It may run beside everything else.
func (s *Sealed) ResealRecords(ctx context.Context, of Records, kinds ...string) (changed int, err error) {
	r := &resealing{ctx: ctx, Sealed: s}
	for _, kind := range kinds {
		r.documents(of, kind)
	}
	r.fail(ctx.Err(), "everything")
	return r.changed, r.result()
}

func (r *resealing) documents(of Records, kind string) {
	for after := ""; r.ctx.Err() == nil; {
		names, bodies, err := of.Documents(r.ctx, kind, after, resealPage)
		if r.fail(err, "documents of kind %q", kind) || len(names) == 0 {
			return
		}
		for i, name := range names {
			if after = name; !r.box.stale(string(bodies[i])) {
				continue
			}
			did, err := r.document(of, kind, name)
			r.fail(err, "document %q of kind %q", name, kind)
			if did {
				r.changed++
			}
		}
	}
}

func (r *resealing) document(of Records, kind, name string) (did bool, err error) {
	sealed := sealedRecords{of, r.box}
	for range resealTries {
		version, body, err := of.Document(r.ctx, kind, name)
		if err != nil || version == 0 || !r.box.stale(string(body)) {
			return false, err
		}
		if body, err = sealed.open(kind, name, body); err != nil {
			return false, err
		}
		if stored, err := sealed.PutDocument(r.ctx, kind, name, version, body); err != nil || stored {
			return stored, err
		}
	}
	return false, fmt.Errorf("it has changed %d times meanwhile", resealTries)
}
