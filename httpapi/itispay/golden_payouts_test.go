package itispay_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/httpapi/internal/contract"
	"github.com/cointill/cointill/httpapi/itispay"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
)

const (
	membersPayout   = "id transaction_id type status amount currency fiat_amount fiat_currency crypto_amount crypto_currency crypto_address hash quote_id exchange_rate beneficiary callback_url reference user_id order_id merchant created_at updated_at"
	membersWithdraw = "status fee wallet_hash amount txn_id"
)

var moneySamples = map[string]sample{
	"1.1.0/withdraw":      {members: membersWithdraw},
	"1.1.0/payout":        {members: membersPayout, lacks: "hash beneficiary"},
	"1.1.0/payout_paid":   {members: membersPayout, lacks: "beneficiary"},
	"1.1.0/payout_bank":   {members: membersPayout, lacks: "crypto_amount crypto_currency crypto_address hash quote_id exchange_rate user_id merchant"},
	"1.1.0/payout_short":  {members: "error message"},
	"1.1.0/payout_taken":  {members: "error message"},
	"1.1.0/admin_settled": {members: membersAdmin, lacks: "currency_paid int_trans_id paybis_event_id"},
}

func TestAnswersAboutMoneyOutAreThePublishedSamples(t *testing.T) {
	inMarket(t, func(m *market) {
		g := &golden{world: m.world, t: t, samples: moneySamples, seen: map[string]bool{}}
		pays := func(name string, status int, body string) {
			t.Helper()
			g.check(name, status, m.pays(t, m.key, body))
		}
		sold := m.sell("A-1007", "SIM", "50000000000000000")
		g.ask("1.1.0/withdraw", 200, m.api, "POST", "/withdraw", m.key, `{"currency":"SIM","to":"sim1own","amount":"0.03"}`)
		m.pass(time.Second) // so that it is paid first
		pays("1.1.0/payout", 201, cryptoBody)
		pays("1.1.0/payout_bank", 201, strings.Replace(bankBody, `,"taxNumber":7`, "", 1))
		pays("1.1.0/payout_short", 422, strings.Replace(strings.Replace(cryptoBody, `"25"`, `"250000"`, 1), "order-001", "order-009", 1))
		pays("1.1.0/payout_taken", 409, strings.Replace(cryptoBody, `"25"`, `"26"`, 1))
		m.pay()
		m.pay()
		pays("1.1.0/payout_paid", 201, cryptoBody)
		g.ask("1.1.0/admin_settled", 200, m.api, "GET", "/admin/invoices/"+sold, m.admin, "")
		for name := range moneySamples {
			require.True(t, g.seen[name], name)
		}
	})
}

// event returns the event of a payout's change of status.
func event(t *testing.T, typ invoice.EventType, from, to payout.Status) invoice.Event {
	t.Helper()
	body, err := json.Marshal(payout.Payload{Type: typ, Data: payout.PayloadData{From: from, To: to, Payout: payout.PayloadPayout{
		ID: "018f3f3e-0000-7000-8000-000000000001", Status: to, Asset: chain.Asset{ID: "eip155:1/slip44:60", Code: "ETH", Decimals: 18},
		Amount: decimal.RequireFromString("0.000000000000000001"), To: "0xabc", TxID: "0xdef", CreatedAt: start, UpdatedAt: start,
	}}})
	require.NoError(t, err)
	return invoice.Event{Type: typ, Body: body}
}

// A callback about a payout that another API has made says what is known.
func TestACallbackOfAPayoutIsGolden(t *testing.T) {
	ev := event(t, payout.EventPaid, payout.StatusSent, payout.StatusPaid)
	body, tell := itispay.NewFormat(itispay.Currency{Code: "Ether", Asset: "ETH"}).PayoutBody(ev, nil)
	require.True(t, tell)
	require.Equal(t, `{"id":"018f3f3e-0000-7000-8000-000000000001","transaction_id":"018f3f3e-0000-7000-8000-000000000001","type":"CRYPTO_PAYOUT",`+
		`"status":"completed","amount":"0.000000000000000001","currency":"Ether","crypto_amount":"0.000000000000000001","crypto_currency":"Ether",`+
		`"crypto_address":"0xabc","hash":"0xdef","created_at":"2024-01-15T10:30:00Z","updated_at":"2024-01-15T10:30:00Z"}`, string(body))
	ev.Body = []byte(strings.NewReplacer("eip155:1/slip44:60", string(euro), `"ETH"`, `"EUR"`, `"decimals":18`, `"decimals":2`, "0.000000000000000001", "7.5").Replace(string(ev.Body)))
	body, tell = itispay.NewFormat().PayoutBody(ev, nil)
	require.True(t, tell)
	require.Contains(t, string(body), `"type":"FIAT_PAYOUT","status":"completed","amount":"7.50","currency":"EUR","fiat_amount":"7.50","fiat_currency":"EUR","hash":"0xdef","created_at"`)
	_, tell = itispay.NewFormat().PayoutBody(invoice.Event{Body: []byte("{")}, nil)
	require.False(t, tell)
}

func TestCallbacksOfPayoutsTellChangesOfTheStatusOnTheWire(t *testing.T) {
	for _, c := range []struct {
		typ      invoice.EventType
		from, to payout.Status
		status   string // "" for no callback
	}{
		{payout.EventRequested, "", payout.StatusRequested, ""},
		{payout.EventQueued, "", payout.StatusQueued, ""},
		{payout.EventQueued, payout.StatusRequested, payout.StatusQueued, ""},
		{payout.EventSigned, payout.StatusQueued, payout.StatusSigned, "processing"},
		{payout.EventSent, payout.StatusSigned, payout.StatusSent, ""},
		{payout.EventQueued, payout.StatusSent, payout.StatusQueued, "pending"},
		{payout.EventPaid, payout.StatusSent, payout.StatusPaid, "completed"},
		{payout.EventUndone, payout.StatusPaid, payout.StatusSent, ""},
		{payout.EventSent, payout.StatusPaid, payout.StatusSent, "processing"},
		{payout.EventForeign, payout.StatusSent, payout.StatusSent, ""},
		{payout.EventFailed, payout.StatusSigned, payout.StatusFailed, "failed"},
		{payout.EventReturned, payout.StatusPaid, payout.StatusReturned, "failed"},
		{payout.EventCancelled, payout.StatusQueued, payout.StatusCancelled, "cancelled"},
	} {
		body, tell := itispay.NewFormat().PayoutBody(event(t, c.typ, c.from, c.to), nil)
		require.Equal(t, c.status != "", tell, "%s from %q to %q", c.typ, c.from, c.to)
		if tell {
			require.Contains(t, string(body), `"status":"`+c.status+`"`)
			require.Contains(t, contract.Members(t, body), "id transaction_id type status")
		}
	}
}
