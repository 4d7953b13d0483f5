package staff

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/cointill/cointill/httpapi/desk"
)

// visit is one request for a page.
type visit struct {
	*Staff
	w http.ResponseWriter
	r *http.Request

	administers bool // signedIn has found an administrator
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// field returns a field of the form or of the query.
func (v *visit) field(name string) string { return v.r.FormValue(name) }

// next returns the page to go on to, or an empty text.
func (v *visit) next() string { return nextPath(v.field("next")) }

// to answers with a redirect to a page of the handler. The URL is relative, so that the handler works under any path.
func (v *visit) to(page string) {
	v.w.Header().Set("Location", page)
	v.w.WriteHeader(http.StatusSeeOther)
}

// on goes on to the next page, or home.
func (v *visit) on() {
	v.to(v.onward())
}

// onward returns the next page, or home.
func (v *visit) onward() string { return cmp.Or(v.next(), v.cfg.Home, "./") }

// here returns the path of this page, for the pages that lead back to it.
func (v *visit) here() string {
	path := v.base + v.r.URL.EscapedPath()[min(1, len(v.r.URL.EscapedPath())):]
	if v.r.Method == http.MethodGet && v.r.URL.RawQuery != "" {
		path += "?" + v.r.URL.RawQuery
	}
	return path
}

// show answers with a page.
func (v *visit) show(status int, name string, data map[string]any) {
	if data == nil {
		data = map[string]any{}
	}
	data["Shop"], data["Home"], data["Next"], data["Administrator"] = v.cfg.Title, v.cfg.Home, v.next(), v.administers
	body, err := v.pages.render(name, v.r.URL.Path, data)
	if err != nil {
		v.cfg.Logger.ErrorContext(v.ctx(), "staff: page "+name, "err", err)
		http.Error(v.w, "Something went wrong.", http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(body) // a client that has gone away needs no answer
}

// refuse answers with a page that only says why.
func (v *visit) refuse(status int, why string) {
	v.show(status, "message", map[string]any{"Title": http.StatusText(status), "Message": why})
}

// fail answers an error. What it says goes to the log, and not to the person.
func (v *visit) fail(err error) {
	switch {
	case errors.Is(err, errBusy):
		v.w.Header().Set("Retry-After", "5")
		v.refuse(http.StatusServiceUnavailable, "Many people sign in right now. Try again in a few seconds.")
	case errors.Is(err, desk.ErrSignedOut): // the session has ended while the request was served
		v.to("sign-in" + asQuery(v.pageHere()))
	case v.ctx().Err() != nil: // nobody waits for the answer
		v.refuse(http.StatusServiceUnavailable, "The request was given up.")
	default:
		v.cfg.Logger.ErrorContext(v.ctx(), "staff: "+v.r.Method+" "+v.r.URL.Path, "err", err)
		v.refuse(http.StatusInternalServerError, "Something went wrong. Nothing may have been changed; look before you try again.")
	}
}

// tooMany answers an attempt that has to wait.
func (v *visit) tooMany(page string, wait time.Duration, data map[string]any) {
	seconds := max(1, int((wait+time.Second-1)/time.Second))
	v.w.Header().Set("Retry-After", strconv.Itoa(seconds))
	// A passkey cannot be guessed, so that it need not wait for those who guess passwords.
	if page == "sign-in" || data["Passkeys"] == true {
		if err := v.challenge(data); err != nil {
			v.fail(err)
			return
		}
	}
	data["Problem"] = fmt.Sprintf("Too many attempts. Try again in %s.", spoken(seconds))
	v.show(http.StatusTooManyRequests, page, data)
}

func spoken(seconds int) string {
	switch {
	case seconds == 1:
		return "a second"
	case seconds < 120:
		return fmt.Sprintf("%d seconds", seconds)
	}
	return fmt.Sprintf("%d minutes", (seconds+59)/60)
}

func (v *visit) missing() { v.refuse(http.StatusNotFound, "There is no such page.") }

func (v *visit) foreign() {
	v.refuse(http.StatusForbidden, "The request came from another site. Nothing was done.")
}

// signedIn returns the session of the person, or leads to the page for signing in.
func (v *visit) signedIn() (f found, ok bool) {
	f, err := v.session(v.r)
	switch {
	case errors.Is(err, desk.ErrSignedOut):
		v.to("sign-in" + asQuery(v.pageHere()))
		return f, false
	case err != nil:
		v.fail(err)
		return f, false
	case f.Stage == stageSecond:
		v.to("second" + asQuery(v.pageHere()))
		return f, false
	}
	v.administers = f.member.Role.May(desk.RoleAdministrator)
	return f, true
}

// pageHere is the page to come back to: after a form that was not accepted, the one with the form.
func (v *visit) pageHere() string {
	if v.r.URL.Path == "/prove" { // whoever has just signed in has proved who they are
		return v.next()
	}
	if v.r.Method == http.MethodGet || v.r.Method == http.MethodHead {
		return v.here()
	}
	switch v.r.URL.Path {
	case "/invite", "/password", "/enrol":
		return v.here()
	case "/member":
		return v.here() + "?" + url.Values{"id": {v.field("id")}}.Encode()
	}
	return v.base
}

// proven returns the session of a person who has proved who they are a short time ago, or leads to the page for that.
func (v *visit) proven() (f found, ok bool) {
	f, ok = v.signedIn()
	return f, ok && v.fresh(f)
}

// fresh reports whether the person has proved who they are a short time ago, or leads to the page for that.
func (v *visit) fresh(f found) bool {
	if v.cfg.Now().Sub(v.person(f).Proved) > v.cfg.Fresh {
		v.to("prove" + asQuery(v.pageHere()))
		return false
	}
	return true
}

// mayAdminister returns the session of an administrator, or answers.
func (v *visit) mayAdminister() (f found, ok bool) {
	f, ok = v.signedIn()
	if ok && !v.administers {
		v.refuse(http.StatusForbidden, "Only administrators may see this page.")
	}
	return f, ok && v.administers
}

// administrator returns the session of an administrator who has proved who they are a short time ago, or answers.
func (v *visit) administrator() (f found, ok bool) {
	f, ok = v.mayAdminister()
	return f, ok && v.fresh(f)
}
