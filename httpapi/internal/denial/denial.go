// Package denial has what all APIs say alike about configurations that cannot work, and about errors of the core.
package denial

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/invoice"
)

// Config returns an error that names the field of a configuration that every API needs and that is missing, or nil. The
// format is the one that the API's own Format has.
func Config(service *invoice.Service, projects *invoice.Projects, hasFormat bool, format string) error {
	switch {
	case service == nil:
		return errors.New("Service is required")
	case projects == nil:
		return errors.New("Projects is required")
	case !hasFormat:
		return errors.New("Format is required")
	case !slices.Contains(service.Formats(), format):
		return errors.New("the Service's Notifier has no format " + format + ": give it Config.Format")
	}
	return nil
}

// Wrong returns the message of an internal error, which mentions the log if there is one. A nil logger is none.
func Wrong(log *slog.Logger) string {
	if log != nil && log.Enabled(context.Background(), slog.LevelError) {
		return "Something went wrong. It was logged."
	}
	return "Something went wrong."
}

// Renamed returns a refusal of the core with the field's name on the wire, and any other error as it is. A refusal of a field
// that clients do not choose becomes an internal error of the API.
func Renamed(api string, err error, names map[string]string) error {
	invalid, ok := errors.AsType[*invoice.InvalidError](err)
	if !ok {
		return err
	}
	if name, known := names[invalid.Field]; known {
		return &httpapi.FieldError{Field: name, Reason: invalid.Reason}
	}
	return errors.New(api + ": the Service refuses what clients do not choose: " + invalid.Error())
}
