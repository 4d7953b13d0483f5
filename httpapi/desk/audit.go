package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// AuditLog is the name of the log in [Records] that has all acts. Its records are entries as JSON.
const AuditLog = "audit"

// Phase is what an [Entry] of the audit log says about an act.
type Phase string

// The phases. An act whose end is not in the log was interrupted: look at its subject.
const (
	PhaseIntends Phase = "intends" // written before anything is done
	PhaseDid     Phase = "did"     // it was done
	PhaseRefused Phase = "refused" // nothing was changed: see Outcome
	PhaseFailed  Phase = "failed"  // it was refused or failed: see Outcome, and look at its subject
)

// Entry says who did what, and what came of it. No secret belongs into it: neither a key nor a password nor a token.
type Entry struct {
	At      time.Time         `json:"at"`
	Phase   Phase             `json:"phase"`
	Of      int64             `json:"of,omitempty"` // the position of the entry with PhaseIntends, for the others if there is one
	Actor   string            `json:"actor"`        // Person.ID, or "api" for a call by the host's own program
	Name    string            `json:"name,omitempty"`
	Role    Role              `json:"role,omitempty"`
	Act     string            `json:"act"`               // such as "invoice.cancel"
	Subject string            `json:"subject,omitempty"` // path of what it is about, such as "invoices/ID"
	Project string            `json:"project,omitempty"` // empty if it concerns all projects, or several
	Facts   map[string]string `json:"facts,omitempty"`   // what the person was shown and confirmed
	Before  map[string]string `json:"before,omitempty"`
	After   map[string]string `json:"after,omitempty"`
	Reason  string            `json:"reason,omitempty"`
	Outcome string            `json:"outcome,omitempty"` // why it was refused or failed, for people
}

// Append adds the entry to the audit log, durably, and returns its position.
func (e Entry) Append(ctx context.Context, records Records) (position int64, err error) {
	e.At = e.At.UTC()
	body, err := json.Marshal(e)
	if err != nil {
		return 0, fmt.Errorf("desk: entry of %s: %w", e.Act, err)
	}
	if position, err = records.AppendRecord(ctx, AuditLog, body); err != nil {
		return 0, fmt.Errorf("desk: write %s into the audit log: %w", e.Act, err)
	}
	return position, nil
}
