// Package records contains what all stores share to implement the records of package httpapi/desk: what they refuse, and
// which records a page has.
package records

import (
	"fmt"
	"iter"
)

// Bounds of what is stored.
const (
	MaxName = 128
	MaxBody = 1 << 20
)

// CheckRecord returns why a record cannot be appended to the log, or nil.
func CheckRecord(log string, body []byte) error {
	if len(body) == 0 {
		return fmt.Errorf("record of log %q: an empty body", log)
	}
	if err := CheckNames(log); err != nil {
		return err
	}
	return checkBody(body)
}

// CheckDocument returns why a document cannot be stored or removed, or nil.
func CheckDocument(kind, name string, body []byte) error {
	if err := CheckNames(kind, name); err != nil {
		return err
	}
	return checkBody(body)
}

// CheckNames returns why something cannot have one of the names, or nil.
func CheckNames(names ...string) error {
	for _, name := range names {
		if len(name) < 1 || len(name) > MaxName {
			return fmt.Errorf("the name of a log, a kind or a document must have 1 to %d bytes, not %d", MaxName, len(name))
		}
	}
	return nil
}

func checkBody(body []byte) error {
	if len(body) > MaxBody {
		return fmt.Errorf("a body must not have more than %d bytes; it has %d", MaxBody, len(body))
	}
	return nil
}

// Positions returns the positions of a page of a log whose last record is at last, for the arguments of ReadRecords.
func Positions(last, position int64, descending bool, limit int) iter.Seq[int64] {
	next, step := max(position, 0)+1, int64(1)
	if descending {
		next, step = position-1, -1
		if position <= 0 || position > last {
			next = last
		}
	}
	return func(yield func(int64) bool) {
		for at, left := next, limit; left > 0 && at >= 1 && at <= last && yield(at); left-- {
			at += step
		}
	}
}
