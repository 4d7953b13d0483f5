package staff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cointill/cointill/httpapi/desk"
)

// deed is an act of an administrator on a member.
type deed struct {
	actor, act, subject, reason string
	before, after               map[string]string
}

// audit appends to the audit log that a person signed in or proved who they are, or failed to, and how.
func (s *Staff) audit(ctx context.Context, id, act string, phase desk.Phase, how string) error {
	record := desk.Entry{At: s.cfg.Now(), Phase: phase, Actor: id, Act: act, Subject: id}
	if how != "" {
		record.After = map[string]string{"how": how}
	}
	_, err := record.Append(ctx, s.cfg.Records)
	return err
}

// own does what a person asked for on their own account, like any other deed. How says how, if that matters.
func (s *Staff) own(ctx context.Context, id, act, how string, do func() error) error {
	d := deed{actor: id, act: act, subject: id}
	if how != "" {
		d.after = map[string]string{"how": how}
	}
	return s.logged(ctx, &d, do)
}

// logged does a deed between two records of the audit log: one that it is begun, without which it is not done, and one of what
// became of it.
func (s *Staff) logged(ctx context.Context, d *deed, do func() error) error {
	record := desk.Entry{At: s.cfg.Now(), Phase: desk.PhaseIntends, Actor: d.actor, Act: d.act, Subject: d.subject, Reason: d.reason}
	position, err := record.Append(ctx, s.cfg.Records)
	if err != nil {
		return err
	}
	err = do()
	record.At, record.Of, record.Before, record.After, record.Phase = s.cfg.Now(), position, d.before, d.after, desk.PhaseDid
	var no *refusal
	switch {
	case errors.As(err, &no), errors.Is(err, ErrExists), errors.Is(err, ErrNotFound), errors.Is(err, ErrInvalid),
		errors.Is(err, desk.ErrSignedOut), errors.Is(err, errNotInvited):
		record.Phase, record.After, record.Outcome = desk.PhaseRefused, nil, err.Error()
	case err != nil:
		record.Phase, record.Outcome = desk.PhaseFailed, "the records could not be written"
	}
	// What was done is written down even if nobody waits any more.
	_, logErr := record.Append(context.WithoutCancel(ctx), s.cfg.Records)
	return errors.Join(err, logErr)
}

// refusal is why an act is not done, in words for the person.
type refusal struct{ why string }

func (r *refusal) Error() string { return r.why }

// act changes a member by a deed. Decide returns the token of a new invitation, or an empty text.
func (s *Staff) act(ctx context.Context, d deed, decide func(*member) (token string, err error)) (invited Invitation, after member, err error) {
	err = s.logged(ctx, &d, func() error {
		var token string
		after, err = s.change(ctx, d.subject, func(m *member) (err error) {
			d.before = m.describe()
			if token, err = decide(m); err == nil {
				d.after = m.describe()
			}
			return err
		})
		if err == nil && token != "" {
			invited = s.invitationOf(after, token)
		}
		return err
	})
	return invited, after, err
}

// within reports whether somebody who sees the projects of by may decide about somebody who sees those of m. No project means
// all of them.
func within(by, projects []string) bool {
	if len(by) == 0 {
		return true
	}
	return len(projects) > 0 && !slices.ContainsFunc(projects, func(p string) bool { return !slices.Contains(by, p) })
}

// maxMembers bounds a list on a page.
const maxMembers = 500

// all returns the members that the administrator may see, in the order of their ids.
func (s *Staff) all(ctx context.Context, by Member) (list []member, more bool, err error) {
	const many = 100
	for after := ""; ; {
		names, bodies, err := s.cfg.Records.Documents(ctx, kindMember, after, many)
		if err != nil {
			return nil, false, fmt.Errorf("staff: members: %w", err)
		}
		for i, name := range names {
			var m member
			after = name
			if err := json.Unmarshal(bodies[i], &m); err != nil { // the others can be managed
				s.cfg.Logger.ErrorContext(ctx, "staff: a member cannot be read", "member", name, "err", err)
				continue
			}
			if within(by.Projects, m.Projects) {
				list = append(list, m)
			}
		}
		if len(names) < many || len(list) > maxMembers {
			return list[:min(len(list), maxMembers)], len(list) > maxMembers, nil
		}
	}
}

// Members returns all members in the order of their ids, at most 500.
func (s *Staff) Members(ctx context.Context) ([]Member, error) {
	list, _, err := s.all(ctx, Member{})
	var out []Member
	for _, m := range list {
		out = append(out, m.Member)
	}
	return out, err
}

func (v *visit) members() {
	f, ok := v.mayAdminister()
	if !ok {
		return
	}
	list, more, err := v.all(v.ctx(), f.member.Member)
	if err != nil {
		v.fail(err)
		return
	}
	var rows []map[string]any
	for _, m := range list {
		rows = append(rows, v.memberRow(m, f.member))
	}
	v.show(http.StatusOK, "members", map[string]any{"Members": rows, "More": more, "Most": maxMembers})
}

func (v *visit) memberRow(m, by member) map[string]any {
	state := "Active"
	switch {
	case m.Disabled:
		state = "Disabled"
	case m.Invitation != nil && v.cfg.Now().Before(m.Invitation.Until):
		state = "Invited"
	case m.Invitation != nil:
		state = "Invitation ended"
	case !m.hasFactor():
		state = "No second factor"
	}
	return map[string]any{
		"Member": m.Member, "State": state, "Projects": projectsText(m.Projects), "Self": m.ID == by.ID,
		"Disabled": m.Disabled, "Created": m.Created, "Invited": m.Invitation,
	}
}

var roles = []desk.Role{desk.RoleViewer, desk.RoleCashier, desk.RoleOperator, desk.RoleApprover, desk.RoleAdministrator}

func (v *visit) invite() {
	if _, ok := v.administrator(); ok {
		v.show(http.StatusOK, "invite", map[string]any{"Member": Member{Role: desk.RoleViewer}, "Roles": roles})
	}
}

// form reads a member from the form.
func (v *visit) form() Member {
	split := func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' }
	return Member{
		ID: nameIn(v.field("id")), Name: strings.TrimSpace(v.field("name")), Role: desk.Role(v.field("role")),
		Projects: strings.FieldsFunc(v.field("projects"), split),
	}
}

// reason returns why the administrator acts, or a problem.
func (v *visit) reason() (reason, problem string) {
	reason = strings.TrimSpace(v.field("reason"))
	if reason == "" || !plainText(reason, maxReason) {
		return "", fmt.Sprintf("Say why, in one line of up to %d bytes.", maxReason)
	}
	return reason, ""
}

func (v *visit) doInvite() {
	f, ok := v.administrator()
	if !ok {
		return
	}
	m := v.form()
	reason, problem := v.reason()
	if problem == "" && !within(f.member.Projects, m.Projects) {
		problem = "You can give only projects that you see yourself: " + projectsText(f.member.Projects) + "."
	}
	var invited Invitation
	var err error
	if problem == "" {
		invited, err = v.add(v.ctx(), f.member.ID, reason, m)
	}
	switch {
	case errors.Is(err, ErrExists):
		problem = "There is, or was, a member with this name to sign in with."
	case errors.Is(err, ErrInvalid):
		problem = strings.TrimSuffix(strings.TrimPrefix(err.Error(), "staff: add: "), ": "+ErrInvalid.Error()) + "."
	case err != nil:
		v.fail(err)
		return
	}
	if problem != "" {
		v.show(http.StatusUnprocessableEntity, "invite", map[string]any{"Member": m, "Roles": roles, "Problem": problem, "Reason": v.field("reason")})
		return
	}
	v.show(http.StatusOK, "invited", map[string]any{"Invitation": invited})
}

func (v *visit) member() {
	f, ok := v.administrator()
	if !ok {
		return
	}
	if m, ok := v.subject(f); ok {
		v.showMember(http.StatusOK, f, m, "")
	}
}

// subject returns the member that a page is about, if the administrator may see it.
func (v *visit) subject(f found) (m member, ok bool) {
	m, err := v.find(v.ctx(), v.field("id"))
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && !within(f.member.Projects, m.Projects):
		v.refuse(http.StatusNotFound, "There is no such member.")
	case err != nil:
		v.fail(err)
	default:
		return m, true
	}
	return m, false
}

func (v *visit) showMember(status int, f found, m member, problem string) {
	data := v.memberRow(m, f.member)
	data["Roles"], data["Problem"], data["Reason"] = roles, problem, v.field("reason")
	v.show(status, "member", data)
}

func (v *visit) doMember() {
	f, ok := v.administrator()
	if !ok {
		return
	}
	m, ok := v.subject(f)
	if !ok {
		return
	}
	reason, problem := v.reason()
	if problem != "" {
		v.showMember(http.StatusUnprocessableEntity, f, m, problem)
		return
	}
	d := deed{actor: f.member.ID, act: "member." + v.field("act"), subject: m.ID, reason: reason}
	decide, known := v.decision(v.field("act"))
	if !known {
		v.refuse(http.StatusUnprocessableEntity, "There is no such act.")
		return
	}
	invited, m, err := v.act(v.ctx(), d, func(m *member) (string, error) {
		switch {
		case m.ID == f.member.ID:
			return "", &refusal{"You cannot do this to yourself. Ask another administrator."}
		case !within(f.member.Projects, m.Projects):
			return "", &refusal{"This member sees projects that you do not see."}
		}
		return decide(m, f.member)
	})
	var no *refusal
	switch {
	case errors.As(err, &no):
		v.showMember(http.StatusUnprocessableEntity, f, m, no.why)
	case err != nil:
		v.fail(err)
	case invited.Link != "":
		v.show(http.StatusOK, "invited", map[string]any{"Invitation": invited})
	default:
		v.to("members")
	}
}

// decision returns what an act does to a member. Each ends the member's sessions, so that it counts at once.
func (v *visit) decision(act string) (decide func(m *member, by member) (token string, err error), known bool) {
	form := v.form()
	decide, known = map[string]func(m *member, by member) (string, error){
		"change": func(m *member, by member) (string, error) {
			next := m.Member
			next.Name, next.Role, next.Projects = form.Name, form.Role, form.Projects
			next, err := next.check()
			if err != nil {
				return "", &refusal{err.Error()}
			}
			if !within(by.Projects, next.Projects) {
				return "", &refusal{"You can give only projects that you see yourself: " + projectsText(by.Projects) + "."}
			}
			m.Member = next
			m.Epoch++
			return "", nil
		},
		"disable": func(m *member, _ member) (string, error) {
			m.Disabled, m.Invitation = true, nil
			m.Epoch++
			return "", nil
		},
		"enable": func(m *member, _ member) (string, error) {
			m.Disabled = false
			m.Epoch++
			return "", nil
		},
		"end-sessions": func(m *member, _ member) (string, error) {
			m.Epoch++
			return "", nil
		},
		"reset-second-factor": func(m *member, by member) (string, error) {
			if m.Disabled {
				return "", &refusal{"The member is disabled."}
			}
			m.Secret, m.Step, m.Passkeys, m.Recovery = nil, 0, nil, nil
			return v.reinvite(m, by.ID), nil
		},
		"invite": func(m *member, by member) (string, error) {
			if m.Disabled {
				return "", &refusal{"The member is disabled."}
			}
			return v.reinvite(m, by.ID), nil
		},
	}[act]
	return decide, known
}
