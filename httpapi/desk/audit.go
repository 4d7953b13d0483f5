package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
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
	PhaseRefused Phase = "refused" // it changed nothing: Outcome says why
	PhaseFailed  Phase = "failed"  // whether it changed something is not known: look at its subject
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

// record appends an entry to the log, and returns its position.
func (d *Desk) record(ctx context.Context, e Entry) (int64, error) {
	return e.Append(ctx, d.cfg.Records)
}

// numbered is an entry with its position.
type numbered struct {
	Position int64 `json:"position"`
	Entry
}

// entries returns up to limit entries after the position, or before it in descending order.
func (d *Desk) entries(ctx context.Context, position int64, descending bool, limit int) ([]numbered, error) {
	positions, bodies, err := d.cfg.Records.ReadRecords(ctx, AuditLog, position, descending, limit)
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	out := make([]numbered, len(positions))
	for i, body := range bodies {
		out[i].Position = positions[i]
		if err := json.Unmarshal(body, &out[i].Entry); err != nil {
			out[i].Outcome = "This record cannot be read: " + err.Error()
		}
	}
	return out, nil
}

// auditRow is an entry as the page shows it.
type auditRow struct {
	numbered
	Open  bool // an intention whose end is not in the log
	Where string
	Link  string // of the subject, if the desk has a page about it
}

// subjectLink returns the URL of the page about the subject of an entry, or "": a sign-in writes into the log as well.
func (v *visit) subjectLink(subject string) string {
	switch first, _, _ := strings.Cut(subject, "/"); first {
	case "invoices", "payouts", "transactions", "projects", "money":
		return v.root + subject
	}
	return ""
}

const auditPage = 50

// audit shows the log, newest first.
func (v *visit) audit() error {
	before := v.position("before")
	all, last, err := v.auditRows(before)
	if err != nil {
		return err
	}
	return v.render(200, "audit", "Audit log", struct {
		Rows []auditRow
		Next int64
	}{all, last})
}

// auditRows returns the rows of a page that the person may see, and the position that the next page begins at.
func (v *visit) auditRows(before int64) (rows []auditRow, next int64, err error) {
	ended := map[int64]bool{}
	for range 20 { // a person who sees few projects gets short pages rather than slow ones
		page, err := v.entries(v.ctx(), before, true, auditPage)
		if err != nil {
			return nil, 0, err
		}
		for _, e := range page {
			before = e.Position
			ended[e.Of] = true
			if !v.seesEntry(e.Entry) {
				continue
			}
			row := auditRow{numbered: e, Link: v.subjectLink(e.Subject)}
			if e.Project != "" {
				row.Where = v.projectName(e.Project)
			}
			if e.Phase == PhaseIntends && !ended[e.Position] {
				if row.Open, err = v.open(e.Position); err != nil {
					return nil, 0, err
				}
			}
			rows = append(rows, row)
			if len(rows) == auditPage {
				return rows, before, nil
			}
		}
		if len(page) < auditPage {
			return rows, 0, nil
		}
	}
	return rows, before, nil
}

// seesEntry reports whether the person may see the entry: one of all projects only if they see all.
func (v *visit) seesEntry(e Entry) bool {
	return len(v.person.Projects) == 0 || e.Project != "" && v.person.Sees(e.Project)
}

// open reports whether the end of an intention is missing among the entries that follow it.
func (v *visit) open(position int64) (bool, error) {
	const near = 200 // an end comes within seconds
	after, err := v.entries(v.ctx(), position, false, near)
	for _, e := range after {
		if e.Of == position {
			return false, nil
		}
	}
	return true, err
}

// exportAudit streams the whole log that the person may see, oldest first, as lines of JSON.
func (v *visit) exportAudit() error {
	out := v.stream("audit.jsonl", "application/x-ndjson")
	if v.r.Method == http.MethodHead {
		return nil // nobody reads the rows
	}
	enc := json.NewEncoder(out)
	for position := int64(0); ; {
		page, err := v.entries(v.ctx(), position, false, 500)
		if err != nil {
			return out.broken(err)
		}
		for _, e := range page {
			position = e.Position
			if !v.seesEntry(e.Entry) {
				continue
			}
			if err := enc.Encode(e); err != nil {
				return out.broken(err)
			}
		}
		if len(page) == 0 {
			return nil
		}
		if err := out.flush(); err != nil {
			return out.broken(err)
		}
	}
}
