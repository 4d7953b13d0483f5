package httpapi

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
)

// Config describes a dialect. Title, Version, Routes, Fault and FaultBody are required.
type Config struct {
	Title, Version, Description string // of the document
	Routes                      []Route

	// Fault maps errors to responses. It is called with the errors of handlers and schemes, and with an [Error] for what
	// this package refuses itself. The body is written as JSON. An error whose status is 500 or more is logged, and the
	// body must not contain its text.
	Fault     func(err error) (status int, body any)
	FaultBody any // a value of the body's type, for the document
	Invalid   int // status that Fault returns for a [FieldError], for the document; default 422
	// FaultBodies holds values of the bodies' types for statuses whose errors have another body than FaultBody.
	FaultBodies map[int]any
	// Lenient declares in the document that the dialect decodes [Request.Members] itself, leniently: a member that may be
	// absent may be null, empty or, where it must be more than 0, 0, and integers, numbers and booleans may be strings.
	Lenient bool
	// Examples maps the names of members and parameters, such as "order_id", to values for the examples in the document. A
	// value is used wherever the schema allows it. The example of a request has the required members, and those that are
	// named here together with their type, such as "CreateRequest.amount".
	Examples map[string]any

	MaxBody  int64            // bytes of a request's body; default 64 KiB
	Limit    Limit            // of each client; default none
	ClientIP ClientIP         // where requests come from, for Limit; default [RemoteIP]
	Now      func() time.Time // default time.Now
	Logger   *slog.Logger     // if nil, nothing is logged
	Meter    invoice.Meter    // receives measurements of every request; default invoice.NoMeter

	// Replies makes writes safe to repeat: a POST, PATCH, PUT or DELETE by a project or an account with the header
	// Idempotency-Key runs once, and its response is repeated for 24 hours. If nil, the header is ignored. Successes are
	// kept, and the permanent refusals of handlers: not those with the status 401, 403, 429 or 500 and more, no Error,
	// FieldError or invoice.InvalidError, and none that waits for a rate, an address or a turn. For other statuses an error
	// of the dialect with a method Kept() bool decides itself.
	Replies Replies
}

// Names of the measurements of an [API].
const (
	MeterRequests = "cointill.http.requests" // counter; labels operation, status
	MeterRequest  = "cointill.http.request"  // time until the response is written; labels operation
)

// Route is one operation of a dialect. Method, Path, OperationID, Summary, Tag, Answer and Handler are
// required.
type Route struct {
	Method      string // GET, POST, PATCH, PUT or DELETE; GET includes HEAD
	Path        string // as in patterns of net/http: "/invoices/{invoice_id}"
	OperationID string // unique in the table
	Summary     string
	Tag         string
	Auth        *Scheme // if nil, the operation is public

	Params any   // a struct with the parameters in the path, query and headers; nil means none
	Body   any   // a struct with the members of the JSON body; if nil, no body is read
	Status int   // of success; default 200
	Answer any   // a value of the type that Handler returns, or [AnyOf] several; see [Text] for what is no JSON
	Faults []int // statuses of errors, besides those that follow from the other fields
	// AnyType accepts a body of any Content-Type. A body that is empty, null or an empty list counts as one without members.
	AnyType bool
	// Ignored accepts a body although Body is nil. The body is read and ignored.
	Ignored bool
	// Reads marks an operation that changes nothing, whatever its Method. It ignores the header Idempotency-Key.
	Reads bool
	// Maxima maps names of integer members of Body to maxima that are known only at run time.
	Maxima map[string]int64

	// Handler returns what is written as JSON, or a [Text]. It may be called concurrently.
	Handler func(*Request) (any, error)
}

// AnyOf declares a response of one of several types. A value may fit more than one of them.
type AnyOf []any

// Error is a refusal by this package itself: the request is not one of the dialect's, or is not authenticated.
type Error struct {
	Status  int    // 400, 401, 403, 404, 405, 413, 415, 429, 503; with Config.Replies also 409 and 422
	Message string // for the client
}

func (e *Error) Error() string { return e.Message }

// FieldError reports which member or parameter of a request is invalid, and why. An [invoice.InvalidError] is about Go
// fields instead: a dialect translates the field to the name on the wire.
type FieldError struct {
	Field  string // its name on the wire
	Reason string // follows the name: "must be positive"
}

func (e *FieldError) Error() string { return e.Field + " " + e.Reason }

// API is a dialect as an http.Handler.
type API struct {
	cfg      Config
	mux      *http.ServeMux
	document []byte
	clients  *limiter  // of projects and accounts; nil means no limit
	strange  *limiter  // of the addresses of all others; nil means no limit
	buffers  sync.Pool // of *bytes.Buffer, for responses
}

// New returns the API of a table of routes. It returns an error if the table is inconsistent.
func New(cfg Config) (*API, error) {
	a, err := assemble(cfg)
	if err != nil {
		return nil, fmt.Errorf("httpapi: New: %w", err)
	}
	return a, nil
}

func assemble(cfg Config) (*API, error) {
	switch {
	case cfg.Title == "" || cfg.Version == "":
		return nil, errors.New("Title and Version are required")
	case len(cfg.Routes) == 0:
		return nil, errors.New("Routes is required")
	case cfg.Fault == nil || cfg.FaultBody == nil:
		return nil, errors.New("Fault and FaultBody are required")
	case cfg.MaxBody < 0:
		return nil, errors.New("MaxBody must not be negative")
	case cfg.MaxBody == 0:
		cfg.MaxBody = 64 << 10
	}
	if cfg.Invalid == 0 {
		cfg.Invalid = http.StatusUnprocessableEntity
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Meter == nil {
		cfg.Meter = invoice.NoMeter()
	}
	cfg.Routes = slices.Clone(cfg.Routes)
	if cfg.ClientIP == nil {
		cfg.ClientIP = RemoteIP
	}
	clients, err := newLimiter(cfg.Limit, cfg.Now)
	if err != nil {
		return nil, err
	}
	strange, err := newLimiter(cfg.Limit, cfg.Now)
	if err != nil {
		return nil, err
	}
	a := &API{cfg: cfg, mux: http.NewServeMux(), clients: clients, strange: strange}
	doc := newDocument(cfg)
	endpoints := map[string]endpoint{}
	operations := map[string]bool{}
	for i := range cfg.Routes {
		op, err := newOperation(cfg.Routes[i], cfg.Replies != nil)
		if err == nil && operations[op.OperationID] {
			err = errors.New("OperationID is taken")
		}
		if err == nil && endpoints[op.Path][op.Method] != nil {
			err = errors.New("Path and Method are taken")
		}
		if err == nil {
			err = doc.add(op)
		}
		if err != nil {
			return nil, fmt.Errorf("Routes[%d] (%s %s): %w", i, cfg.Routes[i].Method, cfg.Routes[i].Path, err)
		}
		operations[op.OperationID] = true
		if endpoints[op.Path] == nil {
			endpoints[op.Path] = endpoint{}
		}
		endpoints[op.Path][op.Method] = op
	}
	if err := doc.exemplify(cfg.Examples); err != nil {
		return nil, err
	}
	return a, a.mount(endpoints, doc)
}

// mount registers the routes, the document and the refusal of everything else.
func (a *API) mount(endpoints map[string]endpoint, doc *document) (err error) {
	if a.document, err = json.MarshalIndent(doc, "", "  "); err != nil {
		return fmt.Errorf("write the document: %w", err)
	}
	defer func() { // ServeMux panics if a pattern is malformed or conflicts with another one
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	endpoints["/openapi.json"] = endpoint{http.MethodGet: {Route: Route{
		Status: http.StatusOK, Handler: func(*Request) (any, error) { return json.RawMessage(a.document), nil },
	}}}
	for _, p := range slices.Sorted(maps.Keys(endpoints)) {
		a.mux.Handle(p, a.serve(endpoints[p]))
	}
	page, err := a.page()
	if err != nil {
		return err
	}
	a.mux.Handle("GET /docs", page)
	a.mux.Handle("/", a.serve(nil))
	return nil
}

// Routes returns the table of routes.
func (a *API) Routes() []Route { return slices.Clone(a.cfg.Routes) }

// OpenAPI returns the document that is served at openapi.json.
func (a *API) OpenAPI() []byte { return bytes.Clone(a.document) }

// ServeHTTP serves a request whose path begins at the API's root.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := r.URL.Path; p == "" || path.Clean(p) != p {
		// A ServeMux would redirect, with a body of its own and without the prefix.
		a.serve(nil).ServeHTTP(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// endpoint holds the operations of one path by method. A nil endpoint stands for an unknown path.
type endpoint map[string]*operation

func (e endpoint) allow() string {
	methods := slices.Collect(maps.Keys(e))
	if e[http.MethodGet] != nil {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

func (a *API) serve(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, hr *http.Request) {
		began := time.Now()
		r := &Request{Request: hr, ID: newRequestID(), w: w, maxBody: a.cfg.MaxBody}
		defer func() {
			operation := invoice.Label{Key: "operation", Value: r.operation()}
			a.cfg.Meter.Count(hr.Context(), MeterRequests, 1, operation, invoice.Label{Key: "status", Value: strconv.Itoa(r.status)})
			a.cfg.Meter.Time(hr.Context(), MeterRequest, time.Since(began), operation)
		}()
		w.Header().Set("X-Request-Id", r.ID)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		defer func() {
			p := recover()
			switch {
			case p == http.ErrAbortHandler: //nolint:errorlint // a value that is thrown, never wrapped
				panic(p) //nolint:forbidigo // how net/http is told to drop the connection
			case p != nil:
				a.fail(r, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		status, body, err := a.answer(e, r)
		if err == nil {
			err = a.write(r, status, body)
		}
		if err != nil {
			a.fail(r, err)
		}
	})
}

func (a *API) answer(e endpoint, r *Request) (int, any, error) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	r.op = e[method]
	if r.op == nil || r.op.Auth == nil {
		if err := a.limitStranger(r); err != nil {
			return 0, nil, err
		}
	}
	switch {
	case e == nil:
		return 0, nil, &Error{http.StatusNotFound, "There is nothing at this path."}
	case r.op == nil:
		r.w.Header().Set("Allow", e.allow())
		return 0, nil, &Error{http.StatusMethodNotAllowed, "This path does not take the method. It takes " + e.allow() + "."}
	}
	if err := a.letIn(r); err != nil {
		return 0, nil, err
	}
	if r.op.Ignored {
		if _, err := r.Raw(); err != nil {
			return 0, nil, err
		}
	}
	return a.once(r)
}

// letIn authenticates the request. An address that has tried too many keys must wait before another key is looked up.
// Requests without a key are counted separately, because otherwise a shop's visitors could keep its server from using its
// key.
func (a *API) letIn(r *Request) error {
	if r.op.Auth == nil {
		return nil
	}
	tries := "keys from " + a.address(r)
	if err := r.tooMany(a.strange.left(tries)); err != nil {
		return err
	}
	if refused := r.op.Auth.Check(r); refused != nil {
		if status, _ := a.cfg.Fault(refused); status == http.StatusUnauthorized || status == http.StatusForbidden {
			a.strange.take(tries) // otherwise the cause is not the key
		}
		return refused
	}
	return r.tooMany(a.clients.take(a.client(r)))
}

// write sends a response. It returns an error only if nothing has been sent.
func (a *API) write(r *Request, status int, body any) error {
	if done, ok := body.(encoded); ok {
		r.send(status, done)
		return nil
	}
	if text, ok := body.(Text); ok {
		return a.writeText(r, status, text)
	}
	const keep = 64 << 10 // bytes; larger buffers are left to the garbage collector
	buf, _ := a.buffers.Get().(*bytes.Buffer)
	if buf == nil {
		buf = new(bytes.Buffer)
	}
	buf.Reset()
	defer func() {
		if buf.Cap() <= keep {
			a.buffers.Put(buf)
		}
	}()
	if err := encode(buf, body); err != nil {
		return err
	}
	r.send(status, buf.Bytes())
	return nil
}

func encode(to *bytes.Buffer, body any) error {
	enc := json.NewEncoder(to)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		return fmt.Errorf("httpapi: write response: %w", err)
	}
	return nil
}

func (r *Request) send(status int, body []byte) {
	h := r.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	r.status = status
	r.w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = r.w.Write(body) // fails only when the client is gone
	}
}

// fail responds with an error, and logs it unless the client caused it.
func (a *API) fail(r *Request, err error) {
	status, body := a.cfg.Fault(err)
	if status >= 500 {
		level := slog.LevelError
		switch status {
		case http.StatusServiceUnavailable:
			level = slog.LevelWarn
		case http.StatusNotImplemented: // nothing went wrong
			level = slog.LevelDebug
		}
		if r.Context().Err() != nil { // the cause, whatever it is, is that the client has gone away
			level = slog.LevelDebug
			status, body = a.cfg.Fault(&Error{http.StatusServiceUnavailable, "The request was given up."})
		}
		a.cfg.Logger.LogAttrs(r.Context(), level, "request failed", slog.String("request", r.ID),
			slog.String("operation", r.operation()), slog.Int("status", status), slog.Any("error", err))
	}
	if h := r.w.Header(); (status == http.StatusServiceUnavailable || temporary(err)) && h.Get("Retry-After") == "" {
		h.Set("Retry-After", retryAfter)
	}
	if err := a.write(r, status, body); err != nil {
		a.cfg.Logger.LogAttrs(r.Context(), slog.LevelError, "error cannot be written", slog.String("request", r.ID), slog.Any("error", err))
		r.status = http.StatusInternalServerError
		r.w.WriteHeader(r.status)
	}
}

// retryAfter is the Retry-After of a temporary refusal, in seconds. It is short because nobody knows when the cause ends.
const retryAfter = "5"

// temporary reports whether the same request may soon succeed, whatever status the API has for the refusal.
// [invoice.ErrTooManyNew] is not temporary: it lasts until payers pay or invoices expire.
func temporary(err error) bool {
	return errors.Is(err, rates.ErrNoRate) || errors.Is(err, invoice.ErrConflict) || errors.Is(err, invoice.ErrNoAddress) ||
		errors.Is(err, invoice.ErrBusy)
}

func newRequestID() string {
	b := make([]byte, 8)
	rand.Read(b) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b)
}
