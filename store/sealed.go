package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// ErrNoKey means that something was sealed with a key that the [Keyring] does not have. Nothing was changed.
var ErrNoKey = errors.New("no such sealing key")

// Keyring holds the keys that secrets are sealed with, outside of the database. Its methods are called concurrently, for
// every secret that is read or stored, and must not block for long. [ParseKeyring] reads one from a text.
type Keyring interface {
	// Newest returns the key that seals, of 32 bytes, and its id, of letters, digits, '-' and '_'.
	Newest() (id string, key []byte)
	// Key returns the key with the id, and reports whether there is one.
	Key(id string) (key []byte, has bool)
}

// MessageSecrets is an optional power of a [webhook.Outbox]: it lets [Sealed.Reseal] replace the secrets of messages.
// Both methods may block on the database until ctx ends, and may be called concurrently.
type MessageSecrets interface {
	// MessageSecrets returns up to limit messages, each with at least its ID and its Secret. Messages have a fixed order;
	// it returns those that follow the message with the given ID, or the first ones if that is empty. A message that is
	// stored meanwhile may be left out. Beside an [invoice.DamagedError] are those that can be read.
	MessageSecrets(ctx context.Context, after string, limit int) ([]invoice.Message, error)
	// ReplaceSecrets changes the secrets of messages in one atomic act. It leaves out a message whose secret is no longer
	// From, and one that does not exist.
	ReplaceSecrets(ctx context.Context, changes []SecretChange) error
}

// SecretChange replaces the secret of a message.
type SecretChange struct {
	Message  string // Message.ID
	From, To string
}

// Replies is the part of a database that keeps responses, as in package httpapi, which documents it.
type Replies interface {
	Begin(ctx context.Context, scope, key string, running []byte, now, until time.Time) (held []byte, err error)
	Finish(ctx context.Context, scope, key string, running, reply []byte, until time.Time) error
	Abandon(ctx context.Context, scope, key string, running []byte) error
}

// Sealed keeps the secrets in a database sealed:
//
//   - the secrets that a project's webhooks are signed with, and the keys of the APIs that sign with a key;
//   - Data of invoices, in which some APIs keep a secret;
//   - Secret of messages;
//   - finished replies, which may show a key to the client for the only time.
//
// Who reads the database or a backup learns none of them, and cannot move one to another place. What was stored in clear
// before is read as it is, and sealed when it next changes, or by [Sealed.Reseal]. A database may keep the bytes of what
// it has replaced or deleted: to be rid of secrets that were stored in clear, rebuild it afterwards (VACUUM in SQLite,
// VACUUM FULL in PostgreSQL), and delete older backups.
//
// Nothing that is sealed can be searched for; no listing looks at it anyway.
type Sealed struct {
	backend Backend
	box     box
}

// Seal returns the backend with sealed secrets. It refuses a backend that is sealed already, and a newest key that does
// not have 32 bytes.
func Seal(backend Backend, keys Keyring) (*Sealed, error) {
	if backend == nil || keys == nil {
		return nil, errors.New("store: Seal: a backend and a keyring are required")
	}
	if _, twice := backend.(interface{ sealed() }); twice {
		return nil, errors.New("store: Seal: the backend is sealed already")
	}
	id, key := keys.Newest()
	if _, err := sealer(key); err != nil || !keyID(id) {
		return nil, fmt.Errorf("store: Seal: the newest key, %q, must have 32 bytes and an id of letters, digits, '-' and '_'", id)
	}
	return &Sealed{backend, box{keys}}, nil
}

// Backend returns the backend to use in place of the one that was sealed. It is an [invoice.Leaser] and an
// [invoice.Tidier] if that one is.
//
// An invoice that cannot be opened is reported by an [invoice.DamagedError], which wraps [ErrNoKey] if its key is
// missing: nothing is decided about it until the key is back. A project that cannot be opened is an error that wraps
// ErrNoKey. A message that cannot be opened is not sent: the attempt is recorded with the reason, and the message is due
// again after ten minutes.
func (s *Sealed) Backend() Backend {
	b := sealedBackend{s.Store(s.backend), sealedProjects{s.backend, s.box}, sealedOutbox{s.backend, s.box}}
	leaser, leases := s.backend.(invoice.Leaser)
	tidier, tidies := s.backend.(invoice.Tidier)
	switch {
	case leases && tidies:
		return struct {
			sealedBackend
			invoice.Leaser
			invoice.Tidier
		}{b, leaser, tidier}
	case leases:
		return struct {
			sealedBackend
			invoice.Leaser
		}{b, leaser}
	case tidies:
		return struct {
			sealedBackend
			invoice.Tidier
		}{b, tidier}
	}
	return b
}

// Store returns another view of the same database with sealed secrets, such as the store within a transaction of the
// host's that WithTx of the SQL stores returns.
func (s *Sealed) Store(of invoice.Store) invoice.Store { return sealedStore{of, s.box} }

// Replies returns replies that are sealed when they finish. They are not resealed: keep a former key for as long as
// replies are kept, which is a day. Begin returns an error for a reply that cannot be opened, so that the request is not
// served again.
func (s *Sealed) Replies(of Replies) Replies { return sealedReplies{of, s.box} }

// sealedBackend puts the parts together.
type sealedBackend struct {
	invoice.Store
	invoice.ProjectStore
	webhook.Outbox
}

func (sealedBackend) sealed() {}
