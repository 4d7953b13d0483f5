package cryptomus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

// Keys of the Data of invoices.
const (
	dataReturn     = "url_return"
	dataSuccess    = "url_success"
	dataAdditional = "additional_data"
	dataTarget     = "to_currency"
	dataNetwork    = "network"
	dataReferral   = "from_referral_code"
)

// createRequest is the body of POST /payment.
type createRequest struct {
	Amount           *httpapi.Number `json:"amount" schema:"required" doc:"Amount in the currency, as a number or in a string"`
	Currency         string          `json:"currency" schema:"required,maxLength=32" doc:"Code of a fiat currency or a coin"`
	OrderID          string          `json:"order_id" schema:"required,minLength=1,maxLength=128,format=alpha_dash" doc:"Unique among the merchant's invoices and static wallets; if an invoice has it, that is returned"`
	Network          string          `json:"network" schema:"maxLength=64" doc:"Case-insensitive"`
	URLReturn        string          `json:"url_return" schema:"minLength=6,maxLength=255,format=uri"`
	URLSuccess       string          `json:"url_success" schema:"minLength=6,maxLength=255,format=uri"`
	URLCallback      string          `json:"url_callback" schema:"minLength=6,maxLength=255,format=uri"`
	IsMultiple       *bool           `json:"is_payment_multiple" doc:"Default true. If false, only the first payment counts"`
	Lifetime         *int            `json:"lifetime" schema:"minimum=300,maximum=43200,default=3600" doc:"Seconds to pay"`
	ToCurrency       string          `json:"to_currency" schema:"maxLength=32" doc:"Code of the coin to pay in"`
	Subtract         *int            `json:"subtract" schema:"minimum=0,maximum=100" doc:"Percentage of the commission that the payer pays"`
	Accuracy         *httpapi.Number `json:"accuracy_payment_percent" schema:"minimum=0,maximum=5" doc:"Percentage of the amount that may be missing"`
	AdditionalData   string          `json:"additional_data" schema:"maxLength=255"`
	Currencies       []choice        `json:"currencies" doc:"Currencies that the payer may choose"`
	Except           []choice        `json:"except_currencies" doc:"Currencies that the payer may not choose"`
	CourseSource     string          `json:"course_source" schema:"minLength=4,maxLength=20" doc:"Source of rates"`
	FromReferralCode string          `json:"from_referral_code" schema:"maxLength=255" doc:"Stored with the invoice, without effect"`
	DiscountPercent  *int            `json:"discount_percent" schema:"minimum=-99,maximum=100" doc:"Applies only if coin and network are known; a surcharge if negative"`
	IsRefresh        *bool           `json:"is_refresh" doc:"Reopens the invoice with the order_id if it has expired"`
}

// choice is a coin, on one or all of its networks.
type choice struct {
	Currency string `json:"currency" schema:"required,maxLength=32"`
	Network  string `json:"network" schema:"maxLength=64"`
}

// idRequest names an invoice or a payout.
type idRequest struct {
	UUID    string `json:"uuid" schema:"format=uuid" doc:"Either this or order_id"`
	OrderID string `json:"order_id" schema:"minLength=1,maxLength=128" doc:"Takes precedence over uuid"`
}

var (
	createForm = formOf[createRequest]()
	idForm     = formOf[idRequest]()
)

func (a *api) create(r *httpapi.Request) (any, error) {
	in, err := createForm.read(r)
	if err != nil {
		return nil, err
	}
	if in.Amount.Sign() <= 0 {
		return nil, broken("amount", "min.numeric")
	}
	inv, err := a.createNew(r.Context(), r.Project, in)
	if err != nil {
		inv, err = a.existing(r.Context(), r.Project.ID, in, err)
	}
	if err != nil {
		return nil, err
	}
	return a.paymentAnswer(r.Context(), inv, false)
}

// existing returns the invoice with the order id, whatever else the request has, or the reason why none was created.
func (a *api) existing(ctx context.Context, project string, in createRequest, refused error) (invoice.Invoice, error) {
	inv, err := a.cfg.Store.InvoiceByOrder(ctx, project, in.OrderID)
	switch {
	case errors.Is(err, invoice.ErrNotFound):
		return inv, refused
	case err != nil:
		return inv, fmt.Errorf("cryptomus: look for order: %w", err)
	case inv.Terms.Standing || inv.Format != FormatName:
		return inv, broken("order_id", "unique") // a static wallet's, or another API's
	case in.IsRefresh == nil || !*in.IsRefresh || inv.State.Status != invoice.StatusExpired:
		return inv, nil
	}
	act := invoice.Act{Project: project, Invoice: inv.ID, Actor: project, Comment: "is_refresh"}
	inv, err = a.service.Refresh(ctx, act, time.Duration(*in.Lifetime)*time.Second)
	if _, moved := errors.AsType[*invoice.TransitionError](err); moved { // it was paid meanwhile
		return a.service.Invoice(ctx, project, act.Invoice)
	}
	return inv, a.passing(ctx, err)
}

// plan is the core's request for a request.
type plan struct {
	invoice.Request
	coins []currency // coins of the currency to pay in that may be chosen; a single one is chosen
}

func (a *api) createNew(ctx context.Context, project invoice.Project, in createRequest) (invoice.Invoice, error) {
	p, err := a.plan(in)
	if err != nil {
		return invoice.Invoice{}, err
	}
	p.Project, p.MaxNew = project.ID, a.cfg.MaxNew
	if p.Asset != "" {
		percent := project.Discounts[p.Asset]
		if in.DiscountPercent != nil {
			percent = *in.DiscountPercent
		}
		p.Discount = decimal.NewFromInt(int64(percent))
		if p.Discount.Equal(decimal.NewFromInt(100)) {
			return invoice.Invoice{}, tooLittle(p.coins[0])
		}
	}
	inv, err := a.service.Create(ctx, p.Request)
	if err != nil {
		return inv, a.refused(ctx, err, in, p)
	}
	return inv, nil
}

// plan returns the price and the coins of a request.
func (a *api) plan(in createRequest) (plan, error) {
	var p plan
	code, network, target := strings.ToUpper(in.Currency), a.network(in.Network), strings.ToUpper(in.ToCurrency)
	priced := a.find(code, "")
	decimals, fiat := a.service.FiatDecimals(code)
	switch {
	case !fiat && len(priced) == 0:
		return p, errNoCurrency
	case network != "" && len(a.find("", network)) == 0:
		return p, errNoNetwork
	case target != "" && len(a.find(target, network)) == 0:
		return p, errNoTarget
	case target == "" && !fiat && len(a.find(code, network)) == 0:
		return p, errNoNetwork
	}
	if target == "" && !fiat {
		target = code
	}
	p.coins = a.find(target, network)
	p.Price = invoice.Price{Currency: code, Amount: in.Amount.Meant(decimals).Decimal}
	if !fiat {
		if code == target {
			priced = p.coins
		}
		coin := priced[0].asset
		p.Price = invoice.Price{Currency: coin.Code, Amount: in.Amount.Meant(coin.StepDecimals()).Decimal}
		if in.Amount.GreaterThan(a.cfg.Maximum) {
			return p, refusal("Maximum amount " + a.cfg.Maximum.String() + " " + code)
		}
	} else if most := decimal.New(1, 18); in.Amount.GreaterThan(most) {
		return p, refusal("Maximum amount " + most.String() + " " + code)
	}
	if target != "" && len(p.coins) == 1 {
		p.Asset = p.coins[0].Asset.Code
	}
	a.terms(&p, in)
	return p, a.restrict(&p, in, target != "" || network != "")
}

// maxAccuracy is the maximum number of decimals of a tolerance.
const maxAccuracy = 9

// terms sets the members that are copied.
func (a *api) terms(p *plan, in createRequest) {
	tolerance := decimal.Zero
	if in.Accuracy != nil {
		tolerance = in.Accuracy.Meant(maxAccuracy).Decimal
	}
	p.OrderID, p.CallbackURL, p.Format = in.OrderID, in.URLCallback, FormatName
	p.Tolerance, p.Window = &tolerance, time.Duration(*in.Lifetime)*time.Second
	p.Single = in.IsMultiple != nil && !*in.IsMultiple
	p.RateSource = in.CourseSource
	if strings.EqualFold(p.RateSource, "BinanceP2P") { // the published documents spell it in two ways
		p.RateSource = "BinanceP2P"
	}
	if in.Subtract != nil {
		p.PayerShare = decimal.NewFromInt(int64(*in.Subtract))
	}
	p.Data = map[string]string{}
	for name, value := range map[string]string{
		dataReturn: in.URLReturn, dataSuccess: in.URLSuccess, dataAdditional: in.AdditionalData,
		dataTarget: strings.ToUpper(in.ToCurrency), dataNetwork: a.network(in.Network), dataReferral: in.FromReferralCode,
	} {
		if value != "" {
			p.Data[name] = value
		}
	}
}

// restrict sets the assets that may be chosen: the coins of the currency and network, if given, those of the allow list,
// and none of the deny list.
func (a *api) restrict(p *plan, in createRequest, limited bool) error {
	allowed := a.currencies
	if limited {
		allowed = p.coins
	}
	for _, c := range allowed {
		if len(in.Currencies) == 0 || a.chosen(c, in.Currencies) {
			p.Only = append(p.Only, string(c.Asset.ID))
		}
	}
	for _, c := range a.currencies {
		if a.chosen(c, in.Except) {
			p.Except = append(p.Except, string(c.Asset.ID))
		}
	}
	left := slices.DeleteFunc(slices.Clone(p.Only), func(id string) bool { return slices.Contains(p.Except, id) })
	if len(left) == 0 {
		return errNoCurrency
	}
	if !limited && len(in.Currencies) == 0 && len(a.currencies) == len(a.service.Assets()) {
		p.Only = nil // no restriction, so that assets configured later may be chosen too
	}
	return nil
}

// chosen reports whether a list has the currency.
func (a *api) chosen(c currency, list []choice) bool {
	return slices.ContainsFunc(list, func(by choice) bool {
		return strings.EqualFold(c.Code, by.Currency) && (by.Network == "" || c.Network == a.network(by.Network))
	})
}

// refused returns the error of the published documents for a refusal of the core.
func (a *api) refused(ctx context.Context, err error, in createRequest, p plan) error {
	bad, ok := errors.AsType[*invoice.InvalidError](err)
	if !ok {
		if errors.Is(err, rates.ErrNoRate) && in.ToCurrency != "" {
			a.log.WarnContext(ctx, "invoice refused", "error", err)
			return fmt.Errorf("%w: %w", errConvert, err)
		}
		return a.passing(ctx, err)
	}
	if errors.Is(err, invoice.ErrBelowMinimum) {
		return tooLittle(p.coins[0])
	}
	switch bad.Field {
	case "Asset", "Only", "Except", "Price.Currency":
		if in.ToCurrency != "" {
			return errNoTarget
		}
		return errNoCurrency
	}
	if rule, known := fields[bad.Field]; known {
		return broken(rule[0], rule[1])
	}
	return err
}

// passing logs the cause of a temporary refusal, which the published documents' word does not name.
func (a *api) passing(ctx context.Context, err error) error {
	if _, what := fault(err); err != nil && what == (messageFault{1, string(errGateway)}) {
		a.log.WarnContext(ctx, "request refused temporarily", "error", err)
	}
	return err
}

// tooLittle returns the refusal of an amount below the coin's minimum.
func tooLittle(c currency) error {
	return refusal("Minimum amount " + c.least().String() + " " + c.Code)
}

func (a *api) info(r *httpapi.Request) (any, error) {
	inv, err := a.invoiceOf(r)
	if err != nil {
		return nil, err
	}
	return a.paymentAnswer(r.Context(), inv, true)
}

// invoiceOf returns the project's invoice that a request names.
func (a *api) invoiceOf(r *httpapi.Request) (invoice.Invoice, error) {
	in, err := idForm.read(r)
	if err != nil {
		return invoice.Invoice{}, err
	}
	return a.byID(r, in.UUID, in.OrderID, errNoPayment)
}

// byID returns an invoice of the project by its id or its order id, which takes precedence. Static wallets are not invoices.
func (a *api) byID(r *httpapi.Request, id, orderID string, none error) (invoice.Invoice, error) {
	inv, err := a.lookUp(r, id, orderID)
	if errors.Is(err, invoice.ErrNotFound) || err == nil && inv.Terms.Standing {
		return inv, none
	}
	return inv, err
}

func (a *api) lookUp(r *httpapi.Request, id, orderID string) (invoice.Invoice, error) {
	switch {
	case orderID != "":
		return ours(a.cfg.Store.InvoiceByOrder(r.Context(), r.Project.ID, orderID))
	case id != "":
		return ours(a.service.Invoice(r.Context(), r.Project.ID, id))
	}
	return invoice.Invoice{}, neitherID()
}

// neitherID refuses a request without uuid and order_id.
func neitherID() error {
	bad := invalid{}
	bad.add("uuid", "required_without")
	bad.add("order_id", "required_without")
	return bad
}

// ours returns invoice.ErrNotFound for invoices of another API of the project.
func ours(inv invoice.Invoice, err error) (invoice.Invoice, error) {
	if err == nil && inv.Format != FormatName {
		return invoice.Invoice{}, fmt.Errorf("cryptomus: %s is not of this API: %w", inv.ID, invoice.ErrNotFound)
	}
	return inv, err
}

func (a *api) markAsPaid(r *httpapi.Request) (any, error) {
	inv, err := a.invoiceOf(r)
	if err != nil {
		return nil, err
	}
	act := invoice.Act{Project: r.Project.ID, Invoice: inv.ID, Actor: r.Project.ID, Comment: "mark-as-paid"}
	if _, err = a.service.SetStatus(r.Context(), act, invoice.StatusCompleted); err != nil {
		if _, moved := errors.AsType[*invoice.TransitionError](err); moved {
			return nil, errNotMarked
		}
		return nil, a.passing(r.Context(), err)
	}
	return markedAnswer{Result: marked{true, "Payment marked as paid"}}, nil
}
