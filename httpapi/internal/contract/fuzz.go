package contract

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi"
)

// Fuzz sends random requests to every operation of an API, with valid credentials, and signed if necessary. No request may
// cause an internal error, and a refused one must not change the store. The seeds are the exercises, and more bodies for
// the first operation.
func Fuzz(f *testing.F, subject func(t testing.TB) Subject, more ...string) {
	s := subject(f)
	for i, route := range s.API(httpapi.Limit{}, nil).Routes() {
		e := s.Exercises[route.OperationID]
		add := func(target, body string) {
			_, query, _ := strings.Cut(target, "?")
			f.Add(uint8(i), "", query, body, "c")
		}
		add(e.Target, e.Body)
		for _, way := range e.Ways {
			add(way.Target, way.Body)
		}
		for _, r := range slices.Concat(e.Refuse, e.Then) {
			add(r.Target, r.Body)
		}
		f.Add(uint8(i), "%00/\x00/'", "cursor=%00&search=%ff&page=1000000000&a", "[]", "\x00")
	}
	for _, body := range more {
		f.Add(uint8(0), "", "", body, "")
	}
	var z *fuzzed
	f.Fuzz(func(t *testing.T, which uint8, ids, query, body, header string) {
		if z == nil || z.written > 50 { // all rows are compared for each request
			z = &fuzzed{Subject: subject(t)}
			z.api = z.API(httpapi.Limit{}, z.replies(t))
		}
		routes := z.api.Routes()
		route := routes[int(which)%len(routes)]
		z.serve(t, z.request(route, ids, query, body, header))
	})
}

// fuzzed is an API that handles many requests.
type fuzzed struct {
	Subject
	api     *httpapi.API
	written int // number of requests that changed the store
}

// request returns the exercise of a route with another body and query, with the path parameters in ids, and with the value
// header in each header of the exercise.
func (z *fuzzed) request(route httpapi.Route, ids, query, body, header string) *http.Request {
	e := z.exercise(route)
	e.Target, _, _ = strings.Cut(e.Target, "?")
	e.Body = body
	r := z.Request(route, e)
	parts, values := strings.Split(r.URL.Path, "/"), strings.Split(ids, "/")
	for i, part := range strings.Split(route.Path, "/") {
		if !strings.HasPrefix(part, "{") || len(values) == 0 {
			continue
		}
		if values[0] != "" {
			parts[i] = values[0]
		}
		values = values[1:]
	}
	r.URL.Path, r.URL.RawQuery = strings.Join(parts, "/"), query
	for name := range e.Header {
		r.Header.Set(name, header)
	}
	if route.Method != http.MethodGet && header != "c" { // most have none
		r.Header["Idempotency-Key"] = []string{header}
	}
	return r
}

// serve tests the properties of every request.
func (z *fuzzed) serve(t *testing.T, r *http.Request) {
	before, err := z.Store.Rows()
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	z.api.ServeHTTP(rec, r)
	after, err := z.Store.Rows()
	switch {
	case err != nil:
		t.Fatal(err)
	case rec.Code >= 500 && rec.Code != http.StatusNotImplemented:
		t.Fatalf("%s %s: %d %s", r.Method, r.URL, rec.Code, rec.Body)
	case rec.Code >= 400 && before != after:
		t.Fatalf("%s %s: %d %s\nleft %s\nof   %s", r.Method, r.URL, rec.Code, rec.Body, after, before)
	case rec.Header().Get("Content-Type") == "application/json" && !json.Valid(bytes.TrimSpace(rec.Body.Bytes())):
		t.Fatalf("%s %s: %d %q", r.Method, r.URL, rec.Code, rec.Body)
	case before != after:
		z.written++
	}
}
