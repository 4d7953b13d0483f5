package cryptomus

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// nobody is a merchant that does not exist, and noKey a key with which nothing is signed.
const (
	nobody = "00000000-0000-0000-0000-000000000000"
	noKey  = "0000000000000000000000000000000000000000000000000000000000000000"
)

// signed returns the scheme that accepts requests whose body is signed with one of the project's keys, or those that the
// host authenticates.
func (a *api) signed(name, description string, keys ...string) *httpapi.Scheme {
	if a.cfg.Authenticate != nil {
		return httpapi.HostScheme(a.cfg.Authenticate, a.cfg.Projects)
	}
	return &httpapi.Scheme{
		Name: name + "Sign", Header: "sign", Description: description, Sample: signSample(keys[0]),
		With:   &httpapi.Scheme{Name: "merchant", Header: "merchant", Description: "The project's id."},
		Faults: []int{http.StatusUnauthorized, http.StatusForbidden},
		Check:  func(r *httpapi.Request) error { return a.authenticate(r, keys) },
	}
}

// signSample is the shell command that signs a body.
func signSample(key string) string {
	variable := "$PAYMENT_KEY"
	if key == PayoutKey {
		variable = "$PAYOUT_KEY"
	}
	return `$(printf %s "$(printf %s "$BODY" | base64 | tr -d '\n')` + variable + `" | md5sum | cut -d' ' -f1)`
}

// authenticate verifies that one of the merchant's keys has signed the request. Every refusal costs the same: two signatures
// for each key, and one look-up.
func (a *api) authenticate(r *httpapi.Request, keys []string) error {
	body, err := r.Raw()
	if err != nil {
		return err
	}
	merchant, sign := r.Header.Get("merchant"), r.Header.Get("sign")
	if !uuid.MatchString(merchant) {
		merchant = nobody
	}
	asked := time.Now()
	project, _ := a.known.Get(merchant)
	if good := fits(project, keys, body, sign, a.cfg.Now()); !good {
		project, err = a.cfg.Projects.Project(r.Context(), merchant)
		unknown := errors.Is(err, invoice.ErrNotFound)
		if err != nil && !unknown {
			return fmt.Errorf("cryptomus: authenticate: %w", err)
		}
		if good = fits(project, keys, body, sign, a.cfg.Now()); !good || unknown {
			return &httpapi.Error{Status: http.StatusUnauthorized, Message: "Invalid Sign."}
		}
		a.known.Keep(merchant, project, asked)
	}
	if !project.Allows(a.cfg.ClientIP(r.Request)) {
		return &httpapi.Error{Status: http.StatusForbidden, Message: "You are forbidden"}
	}
	r.Project = project
	return nil
}

// fits reports whether one of the project's keys has signed the body. It takes the same time if the project has no keys.
func fits(project invoice.Project, keys []string, body []byte, sign string, now time.Time) bool {
	good := false
	for _, name := range keys {
		taken := project.TakenKeys(name, now)
		for i := range 2 { // the current key and the previous one
			key := noKey
			if i < len(taken) {
				key = taken[i]
			}
			signed := verify(body, sign, key)
			good = good || i < len(taken) && signed
		}
	}
	return good
}

// verify compares signatures in constant time. A body without parameters may be signed as it is or, as in the published
// documents, as an empty one.
func verify(body []byte, sign, key string) bool {
	good := subtle.ConstantTimeCompare([]byte(sign), []byte(Signature(body, key)))
	empty := subtle.ConstantTimeCompare([]byte(sign), []byte(Signature(nil, key)))
	if text := string(body); text == "" || text == "{}" || text == "[]" {
		good |= empty
	}
	return good == 1
}
