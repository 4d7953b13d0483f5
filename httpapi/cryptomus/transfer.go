package cryptomus

import (
	"context"
	"strings"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
)

// transferRequest is the body of POST /transfer/to-personal and /transfer/to-business.
type transferRequest struct {
	Amount   *httpapi.Number `json:"amount" schema:"required" doc:"As a number or in a string"`
	Currency string          `json:"currency" schema:"required,maxLength=32" doc:"Code of a coin"`
	Network  string          `json:"network" schema:"maxLength=64" doc:"Default the network on which the wallet has most of the coin"`
}

var transferForm = formOf[transferRequest]()

type transferAnswer struct {
	State  int         `json:"state" doc:"0"`
	Result transferred `json:"result"`
}

type transferred struct {
	UserUUID        string `json:"user_wallet_transaction_uuid"`
	UserBalance     string `json:"user_wallet_balance"`
	MerchantUUID    string `json:"merchant_transaction_uuid"`
	MerchantBalance string `json:"merchant_balance"`
}

// personal returns the project that is the merchant's personal wallet, or "" if there is none.
func (a *api) personal(project string) string {
	if a.cfg.Payouts == nil || a.cfg.Personal == nil {
		return ""
	}
	return a.cfg.Personal(project)
}

// transfer moves money between the merchant's wallet and the personal one.
func (a *api) transfer(toPersonal bool) func(*httpapi.Request) (any, error) {
	return func(r *httpapi.Request) (any, error) {
		in, err := transferForm.read(r)
		if err != nil {
			return nil, err
		}
		user := a.personal(r.Project.ID)
		if user == "" || user == r.Project.ID {
			return nil, errNoUserWallet
		}
		move := payout.Transfer{ID: randomUUID(), From: r.Project.ID, To: user, Actor: r.Project.ID}
		if !toPersonal {
			move.From, move.To = move.To, move.From
		}
		coin, err := a.transferable(r.Context(), move.From, strings.ToUpper(in.Currency), a.network(in.Network))
		if err != nil {
			return nil, err
		}
		amount := in.Amount.Meant(int32(coin.Asset.Decimals)).Decimal
		if amount.Sign() <= 0 {
			return nil, broken("amount", "min.numeric")
		}
		if amount.GreaterThan(a.cfg.Maximum) {
			return nil, refusal("Maximum amount " + a.cfg.Maximum.String() + " " + coin.Code)
		}
		if move.Units, err = coin.Asset.UnitsExact(amount); err != nil {
			return nil, broken("amount", "regex")
		}
		move.Asset = coin.Asset.ID
		if err := a.cfg.Payouts.Transfer(r.Context(), move); err != nil {
			return nil, a.payoutRefused(r.Context(), err, errSmallPayout, errNoService)
		}
		return a.transferred(r.Context(), r.Project.ID, user, coin.Code, move.ID)
	}
}

// transferable returns the coin that is moved: of several, the one that the project has most of.
func (a *api) transferable(ctx context.Context, from, code, network string) (currency, error) {
	if len(a.find(code, "")) == 0 {
		return currency{}, errNoCurrency
	}
	all, err := a.cfg.Payouts.Balance(ctx, from)
	if err != nil {
		return currency{}, err
	}
	var out currency
	most := decimal.Zero
	for _, c := range a.find(code, network) {
		has := decimal.Zero
		for _, b := range all {
			if b.Account.Kind == payout.Available && b.Account.Asset == c.Asset.ID {
				has = c.Asset.Decimal(b.Units)
			}
		}
		if a.paysOut(c) && (out.Code == "" || has.GreaterThan(most)) {
			out, most = c, has
		}
	}
	if out.Code == "" {
		return out, errNoService
	}
	return out, nil
}

func (a *api) transferred(ctx context.Context, project, user, code, id string) (any, error) {
	merchant, err := a.available(ctx, project)
	if err != nil {
		return nil, err
	}
	person, err := a.available(ctx, user)
	if err != nil {
		return nil, err
	}
	return transferAnswer{Result: transferred{
		UserUUID: derivedID("transfer of user", id), UserBalance: person[code].RoundDown(8).StringFixed(8),
		MerchantUUID: derivedID("transfer of merchant", id), MerchantBalance: merchant[code].RoundDown(8).StringFixed(8),
	}}, nil
}
