package cryptosteroid_test

import (
	"testing"
	"time"

	"github.com/cointill/cointill/httpapi/internal/life"
	"github.com/cointill/cointill/httpapi/internal/stage"
	"github.com/cointill/cointill/webhook"
	"github.com/stretchr/testify/require"
)

// live is a shop in a bubble of time.
func live(t *testing.T) *life.Shop {
	w := newWorld(t, options{now: time.Now, poll: 10 * time.Second})
	s := &life.Shop{
		T: t, Service: w.service, Chain: w.two, Asset: w.two.Asset("BTC"), Poll: 10 * time.Second, Window: 30 * time.Minute,
		Create: func(order string) string {
			return w.create(t, `{`+valid+`,"externalId":"`+order+`","paymentMethod":"BTC","secret":"`+secret+`","processingUrl":"`+hookURL+`"}`).text(t, "invoiceId")
		},
		Status: func(id string) string { return w.do(t, "GET", w.invoices()+"/"+id, "", "").text(t, "status") },
		Shown:  func(id string) []string { return []string{string(w.do(t, "GET", w.invoices()+"/"+id, "", "").body)} },
	}
	s.Hooks = webhook.Config{Outbox: w.store, Secrets: w.projects, Rules: w.notifier.Rules(), Poll: s.Poll}
	s.Words.Seen, s.Words.Partial, s.Words.Paid = "WAITING", "WAITING", "PAID"
	s.Over.Unpaid, s.Over.Partial = "EXPIRED", "EXPIRED"
	return s
}

func TestA18_PaidInTimeIsJudgedOnFirstSight(t *testing.T) {
	life.Play(t, start, live, (*life.Shop).PaidInTime)
}

func TestIncident34_OneUnitLessThanTheAmountIsNotPaid(t *testing.T) {
	life.Play(t, start, live, (*life.Shop).TooLittle)
}

func TestIncident48_ThePayersAddressIsShownNowhere(t *testing.T) {
	life.Play(t, start, live, func(s *life.Shop) { s.PayerIsNoTarget("") })
}

func TestA31_A32_Incident36_Incident37_NothingIsPricedByRatesThatCannotBeTrusted(t *testing.T) {
	for _, feed := range life.Feeds() {
		t.Run(feed.Name, func(t *testing.T) {
			w := newWorld(t, options{service: feed.Into(t)})
			open := w.create(t, `{`+valid+`}`).text(t, "invoiceId")
			got := w.do(t, "POST", w.invoices(), w.key, `{`+valid+`,"paymentMethod":"ETH"}`)
			chosen := w.do(t, "PATCH", w.invoices()+"/"+open, "", `{"paymentMethod":"ETH"}`)
			if !feed.Priced {
				got.refused(t, 503)
				chosen.refused(t, 503)
				require.Equal(t, 1, stage.Count(t, w.service))
				return
			}
			require.Equal(t, []any{"0.005", "0.005"}, []any{got.payment(t)["amount"], chosen.payment(t)["amount"]})
		})
	}
}
