package httpapi

import (
	"fmt"
	"net/http"

	"github.com/cointill/cointill/httpapi/internal/docs"
)

// page returns the page for people, made from the OpenAPI document.
func (a *API) page() (http.Handler, error) {
	page, err := docs.New(a.document)
	if err != nil {
		return nil, fmt.Errorf("make the page: %w", err)
	}
	return a.limited(page), nil
}
