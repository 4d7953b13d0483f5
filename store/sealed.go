package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// ErrNoKey means that something was sealed with a key that the [Keyring] does not have. Nothing is changed.
var ErrNoKey = errors.New("no such sealing key")

// Keyring holds the keys that seal secrets. It is outside of the database. Its methods are called concurrently, for
// every secret that is read or stored, and must not block for long. [ParseKeyring] reads a Keyring from a text.
type Keyring interface {
	// Newest returns the key that seals, of 32 bytes, and its id, of 1 to 64 letters, digits, '-' and '_'.
	Newest() (id string, key []byte)
	// Key returns the key with the id, and reports whether there is one.
	Key(id string) (key []byte, has bool)
}

// MessageSecrets is an optional power of a [webhook.Outbox] that lets [Sealed.Reseal] replace the secrets of messages.
// Both methods may block on the database until ctx ends, and may be called concurrently.
type MessageSecrets interface {
	// MessageSecrets returns up to limit messages, each with at least its ID and its Secret. Messages have a fixed order:
	// it returns those that follow the message with the given ID, or the first ones if that is empty. It may leave out a
	// message that is stored meanwhile. With an [invoice.DamagedError] it returns the messages that can be read.
	MessageSecrets(ctx context.Context, after string, limit int) ([]invoice.Message, error)
	// ReplaceSecrets changes the secrets of messages in one atomic step. It skips a message whose secret is no longer
	// From, and one that does not exist.
	ReplaceSecrets(ctx context.Context, changes []SecretChange) error
}

// SecretChange replaces the secret of a message.
type SecretChange struct {
	Message  string // Message.ID
	From, To string
}

// Replies is implemented by the part of a database that keeps responses. Package httpapi documents the contract.
type Replies interface {
	Begin(ctx context.Context, scope, key string, running []byte, now, until time.Time) (held []byte, err error)
	Finish(ctx context.Context, scope, key string, running, reply []byte, until time.Time) error
	Abandon(ctx context.Context, scope, key string, running []byte) error
}

// Records is implemented by the part of a database that keeps what the operator's desk has to remember. Package httpapi/desk
// documents the contract.
type Records interface {
	AppendRecord(ctx context.Context, log string, body []byte) (position int64, err error)
	ReadRecords(ctx context.Context, log string, position int64, descending bool, limit int) (positions []int64, bodies [][]byte, err error)
	Document(ctx context.Context, kind, name string) (version int64, body []byte, err error)
	PutDocument(ctx context.Context, kind, name string, version int64, body []byte) (stored bool, err error)
	Documents(ctx context.Context, kind, after string, limit int) (names []string, bodies [][]byte, err error)
}

// Sealed keeps the secrets in a database sealed, with AES-256-GCM:
//
//   - the secrets that sign a project's webhooks, those of its endpoints, and the keys of the APIs that sign with a key;
//   - the Data of invoices and payouts, in which some APIs keep a secret;
//   - the Secret of messages;
//   - finished replies, which may show a key to the client for the only time;
//   - the documents of the desk, such as members with the secrets of their second factors. The desk's logs are not sealed:
//     no secret belongs into them, and an auditor may read them with the database's own tools.
//
// Someone who reads the database or a backup learns none of them. Someone who writes to the database cannot move a
// sealed secret to another place. What was stored in plain text before is read as it is, and sealed when it next changes,
// or by [Sealed.Reseal]. A database may keep the bytes of what it has replaced or deleted: to remove secrets that were
// stored in plain text, rebuild it afterwards (VACUUM in SQLite, VACUUM FULL in PostgreSQL), and delete older backups.
//
// What is sealed cannot be searched for. No listing searches it anyway.
type Sealed struct {
	backend Backend
	box     box
}

// Seal returns the backend with sealed secrets. It refuses a backend that is already sealed, and a newest key that does
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

// Backend returns the backend to use instead of the one that was sealed. It implements [invoice.Leaser] and
// [invoice.Tidier] if that one does.
//
// An invoice that cannot be opened is reported by an [invoice.DamagedError], which wraps [ErrNoKey] if the key is
// missing: nothing is decided about the invoice until the key is back. For a project or a payout that cannot be opened, the
// methods return an error that wraps ErrNoKey. A message that cannot be opened is not sent: the attempt is recorded with the
// reason, and the message is due again after ten minutes.
func (s *Sealed) Backend() Backend {
	b := sealedBackend{sealedStore{s.backend, s.box}, sealedProjects{s.backend, s.box}, sealedOutbox{s.backend, s.box}, sealedPayouts{s.backend, s.box}}
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

// Replies returns the replies with their responses sealed when they finish. Reseal does not change them: keep a former
// key for as long as replies are kept, which is a day. Begin returns an error for a reply that cannot be opened, so
// that the request is not served again.
func (s *Sealed) Replies(of Replies) Replies { return sealedReplies{of, s.box} }

// Records returns the records with the bodies of their documents sealed; the names and the logs are as they are. Documents
// that cannot be opened are errors. [Sealed.ResealRecords] seals them with the newest key.
func (s *Sealed) Records(of Records) Records { return sealedRecords{of, s.box} }

// sealedBackend combines the sealed parts.
type sealedBackend struct {
	sealedStore
	sealedProjects
	sealedOutbox
	payouts
}

// payouts is the part of a backend that keeps payouts.
type payouts = payout.Store

func (sealedBackend) sealed() {}
