package itispay

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/big"
	"slices"
	"time"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/webhook"
	"github.com/shopspring/decimal"
)

// FormatName is the name of [Format], and the Format of the invoices of this API.
const FormatName = "itispay"

// Format is the format of the API's callbacks, "itispay". A callback is sent for every change of status after the creation.
// The Service's Notifier and Config.Format must have the same Format, so that callbacks and responses name assets alike. Its
// methods may be called concurrently.
//
// Payouts have callbacks with the members of the response of POST /payouts; see [Format.PayoutBody].
//
// Amounts of invoices are JSON numbers, exact and without an exponent. The one in base units is an integer, and is omitted if it exceeds
// 64 bits, because receivers could not decode it. The amounts paid are the value, in the invoice's currency, of all that the
// chain now has for the invoice. While no asset is chosen, the crypto amounts are 0, the currency is empty, and the fiat
// amounts are those of the price.
type Format struct{ currencies []Currency }

var (
	_ webhook.Format       = (*Format)(nil)
	_ webhook.PayoutFormat = (*Format)(nil)
)

// NewFormat returns a Format with the currencies that can be paid in, and their names. Without arguments these are all
// assets of the Service, named by their codes. [New] refuses currencies that cannot be served.
func NewFormat(currencies ...Currency) *Format { return &Format{slices.Clone(currencies)} }

// Name implements [webhook.Format].
func (*Format) Name() string { return FormatName }

// code returns the code on the wire of an asset.
func (f *Format) code(asset chain.Asset) string {
	for _, c := range f.currencies {
		if named := cmp.Or(c.Asset, c.Code); named == asset.Code || named == string(asset.ID) {
			return c.Code
		}
	}
	return asset.Code
}

type callbackBody struct {
	InvoiceID    string      `json:"invoice_id"`
	Status       string      `json:"status"`
	OrderID      string      `json:"order_id"`
	Currency     string      `json:"currency"`
	CryptoAmount json.Number `json:"crypto_amount"`
	FiatAmount   json.Number `json:"fiat_amount"`
	FiatCurrency string      `json:"fiat_currency"`
	Paid         json.Number `json:"actual_crypto_amount_paid"`
	PaidUnits    *int64      `json:"actual_crypto_amount_paid_in_units,omitempty"`
	UpdatedAt    string      `json:"updated_at"`
}

// Body implements [webhook.Format].
func (f *Format) Body(ev invoice.Event, inv invoice.Invoice) ([]byte, bool) {
	if ev.Type == invoice.EventCreated || ev.From == ev.To {
		return nil, false
	}
	out := callbackBody{
		InvoiceID: inv.ID, Status: string(ev.To), OrderID: inv.OrderID, CryptoAmount: "0",
		FiatAmount: number(inv.Price.Amount), FiatCurrency: inv.Price.Currency,
		Paid: "0", PaidUnits: new(int64), UpdatedAt: inv.UpdatedAt.UTC().Format(time.RFC3339),
	}
	if q := inv.Quote; q != nil {
		received := inv.State.Received
		if received == nil {
			received = new(big.Int)
		}
		out.Currency, out.CryptoAmount = f.code(q.Asset), number(q.Asset.Decimal(q.Due))
		out.FiatAmount, out.FiatCurrency = number(q.Fiat.Amount), q.Fiat.Currency
		out.Paid, out.PaidUnits = number(q.Asset.Decimal(received)), nil
		if received.IsInt64() {
			out.PaidUnits = new(received.Int64())
		}
	}
	return encoded(out)
}

// PayoutBody implements [webhook.PayoutFormat]: a callback is sent for every change of the status on the wire after the
// creation. It is the response of POST /payouts as it would be now.
func (f *Format) PayoutBody(ev invoice.Event, data map[string]string) ([]byte, bool) {
	var told payout.Payload
	if json.Unmarshal(ev.Body, &told) != nil || told.Data.From == "" || payoutStatusOf(told.Data.From) == payoutStatusOf(told.Data.To) {
		return nil, false
	}
	if told.Type != invoice.EventType("payout."+told.Data.To) { // an alarm, beside the event of the change
		return nil, false
	}
	p := told.Data.Payout
	return encoded(f.payout(sent{p.ID, told.Data.To, p.Asset, p.Amount, p.To, p.TxID, p.CreatedAt, p.UpdatedAt}, detailsOf(data)))
}

// encoded returns a body of a callback.
func encoded(v any) ([]byte, bool) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, false // cannot happen: the structs have only strings, objects that were decoded, and numbers from decimals
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), true
}

// number returns a decimal as a JSON number; String never uses an exponent.
func number(d decimal.Decimal) json.Number { return json.Number(d.String()) }
