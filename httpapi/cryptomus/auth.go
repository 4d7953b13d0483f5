package cryptomus

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// nobody is a merchant that does not exist, and noKey a key that signs nothing: who is refused costs as much as
// who is let in.
const (
	nobody = "00000000-0000-0000-0000-000000000000"
	noKey  = "0000000000000000000000000000000000000000000000000000000000000000"
)

// signed lets in requests whose body is signed with one of the project's keys.
func (a *api) signed(name, description string, keys ...string) *httpapi.Scheme {
	return &httpapi.Scheme{
		Name: name + "Sign", Header: "sign", Description: description,
		With:   &httpapi.Scheme{Name: "merchant", Header: "merchant", Description: "The project's id."},
		Faults: []int{http.StatusUnauthorized, http.StatusForbidden},
		Check:  func(r *httpapi.Request) error { return a.authenticate(r, keys) },
	}
}

// authenticate looks the merchant up and checks the signature, whatever it finds.
func (a *api) authenticate(r *httpapi.Request, keys []string) error {
	body, err := r.Raw()
	if err != nil {
		return err
	}
	merchant := r.Header.Get("merchant")
	if !uuid.MatchString(merchant) {
		merchant = nobody
	}
	project, err := a.cfg.Projects.Project(r.Context(), merchant)
	unknown := errors.Is(err, invoice.ErrNotFound)
	if err != nil && !unknown {
		return fmt.Errorf("cryptomus: authenticate: %w", err)
	}
	fits := 0
	for _, name := range keys {
		key, has := project.Keys[name]
		if !has {
			key.Value = noKey
		}
		if good := verify(body, r.Header.Get("sign"), key.Value); has && good {
			fits = 1
		}
	}
	if unknown || fits == 0 {
		return &httpapi.Error{Status: http.StatusUnauthorized, Message: "Invalid Sign."}
	}
	if !project.Allows(a.cfg.ClientIP(r.Request)) {
		return &httpapi.Error{Status: http.StatusForbidden, Message: "You are forbidden"}
	}
	r.Project = project
	return nil
}

// verify compares signatures in constant time. A body without parameters may be signed as it is or as if there
// were none, which the published documents do.
func verify(body []byte, sign, key string) bool {
	good := subtle.ConstantTimeCompare([]byte(sign), []byte(webhook.CryptomusSignature(body, key)))
	empty := subtle.ConstantTimeCompare([]byte(sign), []byte(webhook.CryptomusSignature(nil, key)))
	if text := string(body); text == "" || text == "{}" || text == "[]" {
		good |= empty
	}
	return good == 1
}
