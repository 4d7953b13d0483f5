package fourth

import (
	"errors"
	"net/http"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
)

// trouble is the body of every error.
type trouble struct {
	Trouble string `json:"trouble"`
}

// fields maps the Go fields in refusals of the core to names on the wire.
var fields = map[string]string{
	"OrderID": "reference", "Asset": "asset", "Price.Currency": "asset", "Price.Amount": "amount", "Tolerance": "slack", "CallbackURL": "notify",
}

// fault maps errors to responses.
func fault(err error) (int, any) {
	if refused, ok := errors.AsType[*httpapi.Error](err); ok {
		return refused.Status, trouble{refused.Message}
	}
	if invalid, ok := errors.AsType[*invoice.InvalidError](err); ok && fields[invalid.Field] != "" {
		err = &httpapi.FieldError{Field: fields[invalid.Field], Reason: invalid.Reason}
	}
	if invalid, ok := errors.AsType[*httpapi.FieldError](err); ok {
		return http.StatusBadRequest, trouble{invalid.Error()}
	}
	_, taken := errors.AsType[*invoice.DuplicateOrderError](err)
	_, late := errors.AsType[*invoice.TransitionError](err)
	switch {
	case errors.Is(err, invoice.ErrNotFound):
		return http.StatusNotFound, trouble{"no such bill"}
	case taken:
		return http.StatusConflict, trouble{"the reference is taken"}
	case late:
		return http.StatusConflict, trouble{"the bill is no longer open"}
	case errors.Is(err, rates.ErrNoRate), errors.Is(err, invoice.ErrNoAddress), errors.Is(err, invoice.ErrConflict), errors.Is(err, invoice.ErrBusy):
		return http.StatusServiceUnavailable, trouble{"try again"}
	}
	return http.StatusInternalServerError, trouble{"something went wrong"}
}
