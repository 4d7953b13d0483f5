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
	Name        string // in the document; empty, like Header, if the host authenticates; see [HostScheme]
	Header      string // that carries the key
	Description string
	Faults      []int // statuses that Check refuses with
	// Sample is a shell word for the value of the header in samples of requests. It may use $BODY, the body of the
	// request. If empty, samples have a variable.
	Sample string
	// With describes a second required header, for the document; Check examines both. Only its Name, Header, Description
	// and Sample are used. It may be nil.
	With *Scheme
	// Check authenticates the request and sets its Project or Account, or returns an [Error].
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

// ProjectKey returns a scheme that authenticates projects by their API key in a header, from the addresses that the project
// allows. If from is nil, it is [RemoteIP]. An authenticated key is cached for a second, so a key that is revoked, or a list
// of addresses that is changed, may stay valid for that time.
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
// token or the certificate by which the host knows its users. The configuration of every API has a field Authenticate.
//
// It returns the id of an existing project. An empty id, the id of a project that does not exist, and an error that wraps
// [ErrUnauthorized] or [invoice.ErrNotFound] lead to the API's response 401. An error that wraps [ErrForbidden] leads to
// 403. Any other error is handled like one of the store: an [invoice.ErrBusy] as busy, the rest as a logged internal error.
//
// It is called once for each request for an operation that needs a project, before the body, the parameters and anything in
// the store is read. After it the project is read, once for each request. It may be called concurrently, may block until
// the context of the request ends, and must not read the body.
//
// API keys and signatures are then ignored, and so are the addresses that a project allows ([invoice.Project.AllowedIPs]),
// which restrict the use of its key. The host checks the addresses of its users itself if it needs to. Everything else
// stays the same. A [Limit] counts a project's requests by project, and refused ones by the address of the client,
// which then gets 429 without a call. An Idempotency-Key belongs to the project. A project sees only what belongs to it, and
// the administrators of an API are those that its configuration names. Public operations stay public, and those for accounts
// still require the keys of accounts.
//
// The OpenAPI document declares no security scheme for these operations, and its description states that the host
// authenticates requests. A 401 has no header WWW-Authenticate, unless the host's middleware sets it.
//
// Browsers send cookies with cross-site requests, so a host that authenticates by cookie must refuse forged ones before they
// arrive here, for example with [http.CrossOriginProtection]. Some operations accept bodies of any Content-Type.
type Authenticate func(r *http.Request) (project string, err error)

// Errors that an [Authenticate] returns to refuse a request.
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

// plausible reports whether a text can be the id of a project. Databases refuse queries with some other texts.
func plausible(id string) bool {
	return id != "" && len(id) <= 255 && utf8.ValidString(id) && !strings.ContainsFunc(id, unicode.IsControl)
}

// open finds the project by the hash of its key, as the store does, so that the time that it takes reveals nothing about a
// key.
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

// AccountKey returns a scheme that authenticates accounts by their key in a header. It compares every account, in constant
// time. It returns an error for an account without an id, with an invalid hash, or with an id or a hash that occurs twice.
func AccountKey(name, header string, accounts []Account) (*Scheme, error) {
	accounts = slices.Clone(accounts)
	taken := map[string]bool{}
	for i, a := range accounts {
		hash, err := hex.DecodeString(a.KeyHash)
		switch {
		case a.ID == "":
			return nil, fmt.Errorf("Accounts[%d]: ID is required", i)
		case err != nil || len(hash) != 32 || strings.ToLower(a.KeyHash) != a.KeyHash:
			return nil, fmt.Errorf("Accounts[%d]: KeyHash is not a result of invoice.HashKey", i)
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
