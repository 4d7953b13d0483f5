package itispay_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// live is a shop in a bubble of time.
func live(t *testing.T) *life.Shop {
	return newWorld(t, options{service: told, now: time.Now, api: func(c *itispay.Config) { c.Now = time.Now }}).live(t)
}

func (w *world) live(t *testing.T) *life.Shop {
	s := &life.Shop{
		T: t, Service: w.service, Chain: w.chain, Asset: w.chain.Asset("SIM"), Poll: time.Second, Window: 30 * time.Minute, Tolerance: 5,
		Create: func(order string) string {
			return w.create(t, `{"order_id":"`+order+`","crypto_amount":1.000000000000000003,"currency":"SIM","allowed_error_percent":5,`+
				`"callback_url":"https://example.com/hook"}`).text(t, "invoice_id")
		},
		Status: func(id string) string { return w.do(t, "GET", "/invoices/"+id, w.key, "").text(t, "status") },
		Shown: func(id string) (out []string) {
			for path, key := range map[string]string{"/invoices/" + id: w.key, "/invoices": w.key, "/public/invoices/" + id: "", "/admin/invoices/" + id: w.admin} {
				out = append(out, string(w.do(t, "GET", path, key, "").body))
			}
			return out
		},
	}
	n, err := webhook.NewNotifier(itispay.NewFormat())
	require.NoError(t, err)
	s.Hooks = webhook.Config{Outbox: w.store, Secrets: w.projects, Rules: n.Rules(), Poll: s.Poll}
	s.Words.Seen, s.Words.Partial, s.Words.Paid = "pending", "paid_partial", "completed"
	s.Over.Unpaid, s.Over.Partial = "expired", "paid_partial"
	return s
}

func TestA18_PaidInTimeIsJudgedOnFirstSight(t *testing.T) {
	life.Play(t, start, live, (*life.Shop).PaidInTime)
}

func TestIncident34_OneUnitLessThanTheToleranceDemandsIsNotPaid(t *testing.T) {
	life.Play(t, start, live, (*life.Shop).TooLittle)
}

func TestIncident48_ThePayersAddressIsShownNowhere(t *testing.T) {
	life.Play(t, start, live, func(s *life.Shop) { s.PayerIsNoTarget("") })
}

func TestA25_Incident40_CallbacksSayWhatWasPaidOfWhatByteByByte(t *testing.T) {
	life.Play(t, start, live, func(s *life.Shop) {
		id, _, hooks := s.Told(40, 61)
		want := func(status, paid, units, second string) string {
			return `{"invoice_id":"` + id + `","status":"` + status + `","order_id":"told","currency":"SIM","crypto_amount":1.00000001,` +
				`"fiat_amount":2000.01,"fiat_currency":"EUR","actual_crypto_amount_paid":` + paid + `,"actual_crypto_amount_paid_in_units":` + units +
				`,"updated_at":"2024-01-15T10:30:` + second + `Z"}`
		}
		bodies := []string{
			want("paid_partial", "0.400000004", "400000004000000000", "06"),
			want("pending", "1.0100000101", "1010000010100000000", "16"),
			want("completed", "1.0100000101", "1010000010100000000", "21"),
		}
		require.Len(s.T, hooks, len(bodies))
		secrets, err := s.Hooks.Secrets.Secrets(s.Context(), s.Read(id).Project)
		require.NoError(s.T, err)
		for i, h := range hooks {
			require.Equal(s.T, bodies[i], h.Body)
			require.Equal(s.T, "https://example.com/hook", h.URL)
			event, err := webhook.Verify(secrets, h.Header, []byte(h.Body), h.At)
			require.NoError(s.T, err)
			require.Contains(s.T, event, id)
		}
	})
}

func TestA31_A32_Incident36_Incident37_NothingIsPricedByRatesThatCannotBeTrusted(t *testing.T) {
	for i, feed := range life.Feeds() {
		t.Run(feed.Name, func(t *testing.T) {
			w := newWorld(t, options{service: feed.Into(t)})
			got := w.do(t, "POST", "/invoices", w.key, fmt.Sprintf(`{"order_id":"%d","fiat_amount":100,"currency":"SIM"}`, i))
			if !feed.Priced {
				got.refused(t, 503, "rate_unavailable")
				require.Zero(t, stage.Count(t, w.service))
				return
			}
			require.Equal(t, "0.05", got.text(t, "crypto_amount"))
		})
	}
}
