package cryptosteroid_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/internal/docs/docstest"
)

func TestSamplesOfThePageAreRequestsOfTheDocument(t *testing.T) {
	docstest.Samples(t, newWorld(t, options{}).api)
}

func TestAnInvoiceIsCreatedByTheSampleOfThePage(t *testing.T) {
	w := newWorld(t, options{})
	sample := docstest.Sample(t, docstest.Page(t, w.api), "createInvoice")
	const merchant = "018f3f3e-0000-7000-8000-00000000000a"
	require.Contains(t, sample, merchant)
	status, body := docstest.Paste(t, w.api, strings.ReplaceAll(sample, merchant, w.shop), "API_KEY="+w.key)
	require.Equal(t, http.StatusCreated, status, body)
	require.Contains(t, body, `"fiatAmount":"25.00"`)
}
