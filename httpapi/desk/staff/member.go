package staff

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cointill/cointill/httpapi/desk"
)

// Errors of the Go API.
var (
	// ErrExists means that there is a member with the id.
	ErrExists = errors.New("there is a member with this id")
	// ErrNotFound means that there is no member with the id.
	ErrNotFound = errors.New("no such member")
	// ErrInvalid means that a member cannot be like that; nothing was changed.
	ErrInvalid = errors.New("invalid member")
)

// Member is a person who may sign in.
type Member struct {
	// ID is what the person signs in with, and what the audit log says: 1 to 64 lower-case letters of ASCII, digits and
	// ". _ @ + -", such as "ann" or an e-mail address. It never changes and is never used again.
	ID string `json:"id"`
	// Name is shown. Default ID. Up to 100 bytes.
	Name     string    `json:"name"`
	Role     desk.Role `json:"role"`
	Projects []string  `json:"projects,omitempty"` // ids of the projects that the person sees; empty: all
}

// Bounds of a member.
const (
	maxID       = 64
	maxName     = 100
	maxProjects = 200
	maxProject  = 100
	maxReason   = 500
)

// check returns the member with defaults, or ErrInvalid.
func (m Member) check() (Member, error) {
	if m.Name = strings.TrimSpace(m.Name); m.Name == "" {
		m.Name = m.ID
	}
	bad := func(format string, args ...any) (Member, error) {
		return Member{}, fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrInvalid)
	}
	switch {
	case !validID(m.ID):
		return bad("id %q: want 1 to %d of a-z, 0-9, and . _ @ + -, beginning with a letter or digit", m.ID, maxID)
	case !plainText(m.Name, maxName):
		return bad("name %q: want up to %d bytes of text in one line", m.Name, maxName)
	case !m.Role.Known():
		return bad("unknown role %q", m.Role)
	case len(m.Projects) > maxProjects:
		return bad("more than %d projects", maxProjects)
	}
	for _, p := range m.Projects {
		if p == "" || !plainText(p, maxProject) {
			return bad("project %q: want up to %d bytes of text in one line", p, maxProject)
		}
	}
	m.Projects = slices.Compact(slices.Sorted(slices.Values(m.Projects)))
	return m, nil
}

func validID(id string) bool {
	if id == "" || len(id) > maxID || strings.IndexByte("._@+-", id[0]) >= 0 {
		return false
	}
	return strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789._@+-") == ""
}

// plainText reports whether a text is in one line, without marks that change the direction of what is around it.
func plainText(text string, most int) bool {
	return len(text) <= most && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r)
	})
}

// member is what is stored.
type member struct {
	Member
	Created  time.Time `json:"created"`
	Disabled bool      `json:"disabled,omitempty"`
	// Epoch is counted up to end all sessions: those of another epoch do not count.
	Epoch      int64       `json:"epoch"`
	Password   string      `json:"password,omitempty"` // its hash; empty: none can sign in
	Secret     []byte      `json:"secret,omitempty"`   // of codes; empty: none
	Step       int64       `json:"step,omitempty"`     // of the last code that was used
	Recovery   []string    `json:"recovery,omitempty"` // hashes of codes
	Invitation *invitation `json:"invitation,omitempty"`
	Passkeys   []passkey   `json:"passkeys,omitempty"`
	Handle     []byte      `json:"handle,omitempty"` // by which authenticators know the member
	Used       []usedOnce  `json:"used,omitempty"`   // challenges that passkeys have answered
}

// invitation lets a person choose a password, once.
type invitation struct {
	Hash  string    `json:"hash"`
	Until time.Time `json:"until"`
	By    string    `json:"by"`
}

// hasFactor reports whether the member has a second factor.
func (m member) hasFactor() bool { return len(m.Secret) > 0 || len(m.Passkeys) > 0 }

// describe returns what an administrator decides about a member, for the audit log.
func (m member) describe() map[string]string {
	state := "enabled"
	if m.Disabled {
		state = "disabled"
	}
	return map[string]string{"name": m.Name, "role": string(m.Role), "projects": projectsText(m.Projects), "state": state}
}

func projectsText(projects []string) string {
	if len(projects) == 0 {
		return "all"
	}
	return strings.Join(projects, ", ")
}

// Kinds of documents.
const (
	kindMember  = "staff.member"
	kindSession = "staff.session"
	kindKey     = "staff.key"
	kindHandle  = "staff.handle" // which lead from the handle of a passkey to the member
)

// Kinds returns the kinds of the documents that the package keeps, for store.Sealed.ResealRecords.
func Kinds() []string { return []string{kindMember, kindSession, kindKey, kindHandle} }

// load reads a document, and reports its version, which is 0 if there is none.
func load[T any](ctx context.Context, records desk.Records, kind, name string) (v T, version int64, err error) {
	version, body, err := records.Document(ctx, kind, name)
	if err == nil && version > 0 {
		err = json.Unmarshal(body, &v)
	}
	if err != nil {
		return v, 0, fmt.Errorf("staff: read %s: %w", kind, err)
	}
	return v, version, nil
}

// save stores a document if its version is still the same, and reports whether it did.
func save(ctx context.Context, records desk.Records, kind, name string, version int64, v any) (stored bool, err error) {
	body, err := json.Marshal(v)
	if err == nil {
		stored, err = records.PutDocument(ctx, kind, name, version, body)
	}
	if err != nil {
		return false, fmt.Errorf("staff: store %s: %w", kind, err)
	}
	return stored, nil
}

// find returns a member, or ErrNotFound.
func (s *Staff) find(ctx context.Context, id string) (member, error) {
	m, _, err := s.stored(ctx, id)
	return m, err
}

// stored returns a member and the version of the document, or ErrNotFound.
func (s *Staff) stored(ctx context.Context, id string) (m member, version int64, err error) {
	if validID(id) {
		m, version, err = load[member](ctx, s.cfg.Records, kindMember, id)
	}
	if err == nil && version == 0 {
		err = fmt.Errorf("staff: member %.80q: %w", id, ErrNotFound)
	}
	return m, version, err
}

// changeTries bounds how often a change is decided again because another one was quicker.
const changeTries = 50

// change decides about a member on what is stored and stores the decision, again and again until no other change came
// between. If decide returns an error, nothing is stored, and the error is returned.
func (s *Staff) change(ctx context.Context, id string, decide func(*member) error) (member, error) {
	for range changeTries {
		m, version, err := s.stored(ctx, id)
		if err != nil {
			return member{}, err
		}
		if err := decide(&m); err != nil {
			return m, err
		}
		stored, err := save(ctx, s.cfg.Records, kindMember, id, version, m)
		if err != nil || stored {
			return m, err
		}
	}
	return member{}, fmt.Errorf("staff: member %q has changed %d times meanwhile", id, changeTries)
}

// digest hashes what a stranger cannot guess: tokens have 256 random bits.
func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
