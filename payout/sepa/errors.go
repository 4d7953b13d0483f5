package sepa

import "fmt"

// FieldError names a value that no bank takes, and why. Nothing was written.
type FieldError struct {
	Field  string // the Go field, such as "Batch.Transfers[3].IBAN"
	Value  string // at most 64 bytes; empty for a missing value
	Reason string // follows field and value: "has wrong check digits"
}

// Error returns a text such as `Batch.Transfers[3].IBAN "AT61..." has wrong check digits`.
func (e *FieldError) Error() string {
	if e.Value == "" {
		return e.Field + " " + e.Reason
	}
	return fmt.Sprintf("%s %q %s", e.Field, e.Value, e.Reason)
}

func refuse(field, value, reason string) *FieldError {
	const most = 64
	if len(value) > most {
		value = value[:most]
	}
	return &FieldError{Field: field, Value: value, Reason: reason}
}

// DocumentError is returned for a document that is not well-formed, is of another kind, or misses or contradicts something
// that has to be there. Reading it again gives the same error.
type DocumentError struct {
	Path   string // of the element, such as "/Document/BkToCstmrStmt/Stmt/Ntry/Amt"; empty outside of all elements
	Offset int64  // in bytes, a little behind the place
	Reason string
	Err    error // of the XML decoder, or nil
}

// Error returns a text such as `/Document/BkToCstmrStmt/Stmt/Ntry/Amt before byte 512: "1,5" is not an amount`.
func (e *DocumentError) Error() string {
	path := e.Path
	if path == "" {
		path = "document"
	}
	return fmt.Sprintf("%s before byte %d: %s", path, e.Offset, e.Reason)
}

// Unwrap returns Err.
func (e *DocumentError) Unwrap() error { return e.Err }

// LimitError is returned for a document that exceeds one of the [Limits].
type LimitError struct {
	Limit  string // the field of Limits: "Depth"
	Max    int64
	Offset int64 // in bytes, a little behind the place
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the document exceeds Limits.%s of %d before byte %d", e.Limit, e.Max, e.Offset)
}
