package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi"
)

// Caller is the client of a request in a walk.
type Caller string

// Callers of a walk.
const (
	Shop     Caller = ""         // owner of the ids in the exercises
	Rival    Caller = "rival"    // another project, with its own key
	Stranger Caller = "stranger" // with an invalid key
	Nobody   Caller = "nobody"   // without a key
	Abroad   Caller = "abroad"   // the shop, from an address that is not allowed
	Sibling  Caller = "sibling"  // the shop, for objects of another API of its project
)

// Walk requests every operation of an API as every caller without access, once for an object of the shop and once for an
// object that does not exist, and as the shop for objects of another API of its project. Both responses must be alike, and
// cost the store the same calls, so that nothing distinguishes a foreign object from one that does not exist. None of these
// requests may write, and no response may contain what only the shop, or only the other API, knows.
func Walk(t *testing.T, subject func(t testing.TB) Subject) {
	t.Helper()
	w := &walker{T: t, Subject: subject(t)}
	w.api = w.API(httpapi.Limit{}, nil)
	for _, route := range w.api.Routes() {
		e := w.exercise(route)
		w.walk(route, e, route.Auth == nil)
		for _, way := range e.Ways {
			w.walk(route, way.of(e), false)
		}
	}
	w.repeat()
	if err := w.compared.enough(len(w.Siblings) > 0); err != nil {
		t.Error(err)
	}
}

// compared counts the pairs of responses that a walk has compared.
type compared struct{ refused, siblings int }

// enough returns an error if a walk has compared nothing, and so has proved nothing.
func (c compared) enough(siblings bool) error {
	switch {
	case c.refused == 0:
		return errors.New("contract: walk: no operation was requested without access")
	case siblings && c.siblings == 0:
		return errors.New("contract: walk: no operation was requested for an object of another API of the project")
	}
	return nil
}

// abroad is an address from which the shop's key is not allowed.
const abroad = "198.51.100.7:1"

// Host returns an example of an [httpapi.Authenticate]: it takes the project from a header of the request, and forbids
// requests from abroad.
func Host(header string, projects map[string]string) httpapi.Authenticate {
	return func(r *http.Request) (string, error) {
		project, known := projects[r.Header.Get(header)]
		switch {
		case r.RemoteAddr == abroad:
			return "", fmt.Errorf("session: %w", httpapi.ErrForbidden)
		case !known:
			return "", fmt.Errorf("session: %w", httpapi.ErrUnauthorized)
		}
		return project, nil
	}
}

type walker struct {
	*testing.T
	Subject
	api      *httpapi.API
	compared compared
}

// seen is a request, its response, and its cost.
type seen struct {
	asked  string // method, path, query and body
	who    Caller
	status int
	header http.Header
	body   string
	calls  []string
}

// as makes a request as a caller, for an object of the shop or for one that does not exist.
func (w *walker) as(route httpapi.Route, e Exercise, who Caller, lost bool) seen {
	w.Helper()
	e.As, e.Lost = who, lost
	r := w.Request(route, e)
	for name, value := range e.Header {
		r.Header.Set(name, value)
	}
	switch who {
	case Nobody:
		w.Strip(r)
	case Abroad:
		r.RemoteAddr = abroad
	case Shop, Rival, Stranger, Sibling:
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.Fatal(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.Store.Calls()
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	calls := w.Store.Calls()
	if route.Auth != nil && len(calls) > 0 && (calls[0] == "ProjectByKey" || calls[0] == "Project") {
		calls = calls[1:] // the caller may be cached
	}
	got := seen{r.Method + " " + r.URL.String() + " " + string(body), who, rec.Code, rec.Header(), rec.Body.String(), calls}
	got.header.Del("X-Request-Id")
	if who != Shop && who != Sibling && route.Auth != nil {
		w.keeps(w.Secrets, got)
	}
	w.keeps(w.Siblings, got)
	return got
}

// walk tests that an object is hidden from everybody but the shop, or is public.
func (w *walker) walk(route httpapi.Route, e Exercise, open bool) {
	w.Helper()
	if route.Auth == nil {
		w.public(route, e, open)
		w.siblings(route, e)
		return
	}
	w.siblings(route, e)
	statuses := map[Caller]int{Stranger: http.StatusUnauthorized, Nobody: http.StatusUnauthorized, Rival: 0}
	if slices.Contains(route.Auth.Faults, http.StatusForbidden) {
		statuses[Abroad] = http.StatusForbidden
	}
	for who, status := range statuses {
		before := w.rows()
		theirs, nothing := w.as(route, e, who, false), w.as(route, e, who, true)
		if who == Rival && theirs.asked == nothing.asked {
			continue // it names no object, and belongs to the rival
		}
		w.alike(theirs, nothing)
		w.compared.refused++
		if w.rows() != before {
			w.Errorf("%s as %s wrote", theirs.asked, who)
		}
		if status != 0 && theirs.status != status {
			w.Errorf("%s as %s: %d, not %d", theirs.asked, who, theirs.status, status)
		}
	}
}

// siblings tests that objects of another API of the project are not found.
func (w *walker) siblings(route httpapi.Route, e Exercise) {
	w.Helper()
	before := w.rows()
	theirs, nothing := w.as(route, e, Sibling, false), w.as(route, e, Sibling, true)
	if theirs.asked == nothing.asked {
		return // it names no object
	}
	w.alike(theirs, nothing)
	w.compared.siblings++
	if w.rows() != before {
		w.Errorf("%s as %s wrote", theirs.asked, Sibling)
	}
}

// public tests that the response does not depend on the caller.
func (w *walker) public(route httpapi.Route, e Exercise, open bool) {
	w.Helper()
	w.as(route, e, Nobody, false) // after which nothing is left to change
	if !open {
		w.alike(w.as(route, e, Nobody, false), w.as(route, e, Nobody, true))
	}
	for _, lost := range []bool{true, false} {
		first := w.as(route, e, Nobody, lost)
		for _, who := range []Caller{Stranger, Rival, Abroad, Shop} {
			w.alike(w.as(route, e, who, lost), first)
		}
	}
}

// alike tests that two responses cannot be distinguished.
func (w *walker) alike(a, b seen) {
	w.Helper()
	if a.status != b.status || a.body != b.body || !sameHeader(a.header, b.header) {
		w.Errorf("%s as %q: %d %s %v\n%s as %q: %d %s %v", a.asked, a.who, a.status, a.body, a.header, b.asked, b.who, b.status, b.body, b.header)
	}
	if !slices.Equal(a.calls, b.calls) {
		w.Errorf("%s as %q asks the store %v\n%s as %q %v", a.asked, a.who, a.calls, b.asked, b.who, b.calls)
	}
}

func sameHeader(a, b http.Header) bool {
	var x, y bytes.Buffer
	_, _ = a.Write(&x), b.Write(&y) // a buffer never fails
	return x.String() == y.String()
}

func (w *walker) keeps(secrets []string, got seen) {
	w.Helper()
	for _, secret := range secrets {
		if strings.Contains(got.body, secret) {
			w.Errorf("%s as %q: %d %s has %s", got.asked, got.who, got.status, got.body, secret)
		}
	}
}

// repeat repeats a request of the shop, with its Idempotency-Key, as every caller: only the shop gets the first response.
func (w *walker) repeat() {
	w.api = w.API(httpapi.Limit{}, w.replies(w.T))
	for _, route := range w.api.Routes() {
		if route.Auth == nil || route.Method == http.MethodGet || route.Reads {
			continue
		}
		e := w.exercise(route)
		e.Header = maps.Clone(e.Header)
		if e.Header == nil {
			e.Header = map[string]string{}
		}
		e.Header["Idempotency-Key"] = "the-shops"
		first := w.as(route, e, Shop, false)
		for _, who := range []Caller{Shop, Rival, Stranger, Nobody, Abroad} {
			got := w.as(route, e, who, false)
			replayed := got.header.Get("Idempotent-Replayed") != ""
			its := who == Shop || who == Abroad && !slices.Contains(route.Auth.Faults, http.StatusForbidden)
			if replayed && !its || !replayed && its && first.status < 300 {
				w.Errorf("%s as %q is replayed: %t", got.asked, who, replayed)
			}
		}
	}
}

func (w *walker) rows() string {
	w.Helper()
	rows, err := w.Store.Rows()
	if err != nil {
		w.Fatal(err)
	}
	return rows
}
