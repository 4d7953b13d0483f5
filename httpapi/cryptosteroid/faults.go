package cryptosteroid

import (
	"errors"
	"net/http"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/internal/denial"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
)

// faultBody is the body of every error.
type faultBody struct {
	StatusCode int    `json:"statusCode" doc:"The HTTP status"`
	Message    string `json:"message" doc:"Description for people"`
	Error      string `json:"error" doc:"The name of the status"`
}

// fault maps errors to responses. Messages contain only what is meant for clients.
func (a *api) fault(err error) (int, any) {
	status, message := http.StatusInternalServerError, denial.Wrong(a.cfg.Logger)
	if refused, ok := errors.AsType[*httpapi.Error](err); ok {
		status, message = refused.Status, refused.Message
	} else if invalid, ok := errors.AsType[*httpapi.FieldError](err); ok {
		status, message = http.StatusBadRequest, invalid.Error()
	} else if change, ok := errors.AsType[*invoice.TransitionError](err); ok {
		status, message = http.StatusConflict, change.Error()
	}
	switch {
	case errors.Is(err, invoice.ErrNotFound):
		status, message = http.StatusNotFound, "There is no such merchant, wallet, invoice or address."
	case errors.Is(err, errNotNew):
		status, message = http.StatusConflict, "The payment method can only be chosen while the invoice is NEW and nothing was paid."
	case errors.Is(err, errTooManyAddresses):
		status, message = http.StatusTooManyRequests, "Too many addresses are open. Archive some first."
	case errors.Is(err, invoice.ErrTooManyNew):
		status, message = http.StatusTooManyRequests, "Too many invoices are NEW. Wait until some are paid or expire."
	case errors.Is(err, rates.ErrNoRate):
		status, message = http.StatusServiceUnavailable, "There is no exchange rate now. Please try again."
	case errors.Is(err, invoice.ErrNoAddress):
		status, message = http.StatusServiceUnavailable, "No address is free now. Please try again."
	case errors.Is(err, invoice.ErrConflict), errors.Is(err, invoice.ErrBusy):
		status, message = http.StatusServiceUnavailable, "Too much happened at once. Please try again."
	}
	return status, faultBody{status, message, http.StatusText(status)}
}

// fields maps the Go fields and parameters in refusals of the core to names on the wire, and addressFields those of
// deposit addresses. Clients do not choose other fields.
var (
	fields = map[string]string{
		"Price.Amount": "fiatAmount", "Name": "description", "CallbackURL": "processingUrl",
		"Price.Currency": "paymentMethod", "Asset": "paymentMethod", "asset": "paymentMethod",
	}
	addressFields = map[string]string{"Name": "label", "CallbackURL": "callback", "Asset": "wallet", "Invoice": "status"}
)

func translated(err error) error        { return denial.Renamed(FormatName, err, fields) }
func translatedAddress(err error) error { return denial.Renamed(FormatName, err, addressFields) }
