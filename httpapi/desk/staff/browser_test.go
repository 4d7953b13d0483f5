package staff_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/staff"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/store"
)

const origin = "https://shop.example"

// shop is a sign-in with its records and its clock.
type shop struct {
	*testing.T
	*staff.Staff
	records desk.Records
	hashes  atomic.Int64
	clock   *stage.Clock
}

func open(t *testing.T, change ...func(*staff.Config)) *shop {
	t.Helper()
	return openOn(t, store.NewMemory().Records(), change...)
}

func openOn(t *testing.T, records desk.Records, change ...func(*staff.Config)) *shop {
	t.Helper()
	s := &shop{T: t, records: records, clock: stage.NewClock(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))}
	cfg := staff.Config{Records: s.records, URL: origin + "/staff/", Home: "/desk/", Title: "Example Shop", Now: s.clock.Now}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	s.Staff, err = staff.New(cfg)
	require.NoError(t, err)
	s.Quick(func() { s.hashes.Add(1) })
	return s
}

// browser keeps cookies, and follows no redirects.
type browser struct {
	*shop
	cookies map[string]string
	from    string // its address
	header  http.Header
	site    string // of the page that sends its requests, as browsers say it
}

func (s *shop) browser() *browser {
	return &browser{shop: s, cookies: map[string]string{}, from: "203.0.113.7:4711", header: http.Header{}, site: "same-origin"}
}

// answer is what came back.
type answer struct {
	*browser
	status int
	header http.Header
	body   string
}

func (b *browser) send(method, path string, form url.Values) answer {
	b.Helper()
	r := httptest.NewRequest(method, origin+"/staff/"+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = b.from
	r.Header = b.header.Clone()
	r.Header.Set("Sec-Fetch-Site", b.site)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	http.StripPrefix("/staff", b.Staff).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return answer{b, w.Code, w.Header(), w.Body.String()}
}

func (b *browser) get(path string) answer { b.Helper(); return b.send(http.MethodGet, path, nil) }

// post sends a form of pairs of a name and a value.
func (b *browser) post(path string, fields ...string) answer {
	b.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.send(http.MethodPost, path, form)
}

// ownScript is the only script of a page.
var ownScript = regexp.MustCompile(`<script src="\./assets/staff-[0-9a-f]{12}\.js" defer></script>`)

// unscripted returns the page without its own script.
func (a answer) unscripted() string { return ownScript.ReplaceAllString(a.body, "") }

// shows requires a page with the status and a text that a person reads.
func (a answer) shows(status int, text string) answer {
	a.Helper()
	require.Equal(a, status, a.status, "%s", a.body)
	require.Contains(a, html.UnescapeString(a.body), text)
	return a
}

// leads requires a redirect.
func (a answer) leads(to string) answer {
	a.Helper()
	require.Equal(a, http.StatusSeeOther, a.status, "%s", a.body)
	require.Equal(a, to, a.header.Get("Location"))
	return a
}

// person asks who has signed in, as the desk does.
func (b *browser) person() (desk.Person, error) {
	r := httptest.NewRequest(http.MethodGet, origin+"/desk/", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return b.Authenticate(r)
}

func (b *browser) signedOut() {
	b.Helper()
	_, err := b.person()
	require.ErrorIs(b, err, desk.ErrSignedOut)
}

const (
	sessionName = "__Host-cointill-staff"
	deviceName  = "__Host-cointill-device"
	password    = "four random words"
)

var tokenIn = regexp.MustCompile(`invitation\?token=([A-Za-z0-9_.-]+)`)

// accept opens the link of an invitation, and chooses the password.
func (b *browser) accept(link string) answer {
	b.Helper()
	token := tokenIn.FindStringSubmatch(link)
	require.NotNil(b, token, link)
	b.get("invitation?token="+token[1]).shows(http.StatusOK, "choose a password")
	return b.post("invitation", "token", token[1], "password", password, "again", password)
}

var codesIn = regexp.MustCompile(`<li><code>([a-z2-7-]+)</code></li>`)

// enrols sets up an authenticator app, and returns the recovery codes.
func (b *browser) enrols(id string) (recovery []string) {
	b.Helper()
	page := b.get("enrol").shows(http.StatusOK, "Scan this picture")
	secret := regexp.MustCompile(`<code>([A-Z2-7 ]+)</code>`).FindStringSubmatch(page.body)
	require.NotNil(b, secret)
	done := b.post("enrol", "code", codeOf(b, secret[1]), "password", password).shows(http.StatusOK, "shown only now")
	for _, m := range codesIn.FindAllStringSubmatch(done.body, -1) {
		recovery = append(recovery, m[1])
	}
	require.Len(b, recovery, 10)
	return recovery
}

func codeOf(b *browser, secret string) string {
	return staff.Code(decode32(b, secret), b.clock.Now().Unix()/staff.CodeStep, 6)
}

// code is what the member's app shows now.
func (b *browser) code(id string) string {
	return staff.Code(b.SecretOf(b.Context(), id), b.clock.Now().Unix()/staff.CodeStep, 6)
}

// signs signs in with both factors. It waits for the next code, because each counts once.
func (b *browser) signs(id string) answer {
	b.Helper()
	b.clock.Add(time.Minute)
	b.post("sign-in", "name", id, "password", password).leads("second")
	return b.post("second", "code", b.code(id)).leads("/desk/")
}

// member adds a member who has a password and a second factor, and returns the browser on which they did that, signed in.
func (s *shop) member(m staff.Member) (b *browser, recovery []string) {
	s.Helper()
	invited, err := s.Add(s.Context(), m)
	require.NoError(s, err)
	b = s.browser()
	b.accept(invited.Link).leads("enrol")
	return b, b.enrols(m.ID)
}

func (s *shop) administrator() *browser {
	s.Helper()
	b, _ := s.member(staff.Member{ID: "root", Name: "Root", Role: desk.RoleAdministrator})
	return b
}

// audit returns the records of an act, as short texts.
func (s *shop) audit(act string) (all []string) {
	s.Helper()
	for _, a := range s.auditRecords() {
		if act == "" || a.Act == act {
			all = append(all, fmt.Sprintf("%s %s %s %s", a.Actor, a.Act, a.Subject, a.Phase))
		}
	}
	return all
}
