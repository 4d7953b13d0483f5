package itispay

import (
	"errors"
	"net/http"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
)

// faultBody is the body of every error.
type faultBody struct {
	Error   string `json:"error" doc:"A code that stays the same, such as validation_error"`
	Message string `json:"message" doc:"For people"`
}

// codes are the words for refusals of the assembly.
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

// refusal is what only this API refuses.
type refusal struct {
	status int
	body   faultBody
}

func (r *refusal) Error() string { return r.body.Message }

// fault is the table from errors to answers. Only what is meant for clients gets into a message.
func fault(err error) (int, any) {
	if refused, ok := errors.AsType[*httpapi.Error](err); ok {
		return refused.Status, faultBody{codes[refused.Status], refused.Message}
	}
	if refused, ok := errors.AsType[*refusal](err); ok {
		return refused.status, refused.body
	}
	if invalid, ok := errors.AsType[*invoice.InvalidError](err); ok {
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
	case errors.Is(err, invoice.ErrConflict):
		return http.StatusServiceUnavailable, faultBody{"unavailable", "Too much happened at once. Please try again."}
	}
	return http.StatusInternalServerError, faultBody{"internal_error", "Something went wrong. It was logged."}
}

// misconfigured turns a refusal that no client can do anything about into what it is.
func misconfigured(err error) error {
	if invalid, ok := errors.AsType[*invoice.InvalidError](err); ok && invalid.Field == "format" {
		return errors.New("itispay: the Service's Notifier does not know the format " + Format)
	}
	return err
}
