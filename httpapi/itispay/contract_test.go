package itispay_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cointill/cointill/httpapi"
	apicontract "github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/store"
	"github.com/stretchr/testify/require"
)

// contract is the served document, and what of it was answered.
type contract struct {
	*apicontract.Document
	seen map[string]bool // "operation status"
}

func newContract(t testing.TB, api *httpapi.API) *contract {
	t.Helper()
	doc, err := apicontract.Read(api.OpenAPI())
	require.NoError(t, err)
	return &contract{doc, map[string]bool{}}
}

// send makes a request. The answer must be as declared, and so must a request that succeeds.
func (c *contract) send(t testing.TB, api *httpapi.API, r *http.Request) answer {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec := httptest.NewRecorder()
	api.ServeHTTP(rec, r)
	if rec.Code < 300 {
		require.NoError(t, c.Request(r, body), "%s", body)
	}
	operation, err := c.Answer(r, rec.Code, rec.Header(), rec.Body.Bytes())
	require.NoError(t, err, "%s %s: %d %s", r.Method, r.URL, rec.Code, rec.Body)
	require.NotEmpty(t, operation, "%s %s", r.Method, r.URL)
	c.seen[operation+" "+strconv.Itoa(rec.Code)] = true
	return answer{rec.Code, rec.Header(), rec.Body.Bytes()}
}

// exercise is how an operation is made to succeed, and to refuse a value. LIVE and TOLD are ids of invoices.
type exercise struct {
	key  func(*world) string // nil: a project's
	path string              // default: that of the operation, with LIVE
	body string
	bad  string // a body with a wrong value, or a query that begins with "?"
	dup  bool   // doing it twice is 409
	head map[string]string
}

func account(*world) string   { return accountKey }
func admin(w *world) string   { return w.admin }
func nobody(*world) string    { return "" }
func project(w *world) string { return w.key }

var exercises = map[string]exercise{
	"createInvoice": {
		body: `{"order_id":"ORDER1","fiat_amount":"12.50","fiat_currency":"EUR","currency":"SIM","allowed_error_percent":5,"order_name":"Tea","expire_min":45,"callback_url":"https://example.com/hook"}`,
		bad:  `{"order_id":"ORDER2","fiat_amount":0,"currency":"SIM"}`, dup: true,
	},
	"listInvoices": {path: "/invoices?status=new&currency=SIM&created_after=2024-01-01T00:00:00Z&created_before=2025-01-01T00:00:00Z&page=1&page_size=5&sort_by=updated_at&sort_order=asc", bad: "?page=0"},
	"createArchivedInvoice": {
		body: `{"order_id":"ORDER3","crypto_amount":0.25,"fiat_currency":"USD","currency":"SIM","created_at":"2023-01-01"}`,
		bad:  `{"order_id":"ORDER4","crypto_amount":1,"currency":"SIM","created_at":"tomorrow"}`, dup: true,
	},
	"createArchivedInvoiceAlias": {body: `{"order_id":"ORDER5","fiat_amount":1,"currency":"SIM"}`, bad: `{"currency":"SIM"}`, dup: true},
	"getInvoice":                 {},
	"updateInvoiceStatus":        {body: `{"status":"cancelled","comment":"enough"}`, bad: `{"status":"paid"}`},
	"getPublicInvoice":           {key: nobody},
	"adminListInvoices":          {key: admin, path: "/admin/invoices?status=new&currency=SIM&fiat_currency=EUR&search=live&page=1&page_size=5&sort_by=created_at&sort_order=desc", bad: "?page_size=0"},
	"adminGetInvoice":            {key: admin, path: "/admin/invoices/TOLD"},
	"listCurrencies":             {key: nobody},
	"getRates":                   {key: nobody},
	"simulateWebhook":            {body: `{"invoice_id":"TOLD","status":"completed"}`, bad: `{"invoice_id":"TOLD","status":"paid"}`},
	"createProject":              {key: account, body: `{"name":"New","description":"x","api_allowed_ips":"10.0.0.0/8"}`, bad: `{"name":""}`, dup: true},
	"resendWebhook":              {body: `{"invoice_id":"TOLD"}`, bad: `{}`},
	"exportSettlements":          {path: "/invoices/settlements"},
	"withdraw":                   {},
	"createPayout":               {head: map[string]string{"X-Client-ID": "c", "X-Project-ID": "p"}, bad: "?"},
}

// unreachable are declared for every operation alike, and these have nothing that could go wrong so.
var unreachable = []string{"listCurrencies 500", "listCurrencies 503", "getRates 500"}

// TestTheDocumentIsTheContract makes every operation of both versions succeed and give each error that it declares,
// and has a foreign implementation of OpenAPI compare all of it with the document.
func TestTheDocumentIsTheContract(t *testing.T) {
	w := newWorld(t, options{service: told})
	for version, build := range map[string]func(itispay.Config) (*httpapi.API, error){"1.1.0": itispay.New, "1.0.0": itispay.NewV1} {
		t.Run(version, func(t *testing.T) {
			x := &examiner{world: w, build: build, ids: strings.NewReplacer(), version: version}
			x.contract = newContract(t, x.api(t, nil))
			x.seed(t)
			for _, route := range x.api(t, nil).Routes() {
				x.examine(t, route)
			}
			var missing []string
			for _, item := range x.contract.Paths.Map() {
				for _, op := range item.Operations() {
					for status := range op.Responses.Map() {
						if did := op.OperationID + " " + status; !x.contract.seen[did] && !slices.Contains(unreachable, did) {
							missing = append(missing, did)
						}
					}
				}
			}
			slices.Sort(missing)
			require.Empty(t, missing, "declared and never answered")
			for _, did := range unreachable {
				require.False(t, x.contract.seen[did], did)
			}
		})
	}
}

// examiner walks the operations of one version.
type examiner struct {
	*world
	build    func(itispay.Config) (*httpapi.API, error)
	contract *contract
	ids      *strings.Replacer
	version  string
}

func (x *examiner) api(t *testing.T, change func(*itispay.Config)) *httpapi.API {
	t.Helper()
	cfg := x.config(change)
	if cfg.Simulation == nil {
		cfg.Simulation = &itispay.Simulation{Client: &http.Client{Timeout: 1e9, Transport: taken{}}}
	}
	api, err := x.build(cfg)
	require.NoError(t, err)
	return api
}

// seed makes the invoices that exercises are about.
func (x *examiner) seed(t *testing.T) {
	ids := map[string]string{}
	for _, name := range []string{"LIVE", "TOLD"} {
		ids[name] = x.told(t, strings.ToLower(name)+x.version, "https://example.com/hook")
	}
	require.Equal(t, 200, x.do(t, "PATCH", "/invoices/"+ids["TOLD"], x.key, `{"status":"expired"}`).status)
	x.ids = strings.NewReplacer("LIVE", ids["LIVE"], "TOLD", ids["TOLD"], "ORDER", "order-"+x.version+"-", `"New"`, `"New`+x.version+`"`)
}

// request is what makes an operation succeed, or 501.
func (x *examiner) request(route httpapi.Route) *http.Request {
	e := exercises[route.OperationID]
	path := strings.ReplaceAll(route.Path, "{invoice_id}", "LIVE")
	if e.path != "" {
		path = e.path
	}
	key := project(x.world)
	if e.key != nil {
		key = e.key(x.world)
	}
	r := x.world.request(route.Method, x.ids.Replace(path), key, x.ids.Replace(e.body))
	for name, value := range e.head {
		r.Header.Set(name, value)
	}
	return r
}

func (x *examiner) examine(t *testing.T, route httpapi.Route) {
	e, known := exercises[route.OperationID]
	require.True(t, known, route.OperationID)
	api := x.api(t, nil)
	expect := func(status int, api *httpapi.API, change func(*http.Request) *http.Request) {
		t.Helper()
		r := x.request(route)
		if change != nil {
			r = change(r)
		}
		got := x.contract.send(t, api, r)
		require.Equal(t, status, got.status, "%s %s: %s", route.Method, r.URL, got.body)
	}
	body := func(text string) func(*http.Request) *http.Request {
		return func(r *http.Request) *http.Request {
			text := x.ids.Replace(text)
			if query, ok := strings.CutPrefix(text, "?"); ok {
				r.URL.RawQuery = query
				r.Header.Del("X-Client-ID")
				return r
			}
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
			return r
		}
	}
	if e.bad != "" {
		expect(422, api, body(e.bad))
	}
	x.refuse(t, route, api, expect, body)
	expect(max(route.Status, 200), api, nil)
	if e.dup {
		expect(409, api, nil)
	}
}

// refuse makes the errors that do not depend on what an operation does.
func (x *examiner) refuse(t *testing.T, route httpapi.Route, api *httpapi.API,
	expect func(int, *httpapi.API, func(*http.Request) *http.Request), body func(string) func(*http.Request) *http.Request) {
	limited := x.api(t, func(c *itispay.Config) { c.Limit = httpapi.Limit{PerSecond: 1} })
	for range 2 {
		x.contract.send(t, limited, x.world.request(route.Method, x.request(route).URL.Path, "", ""))
	}
	if route.Auth != nil {
		expect(401, api, func(r *http.Request) *http.Request { r.Header.Del("Api-Key"); return r })
	}
	if route.Auth != nil && slices.Contains(route.Auth.Faults, 403) {
		_, key := x.newProject(t, route.OperationID+x.version, "10.0.0.0/8")
		expect(403, api, func(r *http.Request) *http.Request { r.Header.Set("Api-Key", key); return r })
	}
	if route.Body != nil {
		expect(400, api, body(`{"a":1,"a":2}`))
		expect(413, api, body(`{"order_id":"`+strings.Repeat("a", 70000)+`"}`))
		expect(415, api, func(r *http.Request) *http.Request { r.Header.Set("Content-Type", "text/plain"); return r })
	} else if route.Params != nil {
		expect(400, api, func(r *http.Request) *http.Request { r.URL.RawQuery = "a=%zz"; return r })
	}
	if strings.Contains(route.Path, "{invoice_id}") {
		expect(404, api, func(r *http.Request) *http.Request {
			r.URL.Path = strings.ReplaceAll(route.Path, "{invoice_id}", unknownID)
			return r
		})
	} else if strings.Contains(exercises[route.OperationID].body, "TOLD") {
		expect(404, api, body(strings.ReplaceAll(exercises[route.OperationID].body, "TOLD", unknownID)))
	}
	x.breakDown(t, route, expect)
}

// breakDown makes what an operation stands on fail.
func (x *examiner) breakDown(t *testing.T, route httpapi.Route, expect func(int, *httpapi.API, func(*http.Request) *http.Request)) {
	switch route.OperationID {
	case "listCurrencies":
		return
	case "getRates":
		blind, err := openWorld(options{service: func(c *invoice.Config) { c.Rates = nil }})
		require.NoError(t, err)
		expect(503, x.api(t, func(c *itispay.Config) { c.Service = blind.service }), nil)
		return
	}
	broken := brokenStore{x.store, errors.New("the disk is gone")}
	projects, err := invoice.NewProjects(broken, nil)
	require.NoError(t, err)
	ruin, err := openWorld(options{service: func(c *invoice.Config) { c.Store = broken }})
	require.NoError(t, err)
	api := x.api(t, func(c *itispay.Config) { c.Projects, c.Service = projects, ruin.service })
	expect(500, api, nil)
	require.Contains(t, x.log.String(), "the disk is gone")
	expect(503, x.api(t, nil), func(r *http.Request) *http.Request {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		return r.WithContext(ctx)
	})
}

// Invoice, ProjectByKey and InsertProject fail, too.
func (s brokenStore) Invoice(context.Context, string) (invoice.Invoice, error) {
	return invoice.Invoice{}, s.err
}

func (s brokenStore) ProjectByKey(context.Context, string) (invoice.Project, error) {
	return invoice.Project{}, s.err
}

func (s brokenStore) InsertProject(context.Context, invoice.Project) error { return s.err }

var _ invoice.Store = brokenStore{store.NewMemory(), nil}

// beyondSchema are bad creations that the schema of the body lets pass: it cannot say what they break.
var beyondSchema = []string{
	"no amount", "both amounts", "crypto negative", "1e400", "too many digits", "more than everything", "cents of cents",
	"less than a base unit", "below the minimum", "crypto below the minimum", "unknown currency", "currency in lower case",
	"fiat as currency", "order of spaces", "order with NUL", "tolerance 100", "years", "callback without host",
	"callback to a file", "trailing garbage", "two objects", "duplicate key", "duplicate key by escape", "bad UTF-8",
}

// TestTheSchemaRefusesWhatTheDecoderRefuses compares the two on every bad creation.
func TestTheSchemaRefusesWhatTheDecoderRefuses(t *testing.T) {
	w := newWorld(t, options{})
	c := newContract(t, w.api)
	var accepted []string
	for _, bad := range badCreations {
		if strings.Contains(bad.name, "exponent") {
			continue // the foreign implementation panics at 1e999999999
		}
		r := w.request("POST", "/invoices", w.key, bad.body)
		if err := c.Request(r, []byte(bad.body)); err == nil {
			accepted = append(accepted, bad.name)
		}
	}
	require.Equal(t, beyondSchema, accepted)
}
