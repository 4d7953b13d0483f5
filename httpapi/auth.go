package httpapi

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cointill/cointill/httpapi/internal/known"
	"github.com/cointill/cointill/invoice"
)

// Scheme authenticates requests.
type Scheme struct {
	Name        string // in the document; empty, as Header then is, if the host authenticates: see [HostScheme]
	Header      string // that carries the key
	Description string
	Faults      []int // statuses that Check refuses with
	// Sample is a shell word for the value of the header in samples of requests. It may use $BODY, the body of the
	// request. If empty, samples have a variable.
	Sample string
	// With is a second header that is needed as well, for the document: Check looks at both. Only its Name,
	// Header, Description and Sample count. Nil: none.
	With *Scheme
	// Check finds out who asks and notes it in the request, or refuses with an [Error].
	Check func(*Request) error
}

// ClientIP returns the address a request comes from, or the zero address if it is unknown, which no
// allow-list contains.
type ClientIP func(*http.Request) netip.Addr

// RemoteIP is the [ClientIP] of a host that clients connect to directly.
func RemoteIP(r *http.Request) netip.Addr {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return remote.Addr()
}

// ProjectKey lets projects in by their API key in a header, from the addresses that the project allows.
// A nil from is [RemoteIP]. What a key opens is remembered for a second, so a key that is revoked, or a list of
// addresses that is changed, may count for so long as it was.
func ProjectKey(name, header string, projects *invoice.Projects, from ClientIP) *Scheme {
	if from == nil {
		from = RemoteIP
	}
	known := new(known.Projects)
	check := func(r *Request) error {
		project, err := open(r.Context(), known, projects, r.Header.Get(header))
		if errors.Is(err, invoice.ErrNotFound) {
			return unauthorized(r, header)
		}
		if err != nil {
			return fmt.Errorf("httpapi: authenticate: %w", err)
		}
		if !project.Allows(from(r.Request)) {
			return &Error{http.StatusForbidden, "The API key may not be used from this address."}
		}
		r.Project = project
		return nil
	}
	return &Scheme{
		Name: name, Header: header, Description: "API key of a project.",
		Faults: []int{http.StatusUnauthorized, http.StatusForbidden}, Check: check,
	}
}

// Authenticate identifies the project that a request is made for, in place of the keys of an API: with the session, the
// token or the certificate that the host knows its users by. Every API has it as the field Authenticate of its
// configuration.
//
// It returns the id of an existing project. An empty id, the id of a project that does not exist, and an error that wraps
// [ErrUnauthorized] or [invoice.ErrNotFound] are the API's 401. An error that wraps [ErrForbidden] is its 403. Any other
// error is handled as one of the store is: an [invoice.ErrBusy] as busy, the rest as a logged internal error.
//
// It is called once for each request of an operation that needs a project, before the body and the parameters are read and
// before the store is asked for anything; after it the project is read, once for each request. It may be called
// concurrently, may block for as long as the context of the request lives, and must not read the body.
//
// What it replaces: API keys and signatures are not looked at, and neither are the addresses that a project allows
// ([invoice.Project.AllowedIPs]), which say where its key may be used. The host checks where its users come from, if it
// wants that. What stays: a [Limit] counts a project's requests by project, and refused ones by the address of the
// client, which then gets 429 without a call; an Idempotency-Key is still the project's own; a project still sees only
// what belongs to it, and administrators of an API are still those that its configuration names. Operations that are
// public stay public, and those for accounts still need the keys of accounts.
//
// The OpenAPI document names no security scheme for these operations, and its description says that the host
// authenticates requests. A 401 has no header WWW-Authenticate, unless the host's middleware sets it.
//
// A browser sends cookies by itself, so a host that authenticates by cookie must refuse forged cross-site requests before
// they get here, as with [http.CrossOriginProtection]. Some operations take bodies of any Content-Type.
type Authenticate func(r *http.Request) (project string, err error)

// Refusals of an [Authenticate].
var (
	ErrUnauthorized = errors.New("the request is not authenticated") // 401
	ErrForbidden    = errors.New("the request is not allowed")       // 403
)

// HostScheme returns the [Scheme] of an [Authenticate]. The project is read from projects for each request.
func HostScheme(authenticate Authenticate, projects *invoice.Projects) *Scheme {
	unauthorized := &Error{http.StatusUnauthorized, "The request is not authenticated."}
	check := func(r *Request) error {
		id, err := authenticate(r.Request)
		switch {
		case errors.Is(err, ErrUnauthorized), errors.Is(err, invoice.ErrNotFound), err == nil && !plausible(id):
			return unauthorized
		case errors.Is(err, ErrForbidden):
			return &Error{http.StatusForbidden, "The request is not allowed."}
		case err != nil:
			return fmt.Errorf("httpapi: authenticate: %w", err)
		}
		project, err := projects.Project(r.Context(), id)
		if errors.Is(err, invoice.ErrNotFound) {
			return unauthorized
		}
		if err != nil {
			return fmt.Errorf("httpapi: authenticate: %w", err)
		}
		r.Project = project
		return nil
	}
	return &Scheme{Faults: []int{http.StatusUnauthorized, http.StatusForbidden}, Check: check}
}

// plausible reports whether a text can be the id of a project. Databases refuse to look for some that cannot.
func plausible(id string) bool {
	return id != "" && len(id) <= 255 && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}

// open finds the project by the hash of its key, as the store does, so that how long it takes tells nothing about a key.
func open(ctx context.Context, known *known.Projects, projects *invoice.Projects, key string) (invoice.Project, error) {
	if len(key) > 256 {
		return projects.Authenticate(ctx, key)
	}
	asked, hash := time.Now(), invoice.HashKey(key)
	if project, ok := known.Get(hash); ok {
		return project, nil
	}
	project, err := projects.Authenticate(ctx, key)
	if err == nil {
		known.Keep(hash, project, asked)
	}
	return project, err
}

// Account may create projects.
type Account struct {
	ID      string // owner of the projects
	KeyHash string // invoice.HashKey of the account's key, which is 64 hexadecimal digits
}

// AccountKey lets accounts in by their key in a header. Every account is compared, in constant time. It
// refuses accounts without an id, with a hash that is none, and with an id or a hash that occurs twice.
func AccountKey(name, header string, accounts []Account) (*Scheme, error) {
	accounts = slices.Clone(accounts)
	taken := map[string]bool{}
	for i, a := range accounts {
		hash, err := hex.DecodeString(a.KeyHash)
		switch {
		case a.ID == "":
			return nil, fmt.Errorf("Accounts[%d]: ID is required", i)
		case err != nil || len(hash) != 32 || strings.ToLower(a.KeyHash) != a.KeyHash:
			return nil, fmt.Errorf("Accounts[%d]: KeyHash is not what invoice.HashKey answers", i)
		case taken["id "+a.ID] || taken["hash "+a.KeyHash]:
			return nil, fmt.Errorf("Accounts[%d]: ID or KeyHash is taken", i)
		}
		taken["id "+a.ID], taken["hash "+a.KeyHash] = true, true
	}
	check := func(r *Request) error {
		key := r.Header.Get(header)
		found := -1
		if raw, err := hex.DecodeString(key); err == nil && len(raw) == 32 {
			hash := []byte(invoice.HashKey(key))
			for i, a := range accounts {
				if subtle.ConstantTimeCompare(hash, []byte(a.KeyHash)) == 1 {
					found = i
				}
			}
		}
		if found < 0 {
			return unauthorized(r, header)
		}
		r.Account = accounts[found].ID
		return nil
	}
	return &Scheme{
		Name: name, Header: header, Description: "Key of an account, 64 hexadecimal digits.",
		Faults: []int{http.StatusUnauthorized}, Check: check,
	}, nil
}

func unauthorized(r *Request, header string) error {
	r.w.Header().Set("WWW-Authenticate", `ApiKey header="`+header+`"`)
	return &Error{http.StatusUnauthorized, "The header " + header + " must have a valid API key."}
}
