package cryptomus_test

import (
	"context"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi"
	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
	"github.com/stretchr/testify/require"
)

// switched is a source of rates that can be switched off.
type switched struct {
	invoice.RateSource
	gone bool
}

func (s *switched) Rate(ctx context.Context, p rates.Pair) (rates.Rate, error) {
	if s.gone {
		return rates.Rate{}, rates.ErrNoRate
	}
	return s.RateSource.Rate(ctx, p)
}

func TestARequestWithAnIdempotencyKeyIsAnsweredAsAtFirst(t *testing.T) {
	s := &switched{}
	w := newWorld(t, options{
		api:     func(c *cryptomus.Config) { c.Replies = httpapi.NewReplies(0) },
		service: func(c *invoice.Config) { s.RateSource = c.Rates; c.Rates = s },
	})
	ask := func(path, key, body string) answer {
		r := w.request("POST", path, w.shop, w.shop.payment, body)
		r.Header.Set("Idempotency-Key", key)
		return w.send(t, w.api, r)
	}
	const coin = `{"amount":"20","currency":"USD","order_id":"1","to_currency":"COIN"}`
	s.gone = true
	require.Equal(t, 422, ask("/payment", "k", coin).status)
	s.gone = false
	first := ask("/payment", "k", coin)
	require.Equal(t, 200, first.status, "what was refused for want of a rate is not kept: %s", first.body)
	again := ask("/payment", `"k"`, coin)
	require.Equal(t, first.body, again.body)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))

	ask("/payment", "k", `{"amount":"30","currency":"USD","order_id":"2"}`).message(t, "The Idempotency-Key was used for another request.")
	got := ask("/payment", "a b", coin)
	require.Equal(t, 400, got.status)
	require.Contains(t, string(got.body), `{"state":1,"message":"The header Idempotency-Key`)
	require.Equal(t, 1, stage.Count(t, w.service))

	require.Equal(t, 422, ask("/payment", "l", `{"amount":"","currency":"USD","order_id":"3"}`).status)
	require.Equal(t, 200, ask("/payment", "l", `{"amount":"1","currency":"USD","order_id":"3"}`).status, "a bad value can be corrected")
}

// begun holds replies in which every request is running.
type begun struct{ httpapi.Replies }

func (b begun) Begin(ctx context.Context, scope, key string, running []byte, now, until time.Time) ([]byte, error) {
	if _, err := b.Replies.Begin(ctx, scope, key, running, now, until); err != nil {
		return nil, err
	}
	return b.Replies.Begin(ctx, scope, key, running, now, until)
}

func TestARequestThatIsRunningIsAConflictInTheAPIsWords(t *testing.T) {
	w := newWorld(t, options{api: func(c *cryptomus.Config) { c.Replies = begun{httpapi.NewReplies(0)} }})
	r := w.request("POST", "/payment", w.shop, w.shop.payment, `{"amount":"20","currency":"USD","order_id":"1"}`)
	r.Header.Set("Idempotency-Key", "k")
	got := w.send(t, w.api, r)
	got.says(t, 409, `{"state":1,"message":"The first request with this Idempotency-Key is still running."}`)
	require.Equal(t, "1", got.header.Get("Retry-After"))
	require.Zero(t, stage.Count(t, w.service))
}
