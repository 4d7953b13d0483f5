package cryptomus

import (
	"errors"
	"net/http"
	"strings"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
)

// The bodies of errors.
type (
	messageFault struct {
		State   int    `json:"state" doc:"1"`
		Message string `json:"message"`
	}
	validationFault struct {
		State  int                 `json:"state" doc:"1"`
		Errors map[string][]string `json:"errors" doc:"Rules that each invalid parameter breaks"`
	}
	signFault struct {
		Message string `json:"message" doc:"Invalid Sign."`
	}
	crashFault struct {
		Message string  `json:"message"`
		Code    int     `json:"code" doc:"500"`
		Error   *string `json:"error" schema:"nullable" doc:"Always null"`
	}
)

// faultBodies returns the bodies other than messageFault, by status.
func faultBodies() map[int]any {
	return map[int]any{
		http.StatusUnauthorized: signFault{}, http.StatusUnprocessableEntity: httpapi.AnyOf{messageFault{}, validationFault{}},
		http.StatusInternalServerError: crashFault{},
	}
}

// refusal is an error of the published documents, in their words. Its status is 422.
type refusal string

func (r refusal) Error() string { return string(r) }

// Kept reports whether the refusal is permanent, so that it is kept for an Idempotency-Key.
func (r refusal) Kept() bool {
	switch r {
	case errConvert, errGateway, errTooMuchResend, errNoFunds, errRefundTooEarly, errRefundInProcess, errNothingToWithdraw:
		return false
	default:
		return true
	}
}

const (
	errForbidden           refusal = "You are forbidden"
	errNoCurrency          refusal = "The currency was not found"
	errNoNetwork           refusal = "The network was not found"
	errNoTarget            refusal = "Not found service to_currency"
	errConvert             refusal = "Error convert to_currency"
	errGateway             refusal = "Gateway error"
	errNoPayment           refusal = "Payment not found"
	errClosed              refusal = "Payment is closed"
	errNotChosen           refusal = "Payment has no address until a currency and a network are chosen"
	errBlocked             refusal = "Wallet is blocked"
	errNoQR                refusal = "Payment has no QR code"
	errNotMarked           refusal = "Payment cannot be marked as paid"
	errNoNotification      refusal = "Notification not found"
	errNoPayout            refusal = "Payout not found"
	errSmallPayout         refusal = "The withdrawal amount is too small"
	errNoFunds             refusal = "Not enough funds"
	errNoUserWallet        refusal = "No found user wallet"
	errRefundNoPayment     refusal = "Payment was not found"
	errRefundNoWallet      refusal = "Undefined merchant wallet"
	errRefundTooEarly      refusal = "Refunds are made only for completed payments"
	errRefundTooMuch       refusal = "The refund amount should not be more than the amount paid"
	errSmallRefund         refusal = "The amount is too small"
	errNotFound            refusal = "Not found"
	errWithdrawnOnce       refusal = "You can withdraw only once"
	errRefundInProcess     refusal = "Refund is in process"
	errNothingToWithdraw   refusal = "Nothing to withdraw"
	errTooMuchResend       refusal = "Too much resend"
	errNoWallet            refusal = "Wallet not found"
	errNoService           refusal = "The service was not found"
	errTestNoPayment       refusal = "Not found payment"
	errTestNoWallet        refusal = "Not found wallet"
	errTestNoPayout        refusal = "Not found payout"
	errTestPaymentServices refusal = "Payment service not found"
	errTestPayoutServices  refusal = "Payout service not found"
)

// invalid holds the rules that each parameter breaks. Its status is 422.
type invalid map[string][]string

func (i invalid) Error() string {
	var names []string
	for name := range i {
		names = append(names, name)
	}
	return "invalid " + strings.Join(names, ", ")
}

func (i invalid) add(name, rule string) { i[name] = append(i[name], "validation."+rule) }

// Kept returns false: the refusal is not kept for an Idempotency-Key, because the request can be corrected.
func (i invalid) Kept() bool { return false }

// broken returns the error of one parameter that breaks one rule.
func broken(name, rule string) error {
	i := invalid{}
	i.add(name, rule)
	return i
}

// fields maps the Go fields in refusals of the core to the parameters on the wire, and the rules that they break.
var fields = map[string][2]string{
	"Price.Amount": {"amount", "regex"}, // its size was checked: it has more decimals than the currency
	"CallbackURL":  {"url_callback", "url"},
	"Window":       {"lifetime", "max.numeric"},
	"RateSource":   {"course_source", "in"},
	"Tolerance":    {"accuracy_payment_percent", "numeric"},
	"Data":         {dataAdditional, "string"},
	"OrderID":      {"order_id", "alpha_dash"},
}

// fault maps errors to responses. Messages contain only what is meant for clients.
func fault(err error) (int, any) {
	if refused, ok := errors.AsType[*httpapi.Error](err); ok {
		switch refused.Status { // signatures and hosts are refused in the published words
		case http.StatusUnauthorized:
			return refused.Status, signFault{"Invalid Sign."}
		case http.StatusForbidden:
			return refused.Status, messageFault{1, string(errForbidden)}
		}
		return refused.Status, messageFault{1, refused.Message}
	}
	if bad, ok := errors.AsType[invalid](err); ok {
		return http.StatusUnprocessableEntity, validationFault{1, bad}
	}
	if known, ok := errors.AsType[refusal](err); ok {
		return http.StatusUnprocessableEntity, messageFault{1, string(known)}
	}
	switch {
	case errors.Is(err, invoice.ErrNotFound):
		return http.StatusUnprocessableEntity, messageFault{1, string(errNoPayment)}
	case errors.Is(err, rates.ErrNoRate), errors.Is(err, invoice.ErrConflict), errors.Is(err, invoice.ErrNoAddress),
		errors.Is(err, invoice.ErrTooManyNew), errors.Is(err, invoice.ErrBusy):
		return http.StatusUnprocessableEntity, messageFault{1, string(errGateway)}
	}
	return http.StatusInternalServerError, crashFault{Message: "Server error, #1", Code: http.StatusInternalServerError}
}
