package cryptosteroid_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/cryptosteroid"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

var paidAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func exampleView() cryptosteroid.View {
	return cryptosteroid.View{
		Methods: []cryptosteroid.Method{
			{Name: "ETH", Asset: chain.Asset{ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 18}},
			{Name: "USDT_ERC20", Asset: chain.Asset{ID: "eip155:1/erc20:0xdAC17F958D2ee523a2206206994597C13D831ec7", Code: "USDT", Decimals: 6}},
		},
		InvoiceURL: "https://pay.example/{merchant}/{id}?lang=en",
	}
}

// steroid returns a paid invoice of 40 EUR in USDT: 44.444445 and a commission of 1 %, paid by the buyer.
func paidInvoice() invoice.Invoice {
	hour := paidAt.Add(-time.Hour)
	return invoice.Invoice{
		ID: "018f3f3e-0000-7000-8000-000000000001", Project: "018f3f3e-0000-7000-8000-00000000000a", Name: "A & B <1>",
		CallbackURL: "https://shop.example/hook?order=1", Format: "cryptosteroid",
		Price: invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString("40")},
		Terms: invoice.Terms{PayerPercent: decimal.NewFromInt(100)},
		Data:  cryptosteroid.Extra{Secret: "s3cret", ExternalID: "A/1", ReturnURL: "https://shop.example/ok", FiatAmount: "40.00"}.Data(),
		Quote: &invoice.Quote{
			Asset: exampleView().Methods[1].Asset, Due: big.NewInt(44_888_890), Fee: big.NewInt(444_445), Address: "0xAb",
			Fiat: invoice.Price{Currency: "EUR", Amount: decimal.RequireFromString("40")},
		},
		CreatedAt: hour, UpdatedAt: paidAt, Deadline: hour.Add(30 * time.Minute), Version: 5,
		State: invoice.State{Status: invoice.StatusCompleted, CompletedAt: paidAt, Received: big.NewInt(44_888_890)},
		Payments: []invoice.Payment{
			{Key: chain.Key{Network: "eip155:1", TxID: "0xa", Index: "1"}, FirstSeen: hour.Add(2 * time.Minute)},
			{Key: chain.Key{Network: "eip155:1", TxID: "0xb", Index: "1"}, FirstSeen: hour.Add(time.Minute)},
			{Key: chain.Key{Network: "eip155:1", TxID: "0xb", Index: "2"}, FirstSeen: hour.Add(time.Minute)},
			{Key: chain.Key{Network: "eip155:1", TxID: "0xc", Index: "1"}, FirstSeen: hour, Withdrawn: true},
			{Key: chain.Key{Network: "eip155:8453", TxID: "0xd", Index: "1"}, FirstSeen: hour},
		},
	}
}

func eventOf(inv invoice.Invoice, typ invoice.EventType) invoice.Event {
	return invoice.Event{ID: "evt_1", Invoice: inv.ID, Project: inv.Project, Seq: 1, Type: typ, At: paidAt}
}

func TestA25_FormatTellsThePaidInvoiceAsPublished(t *testing.T) {
	inv := paidInvoice()
	body, tell := cryptosteroid.NewFormat(exampleView()).Body(eventOf(inv, invoice.EventCompleted), inv)
	require.True(t, tell)
	require.Equal(t, `{"merchantId":"018f3f3e-0000-7000-8000-00000000000a","invoiceId":"018f3f3e-0000-7000-8000-000000000001",`+
		`"fiatAmount":"40.00","fiatCurrency":"EUR","description":"A & B <1>","whoPayCommission":"buyer","payment":{`+
		`"method":"USDT_ERC20","address":"0xAb","amount":"44.88889","net":"44.444445","fee":"0.444445","paid":{`+
		`"hash":["0xb","0xa"],"received":"44.88889","fiat":"40.00","finished":true}},"externalId":"A/1",`+
		`"invoiceUrl":"https://pay.example/018f3f3e-0000-7000-8000-00000000000a/018f3f3e-0000-7000-8000-000000000001?lang=en",`+
		`"returnUrl":"https://shop.example/ok","failReturnUrl":null,"processingUrl":"https://shop.example/hook?order=1",`+
		`"timeoutSeconds":0,"createdAt":"2026-03-01T11:00:00.000Z","expiresAt":"2026-03-01T11:30:00.000Z",`+
		`"updatedAt":"2026-03-01T12:00:00.000Z","status":"PAID"}`, string(body))
}

func TestFormatTellsAnInvoiceOnce(t *testing.T) {
	format := cryptosteroid.NewFormat(exampleView())
	for _, typ := range []invoice.EventType{
		invoice.EventCreated, invoice.EventAssetChosen, invoice.EventReopened, invoice.EventPending, invoice.EventPaidPartial,
		invoice.EventExpired, invoice.EventCancelled, invoice.EventArchived, invoice.EventClosed, invoice.EventReverted,
		invoice.EventRestored, invoice.EventRevalued, invoice.EventPaymentReceived, invoice.EventPaymentLost, invoice.EventDeposit,
	} {
		_, tell := format.Body(eventOf(paidInvoice(), typ), paidInvoice())
		require.False(t, tell, typ)
	}
}

func TestIncident34_WhatWasPaidOfThePriceIsRoundedDown(t *testing.T) {
	for received, want := range map[int64]string{
		44_888_890: "40.00", 44_888_889: "39.99", 22_444_445: "20.00", 1: "0.00", 89_777_780: "80.00",
	} {
		inv := paidInvoice()
		inv.State = invoice.State{Status: invoice.StatusPaidPartial, Received: big.NewInt(received)}
		paid := exampleView().Invoice(inv, paidAt).Payment.Paid
		require.Equal(t, want, paid.Fiat, received)
		require.False(t, paid.Finished)
	}
}

func TestStatusFollowsFromTheCore(t *testing.T) {
	cancel, reopen := invoice.Action{Kind: invoice.ActionCancel}, invoice.Action{Kind: invoice.ActionReopen}
	for _, c := range []struct {
		status    invoice.Status
		closed    bool
		completed bool
		actions   []invoice.Action
		want      cryptosteroid.Status
	}{
		{status: invoice.StatusNew, want: "NEW"},
		{status: invoice.StatusPending, want: "WAITING"},
		{status: invoice.StatusPaidPartial, want: "WAITING"},
		{status: invoice.StatusPaidPartial, closed: true, want: "EXPIRED"},
		{status: invoice.StatusCompleted, closed: true, completed: true, want: "PAID"},
		{status: invoice.StatusExpired, closed: true, want: "EXPIRED"},
		{status: invoice.StatusCancelled, closed: true, actions: []invoice.Action{cancel}, want: "CANCELLED"},
		{status: invoice.StatusArchived, closed: true, completed: true, want: "PAID"},
		{status: invoice.StatusArchived, closed: true, want: "EXPIRED"},
		{status: invoice.StatusArchived, closed: true, actions: []invoice.Action{cancel}, want: "CANCELLED"},
		{status: invoice.StatusArchived, closed: true, actions: []invoice.Action{cancel, reopen}, want: "EXPIRED"},
	} {
		inv := invoice.Invoice{Actions: c.actions, State: invoice.State{Status: c.status, Closed: c.closed}}
		if c.completed {
			inv.State.CompletedAt = paidAt
		}
		require.Equal(t, c.want, cryptosteroid.StatusOf(inv), "%+v", c)
	}
	for _, status := range invoice.Statuses() {
		got := cryptosteroid.StatusOf(invoice.Invoice{State: invoice.State{Status: status}})
		require.Contains(t, got.Enum(), string(got))
	}
}

func TestInvoicesAreNullWherePublished(t *testing.T) {
	inv := paidInvoice()
	inv.Quote, inv.Data, inv.CallbackURL, inv.Version, inv.State, inv.Payments = nil, nil, "", 1, invoice.State{Status: invoice.StatusNew}, nil
	inv.Terms.PayerPercent = decimal.Zero
	body, err := json.Marshal(exampleView().Invoice(inv, inv.CreatedAt.Add(1500*time.Millisecond)))
	require.NoError(t, err)
	require.Equal(t, `{"merchantId":"018f3f3e-0000-7000-8000-00000000000a","invoiceId":"018f3f3e-0000-7000-8000-000000000001",`+
		`"fiatAmount":"40","fiatCurrency":"EUR","description":"A \u0026 B \u003c1\u003e","whoPayCommission":"seller","payment":null,`+
		`"externalId":null,"invoiceUrl":"https://pay.example/018f3f3e-0000-7000-8000-00000000000a/018f3f3e-0000-7000-8000-000000000001?lang=en",`+
		`"returnUrl":null,"failReturnUrl":null,"timeoutSeconds":1798,"createdAt":"2026-03-01T11:00:00.000Z",`+
		`"expiresAt":"2026-03-01T11:30:00.000Z","updatedAt":null,"status":"NEW"}`, string(body))

	inv = paidInvoice()
	inv.State.Received, inv.Payments = nil, nil
	require.Nil(t, exampleView().Invoice(inv, paidAt).Payment.Paid, "taken as paid by hand")
	require.NotNil(t, exampleView().Invoice(inv, paidAt).ProcessingURL)
	require.Nil(t, exampleView().Public(inv, paidAt).ProcessingURL)
}

func TestFormatTellsDepositsWhenSeenAndWhenDeep(t *testing.T) {
	inv := paidInvoice()
	inv.Terms, inv.Name = invoice.Terms{Standing: true}, "till 7"
	inv.Data = cryptosteroid.Extra{Secret: "s3cret", Identify: "user-5"}.Data()
	payment := func(asset chain.AssetID, index string) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"data":{"payment":{"txid":"0xa","index":%q,"asset":%q,"units":"1500000","first_seen":"2026-03-01T12:00:00.25Z"}}}`, index, asset))
	}
	format := cryptosteroid.NewFormat(exampleView())
	usdt := exampleView().Methods[1].Asset.ID
	for typ, finished := range map[invoice.EventType]string{invoice.EventPaymentReceived: "false", invoice.EventDeposit: "true"} {
		ev := eventOf(inv, typ)
		ev.Body = payment(usdt, "7")
		body, tell := format.Body(ev, inv)
		require.True(t, tell)
		require.Equal(t, `{"id":"0xa:7","merchantId":"018f3f3e-0000-7000-8000-00000000000a","addressId":"018f3f3e-0000-7000-8000-000000000001",`+
			`"label":"till 7","identify":"user-5","currency":"USDT","network":"ERC20","address":"0xAb","hash":"0xa","amount":"1.5",`+
			`"finished":`+finished+`,"createdAt":"2026-03-01T12:00:00.250Z"}`, string(body))
		ev.Body = payment(exampleView().Methods[0].Asset.ID, "")
		body, tell = format.Body(ev, inv)
		require.True(t, tell)
		require.Contains(t, string(body), `"id":"0xa","`)
		require.Contains(t, string(body), `"currency":"ETH","network":"ETH"`)
		require.Contains(t, string(body), `"amount":"0.0000000000015"`, "A14: another asset is told as what it is")
		for _, silent := range []json.RawMessage{payment("eip155:1/erc20:0x1", "1"), json.RawMessage(`{}`), json.RawMessage(`{`), nil} {
			ev.Body = silent
			_, tell = format.Body(ev, inv)
			require.False(t, tell)
		}
	}
	for _, typ := range []invoice.EventType{invoice.EventCreated, invoice.EventCompleted, invoice.EventCancelled, invoice.EventPaymentLost} {
		ev := eventOf(inv, typ)
		ev.Body = payment(usdt, "7")
		_, tell := format.Body(ev, inv)
		require.False(t, tell, typ)
	}
}

func TestA30_TheTokenIsTheInvoicesSecretAndNothingGoesWithoutIt(t *testing.T) {
	notifier, err := webhook.NewNotifier(webhook.Standard(), cryptosteroid.NewFormat(exampleView()))
	require.NoError(t, err)
	inv := paidInvoice()
	messages := notifier.Messages(eventOf(inv, invoice.EventCompleted), inv, nil)
	require.Len(t, messages, 1)
	require.Equal(t, "s3cret", messages[0].Secret)
	require.NotContains(t, string(messages[0].Body), "s3cret")

	rules := notifier.Rules()["cryptosteroid"]
	require.True(t, rules.Taken(200))
	for _, status := range []int{201, 204, 301, 404, 410, 500} {
		require.False(t, rules.Taken(status), "exactly 200 is asked for")
	}
	require.Len(t, rules.Schedule, 9, "ten tries")
	require.Empty(t, rules.Key)
	body, header, err := rules.Sign(messages[0], "")
	require.NoError(t, err)
	require.Equal(t, messages[0].Body, body)
	require.Equal(t, map[string][]string{"Token": {"s3cret"}}, map[string][]string(header))

	messages[0].Secret = ""
	_, _, err = rules.Sign(messages[0], "")
	require.ErrorContains(t, err, "no secret")
}

func TestTheSecretIsHiddenFromLogs(t *testing.T) {
	x := cryptosteroid.Extra{Secret: "s3cret"}
	for _, text := range []string{fmt.Sprint(x), fmt.Sprintf("%+v", x), fmt.Sprintf("%#v", x), fmt.Sprintf("%v", &x)} {
		require.NotContains(t, text, "s3cret")
	}
}

func TestFormatDoesNotNameDustAsWhatPaid(t *testing.T) {
	inv := paidInvoice()
	want, _ := cryptosteroid.NewFormat(exampleView()).Body(eventOf(inv, invoice.EventCompleted), inv)
	inv.Payments = append(inv.Payments, invoice.Payment{
		Key: chain.Key{Network: "eip155:1", TxID: "0xd057", Index: "1"}, Units: big.NewInt(1), FirstSeen: paidAt, Dust: true,
	})
	got, tell := cryptosteroid.NewFormat(exampleView()).Body(eventOf(inv, invoice.EventCompleted), inv)
	require.True(t, tell)
	require.Equal(t, string(want), string(got))
}
