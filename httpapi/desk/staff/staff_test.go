package staff_test

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/staff"
	"github.com/cointill/cointill/store"
)

func decode32(t require.TestingT, secret string) []byte {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ReplaceAll(secret, " ", ""))
	require.NoError(t, err)
	return raw
}

func (s *shop) auditRecords() (all []desk.Entry) {
	s.Helper()
	_, bodies, err := s.records.ReadRecords(s.Context(), desk.AuditLog, 0, false, 10_000)
	require.NoError(s, err)
	for _, body := range bodies {
		var a desk.Entry
		require.NoError(s, json.Unmarshal(body, &a))
		all = append(all, a)
	}
	return all
}

func TestTheFirstAdministratorIsInvitedAndSignsInWithTwoFactors(t *testing.T) {
	s := open(t)
	invited, err := s.Add(t.Context(), staff.Member{ID: "ann", Name: "Ann", Role: desk.RoleAdministrator})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(invited.Link, origin+"/staff/invitation?token="), invited.Link)
	require.Equal(t, s.clock.Now().Add(72*time.Hour), invited.Until)

	b := s.browser()
	b.get("").leads("sign-in?next=%2Fstaff%2F")
	b.accept(invited.Link).leads("enrol")
	p, err := b.person()
	require.NoError(t, err)
	require.Equal(t, desk.Person{ID: "ann", Name: "Ann", Role: desk.RoleAdministrator}, p, "not proved without a second factor")

	b.enrols("ann")
	p, err = b.person()
	require.NoError(t, err)
	require.Equal(t, s.clock.Now(), p.Proved)

	other := s.browser()
	other.signs("ann")
	p, err = other.person()
	require.NoError(t, err)
	require.Equal(t, s.clock.Now(), p.Proved)
	require.Equal(t, []string{
		"api member.add ann intends", "api member.add ann did", "ann member.accept ann intends", "ann member.accept ann did",
		"ann member.sign-in ann did", "ann member.second-factor ann intends", "ann member.second-factor ann did", "ann member.sign-in ann did",
	}, s.audit(""))
}

func TestTheCookiesOfASessionAreOutOfReach(t *testing.T) {
	s := open(t)
	invited, err := s.Add(t.Context(), staff.Member{ID: "ann", Role: desk.RoleViewer})
	require.NoError(t, err)
	a := s.browser().accept(invited.Link)
	set := map[string]*http.Cookie{}
	for _, line := range a.header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		require.NoError(t, err)
		set[c.Name] = c
	}
	require.Len(t, set, 2)
	for _, name := range []string{sessionName, deviceName} {
		c := set[name]
		require.NotNil(t, c, name)
		require.True(t, c.Secure && c.HttpOnly, name)
		require.Equal(t, http.SameSiteLaxMode, c.SameSite)
		require.Equal(t, "/", c.Path)
		require.Empty(t, c.Domain)
	}
	require.Zero(t, set[sessionName].MaxAge, "no longer than the browser runs")
	require.GreaterOrEqual(t, len(set[sessionName].Value), 43)
}

func TestTokensAndPasswordsAreNotStored(t *testing.T) {
	s := open(t)
	b, recovery := s.member(staff.Member{ID: "ann", Role: desk.RoleAdministrator})
	invited, err := s.Add(t.Context(), staff.Member{ID: "bob", Role: desk.RoleViewer})
	require.NoError(t, err)
	token := tokenIn.FindStringSubmatch(invited.Link)[1]
	all := ""
	for _, kind := range staff.Kinds() {
		names, bodies, err := s.records.Documents(t.Context(), kind, "", 100)
		require.NoError(t, err)
		for i := range names {
			all += names[i] + " " + string(bodies[i]) + "\n"
		}
	}
	for _, a := range s.auditRecords() {
		body, _ := json.Marshal(a)
		all += string(body)
	}
	_, secret, _ := strings.Cut(token, ".")
	_, session, _ := strings.Cut(b.cookies[sessionName], ".")
	for _, hidden := range []string{password, secret, session, recovery[0], strings.ReplaceAll(recovery[0], "-", ""), b.cookies[deviceName]} {
		require.NotContains(t, all, hidden)
	}
}

func TestADevelopmentSignInIsOnlyForThisMachine(t *testing.T) {
	for _, bad := range []string{"http://shop.example/staff/", "http://10.0.0.1/", "ftp://localhost/", "https://", "/staff/", "https://a:b@shop.example/", "https://shop.example/?a=b"} {
		_, err := staff.New(staff.Config{Records: open(t).records, URL: bad})
		require.Error(t, err, bad)
	}
	s := open(t, func(c *staff.Config) { c.URL = "http://localhost:8080/staff/" })
	invited, err := s.Add(t.Context(), staff.Member{ID: "ann", Role: desk.RoleViewer})
	require.NoError(t, err)
	send := func(host, method, path, form string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://"+host+path, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		http.StripPrefix("/staff", s.Staff).ServeHTTP(w, r)
		return w
	}
	form := "token=" + tokenIn.FindStringSubmatch(invited.Link)[1] + "&password=" + strings.ReplaceAll(password, " ", "+") + "&again=" + strings.ReplaceAll(password, " ", "+")
	require.Equal(t, http.StatusMisdirectedRequest, send("shop.example", http.MethodPost, "/staff/invitation", form).Code)
	w := send("localhost:8080", http.MethodPost, "/staff/invitation", form)
	require.Equal(t, http.StatusSeeOther, w.Code, w.Body)
	var session *http.Cookie
	for _, c := range w.Result().Cookies() {
		require.False(t, strings.HasPrefix(c.Name, "__Host-"))
		require.False(t, c.Secure)
		require.True(t, c.HttpOnly)
		if c.Name == "cointill-staff" {
			session = c
		}
	}
	require.NotNil(t, session)
	for host, want := range map[string]error{"localhost:8080": nil, "127.0.0.1": nil, "[::1]:8080": nil, "shop.example": desk.ErrSignedOut} {
		r := httptest.NewRequest(http.MethodGet, "http://"+host+"/desk/", nil)
		r.AddCookie(session)
		_, err := s.Authenticate(r)
		require.ErrorIs(t, err, want, host)
	}
}

func TestNewNamesWhatIsWrong(t *testing.T) {
	records := open(t).records
	for want, cfg := range map[string]staff.Config{
		"Records": {URL: origin}, "URL": {Records: records}, "Home": {Records: records, URL: origin, Home: "//evil.example"},
		"Idle": {Records: records, URL: origin, Idle: -1}, "Fresh": {Records: records, URL: origin, Fresh: time.Millisecond},
		"PasswordsAtOnce": {Records: records, URL: origin, PasswordsAtOnce: -1},
	} {
		_, err := staff.New(cfg)
		require.ErrorContains(t, err, "staff: New: "+want)
	}
}

func TestEveryPageIsGuardedAndKeptByNoCache(t *testing.T) {
	s := open(t)
	b := s.administrator()
	for _, path := range []string{"", "sign-in", "members", "invite", "member?id=root", "enrol", "password", "prove", "nowhere", "invitation?token=x"} {
		for _, who := range []*browser{b, s.browser()} {
			a := who.get(path)
			require.Less(t, a.status, 500, path)
			require.Contains(t, a.header.Get("Content-Security-Policy"), "default-src 'none'", path)
			require.Equal(t, "no-store", a.header.Get("Cache-Control"), path)
			require.NotContains(t, a.unscripted(), "<script", path)
			require.NotContains(t, a.body, "style=", path)
		}
	}
	out := s.browser()
	for _, path := range []string{"", "members", "invite", "member?id=root", "enrol", "password", "prove"} {
		require.Regexp(t, "^sign-in", out.get(path).header.Get("Location"), path)
	}
	for _, path := range []string{"members", "invite", "member", "enrol", "password", "prove", "recovery", "end-session", "sign-out-everywhere"} {
		a := out.post(path, "id", "root")
		require.Contains(t, []int{http.StatusSeeOther, http.StatusMethodNotAllowed, http.StatusNotFound}, a.status, path)
	}
	b.get("assets/staff-000000000000.css").shows(http.StatusOK, "--accent")
}

func TestAPageOfAnotherSiteChangesNothing(t *testing.T) {
	s := open(t)
	b := s.administrator()
	before := len(s.auditRecords())
	for _, site := range []string{"cross-site", "same-site"} {
		b.site = site
		for _, path := range []string{"sign-in", "sign-out", "sign-out-everywhere", "invite", "member", "password", "enrol", "recovery", "end-session", "prove", "second", "invitation"} {
			b.post(path, "id", "eve", "name", "Eve", "role", "administrator", "reason", "x").shows(http.StatusForbidden, "from another site")
		}
	}
	b.site = "same-origin"
	require.Len(t, s.auditRecords(), before)
	_, err := b.person()
	require.NoError(t, err)
	names, _, err := s.records.Documents(t.Context(), "staff.member", "", 10)
	require.NoError(t, err)
	require.Equal(t, []string{"root"}, names)

	// A browser without Sec-Fetch-Site says where the form was.
	r := httptest.NewRequest(http.MethodPost, origin+"/staff/sign-out", nil)
	r.Header.Set("Origin", "https://evil.example")
	w := httptest.NewRecorder()
	http.StripPrefix("/staff", s.Staff).ServeHTTP(w, r)
	require.Equal(t, http.StatusForbidden, w.Code)
}

func TestALargeRequestIsRefused(t *testing.T) {
	s := open(t)
	a := s.browser().post("sign-in", "name", "ann", "password", strings.Repeat("x", 100<<10))
	require.Less(t, a.status, 500)
	require.NotEqual(t, http.StatusSeeOther, a.status)
}

// A shop that seals its database finds no secret of a second factor in it.
func TestTheSecretOfASecondFactorIsSealedWhereTheShopSeals(t *testing.T) {
	ring, err := store.ParseKeyring("2026:" + strings.Repeat("01", 32))
	require.NoError(t, err)
	db := store.NewMemory()
	sealed, err := store.Seal(db, ring)
	require.NoError(t, err)
	s := openOn(t, sealed.Records(db.Records()))
	b, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	b.signs("ann")
	secret := s.SecretOf(t.Context(), "ann")
	require.Len(t, secret, 20)
	for _, kind := range staff.Kinds() {
		names, bodies, err := db.Records().Documents(t.Context(), kind, "", 100)
		require.NoError(t, err)
		for i, body := range bodies {
			require.True(t, strings.HasPrefix(string(body), "sealed:1:2026:"), names[i])
			require.NotContains(t, string(body), base64.StdEncoding.EncodeToString(secret))
		}
	}
	newer, err := store.ParseKeyring("2027:" + strings.Repeat("02", 32) + " 2026:" + strings.Repeat("01", 32))
	require.NoError(t, err)
	again, err := store.Seal(db, newer)
	require.NoError(t, err)
	_, err = again.ResealRecords(t.Context(), db.Records(), staff.Kinds()...)
	require.NoError(t, err)
	alone, err := store.ParseKeyring("2027:" + strings.Repeat("02", 32))
	require.NoError(t, err)
	without, err := store.Seal(db, alone)
	require.NoError(t, err)
	later := openOn(t, without.Records(db.Records()))
	later.clock.Add(s.clock.Now().Sub(later.clock.Now()))
	later.browser().signs("ann")
}

func TestAProgramMayAddItsAdministratorAtEveryStart(t *testing.T) {
	s := open(t)
	_, err := s.Add(t.Context(), staff.Member{ID: "ann", Role: desk.RoleAdministrator})
	require.NoError(t, err)
	before := len(s.auditRecords())
	for range 3 {
		_, err := s.Add(t.Context(), staff.Member{ID: "ann", Role: desk.RoleAdministrator})
		require.ErrorIs(t, err, staff.ErrExists)
	}
	require.Len(t, s.auditRecords(), before)
}

func TestAllSessionsOfAllMembersEnd(t *testing.T) {
	s := open(t)
	var all []*browser
	for _, id := range []string{"ann", "bob", "carol"} {
		b, _ := s.member(staff.Member{ID: id, Role: desk.RoleViewer})
		all = append(all, b)
	}
	n, err := s.EndAllSessions(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, n)
	for _, b := range all {
		b.signedOut()
	}
	stranger := s.browser()
	for n := range 6 {
		stranger.from = fmt.Sprintf("198.51.100.%d:1", n)
		stranger.post("sign-in", "name", "ann", "password", "wrong password")
	}
	all[0].post("sign-in", "name", "ann", "password", password).shows(http.StatusTooManyRequests, "Too many") // no known browser any more
	s.clock.Add(time.Hour)
	all[0].signs("ann")
	require.Contains(t, s.audit(""), "api member.end-sessions all members did")
}

// One row that cannot be read keeps nobody else out.
func TestADamagedDocumentIsPassedOver(t *testing.T) {
	s := open(t)
	root := s.administrator()
	ann, _ := s.member(staff.Member{ID: "ann", Role: desk.RoleViewer})
	_, err := s.records.PutDocument(t.Context(), "staff.member", "aaa", 0, []byte("{"))
	require.NoError(t, err)
	root.get("members").shows(http.StatusOK, "ann")
	name, _, err := s.records.Documents(t.Context(), "staff.session", "", 1)
	require.NoError(t, err)
	of, _, _ := strings.Cut(name[0], ":")
	for _, of := range []string{of, "0000000000000000"} {
		_, err = s.records.PutDocument(t.Context(), "staff.session", of+":0", 0, []byte("{"))
		require.NoError(t, err)
	}
	root.signs("root")
	ann.signs("ann")
	root.get("").shows(http.StatusOK, "My sessions")
	ann.get("").shows(http.StatusOK, "My sessions")
}

// reads counts the documents that are read.
type reads struct {
	desk.Records
	n atomic.Int64
}

func (r *reads) Document(ctx context.Context, kind, name string) (int64, []byte, error) {
	r.n.Add(1)
	return r.Records.Document(ctx, kind, name)
}

func TestARequestReadsTheSessionAndTheMemberOnce(t *testing.T) {
	records := &reads{Records: store.NewMemory().Records()}
	s := openOn(t, records)
	root := s.administrator()
	records.n.Store(0)
	_, err := root.person()
	require.NoError(t, err)
	require.Equal(t, int64(2), records.n.Load(), "for a page of the desk")
	for _, page := range []string{"", "members", "invite", "password", "prove"} {
		records.n.Store(0)
		root.get(page).shows(http.StatusOK, "<form")
		require.LessOrEqual(t, records.n.Load(), int64(2), page)
	}
}
