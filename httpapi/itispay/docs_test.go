package itispay_test

import (
	"net/http"
	"testing"

	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/internal/docs/docstest"
	"github.com/cointill/cointill/httpapi/itispay"
)

func TestSamplesOfThePageAreRequestsOfTheDocument(t *testing.T) {
	w := newWorld(t, options{})
	docstest.Samples(t, w.api)
	v1, err := itispay.NewV1(w.config(nil))
	require.NoError(t, err)
	docstest.Samples(t, v1)
	paying, _ := newTill(t, options{}, nil)
	docstest.Samples(t, paying.api)
}

func TestAnInvoiceIsCreatedByTheSampleOfThePage(t *testing.T) {
	w := newWorld(t, options{})
	page := docstest.Page(t, w.api)
	status, body := docstest.Paste(t, w.api, docstest.Sample(t, page, "createInvoice"), "API_KEY="+w.key)
	require.Equal(t, http.StatusCreated, status, body)
	require.Contains(t, body, `"order_id":"1001"`)
	require.Equal(t, 1, stage.Count(t, w.service))
	status, body = docstest.Paste(t, w.api, docstest.Sample(t, page, "listInvoices"), "API_KEY="+w.key)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `"order_id":"1001"`)
	status, body = docstest.Paste(t, w.api, docstest.Sample(t, page, "createProject"), "ACCOUNT_API_KEY=unknown")
	require.Equal(t, http.StatusUnauthorized, status, body)
}
