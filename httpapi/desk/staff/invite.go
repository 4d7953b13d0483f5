package staff

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// actorAPI is who acts by the Go API, in the audit log.
const actorAPI = "api"

// Invitation lets a person choose a password, once. Whoever has the link becomes the member: hand it over in person, or by a
// channel that only the person reads.
type Invitation struct {
	Member string
	Link   string // with the token, which is stored nowhere else
	Until  time.Time
}

// Add stores a new member, and returns the invitation with which the person chooses a password and then sets up a second
// factor. So the first administrator is made, by the program or a command of the shop. It refuses an id that was ever used
// with [ErrExists], and what no member can be with [ErrInvalid]. If it fails otherwise, the member may exist: call
// [Staff.Invite] then.
func (s *Staff) Add(ctx context.Context, m Member) (Invitation, error) {
	return s.add(ctx, actorAPI, "", m)
}

// Invite ends the password, the second factor, the passkeys, the recovery codes and all sessions of a member, enables one who
// was disabled, and returns an invitation. It is the way back for an administrator who has lost everything. It returns
// [ErrNotFound] if there is no such member.
func (s *Staff) Invite(ctx context.Context, id string) (Invitation, error) {
	invited, _, err := s.act(ctx, deed{actor: actorAPI, act: "member.invite", subject: id}, func(m *member) (string, error) {
		m.Disabled, m.Secret, m.Step, m.Passkeys, m.Recovery = false, nil, 0, nil, nil
		return s.reinvite(m, actorAPI), nil
	})
	return invited, err
}

// EndAllSessions ends all sessions of all members, for example after a copy of a database or of a log was in wrong hands, and
// forgets which browsers they were signed in on. It returns how many members there are. Sessions that begin meanwhile may
// stay.
func (s *Staff) EndAllSessions(ctx context.Context) (members int, err error) {
	d := deed{actor: actorAPI, act: "member.end-sessions", subject: "all members"}
	err = s.logged(ctx, &d, func() error {
		for after := ""; ; {
			names, _, err := s.cfg.Records.Documents(ctx, kindMember, after, 100)
			if err != nil {
				return err
			}
			if len(names) == 0 {
				return s.devices.forget(ctx)
			}
			for _, after = range names {
				if _, err := s.change(ctx, after, func(m *member) error { m.Epoch++; return nil }); err != nil {
					return err
				}
				members++
			}
		}
	})
	if err != nil {
		return members, fmt.Errorf("staff: end all sessions: %w", err)
	}
	return members, nil
}

// add stores a new member with an invitation.
func (s *Staff) add(ctx context.Context, actor, reason string, m Member) (Invitation, error) {
	m, err := m.check()
	if err != nil {
		return Invitation{}, fmt.Errorf("staff: add: %w", err)
	}
	// A program may add its first administrator at every start: that is no act then.
	if _, err := s.find(ctx, m.ID); !errors.Is(err, ErrNotFound) {
		return Invitation{}, cmp.Or(err, fmt.Errorf("staff: add %q: %w", m.ID, ErrExists))
	}
	stored := member{Member: m, Created: s.cfg.Now().UTC()}
	token := s.reinvite(&stored, actor)
	d := deed{actor: actor, act: "member.add", subject: m.ID, reason: reason}
	err = s.logged(ctx, &d, func() error {
		d.after = stored.describe()
		did, err := save(ctx, s.cfg.Records, kindMember, m.ID, 0, stored)
		if err == nil && !did {
			err = fmt.Errorf("staff: add %q: %w", m.ID, ErrExists)
		}
		return err
	})
	if err != nil {
		return Invitation{}, err
	}
	return s.invitationOf(stored, token), nil
}

// reinvite makes an invitation of the member, which ends the password and all sessions, and returns its token.
func (s *Staff) reinvite(m *member, by string) (token string) {
	raw := random(32)
	token = base64.RawURLEncoding.EncodeToString([]byte(m.ID)) + "." + base64.RawURLEncoding.EncodeToString(raw)
	m.Invitation = &invitation{Hash: digest(token), Until: s.cfg.Now().Add(s.cfg.Invited).UTC(), By: by}
	m.Password = ""
	m.Epoch++
	return token
}

func (s *Staff) invitationOf(m member, token string) Invitation {
	return Invitation{Member: m.ID, Until: m.Invitation.Until, Link: s.origin + s.base + "invitation?" + url.Values{"token": {token}}.Encode()}
}

// invitedID returns the id in a token, or an empty text.
func invitedID(token string) string {
	name, secret, both := strings.Cut(token, ".")
	id, err := base64.RawURLEncoding.DecodeString(name)
	if !both || err != nil || len(secret) != 43 || !validID(string(id)) {
		return ""
	}
	return string(id)
}

// invites reports whether the token is that of the member's invitation, and can still be used.
func (s *Staff) invites(m member, token string) bool {
	i := m.Invitation
	return i != nil && !m.Disabled && s.cfg.Now().Before(i.Until) && subtle.ConstantTimeCompare([]byte(i.Hash), []byte(digest(token))) == 1
}

var errNotInvited = errors.New("no such invitation")

// invited returns the member with the invitation, or answers.
func (v *visit) invited() (m member, ok bool) {
	m, err := v.find(v.ctx(), invitedID(v.field("token")))
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && !v.invites(m, v.field("token")):
		v.refuse(http.StatusGone, "This invitation was used, has ended, or was replaced by another one. Ask an administrator for a new one.")
	case err != nil:
		v.fail(err)
	default:
		return m, true
	}
	return m, false
}

func (v *visit) invitation() {
	if m, ok := v.invited(); ok {
		v.show(http.StatusOK, "invitation", v.invitationPage(m))
	}
}

func (v *visit) invitationPage(m member) map[string]any {
	return map[string]any{"Member": m.Member, "Token": v.field("token"), "Until": m.Invitation.Until, "Least": minPassword}
}

// doInvitation stores the password that the person has chosen, and signs in.
func (v *visit) doInvitation() {
	m, ok := v.invited()
	if !ok {
		return
	}
	problem := checkPassword(v.field("password"), m)
	if problem == "" && v.field("password") != v.field("again") {
		problem = "The two passwords are not the same."
	}
	if problem != "" {
		data := v.invitationPage(m)
		data["Problem"] = problem
		v.show(http.StatusUnprocessableEntity, "invitation", data)
		return
	}
	hash, err := v.known.hash(v.ctx(), v.field("password"))
	if err != nil {
		v.fail(err)
		return
	}
	err = v.own(v.ctx(), m.ID, "member.accept", "", func() (err error) {
		m, err = v.change(v.ctx(), m.ID, func(m *member) error {
			if !v.invites(*m, v.field("token")) {
				return errNotInvited
			}
			m.Password, m.Invitation = hash, nil
			m.Epoch++
			return nil
		})
		return err
	})
	if errors.Is(err, errNotInvited) {
		v.invited() // says so
		return
	}
	if err != nil {
		v.fail(err)
		return
	}
	if m.hasFactor() {
		v.enter(m, stageSecond, time.Time{}, "second")
		return
	}
	v.enterByPassword(m)
}
