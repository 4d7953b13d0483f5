package cryptosteroid_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/cryptosteroid"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

// bodies holds valid bodies for the routes that take one.
var bodies = map[string]string{
	"createInvoice": `{` + valid + `}`,
	"updateInvoice": `{"paymentMethod":"BTC"}`,
	"createAddress": `{"label":"till 7"}`,
}

// place returns a route's path with the ids.
func place(route httpapi.Route, merchant, wallet, id string) string {
	return strings.NewReplacer("{merchant}", merchant, "{wallet}", wallet, "{id}", id).Replace(route.Path)
}

func TestEveryRouteButThePublicOnesNeedsAKey(t *testing.T) {
	w := newWorld(t, options{})
	public := 0
	for _, route := range w.api.Routes() {
		path := place(route, w.shop, cryptosteroid.WalletID(w.shop, "BTC"), unknownID)
		if route.Auth == nil {
			public++
			w.do(t, route.Method, path, "", bodies[route.OperationID]).refused(t, 404)
			continue
		}
		for _, key := range []string{"", "x", strings.Repeat("0", 64), w.key + "0", strings.Repeat("a", 5000)} {
			got := w.do(t, route.Method, path, key, bodies[route.OperationID])
			got.refused(t, 401)
			require.NotEmpty(t, got.header.Get("WWW-Authenticate"))
		}
	}
	require.Equal(t, 2, public, "read, and choose the method")
	require.Zero(t, stage.Count(t, w.service))
}

// TestIncident45_WhatIsAnothersDoesNotExist walks every operation.
func TestIncident45_WhatIsAnothersDoesNotExist(t *testing.T) { contract.Walk(t, subject) }

func TestWhatIsAnothersDoesNotExistBehindTheHostsAuthentication(t *testing.T) {
	contract.Walk(t, hosted)
}

func TestIncident39_WhoHasNoKeyLearnsNothingAboutTheBody(t *testing.T) {
	w := newWorld(t, options{})
	for _, key := range []string{"", strings.Repeat("0", 64)} {
		want := w.do(t, "POST", w.invoices(), key, bodies["createInvoice"])
		want.refused(t, 401)
		for _, body := range []string{`{`, `[]`, `{"description":1}`, strings.Repeat("a", 70_000)} {
			require.Equal(t, want.body, w.do(t, "POST", w.invoices(), key, body).body)
		}
	}
}

func TestA51_InvoicesOfOtherAPIsAreNeitherShownNorChanged(t *testing.T) {
	w := newWorld(t, options{})
	inv, err := w.service.Create(t.Context(), invoice.Request{
		Project: w.shop, Format: webhook.Standard().Name(), Price: invoice.Price{Currency: "EUR", Amount: decimal.NewFromInt(10)}, Asset: "SIM",
	})
	require.NoError(t, err)
	deposit := w.do(t, "POST", w.wallet("ETH"), w.key, `{"label":"a"}`).text(t, "id")
	created := w.create(t, `{`+valid+`}`).text(t, "invoiceId")
	for _, id := range []string{inv.ID, deposit} {
		w.do(t, "GET", w.invoices()+"/"+id, "", "").refused(t, 404)
		w.do(t, "PATCH", w.invoices()+"/"+id, "", `{"paymentMethod":"BTC"}`).refused(t, 404)
	}
	for _, id := range []string{inv.ID, created} {
		w.do(t, "DELETE", w.wallet("ETH")+"/"+id, w.key, "").refused(t, 404)
	}
	after, err := w.service.Invoice(t.Context(), w.shop, inv.ID)
	require.NoError(t, err)
	require.Equal(t, inv.Version, after.Version)
}

func TestAKeyIsLimitedToItsAddresses(t *testing.T) {
	w := newWorld(t, options{})
	id, key := stage.Project(t, w.projects, "limited", "10.0.0.0/8, 2001:db8::/32")
	for remote, want := range map[string]int{"10.1.2.3:99": 201, "[2001:db8::1]:1": 201, "192.0.2.8:1": 403, "@": 403, "": 403} {
		r := w.request("POST", "/merchants/"+id+"/invoices", key, bodies["createInvoice"])
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "10.0.0.1")
		got := w.send(t, w.api, r)
		require.Equal(t, want, got.status, remote)
		if want == 403 {
			got.refused(t, 403)
		}
	}
}

func TestA30_Incident41_TheSecretIsInNoAnswerLogOrDocument(t *testing.T) {
	w := newWorld(t, options{}) // its send searches for the secret in each response and in the log
	got := w.create(t, `{`+valid+`,"paymentMethod":"ETH","secret":"`+secret+`","processingUrl":"https://shop.example/"}`)
	path := w.invoices() + "/" + got.text(t, "invoiceId")
	w.do(t, "GET", path, "", "")
	w.do(t, "PATCH", path, "", `{"paymentMethod":"BTC"}`)
	w.do(t, "POST", w.wallet("BTC"), w.key, `{"label":"a","callback":"https://shop.example/","token":"`+secret+`"}`)
	w.do(t, "POST", w.invoices(), w.key, `{`+valid+`,"secret":"`+secret+`","processingUrl":"nowhere"}`).refused(t, 400)
	w.do(t, "POST", w.invoices(), w.key, `{`+valid+`,"secret":"`+secret+`ö"}`).refused(t, 400)
	w.do(t, "POST", w.invoices(), w.key, `{"secret":"`+secret+`","secret":"`+secret+`"}`).refused(t, 400)
	w.do(t, "POST", w.invoices(), w.key, `{"secret":"`+secret+`"`).refused(t, 400)

	inv, err := w.service.Invoice(t.Context(), w.shop, got.text(t, "invoiceId"))
	require.NoError(t, err)
	events, err := w.service.History(t.Context(), w.shop, inv.ID, 0)
	require.NoError(t, err)
	for _, ev := range events {
		require.NotContains(t, string(ev.Body), secret)
	}
	for name, member := range contract.Of(t, w.api).Components.Schemas["InvoiceObject"].Value.Properties {
		require.NotContains(t, strings.ToLower(name+member.Value.Description), "secret")
	}

	kept := w.create(t, `{`+valid+`,"secret":"`+secret+`"}`).text(t, "invoiceId")
	inv, err = w.service.Invoice(t.Context(), w.shop, kept)
	require.NoError(t, err)
	require.Empty(t, inv.Data, "a secret that is never sent is not kept")
}

func TestPathsAndMethodsThatAreNotThere(t *testing.T) {
	w := newWorld(t, options{})
	for _, path := range []string{"/", "/merchants", "/merchants/" + w.shop, w.invoices() + "/", "/" + w.invoices(), w.invoices() + "/a/b"} {
		w.do(t, "GET", path, w.key, "").refused(t, 404)
	}
	for path, allow := range map[string]string{
		w.invoices(): "POST", w.invoices() + "/" + unknownID: "GET, HEAD, PATCH", w.wallet("BTC"): "POST",
		w.wallet("BTC") + "/" + unknownID: "DELETE", "/openapi.json": "GET, HEAD",
	} {
		got := w.do(t, "PUT", path, w.key, "")
		got.refused(t, 405)
		require.Equal(t, allow, got.header.Get("Allow"))
	}
}

func TestHeadAnswersAsGetWithoutTheBody(t *testing.T) {
	w := newWorld(t, options{})
	path := w.invoices() + "/" + w.create(t, `{`+valid+`}`).text(t, "invoiceId")
	get, head := w.do(t, "GET", path, "", ""), w.do(t, "HEAD", path, "", "")
	require.Equal(t, get.status, head.status)
	require.Empty(t, head.body)
	require.Equal(t, fmt.Sprint(len(get.body)), head.header.Get("Content-Length"))
}

func TestMountsUnderAnyPrefix(t *testing.T) {
	w := newWorld(t, options{})
	path := w.invoices() + "/" + w.create(t, `{`+valid+`}`).text(t, "invoiceId")
	stage.Mounted(t, w.api, "/pay", map[string]int{path: 200, "/openapi.json": 200, w.invoices(): 405, "/": 404})
}

func TestTheDocumentSaysWhatIsAnswered(t *testing.T) {
	w := newWorld(t, options{})
	for template, want := range map[string][]string{
		"POST " + w.invoices():                        {"201", "400", "401", "403", "404", "413", "415", "429", "500", "503"},
		"PATCH " + w.invoices() + "/" + unknownID:     {"200", "400", "404", "409", "413", "415", "429", "500", "503"},
		"GET " + w.invoices() + "/" + unknownID:       {"200", "400", "404", "429", "500", "503"},
		"DELETE " + w.wallet("BTC") + "/" + unknownID: {"200", "400", "401", "403", "404", "429", "500", "503"},
		"POST " + w.wallet("BTC"):                     {"201", "400", "401", "403", "404", "413", "415", "429", "500", "503"},
	} {
		method, path, _ := strings.Cut(template, " ")
		require.ElementsMatch(t, want, contract.Statuses(contract.Of(t, w.api).Operation(method, path)), template)
	}
}

func TestWhatGoesWrongInsideIsLoggedAndNotSent(t *testing.T) {
	w := newWorld(t, options{})
	w.store.Break(errors.New("table invoices is gone"))
	got := w.do(t, "GET", w.invoices()+"/"+unknownID, "", "")
	require.NotContains(t, got.refused(t, 500), "table")
	require.Contains(t, w.log.String(), "table invoices is gone")
	require.Contains(t, w.log.String(), got.header.Get("X-Request-Id"))

	w = newWorld(t, options{service: func(c *invoice.Config) { c.MaxWindow = 60e9 }})
	w.do(t, "POST", w.invoices(), w.key, bodies["createInvoice"]).refused(t, 500)
	require.Contains(t, w.log.String(), "what clients do not choose")
}

func TestAServiceWithoutTheFormatIsRefused(t *testing.T) {
	stage.WithoutFormat(t, cryptosteroid.FormatName, func(t *testing.T, n invoice.Notifier) error {
		w, err := openWorld(options{service: func(c *invoice.Config) { c.Notifier = n }})
		require.NoError(t, err)
		_, err = cryptosteroid.New(w.config(options{}))
		return err
	})
}

func TestABusyStoreIs503AndSaysWhenToComeBack(t *testing.T) {
	w := newWorld(t, options{})
	w.store.Break(fmt.Errorf("sqlite: %w", invoice.ErrBusy))
	got := w.do(t, "GET", w.invoices()+"/"+unknownID, "", "")
	require.Equal(t, "Too much happened at once. Please try again.", got.refused(t, 503))
	require.Equal(t, "5", got.header.Get("Retry-After"))
	require.NotContains(t, w.log.String(), "level=ERROR")
}

func TestA41_TooManyRequestsAre429AndSayWhenToComeBack(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptosteroid.Config) { c.Limit = httpapi.Limit{PerSecond: 2} }})
	path := w.invoices() + "/" + unknownID
	for range 2 {
		require.Equal(t, 404, w.do(t, "GET", path, "", "").status)
	}
	got := w.do(t, "GET", path, "", "")
	got.refused(t, 429)
	require.Equal(t, "1", got.header.Get("Retry-After"))
	require.Equal(t, 201, w.do(t, "POST", w.invoices(), w.key, bodies["createInvoice"]).status, "a merchant has its own")
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	w := newWorld(t, options{})
	seen := func(change func(*cryptosteroid.View)) func(*cryptosteroid.Config) { return seen(w.one, w.two, change) }
	for want, change := range map[string]func(*cryptosteroid.Config){
		"Service is required":             func(c *cryptosteroid.Config) { c.Service = nil },
		"Format is required":              func(c *cryptosteroid.Config) { c.Format = nil },
		"Projects is required":            func(c *cryptosteroid.Config) { c.Projects = nil },
		"MaxNew must not be negative":     func(c *cryptosteroid.Config) { c.MaxNew = -1 },
		"MaxDeposits must not be":         func(c *cryptosteroid.Config) { c.MaxDeposits = -1 },
		"needs at least one method":       seen(func(v *cryptosteroid.View) { v.Methods = nil }),
		"with {id} in it":                 seen(func(v *cryptosteroid.View) { v.InvoiceURL = "https://pay.example/" }),
		"must be an absolute URL":         seen(func(v *cryptosteroid.View) { v.InvoiceURL = "/{id}" }),
		`[0]: the API knows no method`:    seen(func(v *cryptosteroid.View) { v.Methods[0].Name = "XMR" }),
		"[1]: ETH or its asset is listed": seen(func(v *cryptosteroid.View) { v.Methods[1].Name = "ETH" }),
		"[1]: BTC or its asset is listed": seen(func(v *cryptosteroid.View) {
			v.Methods[1] = cryptosteroid.Method{Name: "BTC", Asset: w.one.Asset("SIM")}
		}),
		"the Service has no asset": seen(func(v *cryptosteroid.View) { v.Methods[0].Asset = chain.Asset{ID: "sim:9/slip44:0", Code: "X"} }),
	} {
		cfg := w.config(options{})
		change(&cfg)
		_, err := cryptosteroid.New(cfg)
		require.ErrorContains(t, err, want)
	}
}

func TestWalletIDsAreUUIDsThatStay(t *testing.T) {
	const merchant = "018f3f3e-0000-7000-8000-00000000000a"
	require.Equal(t, "676771a9-c75b-5328-91f1-657280f7036d", cryptosteroid.WalletID(merchant, "BTC"))
	seen := map[string]bool{}
	for _, m := range []string{merchant, unknownID, "no uuid"} {
		for _, method := range cryptosteroid.Methods() {
			id := cryptosteroid.WalletID(m, method)
			require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id)
			require.False(t, seen[id])
			seen[id] = true
		}
	}
}
