package itispay

import (
	"errors"
	"net/http"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// createRequest is the body of POST /invoices.
type createRequest struct {
	OrderID      string          `json:"order_id" schema:"required,minLength=1,maxLength=255" doc:"Unique within the project"`
	FiatAmount   *httpapi.Number `json:"fiat_amount" schema:"exclusiveMinimum=0" doc:"Either this or crypto_amount"`
	FiatCurrency string          `json:"fiat_currency" schema:"enum=EUR" doc:"EUR when absent"`
	CryptoAmount *httpapi.Number `json:"crypto_amount" schema:"exclusiveMinimum=0" doc:"Either this or fiat_amount"`
	Currency     string          `json:"currency" schema:"required,minLength=1,maxLength=32" doc:"A currency_code of GET /currencies"`
	AllowedError *int            `json:"allowed_error_percent" schema:"minimum=0,maximum=100" doc:"Percentage of the amount that may be missing"`
	OrderName    string          `json:"order_name" schema:"maxLength=255"`
	ExpireMin    int             `json:"expire_min" schema:"minimum=1,default=30" doc:"Minutes to pay"`
	CallbackURL  string          `json:"callback_url" schema:"format=uri,maxLength=2048"`
}

// archivedRequest is the body of POST /archived.
type archivedRequest struct {
	OrderID      string          `json:"order_id" schema:"required,minLength=1,maxLength=255" doc:"Unique within the project"`
	FiatAmount   *httpapi.Number `json:"fiat_amount" schema:"exclusiveMinimum=0" doc:"Either this or crypto_amount"`
	FiatCurrency string          `json:"fiat_currency" schema:"maxLength=16" doc:"EUR when absent"`
	CryptoAmount *httpapi.Number `json:"crypto_amount" schema:"exclusiveMinimum=0" doc:"Either this or fiat_amount"`
	Currency     string          `json:"currency" schema:"required,minLength=1,maxLength=32" doc:"A currency_code of GET /currencies"`
	AllowedError *int            `json:"allowed_error_percent" schema:"minimum=0,maximum=100"`
	OrderName    string          `json:"order_name" schema:"maxLength=255"`
	CallbackURL  string          `json:"callback_url" schema:"format=uri,maxLength=2048"`
	CreatedAt    string          `json:"created_at" schema:"maxLength=64" doc:"Time of the invoice, not in the future. Forms: 2006-01-02T15:04:05Z, with an offset or a fraction, 2006-01-02, 2006-01-02 15:04:05, or 02/01/2006 15:04:05 (day first)"`
}

func (a *api) create(r *httpapi.Request) (invoice.Invoice, error) {
	var in createRequest
	if err := r.Decode(&in); err != nil {
		return invoice.Invoice{}, err
	}
	price, asset, err := a.price(in.FiatAmount, in.FiatCurrency, in.CryptoAmount, in.Currency)
	if err != nil {
		return invoice.Invoice{}, err
	}
	inv, err := a.service.Create(r.Context(), invoice.Request{
		Project: r.Project.ID, OrderID: in.OrderID, Name: in.OrderName, Price: price, Asset: string(asset.ID),
		CallbackURL: in.CallbackURL, Format: FormatName, Tolerance: a.tolerance(in.AllowedError),
		AllowFullTolerance: a.cfg.AllowFullTolerance, MaxNew: a.cfg.MaxNew, Window: time.Duration(in.ExpireMin) * time.Minute,
	})
	return inv, a.refused(r, err, in.CryptoAmount != nil)
}

func (a *api) createArchived(r *httpapi.Request) (invoice.Invoice, error) {
	var in archivedRequest
	if err := r.Decode(&in); err != nil {
		return invoice.Invoice{}, err
	}
	price, asset, err := a.price(in.FiatAmount, in.FiatCurrency, in.CryptoAmount, in.Currency)
	if err != nil {
		return invoice.Invoice{}, err
	}
	at, err := parseCreatedAt(in.CreatedAt)
	if err != nil {
		return invoice.Invoice{}, err
	}
	inv, err := a.service.CreateArchived(r.Context(), invoice.Request{
		Project: r.Project.ID, OrderID: in.OrderID, Name: in.OrderName, Price: price, Asset: string(asset.ID),
		CallbackURL: in.CallbackURL, Format: FormatName, Tolerance: a.tolerance(in.AllowedError),
	}, at)
	return inv, a.refused(r, err, in.CryptoAmount != nil)
}

// refused returns a refusal of the core with the field's name on the wire; for an amount, that of the given one. If
// another API of the project uses the order id, the refusal does not name its invoice.
func (a *api) refused(r *httpapi.Request, err error, crypto bool) error {
	if taken, ok := errors.AsType[*invoice.DuplicateOrderError](err); ok {
		_, hidden := a.find(r.Context(), r.Project.ID, taken.Invoice)
		if hidden != nil && !errors.Is(hidden, invoice.ErrNotFound) {
			return hidden
		}
		if hidden != nil {
			return &refusal{status: http.StatusConflict, body: faultBody{"conflict", "order_id is taken by what another API has made"}}
		}
	}
	invalid, ok := errors.AsType[*invoice.InvalidError](err)
	if ok && crypto && invalid.Field == "Price.Amount" && !errors.Is(err, invoice.ErrBelowMinimum) {
		return &httpapi.FieldError{Field: "crypto_amount", Reason: invalid.Reason}
	}
	return renamed(err, fields)
}

// price returns the price and the asset of a request, which must have exactly one of the two amounts.
func (a *api) price(fiat *httpapi.Number, fiatCurrency string, crypto *httpapi.Number, code string) (invoice.Price, invoice.AssetConfig, error) {
	var price invoice.Price
	asset, known := a.asset(code)
	switch {
	case !known:
		return price, asset, &httpapi.FieldError{Field: "currency", Reason: "is not supported"}
	case (fiat == nil) == (crypto == nil):
		return price, asset, &httpapi.FieldError{Field: "fiat_amount", Reason: "or crypto_amount must be given, and not both"}
	}
	if fiatCurrency == "" && fiat != nil {
		fiatCurrency = "EUR"
	}
	decimals, known := a.service.FiatDecimals(fiatCurrency)
	if !known && fiatCurrency != "" {
		return price, asset, &httpapi.FieldError{Field: "fiat_currency", Reason: "is not supported"}
	}
	if crypto != nil {
		return invoice.Price{Currency: asset.Code, Amount: crypto.Meant(asset.StepDecimals()).Decimal}, asset, nil
	}
	return invoice.Price{Currency: fiatCurrency, Amount: fiat.Meant(decimals).Decimal}, asset, nil
}

// tolerance returns the tolerance of a request or else of the configuration, and nil for the Service's default.
func (a *api) tolerance(asked *int) *decimal.Decimal {
	percent := a.cfg.DefaultTolerance
	if asked != nil {
		percent = *asked
	} else if percent == 0 {
		return nil
	}
	d := decimal.NewFromInt(int64(percent))
	return &d
}

// createdAtLayouts are tried in this order. A time without an offset is in UTC.
var createdAtLayouts = []string{
	time.RFC3339Nano, // also parses RFC 3339 without a fraction
	"2006-01-02",
	"2006-01-02 15:04:05",
	"02/01/2006 15:04:05",
}

// firstBlock is the time of Bitcoin's first block. No invoice in a coin is older.
var firstBlock = time.Date(2009, 1, 3, 0, 0, 0, 0, time.UTC)

func parseCreatedAt(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range createdAtLayouts {
		at, err := time.Parse(layout, text)
		switch {
		case err != nil:
		case at.Before(firstBlock):
			return time.Time{}, &httpapi.FieldError{Field: "created_at", Reason: "must not be before the first cryptocurrency"}
		default:
			return at.UTC(), nil
		}
	}
	return time.Time{}, &httpapi.FieldError{Field: "created_at", Reason: "is not a time in a supported form"}
}
