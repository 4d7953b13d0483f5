package cryptomus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/denial"
	"github.com/cointill/cointill/httpapi/internal/known"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

// Names of the keys that a project signs its requests with; see invoice.Projects.MakeKey. Webhooks of invoices and static
// wallets are signed with the first, and those of payouts with the second.
const (
	PaymentKey = "payment"
	PayoutKey  = "payout"
)

// Config configures the API. Service, Format, Projects, Store and PageURL are required.
type Config struct {
	Service *invoice.Service
	// Format lists what can be paid in. The Service's Notifier must have the same Format.
	Format *Format
	// Projects are the merchants. An authenticated project is cached for a second: a replaced key, or a changed allow-list
	// or discount, may stay in effect for that time, except for a discount that was set by this API.
	Projects *invoice.Projects
	Store    Store
	// PageURL returns the URL at which an invoice, or a static wallet (its Terms are Standing), is paid. It must not block.
	PageURL func(inv invoice.Invoice) string

	// Payouts serves what sends money and what the balances are; usually a *payout.Service on the same database, whose
	// Notifier must have the same Format. If nil, the routes for that are forbidden, and balances are 0.
	Payouts Payouts
	// Personal returns the project whose balance is the personal wallet of a merchant: one of the merchant's own, or an id
	// that no project has. An empty id, or a nil function, means that there is none, and transfers are refused. It must not
	// block.
	Personal func(project string) string
	// RateSources are those of the Service, for the course_source of payouts. One that is not there is refused.
	RateSources map[string]invoice.RateSource

	// MaxNew bounds the invoices of one project that wait for a payment, whichever API created them; see
	// invoice.Request.MaxNew. Default no bound.
	MaxNew int
	// MaxDeposits bounds the static wallets of one project that are open, that is, not blocked, whichever API created them;
	// see invoice.Deposit.MaxOpen. Further ones are refused as "Gateway error". Default no bound.
	MaxDeposits int
	// Maximum is the largest amount of an invoice, a payout or a transfer in a coin. Default 10000000.
	Maximum decimal.Decimal
	// Commission is the Service's Commission, for the list of services. Default none.
	Commission func(project string, asset chain.Asset) decimal.Decimal
	// TestClient sends test webhooks. It must restrict the addresses that it connects to like the client of
	// webhook.NewClient. Test webhooks are signed like real ones, so anybody with the key can tell a shop that an order is
	// paid: where real goods are sold, leave it nil, which forbids them.
	TestClient *http.Client
	// Resent is called after a resend; a Dispatcher's Hint sends the webhook without waiting for the next poll. It may be
	// nil.
	Resent func()

	// Authenticate identifies the merchant of a request in place of the headers merchant and sign, for either key. Webhooks
	// are still signed with the merchant's keys. If nil, signatures are required.
	Authenticate httpapi.Authenticate
	ClientIP     httpapi.ClientIP // where requests come from; default httpapi.RemoteIP
	Limit        httpapi.Limit    // of the requests of one project or address; default no limit
	// Replies makes requests safe to repeat by Idempotency-Key, in addition to the order_id. Operations that only read,
	// which are POSTs here too, ignore the header. If nil, all operations ignore it.
	Replies httpapi.Replies
	Now     func() time.Time // default time.Now
	Logger  *slog.Logger     // if nil, nothing is logged
	Meter   invoice.Meter    // default invoice.NoMeter
}

// Store is the part of the host's store that the API uses besides the Service. Every store.Backend implements it.
type Store interface {
	// InvoiceByOrder is that of invoice.Reader.
	InvoiceByOrder(ctx context.Context, project, orderID string) (invoice.Invoice, error)
	// History and Resend are those of webhook.Outbox.
	History(ctx context.Context, invoiceID string, after int64) ([]webhook.Record, error)
	Resend(ctx context.Context, invoiceID, receiver string) (invoice.Message, error)
}

// currency is an asset of the Service with its names on the wire.
type currency struct {
	Currency
	asset invoice.AssetConfig
}

// api serves the routes.
type api struct {
	cfg        Config
	service    *invoice.Service
	log        *slog.Logger
	currencies []currency
	known      known.Projects // by id
	tests      tests
}

// signedBy returns the part of the document's description about signatures, or "" if requests are not signed.
func (a *api) signedBy() string {
	if a.cfg.Authenticate != nil {
		return ""
	}
	return " Requests are signed: the header sign is the MD5, in lower-case hexadecimal, of the base64 of the body followed by the key."
}

// New returns the API, or an error if cfg is not valid. The API may be mounted under any prefix.
func New(cfg Config) (*httpapi.API, error) {
	a, err := newAPI(cfg)
	if err != nil {
		return nil, fmt.Errorf("cryptomus: New: %w", err)
	}
	return a.assemble("1.0.0", "Invoices, static wallets and payouts."+a.signedBy()+" Operations that are not served are marked as forbidden.", a.routes())
}

// NewV2 is like New for the part that version 2 of the API adds, POST /payment/resend. Both are created from one
// configuration and mounted beside each other. Each counts its Limit separately.
func NewV2(cfg Config) (*httpapi.API, error) {
	a, err := newAPI(cfg)
	if err != nil {
		return nil, fmt.Errorf("cryptomus: NewV2: %w", err)
	}
	return a.assemble("2.0.0", "Additions of version 2 to version 1."+a.signedBy(), a.routesV2())
}

func (a *api) assemble(version, description string, routes []httpapi.Route) (*httpapi.API, error) {
	cfg := a.cfg
	return httpapi.New(httpapi.Config{
		Title: "Cryptocurrency Payment API", Version: version, Description: description,
		Routes:   routes,
		Examples: a.examples(),
		Fault:    fault, FaultBody: messageFault{}, FaultBodies: faultBodies(), Lenient: true,
		Limit: cfg.Limit, ClientIP: cfg.ClientIP, Replies: cfg.Replies, Now: cfg.Now, Logger: a.log, Meter: cfg.Meter,
	})
}

func newAPI(cfg Config) (*api, error) {
	if err := denial.Config(cfg.Service, cfg.Projects, cfg.Format != nil, FormatName); err != nil {
		return nil, err
	}
	switch {
	case cfg.Store == nil:
		return nil, errors.New("Store is required")
	case cfg.PageURL == nil:
		return nil, errors.New("PageURL is required")
	case cfg.Payouts != nil && !slices.Contains(cfg.Payouts.Formats(), FormatName):
		return nil, errors.New("the Notifier of Payouts has no format " + FormatName + ": give it Config.Format")
	case cfg.MaxNew < 0:
		return nil, errors.New("MaxNew must not be negative")
	case cfg.MaxDeposits < 0:
		return nil, fmt.Errorf("MaxDeposits must not be negative, not %d", cfg.MaxDeposits)
	case cfg.Maximum.IsNegative():
		return nil, errors.New("Maximum must not be negative")
	case cfg.TestClient != nil && cfg.TestClient.Timeout <= 0:
		return nil, errors.New("TestClient.Timeout is required")
	}
	if cfg.Maximum.IsZero() {
		cfg.Maximum = decimal.NewFromInt(10_000_000)
	}
	if cfg.ClientIP == nil {
		cfg.ClientIP = httpapi.RemoteIP
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	a := &api{cfg: cfg, service: cfg.Service, log: cfg.Logger}
	offered := cfg.Format.currencies
	if len(offered) == 0 {
		for _, asset := range cfg.Service.Assets() {
			offered = append(offered, NewCurrency(asset.Asset))
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
	if c.Code == "" || c.Code != strings.ToUpper(c.Code) || c.Network == "" || c.Network != strings.ToLower(c.Network) {
		return errors.New("Code must be in upper case and Network in lower case")
	}
	if _, fiat := a.service.FiatDecimals(c.Code); fiat {
		return fmt.Errorf("Code %s is a fiat code", c.Code)
	}
	for _, other := range a.currencies {
		if other.Code == c.Code && other.Network == c.Network || other.Asset.ID == c.Asset.ID {
			return fmt.Errorf("%s on %s, or its asset, is listed twice: name each in NewFormat", c.Code, c.Network)
		}
	}
	for _, asset := range a.service.Assets() {
		if asset.Asset == c.Asset {
			a.currencies = append(a.currencies, currency{c, asset})
			return nil
		}
	}
	return fmt.Errorf("the Service has no asset %+v", c.Asset)
}

// networkAlias returns the network that clients refer to by the name of its coin, of a token standard, or in full. It
// returns "" for other names.
func networkAlias(name string) string {
	switch name {
	case "trx", "trc20":
		return "tron"
	case "erc20", "ethereum":
		return "eth"
	case "bnb", "bep20":
		return "bsc"
	case "pol", "matic":
		return "polygon"
	case "avax":
		return "avalanche"
	case "bitcoin":
		return "btc"
	case "litecoin":
		return "ltc"
	case "dogecoin":
		return "doge"
	case "bitcoincash":
		return "bch"
	}
	return ""
}

// network returns the name on the wire for a client's name of a network, ignoring case.
func (a *api) network(name string) string {
	name = strings.ToLower(name)
	if other := networkAlias(name); other != "" && len(a.find("", name)) == 0 {
		return other
	}
	return name
}

// find returns the currencies with a code, on the network if one is given.
func (a *api) find(code, network string) []currency {
	var out []currency
	for _, c := range a.currencies {
		if (code == "" || c.Code == code) && (network == "" || c.Network == network) {
			out = append(out, c)
		}
	}
	return out
}

// codes returns the codes on the wire without duplicates.
func (a *api) codes() []string {
	var out []string
	for _, c := range a.currencies {
		if !slices.Contains(out, c.Code) {
			out = append(out, c.Code)
		}
	}
	return out
}
