package itispay_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// A shop sells, its books say what came in, it withdraws a part, its export says what that has settled, and the rest goes to
// a customer.
func TestMoneyComesInIsBookedSettledAndPaidOutAndEverySideSaysSo(t *testing.T) {
	var w *world
	var p *till
	open := func(t *testing.T) *life.Shop {
		w = newWorld(t, options{service: told, now: time.Now})
		p = w.openTill(t, nil)
		w.api = w.newAPI(t, func(c *itispay.Config) { c.Now, c.Payouts, c.Fiat = time.Now, p, inEuro })
		return w.live(t)
	}
	life.Play(t, start, open, func(s *life.Shop) {
		sim := "available " + s.Asset.ID.Reference()
		id, _, sold := s.Told(100)
		require.NoError(s.T, p.Book(s.Context()))
		require.Equal(s.T, map[string]string{sim: s.Read(id).State.Received.String()}, p.balance(w.project))

		taken := w.do(t, "POST", "/withdraw", w.key, `{"currency":"SIM","to":"sim1own","amount":"0.4"}`)
		require.Equal(s.T, 200, taken.status, "%s", taken.body)
		s.After(time.Second)
		p.pay()
		require.Equal(s.T, "order_id,invoice_id,currency,currency_paid,crypto_amount,Date of settlement,Hash of settlement\r\n"+
			"told,"+id+",SIM,,1.00000001,2024-01-15 11:00:20,0x1\r\n", w.table(s.T, w.key))
		settled := w.do(s.T, "GET", "/admin/invoices/"+id, w.admin, "")
		require.Equal(s.T, "0x1", settled.text(s.T, "settlement_txid"))

		left := p.balance(w.project)[sim]
		require.Equal(s.T, "600000009000000000", left, "0.4 and the fee of 0.000000001 are gone")
		made := w.pays(s.T, w.key, strings.Replace(cryptoBody, `"address":"sim1customer"`, `"address":"sim1customer","amount":"0.59"`, 1))
		require.Equal(s.T, 201, made.status, "%s", made.body)
		s.After(time.Second)
		p.look()
		s.After(time.Second)
		p.spender.Mine()
		p.look()
		hooks := s.After(5 * time.Second)[len(sold):]
		callbacks(s, w, made, hooks)
		p.sound()
		w.pays(s.T, w.key, strings.Replace(strings.Replace(cryptoBody, `"address":"sim1customer"`, `"address":"sim1customer","amount":"0.59"`, 1), "001", "002", 2)).
			refused(s.T, 422, "insufficient_balance")
	})
}

// callbacks checks the callbacks of the payout, byte by byte, and their signatures.
func callbacks(s *life.Shop, w *world, made answer, hooks []life.Hook) {
	s.Helper()
	body := func(status, hash, second string) string {
		return fmt.Sprintf(`{"id":"%[1]s","transaction_id":"%[1]s","type":"CRYPTO_PAYOUT","status":"%[2]s","amount":"0.59","currency":"SIM",`+
			`"fiat_amount":"25.00","fiat_currency":"EUR","crypto_amount":"0.59","crypto_currency":"SIM","crypto_address":"sim1customer"%[3]s,`+
			`"callback_url":"https://example.com/payouts","reference":"payout test","user_id":"user-001","order_id":"order-001","merchant":"Tea & <Co>",`+
			`"created_at":"2024-01-15T11:00:21Z","updated_at":"2024-01-15T11:00:%[4]sZ"}`, made.text(s.T, "id"), status, hash, second)
	}
	require.Equal(s.T, body("pending", "", "21")+"\n", string(made.body))
	want := []string{body("processing", `,"hash":"0x2"`, "22"), body("completed", `,"hash":"0x2"`, "23")}
	require.Len(s.T, hooks, len(want))
	secrets, err := s.Hooks.Secrets.Secrets(s.Context(), w.project)
	require.NoError(s.T, err)
	for i, h := range hooks {
		require.Equal(s.T, want[i], h.Body)
		require.Equal(s.T, "https://example.com/payouts", h.URL)
		event, err := webhook.Verify(secrets, h.Header, []byte(h.Body), h.At)
		require.NoError(s.T, err)
		require.Contains(s.T, event, made.text(s.T, "id"))
	}
}
