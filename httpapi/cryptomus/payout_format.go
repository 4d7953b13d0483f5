package cryptomus

import (
	"encoding/json"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

var _ webhook.PayoutFormat = (*Format)(nil)

// PayoutBody implements [webhook.PayoutFormat]. It reports each change of a payout's status, in the API's words, and nothing of
// refunds. All amounts
// are in the coin that is paid, also if the request named another currency: amount, which is what the receiver gets,
// commission, which is what the merchant pays for the network, and merchant_amount, their sum. Until the payout has ended the
// commission is the greatest fee, and then what the network took.
func (f *Format) PayoutBody(ev invoice.Event, _ map[string]string) ([]byte, bool) {
	var told payout.Payload
	if err := json.Unmarshal(ev.Body, &told); err != nil || ev.Type != "payout."+invoice.EventType(told.Data.To) {
		return nil, false
	}
	p := told.Data.Payout
	if p.Kind == payout.KindRefund { // the published documents tell it of the invoice, which the event does not have
		return nil, false
	}
	status, final := payoutState(told.Data.To, p.Reason)
	if before, _ := payoutState(told.Data.From, ""); told.Data.From == "" || before == status {
		return nil, false
	}
	named := f.named(p.Asset)
	fee := p.Asset.Decimal(p.Charged.BigInt())
	return payoutMessage{
		UUID: p.ID, OrderID: p.Key, Amount: p.Amount, Commission: fee, Final: final, Status: string(status), TxID: p.TxID, Currency: named,
	}.body(), true
}

// payoutMessage is the webhook of a payout.
type payoutMessage struct {
	UUID, OrderID      string
	Amount, Commission decimal.Decimal
	Final              bool
	Status             string // any status of the API
	TxID               string
	Currency           Currency
	Test               bool
}

// body returns the body, to be [signed].
func (m payoutMessage) body() []byte {
	amount := m.Amount.RoundDown(8).StringFixed(8)
	var p phpObject
	p.text("type", "payout")
	p.text("uuid", m.UUID)
	p.text("order_id", m.OrderID)
	p.text("amount", amount)
	p.text("merchant_amount", m.Amount.Add(m.Commission).RoundUp(8).StringFixed(8))
	p.text("commission", m.Commission.RoundUp(8).StringFixed(8))
	p.flag("is_final", m.Final)
	p.text("status", m.Status)
	if m.TxID != "" && m.Status != string(payoutFail) && m.Status != string(payoutCancel) {
		p.text("txid", m.TxID)
	}
	p.text("currency", m.Currency.Code)
	p.text("network", m.Currency.Network)
	p.text("payer_currency", m.Currency.Code)
	p.text("payer_amount", amount)
	if m.Test {
		p.flag("is_test", true)
	}
	return p.end()
}
