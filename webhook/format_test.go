package webhook_test

import (
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
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
		CallbackURL: "https://shop.example/hook?order=1", Format: "brief",
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
		From: invoice.StatusPending, To: invoice.StatusCompleted, At: time.Unix(specTime, 0),
		Body: json.RawMessage(`{"type":"invoice.completed"}`),
	}
}

func TestMessagesCarryTheEvent(t *testing.T) {
	n, err := webhook.NewNotifier(webhook.Standard(), named("brief"))
	require.NoError(t, err)
	require.Equal(t, []string{"standard", "brief"}, n.Formats())
	inv := ether(t, "1", "1")
	ev := completed(inv)
	endpoint, err := webhook.Endpoint(inv.Project, inv.CallbackURL)
	require.NoError(t, err)

	for _, c := range []struct {
		name, format, told string
		body               []byte
	}{
		{"asked for", "brief", "brief", []byte("brief")},
		{"default", "", "standard", ev.Body},
		{"no longer configured", "gone", "standard", ev.Body},
	} {
		inv.Format = c.format
		require.Equal(t, []invoice.Message{{
			ID: ev.ID, Event: ev.Type, Invoice: inv.ID, Seq: 3, Project: "p1", URL: inv.CallbackURL,
			Endpoint: endpoint, Body: c.body, At: ev.At, Format: c.told,
		}}, n.Messages(ev, inv, nil), c.name)
	}

	inv.CallbackURL = ""
	require.Empty(t, n.Messages(ev, inv, nil), "nowhere to tell it")
}

type named string

func (n named) Name() string                                                  { return string(n) }
func (n named) Body(_ invoice.Event, _ invoice.Invoice) (body []byte, _ bool) { return []byte(n), true }

func TestNewNotifierRefusesFormatsWithoutNameOrTwice(t *testing.T) {
	for _, formats := range [][]webhook.Format{
		{}, {nil}, {named("")}, {webhook.Standard(), webhook.Standard()}, {named("a"), named("b"), named("a")},
	} {
		_, err := webhook.NewNotifier(formats...)
		require.Error(t, err)
	}
}
