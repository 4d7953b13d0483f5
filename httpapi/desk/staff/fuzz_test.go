package staff_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/desk/staff"
	"github.com/cointill/cointill/store"
)

// browsersRead returns the host that a link leads to, as browsers read it (url.spec.whatwg.org): they strip spaces, leave out
// tabs and line ends, and take backslashes for slashes.
func browsersRead(link string) string {
	link = strings.TrimFunc(link, func(r rune) bool { return r <= ' ' })
	link = strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(link)
	base, _ := url.Parse("https://shop.example/staff/sign-in")
	u, err := base.Parse(link)
	if err != nil {
		return "none"
	}
	return u.Scheme + "://" + u.Host
}

func FuzzNext(f *testing.F) {
	for _, seed := range []string{"/desk/", "//evil.example", `/\evil.example`, "/\t/evil.example", "https://evil.example", "/a?b=//c", "/%2f/evil", "/..//evil.example", "/@evil"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := staff.NextPath(next, "")
		if got == "" {
			return
		}
		if got != next || browsersRead(got) != "https://shop.example" {
			t.Fatalf("%q leads to %q, which is %q", next, got, browsersRead(got))
		}
		if strings.ContainsAny(got, "\r\n") {
			t.Fatalf("%q ends a header", next)
		}
	})
}

func FuzzStoredHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG")
	f.Add("$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG")
	f.Add("")
	f.Fuzz(func(t *testing.T, phc string) {
		if err := staff.ParsePHC(phc); err == nil && !strings.HasPrefix(phc, "$argon2id$v=19$m=") {
			t.Fatalf("%q is read as a hash", phc)
		}
	})
}

func FuzzTokenOfAnInvitation(f *testing.F) {
	f.Add("YW5u." + strings.Repeat("a", 43))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if id := staff.InvitedID(token); id != "" && !staff.ValidID(id) {
			t.Fatalf("%q is of the member %q", token, id)
		}
	})
}

func FuzzNameOfABrowser(f *testing.F) {
	f.Add("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537 Edg/140")
	f.Fuzz(func(t *testing.T, agent string) {
		if name := staff.Browser(agent); len(name) > 40 || !utf8.ValidString(name) {
			t.Fatalf("%q", name)
		}
	})
}

// No cookie signs anybody in, and no form of a stranger is an error of the server.
func FuzzStranger(f *testing.F) {
	f.Add("sign-in", "name=ann&password=x", "x.y", "x")
	f.Add("invitation", "token=YW5u.x", "0000000000000000."+strings.Repeat("a", 43), "")
	f.Add("member", "id=ann&act=disable&reason=x", "", "AAAA")
	s, err := staff.New(staff.Config{Records: store.NewMemory().Records(), URL: origin + "/staff/"})
	if err != nil {
		f.Fatal(err)
	}
	s.Quick(func() {})
	if _, err := s.Add(f.Context(), staff.Member{ID: "ann", Role: desk.RoleAdministrator}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path, form, session, device string) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequest(method, "https://shop.example/", strings.NewReader(form))
			r.URL.Path = "/" + path
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.AddCookie(&http.Cookie{Name: sessionName, Value: session})
			r.AddCookie(&http.Cookie{Name: deviceName, Value: device})
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code >= 500 {
				t.Fatalf("%s %q with %q: %d %s", method, path, form, w.Code, w.Body)
			}
			if _, err := s.Authenticate(r); err == nil {
				t.Fatal("signed in")
			}
		}
	})
}
