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

// Caller is who asks in a walk.
type Caller string

// Who asks.
const (
	Shop     Caller = ""         // whose ids the exercises have
	Rival    Caller = "rival"    // another project, with its own key
	Stranger Caller = "stranger" // with a key that is none
	Nobody   Caller = "nobody"   // without one
	Abroad   Caller = "abroad"   // the shop, from an address that it does not allow
	Sibling  Caller = "sibling"  // the shop, for what another API of its project has made
)

// Walk asks every operation of an API as everybody who may not, for what is the shop's and for the same of nothing, and as
// the shop for what another API of its project has made. Both must be answered alike, and cost the store the same calls:
// so nothing tells what is another's from what is not there. Nothing of that writes, and nothing has what only the shop
// knows, or what only the other API does.
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

// compared counts the pairs of answers that a walk has compared.
type compared struct{ refused, siblings int }

// enough returns an error if a walk has compared nothing, and so has shown nothing.
func (c compared) enough(siblings bool) error {
	switch {
	case c.refused == 0:
		return errors.New("contract: walk: no operation was asked by somebody who may not ask")
	case siblings && c.siblings == 0:
		return errors.New("contract: walk: no operation was asked for what another API of the project has made")
	}
	return nil
}

// abroad is an address that the shop does not allow.
const abroad = "198.51.100.7:1"

// Host returns an [httpapi.Authenticate] as a host may have it: the project is found by a header of the request, and
// requests from abroad are forbidden.
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

// seen is a request, its answer, and what that cost.
type seen struct {
	asked  string // method, path, query and body
	who    Caller
	status int
	header http.Header
	body   string
	calls  []string
}

// as asks as somebody, for what is the shop's or for what is lost.
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
		calls = calls[1:] // who asks may be remembered
	}
	got := seen{r.Method + " " + r.URL.String() + " " + string(body), who, rec.Code, rec.Header(), rec.Body.String(), calls}
	got.header.Del("X-Request-Id")
	if who != Shop && who != Sibling && route.Auth != nil {
		w.keeps(w.Secrets, got)
	}
	w.keeps(w.Siblings, got)
	return got
}

// walk demands that what is asked for is hidden from everybody but the shop, or that everybody may see it.
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
			continue // it names nothing, and is the rival's own
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

// siblings demands that what another API of the project has made is not there, whatever the shop asks for.
func (w *walker) siblings(route httpapi.Route, e Exercise) {
	w.Helper()
	before := w.rows()
	theirs, nothing := w.as(route, e, Sibling, false), w.as(route, e, Sibling, true)
	if theirs.asked == nothing.asked {
		return // it names nothing
	}
	w.alike(theirs, nothing)
	w.compared.siblings++
	if w.rows() != before {
		w.Errorf("%s as %s wrote", theirs.asked, Sibling)
	}
}

// public demands that it does not matter who asks.
func (w *walker) public(route httpapi.Route, e Exercise, open bool) {
	w.Helper()
	w.as(route, e, Nobody, false) // after which there is nothing to change any more
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

// alike demands that nothing tells two answers apart.
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
	_, _ = a.Write(&x), b.Write(&y) // a buffer takes everything
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

// repeat has everybody repeat what the shop has done, with its Idempotency-Key: only the shop is answered as it was.
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
