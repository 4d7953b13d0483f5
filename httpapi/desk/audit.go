package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// AuditLog is the name of the log of [Records] that says who did what. Its records are [AuditRecord] as JSON.
const AuditLog = "audit"

// Outcome is what became of an act.
type Outcome string

// The outcomes. An act that moves money, or that another system takes part in, has a record before it, and one after it:
// if the second one is missing, the process ended in between.
const (
	OutcomeBegun   Outcome = "begun"   // about to be done
	OutcomeDone    Outcome = "done"    // done
	OutcomeRefused Outcome = "refused" // changed nothing
	OutcomeFailed  Outcome = "failed"  // an error; whether it changed something must be looked up
)

// AuditRecord says who did what, and what came of it. No secret belongs into it: neither a key nor a password nor a token.
type AuditRecord struct {
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`             // Person.ID, or "api" for a call by the host's own program
	Act     string    `json:"act"`               // such as "payout.approve" or "member.disable"
	Subject string    `json:"subject"`           // id of what it was done to
	Project string    `json:"project,omitempty"` // that the subject belongs to
	Reason  string    `json:"reason,omitempty"`  // in the words of the person
	Outcome Outcome   `json:"outcome"`
	Error   string    `json:"error,omitempty"` // why it was refused, or failed

	// Before and After say what was so and what is so now, as far as it concerns the act: names and values for people.
	Before map[string]string `json:"before,omitempty"`
	After  map[string]string `json:"after,omitempty"`
}

// Append adds the record to the log, durably, and returns its position.
func (a AuditRecord) Append(ctx context.Context, records Records) (position int64, err error) {
	a.At = a.At.UTC()
	body, err := json.Marshal(a)
	if err != nil {
		return 0, fmt.Errorf("desk: audit record of %s: %w", a.Act, err)
	}
	if position, err = records.AppendRecord(ctx, AuditLog, body); err != nil {
		return 0, fmt.Errorf("desk: append audit record of %s: %w", a.Act, err)
	}
	return position, nil
}
