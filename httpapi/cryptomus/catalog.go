package cryptomus

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/shopspring/decimal"
)

type servicesAnswer struct {
	State  int             `json:"state" doc:"0"`
	Result []serviceObject `json:"result"`
}

type serviceObject struct {
	Network     string            `json:"network" doc:"In upper case"`
	Currency    string            `json:"currency"`
	IsAvailable bool              `json:"is_available"`
	Limit       serviceLimit      `json:"limit"`
	Commission  serviceCommission `json:"commission"`
}

type serviceLimit struct {
	MinAmount string `json:"min_amount"`
	MaxAmount string `json:"max_amount"`
}

type serviceCommission struct {
	FeeAmount string `json:"fee_amount" doc:"Greatest network fee of a payout that the merchant pays; 0.00 for payments"`
	Percent   string `json:"percent"`
}

func (a *api) services(r *httpapi.Request) (any, error) {
	out := servicesAnswer{Result: []serviceObject{}}
	for _, c := range a.currencies {
		percent := decimal.Zero
		if a.cfg.Commission != nil {
			percent = a.cfg.Commission(r.Project.ID, c.Asset)
		}
		out.Result = append(out.Result, serviceObject{
			Network: strings.ToUpper(c.Network), Currency: c.Code, IsAvailable: true,
			Limit:      serviceLimit{c.least().RoundUp(8).StringFixed(8), a.cfg.Maximum.RoundDown(8).StringFixed(8)},
			Commission: serviceCommission{"0.00", percent.RoundUp(2).StringFixed(2)},
		})
	}
	return out, nil
}

type balanceAnswer struct {
	State  int             `json:"state" doc:"0"`
	Result []balanceObject `json:"result"`
}

type balanceObject struct {
	Balance balances `json:"balance"`
}

type balances struct {
	Merchant []balanceOf `json:"merchant"`
	User     []balanceOf `json:"user"`
}

type balanceOf struct {
	UUID         string  `json:"uuid"`
	Balance      string  `json:"balance" doc:"What can be paid out of the coin, on all networks, rounded down"`
	CurrencyCode string  `json:"currency_code"`
	BalanceUSD   *string `json:"balance_usd" schema:"nullable" doc:"Rounded down; null if there is no rate"`
}

func (a *api) balance(r *httpapi.Request) (any, error) {
	merchant, err := a.balancesOf(r.Context(), r.Project.ID)
	if err != nil {
		return nil, err
	}
	out := balances{Merchant: merchant, User: []balanceOf{}}
	if user := a.personal(r.Project.ID); user != "" {
		if out.User, err = a.balancesOf(r.Context(), user); err != nil {
			return nil, err
		}
	}
	return balanceAnswer{Result: []balanceObject{{out}}}, nil
}

// balancesOf returns what a project can pay out of each coin: nothing, if payouts are not served.
func (a *api) balancesOf(ctx context.Context, project string) ([]balanceOf, error) {
	out := []balanceOf{}
	has := map[string]decimal.Decimal{}
	if a.cfg.Payouts != nil {
		var err error
		if has, err = a.available(ctx, project); err != nil {
			return nil, err
		}
	}
	usd := a.inDollars(ctx, has)
	for _, code := range a.codes() {
		out = append(out, balanceOf{walletID(project, code), has[code].RoundDown(8).StringFixed(8), code, usd(code)})
	}
	return out, nil
}

// inDollars returns a function that values balances in US dollars. Rates are read only if there is something to value.
func (a *api) inDollars(ctx context.Context, has map[string]decimal.Decimal) func(code string) *string {
	prices := map[string]decimal.Decimal{}
	for _, amount := range has {
		if amount.IsZero() {
			continue
		}
		for _, rate := range a.service.Rates(ctx) {
			if rate.Pair.Quote == "USD" {
				prices[a.cfg.Format.code(rate.Pair.Base)] = rate.Value
			}
		}
		break
	}
	return func(code string) *string {
		price, known := prices[code]
		if !known && !has[code].IsZero() {
			return nil
		}
		return new(has[code].Mul(price).RoundDown(2).StringFixed(2))
	}
}

// walletID is the UUID of a project's wallet for a coin, which exists in name only.
func walletID(project, code string) string { return derivedID("wallet", project, code) }

type ratePath struct {
	Currency string `json:"currency" in:"path" schema:"required"`
}

type ratesAnswer struct {
	State  int          `json:"state" doc:"0"`
	Result []rateObject `json:"result"`
}

type rateObject struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Course string `json:"course" doc:"Rounded down"`
}

// listRates returns the price of a coin in the Service's fiat currencies that have rates, the reference currency first, and
// in the other coins, derived from the reference currency.
func (a *api) listRates(r *httpapi.Request) (any, error) {
	var in ratePath
	if err := r.Bind(&in); errors.Is(err, invoice.ErrNotFound) {
		return nil, errNoCurrency
	} else if err != nil {
		return nil, err
	}
	from := strings.ToUpper(in.Currency)
	coins := a.find(from, "")
	if len(coins) == 0 {
		return nil, errNoCurrency
	}
	worth := map[string]decimal.Decimal{}
	for _, rate := range a.service.Rates(r.Context()) {
		code := a.cfg.Format.code(rate.Pair.Base)
		if _, has := worth[code]; !has {
			worth[code] = rate.Value
		}
	}
	out := ratesAnswer{}
	for _, rate := range a.service.FiatRates(r.Context(), coins[0].Asset.Code) {
		out.Result = append(out.Result, rateObject{from, rate.Pair.Quote, rate.Value.RoundDown(8).StringFixed(8)})
	}
	if len(out.Result) == 0 {
		return nil, a.passing(r.Context(), fmt.Errorf("cryptomus: rates of %s: %w", from, rates.ErrNoRate))
	}
	one, has := worth[from]
	for _, to := range a.codes() {
		if other, known := worth[to]; has && known && to != from {
			course, _ := one.QuoRem(other, 8)
			out.Result = append(out.Result, rateObject{from, to, course.StringFixed(8)})
		}
	}
	return out, nil
}

type discountsAnswer struct {
	State  int              `json:"state" doc:"0"`
	Result []discountObject `json:"result"`
}

type discountObject struct {
	Currency string `json:"currency"`
	Network  string `json:"network"`
	Discount int    `json:"discount" doc:"Percent"`
}

// discountRequest is the body of POST /payment/discount/set.
type discountRequest struct {
	Currency string `json:"currency" schema:"required,maxLength=32"`
	Network  string `json:"network" schema:"required,maxLength=64"`
	Percent  *int   `json:"discount_percent" schema:"required,minimum=-99,maximum=100"`
}

var discountForm = formOf[discountRequest]()

type discountAnswer struct {
	State  int         `json:"state" doc:"0"`
	Result setDiscount `json:"result"`
}

type setDiscount struct {
	Currency string `json:"currency"`
	Network  string `json:"network"`
	Discount string `json:"discount" doc:"Percent, in a string"`
}

func (a *api) listDiscounts(r *httpapi.Request) (any, error) {
	out := discountsAnswer{Result: []discountObject{}}
	for _, c := range a.currencies {
		out.Result = append(out.Result, discountObject{c.Code, c.Network, r.Project.Discounts[c.Asset.Code]})
	}
	return out, nil
}

func (a *api) setDiscount(r *httpapi.Request) (any, error) {
	in, err := discountForm.read(r)
	if err != nil {
		return nil, err
	}
	found := a.find(strings.ToUpper(in.Currency), a.network(in.Network))
	if len(found) == 0 {
		return nil, refusal("The service " + in.Currency + " " + in.Network + " was not found")
	}
	c := found[0] // the only one: it has a network
	err = a.cfg.Projects.SetDiscount(r.Context(), r.Project.ID, c.Asset.Code, *in.Percent)
	a.known.Forget(r.Project.ID)
	if _, full := errors.AsType[*invoice.InvalidError](err); full { // the rest of it was checked
		return nil, broken("currency", "max.array")
	}
	if err != nil {
		return nil, a.passing(r.Context(), fmt.Errorf("cryptomus: set discount: %w", err))
	}
	return discountAnswer{Result: setDiscount{c.Code, c.Network, strconv.Itoa(*in.Percent)}}, nil
}

// least returns the smallest amount that can be paid in a coin.
func (c currency) least() decimal.Decimal {
	one := c.Asset.Decimal(big.NewInt(1))
	if c.asset.Minimum.LessThan(one) {
		return one
	}
	return c.asset.Minimum
}
