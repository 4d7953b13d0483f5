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

	"github.com/cointill/cointill/httpapi/internal/known"
	"github.com/cointill/cointill/invoice"
)

// Scheme is a way to say who asks.
type Scheme struct {
	Name        string // in the document
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

// ClientIP answers where a request comes from; the zero address when it cannot tell, which no
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
