package contract

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/spy"
)

// Subject is an API under test.
type Subject struct {
	API     func(limit httpapi.Limit, replies httpapi.Replies) *httpapi.API // returns a new API on the same store
	Request func(route httpapi.Route, e Exercise) *http.Request             // returns a request from 192.0.2.1, signed if necessary
	Strip   func(r *http.Request)                                           // removes the credentials
	Store   *spy.Store                                                      // the store of all APIs
	Replies func(t testing.TB) httpapi.Replies                              // returns replies without entries; if nil, in memory

	Exercises map[string]Exercise // by the id of the operation
	Secrets   []string            // texts that only the shop knows
	Siblings  []string            // texts that only another API of the shop's project knows; no response may have them
	// Unreachable maps "operation status" to the reason why a status that is declared for all operations cannot occur.
	Unreachable map[string]string
}

func (s Subject) replies(t testing.TB) httpapi.Replies {
	if s.Replies != nil {
		return s.Replies(t)
	}
	return httpapi.NewReplies(0)
}

func (s Subject) exercise(route httpapi.Route) Exercise {
	e := s.Exercises[route.OperationID]
	e.Target = cmp.Or(e.Target, route.Path)
	return e
}

// Exercise describes a request that succeeds. The keys of its project are valid from 192.0.2.1 alone.
type Exercise struct {
	Who    string // as the subject interprets it
	Target string // path and query; default the route's path
	Body   string
	Header map[string]string
	Refuse []Refusal // before the success
	Then   []Refusal // after the success
	Ways   []Way     // other requests for the same thing, for Walk

	// For the subject: the client, and whether the request names something that does not exist.
	As   Caller
	Lost bool
}

// Way is another request for the same thing. Empty fields are those of the exercise.
type Way struct{ Target, Body string }

func (way Way) of(e Exercise) Exercise {
	e.Target, e.Body = cmp.Or(way.Target, e.Target), cmp.Or(way.Body, e.Body)
	return e
}

// Refusal is a request that the operation itself refuses.
type Refusal struct {
	Status       int
	Target, Body string                          // default those of the exercise
	Header       map[string]string               // default that of the exercise
	API          func(t testing.TB) *httpapi.API // an API that lacks something; default the one under test
	Says         string                          // text in the response
}

// Answer is a response of an operation.
type Answer struct {
	Operation string
	Status    int
	Body      string
}

// Examine makes every operation of an API succeed and return each error that its document declares, once without and once
// with an Idempotency-Key. It fails the test unless all requests and responses are as declared. It returns the responses.
func Examine(t *testing.T, s func(t testing.TB) Subject) (answers []Answer) {
	t.Helper()
	for name, keys := range map[string]bool{"as it is": false, "with keys": true} {
		t.Run(name, func(t *testing.T) {
			x := &examiner{T: t, Subject: s(t), keyed: keys, seen: map[string]bool{}}
			var replies httpapi.Replies
			if keys {
				replies = x.replies(t)
			}
			x.api, x.cold, x.limited = x.API(httpapi.Limit{}, replies), x.API(httpapi.Limit{}, replies), x.API(httpapi.Limit{PerSecond: 1}, replies)
			x.held = map[int]*httpapi.API{
				http.StatusConflict:            x.API(httpapi.Limit{}, held(func(running []byte) []byte { return running })),
				http.StatusUnprocessableEntity: x.API(httpapi.Limit{}, held(func([]byte) []byte { return []byte(`{"print":"another"}`) })),
			}
			doc, err := Read(x.api.OpenAPI())
			x.must(err)
			x.doc = doc
			for _, route := range x.api.Routes() {
				x.examine(route)
			}
			x.finish()
			answers = append(answers, x.answers...)
		})
	}
	return answers
}

// examiner walks the operations of one API.
type examiner struct {
	*testing.T
	Subject
	api     *httpapi.API
	cold    *httpapi.API // authenticated nobody, so that it caches no key
	limited *httpapi.API
	held    map[int]*httpapi.API // have an entry for every key, and so respond with the status
	doc     *Document
	keyed   bool            // whether requests have keys
	seen    map[string]bool // "operation status"
	answers []Answer
	keys    int // number of keys given to requests
}

func (x *examiner) must(err error) {
	x.Helper()
	if err != nil {
		x.Fatal(err)
	}
}

func (x *examiner) examine(route httpapi.Route) {
	if _, known := x.Exercises[route.OperationID]; !known {
		x.Fatalf("nobody says how %s is made to succeed", route.OperationID)
	}
	e := x.exercise(route)
	refuse := func(list []Refusal) {
		for _, r := range list {
			api, asked := x.api, Way{r.Target, r.Body}.of(e)
			if r.API != nil {
				api = r.API(x.T)
			}
			if r.Header != nil {
				asked.Header = r.Header
			}
			if got := x.expect(r.Status, api, x.request(route, asked)); !strings.Contains(got, r.Says) {
				x.Errorf("%s says %s, not %q", route.OperationID, got, r.Says)
			}
		}
	}
	refuse(e.Refuse)
	x.refuse(route, e)
	x.breakDown(route, e)
	x.refuseKeys(route, e)
	x.expect(max(route.Status, http.StatusOK), x.api, x.request(route, e))
	refuse(e.Then)
}

// request gives every request that may have an Idempotency-Key one of its own, if keys are examined.
func (x *examiner) request(route httpapi.Route, e Exercise) *http.Request {
	r := x.Request(route, e)
	for name, value := range e.Header {
		r.Header.Set(name, value)
	}
	if x.keyed {
		x.keys++
		r.Header.Set("Idempotency-Key", fmt.Sprint("key-", x.keys))
	}
	return r
}

// declares reports whether an error is declared, can occur, and is not among the exercise's refusals.
func (x *examiner) declares(route httpapi.Route, status int) bool {
	e := x.Exercises[route.OperationID]
	op := x.doc.Operation(route.Method, route.Path)
	return slices.Contains(Statuses(op), strconv.Itoa(status)) &&
		x.Unreachable[fmt.Sprint(route.OperationID, " ", status)] == "" &&
		!slices.ContainsFunc(slices.Concat(e.Refuse, e.Then), func(r Refusal) bool { return r.Status == status })
}

var parameter = regexp.MustCompile(`\{[^}]*\}`)

// refuse tests the errors that are the same for all operations.
func (x *examiner) refuse(route httpapi.Route, e Exercise) {
	change := func(status int, change func(e *Exercise), then func(r *http.Request)) {
		x.Helper()
		if !x.declares(route, status) {
			return
		}
		asked := e
		change(&asked)
		r := x.request(route, asked)
		then(r)
		x.expect(status, x.api, r)
	}
	same, asIs := func(*Exercise) {}, func(*http.Request) {}
	change(http.StatusUnauthorized, same, x.Strip)
	change(http.StatusForbidden, same, func(r *http.Request) { r.RemoteAddr = "198.51.100.7:1" })
	change(http.StatusRequestEntityTooLarge, func(e *Exercise) { e.Body = `{"a":"` + strings.Repeat("a", 70_000) + `"}` }, asIs)
	if route.Body != nil && !route.AnyType {
		change(http.StatusUnsupportedMediaType, same, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") })
	}
	change(http.StatusUnsupportedMediaType, same, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") })
	change(http.StatusNotFound, func(e *Exercise) { e.Target = parameter.ReplaceAllString(route.Path, UnknownID) }, asIs)
	if route.Body != nil {
		change(http.StatusBadRequest, func(e *Exercise) { e.Body = `{"a":1,"a":2}` }, asIs)
	} else if route.Params != nil {
		change(http.StatusBadRequest, func(e *Exercise) { e.Target += "?a=%zz" }, asIs)
	}
	if x.declares(route, http.StatusTooManyRequests) {
		for range 2 {
			r := x.request(route, Exercise{Target: e.Target})
			x.Strip(r)
			x.send(x.limited, r)
		}
	}
}

// UnknownID is an id that nothing has.
const UnknownID = "018d0b6e-7a00-7000-8000-000000000000"

// breakDown tests an operation while the store fails and after the client has gone.
func (x *examiner) breakDown(route httpapi.Route, e Exercise) {
	if x.declares(route, http.StatusInternalServerError) {
		x.Store.Break(errors.New("the disk is gone"))
		got := x.expect(http.StatusInternalServerError, x.cold, x.request(route, e))
		x.Store.Break(nil)
		if strings.Contains(got, "disk") {
			x.Errorf("%s tells what went wrong inside: %s", route.OperationID, got)
		}
	}
	if x.declares(route, http.StatusServiceUnavailable) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		r := x.request(route, e).WithContext(ctx)
		r.Header.Del("Idempotency-Key") // with a key, the work continues without the client
		x.expect(http.StatusServiceUnavailable, x.cold, r)
	}
}

// refuseKeys tests the errors of Idempotency-Keys: an invalid key, one whose request is running, and one of another
// request.
func (x *examiner) refuseKeys(route httpapi.Route, e Exercise) {
	if !x.keyed || route.Auth == nil || route.Method == http.MethodGet || route.Reads {
		return
	}
	r := x.request(route, e)
	r.Header.Set("Idempotency-Key", "a b")
	x.expect(http.StatusBadRequest, x.api, r)
	for status, api := range x.held {
		x.expect(status, api, x.request(route, e))
	}
	e.Body = strings.Repeat("a", 70_000)
	x.expect(http.StatusRequestEntityTooLarge, x.api, x.request(route, e))
	r = x.request(route, x.exercise(route))
	r.Header.Set("Content-Encoding", "gzip")
	x.expect(http.StatusUnsupportedMediaType, x.api, r)
}

// held are replies that hold an entry for every key.
type held func(running []byte) []byte

func (h held) Begin(_ context.Context, _, _ string, running []byte, _, _ time.Time) ([]byte, error) {
	return h(running), nil
}
func (held) Finish(context.Context, string, string, []byte, []byte, time.Time) error { return nil }
func (held) Abandon(context.Context, string, string, []byte) error                   { return nil }

func (x *examiner) expect(status int, api *httpapi.API, r *http.Request) (body string) {
	x.Helper()
	got := x.send(api, r)
	if got.Status != status {
		x.Errorf("%s %s: %d %s, not %d", r.Method, r.URL, got.Status, got.Body, status)
	}
	return got.Body
}

// send makes a request. The response must be as declared, and the request too if it succeeds.
func (x *examiner) send(api *httpapi.API, r *http.Request) Answer {
	x.Helper()
	body, err := io.ReadAll(r.Body)
	x.must(err)
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, r)
	if rec.Code < 300 {
		x.must(x.doc.Request(r, body))
	}
	operation, err := x.doc.Answer(r, rec.Code, rec.Header(), rec.Body.Bytes())
	if err != nil || operation == "" {
		x.Fatalf("%s %s: %d %s: %q %v", r.Method, r.URL, rec.Code, rec.Body, operation, err)
	}
	x.seen[fmt.Sprint(operation, " ", rec.Code)] = true
	x.answers = append(x.answers, Answer{operation, rec.Code, rec.Body.String()})
	return x.answers[len(x.answers)-1]
}

// finish tests that the document matches the table of routes, and that every declared status was seen, except for the
// unreachable ones.
func (x *examiner) finish() {
	var table []string
	for _, r := range x.api.Routes() {
		table = append(table, r.Method+" "+r.Path+" "+r.OperationID)
	}
	slices.Sort(table)
	if documented := x.doc.Operations(); !slices.Equal(table, documented) {
		x.Errorf("the table has %v, and the document %v", table, documented)
	}
	if !bytes.Equal(x.api.OpenAPI(), x.cold.OpenAPI()) {
		x.Error("the same table makes another document")
	}
	for _, name := range x.doc.Operations() {
		method, rest, _ := strings.Cut(name, " ")
		path, id, _ := strings.Cut(rest, " ")
		for _, status := range Statuses(x.doc.Operation(method, path)) {
			if did := id + " " + status; !x.seen[did] && x.Unreachable[did] == "" {
				x.Errorf("declared and never answered: %s", did)
			}
		}
	}
	for did := range x.Unreachable {
		if x.seen[did] {
			x.Errorf("it is said to be out of reach, and was answered: %s", did)
		}
	}
}
