package itispay

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/payout"
)

// withdrawRequest is the body of POST /withdraw.
type withdrawRequest struct {
	Currency string          `json:"currency" schema:"required,minLength=1,maxLength=32" doc:"A currency_code of GET /currencies"`
	To       string          `json:"to" schema:"required,minLength=1,maxLength=190" doc:"Address of the wallet"`
	Amount   *httpapi.Number `json:"amount" schema:"required,exclusiveMinimum=0" doc:"In units of the currency"`
}

// withdrawAnswer is the response of POST /withdraw.
type withdrawAnswer struct {
	Status     payoutStatus `json:"status"`
	Fee        string       `json:"fee" doc:"The most that the network may take from the balance in addition, in the currency"`
	WalletHash string       `json:"wallet_hash" doc:"Address of the wallet"`
	Amount     string       `json:"amount" doc:"What the wallet gets"`
	TxnID      string       `json:"txn_id" doc:"Id of the withdrawal"`
}

func (a *api) withdraw(r *httpapi.Request) (any, error) {
	var in withdrawRequest
	if err := r.Decode(&in); err != nil {
		return nil, err
	}
	asset, known := a.asset(in.Currency)
	if !known {
		return nil, &httpapi.FieldError{Field: "currency", Reason: "is not supported"}
	}
	key, _ := headerKey(r, "withdraw")
	p, err := a.cfg.Payouts.Request(r.Context(), payout.Request{
		Project: r.Project.ID, Key: key, Kind: payout.KindWithdrawal, Asset: asset.ID, To: in.To,
		Units: in.Amount.Meant(int32(asset.Decimals)).Decimal,
	})
	if err != nil {
		return nil, refusedPayout(err, map[string]string{"Asset": "currency", "To": "to", "Units": "amount"})
	}
	return withdrawAnswer{
		payoutStatusOf(p.State.Status), p.Asset.Decimal(p.Charged()).String(), string(p.To), p.Asset.Decimal(p.Units).String(), p.ID,
	}, nil
}

// refusedPayout returns a refusal of a payout with the field's name on the wire. What may succeed later, such as when there
// is more money, is not kept for an Idempotency-Key.
func refusedPayout(err error, names map[string]string) error {
	if err == nil {
		return nil
	}
	if invalid, ok := errors.AsType[*payout.InvalidError](err); ok {
		if name, known := names[invalid.Field]; known {
			return &httpapi.FieldError{Field: name, Reason: invalid.Reason}
		}
		return errors.New("itispay: the payouts refuse what clients do not choose: " + invalid.Error())
	}
	if taken, ok := errors.AsType[*payout.KeyError](err); ok {
		return takenKey(taken.Payout)
	}
	if _, ok := errors.AsType[*payout.LimitError](err); ok {
		return passing("limit_exceeded", "The limit of what may be paid out in a day would be exceeded.")
	}
	if short, ok := errors.AsType[*payout.InsufficientError](err); ok && short.Account.Project != "" {
		return passing("insufficient_balance", "The balance does not suffice for the amount and the greatest fee of the network.")
	} else if ok { // the operator's coins for fees
		busy := &refusal{status: http.StatusServiceUnavailable, body: faultBody{"unavailable", "The network's fee cannot be paid now. Please try again."}}
		return fmt.Errorf("%w: %w", busy, err)
	}
	switch {
	case errors.Is(err, payout.ErrNetwork):
		return &httpapi.FieldError{Field: names["Asset"], Reason: "cannot be paid out"}
	case errors.Is(err, payout.ErrUnknownReceiver):
		return &httpapi.FieldError{Field: names["To"], Reason: "is not on the list of receivers"}
	}
	return err
}

func passing(code, message string) error {
	return &refusal{status: http.StatusUnprocessableEntity, body: faultBody{code, message}, passing: true}
}
