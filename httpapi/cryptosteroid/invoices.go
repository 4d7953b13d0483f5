package cryptosteroid

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/shopspring/decimal"
)

// method is a payment method.
type method string

// Enum returns the methods, for the OpenAPI document.
func (method) Enum() []string { return Methods() }

// merchantPath holds the parameter of the routes of a merchant.
type merchantPath struct {
	Merchant string `json:"merchant" in:"path" schema:"required,format=uuid"`
}

// invoicePath holds the parameters of the routes of one invoice.
type invoicePath struct {
	Merchant string `json:"merchant" in:"path" schema:"required,format=uuid"`
	ID       string `json:"id" in:"path" schema:"required,format=uuid"`
}

// createRequest is the body of POST /merchants/{merchant}/invoices.
type createRequest struct {
	FiatCurrency     string         `json:"fiatCurrency" schema:"required,enum=USD|EUR|RUB"`
	FiatAmount       httpapi.Number `json:"fiatAmount" schema:"required,exclusiveMinimum=0" doc:"Decimal number, preferably in a string"`
	Description      string         `json:"description" schema:"required,minLength=1,maxLength=1024"`
	WhoPayCommission string         `json:"whoPayCommission" schema:"enum=buyer|seller,default=buyer"`
	ExternalID       string         `json:"externalId" schema:"maxLength=255" doc:"The merchant's own id; need not be unique"`
	PaymentMethod    *method        `json:"paymentMethod" doc:"If absent, chosen later"`
	Secret           string         `json:"secret" schema:"maxLength=255" doc:"Sent in the header Token of the webhook; required with processingUrl"`
	ProcessingURL    string         `json:"processingUrl" schema:"format=uri,maxLength=2048" doc:"URL of the webhook that is sent when the invoice is paid"`
	ReturnURL        string         `json:"returnUrl" schema:"format=uri,maxLength=2048"`
	FailReturnURL    string         `json:"failReturnUrl" schema:"format=uri,maxLength=2048"`
}

// updateRequest is the body of PATCH /merchants/{merchant}/invoices/{id}.
type updateRequest struct {
	PaymentMethod method `json:"paymentMethod" schema:"required"`
}

func (a *api) create(r *httpapi.Request) (any, error) {
	var path merchantPath
	if err := r.Bind(&path); err != nil {
		return nil, err
	}
	if err := own(r, path.Merchant); err != nil {
		return nil, err
	}
	var in createRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	request, err := a.request(in)
	if err != nil {
		return nil, err
	}
	request.Project = path.Merchant
	inv, err := a.service.Create(r.Context(), request)
	if err != nil {
		return nil, translated(err)
	}
	return a.view.invoice(inv, a.cfg.Now()), nil
}

// request returns the Service's request for a body.
func (a *api) request(in createRequest) (invoice.Request, error) {
	decimals, known := a.service.FiatDecimals(in.FiatCurrency)
	if !known {
		return invoice.Request{}, &httpapi.FieldError{Field: "fiatCurrency", Reason: "is not supported"}
	}
	in.FiatAmount = in.FiatAmount.Meant(decimals)
	extra, err := in.extra()
	if err != nil {
		return invoice.Request{}, err
	}
	out := invoice.Request{
		Price: invoice.Price{Currency: in.FiatCurrency, Amount: in.FiatAmount.Decimal},
		Name:  name(in.Description), CallbackURL: in.ProcessingURL, Format: FormatName, Window: window,
		Only: a.only, MaxNew: a.cfg.MaxNew, Data: extra.data(),
	}
	if in.WhoPayCommission == "buyer" {
		out.PayerShare = decimal.NewFromInt(100)
	}
	if in.PaymentMethod != nil {
		var asset chain.Asset
		if asset, err = a.asset("paymentMethod", *in.PaymentMethod); err != nil {
			return invoice.Request{}, err
		}
		out.Asset = string(asset.ID)
	}
	return out, nil
}

// extra checks what the core does not know and keeps.
func (in createRequest) extra() (extra, error) {
	x := extra{ExternalID: in.ExternalID, ReturnURL: in.ReturnURL, FailReturnURL: in.FailReturnURL}
	if err := firstError(
		checkText("description", strings.Map(lines, in.Description)),
		checkText("externalId", in.ExternalID),
		checkReturn("returnUrl", in.ReturnURL),
		checkReturn("failReturnUrl", in.FailReturnURL),
		checkSecret("secret", in.Secret, "processingUrl", in.ProcessingURL),
	); err != nil {
		return x, err
	}
	if in.ProcessingURL != "" {
		x.Secret = in.Secret
	}
	if name(in.Description) != in.Description {
		x.Description = in.Description
	}
	amount := in.FiatAmount.StringFixed(max(0, -in.FiatAmount.Exponent()))
	if amount != in.FiatAmount.String() {
		x.FiatAmount = amount
	}
	return x, nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// maxName is the maximum length of an invoice's name, in characters.
const maxName = 255

// name returns a description as a single line, cut off after maxName characters.
func name(description string) string {
	line := []rune(strings.Map(lines, description))
	return string(line[:min(len(line), maxName)])
}

// lines maps line breaks and tabs to spaces.
func lines(r rune) rune {
	switch r {
	case '\n', '\r', '\t':
		return ' '
	}
	return r
}

func checkText(field, text string) error {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return &httpapi.FieldError{Field: field, Reason: "must not have control characters"}
	}
	if text != "" && strings.TrimSpace(text) == "" {
		return &httpapi.FieldError{Field: field, Reason: "must not be blank"}
	}
	return nil
}

// checkSecret refuses a secret that cannot be a header, and a URL without a secret, whose receiver could not recognize
// forged webhooks.
func checkSecret(field, secret, urlField, to string) error {
	if secret == "" && to != "" {
		return &httpapi.FieldError{Field: field, Reason: "is required with " + urlField}
	}
	odd := func(r rune) bool { return r < ' ' || r > '~' }
	if strings.ContainsFunc(secret, odd) || secret != strings.TrimSpace(secret) {
		return &httpapi.FieldError{Field: field, Reason: "must be printable ASCII that does not begin or end with a space"}
	}
	return nil
}

// checkReturn refuses a URL that a page must not link to.
func checkReturn(field, to string) error {
	if to == "" {
		return nil
	}
	u, err := url.Parse(to)
	if err != nil || len(to) > 2048 || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return &httpapi.FieldError{Field: field, Reason: "must be an absolute http or https URL of at most 2048 bytes"}
	}
	return checkText(field, to)
}

// find returns an invoice of this API.
func (a *api) find(r *httpapi.Request, path invoicePath) (invoice.Invoice, error) {
	inv, err := a.service.Invoice(r.Context(), path.Merchant, path.ID)
	if err == nil && (inv.Format != FormatName || inv.Terms.Standing) {
		return invoice.Invoice{}, fmt.Errorf("cryptosteroid: invoice of another API: %w", invoice.ErrNotFound)
	}
	return inv, err
}

// named binds the parameters of a request and returns the invoice that they name.
func (a *api) named(r *httpapi.Request, path *invoicePath) (invoice.Invoice, error) {
	if err := r.Bind(path); err != nil {
		return invoice.Invoice{}, err
	}
	return a.find(r, *path)
}

func (a *api) get(r *httpapi.Request) (any, error) {
	inv, err := a.named(r, new(invoicePath))
	if err != nil {
		return nil, err
	}
	return a.view.public(inv, a.cfg.Now()), nil
}

// errNotNew is returned when the payment method can no longer be chosen.
var errNotNew = errors.New("invoice is not new")

func (a *api) choose(r *httpapi.Request) (any, error) {
	var path invoicePath
	inv, err := a.named(r, &path)
	if err != nil {
		return nil, err
	}
	var in updateRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	asset, err := a.asset("paymentMethod", in.PaymentMethod)
	if err != nil {
		return nil, err
	}
	if !a.choosable(inv) {
		return nil, errNotNew
	}
	chosen, err := a.service.Choose(r.Context(), path.Merchant, path.ID, string(asset.ID))
	if err != nil {
		if inv, readErr := a.find(r, path); readErr == nil && !a.choosable(inv) {
			return nil, errNotNew // it was paid meanwhile
		}
		return nil, translated(err)
	}
	return a.view.public(chosen, a.cfg.Now()), nil
}

// choosable reports whether the payment method may be chosen: nothing but dust was paid, and the deadline is not over.
func (a *api) choosable(inv invoice.Invoice) bool {
	paid := inv.Settled != nil && !inv.Settled.LastSeen.IsZero() ||
		slices.ContainsFunc(inv.Payments, func(p invoice.Payment) bool { return !p.Dust })
	return inv.State.Status == invoice.StatusNew && !paid && a.cfg.Now().Before(inv.EffectiveDeadline())
}
