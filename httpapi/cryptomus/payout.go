package cryptomus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
)

// Payouts is the part of a [payout.Service] that the API uses.
type Payouts interface {
	Formats() []string
	Assets() []payout.AssetConfig
	Balance(ctx context.Context, project string) ([]payout.Balance, error)
	Quote(ctx context.Context, r payout.Request) (payout.Payout, error)
	Request(ctx context.Context, r payout.Request) (payout.Payout, error)
	Refund(ctx context.Context, r payout.RefundRequest) (p payout.Payout, token string, err error)
	Transfer(ctx context.Context, t payout.Transfer) error
	Payout(ctx context.Context, project, id string) (payout.Payout, error)
	PayoutByKey(ctx context.Context, project, key string) (payout.Payout, error)
	Payouts(ctx context.Context, q payout.Query) (payout.Page, error)
}

var _ Payouts = (*payout.Service)(nil)

// Keys of the Data of payouts.
const (
	dataAmount   = "amount"   // as it was sent
	dataCurrency = "currency" // its currency, as on the wire
)

// payoutRequest is the body of POST /payout.
type payoutRequest struct {
	Amount       *httpapi.Number `json:"amount" schema:"required" doc:"Amount in the currency, as a number or in a string"`
	Currency     string          `json:"currency" schema:"required,maxLength=32" doc:"Code of a coin, or of a fiat currency together with to_currency"`
	OrderID      string          `json:"order_id" schema:"required,minLength=1,maxLength=100,format=alpha_dash" doc:"Unique among the merchant's payouts; if a payout has it, that is returned"`
	Address      string          `json:"address" schema:"required,maxLength=190" doc:"Receiver"`
	IsSubtract   *bool           `json:"is_subtract" schema:"required" doc:"Whether the fee is taken from the balance, so that the receiver gets the amount, and not out of the amount"`
	Network      string          `json:"network" schema:"maxLength=64" doc:"Case-insensitive; required unless the coin has one network"`
	URLCallback  string          `json:"url_callback" schema:"minLength=6,maxLength=255,format=uri"`
	ToCurrency   string          `json:"to_currency" schema:"maxLength=32" doc:"Code of the coin to pay out, if it is not the currency"`
	CourseSource string          `json:"course_source" schema:"minLength=4,maxLength=20" doc:"Source of the rate if the amount is converted"`
	FromCurrency string          `json:"from_currency" schema:"enum=USDT" doc:"Coin of the balance; refused unless it is the coin to pay out"`
	Priority     string          `json:"priority" schema:"enum=recommended|economy|high|highest" doc:"Has no effect"`
	Memo         string          `json:"memo" schema:"minLength=1,maxLength=30" doc:"Refused, because no network here has memos"`
}

// calculateRequest is the body of POST /payout/calculate.
type calculateRequest struct {
	Amount       *httpapi.Number `json:"amount" schema:"required" doc:"As in a payout"`
	Currency     string          `json:"currency" schema:"required,maxLength=32" doc:"As in a payout"`
	IsSubtract   *bool           `json:"is_subtract" schema:"required" doc:"As in a payout"`
	Network      string          `json:"network" schema:"maxLength=64" doc:"As in a payout"`
	ToCurrency   string          `json:"to_currency" schema:"maxLength=32" doc:"As in a payout"`
	CourseSource string          `json:"course_source" schema:"minLength=4,maxLength=20" doc:"As in a payout"`
	Priority     string          `json:"priority" schema:"enum=recommended|economy|high|highest" doc:"Has no effect"`
	Address      string          `json:"address" schema:"maxLength=190" doc:"Checked if it is given"`
}

var (
	payoutForm    = formOf[payoutRequest]()
	calculateForm = formOf[calculateRequest]()
)

// outlay is what a request says of the money to be paid out.
type outlay struct {
	amount                               httpapi.Number
	currency, network, target, from, via string // as on the wire; via is the course_source
	included                             bool   // the fee is taken out of the amount
}

// createPayout pays out. A request with an order_id that exists returns its payout, whatever else it contains.
func (a *api) createPayout(r *httpapi.Request) (any, error) {
	in, err := payoutForm.read(r)
	if err != nil {
		return nil, err
	}
	p, err := a.payoutByOrder(r.Context(), r.Project.ID, in.OrderID)
	if errors.Is(err, invoice.ErrNotFound) {
		p, err = a.newPayout(r.Context(), r.Project.ID, in)
	}
	if err != nil {
		return nil, err
	}
	return a.payoutAnswer(r.Context(), p)
}

// payoutByOrder returns the project's payout with an order id. What another API of the project has made under the id is
// refused as not unique.
func (a *api) payoutByOrder(ctx context.Context, project, orderID string) (payout.Payout, error) {
	p, err := a.cfg.Payouts.PayoutByKey(ctx, project, orderID)
	if err == nil && !listed(p) {
		err = broken("order_id", "unique")
	}
	return p, err
}

// listed reports whether a payout was requested by [api.createPayout]: it is no refund, and not of another API.
func listed(p payout.Payout) bool { return p.Format == FormatName && p.Kind == payout.KindPayout }

func (a *api) newPayout(ctx context.Context, project string, in payoutRequest) (payout.Payout, error) {
	if in.Memo != "" {
		return payout.Payout{}, broken("memo", "prohibited")
	}
	asked, err := a.outlay(ctx, outlay{
		*in.Amount, in.Currency, in.Network, in.ToCurrency, in.FromCurrency, in.CourseSource, !*in.IsSubtract,
	})
	if err != nil {
		return payout.Payout{}, err
	}
	asked.Project, asked.Key, asked.To, asked.Requester = project, in.OrderID, in.Address, project
	asked.CallbackURL, asked.Format = in.URLCallback, FormatName
	p, err := a.cfg.Payouts.Request(ctx, asked)
	if _, raced := errors.AsType[*payout.KeyError](err); raced {
		return a.payoutByOrder(ctx, project, in.OrderID)
	}
	return p, a.payoutRefused(ctx, err, errSmallPayout, errNoService)
}

// outlay returns the asset and the amount of a request, converted to the coin to pay out if necessary.
func (a *api) outlay(ctx context.Context, in outlay) (payout.Request, error) {
	code, target := strings.ToUpper(in.currency), strings.ToUpper(in.target)
	coin, err := a.payable(code, target, a.network(in.network))
	if err != nil {
		return payout.Request{}, err
	}
	if strings.EqualFold(in.via, "BinanceP2P") { // the published documents spell it in two ways
		in.via = "BinanceP2P"
	}
	_, known := a.cfg.RateSources[in.via]
	switch {
	case in.via != "" && !known:
		return payout.Request{}, broken("course_source", "in")
	case in.from != "" && in.from != coin.Code:
		return payout.Request{}, refusal("Not enough balance for convert " + in.from + " to " + coin.Code)
	case in.amount.Sign() <= 0:
		return payout.Request{}, broken("amount", "min.numeric")
	}
	units, err := a.converted(ctx, in, code, coin)
	if err != nil {
		return payout.Request{}, err
	}
	switch {
	case units.GreaterThan(a.cfg.Maximum):
		return payout.Request{}, refusal("Maximum amount " + a.cfg.Maximum.String() + " " + coin.Code)
	case units.IsZero(): // it is worth less than one unit
		return payout.Request{}, errSmallPayout
	}
	return payout.Request{
		Asset: coin.Asset.ID, Units: units, FeeIncluded: in.included,
		Data: map[string]string{dataAmount: asSent(in.amount), dataCurrency: code},
	}, nil
}

// payable returns the coin that is to be paid out.
func (a *api) payable(code, target, network string) (currency, error) {
	_, fiat := a.service.FiatDecimals(code)
	switch {
	case !fiat && len(a.find(code, "")) == 0:
		return currency{}, errNoCurrency
	case fiat && target == "":
		return currency{}, broken("to_currency", "required")
	}
	missing := errNoService
	if target != "" {
		missing = errNoTarget
	} else {
		target = code
	}
	var coins []currency
	for _, c := range a.find(target, network) {
		if a.paysOut(c) {
			coins = append(coins, c)
		}
	}
	switch len(coins) {
	case 0:
		return currency{}, missing
	case 1:
		return coins[0], nil
	}
	return currency{}, broken("network", "required")
}

// paysOut reports whether the coin can be paid out.
func (a *api) paysOut(c currency) bool {
	for _, asset := range a.cfg.Payouts.Assets() {
		if asset.Asset == c.Asset {
			return true
		}
	}
	return false
}

// converted returns the amount in the coin. A conversion is rounded down, to what is shown.
func (a *api) converted(ctx context.Context, in outlay, code string, coin currency) (decimal.Decimal, error) {
	decimals := int32(coin.Asset.Decimals)
	digits, fiat := a.service.FiatDecimals(code)
	if !fiat {
		digits = int32(a.find(code, "")[0].Asset.Decimals)
	}
	if code == coin.Code {
		digits = decimals
	}
	amount := in.amount.Meant(digits).Decimal
	switch {
	case !amount.Truncate(digits).Equal(amount):
		return decimal.Zero, broken("amount", "regex")
	case code == coin.Code:
		return amount, nil
	case amount.GreaterThan(decimal.New(1, 18)):
		return decimal.Zero, refusal("Maximum amount " + decimal.New(1, 18).String() + " " + code)
	}
	worth, price, err := a.course(ctx, code, coin, in.via)
	if err != nil {
		a.log.WarnContext(ctx, "payout refused", "error", err)
		return decimal.Zero, fmt.Errorf("%w: %w", errConvert, err)
	}
	units, _ := amount.Mul(worth).QuoRem(price, min(decimals, 8))
	return units, nil
}

// asSent returns a number as it was sent, with the zeros at its end.
func asSent(n httpapi.Number) string { return n.StringFixed(max(0, -n.Exponent())) }

// payoutRefused returns the error of the published documents for a refusal of the service. small is said of too small an
// amount, and none of what cannot be paid out.
func (a *api) payoutRefused(ctx context.Context, err error, small, none refusal) error {
	if bad, ok := errors.AsType[*payout.InvalidError](err); ok {
		refused, _ := errors.AsType[*payout.RefusedError](err)
		switch {
		case refused != nil && refused.Code == payout.RefusedAsset, bad.Field == "Asset":
			return none
		case bad.Field == "Key": // it is short enough, but not in bytes
			return broken("order_id", "max.string")
		case bad.Field == "To":
			return broken("address", "regex")
		case bad.Field == "Units":
			return small
		case bad.Field == "CallbackURL":
			return broken("url_callback", "url")
		}
		return err
	}
	if short, ok := errors.AsType[*payout.InsufficientError](err); ok {
		if short.Account.Kind != payout.Float {
			return errNoFunds
		}
		a.log.WarnContext(ctx, "payout refused: nothing is left for network fees", "error", err)
		return errGateway
	}
	_, limited := errors.AsType[*payout.LimitError](err)
	switch {
	case limited, errors.Is(err, payout.ErrUnknownReceiver):
		a.log.InfoContext(ctx, "payout refused by a policy", "error", err)
		return errForbidden
	case errors.Is(err, payout.ErrNetwork):
		return none
	}
	return a.passing(ctx, err)
}

type calculateAnswer struct {
	State  int         `json:"state" doc:"0"`
	Result calculation `json:"result"`
}

type calculation struct {
	Commission     string `json:"commission" doc:"Greatest network fee that the merchant pays, rounded up"`
	MerchantAmount string `json:"merchant_amount" doc:"What the balance is charged with at most, rounded up"`
	PayoutAmount   string `json:"payout_amount" doc:"What the receiver gets, rounded down"`
	Amount         string `json:"amount" doc:"As sent"`
	Currency       string `json:"currency"`
	Network        string `json:"network"`
	PayerCurrency  string `json:"payer_currency" doc:"Coin of commission, merchant_amount and payout_amount"`
}

// calculatePayout returns what a payout would cost.
func (a *api) calculatePayout(r *httpapi.Request) (any, error) {
	in, err := calculateForm.read(r)
	if err != nil {
		return nil, err
	}
	asked, err := a.outlay(r.Context(), outlay{
		*in.Amount, in.Currency, in.Network, in.ToCurrency, "", in.CourseSource, !*in.IsSubtract,
	})
	if err != nil {
		return nil, err
	}
	asked.Project, asked.To = r.Project.ID, in.Address
	p, err := a.cfg.Payouts.Quote(r.Context(), asked)
	if err != nil {
		return nil, a.payoutRefused(r.Context(), err, errSmallPayout, errNoService)
	}
	named, fee, units := a.cfg.Format.named(p.Asset), p.Asset.Decimal(p.Charged()), p.Asset.Decimal(p.Units)
	return calculateAnswer{Result: calculation{
		Commission: fee.RoundUp(8).StringFixed(8), MerchantAmount: units.Add(fee).RoundUp(8).StringFixed(8),
		PayoutAmount: units.RoundDown(8).StringFixed(8), Amount: asked.Data[dataAmount], Currency: asked.Data[dataCurrency],
		Network: named.Network, PayerCurrency: named.Code,
	}}, nil
}

// payoutServices lists what can be paid out.
func (a *api) payoutServices(r *httpapi.Request) (any, error) {
	out := servicesAnswer{Result: []serviceObject{}}
	for _, c := range a.currencies {
		if !a.paysOut(c) {
			continue
		}
		p, err := a.cfg.Payouts.Quote(r.Context(), payout.Request{
			Project: r.Project.ID, Asset: c.Asset.ID, Units: a.cfg.Maximum.Truncate(int32(c.Asset.Decimals)),
		})
		if err != nil {
			return nil, fmt.Errorf("cryptomus: fee of %s: %w", c.Asset.ID, err)
		}
		out.Result = append(out.Result, serviceObject{
			Network: strings.ToUpper(c.Network), Currency: c.Code, IsAvailable: true,
			Limit:      serviceLimit{decimal.New(1, -int32(c.Asset.Decimals)).RoundUp(8).StringFixed(8), a.cfg.Maximum.RoundDown(8).StringFixed(8)},
			Commission: serviceCommission{amountText(c.Asset.Decimal(p.Charged()).RoundUp(8), 2), "0.00"},
		})
	}
	return out, nil
}
