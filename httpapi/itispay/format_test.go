package itispay_test

import (
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

func ether(t *testing.T, due, received string) invoice.Invoice {
	t.Helper()
	units := func(s string) *big.Int {
		n, ok := new(big.Int).SetString(s, 10)
		require.True(t, ok, s)
		return n
	}
	return invoice.Invoice{
		ID: "018f3f3e-0000-7000-8000-000000000001", Project: "p1", OrderID: "A&B <1>",
		CallbackURL: "https://shop.example/hook?order=1", Format: "itispay",
		Price: invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString("100.10")},
		Quote: &invoice.Quote{
			Asset: chain.Asset{ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 18},
			Due:   units(due),
			Fiat:  invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString("100.10")},
		},
		UpdatedAt: time.Date(2026, 3, 1, 12, 0, 0, 5e8, time.FixedZone("", 3600)),
		State:     invoice.State{Status: invoice.StatusCompleted, Received: units(received)},
	}
}

func completed(inv invoice.Invoice) invoice.Event {
	return invoice.Event{
		ID: "evt_" + inv.ID + "_3", Invoice: inv.ID, Project: inv.Project, Seq: 3, Type: invoice.EventCompleted,
		From: invoice.StatusPending, To: invoice.StatusCompleted, At: time.Unix(1614265330, 0),
		Body: json.RawMessage(`{"type":"invoice.completed"}`),
	}
}

func TestA25_CallbackIsGolden(t *testing.T) {
	cases := []struct{ name, due, received, want string }{
		{
			"units that do not fit 64 bits are left out, more digits than a float", "20000000000000000001", "20000000000000000003",
			`{"invoice_id":"018f3f3e-0000-7000-8000-000000000001","status":"completed","order_id":"A&B <1>",` +
				`"currency":"ETH","crypto_amount":20.000000000000000001,"fiat_amount":100.1,"fiat_currency":"EUR",` +
				`"actual_crypto_amount_paid":20.000000000000000003,"updated_at":"2026-03-01T11:00:00Z"}`,
		}, {
			"the largest that fit", "9223372036854775807", "9223372036854775807",
			`{"invoice_id":"018f3f3e-0000-7000-8000-000000000001","status":"completed","order_id":"A&B <1>",` +
				`"currency":"ETH","crypto_amount":9.223372036854775807,"fiat_amount":100.1,"fiat_currency":"EUR",` +
				`"actual_crypto_amount_paid":9.223372036854775807,` +
				`"actual_crypto_amount_paid_in_units":9223372036854775807,"updated_at":"2026-03-01T11:00:00Z"}`,
		}, {
			"no exponent for the smallest amount", "1", "0",
			`{"invoice_id":"018f3f3e-0000-7000-8000-000000000001","status":"completed","order_id":"A&B <1>",` +
				`"currency":"ETH","crypto_amount":0.000000000000000001,"fiat_amount":100.1,"fiat_currency":"EUR",` +
				`"actual_crypto_amount_paid":0,` +
				`"actual_crypto_amount_paid_in_units":0,"updated_at":"2026-03-01T11:00:00Z"}`,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inv := ether(t, c.due, c.received)
			body, tell := itispay.NewFormat().Body(completed(inv), inv)
			require.True(t, tell)
			require.Equal(t, c.want, string(body))
		})
	}
}

func TestCallbackWithoutQuoteSaysZeroAndNothing(t *testing.T) {
	inv := ether(t, "1", "0")
	inv.Quote, inv.State.Received = nil, nil
	body, tell := itispay.NewFormat().Body(completed(inv), inv)
	require.True(t, tell)
	require.Contains(t, string(body), `"currency":"","crypto_amount":0,"fiat_amount":100.1,"fiat_currency":"EUR",`+
		`"actual_crypto_amount_paid":0,"actual_crypto_amount_paid_in_units":0,`)
}

func TestCallbacksTellChangesOfStatusOnly(t *testing.T) {
	inv := ether(t, "1", "0")
	for _, c := range []struct {
		typ      invoice.EventType
		from, to invoice.Status
		want     bool
	}{
		{invoice.EventCreated, "", invoice.StatusNew, false},
		{invoice.EventCreated, "", invoice.StatusArchived, false},
		{invoice.EventPaymentReceived, invoice.StatusPending, invoice.StatusPending, false},
		{invoice.EventReverted, invoice.StatusCompleted, invoice.StatusCompleted, false},
		{invoice.EventPending, invoice.StatusNew, invoice.StatusPending, true},
		{invoice.EventReopened, invoice.StatusPending, invoice.StatusNew, true},
		{invoice.EventExpired, invoice.StatusNew, invoice.StatusExpired, true},
		{invoice.EventCancelled, invoice.StatusNew, invoice.StatusCancelled, true},
	} {
		ev := completed(inv)
		ev.Type, ev.From, ev.To = c.typ, c.from, c.to
		_, tell := itispay.NewFormat().Body(ev, inv)
		require.Equal(t, c.want, tell, "%s from %q to %q", c.typ, c.from, c.to)
	}
}

func TestCallbacksAndResponsesNameAssetsAlike(t *testing.T) {
	inv := ether(t, "1", "0")
	for _, currencies := range [][]itispay.Currency{
		{{Code: "BTC"}, {Code: "Ether", Asset: "ETH"}}, {{Code: "Ether", Asset: "eip155:1/slip44:60"}},
	} {
		body, tell := itispay.NewFormat(currencies...).Body(completed(inv), inv)
		require.True(t, tell)
		require.Contains(t, string(body), `"currency":"Ether",`)
	}
}

// The end of an invoice is reported by one message in every format.
func TestA15_EveryTerminalStateIsToldOnce(t *testing.T) {
	n, err := webhook.NewNotifier(webhook.Standard(), itispay.NewFormat())
	require.NoError(t, err)
	for _, format := range n.Formats() {
		for _, to := range []invoice.Status{
			invoice.StatusCompleted, invoice.StatusExpired, invoice.StatusCancelled, invoice.StatusArchived, invoice.StatusPaidPartial,
		} {
			inv := ether(t, "1", "2")
			inv.Format = format
			ev := completed(inv)
			ev.Type, ev.From, ev.To = invoice.EventType("invoice."+string(to)), invoice.StatusNew, to
			require.Len(t, n.Messages(ev, inv, nil), 1, "%s in %s", to, format)
		}
	}
}
