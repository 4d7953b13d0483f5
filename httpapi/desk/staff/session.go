package staff

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/cointill/cointill/httpapi/desk"
)

// stage is how far a session has come.
type stage string

const (
	stageFull   stage = "full"
	stageSecond stage = "second" // the password was right, and the second factor is missing
)

// session is what is stored of a session, under the hash of its token.
type session struct {
	Member  string    `json:"member"`
	Epoch   int64     `json:"epoch"` // of the member
	Stage   stage     `json:"stage"`
	Began   time.Time `json:"began"`
	Seen    time.Time `json:"seen"`             // when it was last used, about
	Proved  time.Time `json:"proved,omitzero"`  // see desk.Person
	Address string    `json:"address"`          // from which it began
	Agent   string    `json:"agent"`            // the browser, as it names itself
	Secret  []byte    `json:"secret,omitempty"` // of codes, until one of them was entered

	Ceremony     *webauthn.SessionData `json:"ceremony,omitempty"` // of a passkey that is being added
	CeremonyEnds time.Time             `json:"ceremony_ends,omitzero"`
}

// found is a session that counts, with its member.
type found struct {
	session
	name    string // under which it is stored
	version int64
	member  member
}

// Bounds of sessions.
const (
	maxSessions = 20               // of a member
	secondTime  = 10 * time.Minute // for entering the second factor
	maxAgent    = 200              // bytes
)

// newToken returns a token of 256 random bits, and the name under which its session is stored: those of all sessions of a
// member begin alike.
func newToken(memberID string) (token, name string) {
	raw := random(32)
	token = subject(memberID) + "." + base64.RawURLEncoding.EncodeToString(raw)
	return token, sessionName(token)
}

// subject returns a short name of a member, of 16 digits.
func subject(memberID string) string {
	sum := sha256.Sum256([]byte("member\x00" + memberID))
	return hex.EncodeToString(sum[:8])
}

// sessionName returns the name under which the session with the token is stored, or an empty one if it cannot be a token.
func sessionName(token string) string {
	of, secret, both := strings.Cut(token, ".")
	if !both || len(of) != 16 || len(secret) != 43 || strings.Trim(of, "0123456789abcdef") != "" {
		return ""
	}
	return of + ":" + digest(token)
}

// ends returns when a session ends if it is not used any more.
func (s *Staff) ends(it session) time.Time {
	if it.Stage == stageSecond {
		return it.Began.Add(secondTime)
	}
	end := it.Began.Add(s.cfg.Absolute)
	if idle := it.Seen.Add(s.cfg.Idle); idle.Before(end) {
		return idle
	}
	return end
}

// counts reports whether a session counts for the member as it is now.
func (s *Staff) counts(it session, m member) bool {
	return it.Member == m.ID && !m.Disabled && it.Epoch == m.Epoch && s.cfg.Now().Before(s.ends(it))
}

// session returns the session of a request, or [desk.ErrSignedOut].
func (s *Staff) session(r *http.Request) (f found, err error) {
	none := fmt.Errorf("staff: %w", desk.ErrSignedOut)
	cookie, err := r.Cookie(s.cookieName(sessionCookie))
	if err != nil {
		return found{}, none
	}
	if f.name = sessionName(cookie.Value); f.name == "" {
		return found{}, none
	}
	if f.session, f.version, err = load[session](r.Context(), s.cfg.Records, kindSession, f.name); err != nil {
		return found{}, err
	}
	if f.version == 0 {
		return found{}, none
	}
	m, there, err := load[member](r.Context(), s.cfg.Records, kindMember, f.Member)
	if err != nil {
		return found{}, err
	}
	if f.member = m; there == 0 || !s.counts(f.session, m) {
		return found{}, none
	}
	s.touch(r.Context(), &f)
	return f, nil
}

// touch stores that a session was used, once in a tenth of the time after which it would end. If that fails, because of
// another request for example, the next one makes up for it.
func (s *Staff) touch(ctx context.Context, f *found) {
	now := s.cfg.Now()
	if f.Stage != stageFull || now.Sub(f.Seen) < s.cfg.Idle/10 {
		return
	}
	f.Seen = now
	stored, err := save(ctx, s.cfg.Records, kindSession, f.name, f.version, f.session)
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "staff: when a session was used", "member", f.Member, "err", err)
	}
	if stored {
		f.version++
	}
}

// person returns who the desk has to do with.
func (s *Staff) person(f found) desk.Person {
	p := desk.Person{ID: f.member.ID, Name: f.member.Name, Role: f.member.Role, Projects: slices.Clone(f.member.Projects)}
	if f.member.hasFactor() || s.cfg.OptionalSecondFactor {
		p.Proved = f.Proved
	}
	return p
}

// begin stores a new session with a new token, and ends the one that the request came with, if any: whoever knew the former
// token has nothing of this one. It also removes what has ended of the member's sessions.
func (s *Staff) begin(w http.ResponseWriter, r *http.Request, m member, to stage, proved time.Time) error {
	now := s.cfg.Now().UTC()
	token, name := newToken(m.ID)
	it := session{
		Member: m.ID, Epoch: m.Epoch, Stage: to, Began: now, Seen: now, Proved: proved,
		Address: s.cfg.ClientIP(r).String(), Agent: strings.ToValidUTF8(r.UserAgent()[:min(len(r.UserAgent()), maxAgent)], ""),
	}
	if stored, err := save(r.Context(), s.cfg.Records, kindSession, name, 0, it); err != nil || !stored {
		return cmp.Or(err, fmt.Errorf("staff: a session with this token exists"))
	}
	if former, err := r.Cookie(s.cookieName(sessionCookie)); err == nil {
		if err := s.end(r.Context(), sessionName(former.Value)); err != nil {
			return err
		}
	}
	s.tidy(r.Context(), m, name)
	s.setCookie(w, sessionCookie, token, 0)
	if to == stageFull {
		return s.remember(w, r, m.ID)
	}
	return nil
}

// end removes a session. It does nothing if there is none.
func (s *Staff) end(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	for range changeTries {
		version, _, err := s.cfg.Records.Document(ctx, kindSession, name)
		if err != nil || version == 0 {
			return err
		}
		if gone, err := s.cfg.Records.PutDocument(ctx, kindSession, name, version, nil); err != nil || gone {
			return err
		}
	}
	return fmt.Errorf("staff: a session has changed %d times meanwhile", changeTries)
}

// listed is a session in a list.
type listed struct {
	session
	name string
}

// sessionsOf returns the stored sessions of a member, those that have ended included.
func (s *Staff) sessionsOf(ctx context.Context, memberID string) (all []listed, err error) {
	prefix := subject(memberID) + ":"
	for after := prefix; ; {
		names, bodies, err := s.cfg.Records.Documents(ctx, kindSession, after, maxSessions)
		if err != nil {
			return nil, fmt.Errorf("staff: sessions: %w", err)
		}
		for i, name := range names {
			if after = name; !strings.HasPrefix(name, prefix) {
				return all, nil
			}
			it := listed{name: name}
			if err := json.Unmarshal(bodies[i], &it.session); err != nil { // it counts for nobody
				s.cfg.Logger.ErrorContext(ctx, "staff: a session cannot be read", "session", name, "err", err)
				continue
			}
			if it.Member == memberID {
				all = append(all, it)
			}
		}
		if len(names) < maxSessions {
			return all, nil
		}
	}
}

// tidy removes the sessions of a member that have ended, and those that were used least recently if there are too many. It
// keeps the fresh one. If it fails, the next sign-in makes up for it.
func (s *Staff) tidy(ctx context.Context, m member, fresh string) {
	all, err := s.sessionsOf(ctx, m.ID)
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "staff: remove sessions that have ended", "member", m.ID, "err", err)
		return
	}
	slices.SortFunc(all, func(a, b listed) int { return b.Seen.Compare(a.Seen) })
	kept := 0
	for _, it := range all {
		if it.name == fresh {
			continue
		}
		if s.counts(it.session, m) && kept < maxSessions-1 {
			kept++
			continue
		}
		if err := s.end(ctx, it.name); err != nil {
			s.cfg.Logger.WarnContext(ctx, "staff: remove a session that has ended", "member", m.ID, "err", err)
			return
		}
	}
}
