package itispay

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
)

// Format is how invoices of this API are told; see invoice.Request.Format.
const Format = "itispay"

// Config says what the API works with. Service and Projects are required.
type Config struct {
	Service  *invoice.Service
	Projects *invoice.Projects

	Accounts   []httpapi.Account // who may create projects; default nobody
	ClientIP   httpapi.ClientIP  // where requests come from; default httpapi.RemoteIP
	Limit      httpapi.Limit     // how often one project, account or address may ask; default no limit
	Currencies []Currency        // what can be paid in; default all assets of the Service, by their codes

	DefaultTolerance   int  // allowed_error_percent when a request does not say, 0 to 99; 0: as the Service is configured
	AllowFullTolerance bool // takes allowed_error_percent of 100, with which any payment completes an invoice

	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // default silence
}

// Currency is an asset as clients of this API see it.
type Currency struct {
	Code          string    // on the wire; required, unique
	Asset         string    // code or CAIP-19 id of the Service's asset; default Code
	Network       string    // on the wire; default the network's name in the Service
	WalletPattern string    // regular expression for addresses, on the wire; default none
	CreatedAt     time.Time // on the wire; default when New was called
}

// currency is a Currency with its asset.
type currency struct {
	Currency
	asset chain.Asset
}

// api answers the routes.
type api struct {
	cfg        Config
	service    *invoice.Service
	log        *slog.Logger
	currencies []currency
}

// New checks the configuration and makes the API. It may be mounted under any prefix.
func New(cfg Config) (*httpapi.API, error) {
	a, err := newAPI(cfg)
	if err != nil {
		return nil, fmt.Errorf("itispay: New: %w", err)
	}
	accounts, err := httpapi.AccountKey("accountApiKeyAuth", "Api-Key", cfg.Accounts)
	if err != nil {
		return nil, fmt.Errorf("itispay: New: %w", err)
	}
	project := httpapi.ProjectKey("ApiKeyAuth", "Api-Key", cfg.Projects, cfg.ClientIP)
	return httpapi.New(httpapi.Config{
		Title: "Cryptocurrency Invoice API", Version: "1.1.0",
		Description: "Invoices in cryptocurrency, with several transactions for each.",
		Routes:      a.routes(project, accounts),
		Fault:       fault, FaultBody: faultBody{},
		Limit: cfg.Limit, ClientIP: cfg.ClientIP, Now: cfg.Now, Logger: a.log,
	})
}

func newAPI(cfg Config) (*api, error) {
	switch {
	case cfg.Service == nil:
		return nil, errors.New("Service is required")
	case cfg.Projects == nil:
		return nil, errors.New("Projects is required")
	case cfg.DefaultTolerance < 0 || cfg.DefaultTolerance > 99:
		return nil, errors.New("DefaultTolerance must be 0 to 99")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Currencies == nil {
		for _, asset := range cfg.Service.Assets() {
			cfg.Currencies = append(cfg.Currencies, Currency{Code: asset.Code})
		}
	}
	a := &api{cfg: cfg, service: cfg.Service, log: cfg.Logger}
	for i, c := range cfg.Currencies {
		if err := a.addCurrency(c); err != nil {
			return nil, fmt.Errorf("Currencies[%d]: %w", i, err)
		}
	}
	return a, nil
}

func (a *api) addCurrency(c Currency) error {
	if c.Code == "" {
		return errors.New("Code is required")
	}
	if c.Asset == "" {
		c.Asset = c.Code
	}
	found := currency{}
	for _, asset := range a.service.Assets() {
		if asset.Code == c.Asset || string(asset.ID) == c.Asset {
			found.asset = asset.Asset
		}
	}
	if found.asset.ID == "" {
		return fmt.Errorf("the Service has no asset %q", c.Asset)
	}
	for _, other := range a.currencies {
		if other.Code == c.Code || other.asset.ID == found.asset.ID {
			return fmt.Errorf("%s or its asset is there twice", c.Code)
		}
	}
	if c.Network == "" {
		network, _ := a.service.Chain(found.asset.ID.Network())
		c.Network = network.Name
	}
	if c.CreatedAt.IsZero() {
		c.CreatedAt = a.cfg.Now()
	}
	found.Currency = c
	a.currencies = append(a.currencies, found)
	return nil
}

// asset answers the asset of a code on the wire.
func (a *api) asset(code string) (chain.Asset, bool) {
	for _, c := range a.currencies {
		if c.Code == code {
			return c.asset, true
		}
	}
	return chain.Asset{}, false
}

// code answers the code on the wire of an asset.
func (a *api) code(asset chain.Asset) string {
	for _, c := range a.currencies {
		if c.asset.ID == asset.ID {
			return c.Code
		}
	}
	return asset.Code
}

func (a *api) routes(project, account *httpapi.Scheme) []httpapi.Route {
	const invoices, public, projects = "Invoices", "Public", "Projects"
	archive := httpapi.Route{
		Method: "POST", Path: "/archived", OperationID: "createArchivedInvoice", Tag: invoices, Auth: project,
		Summary: "Record an invoice of the past", Status: http.StatusCreated,
		Body: archivedRequest{}, Answer: invoiceObject{}, Faults: []int{http.StatusConflict}, Handler: a.createArchived,
	}
	alias := archive
	alias.Path, alias.OperationID = "/invoices/archived", "createArchivedInvoiceAlias"
	return []httpapi.Route{{
		Method: "POST", Path: "/invoices", OperationID: "createInvoice", Tag: invoices, Auth: project,
		Summary: "Create a new invoice", Status: http.StatusCreated,
		Body: createRequest{}, Answer: invoiceObject{}, Faults: []int{http.StatusConflict}, Handler: a.create,
	}, {
		Method: "GET", Path: "/invoices", OperationID: "listInvoices", Tag: invoices, Auth: project,
		Summary: "List invoices with filtering and pagination",
		Params:  listQuery{}, Answer: invoiceList{}, Handler: a.list,
	}, archive, alias, {
		Method: "GET", Path: "/invoices/{invoice_id}", OperationID: "getInvoice", Tag: invoices, Auth: project,
		Summary: "Get invoice by ID", Params: invoicePath{}, Answer: invoiceObject{}, Handler: a.get,
	}, {
		Method: "PATCH", Path: "/invoices/{invoice_id}", OperationID: "updateInvoiceStatus", Tag: invoices, Auth: project,
		Summary: "Update invoice status", Params: invoicePath{}, Body: statusRequest{}, Answer: invoiceObject{},
		Handler: a.setStatus,
	}, {
		Method: "GET", Path: "/public/invoices/{invoice_id}", OperationID: "getPublicInvoice", Tag: public,
		Summary: "Get public invoice by ID (no authentication required)",
		Params:  invoicePath{}, Answer: httpapi.OneOf{invoiceObject{}, closedInvoice{}}, Handler: a.getPublic,
	}, {
		Method: "GET", Path: "/currencies", OperationID: "listCurrencies", Tag: public,
		Summary: "List supported currencies", Answer: currencyList{}, Handler: a.listCurrencies,
	}, {
		Method: "GET", Path: "/rates", OperationID: "getRates", Tag: public,
		Summary: "Get exchange rates", Answer: rateList{}, Handler: a.listRates,
	}, {
		Method: "POST", Path: "/projects", OperationID: "createProject", Tag: projects, Auth: account,
		Summary: "Create new project via API", Status: http.StatusCreated,
		Body: projectRequest{}, Answer: createdProject{}, Faults: []int{http.StatusConflict}, Handler: a.createProject,
	}}
}
