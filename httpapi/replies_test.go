package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/httpapitest"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/stretchr/testify/require"
)

func TestRepliesInMemoryKeepTheContract(t *testing.T) {
	httpapitest.Replies(t, func(_ *testing.T, perScope int) httpapi.Replies { return httpapi.NewReplies(perScope) })
}

// desk is an API with two clients, whose keys are their names, and a handler that a test sets.
type desk struct {
	*testing.T
	api     http.Handler
	doc     *httpapi.API
	now     time.Time
	runs    atomic.Int32
	handle  func(*httpapi.Request) (any, error)
	log     bytes.Buffer
	replies httpapi.Replies
}

// kept is an error that reports whether it is kept.
type kept bool

func (k kept) Error() string { return "kept" }
func (k kept) Kept() bool    { return bool(k) }

// teapot is an error with a status.
type teapot int

func (e teapot) Error() string { return fmt.Sprint("status ", int(e)) }

type deskPath struct {
	ID string `json:"id" in:"path" schema:"required"`
}

func newDesk(t *testing.T, change func(*httpapi.Config)) *desk {
	d := &desk{T: t, now: time.Unix(1_700_000_000, 0), replies: httpapi.NewReplies(100)}
	d.handle = func(r *httpapi.Request) (any, error) {
		raw, err := r.Raw()
		return anyAnswer{Members: int(d.runs.Load()), Raw: "<" + string(raw) + ">"}, err
	}
	scheme := &httpapi.Scheme{Name: "key", Header: "Key", Faults: []int{401}, Check: func(r *httpapi.Request) error {
		who := r.Header.Get("Key")
		switch {
		case who == "":
			return &httpapi.Error{Status: 401, Message: "who?"}
		case who == "nobody":
		case strings.HasPrefix(who, "account "):
			r.Account = strings.TrimPrefix(who, "account ")
		default:
			r.Project = invoice.Project{ID: who}
		}
		return nil
	}}
	handler := func(r *httpapi.Request) (any, error) {
		d.runs.Add(1)
		return d.handle(r)
	}
	cfg := config(&d.log)
	for _, method := range []string{"GET", "POST", "PATCH", "PUT", "DELETE"} {
		r := route(method, "/things/{id}", handler)
		r.Auth, r.Params, r.Answer, r.Status = scheme, deskPath{}, anyAnswer{}, 201
		cfg.Routes = append(cfg.Routes, r)
	}
	typed := route("POST", "/typed", func(r *httpapi.Request) (any, error) {
		var in thing
		d.runs.Add(1)
		err := r.Decode(&in)
		return anyAnswer{Raw: in.Text}, err
	})
	typed.Auth, typed.Body = scheme, thing{}
	open := route("POST", "/open", handler)
	cfg.Routes = append(cfg.Routes, typed, open)
	cfg.Fault = func(err error) (int, any) {
		if _, ok := errors.AsType[kept](err); ok {
			return 422, faultBody{"kept?"}
		}
		if status, ok := errors.AsType[teapot](err); ok {
			return int(status), faultBody{"<teapot>"}
		}
		if errors.Is(err, rates.ErrNoRate) {
			return 422, faultBody{"no rate"}
		}
		return fault(err)
	}
	cfg.Replies, cfg.Now = d.replies, func() time.Time { return d.now }
	if change != nil {
		change(&cfg)
	}
	api, err := httpapi.New(cfg)
	require.NoError(t, err)
	d.api, d.doc = api, api
	return d
}

func (d *desk) request(method, path, who, key, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Key", who)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	return r
}

func (d *desk) send(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	d.api.ServeHTTP(rec, r)
	return rec
}

func (d *desk) post(key string) *httptest.ResponseRecorder {
	return d.send(d.request("POST", "/things/1", "shop", key, `{"a":1}`))
}

// ran requires a number of calls of the handler.
func (d *desk) ran(want int, why ...any) {
	d.Helper()
	require.EqualValues(d, want, d.runs.Load(), why...)
}

func TestA42_RequestsAtOnceWithOneKeyRunOnce(t *testing.T) {
	d := newDesk(t, nil)
	const callers = 16
	entered, release := make(chan struct{}, callers), make(chan struct{})
	answer := d.handle
	d.handle = func(r *httpapi.Request) (any, error) {
		entered <- struct{}{}
		<-release
		return answer(r)
	}
	results := make(chan *httptest.ResponseRecorder, callers)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() { results <- d.post("k") })
	}
	<-entered
	for range callers - 1 {
		rec := <-results
		require.Equal(t, 409, rec.Code, rec.Body)
		require.Equal(t, "1", rec.Header().Get("Retry-After"))
		require.Empty(t, rec.Header().Get("Idempotent-Replayed"))
	}
	other := d.send(d.request("POST", "/things/1", "shop", "k", `{"a":2}`))
	require.Equal(t, 422, other.Code, "also while the first is running")
	close(release)
	wg.Wait()
	first := <-results
	require.Equal(t, 201, first.Code)
	require.Equal(t, first.Body.String(), d.post("k").Body.String())
	d.ran(1)
}

func TestARequestThatIsRepeatedIsAnsweredByteForByte(t *testing.T) {
	for _, method := range []string{"POST", "PATCH", "PUT", "DELETE"} {
		d := newDesk(t, nil)
		ask := func(key string) *httptest.ResponseRecorder {
			return d.send(d.request(method, "/things/1?x=1", "shop", key, `{"text":"ü <&>"}`))
		}
		first := ask("k")
		require.Equal(t, 201, first.Code)
		require.Empty(t, first.Header().Get("Idempotent-Replayed"))
		require.Equal(t, `{"members":1,"raw":"<{\"text\":\"ü <&>\"}>","nothing":null}`+"\n", first.Body.String())
		again := ask(`"k"`)
		require.Equal(t, first.Code, again.Code)
		require.Equal(t, first.Body.Bytes(), again.Body.Bytes())
		require.Equal(t, "true", again.Header().Get("Idempotent-Replayed"))
		require.NotEqual(t, first.Header().Get("X-Request-Id"), again.Header().Get("X-Request-Id"))
		for _, h := range []string{"Content-Type", "Content-Length", "Cache-Control"} {
			require.Equal(t, first.Header().Get(h), again.Header().Get(h))
		}
		d.ran(1)
		require.Equal(t, 201, ask("").Code)
		require.Equal(t, 201, ask("").Code)
		d.ran(3, "without a key nothing is kept")
		require.Equal(t, 201, ask("K").Code)
		d.ran(4, "keys are case-sensitive")
	}
}

func TestAKeyIsForOneRequestOfOneCallerAndOperation(t *testing.T) {
	d := newDesk(t, nil)
	require.Equal(t, 201, d.post("k").Code)
	for _, r := range []*http.Request{
		d.request("POST", "/things/1", "shop", "k", `{"a":2}`), d.request("POST", "/things/1", "shop", "k", `{"a": 1}`),
		d.request("POST", "/things/1", "shop", "k", ``), d.request("POST", "/things/2", "shop", "k", `{"a":1}`),
		d.request("POST", "/things/1?x=1", "shop", "k", `{"a":1}`),
	} {
		rec := d.send(r)
		require.Equal(t, 422, rec.Code, r.URL)
		require.Contains(t, rec.Body.String(), "was used for another request")
	}
	d.ran(1)
	for _, r := range []*http.Request{
		d.request("POST", "/things/1", "rival", "k", `{"a":1}`), d.request("POST", "/things/1", "account shop", "k", `{"a":1}`),
		d.request("PUT", "/things/1", "shop", "k", `{"a":1}`),
	} {
		rec := d.send(r)
		require.Equal(t, 201, rec.Code)
		require.Empty(t, rec.Header().Get("Idempotent-Replayed"))
	}
	d.ran(4)
	twin := newDesk(t, func(c *httpapi.Config) { c.Version, c.Replies = "2", d.replies })
	require.Empty(t, twin.post("k").Header().Get("Idempotent-Replayed"), "another version of the dialect may answer differently")
	require.Equal(t, 401, d.send(d.request("POST", "/things/1", "", "k", `{"a":1}`)).Code, "who is not let in learns nothing")
}

func TestAReplyIsKeptForADay(t *testing.T) {
	d := newDesk(t, nil)
	d.post("k")
	d.now = d.now.Add(24*time.Hour - time.Nanosecond)
	require.Equal(t, "true", d.post("k").Header().Get("Idempotent-Replayed"))
	d.now = d.now.Add(time.Nanosecond)
	require.Empty(t, d.post("k").Header().Get("Idempotent-Replayed"))
	d.ran(2)
}

func TestOnlyAnswersThatStayTheSameAreKept(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		kept   bool
	}{
		{invoice.ErrNotFound, 404, true}, {teapot(409), 409, true}, {teapot(422), 422, true}, {kept(true), 422, true},
		{kept(false), 422, false}, {fmt.Errorf("x: %w", kept(false)), 422, false},
		{teapot(401), 401, false}, {teapot(403), 403, false}, {teapot(429), 429, false}, {teapot(503), 503, false}, {errors.New("x"), 500, false},
		{&httpapi.Error{Status: 400, Message: "x"}, 400, false}, {&httpapi.FieldError{Field: "a", Reason: "x"}, 422, false},
		{&invoice.InvalidError{Field: "A", Reason: "x"}, 422, false},
		{fmt.Errorf("x: %w", rates.ErrNoRate), 422, false}, {context.DeadlineExceeded, 500, false},
	} {
		d := newDesk(t, nil)
		d.handle = func(*httpapi.Request) (any, error) { return nil, c.err }
		first := d.post("k")
		require.Equal(t, c.status, first.Code, c.err)
		again := d.post("k")
		require.Equal(t, first.Code, again.Code)
		require.Equal(t, first.Body.String(), again.Body.String())
		require.Equal(t, c.kept, again.Header().Get("Idempotent-Replayed") == "true", c.err)
		d.ran(map[bool]int{true: 1, false: 2}[c.kept])
	}
	d := newDesk(t, nil)
	d.handle = func(*httpapi.Request) (any, error) { return make(chan int), nil }
	require.Equal(t, 500, d.post("k").Code, "what cannot be written")
	require.Equal(t, 500, d.post("k").Code)
	d.ran(2)
}

func TestABodyThatWasRefusedMayBeCorrectedUnderItsKey(t *testing.T) {
	d := newDesk(t, nil)
	ask := func(body string) int { return d.send(d.request("POST", "/typed", "shop", "k", body)).Code }
	require.Equal(t, 400, ask(`{`))
	require.Equal(t, 422, ask(`{"text":"too long"}`))
	require.Equal(t, 413, ask(`{"text":"`+strings.Repeat("x", 70_000)+`"}`))
	d.ran(2, "a body that is too long is refused before")
	require.Equal(t, 200, ask(`{"text":"a"}`))
	require.Equal(t, 422, ask(`{"text":"b"}`))
	d.ran(3)
}

func TestAKeyIsFreeAgainAfterAPanic(t *testing.T) {
	d := newDesk(t, nil)
	answer := d.handle
	d.handle = func(*httpapi.Request) (any, error) { panic("oh") }
	require.Equal(t, 500, d.post("k").Code)
	require.Contains(t, d.log.String(), "panic: oh")
	d.handle = func(*httpapi.Request) (any, error) { panic(http.ErrAbortHandler) }
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { d.post("k") })
	d.handle = answer
	require.Equal(t, 201, d.post("k").Code)
	d.ran(3)
}

func TestARequestWithAKeyGoesOnWithoutItsClientAndTheReplyIsKept(t *testing.T) {
	d := newDesk(t, nil)
	ctx, hangUp := context.WithCancel(context.WithValue(t.Context(), deskPath{}, "value"))
	answer := d.handle
	d.handle = func(r *httpapi.Request) (any, error) {
		hangUp() // the work is committed, and the response is not yet written
		deadline, bounded := r.Context().Deadline()
		require.True(t, bounded)
		require.LessOrEqual(t, time.Until(deadline), time.Minute)
		require.Equal(t, "value", r.Context().Value(deskPath{}))
		require.Equal(t, "1", r.PathValue("id"))
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return answer(r)
	}
	first := d.send(d.request("POST", "/things/1", "shop", "k", `{"a":1}`).WithContext(ctx))
	again := d.post("k")
	require.Equal(t, 201, again.Code)
	require.Equal(t, "true", again.Header().Get("Idempotent-Replayed"))
	require.Equal(t, first.Body.String(), again.Body.String())
	d.ran(1)

	d.handle = func(r *httpapi.Request) (any, error) { return nil, errors.New("broken") }
	require.Equal(t, 500, d.send(d.request("POST", "/things/1", "shop", "l", "").WithContext(ctx)).Code)
	require.Contains(t, d.log.String(), `level=ERROR msg="request failed"`, "not for the client's leaving")
	d.handle = answer
	require.Equal(t, 201, d.send(d.request("POST", "/things/1", "shop", "l", "")).Code)
}

func TestAClientWithTooManyKeysWaitsAndOthersDoNot(t *testing.T) {
	d := newDesk(t, func(c *httpapi.Config) { c.Replies = httpapi.NewReplies(2) })
	require.Equal(t, 201, d.post("a").Code)
	d.now = d.now.Add(time.Hour)
	require.Equal(t, 201, d.post("b").Code)
	rec := d.post("c")
	require.Equal(t, 429, rec.Code)
	require.Equal(t, fmt.Sprint(23*60*60), rec.Header().Get("Retry-After"), "when the first reply ends")
	require.Equal(t, 201, d.post("a").Code, "which is kept until then")
	d.ran(2)
	require.Equal(t, 201, d.send(d.request("POST", "/things/1", "another shop", "c", `{"a":1}`)).Code)
	require.Equal(t, 201, d.send(d.request("POST", "/things/1", "shop", "", `{"a":1}`)).Code, "without a key")
	d.ran(4)
	d.now = d.now.Add(23 * time.Hour)
	require.Equal(t, 201, d.post("c").Code)
	d.ran(5)
}

func TestReadsAndTheUnknownIgnoreTheHeader(t *testing.T) {
	d := newDesk(t, nil)
	for i, r := range []*http.Request{
		d.request("GET", "/things/1", "shop", "k", ""), d.request("HEAD", "/things/1", "shop", "k", ""), d.request("GET", "/things/1", "shop", "a b", ""),
		d.request("POST", "/open", "shop", "k", ""), d.request("POST", "/open", "shop", "a b", ""), d.request("POST", "/things/1", "nobody", "k", ""),
	} {
		for range 2 {
			rec := d.send(r.Clone(t.Context()))
			require.Less(t, rec.Code, 300, i)
			require.Empty(t, rec.Header().Get("Idempotent-Replayed"))
		}
		d.ran(2 * (i + 1))
	}
	d = newDesk(t, func(c *httpapi.Config) { c.Replies = nil })
	require.Equal(t, 201, d.post("a b").Code)
	require.Equal(t, 201, d.post("a b").Code)
	d.ran(2, "without Replies")
}

func TestAMalformedKeyIsRefused(t *testing.T) {
	d := newDesk(t, nil)
	for _, key := range []string{`"`, `"a b"`, "a b", "ä", strings.Repeat("x", 256)} {
		rec := d.post(key)
		require.Equal(t, 400, rec.Code, key)
		require.Contains(t, rec.Body.String(), "1 to 255 visible ASCII")
	}
	for _, values := range [][]string{{""}, {"a", "a"}} {
		r := d.request("POST", "/things/1", "shop", "", "")
		r.Header["Idempotency-Key"] = values
		require.Equal(t, 400, d.send(r).Code)
	}
	d.ran(0)
}

// lame fails as configured.
type lame struct {
	httpapi.Replies
	begin, finish error
}

func (l *lame) Begin(ctx context.Context, scope, key string, running []byte, now, until time.Time) ([]byte, error) {
	held, err := l.Replies.Begin(ctx, scope, key, running, now, until)
	if l.begin != nil { // the response got lost
		return nil, l.begin
	}
	return held, err
}

func (l *lame) Finish(ctx context.Context, scope, key string, running, reply []byte, until time.Time) error {
	if err := errors.Join(l.finish, ctx.Err()); err != nil {
		return err
	}
	return l.Replies.Finish(ctx, scope, key, running, reply, until)
}

func (l *lame) Abandon(ctx context.Context, scope, key string, running []byte) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return l.Replies.Abandon(ctx, scope, key, running)
}

// busy never gets the lock that it needs, and counts how often a call waits for it.
type busy struct {
	httpapi.Replies
	waits atomic.Int64
}

func (b *busy) Begin(context.Context, string, string, []byte, time.Time, time.Time) ([]byte, error) {
	b.waits.Add(1)
	return nil, fmt.Errorf("sqlite: %w", invoice.ErrBusy)
}

func (b *busy) Abandon(context.Context, string, string, []byte) error {
	b.waits.Add(1)
	return fmt.Errorf("sqlite: %w", invoice.ErrBusy)
}

func TestARequestWithAKeyWaitsOnceForABusyStore(t *testing.T) {
	b := &busy{Replies: httpapi.NewReplies(0)}
	d := newDesk(t, func(c *httpapi.Config) { c.Replies = b })
	require.Equal(t, 500, d.post("k").Code, "which status it is the dialect says")
	require.EqualValues(t, 1, b.waits.Load())
	d.ran(0)
}

func TestWhatCannotBeKeptIsNotRunAndWhatRanIsAnswered(t *testing.T) {
	l := &lame{Replies: httpapi.NewReplies(0), begin: errors.New("begin fails")}
	d := newDesk(t, func(c *httpapi.Config) { c.Replies = l })
	require.Equal(t, 500, d.post("k").Code)
	d.ran(0)
	require.Contains(t, d.log.String(), "begin fails")
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	require.Equal(t, 503, d.send(d.request("POST", "/things/1", "shop", "k", `{"a":1}`).WithContext(gone)).Code)
	d.ran(0)
	l.begin, l.finish = nil, errors.New("finish fails")
	require.Equal(t, 201, d.post("k").Code, "the key did not stay claimed, and what was done is told")
	require.Contains(t, d.log.String(), "finish fails")
	require.Equal(t, 409, d.post("k").Code)
	d.now = d.now.Add(5 * time.Minute)
	l.finish = nil
	require.Equal(t, 201, d.post("k").Code, "it does not stay so for ever")
	d.ran(2)
}

func TestWhatRunsTakesRoomToo(t *testing.T) {
	d := newDesk(t, func(c *httpapi.Config) { c.Replies = httpapi.NewReplies(1) })
	answer := d.handle
	d.handle = func(r *httpapi.Request) (any, error) {
		rec := d.post("other")
		require.Equal(t, 429, rec.Code)
		require.Equal(t, "300", rec.Header().Get("Retry-After"))
		return answer(r)
	}
	require.Equal(t, 201, d.post("k").Code)
	d.ran(1)
}

func TestTheDocumentHasTheKeyWhereItCounts(t *testing.T) {
	type operation struct {
		Parameters []struct{ Name, In string }
		Responses  map[string]any
	}
	declared := func(change func(*httpapi.Config)) map[string]bool {
		var doc struct {
			Paths map[string]map[string]operation
		}
		require.NoError(t, json.Unmarshal(newDesk(t, change).doc.OpenAPI(), &doc))
		out := map[string]bool{}
		for path, methods := range doc.Paths {
			for method, op := range methods {
				found := false
				for _, p := range op.Parameters {
					found = found || p.Name == "Idempotency-Key" && p.In == "header"
				}
				out[method+" "+path] = found
				if found {
					require.Subset(t, mapKeys(op.Responses), []string{"400", "409", "413", "422"})
				} else {
					require.NotContains(t, op.Responses, "409")
				}
			}
		}
		return out
	}
	with := declared(nil)
	require.Equal(t, map[string]bool{
		"get /things/{id}": false, "post /things/{id}": true, "patch /things/{id}": true, "put /things/{id}": true, "delete /things/{id}": true,
		"post /typed": true, "post /open": false,
	}, with)
	for path, has := range declared(func(c *httpapi.Config) { c.Replies = nil }) {
		require.False(t, has, path)
	}
}

func mapKeys(m map[string]any) (out []string) {
	for key := range m {
		out = append(out, key)
	}
	return out
}
