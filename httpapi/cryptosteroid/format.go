package cryptosteroid

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"slices"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/webhook"
)

// FormatName is the name of [Format], and the Format of the invoices of this API.
const FormatName = "cryptosteroid"

// Format is the format of the API's webhooks, "cryptosteroid". The Service's Notifier and Config.Format must have the same
// Format, so that webhooks and responses show invoices alike. Its methods may be called concurrently.
//
// An invoice is reported once, when it is paid, as its merchant sees it. A deposit to an address is reported when it is seen
// and when it has enough confirmations; deposits in assets that are not a method are not reported. The header Token contains
// the secret that the invoice was created with. Unless the response has the status 200, a webhook is retried, with up to ten
// attempts over a day.
type Format struct{ view View }

var (
	_ webhook.Ruled     = (*Format)(nil)
	_ webhook.Secretive = (*Format)(nil)
)

// NewFormat returns a Format that shows invoices by the view. [New] refuses a view that cannot be served.
func NewFormat(view View) *Format {
	view.Methods = slices.Clone(view.Methods)
	return &Format{view}
}

// Name implements [webhook.Format].
func (*Format) Name() string { return FormatName }

// Body implements [webhook.Format].
func (f *Format) Body(ev invoice.Event, inv invoice.Invoice) ([]byte, bool) {
	switch {
	case inv.Terms.Standing && (ev.Type == invoice.EventPaymentReceived || ev.Type == invoice.EventDeposit):
		deposit, known := f.deposit(ev, inv)
		return compact(deposit, known)
	case !inv.Terms.Standing && ev.Type == invoice.EventCompleted:
		return compact(f.view.invoice(inv, ev.At), true)
	}
	return nil, false
}

// deposit returns the deposit of an event.
func (f *Format) deposit(ev invoice.Event, inv invoice.Invoice) (transaction, bool) {
	var body struct {
		Data struct {
			Payment *invoice.PayloadPayment `json:"payment"`
		} `json:"data"`
	}
	if err := json.Unmarshal(ev.Body, &body); err != nil || body.Data.Payment == nil {
		return transaction{}, false
	}
	p := *body.Data.Payment
	m, known := f.view.method(p.Asset)
	units, whole := new(big.Int).SetString(p.Units, 10)
	if !known || !whole || inv.Quote == nil {
		return transaction{}, false
	}
	out := transaction{
		ID: p.TxID, MerchantID: inv.Project, AddressID: inv.ID, Label: inv.Name, Identify: extraOf(inv).Identify,
		Address: string(inv.Quote.Address), Hash: p.TxID, Amount: m.Asset.Decimal(units).String(),
		Finished: ev.Type == invoice.EventDeposit, CreatedAt: isoTime(p.FirstSeen),
	}
	if p.Index != "" {
		out.ID += ":" + p.Index
	}
	out.Currency, out.Network = m.Currency()
	return out, true
}

// compact encodes JSON as browsers do.
func compact(value any, tell bool) ([]byte, bool) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if !tell || enc.Encode(value) != nil {
		return nil, false
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), true
}

// Secret implements [webhook.Secretive]. It returns the value of the header Token.
func (*Format) Secret(inv invoice.Invoice) string { return inv.Data[dataSecret] }

// Rules implements [webhook.Ruled].
func (*Format) Rules() webhook.Rules {
	return webhook.Rules{
		Taken: func(status int) bool { return status == http.StatusOK },
		Schedule: []time.Duration{
			15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
			time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
		},
		Sign: func(m invoice.Message, _ string) ([]byte, http.Header, error) {
			if m.Secret == "" {
				return nil, nil, errNoToken
			}
			return m.Body, http.Header{"Token": {m.Secret}}, nil
		},
	}
}

// errNoToken refuses to send a message without a Token, which the receiver could not distinguish from a forged one.
var errNoToken = errors.New("the invoice has no secret for the header Token")
