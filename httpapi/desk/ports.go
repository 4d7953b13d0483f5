package desk

import (
	"context"
	"errors"
)

// Records keeps what the desk itself has to remember: the audit log, and what a sign-in knows of members. Its methods use
// no type of this package, so that a store implements it without importing it. All of them may block until ctx ends and
// may be called concurrently, by several processes on one database as well. The suite in httpapi/desk/desktest tests an
// implementation.
//
// The names of logs, kinds and documents have 1 to 128 bytes of any value, and bodies 1 byte to 512 KiB of any value. All are
// compared, and sorted, byte by byte. A call with another name, or with a body of more than 1 MiB, is refused with an error
// and changes nothing. If ctx has ended before a call, the call returns its error and changes nothing; if a call returns
// another error, what it was to store is stored as a whole or not at all.
type Records interface {
	// AppendRecord adds a record to the end of a log, durably, and returns its position: 1, 2, 3 ... without gaps, in the order of
	// commits, so that a reader that follows a log misses nothing. Nothing changes or removes a record of a log. An empty
	// body is refused.
	AppendRecord(ctx context.Context, log string, body []byte) (position int64, err error)
	// ReadRecords returns up to limit records of a log in order, beginning after the position. With descending it returns
	// those before the position, newest first; the position 0 is then the end. A negative position is 0, and a limit that is
	// not positive returns none.
	ReadRecords(ctx context.Context, log string, position int64, descending bool, limit int) (positions []int64, bodies [][]byte, err error)

	// Document returns the document of a kind and a name, and its version. If there is none, the version is 0, and the
	// body nil.
	Document(ctx context.Context, kind, name string) (version int64, body []byte, err error)
	// PutDocument stores a document durably if its version in the store is still version, which is 0 for one that is not
	// there, and gives it the next version. It reports whether it did. Of concurrent calls with one version, exactly one
	// does. An empty body removes the document, and there is nothing to remove of one whose version is 0; the version of one
	// that is stored again under the same name begins at 1.
	PutDocument(ctx context.Context, kind, name string, version int64, body []byte) (stored bool, err error)
	// Documents returns up to limit documents of a kind in the order of their names, beginning after the name.
	// The empty name is before all others. A limit that is not positive returns none.
	Documents(ctx context.Context, kind, after string, limit int) (names []string, bodies [][]byte, err error)
}

// Errors of the hook that establishes who uses the desk.
var (
	// ErrSignedOut means that nobody is signed in.
	ErrSignedOut = errors.New("nobody is signed in")
)
