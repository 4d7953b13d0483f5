// Package contract tests the responses of an API against the OpenAPI document that it serves, as a foreign implementation
// of OpenAPI 3.1 reads it, against golden files, with random requests, and with clients that have no access. An API
// describes once how each of its operations succeeds and fails; [Examine], [Walk] and [Fuzz] do the rest.
package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cointill/cointill/httpapi"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Document is an OpenAPI document. It is stricter than its text: undeclared members of objects are errors.
type Document struct{ *openapi3.T }

// Read parses and validates a document.
func Read(text []byte) (*Document, error) {
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("contract: read: %w", err)
	}
	if !doc.IsOpenAPI31OrLater() {
		return nil, errors.New("contract: it is older than OpenAPI 3.1")
	}
	if err := doc.Validate(context.Background()); err != nil {
		return nil, fmt.Errorf("contract: validate: %w", err)
	}
	for _, s := range doc.Components.Schemas {
		if len(s.Value.Properties) > 0 {
			s.Value.AdditionalProperties = openapi3.AdditionalProperties{Has: new(bool)}
		}
	}
	return &Document{doc}, nil
}

// known caches documents by their text.
var known sync.Map

// Of returns the document of an API. It may be called concurrently, and parses each document once.
func Of(t testing.TB, api *httpapi.API) *Document {
	t.Helper()
	text := api.OpenAPI()
	if doc, ok := known.Load(string(text)); ok {
		return doc.(*Document)
	}
	doc, err := Read(text)
	if err != nil {
		t.Fatal(err)
	}
	known.Store(string(text), doc)
	return doc
}

// Fits fails the test unless the API's document declares the response for the operation, or has no such operation.
func Fits(t testing.TB, api *httpapi.API, r *http.Request, status int, header http.Header, body []byte) {
	t.Helper()
	if _, err := Of(t, api).Answer(r, status, header, body); err != nil {
		t.Fatalf("%s %s: %d %s: %v", r.Method, r.URL, status, body, err)
	}
}

// NewRequest returns a request with a key in a header, unless it is empty, and with JSON as its body, unless that is.
func NewRequest(method, path, header, key, body string) *http.Request {
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set(header, key)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// Exchange makes a request of an API and returns the response, which has the headers of every response and fits the document.
// If it is a success, the document declares the body of the request too.
func Exchange(t testing.TB, api *httpapi.API, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(sent))
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, r)
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
	} {
		if got := rec.Header().Get(name); got != want {
			t.Fatalf("%s %s: %s is %q, not %q", r.Method, r.URL, name, got, want)
		}
	}
	if id := rec.Header().Get("X-Request-Id"); len(id) != 16 {
		t.Fatalf("%s %s: X-Request-Id is %q", r.Method, r.URL, id)
	}
	if r.Method != http.MethodHead {
		Fits(t, api, r, rec.Code, rec.Header(), rec.Body.Bytes())
	}
	if rec.Code < 300 && (len(sent) > 0 || r.Method == http.MethodPost) {
		Takes(t, api, r, sent)
	}
	return rec
}

// Object decodes a body that is a JSON object. Its numbers are json.Number.
func Object(t testing.TB, body []byte) map[string]any {
	t.Helper()
	var out map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&out); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return out
}

// lax caches documents that allow undeclared members of objects, by their text.
var lax sync.Map

// Takes fails the test unless the API's document declares a request that was accepted, as foreign programs read the
// document. It ignores the Content-Type and spaces around the body.
func Takes(t testing.TB, api *httpapi.API, r *http.Request, body []byte) {
	t.Helper()
	text := string(api.OpenAPI())
	known, ok := lax.Load(text)
	if !ok {
		doc, err := openapi3.NewLoader().LoadFromData([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		known, _ = lax.LoadOrStore(text, &Document{doc})
	}
	doc := known.(*Document)
	r = r.Clone(context.Background())
	r.Header.Set("Content-Type", "application/json")
	if err := doc.Request(r, bytes.TrimSpace(body)); err != nil {
		t.Fatalf("%s %s %s is taken, and the document says: %v", r.Method, r.URL, body, err)
	}
}

// Operation returns the operation of a request, or nil if there is none.
func (d *Document) Operation(method, path string) *openapi3.Operation {
	if route, _ := d.route(method, path); route != nil {
		return route.Operation
	}
	return nil
}

// Operations returns all operations in order, each as its method, path and id separated by spaces.
func (d *Document) Operations() (out []string) {
	for path, item := range d.Paths.Map() {
		for method, op := range item.Operations() {
			out = append(out, method+" "+path+" "+op.OperationID)
		}
	}
	slices.Sort(out)
	return out
}

// Statuses returns the statuses that an operation declares.
func Statuses(op *openapi3.Operation) []string {
	return slices.Collect(maps.Keys(op.Responses.Map()))
}

// route returns the operation of a request and the values of its path parameters, or nil if there is none.
func (d *Document) route(method, path string) (*routers.Route, map[string]string) {
	for _, template := range d.Paths.InMatchingOrder() {
		want, have := strings.Split(template, "/"), strings.Split(path, "/")
		params, same := map[string]string{}, len(want) == len(have)
		for i := 0; same && i < len(want); i++ {
			if name, ok := strings.CutPrefix(want[i], "{"); ok {
				params[strings.TrimSuffix(name, "}")] = have[i]
			} else {
				same = want[i] == have[i]
			}
		}
		item := d.Paths.Value(template)
		if op := item.GetOperation(method); same && op != nil {
			return &routers.Route{Spec: d.T, Path: template, PathItem: item, Method: method, Operation: op}, params
		}
	}
	return nil, nil
}

// input returns a copy of a request with its body, for validation, or nil if the document has no such operation.
func (d *Document) input(r *http.Request, body []byte) *openapi3filter.RequestValidationInput {
	route, params := d.route(r.Method, r.URL.Path)
	if route == nil {
		return nil
	}
	again := r.Clone(context.Background())
	again.Body = io.NopCloser(bytes.NewReader(body))
	return &openapi3filter.RequestValidationInput{
		Request: again, Route: route, PathParams: params, QueryParams: r.URL.Query(),
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true, SkipSettingDefaults: true,
		},
	}
}

// Request returns an error unless a request is as declared.
func (d *Document) Request(r *http.Request, body []byte) error {
	in := d.input(r, body)
	if in == nil {
		return fmt.Errorf("contract: no operation %s %s", r.Method, r.URL.Path)
	}
	return openapi3filter.ValidateRequest(context.Background(), in)
}

// Answer returns an error unless the response to a request is as declared. It returns the id of the operation, which is ""
// if the document has none for the request; then any response is valid.
func (d *Document) Answer(r *http.Request, status int, header http.Header, body []byte) (operation string, err error) {
	in := d.input(r, nil)
	if in == nil {
		return "", nil
	}
	return in.Route.Operation.OperationID, openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Options: in.Options,
	})
}
