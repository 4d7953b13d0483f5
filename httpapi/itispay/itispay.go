package itispay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/denial"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// Config configures the API. Service, Format and Projects are required.
type Config struct {
	Service *invoice.Service
	// Format lists what can be paid in. The Service's Notifier must have the same Format.
	Format   *Format
	Projects *invoice.Projects

	// Authenticate identifies the project of a request in place of its API key; Admins are then the projects that it returns
	// for administrators. POST /projects still requires the key of one of Accounts, so a host that creates projects itself
	// leaves Accounts empty. If nil, API keys are required.
	Authenticate httpapi.Authenticate
	Accounts     []httpapi.Account // may create projects; default none
	Admins       []string          // ids of the projects whose keys may read the invoices of all projects; default none
	ClientIP     httpapi.ClientIP  // where requests come from; default httpapi.RemoteIP
	Limit        httpapi.Limit     // of the requests of one project, account or address; default no limit
	Replies      httpapi.Replies   // makes writes safe to repeat by Idempotency-Key; if nil, the header is ignored

	// Store has the callbacks, which administrators can read and shops can have sent again. If nil, administrators do not
	// see callbacks, and resending is not served.
	Store Store
	// Resent is called after a callback was made due again; a Dispatcher's Hint sends it without waiting for the next poll.
	// It may be nil.
	Resent func()
	// Simulation enables callbacks that report nothing. It must be nil, which disables them, where real goods are sold.
	Simulation *Simulation

	// Payouts pays out: withdrawals, payouts, and the settlements that withdrawals are. If nil, these routes are not served.
	Payouts Payouts
	// Fiat returns the asset of a payout to a bank account in a currency, such as EUR. If nil, there are no such payouts.
	Fiat func(currency string) (chain.AssetID, bool)

	// MaxNew bounds the new invoices of one project, whichever API created them; see invoice.Request.MaxNew. Default no
	// bound.
	MaxNew int

	DefaultTolerance   int  // allowed_error_percent of requests without one, 0 to 99; default that of the Service
	AllowFullTolerance bool // accepts an allowed_error_percent of 100, with which any payment completes an invoice

	Now    func() time.Time // default time.Now
	Logger *slog.Logger     // if nil, nothing is logged
	Meter  invoice.Meter    // default invoice.NoMeter
}

// Currency is an asset with its names in the API.
type Currency struct {
	Code          string    // on the wire; required, unique
	Asset         string    // code or CAIP-19 id of the Service's asset; default Code
	Network       string    // on the wire; default the network's name in the Service
	WalletPattern string    // regular expression for addresses, on the wire; default none
	CreatedAt     time.Time // on the wire; default when New was called
}

// Store is the part of the host's store that the API uses besides the Service. Every store.Backend implements it.
type Store interface {
	// InvoiceByOrder is that of invoice.Reader.
	InvoiceByOrder(ctx context.Context, project, orderID string) (invoice.Invoice, error)
	// History and Resend are those of webhook.Outbox.
	History(ctx context.Context, invoiceID string, after int64) ([]webhook.Record, error)
	Resend(ctx context.Context, invoiceID, receiver string) (invoice.Message, error)
}

// currency is a Currency with its asset.
type currency struct {
	Currency
	asset invoice.AssetConfig
}

// api serves the routes.
type api struct {
	cfg        Config
	service    *invoice.Service
	log        *slog.Logger
	project    *httpapi.Scheme
	account    *httpapi.Scheme
	currencies []currency
	pace       pace // of simulations
}

// New returns version 1.1.0 of the API, or an error if cfg is not valid. The API may be mounted under any prefix.
func New(cfg Config) (*httpapi.API, error) {
	a, err := newAPI(cfg)
	if err != nil {
		return nil, fmt.Errorf("itispay: New: %w", err)
	}
	return a.assemble("1.1.0", "Invoices in cryptocurrency, with several transactions for each.", a.routes())
}

// NewV1 is like New for version 1.0.0 of the API: the same invoices, with the members and the routes of that version, for
// clients that refuse unknown members. Mount it under a prefix of its own. It ignores Admins, Store, Resent, Payouts and Fiat.
func NewV1(cfg Config) (*httpapi.API, error) {
	a, err := newAPI(cfg)
	if err != nil {
		return nil, fmt.Errorf("itispay: NewV1: %w", err)
	}
	return a.assemble("1.0.0", "Invoices in cryptocurrency.", a.routesV1())
}

func (a *api) assemble(version, description string, routes []httpapi.Route) (*httpapi.API, error) {
	return httpapi.New(httpapi.Config{
		Title: "Cryptocurrency Invoice API", Version: version, Description: description, Routes: routes,
		Fault: a.fault, FaultBody: faultBody{},
		Examples: a.examples(),
		Limit:    a.cfg.Limit, ClientIP: a.cfg.ClientIP, Replies: a.cfg.Replies, Now: a.cfg.Now, Logger: a.log, Meter: a.cfg.Meter,
	})
}

func newAPI(cfg Config) (*api, error) {
	if err := denial.Config(cfg.Service, cfg.Projects, cfg.Format != nil, FormatName); err != nil {
		return nil, err
	}
	switch {
	case cfg.DefaultTolerance < 0 || cfg.DefaultTolerance > 99:
		return nil, errors.New("DefaultTolerance must be 0 to 99")
	case cfg.MaxNew < 0:
		return nil, errors.New("MaxNew must not be negative")
	case cfg.Payouts != nil && !slices.Contains(cfg.Payouts.Formats(), FormatName):
		return nil, errors.New("the Notifier of Payouts has no format " + FormatName + ": give it Config.Format")
	case slices.Contains(cfg.Admins, ""):
		return nil, errors.New("Admins must be ids of projects")
	}
	if err := cfg.Simulation.check(); err != nil {
		return nil, fmt.Errorf("Simulation: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	a := &api{cfg: cfg, service: cfg.Service, log: cfg.Logger}
	a.project = httpapi.ProjectKey("ApiKeyAuth", "Api-Key", cfg.Projects, cfg.ClientIP)
	if cfg.Authenticate != nil {
		a.project = httpapi.HostScheme(cfg.Authenticate, cfg.Projects)
	}
	var err error
	if a.account, err = httpapi.AccountKey("accountApiKeyAuth", "Api-Key", cfg.Accounts); err != nil {
		return nil, err
	}
	offered := cfg.Format.currencies
	if len(offered) == 0 {
		for _, asset := range cfg.Service.Assets() {
			offered = append(offered, Currency{Code: asset.Code})
		}
	}
	for i, c := range offered {
		if err := a.addCurrency(c); err != nil {
			return nil, fmt.Errorf("Format: currency %d: %w", i, err)
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
			found.asset = asset
		}
	}
	if found.asset.ID == "" {
		return fmt.Errorf("the Service has no asset %q", c.Asset)
	}
	for _, other := range a.currencies {
		if other.Code == c.Code || other.asset.ID == found.asset.ID {
			return fmt.Errorf("%s or its asset is listed twice", c.Code)
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

// asset returns the asset of a code on the wire, ignoring case if only one matches.
func (a *api) asset(code string) (invoice.AssetConfig, bool) {
	var found []currency
	for _, c := range a.currencies {
		if c.Code == code {
			return c.asset, true
		}
		if strings.EqualFold(c.Code, code) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return invoice.AssetConfig{}, false
	}
	return found[0].asset, true
}
