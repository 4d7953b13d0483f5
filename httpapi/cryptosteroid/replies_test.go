package cryptosteroid_test

import (
	"sync"
	"testing"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/cryptosteroid"
	"github.com/stretchr/testify/require"
)

func TestA42_ACreationThatIsRepeatedMakesOneInvoice(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptosteroid.Config) { c.Replies = httpapi.NewReplies(0) }})
	ask := func(amount string) answer {
		r := w.request("POST", w.invoices(), w.key, `{"fiatAmount":"`+amount+`","fiatCurrency":"USD","description":"A chair"}`)
		r.Header.Set("Idempotency-Key", `"k"`)
		return w.send(t, w.api, r)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { ask("20") })
	}
	wg.Wait()
	got := ask("20")
	require.Equal(t, 201, got.status, "%s", got.body)
	require.Equal(t, "true", got.header.Get("Idempotent-Replayed"))
	require.Equal(t, got.body, ask("20").body)
	require.Equal(t, "The Idempotency-Key was used for another request.", ask("21").refused(t, 422))
	require.Equal(t, 1, w.count(t))
}
