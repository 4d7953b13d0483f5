package staff

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/desk"
	"github.com/cointill/cointill/httpapi/internal/page"
)

// Config configures [New].
type Config struct {
	// Records keeps members, sessions and the audit log. Required. Pass sealed ones (store.Sealed.Records) if the database
	// is sealed: members have the secrets of their second factors in it.
	Records desk.Records
	// URL is where people reach the handler, with its path, such as "https://shop.example/staff/". Required. Links in
	// invitations and the origin of passkeys are made of it. It must be https; with http, which is for development only, the
	// host must be localhost or a loopback address, cookies have other names and no Secure, and requests for other hosts are
	// refused.
	URL string
	// Home is the path of the same origin to which a sign-in leads that began nowhere else, such as "/desk/". Default: the
	// page with the person's own sessions.
	Home string
	// Title names the shop on the pages and in authenticator apps. Default "Desk".
	Title string

	// OptionalSecondFactor lets members without a second factor prove who they are by their password alone, and so do
	// what moves money. By default they cannot: they sign in, and Person.Proved stays zero until they have one.
	OptionalSecondFactor bool
	// Idle is after how long without a request a session ends. Default 30 minutes.
	Idle time.Duration
	// Absolute is after how long a session ends in any case. Default 12 hours.
	Absolute time.Duration
	// Fresh is how long a proof counts for changing members, passwords and second factors. Default 10 minutes.
	Fresh time.Duration
	// Invited is how long an invitation can be accepted. Default 72 hours.
	Invited time.Duration
	// PasswordsAtOnce is how many passwords of strangers are hashed at once, each with 19 MiB of memory. Sixteen times as many
	// wait. Two more are those of people who are known by a session, an invitation or their browser. Default 4.
	PasswordsAtOnce int

	// ClientIP returns the address that a request comes from, for the bound on attempts. Behind a proxy it must be the
	// client's, not the proxy's. Default httpapi.RemoteIP.
	ClientIP httpapi.ClientIP
	// Logger gets what went wrong. Default: nobody.
	Logger *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Staff signs members in. It is a handler to mount under any path, and a hook of the desk. It is safe for concurrent use, by
// several processes on the same records as well.
type Staff struct {
	cfg      Config
	base     string // the path of URL, which ends with a slash
	origin   string
	plain    bool // http, for development
	handler  http.Handler
	pages    *pages
	hasher   *hasher // of the passwords of strangers
	known    *hasher // of the passwords of people who are known
	throttle *throttle
	devices  devices
	passkeys *webauthn.WebAuthn // nil if the origin can have none
}

// New returns a sign-in. It starts nothing.
func New(cfg Config) (*Staff, error) {
	s := &Staff{cfg: cfg}
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("staff: New: %w", err)
	}
	var err error
	if s.pages, err = newPages(); err != nil {
		return nil, fmt.Errorf("staff: New: %w", err)
	}
	s.hasher, s.known = newHasher(s.cfg.PasswordsAtOnce), newHasher(knownAtOnce)
	if s.passkeys, err = s.newPasskeys(); err != nil {
		return nil, fmt.Errorf("staff: New: passkeys: %w", err)
	}
	s.throttle = &throttle{now: s.cfg.Now, lanes: map[string]*lane{}}
	s.devices = devices{records: s.cfg.Records, now: s.cfg.Now}
	s.handler = s.routes()
	return s, nil
}

func (s *Staff) configure() error {
	c := &s.cfg
	if c.Records == nil {
		return errors.New("Records is required")
	}
	if err := s.place(c.URL); err != nil {
		return fmt.Errorf("URL: %w", err)
	}
	if c.Home != "" && nextPath(c.Home) == "" {
		return fmt.Errorf("Home: %q is no path of this origin", c.Home)
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		usual time.Duration
	}{
		{"Idle", &c.Idle, 30 * time.Minute}, {"Absolute", &c.Absolute, 12 * time.Hour},
		{"Fresh", &c.Fresh, 10 * time.Minute}, {"Invited", &c.Invited, 72 * time.Hour},
	} {
		if *d.value == 0 {
			*d.value = d.usual
		}
		if *d.value < time.Second {
			return fmt.Errorf("%s: %v is less than a second", d.name, *d.value)
		}
	}
	if c.PasswordsAtOnce == 0 {
		c.PasswordsAtOnce = 4
	}
	if c.PasswordsAtOnce < 1 || c.PasswordsAtOnce > 256 {
		return fmt.Errorf("PasswordsAtOnce: %d is not between 1 and 256", c.PasswordsAtOnce)
	}
	if c.Title == "" {
		c.Title = "Desk"
	}
	if c.ClientIP == nil {
		c.ClientIP = httpapi.RemoteIP
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return nil
}

// place reads Config.URL.
func (s *Staff) place(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return err
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%q is not https:// with a host and a path", text)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("%q must be https, or lead to localhost", text)
	}
	s.plain = u.Scheme == "http"
	s.origin = u.Scheme + "://" + u.Host
	s.base = strings.TrimSuffix(u.EscapedPath(), "/") + "/"
	return nil
}

// loopback reports whether only this machine reaches the host.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// maxForm bounds the body of a request, in bytes.
const maxForm = 64 << 10

// ServeHTTP serves the pages. Their paths begin at the handler's own root: mount it with [http.StripPrefix] under the path of
// Config.URL.
func (s *Staff) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	s.handler.ServeHTTP(w, r)
}

func (s *Staff) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*visit){
		"GET /{$}": (*visit).account, "GET /sign-in": (*visit).signIn, "POST /sign-in": (*visit).doSignIn,
		"GET /second": (*visit).second, "POST /second": (*visit).doSecond,
		"GET /prove": (*visit).prove, "POST /prove": (*visit).doProve,
		"GET /enrol": (*visit).enrol, "POST /enrol": (*visit).doEnrol, "POST /recovery": (*visit).doRecovery,
		"GET /invitation": (*visit).invitation, "POST /invitation": (*visit).doInvitation,
		"GET /sign-out": (*visit).signOut, "POST /sign-out": (*visit).doSignOut, "POST /sign-out-everywhere": (*visit).doSignOutEverywhere,
		"POST /end-session": (*visit).doEndSession, "GET /password": (*visit).password, "POST /password": (*visit).doPassword,
		"GET /members": (*visit).members, "GET /invite": (*visit).invite, "POST /invite": (*visit).doInvite,
		"GET /member": (*visit).member, "POST /member": (*visit).doMember,
		"POST /passkey": (*visit).doPasskey, "GET /passkey": (*visit).passkey,
		"POST /passkey-add": (*visit).doPasskeyAdd, "POST /passkey-remove": (*visit).doPasskeyRemove,
		"/": (*visit).missing,
	} {
		mux.HandleFunc(pattern, s.visited(h))
	}
	mux.HandleFunc("GET /assets/{name}", func(w http.ResponseWriter, r *http.Request) {
		s.pages.assets.Serve(w, r, r.PathValue("name"))
	})
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(s.visited((*visit).foreign))
	return protection.Handler(mux)
}

// visited makes a handler of a page.
func (s *Staff) visited(h func(*visit)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		page.Policy{}.Set(w.Header())
		v := &visit{Staff: s, w: w, r: r}
		if s.elsewhere(r) {
			v.refuse(http.StatusMisdirectedRequest, "This sign-in is for development, and only on this machine.")
			return
		}
		h(v)
	}
}

// elsewhere reports whether a request is for another host than a sign-in for development has.
func (s *Staff) elsewhere(r *http.Request) bool {
	u, err := url.Parse("//" + r.Host)
	return s.plain && (err != nil || !loopback(u.Hostname()))
}

// Authenticate returns who has sent the request. It is the hook of the desk. The error is [desk.ErrSignedOut] if nobody is
// signed in, also because the session or the member has ended meanwhile; another error means that the records could not be
// read. It may write to the records when the session was last used.
func (s *Staff) Authenticate(r *http.Request) (desk.Person, error) {
	if s.elsewhere(r) {
		return desk.Person{}, fmt.Errorf("staff: for another host: %w", desk.ErrSignedOut)
	}
	f, err := s.session(r)
	if err != nil {
		return desk.Person{}, err
	}
	if f.Stage != stageFull {
		return desk.Person{}, fmt.Errorf("staff: the second factor is missing: %w", desk.ErrSignedOut)
	}
	return s.person(f), nil
}

// SignIn returns the path of the page for signing in, after which the person goes on to the next path of the same origin.
func (s *Staff) SignIn(next string) string { return s.base + "sign-in" + asQuery(nextPath(next)) }

// Prove returns the path of the page on which a person who is signed in proves again who they are, and then goes on to the
// next path of the same origin. It leads a person who is not signed in to the page for that, so that it serves both for a desk that
// knows one page.
func (s *Staff) Prove(next string) string { return s.base + "prove" + asQuery(nextPath(next)) }

// SignOut returns the path of the page on which a person signs out.
func (s *Staff) SignOut() string { return s.base + "sign-out" }

func asQuery(next string) string {
	if next == "" {
		return ""
	}
	return "?" + url.Values{"next": {next}}.Encode()
}
