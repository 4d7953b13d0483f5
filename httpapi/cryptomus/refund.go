package cryptomus

import (
	"context"
	"errors"
	"fmt"
	"math/big"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
)

// refundRequest is the body of POST /payment/refund.
type refundRequest struct {
	UUID       string `json:"uuid" schema:"format=uuid" doc:"Takes precedence over order_id"`
	OrderID    string `json:"order_id" schema:"minLength=1,maxLength=128" doc:"Either this or uuid"`
	Address    string `json:"address" schema:"required,maxLength=190" doc:"Receiver"`
	IsSubtract *bool  `json:"is_subtract" schema:"required" doc:"Whether the fee is taken from the balance, and not out of the refund"`
}

// blockedRefundRequest is the body of POST /wallet/blocked-address-refund.
type blockedRefundRequest struct {
	UUID    string `json:"uuid" schema:"format=uuid" doc:"Takes precedence over order_id"`
	OrderID string `json:"order_id" schema:"minLength=1,maxLength=100" doc:"Either this or uuid"`
	Address string `json:"address" schema:"required,minLength=10,maxLength=128,format=alpha_dash" doc:"Receiver"`
}

var (
	refundForm        = formOf[refundRequest]()
	blockedRefundForm = formOf[blockedRefundRequest]()
)

type blockedRefundAnswer struct {
	State  int           `json:"state" doc:"0"`
	Result blockedRefund `json:"result"`
}

type blockedRefund struct {
	Commission string `json:"commission" doc:"Greatest network fee, taken out of the refund; rounded up"`
	Amount     string `json:"amount" doc:"What the receiver gets, rounded down"`
}

// maxRefunds is how many refunds one invoice may have through this API, those that failed among them.
const maxRefunds = 20

// refundKey is the key of the nth refund of an invoice. No order id has a slash.
func refundKey(invoiceID string, n int) string { return fmt.Sprintf("refund/%s/%d", invoiceID, n) }

// blockedKey is the key of the nth attempt to refund what a blocked wallet got.
func blockedKey(invoiceID string, n int) string { return fmt.Sprintf("blocked/%s/%d", invoiceID, n) }

// unpaid reports whether a payout has ended without being paid, so that its money has come back.
func unpaid(p payout.Payout) bool {
	return p.State.Status.Ended() && p.State.Status != payout.StatusPaid
}

// lookUpUUID is like lookUp, and the uuid takes precedence.
func (a *api) lookUpUUID(r *httpapi.Request, id, orderID string) (invoice.Invoice, error) {
	if id != "" {
		orderID = ""
	}
	return a.lookUp(r, id, orderID)
}

// refund gives back all that an invoice brought.
func (a *api) refund(r *httpapi.Request) (any, error) {
	in, err := refundForm.read(r)
	if err != nil {
		return nil, err
	}
	inv, err := a.lookUpUUID(r, in.UUID, in.OrderID)
	switch {
	case errors.Is(err, invoice.ErrNotFound), err == nil && inv.Terms.Standing:
		return nil, errRefundNoPayment
	case err != nil:
		return nil, err
	}
	if state := summarize(inv); !state.Final || state.Paid.Sign() == 0 {
		return nil, errRefundTooEarly
	}
	err = a.refundAll(r.Context(), payout.RefundRequest{
		Project: r.Project.ID, Invoice: inv.ID, Asset: inv.Quote.Asset.ID, To: in.Address, FeeIncluded: !*in.IsSubtract,
		Format: FormatName, Requester: r.Project.ID,
	})
	if err != nil {
		return nil, err
	}
	return emptyAnswer{Result: []string{}}, nil
}

// refundAll refunds until nothing is left: what is held first, and then what became the project's. The same request again
// makes no further refund, unless one has failed.
func (a *api) refundAll(ctx context.Context, ask payout.RefundRequest) error {
	some := false
	for n := range maxRefunds {
		ask.Key = refundKey(ask.Invoice, n)
		p, _, err := a.cfg.Payouts.Refund(ctx, ask)
		other, taken := errors.AsType[*payout.KeyError](err)
		if taken {
			if p, err = a.cfg.Payouts.Payout(ctx, ask.Project, other.Payout); err == nil && !unpaid(p) {
				return errRefundTooMuch
			}
		}
		switch {
		case err == nil:
			some = some || !unpaid(p)
		case some && nothingLeft(err):
			return nil
		case errors.Is(err, payout.ErrNothingLeft):
			return errRefundTooMuch
		default:
			return a.payoutRefused(ctx, err, errSmallRefund, errRefundNoWallet)
		}
	}
	return errRefundTooMuch
}

// nothingLeft reports whether a refund was refused because nothing is left that is worth its fee.
func nothingLeft(err error) bool {
	bad, ok := errors.AsType[*payout.InvalidError](err)
	return errors.Is(err, payout.ErrNothingLeft) || ok && bad.Field == "Units"
}

// refundStatus returns the status of the refunds of a paid invoice, or "" if none was requested through this API.
func (a *api) refundStatus(ctx context.Context, inv invoice.Invoice, state summary) (out status, err error) {
	if a.cfg.Payouts == nil || !state.Final || state.Paid.Sign() == 0 {
		return "", nil
	}
	for n := range maxRefunds {
		p, err := a.cfg.Payouts.PayoutByKey(ctx, inv.Project, refundKey(inv.ID, n))
		switch {
		case errors.Is(err, payout.ErrNotFound):
			return out, nil
		case err != nil:
			return "", err
		case !p.State.Status.Ended():
			return statusRefundProcess, nil
		case unpaid(p):
			out = statusRefundFail
		default:
			out = statusRefundPaid
		}
	}
	return out, nil
}

// refundBlocked gives back what a static wallet got after it was blocked, once.
func (a *api) refundBlocked(r *httpapi.Request) (any, error) {
	in, err := blockedRefundForm.read(r)
	if err != nil {
		return nil, err
	}
	inv, err := a.lookUpUUID(r, in.UUID, in.OrderID)
	switch {
	case errors.Is(err, invoice.ErrNotFound), err == nil && !inv.Terms.Standing:
		return nil, errNotFound
	case err != nil:
		return nil, err
	}
	n, err := a.blockedTried(r.Context(), inv)
	if err != nil {
		return nil, err
	}
	units, err := a.gotBlocked(r.Context(), inv)
	if err != nil {
		return nil, err
	}
	if units.Sign() == 0 {
		return nil, errNothingToWithdraw
	}
	asset := inv.Quote.Asset
	quoted := payout.Request{Project: inv.Project, Asset: asset.ID, To: in.Address, Units: asset.Decimal(units), FeeIncluded: true}
	if _, err := a.cfg.Payouts.Quote(r.Context(), quoted); err != nil {
		return nil, a.payoutRefused(r.Context(), err, errSmallRefund, errNoService)
	}
	p, _, err := a.cfg.Payouts.Refund(r.Context(), payout.RefundRequest{
		Project: inv.Project, Key: blockedKey(inv.ID, n), Invoice: inv.ID, Asset: asset.ID, Units: quoted.Units, From: payout.Available,
		FeeIncluded: true, To: in.Address, Format: FormatName, Requester: inv.Project,
	})
	if _, raced := errors.AsType[*payout.KeyError](err); raced {
		return nil, errRefundInProcess
	}
	if nothingLeft(err) { // it is not booked yet, or was given back by other means
		return nil, errNothingToWithdraw
	}
	if err != nil {
		return nil, a.payoutRefused(r.Context(), err, errSmallRefund, errNoService)
	}
	least := digits(a.cfg.Format.named(asset).Code)
	return blockedRefundAnswer{Result: blockedRefund{
		Commission: amountText(asset.Decimal(p.Charged()).RoundUp(8), least), Amount: amountText(asset.Decimal(p.Units).RoundDown(8), least),
	}}, nil
}

// blockedTried returns how many refunds of a blocked wallet have failed, or the refusal of another one.
func (a *api) blockedTried(ctx context.Context, inv invoice.Invoice) (int, error) {
	for n := range maxRefunds {
		p, err := a.cfg.Payouts.PayoutByKey(ctx, inv.Project, blockedKey(inv.ID, n))
		switch {
		case errors.Is(err, payout.ErrNotFound):
			return n, nil
		case err != nil:
			return 0, err
		case !p.State.Status.Ended():
			return 0, errRefundInProcess
		case !unpaid(p):
			return 0, errWithdrawnOnce
		}
	}
	return 0, errWithdrawnOnce
}

// gotBlocked returns the base units that a static wallet got after it was blocked.
func (a *api) gotBlocked(ctx context.Context, inv invoice.Invoice) (*big.Int, error) {
	sum, after := new(big.Int), chain.Key{}
	for {
		page, err := a.service.Payments(ctx, inv.Project, inv.ID, after, invoice.MaxPage)
		if err != nil {
			return nil, err
		}
		for _, p := range page {
			if after = p.Key; !p.Withdrawn && !p.Dust && p.Block.Hash != "" && p.Asset == inv.Quote.Asset.ID && afterBlock(inv, p) {
				sum.Add(sum, p.Units)
			}
		}
		if len(page) < invoice.MaxPage {
			return sum, nil
		}
	}
}
