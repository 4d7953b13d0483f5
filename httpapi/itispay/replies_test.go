package itispay_test

import (
	"testing"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/stretchr/testify/require"
)

// Without the header the second request is refused with 409, which names the first invoice; with it both get the
// response to the first.
func TestA42_ACreationThatIsRepeatedGetsTheSameAnswer(t *testing.T) {
	w := newWorld(t, options{api: func(c *itispay.Config) { c.Replies = httpapi.NewReplies(0) }})
	ask := func(body string) answer {
		r := w.request("POST", "/invoices", w.key, body)
		r.Header.Set("Idempotency-Key", `"k"`)
		return w.send(t, w.api, r)
	}
	first := ask(`{"order_id":"1","fiat_amount":100,"currency":"SIM"}`)
	require.Equal(t, 201, first.status, "%s", first.body)
	again := ask(`{"order_id":"1","fiat_amount":100,"currency":"SIM"}`)
	require.Equal(t, 201, again.status)
	require.Equal(t, first.body, again.body)
	ask(`{"order_id":"2","fiat_amount":100,"currency":"SIM"}`).refused(t, 422, "validation_error")
	w.do(t, "POST", "/invoices", w.key, `{"order_id":"1","fiat_amount":100,"currency":"SIM"}`).refused(t, 409, "conflict")
}
