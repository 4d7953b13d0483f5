package cryptomus_test

import (
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/cryptomus"
	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// live is a shop in a bubble of time.
func live(t *testing.T) *life.Shop {
	w := newWorld(t, options{now: time.Now, poll: 10 * time.Second})
	s := &life.Shop{
		T: t, Service: w.service, Chain: w.chain, Asset: w.chain.Asset("COIN"), Poll: 10 * time.Second, Window: time.Hour, Tolerance: 5,
		Create: func(order string) string {
			return w.create(t, `{"order_id":"`+order+`","amount":"1.000000000000000003","currency":"COIN","accuracy_payment_percent":5,`+
				`"url_callback":"https://shop.example/c"}`)["uuid"].(string)
		},
		Status: func(id string) string {
			return w.post(t, "/payment/info", `{"uuid":"`+id+`"}`).result(t)["status"].(string)
		},
		Shown: func(id string) []string {
			return []string{string(w.post(t, "/payment/info", `{"uuid":"`+id+`"}`).body), string(w.post(t, "/payment/list", "").body)}
		},
	}
	n, err := webhook.NewNotifier(w.format())
	require.NoError(t, err)
	s.Hooks = webhook.Config{Outbox: w.store, Secrets: w.projects, Keys: w.projects, Rules: n.Rules(), Poll: s.Poll}
	s.Words.Seen, s.Words.Partial, s.Words.Paid = "confirm_check", "wrong_amount_waiting", "paid"
	s.Over.Unpaid, s.Over.Partial = "cancel", "wrong_amount"
	return s
}

func TestA18_PaidInTimeIsJudgedOnFirstSight(t *testing.T) {
	life.Play(t, start, live, (*life.Shop).PaidInTime)
}

func TestIncident34_OneUnitLessThanTheAccuracyDemandsIsNotPaid(t *testing.T) {
	life.Play(t, start, live, (*life.Shop).TooLittle)
}

func TestIncident48_ThePayersAddressIsShownAsThatAndNothingElse(t *testing.T) {
	life.Play(t, start, live, func(s *life.Shop) { s.PayerIsNoTarget(`"from":"sim1payer"`) })
}

func TestA25_Incident40_TheWebhookSaysWhatWasPaidOfWhatByteByByte(t *testing.T) {
	life.Play(t, start, live, func(s *life.Shop) {
		id, txids, hooks := s.Told(40)
		require.Len(s.T, hooks, 1)
		bare := `{"type":"payment","uuid":"` + id + `","order_id":"told","amount":"1.00000001","payment_amount":"0.40000000","payment_amount_usd":"800.00",` +
			`"merchant_amount":"0.40000000","commission":"0.00000000","is_final":true,"status":"wrong_amount","from":"sim1payer",` +
			`"wallet_address_uuid":null,"network":"sim","currency":"COIN","payer_currency":"COIN","payer_amount":"1.00000001",` +
			`"payer_amount_exchange_rate":"1","transfer_id":null,"additional_data":null,"txid":"` + txids[0] + `"`
		key, err := s.Hooks.Keys.Key(s.Context(), s.Read(id).Project, cryptomus.PaymentKey)
		require.NoError(s.T, err)
		require.Equal(s.T, bare+`,"sign":"`+cryptomus.Signature([]byte(bare+"}"), key)+`"}`, hooks[0].Body)
		require.Equal(s.T, "https://shop.example/c", hooks[0].URL)
	})
}

func TestA31_A32_Incident36_Incident37_NothingIsPricedByRatesThatCannotBeTrusted(t *testing.T) {
	for _, feed := range life.Feeds() {
		t.Run(feed.Name, func(t *testing.T) {
			w := newWorld(t, options{service: feed.Into(t)})
			got := w.post(t, "/payment", `{"amount":"100","currency":"USD","order_id":"1","to_currency":"COIN"}`)
			if !feed.Priced {
				got.message(t, "Error convert to_currency")
				require.Zero(t, stage.Count(t, w.service))
				return
			}
			require.Equal(t, "0.05000000", got.result(t)["payer_amount"])
		})
	}
}
