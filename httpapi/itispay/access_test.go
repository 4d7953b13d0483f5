package itispay_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

// bodies holds valid bodies for the routes that take one.
var bodies = map[string]string{
	"createInvoice":              `{"order_id":"a","fiat_amount":100,"currency":"SIM"}`,
	"createArchivedInvoice":      `{"order_id":"b","fiat_amount":100,"currency":"SIM"}`,
	"createArchivedInvoiceAlias": `{"order_id":"c","fiat_amount":100,"currency":"SIM"}`,
	"updateInvoiceStatus":        `{"status":"cancelled"}`,
	"createProject":              `{"name":"another"}`,
	"simulateWebhook":            `{"invoice_id":"` + unknownID + `","status":"completed"}`,
	"resendWebhook":              `{"invoice_id":"` + unknownID + `"}`,
	"withdraw":                   `{"currency":"SIM","to":"sim1own","amount":"1"}`,
	"createPayout":               cryptoBody,
}

// apis returns both versions with everything enabled.
func (w *world) apis(t testing.TB) map[string]*httpapi.API {
	p := w.openTill(t, nil)
	everything := func(c *itispay.Config) {
		c.Payouts, c.Fiat = p, inEuro
		c.Simulation = &itispay.Simulation{Client: &http.Client{Timeout: time.Second, Transport: taken{}}}
	}
	v1, err := itispay.NewV1(w.config(everything))
	require.NoError(t, err)
	return map[string]*httpapi.API{"1.1.0": w.newAPI(t, everything), "1.0.0": v1}
}

// taken responds with 200 to everything.
type taken struct{}

func (taken) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
}

func TestEveryRouteButThePublicOnesNeedsAKey(t *testing.T) {
	w := newWorld(t, options{})
	for version, api := range w.apis(t) {
		public := 0
		for _, route := range api.Routes() {
			ask := func(key string) answer {
				path := strings.Replace(route.Path, "{invoice_id}", unknownID, 1)
				return w.send(t, api, w.request(route.Method, path, key, bodies[route.OperationID]))
			}
			if route.Auth == nil {
				public++
				require.NotEqual(t, 401, ask("").status)
				continue
			}
			for _, key := range []string{"", "x", "ab" /* an account's, but no 64 digits */, strings.Repeat("0", 64), w.key + "0", strings.Repeat("a", 5000)} {
				got := ask(key)
				got.refused(t, 401, "unauthorized")
				require.NotEmpty(t, got.header.Get("WWW-Authenticate"))
			}
			wrong := accountKey // each kind of key is valid only for its own routes
			if route.OperationID == "createProject" {
				wrong = w.key
			}
			ask(wrong).refused(t, 401, "unauthorized")
		}
		require.Equal(t, map[string]int{"1.1.0": 3, "1.0.0": 2}[version], public)
	}
	require.Zero(t, stage.Count(t, w.service))
}

// TestIncident45_WhatIsAnothersDoesNotExist walks every operation of both versions.
func TestIncident45_WhatIsAnothersDoesNotExist(t *testing.T) {
	contract.Walk(t, subjectOf(itispay.New))
	contract.Walk(t, subjectOf(itispay.NewV1))
	contract.Walk(t, paying)
}

func TestWhatIsAnothersDoesNotExistBehindTheHostsAuthentication(t *testing.T) {
	contract.Walk(t, hostedOf(itispay.New))
	contract.Walk(t, hostedOf(itispay.NewV1))
}

func TestTheHostNamesAdministratorsAndAccountsKeepTheirKeys(t *testing.T) {
	w := newWorld(t, options{})
	user := w.project
	api, err := itispay.New(w.config(func(c *itispay.Config) {
		c.Authenticate = func(*http.Request) (string, error) { return user, nil }
	}))
	require.NoError(t, err)
	require.Equal(t, 403, w.send(t, api, w.request("GET", "/admin/invoices", "", "")).status)
	require.Equal(t, 200, w.send(t, api, w.request("GET", "/invoices", "", "")).status)
	user = w.office
	require.Equal(t, 200, w.send(t, api, w.request("GET", "/admin/invoices", "", "")).status)
	require.Equal(t, 401, w.send(t, api, w.request("POST", "/projects", "", `{"name":"New"}`)).status)
	require.Equal(t, 201, w.send(t, api, w.request("POST", "/projects", accountKey, `{"name":"New"}`)).status)
}

func TestA51_ThePublicCanOnlyRead(t *testing.T) {
	w := newWorld(t, options{})
	for _, api := range w.apis(t) {
		for _, route := range api.Routes() {
			require.True(t, route.Auth != nil || route.Method == "GET", route.Path)
		}
	}
}

func TestIncident39_WhoHasNoKeyLearnsNothingAboutTheBody(t *testing.T) {
	w := newWorld(t, options{})
	for _, key := range []string{"", strings.Repeat("0", 64)} {
		want := w.do(t, "POST", "/invoices", key, bodies["createInvoice"])
		want.refused(t, 401, "unauthorized")
		for _, body := range []string{`{`, `[]`, `{"order_id":1}`, strings.Repeat("a", 70_000)} {
			require.Equal(t, want.body, w.do(t, "POST", "/invoices", key, body).body)
		}
	}
}

// A wallet of another API of the same project is not an invoice of this one.
func TestDepositsAreNoInvoices(t *testing.T) {
	w := newWorld(t, options{})
	inv, err := w.service.CreateStanding(t.Context(), invoice.Deposit{Project: w.project, OrderID: "customer", Asset: "SIM"})
	require.NoError(t, err)
	for _, path := range []string{"/invoices/", "/public/invoices/", "/admin/invoices/"} {
		w.do(t, "GET", path+inv.ID, cmp.Or(map[string]string{"/admin/invoices/": w.admin}[path], w.key), "").refused(t, 404, "not_found")
	}
	w.do(t, "PATCH", "/invoices/"+inv.ID, w.key, `{"status":"cancelled"}`).refused(t, 404, "not_found")
	w.do(t, "POST", "/webhooks/resend", w.key, `{"order_id":"customer"}`).refused(t, 404, "not_found")
	require.Equal(t, "[]", w.do(t, "GET", "/invoices", w.key, "").text(t, "items"))
	require.Equal(t, "[]", w.do(t, "GET", "/admin/invoices?search=customer", w.admin, "").text(t, "items"))
}

// Order ids are unique in the project, but an API shows only its own invoices.
func TestWhatAnotherAPIOfTheProjectHasMadeIsNotThere(t *testing.T) {
	w := newWorld(t, options{service: told})
	id, token := w.sibling(t, "another-7")
	mine := w.told(t, "8", "https://example.com/hook")
	for version, api := range w.apis(t) {
		for _, path := range []string{"/invoices", "/archived"} {
			got := w.send(t, api, w.request("POST", path, w.key, `{"order_id":"another-7","fiat_amount":100,"currency":"SIM"}`))
			message := got.refused(t, 409, "conflict")
			require.NotContains(t, message, id, version)
			require.Contains(t, w.send(t, api, w.request("POST", path, w.key, `{"order_id":"8","fiat_amount":100,"currency":"SIM"}`)).refused(t, 409, "conflict"), mine)
		}
		w.send(t, api, w.request("GET", "/invoices/"+id, w.key, "")).refused(t, 404, "not_found")
		w.send(t, api, w.request("PATCH", "/invoices/"+id, w.key, `{"status":"cancelled"}`)).refused(t, 404, "not_found")
		w.send(t, api, w.request("POST", "/webhooks/simulate", w.key, simulation(id, "completed"))).refused(t, 404, "not_found")
		list := w.send(t, api, w.request("GET", "/invoices", w.key, ""))
		require.NotContains(t, string(list.body), token)
		require.Equal(t, "1", fmt.Sprint(list.object(t)["pagination"].(map[string]any)["total_records"]))
	}
	w.do(t, "GET", "/public/invoices/"+id, "", "").refused(t, 404, "not_found")
	w.do(t, "GET", "/admin/invoices/"+id, w.admin, "").refused(t, 404, "not_found")
	w.do(t, "POST", "/webhooks/resend", w.key, `{"order_id":"another-7"}`).refused(t, 404, "not_found")
	require.Equal(t, "[]", w.do(t, "GET", "/admin/invoices?search=another-7", w.admin, "").text(t, "items"))
	inv, err := w.service.Invoice(t.Context(), w.project, id)
	require.NoError(t, err)
	require.Equal(t, invoice.StatusNew, inv.State.Status)
}

func TestAKeyIsLimitedToItsAddresses(t *testing.T) {
	w := newWorld(t, options{})
	_, key := stage.Project(t, w.projects, "limited", "10.0.0.0/8, 192.0.2.7, 2001:db8::/32")
	for remote, want := range map[string]int{
		"10.1.2.3:99": 200, "192.0.2.7:1": 200, "[2001:db8::1]:1": 200, "[::ffff:10.0.0.1]:1": 200,
		"192.0.2.8:1": 403, "[2001:db9::1]:1": 403, "@": 403, "": 403,
	} {
		r := w.request("GET", "/invoices", key, "")
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "10.0.0.1")
		got := w.send(t, w.api, r)
		require.Equal(t, want, got.status, remote)
		if want == 403 {
			got.refused(t, 403, "forbidden")
		}
	}
	api := w.newAPI(t, func(c *itispay.Config) {
		c.ClientIP = func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-Real-Ip")) }
	})
	r := w.request("GET", "/invoices", key, "")
	r.Header.Set("X-Real-Ip", "10.0.0.1")
	require.Equal(t, 200, w.send(t, api, r).status)
}

func TestProjectsAreCreatedByAccounts(t *testing.T) {
	w := newWorld(t, options{})
	got := w.do(t, "POST", "/projects", accountKey, `{"name":"My API Project","description":"x","api_allowed_ips":"192.0.2.1, 10.0.0.0/8"}`)
	require.Equal(t, http.StatusCreated, got.status, "%s", got.body)
	require.Equal(t, []string{"project_id", "api_key"}, names(t, got.body))
	key := got.text(t, "api_key")
	require.Regexp(t, `^[0-9a-f]{64}$`, key)
	require.NotContains(t, w.log.String(), key)
	p, err := w.projects.Authenticate(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, "owner", p.Owner)
	require.Equal(t, got.text(t, "project_id"), p.ID)
	require.Equal(t, 200, w.do(t, "GET", "/invoices", key, "").status)

	w.do(t, "POST", "/projects", accountKey, `{"name":"My API Project"}`).refused(t, 409, "conflict")
	for _, body := range []string{
		`{}`, `{"name":""}`, `{"name":" "}`, `{"name":1}`, `{"name":"` + strings.Repeat("a", 101) + `"}`,
		`{"name":"a","description":"` + strings.Repeat("a", 1025) + `"}`, `{"name":"a","api_allowed_ips":"localhost"}`,
		`{"name":"a","api_allowed_ips":"10.0.0.0/33"}`, `{"name":"a","api_allowed_ips":"1.1.1.1,"}`, `{"name":"a\u0000"}`,
	} {
		w.do(t, "POST", "/projects", accountKey, body).refused(t, 422, "validation_error")
	}
	w.do(t, "POST", "/projects", accountKey, `{"name"}`).refused(t, 400, "bad_request")
	require.Equal(t, http.StatusCreated, w.do(t, "POST", "/projects", accountKey, `{"name":"free","api_allowed_ips":""}`).status)
}

func TestCurrenciesAndRatesArePublic(t *testing.T) {
	w := newWorld(t, options{})
	require.JSONEq(t, `{"currencies":[
		{"currency_code":"SIM","is_crypto":true,"precision":18,"is_active":true,"network":"Simulated","created_at":"2024-01-15T10:30:00Z"},
		{"currency_code":"TOK","is_crypto":true,"precision":6,"is_active":true,"network":"Simulated","created_at":"2024-01-15T10:30:00Z"}
	]}`, string(w.do(t, "GET", "/currencies", "", "").body))
	require.Equal(t, `{"rates":{"SIM":2000,"TOK":0.5}}`+"\n", string(w.do(t, "GET", "/rates", "", "").body))
}

func TestPathsAndMethodsThatAreNotThere(t *testing.T) {
	w := newWorld(t, options{})
	for _, path := range []string{"/", "/nothing", "/invoices/", "//invoices", "/invoices/../rates", "/invoices/a/b", "/Invoices"} {
		w.do(t, "GET", path, w.key, "").refused(t, 404, "not_found")
	}
	for path, allow := range map[string]string{
		"/invoices": "GET, HEAD, POST", "/invoices/" + unknownID: "GET, HEAD, PATCH", "/archived": "POST",
		"/rates": "GET, HEAD", "/projects": "POST", "/openapi.json": "GET, HEAD",
	} {
		got := w.do(t, "DELETE", path, w.key, "")
		got.refused(t, 405, "method_not_allowed")
		require.Equal(t, allow, got.header.Get("Allow"))
	}
}

func TestHeadAnswersAsGetWithoutTheBody(t *testing.T) {
	w := newWorld(t, options{})
	id := w.create(t, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`).text(t, "invoice_id")
	for _, path := range []string{"/invoices", "/invoices/" + id, "/public/invoices/" + id, "/rates", "/openapi.json"} {
		get, head := w.do(t, "GET", path, w.key, ""), w.do(t, "HEAD", path, w.key, "")
		require.Equal(t, get.status, head.status)
		require.Empty(t, head.body)
		require.Equal(t, fmt.Sprint(len(get.body)), head.header.Get("Content-Length"))
	}
}

func TestMountsUnderAnyPrefix(t *testing.T) {
	w := newWorld(t, options{})
	stage.Mounted(t, w.api, "/pay/api/v1", map[string]int{
		"/currencies": 200, "/openapi.json": 200, "/invoices": 401, "/public/invoices/" + unknownID: 404, "/": 404,
	})
}

func TestTheDocumentSaysWhoMayAskAndWhatIsAnswered(t *testing.T) {
	w := newWorld(t, options{})
	require.JSONEq(t, string(w.api.OpenAPI()), string(w.do(t, "GET", "/openapi.json", "", "").body))
	doc := contract.Of(t, w.api)
	create := doc.Operation("POST", "/invoices")
	require.Contains(t, (*create.Security)[0], "ApiKeyAuth")
	require.ElementsMatch(t, []string{"201", "400", "401", "403", "409", "413", "415", "422", "429", "500", "503"}, contract.Statuses(create))
	require.Len(t, doc.Operation("GET", "/invoices").Parameters, 8)
}

func TestWhatGoesWrongInsideIsLoggedAndNotSent(t *testing.T) {
	w := newWorld(t, options{})
	w.store.Break(errors.New("table invoices is gone"))
	got := w.do(t, "GET", "/invoices", w.key, "")
	require.Equal(t, "Something went wrong. It was logged.", got.refused(t, 500, "internal_error"))
	require.Contains(t, w.log.String(), "level=ERROR")
	require.Contains(t, w.log.String(), "table invoices is gone")
	require.Contains(t, w.log.String(), got.header.Get("X-Request-Id"))
}

func TestNothingIsSaidToBeLoggedThatIsNot(t *testing.T) {
	w := newWorld(t, options{})
	for name, logger := range map[string]*slog.Logger{
		"none": nil, "of nothing": slog.New(slog.DiscardHandler),
		"of less": slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelError + 1})),
	} {
		api := w.newAPI(t, func(c *itispay.Config) { c.Logger = logger })
		w.store.Break(errors.New("table invoices is gone"))
		got := w.send(t, api, w.request("GET", "/rates", "", ""))
		require.Equal(t, 200, got.status)
		got = w.send(t, api, w.request("GET", "/invoices", w.key, ""))
		require.Equal(t, "Something went wrong.", got.refused(t, 500, "internal_error"), name)
		w.store.Break(nil)
	}
}

func TestAClientThatWentAwayIsNoError(t *testing.T) {
	w := newWorld(t, options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := w.request("POST", "/invoices", w.key, bodies["createInvoice"]).WithContext(ctx)
	w.send(t, w.api, r).refused(t, 503, "unavailable")
	require.NotContains(t, w.log.String(), "level=ERROR")
	require.NotContains(t, w.log.String(), "level=WARN")
	require.Zero(t, stage.Count(t, w.service))
}

func TestA41_TooManyRequestsAre429AndSayWhenToComeBack(t *testing.T) {
	w := newWorld(t, options{api: func(c *itispay.Config) { c.Limit = httpapi.Limit{PerSecond: 2} }})
	_, other := stage.Project(t, w.projects, "Another", "")
	for range 2 {
		require.Equal(t, 200, w.do(t, "GET", "/invoices", w.key, "").status)
	}
	refused := w.do(t, "GET", "/invoices", w.key, "")
	require.Equal(t, 429, refused.status)
	require.Equal(t, "too_many_requests", refused.text(t, "error"))
	require.Equal(t, "1", refused.header.Get("Retry-After"))
	require.Equal(t, 200, w.do(t, "GET", "/invoices", other, "").status, "another project has its own")
	for range 2 {
		require.Equal(t, 401, w.do(t, "GET", "/invoices", strings.Repeat("0", 64), "").status)
	}
	require.Equal(t, 429, w.do(t, "GET", "/invoices", strings.Repeat("1", 64), "").status, "keys cannot be tried for ever")
}
