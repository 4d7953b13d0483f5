// Package replies contains what the SQL stores share to implement the replies of package httpapi.
package replies

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// PerScope is the default number of entries in a scope.
const PerScope = 10_000

// EndedAtOnce is how many ended entries are removed when an entry begins: more than one, so that their number shrinks,
// and few enough not to delay others.
const EndedAtOnce = 8

// Name returns the key of an entry in the database, which is short however long the scope is. Neither text contains a
// line feed.
func Name(scope, key string) []byte {
	name := sha256.Sum256([]byte(scope + "\n" + key))
	return name[:]
}

// Scope returns the key of a scope in the database.
func Scope(scope string) []byte {
	name := sha256.Sum256([]byte(scope))
	return name[:16]
}

// FullError refuses an entry because its scope is full. Package httpapi recognizes it by its method.
type FullError struct {
	Most int
	Room time.Time // when the first of the entries ends
}

func (e *FullError) Error() string {
	return fmt.Sprintf("scope is full: it has %d entries, and the first ends at %s", e.Most, e.Room.UTC().Format(time.RFC3339))
}

// RepliesFull returns the time at which the first of the entries ends.
func (e *FullError) RepliesFull() time.Time { return e.Room }
