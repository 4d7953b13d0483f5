package itispay

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
	Error   string `json:"error" doc:"Stable code, such as validation_error"`
	Message string `json:"message" doc:"Description for people"`
}

// codes are the error codes of refusals by package httpapi, by status.
var codes = map[int]string{
	http.StatusBadRequest:            "bad_request",
	http.StatusUnauthorized:          "unauthorized",
	http.StatusForbidden:             "forbidden",
	http.StatusNotFound:              "not_found",
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusConflict:              "conflict",
	http.StatusUnprocessableEntity:   "validation_error",
	http.StatusRequestEntityTooLarge: "payload_too_large",
	http.StatusUnsupportedMediaType:  "unsupported_media_type",
	http.StatusTooManyRequests:       "too_many_requests",
	http.StatusNotImplemented:        "not_implemented",
	http.StatusServiceUnavailable:    "unavailable",
}

// refusal is an error that only this API has.
type refusal struct {
	status  int
	body    faultBody
	passing bool // the same request may succeed later
}

func (r *refusal) Error() string { return r.body.Message }

// Kept reports whether the refusal is kept for an Idempotency-Key.
func (r *refusal) Kept() bool { return !r.passing }

// fault maps errors to responses. Messages contain only what is meant for clients.
func (a *api) fault(err error) (int, any) {
	err = renamed(err, fields)
	if refused, ok := errors.AsType[*httpapi.Error](err); ok {
		return refused.Status, faultBody{codes[refused.Status], refused.Message}
	}
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused.status, refused.body
	}
	if invalid, ok := errors.AsType[*httpapi.FieldError](err); ok {
		return http.StatusUnprocessableEntity, faultBody{"validation_error", invalid.Error()}
	}
	if change, ok := errors.AsType[*invoice.TransitionError](err); ok {
		return http.StatusUnprocessableEntity, faultBody{"validation_error", change.Error()}
	}
	if taken, ok := errors.AsType[*invoice.DuplicateOrderError](err); ok {
		return http.StatusConflict, faultBody{"conflict", "order_id is taken by invoice " + taken.Invoice}
	}
	switch {
	case errors.Is(err, invoice.ErrDuplicateProject):
		return http.StatusConflict, faultBody{"conflict", "name is taken by another project"}
	case errors.Is(err, invoice.ErrNotFound):
		return http.StatusNotFound, faultBody{codes[http.StatusNotFound], "There is no such invoice."}
	case errors.Is(err, rates.ErrNoRate):
		return http.StatusServiceUnavailable, faultBody{"rate_unavailable", "There is no exchange rate now. Please try again."}
	case errors.Is(err, invoice.ErrNoAddress):
		return http.StatusServiceUnavailable, faultBody{"unavailable", "No address is free now. Please try again."}
	case errors.Is(err, invoice.ErrTooManyNew):
		return http.StatusServiceUnavailable, faultBody{"unavailable", "Too many invoices are new. Please try again when some are paid or have expired."}
	case errors.Is(err, invoice.ErrConflict), errors.Is(err, invoice.ErrBusy):
		return http.StatusServiceUnavailable, faultBody{"unavailable", "Too much happened at once. Please try again."}
	}
	return http.StatusInternalServerError, faultBody{"internal_error", denial.Wrong(a.log)}
}

// fields maps the Go fields and parameters in refusals of the core to names on the wire, and projectFields those of
// projects. Clients do not choose other fields.
var (
	fields = map[string]string{
		"Project": "project", "OrderID": "order_id", "Name": "order_name", "Data": "data", "CallbackURL": "callback_url",
		"Price.Amount": "fiat_amount", "Price.Currency": "currency", "Asset": "currency", "Tolerance": "allowed_error_percent",
		"Window": "expire_min", "createdAt": "created_at",
		"Limit": "limit", "Offset": "offset", "Status": "status", "Sort": "sort_by",
		"to": "status", "Invoice": "status", "Actor": "actor", "Comment": "comment",
	}
	projectFields = map[string]string{"Owner": "owner", "Name": "name", "Description": "description", "AllowedIPs": "api_allowed_ips"}
)

// renamed returns a refusal of the core with the field's name on the wire.
func renamed(err error, names map[string]string) error {
	if invalid, ok := errors.AsType[*invoice.InvalidError](err); ok && errors.Is(err, invoice.ErrBelowMinimum) {
		return &httpapi.FieldError{Field: "amount", Reason: invalid.Reason}
	}
	return denial.Renamed(FormatName, err, names)
}
