package cryptomus_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/httpapi/internal/docs/docstest"
)

func TestSamplesOfThePageAreRequestsOfTheDocument(t *testing.T) {
	w := newWorld(t, options{})
	docstest.Samples(t, w.api)
	docstest.Samples(t, w.build(t, v2, nil))
}

func TestAnInvoiceIsCreatedByTheSampleOfThePage(t *testing.T) {
	w := newWorld(t, options{})
	page := docstest.Page(t, w.api)
	keys := []string{"MERCHANT=" + w.shop.id, "PAYMENT_KEY=" + w.shop.payment, "PAYOUT_KEY=" + w.shop.payout}
	status, body := docstest.Paste(t, w.api, docstest.Sample(t, page, "createPayment"), keys...)
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, `"order_id":"1001"`)
	status, body = docstest.Paste(t, w.api, docstest.Sample(t, page, "getPayment"), keys...)
	require.Equal(t, http.StatusOK, status, body)
	require.Contains(t, body, `"order_id":"1001"`)
	w.rich(t)
	status, body = docstest.Paste(t, w.api, docstest.Sample(t, page, "calculatePayout"), keys...) // signed with the payout key
	require.Equal(t, http.StatusOK, status, body)
	status, body = docstest.Paste(t, w.api, docstest.Sample(t, page, "getBalance"), keys...) // signed without a body
	require.Equal(t, http.StatusOK, status, body)
}
