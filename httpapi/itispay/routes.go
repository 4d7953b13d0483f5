package itispay

import (
	"net/http"
	"slices"
	"time"

	"github.com/cointill/cointill/httpapi"
)

// Tags group the operations in the document.
const (
	tagInvoices = "Invoices"
	tagAdmin    = "Admin"
	tagPublic   = "Public"
	tagTesting  = "Testing"
	tagProjects = "Projects"
	tagWebhook  = "Webhook"
	tagWithdraw = "Withdraw"
	tagPayouts  = "Payouts"
)

func (a *api) routes() []httpapi.Route {
	archived := httpapi.Route{
		Method: "POST", Path: "/archived", OperationID: "createArchivedInvoice", Tag: tagInvoices, Auth: a.project,
		Summary: "Record a past invoice", Status: http.StatusCreated,
		Body: archivedRequest{}, Answer: invoiceObject{}, Faults: []int{http.StatusConflict}, Handler: a.shown(a.createArchived, false),
	}
	alias := archived
	alias.Path, alias.OperationID = "/invoices/archived", "createArchivedInvoiceAlias"
	return slices.Concat([]httpapi.Route{{
		Method: "POST", Path: "/invoices", OperationID: "createInvoice", Tag: tagInvoices, Auth: a.project,
		Summary: "Create a new invoice", Status: http.StatusCreated,
		Body: createRequest{}, Maxima: a.maxima(), Answer: invoiceObject{}, Faults: []int{http.StatusConflict}, Handler: a.shown(a.create, false),
	}, {
		Method: "GET", Path: "/invoices", OperationID: "listInvoices", Tag: tagInvoices, Auth: a.project,
		Summary: "List invoices with filtering and pagination",
		Params:  listQuery{}, Answer: invoiceList{}, Handler: a.list,
	}, archived, alias, {
		Method: "GET", Path: "/invoices/{invoice_id}", OperationID: "getInvoice", Tag: tagInvoices, Auth: a.project,
		Summary: "Get invoice by ID", Params: invoicePath{}, Answer: invoiceObject{}, Handler: a.shown(a.get, false),
	}, {
		Method: "PATCH", Path: "/invoices/{invoice_id}", OperationID: "updateInvoiceStatus", Tag: tagInvoices, Auth: a.project,
		Summary: "Update invoice status", Params: invoicePath{}, Body: statusRequest{}, Answer: invoiceObject{},
		Handler: a.shown(a.setStatus, true),
	}, {
		Method: "GET", Path: "/public/invoices/{invoice_id}", OperationID: "getPublicInvoice", Tag: tagPublic,
		Summary: "Get public invoice by ID (no authentication required)",
		Params:  invoicePath{}, Answer: httpapi.AnyOf{invoiceObject{}, closedInvoice{}}, Handler: a.getPublic,
	}}, a.adminRoutes(), a.commonRoutes(), []httpapi.Route{a.resendRoute()}, a.moneyOutRoutes())
}

// maxima returns the largest values of members of createRequest.
func (a *api) maxima() map[string]int64 {
	return map[string]int64{"expire_min": int64(a.service.MaxWindow() / time.Minute)}
}

func (a *api) adminRoutes() []httpapi.Route {
	admin := a.adminKey()
	return []httpapi.Route{{
		Method: "GET", Path: "/admin/invoices", OperationID: "adminListInvoices", Tag: tagAdmin, Auth: admin,
		Summary: "List invoices across all projects", Params: adminQuery{}, Answer: adminList{}, Handler: a.adminList,
	}, {
		Method: "GET", Path: "/admin/invoices/{invoice_id}", OperationID: "adminGetInvoice", Tag: tagAdmin, Auth: admin,
		Summary: "Get full invoice details", Params: invoicePath{}, Answer: adminInvoice{}, Handler: a.adminGet,
	}}
}

// commonRoutes returns the routes that both versions have.
func (a *api) commonRoutes() []httpapi.Route {
	return []httpapi.Route{{
		Method: "GET", Path: "/currencies", OperationID: "listCurrencies", Tag: tagPublic,
		Summary: "List supported currencies", Answer: currencyList{}, Handler: a.listCurrencies,
	}, {
		Method: "GET", Path: "/rates", OperationID: "getRates", Tag: tagPublic,
		Summary: "Get exchange rates", Answer: rateList{}, Handler: a.listRates,
	}, a.simulateRoute(), {
		Method: "POST", Path: "/projects", OperationID: "createProject", Tag: tagProjects, Auth: a.account,
		Summary: "Create new project via API", Status: http.StatusCreated,
		Body: projectRequest{}, Answer: createdProject{}, Faults: []int{http.StatusConflict}, Handler: a.createProject,
	}}
}

func (a *api) simulateRoute() httpapi.Route {
	out := httpapi.Route{
		Method: "POST", Path: "/webhooks/simulate", OperationID: "simulateWebhook", Tag: tagTesting, Auth: a.project,
		Summary: "Simulate webhook for testing purposes", Body: simulateRequest{}, Answer: simulateAnswer{},
		Faults: []int{http.StatusNotFound}, Handler: a.simulate,
	}
	switch {
	case a.cfg.Simulation == nil:
		out.Auth = nil
		return notServed(out, nil)
	case a.cfg.Simulation.Keyless:
		out.Auth = nil
	}
	return out
}

func (a *api) resendRoute() httpapi.Route {
	out := httpapi.Route{
		Method: "POST", Path: "/webhooks/resend", OperationID: "resendWebhook", Tag: tagWebhook, Auth: a.project,
		Summary: "Resend the latest webhook callback", Body: resendRequest{}, Answer: resendAnswer{},
		Faults: []int{http.StatusNotFound}, Handler: a.resend,
	}
	if a.cfg.Store == nil {
		return notServed(out, nil)
	}
	return out
}

// moneyOutRoutes returns the routes that send money, and the one that exports what was sent.
func (a *api) moneyOutRoutes() []httpapi.Route {
	settlements := httpapi.Route{
		Method: "GET", Path: "/invoices/settlements", OperationID: "exportSettlements", Tag: tagInvoices, Auth: a.project,
		Summary: "Export settlements CSV", Answer: httpapi.Text{Type: csvType}, Handler: a.exportSettlements,
	}
	withdraw := httpapi.Route{
		Method: "POST", Path: "/withdraw", OperationID: "withdraw", Tag: tagWithdraw, Auth: a.project,
		Summary: "Withdraw cryptocurrency to external wallet", Body: withdrawRequest{}, Answer: withdrawAnswer{},
		Faults: []int{http.StatusConflict}, Handler: a.withdraw,
	}
	create := httpapi.Route{
		Method: "POST", Path: "/payouts", OperationID: "createPayout", Tag: tagPayouts, Auth: a.project,
		Summary: "Send a fiat or crypto payout", Status: http.StatusCreated,
		Params: payoutHeaders{}, Body: payoutRequest{}, Answer: payoutObject{}, Faults: []int{http.StatusConflict}, Handler: a.createPayout,
	}
	if a.cfg.Payouts != nil {
		return []httpapi.Route{settlements, withdraw, create}
	}
	return []httpapi.Route{
		notServed(settlements, nil), notServed(withdraw, nil),
		notServed(create, func(r *httpapi.Request) error { return r.Bind(&payoutHeaders{}) }),
	}
}

// notServed returns a route that responds with 501 after a check, and is documented as such.
func notServed(route httpapi.Route, check func(*httpapi.Request) error) httpapi.Route {
	route.Summary += " (not served)"
	route.Body, route.Status, route.Answer, route.Faults = nil, http.StatusNotImplemented, faultBody{}, nil
	route.Ignored = route.Method != http.MethodGet
	route.Handler = func(r *httpapi.Request) (any, error) {
		if check != nil {
			if err := check(r); err != nil {
				return nil, err
			}
		}
		return nil, &httpapi.Error{Status: http.StatusNotImplemented, Message: "This is not served here."}
	}
	return route
}
