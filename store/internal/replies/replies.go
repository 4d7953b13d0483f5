// Package replies has what the SQL stores share to keep the replies of package httpapi.
package replies

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// PerScope is how many entries a scope may have by default.
const PerScope = 10_000

// EndedAtOnce is how many entries that have ended are removed when one begins: more than one, so that they get fewer,
// and few enough to keep nobody waiting.
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

// FullError refuses an entry because the scope has as many as it may have. Package httpapi recognises it by its method.
type FullError struct {
	Most int
	Room time.Time // when the first of the entries ends
}

func (e *FullError) Error() string {
	return fmt.Sprintf("the scope has %d entries, of which none ends before %s", e.Most, e.Room.UTC().Format(time.RFC3339))
}

// RepliesFull returns when there is room again at the latest.
func (e *FullError) RepliesFull() time.Time { return e.Room }
