package cryptosteroid

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/denial"
	"github.com/cointill/cointill/invoice"
)

// Config configures the API. Service, Format and Projects are required.
type Config struct {
	Service *invoice.Service
	// Format has the payment methods and the page where invoices are paid. The Service's Notifier must have the same Format.
	Format   *Format
	Projects *invoice.Projects

	// MaxNew bounds the NEW invoices of one merchant; see invoice.Request.MaxNew. Default no bound.
	MaxNew int
	// MaxDeposits bounds the deposit addresses of one merchant that are open, that is, not archived, whichever API created
	// them; see invoice.Deposit.MaxOpen. Further ones are refused with 429. Default no bound.
	MaxDeposits int
	// Authenticate identifies the merchant of a request in place of its API key. A merchant still reaches only its own
	// routes, and public routes stay public. If nil, API keys are required.
	Authenticate httpapi.Authenticate
	ClientIP     httpapi.ClientIP // where requests come from; default httpapi.RemoteIP
	Limit        httpapi.Limit    // of the requests of one merchant or address; default no limit
	Replies      httpapi.Replies  // makes writes of merchants safe to repeat by Idempotency-Key; if nil, the header is ignored

	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // if nil, nothing is logged
	Meter  invoice.Meter    // default invoice.NoMeter
}

// window is the time to pay.
const window = 30 * time.Minute

// api serves the routes.
type api struct {
	cfg     Config
	service *invoice.Service
	view    View
	assets  map[string]invoice.AssetConfig // by the names of the methods
	only    []string                       // their ids
}

// New returns the API, or an error if cfg is not valid. The API may be mounted under any prefix.
func New(cfg Config) (*httpapi.API, error) {
	a, err := newAPI(cfg)
	if err != nil {
		return nil, fmt.Errorf("cryptosteroid: New: %w", err)
	}
	key := httpapi.ProjectKey("ApiKeyAuth", "X-Api-Key", cfg.Projects, cfg.ClientIP)
	if cfg.Authenticate != nil {
		key = httpapi.HostScheme(cfg.Authenticate, cfg.Projects)
	}
	return httpapi.New(httpapi.Config{
		Title: "Merchant Invoices API", Version: "1.0.0",
		Description: "Invoices in fiat money that are paid in cryptocurrency, and deposit addresses.",
		Routes:      a.routes(key),
		Examples:    a.examples(),
		Fault:       a.fault, FaultBody: faultBody{}, Invalid: http.StatusBadRequest,
		Limit: cfg.Limit, ClientIP: cfg.ClientIP, Replies: cfg.Replies, Now: cfg.Now, Logger: cfg.Logger, Meter: cfg.Meter,
	})
}

func newAPI(cfg Config) (*api, error) {
	if err := denial.Config(cfg.Service, cfg.Projects, cfg.Format != nil, FormatName); err != nil {
		return nil, err
	}
	switch {
	case cfg.MaxNew < 0:
		return nil, errors.New("MaxNew must not be negative")
	case cfg.MaxDeposits < 0:
		return nil, fmt.Errorf("MaxDeposits must not be negative, not %d", cfg.MaxDeposits)
	}
	view := cfg.Format.view
	if len(view.Methods) == 0 {
		return nil, errors.New("Format: View.Methods needs at least one method")
	}
	if page, err := url.Parse(view.InvoiceURL); err != nil || page.Host == "" || !strings.Contains(view.InvoiceURL, "{id}") {
		return nil, errors.New("Format: View.InvoiceURL must be an absolute URL with {id} in it")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	a := &api{cfg: cfg, service: cfg.Service, view: view, assets: map[string]invoice.AssetConfig{}}
	for i, m := range view.Methods {
		if err := a.addMethod(m); err != nil {
			return nil, fmt.Errorf("Format: View.Methods[%d]: %w", i, err)
		}
	}
	return a, nil
}

func (a *api) addMethod(m Method) error {
	if !slices.Contains(Methods(), m.Name) {
		return fmt.Errorf("the API knows no method %q", m.Name)
	}
	if _, twice := a.assets[m.Name]; twice || slices.Contains(a.only, string(m.Asset.ID)) {
		return fmt.Errorf("%s or its asset is listed twice", m.Name)
	}
	for _, asset := range a.service.Assets() {
		if asset.Asset == m.Asset {
			a.assets[m.Name] = asset
			a.only = append(a.only, string(asset.ID))
			return nil
		}
	}
	return fmt.Errorf("the Service has no asset %+v", m.Asset)
}

// asset returns the asset of a method, or an error for the field if the method is not offered.
func (a *api) asset(field string, m method) (chain.Asset, error) {
	asset, offered := a.assets[string(m)]
	if !offered {
		return chain.Asset{}, &httpapi.FieldError{Field: field, Reason: "is not offered here"}
	}
	return asset.Asset, nil
}

// WalletID returns the id of a merchant's wallet for a payment method, which the routes of deposit addresses use. It is a
// UUID of version 5 (RFC 9562) and never changes.
func WalletID(merchant, method string) string {
	space, err := hex.DecodeString(strings.ReplaceAll(merchant, "-", ""))
	if err != nil {
		space = []byte(merchant)
	}
	sum := sha1.Sum(append(space, "wallet:"+method...))
	sum[6] = sum[6]&0x0f | 0x50
	sum[8] = sum[8]&0x3f | 0x80
	x := hex.EncodeToString(sum[:16])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// wallet returns the method of a merchant's wallet, to the merchant alone.
func (a *api) wallet(r *httpapi.Request, merchant, id string) (Method, error) {
	if err := own(r, merchant); err != nil {
		return Method{}, err
	}
	for _, m := range a.view.Methods {
		if WalletID(merchant, m.Name) == id {
			return m, nil
		}
	}
	return Method{}, fmt.Errorf("wallet: %w", invoice.ErrNotFound)
}

// own returns invoice.ErrNotFound for another merchant's key, so that its owner does not learn that the merchant exists.
func own(r *httpapi.Request, merchant string) error {
	if r.Project.ID != merchant {
		return fmt.Errorf("merchant: %w", invoice.ErrNotFound)
	}
	return nil
}

func (a *api) routes(key *httpapi.Scheme) []httpapi.Route {
	const invoices, addresses = "Invoices", "Addresses"
	return []httpapi.Route{{
		Method: "POST", Path: "/merchants/{merchant}/invoices", OperationID: "createInvoice", Tag: invoices, Auth: key,
		Summary: "Create an invoice", Status: http.StatusCreated, Params: merchantPath{}, Body: createRequest{},
		Answer: invoiceObject{}, Handler: a.create,
	}, {
		Method: "GET", Path: "/merchants/{merchant}/invoices/{id}", OperationID: "getInvoice", Tag: invoices,
		Summary: "Read an invoice (no key required)", Params: invoicePath{},
		Answer: invoiceObject{}, Handler: a.get,
	}, {
		Method: "PATCH", Path: "/merchants/{merchant}/invoices/{id}", OperationID: "updateInvoice", Tag: invoices,
		Summary: "Choose or change the payment method of a NEW invoice (no key required)",
		Params:  invoicePath{}, Body: updateRequest{}, Faults: []int{http.StatusConflict},
		Answer: invoiceObject{}, Handler: a.choose,
	}, {
		Method: "POST", Path: "/merchants/{merchant}/wallets/{wallet}/address", OperationID: "createAddress", Tag: addresses, Auth: key,
		Summary: "Create an address for deposits", Status: http.StatusCreated, Params: walletPath{}, Body: addressRequest{},
		Answer: depositAddress{}, Handler: a.createAddress,
	}, {
		Method: "DELETE", Path: "/merchants/{merchant}/wallets/{wallet}/address/{id}", OperationID: "archiveAddress", Tag: addresses, Auth: key,
		Summary: "Archive an address for deposits", Params: addressPath{},
		Answer: archivedAddress{}, Handler: a.archiveAddress,
	}}
}
