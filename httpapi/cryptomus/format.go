package cryptomus

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

// FormatName is the name of [Format], and the Format of the invoices of this API.
const FormatName = "cryptomus"

// Format is the format of the API's webhooks, "cryptomus", with the signature in the body. It requires the project's key
// [PaymentKey], and [PayoutKey] for payouts ([webhook.Rules]). The Service's Notifier, that of Config.Payouts and
// Config.Format must have the same Format, so that webhooks and responses name assets alike. Its methods may be called
// concurrently.
//
// It reports the changes to confirm_check, paid, paid_over, wrong_amount, cancel and fail, and later changes of the money of
// a paid invoice by the chain. For static wallets it reports each deposit with enough confirmations, with a UUID of its own,
// and, as fail, a deposit that vanishes after it was seen. It does not report deposits in another asset than the wallet's,
// because receivers tend to look only at the amount, nor those that arrived after the wallet was blocked or are below the
// floor of the asset; they are only recorded.
//
// What it reports of payouts is described at [Format.PayoutBody].
//
// Amounts have eight decimals. The amount due and the commission are rounded up, amounts paid and credited down.
// payment_amount_usd is null unless the quote was made in US dollars. An asset that is not among the currencies is named as
// by [NewCurrency].
type Format struct{ currencies []Currency }

var _ webhook.Ruled = (*Format)(nil)

// NewFormat returns a Format with the currencies that can be paid in, and their names. Without arguments these are all
// assets of the Service, named by [NewCurrency]. [New] refuses currencies that cannot be served.
func NewFormat(currencies ...Currency) *Format { return &Format{slices.Clone(currencies)} }

// Name implements [webhook.Format].
func (*Format) Name() string { return FormatName }

// Rules implements [webhook.Ruled].
func (*Format) Rules() webhook.Rules {
	return webhook.Rules{
		Key: PaymentKey, PayoutKey: PayoutKey,
		Taken: func(status int) bool { return status >= 200 && status <= 299 },
		Sign: func(m invoice.Message, key string) ([]byte, http.Header, error) {
			body, err := signed(m.Body, key)
			return body, nil, err
		},
	}
}

// Body implements [webhook.Format].
func (f *Format) Body(ev invoice.Event, inv invoice.Invoice) ([]byte, bool) {
	if inv.Terms.Standing {
		return f.deposit(ev, inv)
	}
	state := summarize(inv)
	if !tells(ev, inv, state.Status) {
		return nil, false
	}
	var p phpObject
	p.text("type", "payment")
	p.text("uuid", inv.ID)
	p.text("order_id", inv.OrderID)
	p.text("amount", inv.Price.Amount.RoundUp(8).StringFixed(8))
	f.amounts(&p, inv, state)
	p.flag("is_final", state.Final)
	p.text("status", string(state.Status))
	p.orNull("from", state.From)
	p.null("wallet_address_uuid")
	currency := f.code(inv.Price.Currency)
	if q := inv.Quote; q != nil {
		named := f.named(q.Asset)
		p.text("network", named.Network)
		p.text("currency", currency)
		p.text("payer_currency", named.Code)
		p.text("payer_amount", q.Asset.Decimal(q.Due).RoundUp(8).StringFixed(8))
		p.text("payer_amount_exchange_rate", exchangeRate(inv).String())
	} else {
		p.null("network")
		p.text("currency", currency)
		p.null("payer_currency")
		p.null("payer_amount")
		p.null("payer_amount_exchange_rate")
	}
	p.null("transfer_id")
	p.orNull("additional_data", inv.Data["additional_data"])
	if state.TxID != "" {
		p.text("txid", state.TxID)
	}
	return p.end(), true
}

func (f *Format) amounts(p *phpObject, inv invoice.Invoice, state summary) {
	var asset chain.Asset
	if inv.Quote != nil {
		asset = inv.Quote.Asset
	}
	p.text("payment_amount", asset.Decimal(state.Paid).RoundDown(8).StringFixed(8))
	if usd, known := dollarsOf(inv, state.Paid); known {
		p.text("payment_amount_usd", usd.StringFixed(2))
	} else {
		p.null("payment_amount_usd")
	}
	p.text("merchant_amount", asset.Decimal(state.Credited).RoundDown(8).StringFixed(8))
	p.text("commission", asset.Decimal(state.Commission).RoundUp(8).StringFixed(8))
}

// exchangeRate returns what one unit of the payer's currency costs in the invoice's.
func exchangeRate(inv invoice.Invoice) decimal.Decimal {
	if q := inv.Quote; inv.Price.Currency != q.Asset.Code {
		return q.Rate.Value
	}
	return decimal.NewFromInt(1) // the price is in the asset itself
}

// tells reports whether a webhook is sent for an event: if it changes the API's status to one that the published documents
// list.
func tells(ev invoice.Event, inv invoice.Invoice, status status) bool {
	settled := ev.To == invoice.StatusCompleted && inv.State.Status == invoice.StatusCompleted
	switch ev.Type {
	case invoice.EventPending, invoice.EventPaidPartial, invoice.EventCompleted, invoice.EventExpired, invoice.EventCancelled,
		invoice.EventClosed, invoice.EventConfirmed, invoice.EventReverted, invoice.EventRestored:
		return status != statusCheck && status != statusProcess && status != statusWrongAmountWaiting
	case invoice.EventPaymentReceived:
		return settled && status == statusPaidOver
	case invoice.EventPaymentLost, invoice.EventRevalued: // of an excess; EventReverted reports the rest
		return settled && status != statusFail
	case invoice.EventCreated, invoice.EventAssetChosen, invoice.EventReopened, invoice.EventArchived, invoice.EventDeposit:
	}
	return false
}

// deposit returns the body of the webhook for a deposit to a static wallet.
func (f *Format) deposit(ev invoice.Event, inv invoice.Invoice) ([]byte, bool) {
	status := statusPaid
	switch ev.Type {
	case invoice.EventDeposit:
	case invoice.EventPaymentLost:
		status = statusFail
	default:
		return nil, false
	}
	p, found := eventPayment(ev, inv)
	if !found || p.Dust || p.Asset != inv.Quote.Asset.ID || afterBlock(inv, p) {
		return nil, false
	}
	asset, named := inv.Quote.Asset, f.named(inv.Quote.Asset)
	amount := asset.Decimal(p.Units).RoundDown(8).StringFixed(8)
	var out phpObject
	out.text("type", "wallet")
	out.text("uuid", depositID(p))
	out.text("order_id", inv.OrderID)
	out.text("amount", amount)
	out.text("payment_amount", amount)
	out.null("payment_amount_usd")
	out.text("merchant_amount", amount)
	out.text("commission", decimal.Zero.StringFixed(8))
	out.flag("is_final", true)
	out.text("status", string(status))
	out.orNull("from", string(p.From))
	out.text("wallet_address_uuid", inv.ID)
	out.text("network", named.Network)
	out.text("currency", named.Code)
	out.text("payer_currency", named.Code)
	out.text("payer_amount", amount)
	out.text("payer_amount_exchange_rate", "1")
	out.null("transfer_id")
	out.orNull("additional_data", inv.Data["additional_data"])
	out.text("txid", p.Key.TxID)
	return out.end(), true
}

// eventPayment returns the payment of an event.
func eventPayment(ev invoice.Event, inv invoice.Invoice) (invoice.Payment, bool) {
	var body invoice.Payload
	if err := json.Unmarshal(ev.Body, &body); err != nil || body.Data.Payment == nil {
		return invoice.Payment{}, false
	}
	told := body.Data.Payment
	for _, p := range inv.Payments {
		if p.Key.TxID == told.TxID && p.Key.Index == told.Index && p.Asset == told.Asset {
			return p, true
		}
	}
	return invoice.Payment{}, false
}

// afterBlock reports whether a deposit was first seen after its wallet was blocked.
func afterBlock(inv invoice.Invoice, p invoice.Payment) bool {
	if inv.State.Status != invoice.StatusCancelled && inv.State.Status != invoice.StatusArchived {
		return false
	}
	for _, a := range slices.Backward(inv.Actions) {
		if a.Kind == invoice.ActionCancel {
			return p.FirstSeen.After(a.At)
		}
	}
	return true
}

// depositID returns the UUID of a deposit. It is unique and always the same.
func depositID(p invoice.Payment) string {
	return derivedID("deposit", p.Invoice, string(p.Key.Network), p.Key.TxID, p.Key.Index)
}

// derivedID returns the UUID (version 8 of RFC 9562) that belongs to texts.
func derivedID(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\n")))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// named returns an asset with its names on the wire.
func (f *Format) named(asset chain.Asset) Currency {
	for _, c := range f.currencies {
		if c.Asset.ID == asset.ID {
			return c
		}
	}
	return NewCurrency(asset)
}

// code returns the name on the wire of the currency of a price. A fiat code is its own name.
func (f *Format) code(currency string) string {
	for _, c := range f.currencies {
		if c.Asset.Code == currency {
			return c.Code
		}
	}
	code, _, _ := strings.Cut(currency, "_")
	return code
}
